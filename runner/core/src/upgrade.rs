//! What differs between two versions of a hook, and which of it a person has to agree to.
//!
//! ```text
//!  old, new --compare--> differences --wider?--> the new one waits for approval
//!                                   \-breaking--> configuration or things are left behind: told
//! ```
//!
//! # Guarantees
//! - Pure: nothing but what the two versions say of themselves is compared, as it is written.
//! - What cannot be told to be the same or less counts as more: two ways of writing one grant may be called wider,
//!   never the other way round.
//!
//! It does not know what an operator grants: a stanza is the limit in any case, and this is about what is asked for.

mod asks;
mod schema;
#[cfg(test)]
mod tests;
mod things;

use std::collections::BTreeSet;

use serde::Serialize;

use crate::manifest::Manifest;

/// What a version of a hook says of itself.
#[derive(Clone, Debug, PartialEq)]
pub struct Surface {
    /// Interfaces of hooks that it exports, such as `provision`.
    pub exports: BTreeSet<String>,
    /// All its imports, by full name.
    pub imports: BTreeSet<String>,
    /// Imports that this host does not offer.
    pub missing: BTreeSet<String>,
    /// Its manifest.
    pub manifest: Manifest,
}

/// What a difference means for whoever upgrades.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Effect {
    /// It asks for more than before: it waits for approval.
    Wider,
    /// Configuration that was valid may be refused, or things are left behind.
    Breaking,
    /// Neither.
    Harmless,
}

/// What a difference is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Area {
    /// What kind of hook it is, for whom it works, its name.
    Hook,
    /// What it may reach.
    Grants,
    /// Secrets and where they are put.
    Secrets,
    /// Kinds of things that it makes.
    Things,
    /// Events that it is told, and codes of findings that it reports.
    Words,
    /// The schema of its configuration.
    Config,
    /// What it imports.
    Imports,
}

/// One difference.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Difference {
    /// What it means.
    pub effect: Effect,
    /// What it is about.
    pub area: Area,
    /// In words.
    pub what: String,
}

/// Differences as they are gathered.
#[derive(Debug, Default)]
struct Found(Vec<Difference>);

impl Found {
    fn add(&mut self, effect: Effect, area: Area, what: impl Into<String>) {
        self.0.push(Difference { effect, area, what: what.into() });
    }
}

/// All differences between two versions: wider ones first, then breaking ones.
pub fn compare(old: &Surface, new: &Surface) -> Vec<Difference> {
    let mut found = Found::default();
    hook(old, new, &mut found);
    asks::grants(&old.manifest.asks, &new.manifest.asks, &mut found);
    asks::secrets(&old.manifest.asks, &new.manifest.asks, &mut found);
    things::kinds(&old.manifest.kind, &new.manifest.kind, &mut found);
    words(&old.manifest, &new.manifest, &mut found);
    schema::config(&old.manifest, &new.manifest, &mut found);
    imports(old, new, &mut found);
    found.0.sort();
    found.0
}

/// What a version asks for more than another one, in words; empty: nothing, and nobody has to agree to it.
pub fn more(old: &Surface, new: &Surface) -> Vec<String> {
    let wider = compare(old, new).into_iter().filter(|difference| difference.effect == Effect::Wider);
    wider.map(|difference| difference.what).collect()
}

/// Exports that only let the host look.
const LOOKS: [&str; 1] = ["inventory"];

fn hook(old: &Surface, new: &Surface, found: &mut Found) {
    for export in new.exports.difference(&old.exports) {
        let effect = if LOOKS.contains(&export.as_str()) { Effect::Harmless } else { Effect::Wider };
        found.add(effect, Area::Hook, format!("exports {export}: one more kind of hook"));
    }
    for export in old.exports.difference(&new.exports) {
        found.add(Effect::Breaking, Area::Hook, format!("no longer exports {export}"));
    }
    let (was, is) = (&old.manifest, &new.manifest);
    if was.name != is.name {
        let what = format!("is called {} instead of {}: its target is another one", is.name, was.name);
        found.add(Effect::Breaking, Area::Hook, what);
    }
    if was.owner != is.owner {
        let what = format!("works for each {} instead of each {}", word(&is.owner), word(&was.owner));
        found.add(Effect::Breaking, Area::Hook, what);
    }
    for watch in is.watches.difference(&was.watches) {
        found.add(Effect::Harmless, Area::Hook, format!("also watches {}", word(watch)));
    }
    for watch in was.watches.difference(&is.watches) {
        found.add(Effect::Harmless, Area::Hook, format!("no longer watches {}", word(watch)));
    }
}

/// Events that a handler is told of unless the stanza says otherwise, and an auditor's codes.
fn words(old: &Manifest, new: &Manifest, found: &mut Found) {
    let covered = |kind: &&String| {
        let covers = |pattern: &String| {
            pattern == *kind || !kind.ends_with('*') && crate::kind::matches(pattern, kind) || {
                let (known, asked) = (pattern.strip_suffix('*'), kind.strip_suffix('*'));
                known.zip(asked).is_some_and(|(known, asked)| asked.starts_with(known))
            }
        };
        old.on.iter().any(covers)
    };
    for kind in new.on.iter().filter(|kind| !covered(kind)) {
        found.add(Effect::Wider, Area::Words, format!("is told of one more kind of event: {kind}"));
    }
    for kind in old.on.iter().filter(|kind| !new.on.contains(kind)) {
        found.add(Effect::Harmless, Area::Words, format!("no longer asks for events `{kind}`"));
    }
    for code in new.reports.iter().filter(|code| !old.reports.contains(code)) {
        found.add(Effect::Harmless, Area::Words, format!("also reports {code}"));
    }
    for code in old.reports.iter().filter(|code| !new.reports.contains(code)) {
        let what = format!("no longer reports {code}: an audit that mends it is refused");
        found.add(Effect::Breaking, Area::Words, what);
    }
    for code in new.harmless.iter().filter(|code| !old.harmless.contains(code)) {
        let what = format!("the remedy of {code} no longer waits for grace and window");
        found.add(Effect::Wider, Area::Words, what);
    }
    for code in old.harmless.iter().filter(|code| !new.harmless.contains(code)) {
        let what = format!("the remedy of {code} waits for grace and window now");
        found.add(Effect::Harmless, Area::Words, what);
    }
}

fn imports(old: &Surface, new: &Surface, found: &mut Found) {
    let bare = |name: &str| name.split_once('@').map_or(name, |(name, _)| name).to_owned();
    let known: BTreeSet<_> = old.imports.iter().map(|name| bare(name)).collect();
    let left: BTreeSet<_> = new.imports.iter().map(|name| bare(name)).collect();
    for name in new.imports.difference(&old.imports) {
        if new.missing.contains(name) {
            found.add(
                Effect::Breaking,
                Area::Imports,
                format!("imports {name}, which this host does not offer"),
            );
        } else if known.contains(&bare(name)) {
            found.add(Effect::Harmless, Area::Imports, format!("imports another version: {name}"));
        } else {
            found.add(Effect::Harmless, Area::Imports, format!("also imports {name}"));
        }
    }
    for name in old.imports.difference(&new.imports).filter(|name| !left.contains(&bare(name))) {
        found.add(Effect::Harmless, Area::Imports, format!("no longer imports {name}"));
    }
}

/// The word of a closed set's value.
fn word(value: &impl Serialize) -> String {
    let json = serde_json::to_value(value).unwrap_or_default();
    json.as_str().unwrap_or_default().to_owned()
}
