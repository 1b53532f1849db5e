//! Stanzas `[hook.NAME]`.

use std::collections::BTreeMap;
use std::fs;

use groundcrew_core::egress::Grant;
use groundcrew_core::manifest::Manifest;
use groundcrew_core::may_delete::{Level, Window};
use groundcrew_core::subject::SubjectKind;
use serde_json::{Map, Value};
use toml::Spanned;

use super::candidate;
use super::sealed;
use super::secret::{self, Granted};
use super::{Names, Source, legal_name, not_yet, path, policy, words};
use crate::config::NoManifest;
use crate::config::check::schema;
use crate::config::defaults;
use crate::config::hook::{Component, Hook, Work};
use crate::config::problem::{Problem, ProblemKind, Quote, Span};
use crate::config::read::{Section, Written};
use crate::config::settings::{Rate, Scope};
use crate::config::words::{OWNER, fill_fly_api, grant_words};

/// A stanza with the places that checks across stanzas point at; `hook` is none if it has errors of its own.
pub(in crate::config) struct Stanza<'a> {
    pub(in crate::config) name: &'a str,
    pub(in crate::config) at: Span,
    pub(in crate::config) reads: Vec<Spanned<&'a str>>,
    pub(in crate::config) config_written: Option<Written<'a>>,
    pub(in crate::config) allow: Vec<Spanned<Grant>>,
    pub(in crate::config) secrets: BTreeMap<String, Granted>,
    pub(in crate::config) sealed: BTreeMap<String, sealed::Line>,
    pub(in crate::config) config: Fitting,
    pub(in crate::config) manifest: Option<Manifest>,
    /// Where its candidate is named.
    pub(in crate::config) candidate_at: Option<Span>,
    pub(in crate::config) hook: Option<Hook>,
}

pub(super) fn stanzas<'a>(root: &Section<'a>, source: &Source<'_>, names: &Names<'_>) -> Vec<Stanza<'a>> {
    root.named("hook").iter().map(|(name, section)| stanza(name, section, source, names)).collect()
}

fn stanza<'a>(name: &'a str, section: &Section<'a>, source: &Source<'_>, names: &Names<'_>) -> Stanza<'a> {
    let fits = legal_name(section, name);
    let used = used(section, source);
    let stanza = described(name, section, names, used);
    let candidate_at = section.raw("candidate").map(Spanned::span);
    let candidate = candidate::of(section, source, names, stanza.hook.as_ref());
    section.end();
    let hook = stanza.hook.filter(|_| fits).map(|hook| Hook { candidate, ..hook });
    Stanza { candidate_at, hook, ..stanza }
}

/// A stanza around the component that it is about, and that one's manifest.
pub(super) fn described<'a>(
    name: &'a str,
    section: &Section<'a>,
    names: &Names<'_>,
    used: Option<(Component, Option<Manifest>)>,
) -> Stanza<'a> {
    let scope = scope(section, names);
    let config_written = config_written(section);
    let manifest = used.as_ref().and_then(|used| used.1.clone());
    let config = config(section, config_written, manifest.as_ref(), &names.fly_api);
    let level = section.choice_or_default("level", &words(Level::ALL, Level::as_str));
    let reads = section.texts("reads");
    let allow = allow(section);
    let secrets = secret::secrets(section, names, &config.value);
    let sealed = sealed::sealed(section, names, &config.value, &reads);
    let limits = limits(section, manifest.as_ref());
    let work = work(section, manifest.as_ref(), &reads, limits.deletes);
    let parts = used.zip(manifest.clone()).zip(work);
    let hook = parts.map(|(((component, _), manifest), work)| Hook {
        name: name.to_owned(),
        component,
        target: manifest.target(&config.value),
        manifest,
        scope,
        config: config.value.clone(),
        level,
        allow: allow.iter().map(|grant| grant.get_ref().clone()).collect(),
        words: grant_words(&config.value, &names.fly_api),
        secrets: secrets
            .iter()
            .filter_map(|(name, granted)| Some((name.clone(), granted.grant.clone()?)))
            .collect(),
        sealed: sealed
            .iter()
            .filter_map(|(name, granted)| Some((name.clone(), granted.grant.clone()?)))
            .collect(),
        parallel: limits.parallel,
        rate: limits.rate,
        work,
        candidate: None,
        stanza: section.json(),
    });
    Stanza {
        name,
        at: section.at.clone(),
        reads,
        config_written,
        allow,
        secrets,
        sealed,
        config,
        manifest,
        candidate_at: None,
        hook,
    }
}

