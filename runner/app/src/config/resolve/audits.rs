//! Tables `[audit.NAME]`.

use std::collections::{BTreeMap, BTreeSet};
use std::str::FromStr;

use groundcrew_core::duration::Millis;
use groundcrew_core::schedule::{Missed, Overlap, Schedule, ScheduleError};
use groundcrew_core::time::Timestamp;
use toml::Spanned;

use super::{Stanza, legal_name, not_yet, words};
use crate::config::audit::Audit;
use crate::config::defaults;
use crate::config::problem::{Problem, ProblemKind, Problems, Quote};
use crate::config::read::Section;

pub(super) fn audits(
    root: &Section<'_>,
    stanzas: &[Stanza<'_>],
    problems: &Problems,
) -> BTreeMap<String, Audit> {
    let mut audits = BTreeMap::new();
    let mut named = BTreeSet::new();
    for (name, section) in root.named("audit") {
        let fits = legal_name(&section, name);
        let hooks = hooks(&section, stanzas);
        named.extend(hooks.iter().cloned());
        let schedule = schedule(&section);
        let jitter = jitter(&section, schedule.as_ref());
        let overlap = section.choice_or_default::<Overlap>("overlap", &words(Overlap::ALL, Overlap::as_str));
        let missed = missed(&section);
        remedy(&section);
        section.end();
        if let Some(schedule) = schedule.filter(|_| fits) {
            let name = name.to_owned();
            audits.insert(name.clone(), Audit { name, hooks, schedule, jitter, overlap, missed });
        }
    }
    for stanza in stanzas.iter().filter(|stanza| stanza.is_auditor() && !named.contains(stanza.name)) {
        let message = format!("no [audit] names the auditor `{}`, so it never looks", stanza.name);
        let problem =
            Problem::new(ProblemKind::NeverAudited, stanza.at.clone(), message).label("never asked");
        let lines = format!("[audit.nightly]\nhooks = [\"{}\"]\ncron  = \"0 3 * * *\"", stanza.name);
        problems.add(problem.help(format!("add:\n{lines}")));
    }
    audits
}

fn hooks(section: &Section<'_>, stanzas: &[Stanza<'_>]) -> Vec<String> {
    if !section.has("hooks") {
        section.lacks(ProblemKind::MissingKey, "hooks", "hooks = [\"orphans\"]");
    }
    let mut hooks = Vec::new();
    for name in section.texts("hooks") {
        let text = *name.get_ref();
        let Some(stanza) = stanzas.iter().find(|stanza| stanza.name == text) else {
            let problem = Problem::new(ProblemKind::UnknownHook, name.span(), format!("no hook `{text}`"));
            let auditors = stanzas.iter().filter(|stanza| stanza.is_auditor()).map(|stanza| stanza.name);
            section.problem(problem.label("not defined").meant(text, auditors, name.span(), Quote::Text));
            continue;
        };
        if stanza.is_provisioner() {
            let help = "take it out; its rows are looked at by its own lanes";
            section.problem(not_yet(name.span(), "audits of a provisioner's inventory", help));
        } else if stanza.manifest.is_some() && !stanza.is_auditor() {
            let message = format!("the hook `{text}` is a handler: it is told events, and reports nothing");
            let problem = Problem::new(ProblemKind::WrongKind, name.span(), message).label("no auditor");
            section.problem(problem.help("name hooks whose manifest `reports` something"));
        } else if hooks.iter().any(|known| known == text) {
            let problem =
                Problem::new(ProblemKind::DuplicateName, name.span(), format!("`{text}` is there twice"));
            section.problem(problem.label("the second one").help("remove one of them"));
        } else {
            hooks.push(text.to_owned());
        }
    }
    hooks
}

fn schedule(section: &Section<'_>) -> Option<Schedule> {
    let cron = section.required_text("cron", "cron = \"0 3 * * *\"");
    let zone = section.text("timezone");
    let zone_name =
        zone.as_ref().map_or_else(|| defaults::text("audit.NAME.timezone"), |zone| zone.get_ref());
    let cron = cron?;
    let refused = |at: Spanned<&str>, error: String, help: &str| {
        let problem = Problem::new(ProblemKind::BadSchedule, at.span(), error);
        section.problem(problem.label("cannot be read").help(help));
    };
    match Schedule::parse(cron.get_ref(), zone_name) {
        Ok(schedule) => Some(schedule),
        Err(ScheduleError::Zone(error)) => {
            refused(zone.unwrap_or(cron), error.to_string(), "timezone = \"Europe/Zurich\"");
            None
        }
        Err(ScheduleError::Parse(error)) => {
            refused(cron, error.to_string(), "such as \"0 3 * * *\": every day at three");
            None
        }
    }
}

/// Gaps are looked for from here on: a year with a leap day.
const SOME_DAY: Timestamp = Timestamp::from_millis(1_700_000_000_000);

fn jitter(section: &Section<'_>, schedule: Option<&Schedule>) -> Millis {
    let jitter: Millis = section.setting("jitter", ProblemKind::BadDuration);
    if let (Some(schedule), Some(text)) = (schedule, section.text("jitter")) {
        let gap = schedule.gap(SOME_DAY);
        if jitter >= gap {
            let message = format!("`jitter` of {jitter} is not shorter than the {gap} between two ticks");
            let problem = Problem::new(ProblemKind::BadDuration, text.span(), message);
            section.problem(problem.label("too long").help("a tick would be overtaken by the next"));
        }
    }
    jitter
}

fn missed(section: &Section<'_>) -> Missed {
    let default = || defaults::of::<MissedWord>("audit.NAME.missed").0;
    let Some(value) = section.raw("missed") else { return default() };
    if !value.get_ref().is_table() {
        return section
            .choose::<MissedWord>("`missed`", value, &["skip"])
            .map_or_else(default, |word| word.0);
    }
    let Some(table) = section.section("missed") else { return default() };
    table.choice::<MissedWord>("run", &["once"]);
    for (key, example) in [("run", "run = \"once\""), ("within", "within = \"6h\"")] {
        if !table.has(key) {
            table.lacks(ProblemKind::MissingKey, key, example);
        }
    }
    let within = table.parsed::<Millis>("within", ProblemKind::BadDuration).map(Spanned::into_inner);
    table.end();
    within.map_or_else(default, Missed::Once)
}

/// The words of [`Missed`] that need no more than themselves.
#[derive(Debug)]
struct MissedWord(Missed);

impl FromStr for MissedWord {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        match text {
            "skip" => Ok(Self(Missed::Skip)),
            // Of the table: how long it is made up for stands beside it.
            "once" => Ok(Self(Missed::Once(Millis::ZERO))),
            _ => Err(()),
        }
    }
}

fn remedy(section: &Section<'_>) {
    let Some(text) = section.text("remedy").filter(|text| *text.get_ref() == "enforce") else {
        section.choice_or_default::<Report>("remedy", &["report"]);
        return;
    };
    section.problem(not_yet(
        text.span(),
        "remedies",
        "write remedy = \"report\": findings are told, nothing is mended",
    ));
}

/// The word `report`.
#[derive(Debug)]
struct Report;

impl FromStr for Report {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        if text == "report" { Ok(Self) } else { Err(()) }
    }
}
