//! The candidate of a stanza: a component that may take the place of the one that runs.
//!
//! The stanza is read a second time around it. What would be wrong with it then is one problem, at the candidate.

use groundcrew_core::manifest::Manifest;
use groundcrew_core::subject::SubjectKind;
use toml::Spanned;

use super::stanza::{described, manifest_file, named, no_manifest};
use super::{Names, Source};
use crate::config::NoManifest;
use crate::config::hook::{Candidate, Component, Hook};
use crate::config::problem::{Problem, ProblemKind, Problems, Severity};
use crate::config::read::Section;

/// The candidate, if there is one and it can run in the place of `current`; tells if not.
pub(super) fn of(
    section: &Section<'_>,
    source: &Source<'_>,
    names: &Names<'_>,
    current: Option<&Hook>,
) -> Option<Candidate> {
    let promote_after = section.count("promote_after", 1..=1_000_000);
    let Some(text) = section.text("candidate") else {
        if section.has("promote_after") && !section.has("candidate") {
            section.lacks(ProblemKind::MissingKey, "candidate", "candidate = \"next.wasm\"");
        }
        return None;
    };
    let component = named(section, source, "candidate", &text)?;
    // What is wrong with the manifest that the stanza brings for whatever it runs is told already.
    let told = Problems::default();
    let again = section.again(&told);
    let brought = match again.text("manifest") {
        Some(file) => Some(manifest_file(&again, source, &file)?),
        None => None,
    };
    let manifest = (source.manifests)(&component, brought.as_ref())
        .map_err(|error| match error {
            // That the manifest it brings is none is told already.
            NoManifest::Absent if section.has("manifest") => {}
            error => no_manifest(section, &text, error),
        })
        .ok()?;
    // What is wrong with the stanza itself is told already, and would be told again.
    let hook = instead(section, names, current?, component, manifest, &text)?;
    Some(Candidate { hook: Box::new(hook), promote_after })
}

/// The stanza with the candidate in the place of what runs.
fn instead(
    section: &Section<'_>,
    names: &Names<'_>,
    current: &Hook,
    component: Component,
    manifest: Manifest,
    text: &Spanned<&str>,
) -> Option<Hook> {
    if manifest == current.manifest {
        return Some(Hook { component, ..current.clone() });
    }
    let misfit = |why: String| {
        let message = format!("`{}` cannot run in the place of {}", text.get_ref(), current.component);
        section.problem(Problem::new(ProblemKind::CandidateMisfit, text.span(), message).label(why));
    };
    let (is, was) = (kind(&manifest), kind(&current.manifest));
    if is != was {
        misfit(format!("it is {is}, and what runs is {was}"));
        return None;
    }
    if manifest.owner != current.manifest.owner {
        misfit(format!("it is for {}, and what runs is for {}", whom(&manifest), whom(&current.manifest)));
        return None;
    }
    let problems = Problems::default();
    let again = section.again(&problems);
    let hook = described(&current.name, &again, names, Some((component, Some(manifest)))).hook;
    let wrong = problems.into_sorted().into_iter().find(|problem| problem.kind.severity() == Severity::Error);
    if let Some(wrong) = wrong {
        misfit(format!("with it: {}", wrong.message));
        return None;
    }
    let hook = hook?;
    if hook.target != current.target {
        misfit(format!("its things are at {}, and those that exist at {}", hook.target, current.target));
        return None;
    }
    Some(hook)
}

fn whom(manifest: &Manifest) -> &'static str {
    match manifest.owner {
        SubjectKind::App => "apps",
        SubjectKind::Machine => "machines",
    }
}

fn kind(manifest: &Manifest) -> &'static str {
    if manifest.is_auditor() {
        "an auditor"
    } else if manifest.kind.is_empty() {
        "a handler"
    } else {
        "a provisioner"
    }
}
