//! What a stanza says about how things are made and unmade, or which events a handler is told of.

use std::collections::BTreeMap;

use groundcrew_core::duration::Millis;
use groundcrew_core::kind;
use groundcrew_core::manifest::Manifest;
use groundcrew_core::may_delete::{OnGone, Window};
use groundcrew_core::settle::{Adopt, Drift};
use toml::Spanned;

use super::{timing, words};
use crate::config::audit::Timing;
use crate::config::defaults;
use crate::config::hook::{Grace, Provisioner, Work};
use crate::config::problem::{Problem, ProblemKind, Quote};
use crate::config::read::{Section, Written};

/// Keys that only a provisioner's stanza has.
pub(super) const PROVISIONER_KEYS: [&str; 9] =
    ["gone", "gone_adopted", "grace", "adopt", "drift", "drift_every", "reads", "settle", "teardown_wait"];

/// Keys that only a handler's stanza has.
pub(super) fn handler_keys() -> impl Iterator<Item = &'static str> {
    ["on", "cron"].into_iter().chain(timing::KEYS)
}

/// Listings of everything follow each other no faster.
const DRIFT_LEAST: Millis = Millis::seconds(10);

/// Reads the work of a stanza; the keys of the other kind are problems.
pub(super) fn work(
    section: &Section<'_>,
    manifest: &Manifest,
    reads: &[Spanned<&str>],
    deletes: Option<Window>,
) -> Option<Work> {
    if manifest.is_auditor() {
        for key in PROVISIONER_KEYS.into_iter().chain(handler_keys()) {
            wrong_kind(section, key, manifest, "it is an auditor: it looks when an [audit] asks it");
        }
        return Some(Work::Auditor);
    }
    if manifest.kind.is_empty() {
        for key in PROVISIONER_KEYS {
            wrong_kind(section, key, manifest, "it is a handler, and makes no things");
        }
        let ticks = ticks(section);
        return Some(Work::Handler { on: events(section, manifest)?, ticks });
    }
    for key in handler_keys() {
        wrong_kind(section, key, manifest, "it is a provisioner: it is owed a look, not events");
    }
    provisioner(section, manifest, reads, deletes).map(Work::Provisioner)
}

fn wrong_kind(section: &Section<'_>, key: &str, manifest: &Manifest, why: &str) {
    let Some(at) = section.misplaced(key) else { return };
    let message = format!("`{key}` means nothing to the hook `{}`", manifest.name);
    section.problem(
        Problem::new(ProblemKind::WrongKind, at, message).label(why).help(format!("remove `{key}`")),
    );
}

/// When a handler is told that it is time.
fn ticks(section: &Section<'_>) -> Option<Timing> {
    if section.has("cron") {
        return timing::timing(section, "hook.NAME");
    }
    for key in timing::KEYS {
        let Some(at) = section.misplaced(key) else { continue };
        let problem =
            Problem::new(ProblemKind::MissingKey, at, format!("`{key}` means nothing without `cron`"));
        section.problem(problem.label("of which schedule?").help("add: cron = \"0 3 * * *\""));
    }
    None
}

fn events(section: &Section<'_>, manifest: &Manifest) -> Option<Vec<String>> {
    if !section.has("on") {
        if manifest.on.is_empty() && section.has("cron") {
            // It is told of ticks alone.
            return Some(Vec::new());
        }
        if manifest.on.is_empty() {
            section.lacks(ProblemKind::MissingKey, "on", "on = [\"app.*\", \"machine.*\"]");
            return None;
        }
        return Some(manifest.on.clone());
    }
    let patterns = section.texts("on");
    for pattern in &patterns {
        let text = *pattern.get_ref();
        let body = text.strip_suffix('*').unwrap_or(text);
        let legal = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_' | '/' | ':');
        if text.is_empty() || !body.chars().all(legal) {
            let problem = Problem::new(
                ProblemKind::BadEvent,
                pattern.span(),
                format!("`{text}` can match no event's kind"),
            );
            let problem = problem.label("cannot be a pattern");
            section.problem(problem.help("write a kind, or its beginning and `*`, such as \"machine.*\""));
        } else if kind::is_vain(text) {
            let message = format!("no event is ever `{text}`");
            let problem = Problem::new(ProblemKind::BadEvent, pattern.span(), message);
            let problem = problem.label("only the runner could tell this, and does not");
            section.problem(problem.help(format!("it tells {}", kind::OWN.join(", "))));
        }
    }
    Some(patterns.iter().map(|pattern| (*pattern.get_ref()).to_owned()).collect())
}

fn provisioner(
    section: &Section<'_>,
    manifest: &Manifest,
    reads: &[Spanned<&str>],
    deletes: Option<Window>,
) -> Option<Provisioner> {
    let gone_words = words(OnGone::ALL, OnGone::as_str);
    if !section.has("gone") {
        section.lacks(
            ProblemKind::MissingGone,
            "gone",
            "gone = \"retain\"    # what becomes of things whose owner is gone: delete | retain | report",
        );
    }
    let gone = section.choice("gone", &gone_words);
    let gone_adopted = section.choice_or_default("gone_adopted", &gone_words);
    let adopt = section.choice_or_default::<AdoptWord>("adopt", &["never", "marked", "exact"]).0;
    let drift = section.choice_or_default::<DriftWord>("drift", &["repair", "report", "accept"]).0;
    let drift_every = section.has("drift_every").then(|| drift_every(section)).flatten();
    let grace = grace(section, manifest);
    let settle = settle(section, manifest);
    let teardown_wait = section.duration("teardown_wait");
    let reads = reads.iter().map(|hook| (*hook.get_ref()).to_owned()).collect();
    let deletes = deletes.unwrap_or(Window::DEFAULT);
    Some(Provisioner {
        gone: gone?,
        gone_adopted,
        grace: grace?,
        adopt,
        drift,
        drift_every,
        reads,
        deletes,
        settle,
        teardown_wait,
    })
}