fn config_written<'a>(section: &Section<'a>) -> Option<Written<'a>> {
    let value = section.raw("config")?;
    if !value.get_ref().is_table() {
        section.wrong_type("`config`", value, "a table");
        return None;
    }
    Some(value)
}

fn work(
    section: &Section<'_>,
    manifest: Option<&Manifest>,
    reads: &[Spanned<&str>],
    deletes: Option<Window>,
) -> Option<Work> {
    if manifest.is_none() {
        // What it does is not known, so neither is which keys belong to it.
        for key in policy::PROVISIONER_KEYS.into_iter().chain(policy::handler_keys()) {
            section.misplaced(key);
        }
    }
    policy::work(section, manifest?, reads, deletes)
}

/// What the stanza uses, and its manifest if there is one; tells if not.
fn used(section: &Section<'_>, source: &Source<'_>) -> Option<(Component, Option<Manifest>)> {
    let file = section.text("manifest");
    let text = section.required_text("use", "use = \"builtin:dns\"")?;
    let component = named(section, source, "use", &text)?;
    let brought = file.as_ref().map(|file| manifest_file(section, source, file));
    let refused = |error| match error {
        // That the manifest it brings is none is told already.
        NoManifest::Absent if file.is_some() => {}
        error => no_manifest(section, &text, error),
    };
    let found = (source.manifests)(&component, brought.as_ref().and_then(Option::as_ref)).map_err(refused);
    // Also of a component that cannot be used: what else is wrong with the stanza, its own manifest tells.
    let manifest = match brought {
        Some(brought) => brought.map(|brought| found.unwrap_or(brought)),
        None => found.ok(),
    };
    Some((component, manifest))
}

/// The component that a key names; tells if it can be none.
pub(super) fn named(
    section: &Section<'_>,
    source: &Source<'_>,
    key: &str,
    text: &Spanned<&str>,
) -> Option<Component> {
    let uses = *text.get_ref();
    if let Some(name) = uses.strip_prefix("builtin:") {
        return Some(Component::Builtin(name.to_owned()));
    }
    if uses.contains("@sha256:") || uses.contains("://") {
        let help = format!("fetch the component yourself and name its file: {key} = \"hooks/thing.wasm\"");
        section.problem(not_yet(text.span(), "hooks from registries", &help));
        return None;
    }
    Some(Component::File(path(source.dir, uses)))
}

pub(super) fn manifest_file(
    section: &Section<'_>,
    source: &Source<'_>,
    file: &Spanned<&str>,
) -> Option<Manifest> {
    let at = path(source.dir, file.get_ref());
    let text = fs::read_to_string(&at).map_err(|error| {
        let message = format!("cannot read the manifest `{}`: {error}", file.get_ref());
        section.problem(Problem::new(ProblemKind::NoManifest, file.span(), message).label("this file"));
    });
    let parsed = Manifest::parse(&text.ok()?).map_err(|error| {
        let mut lines = error.to_string().lines().map(str::to_owned).collect::<Vec<_>>();
        let first = if lines.is_empty() { String::new() } else { lines.remove(0) };
        let problem =
            Problem::new(ProblemKind::BadManifest, file.span(), format!("`{}`: {first}", file.get_ref()));
        let problem = problem.label("refused");
        section.problem(if lines.is_empty() { problem } else { problem.help(lines.join("\n")) });
    });
    parsed.ok()
}

pub(super) fn no_manifest(section: &Section<'_>, used: &Spanned<&str>, error: NoManifest) {
    let name = *used.get_ref();
    let problem = match error {
        NoManifest::UnknownBuiltin { known } => {
            let problem =
                Problem::new(ProblemKind::UnknownBuiltin, used.span(), format!("there is no `{name}`"));
            let known: Vec<_> = known.iter().map(|known| format!("builtin:{known}")).collect();
            let problem = problem.label("not in this binary");
            problem.meant(name, known.iter().map(String::as_str), used.span(), Quote::Text)
        }
        NoManifest::Absent => {
            let message = format!("the component `{name}` carries no manifest");
            let problem = Problem::new(ProblemKind::NoManifest, used.span(), message)
                .label("stripped, or built elsewhere");
            problem.help("name its manifest's file: manifest = \"hook.toml\"")
        }
        NoManifest::Refused(why) => {
            Problem::new(ProblemKind::NoManifest, used.span(), format!("cannot use `{name}`: {why}"))
                .label("this component")
        }
    };
    section.problem(problem);
}

