//! Tables `[audit.NAME]`.

use std::collections::{BTreeMap, BTreeSet};

use groundcrew_core::duration::Millis;
use toml::Spanned;

use super::{Stanza, legal_name, timing};
use crate::config::audit::{Audit, Enforcement};
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
        if !section.has("cron") {
            section.lacks(ProblemKind::MissingKey, "cron", "cron = \"0 3 * * *\"");
        }
        let timing = timing::timing(&section, "audit.NAME");
        let remedy = remedy(&section, &hooks, stanzas);
        section.end();
        if let Some(timing) = timing.filter(|_| fits) {
            let name = name.to_owned();
            audits.insert(name.clone(), Audit { name, hooks, timing, remedy });
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
        if stanza.manifest.is_some() && !stanza.is_auditor() && !stanza.is_provisioner() {
            let message = format!("the hook `{text}` is a handler: it is told events, and reports nothing");
            let problem = Problem::new(ProblemKind::WrongKind, name.span(), message).label("no auditor");
            section.problem(problem.help(
                "name hooks whose manifest `reports` something, or provisioners that can list what they made",
            ));
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

/// How findings are mended; none: they are reported.
fn remedy(section: &Section<'_>, hooks: &[String], stanzas: &[Stanza<'_>]) -> Option<Enforcement> {
    let word = section.choice_or_default::<Remedy>("remedy", &["report", "enforce"]);
    if word == Remedy::Report {
        for key in ["codes", "grace", "deletes"] {
            let Some(at) = section.misplaced(key) else { continue };
            let message = format!("`{key}` means nothing while findings are only reported");
            let problem = Problem::new(ProblemKind::ConflictingKeys, at, message).label("nothing is mended");
            section.problem(problem.help(format!("write remedy = \"enforce\", or remove `{key}`")));
        }
        return None;
    }
    for (key, example) in [("codes", "codes = [\"volume.unattached\"]"), ("grace", "grace = \"7d\"")] {
        if !section.has(key) {
            section.lacks(ProblemKind::MissingKey, key, example);
        }
    }
    let codes = codes(section, hooks, stanzas);
    let grace = section.parsed::<Millis>("grace", ProblemKind::BadDuration).map(Spanned::into_inner);
    let window = section.allowance("deletes").into();
    Some(Enforcement { codes, grace: grace?, window })
}

/// Codes that the audit's auditors report.
fn codes(section: &Section<'_>, hooks: &[String], stanzas: &[Stanza<'_>]) -> Vec<String> {
    let auditors = stanzas.iter().filter(|stanza| hooks.iter().any(|hook| hook == stanza.name));
    let manifests: Vec<_> = auditors.map(|stanza| stanza.manifest.as_ref()).collect();
    let reported = || manifests.iter().flatten().flat_map(|manifest| &manifest.reports);
    let mut codes = Vec::new();
    for code in section.texts("codes") {
        let text = *code.get_ref();
        if manifests.iter().all(Option::is_some) && !reported().any(|known| known == text) {
            let message = format!("no auditor of this audit reports `{text}`");
            let problem = Problem::new(ProblemKind::BadChoice, code.span(), message).label("never reported");
            let known = reported().map(String::as_str);
            section.problem(problem.meant(text, known, code.span(), Quote::Text));
        }
        codes.push(text.to_owned());
    }
    codes
}

/// The words of `remedy`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Remedy {
    Report,
    Enforce,
}

impl std::str::FromStr for Remedy {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        match text {
            "report" => Ok(Self::Report),
            "enforce" => Ok(Self::Enforce),
            _ => Err(()),
        }
    }
}