fn drift_every(section: &Section<'_>) -> Option<Millis> {
    let every = section.parsed::<Millis>("drift_every", ProblemKind::BadDuration)?;
    if *every.get_ref() < DRIFT_LEAST {
        let message = format!("`drift_every` must be at least {DRIFT_LEAST}");
        let problem = Problem::new(ProblemKind::BadDuration, every.span(), message);
        section.problem(problem.label("too often").help("each look lists everything at the target"));
        return None;
    }
    Some(every.into_inner())
}

fn grace(section: &Section<'_>, manifest: &Manifest) -> Option<Grace> {
    let data: Vec<_> =
        manifest.kind.iter().filter(|(_, kind)| kind.data).map(|(name, _)| name.as_str()).collect();
    let written = section.section("grace");
    let clock =
        |key: &str| written.as_ref().and_then(|grace| grace.parsed::<Span>(key, ProblemKind::BadDuration));
    let (gone, unwanted) = (clock("gone"), clock("unwanted"));
    let gone_said = written.as_ref().is_some_and(|grace| grace.has("gone"));
    if let Some(grace) = &written {
        grace.end();
    }
    if !data.is_empty() && !gone_said {
        let message =
            format!("{} lacks `grace.gone`, and its things hold data: {}", section.what, data.join(", "));
        let problem = Problem::new(ProblemKind::DataNeedsGrace, section.at.clone(), message).label("here");
        section.problem(problem.help("add: grace = { gone = \"30d\", unwanted = \"never\" }"));
        return None;
    }
    let default = |key: &str| {
        if data.is_empty() { defaults::of::<Span>(&format!("hook.NAME.grace.{key}")) } else { Span(None) }
    };
    let or_default =
        |clock: Option<Spanned<Span>>, key| clock.map_or_else(|| default(key), Spanned::into_inner).0;
    Some(Grace { gone: or_default(gone, "gone"), unwanted: or_default(unwanted, "unwanted") })
}

/// `settle`, one length for all kinds of things or one for each; never shorter than the manifest's.
fn settle(section: &Section<'_>, manifest: &Manifest) -> BTreeMap<String, Millis> {
    let mut settle: BTreeMap<_, _> =
        manifest.kind.iter().map(|(name, kind)| (name.clone(), kind.settle)).collect();
    let Some(value) = section.raw("settle") else { return settle };
    if !value.get_ref().is_table() {
        let longest =
            settle.iter().max_by_key(|(_, length)| **length).map(|(name, length)| (name.clone(), *length));
        let raised = longest.and_then(|(name, length)| raised(section, value, &name, length));
        return settle.into_iter().map(|(name, length)| (name, raised.unwrap_or(length))).collect();
    }
    let Some(table) = section.section("settle") else { return settle };
    let entries: Vec<_> = table.entries().collect();
    for (name, value) in entries {
        match settle.get_mut(*name.get_ref()) {
            Some(length) => *length = raised(&table, value, name.get_ref(), *length).unwrap_or(*length),
            None => unknown_thing(&table, &name, manifest),
        }
    }
    settle
}

fn unknown_thing(section: &Section<'_>, name: &Spanned<&str>, manifest: &Manifest) {
    let text = *name.get_ref();
    let message = format!("the hook `{}` makes no things of kind `{text}`", manifest.name);
    let problem = Problem::new(ProblemKind::UnknownThing, name.span(), message).label("not in the manifest");
    section.problem(problem.meant(text, manifest.kind.keys().map(String::as_str), name.span(), Quote::Bare));
}

/// What `settle` is raised to; tells if it is no length of time or shorter than what the kind needs.
fn raised(section: &Section<'_>, value: Written<'_>, kind: &str, needed: Millis) -> Option<Millis> {
    let text = section.text_of("`settle`", value)?;
    let problem = match text.get_ref().parse::<Millis>() {
        Ok(raised) if raised >= needed => return Some(raised),
        Ok(lower) => {
            let message = format!("`settle` of {lower} is shorter than what the API of `{kind}` needs");
            let problem = Problem::new(ProblemKind::SettleLowered, text.span(), message);
            problem.label(format!("the manifest says {needed}")).help("raise it, or leave it out")
        }
        Err(error) => Problem::new(ProblemKind::BadDuration, text.span(), format!("`settle`: {error}"))
            .label("cannot be read"),
    };
    section.problem(problem);
    None
}

/// A length of time, or `never`.
#[derive(Clone, Copy, Debug)]
struct Span(Option<Millis>);

impl std::str::FromStr for Span {
    type Err = groundcrew_core::duration::ParseError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text == "never" { Ok(Self(None)) } else { text.parse().map(|length| Self(Some(length))) }
    }
}

/// The words of [`Adopt`].
struct AdoptWord(Adopt);

impl std::str::FromStr for AdoptWord {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        match text {
            "never" => Ok(Self(Adopt::Never)),
            "marked" => Ok(Self(Adopt::Marked)),
            "exact" => Ok(Self(Adopt::Exact)),
            _ => Err(()),
        }
    }
}

/// The words of [`Drift`].
struct DriftWord(Drift);

impl std::str::FromStr for DriftWord {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        match text {
            "repair" => Ok(Self(Drift::Repair)),
            "report" => Ok(Self(Drift::Report)),
            "accept" => Ok(Self(Drift::Accept)),
            _ => Err(()),
        }
    }
}
