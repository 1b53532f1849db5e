//! What must be so between stanzas, and between a stanza and its manifest.

mod grants;
mod reach;
mod reads;
pub(super) mod schema;
mod templates;

use std::collections::BTreeMap;

use super::problem::{Problem, ProblemKind, Problems};
use super::resolve::Stanza;

pub(super) fn all(stanzas: &[Stanza<'_>], fly_api: &str, problems: &Problems) {
    reads::check(stanzas, problems);
    targets(stanzas, problems);
    for stanza in stanzas {
        templates::check(stanza, stanzas, problems);
        grants::check(stanza, fly_api, problems);
    }
}

/// Two stanzas with one target would fight over the same things.
fn targets(stanzas: &[Stanza<'_>], problems: &Problems) {
    let mut first: BTreeMap<&str, &Stanza<'_>> = BTreeMap::new();
    for stanza in stanzas.iter().filter(|stanza| stanza.is_provisioner()) {
        let Some(hook) = &stanza.hook else { continue };
        let Some(other) = first.insert(&hook.target, stanza) else { continue };
        let (other, stanza) =
            if other.at.start < stanza.at.start { (other, stanza) } else { (stanza, other) };
        let message =
            format!("[hook.{}] and [hook.{}] have one target: {}", other.name, stanza.name, hook.target);
        let problem =
            Problem::new(ProblemKind::SameTarget, stanza.at.clone(), message).label("the second one");
        let problem = problem.also(other.at.clone(), "the first one");
        let fields = hook.manifest.identity_fields();
        problems.add(if fields.is_empty() {
            problem.help("make one stanza of them; a scope may list several patterns")
        } else {
            problem.help(format!(
                "they must differ in one of: {}; or make one stanza of them",
                fields.join(", ")
            ))
        });
    }
}