fn scope(section: &Section<'_>, names: &Names<'_>) -> Option<Scope> {
    let name = section.text("scope")?;
    let text = *name.get_ref();
    let scope = names.scopes.get(text).cloned();
    if scope.is_none() {
        let message = format!("no scope `{text}` is defined");
        let problem = Problem::new(ProblemKind::UnknownScope, name.span(), message).label("not defined");
        section.problem(problem.meant(text, names.scopes.keys().copied(), name.span(), Quote::Text));
    }
    scope
}

/// A configuration, and whether it fits the manifest's schema.
pub(in crate::config) struct Fitting {
    pub(in crate::config) value: Value,
    pub(in crate::config) fits: bool,
}

/// The configuration with the manifest's defaults and `{fly.api}`, checked against the manifest's schema.
fn config(
    section: &Section<'_>,
    written: Option<Written<'_>>,
    manifest: Option<&Manifest>,
    fly_api: &str,
) -> Fitting {
    let mut fits = manifest.is_some();
    let mut config =
        written.map_or_else(|| Value::Object(Map::new()), |value| crate::config::read::json(value.get_ref()));
    if let Some(manifest) = manifest {
        let properties = manifest.config.as_ref().and_then(|schema| schema.get("properties")?.as_object());
        for (name, property) in properties.into_iter().flatten() {
            if let (Some(default), Some(fields)) = (property.get("default"), config.as_object_mut()) {
                fields.entry(name.clone()).or_insert_with(|| default.clone());
            }
        }
        fits = schema::check(section, written, &config, manifest);
    }
    fill_fly_api(&mut config, fly_api);
    Fitting { value: config, fits }
}

fn allow(section: &Section<'_>) -> Vec<Spanned<Grant>> {
    let lines = section.texts("allow");
    let grants = lines.into_iter().filter_map(|line| match line.get_ref().parse() {
        Ok(grant) => Some(Spanned::new(line.span(), grant)),
        Err(error) => {
            let error: groundcrew_core::egress::ParseError = error;
            section.problem(
                Problem::new(ProblemKind::BadGrant, line.span(), error.to_string()).label("no grant"),
            );
            None
        }
    });
    grants.collect()
}

struct Limits {
    deletes: Option<Window>,
    parallel: u32,
    rate: Rate,
}

fn limits(section: &Section<'_>, manifest: Option<&Manifest>) -> Limits {
    let Some(written) = section.section("limits") else {
        return Limits {
            deletes: None,
            parallel: defaults::of("hook.NAME.limits.parallel"),
            rate: defaults::of("hook.NAME.limits.rate"),
        };
    };
    let deletes = written.has("deletes").then(|| written.allowance("deletes").into());
    if let (Some(at), Some(handler)) =
        (written.misplaced("deletes"), manifest.filter(|manifest| manifest.kind.is_empty()))
    {
        let message = format!("`limits.deletes` means nothing to the hook `{}`", handler.name);
        let kind = if handler.is_auditor() { "an auditor" } else { "a handler" };
        let problem = Problem::new(ProblemKind::WrongKind, at, message);
        let problem = problem.label(format!("it is {kind}, and makes no things"));
        section.problem(problem.help("remove `deletes`"));
    }
    let limits = Limits {
        deletes,
        parallel: written.number("parallel", 1..=1_000),
        rate: written.setting("rate", ProblemKind::BadAmount),
    };
    written.end();
    limits
}

impl Stanza<'_> {
    /// The words of its owners; a handler may be told of machines, an auditor looks for nobody.
    pub(in crate::config) fn owner_words(&self) -> impl Iterator<Item = &'static str> {
        let apps_only = self.is_provisioner() && self.owner() == Some(SubjectKind::App);
        let none = self.is_auditor();
        OWNER.into_iter().filter(move |word| !none && (!apps_only || *word != "machine"))
    }

    /// The words of whom its grants may name: an auditor's are bound to the subject of the finding that it mends.
    pub(in crate::config) fn granted_words(&self) -> impl Iterator<Item = &'static str> {
        let mends = self.is_auditor().then_some(OWNER).into_iter().flatten();
        self.owner_words().chain(mends)
    }

    /// For whom it works, if that is known.
    pub(in crate::config) fn owner(&self) -> Option<SubjectKind> {
        self.manifest.as_ref().map(|manifest| manifest.owner)
    }

    /// Whether it reports findings; unknown stanzas do not.
    pub(in crate::config) fn is_auditor(&self) -> bool {
        self.manifest.as_ref().is_some_and(Manifest::is_auditor)
    }

    /// Whether it makes things; unknown stanzas do not.
    pub(in crate::config) fn is_provisioner(&self) -> bool {
        self.manifest.as_ref().is_some_and(|manifest| !manifest.kind.is_empty())
    }
}
