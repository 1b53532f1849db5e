//! What must be so between stanzas, and between a stanza and its manifest.

mod grants;
mod reach;
mod reads;
pub(super) mod schema;
mod templates;

use groundcrew_core::manifest::Lives;

use super::hook::Hook;
use super::problem::{Problem, ProblemKind, Problems};
use super::resolve::Stanza;
use super::settings::Scope;

pub(super) fn all(stanzas: &[Stanza<'_>], fly_api: &str, problems: &Problems) {
    reads::check(stanzas, problems);
    targets(stanzas, problems);
    for stanza in stanzas {
        templates::check(stanza, stanzas, problems);
        grants::check(stanza, fly_api, problems);
    }
}

/// Two stanzas with one target would fight over the same things, unless each thing dies with its owner and no app
/// can be in both scopes.
fn targets(stanzas: &[Stanza<'_>], problems: &Problems) {
    let mut provisioners: Vec<_> =
        stanzas.iter().filter_map(|stanza| Some((stanza, stanza.hook.as_ref()?))).collect();
    provisioners.retain(|(stanza, _)| stanza.is_provisioner());
    provisioners.sort_by_key(|(stanza, _)| stanza.at.start);
    for (at, (stanza, hook)) in provisioners.iter().enumerate() {
        let mut before = provisioners[..at].iter().filter(|(_, other)| other.target == hook.target);
        let clash = before.find_map(|(first, other)| Some((first, why_one(other, hook)?)));
        let Some((first, why)) = clash else { continue };
        let message =
            format!("[hook.{}] and [hook.{}] have one target: {}", first.name, stanza.name, hook.target);
        let problem =
            Problem::new(ProblemKind::SameTarget, stanza.at.clone(), message).label("the second one");
        let problem = problem.also(first.at.clone(), "the first one").help(why);
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

/// Why two hooks of one target may want the same thing; none if they cannot.
fn why_one(one: &Hook, other: &Hook) -> Option<String> {
    let outside = one.manifest.kind.iter().filter(|(_, kind)| kind.lives == Lives::Outside);
    let outside: Vec<_> = outside.map(|(name, _)| format!("`{name}`")).collect();
    if !outside.is_empty() {
        return Some(format!(
            "{} lives outside its owner, so every owner's lie in one place",
            outside.join(", ")
        ));
    }
    let (one, other) = Scope::overlap(one.scope.as_ref(), other.scope.as_ref())?;
    Some(format!("an app may be in both scopes: it may match `{one}` and `{other}`"))
}
