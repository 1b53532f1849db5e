//! Kinds of things: which a version makes, and what becomes of those that exist.

use std::collections::{BTreeMap, BTreeSet};

use super::{Area, Effect, Found, word};
use crate::manifest::Kind;

pub(super) fn kinds(old: &BTreeMap<String, Kind>, new: &BTreeMap<String, Kind>, found: &mut Found) {
    let mut add = |effect, what: String| found.add(effect, Area::Things, what);
    for (name, kind) in new {
        match old.get(name) {
            None => {
                add(Effect::Wider, format!("makes one more kind of thing: {name} ({})", word(&kind.create)));
            }
            Some(before) => changed(before, kind, &mut |effect, what| add(effect, format!("{name} {what}"))),
        }
    }
    for name in old.keys().filter(|name| !new.contains_key(*name)) {
        add(Effect::Breaking, format!("no longer makes {name}: its things would be left behind"));
    }
}

fn changed(old: &Kind, new: &Kind, add: &mut impl FnMut(Effect, String)) {
    let changes = |from: &str, to: &str| (from != to).then(|| format!("{to} instead of {from}"));
    if let Some(change) = changes(&word(&old.create), &word(&new.create)) {
        add(Effect::Breaking, format!("is created as {change}"));
    }
    if let Some(change) = changes(&word(&old.lives), &word(&new.lives)) {
        add(Effect::Breaking, format!("lives {change}"));
    }
    for (word, was, is, breaking) in [
        ("holds data", old.data, new.data, "a stanza must say `grace.gone`"),
        ("is given to others afterwards", old.reused, new.reused, "what reads it is waited for"),
    ] {
        match (was, is) {
            (false, true) => add(Effect::Breaking, format!("{word} now: {breaking}")),
            (true, false) => add(Effect::Breaking, format!("no longer {word}: what protected it is gone")),
            _ => {}
        }
    }
    let (was, is): (BTreeSet<_>, BTreeSet<_>) =
        (old.immutable.iter().collect(), new.immutable.iter().collect());
    for field in is.difference(&was) {
        add(Effect::Breaking, format!("is replaced where `{field}` changes"));
    }
    for field in was.difference(&is) {
        add(Effect::Harmless, format!("can change its `{field}`"));
    }
    let (was, is): (BTreeSet<_>, BTreeSet<_>) =
        (old.outputs_once.iter().collect(), new.outputs_once.iter().collect());
    for output in is.difference(&was) {
        add(Effect::Harmless, format!("shows its output `{output}` once"));
    }
    for output in was.difference(&is) {
        add(Effect::Harmless, format!("shows its output `{output}` at every look"));
    }
    if old.settle != new.settle {
        add(Effect::Harmless, format!("settles in {} instead of {}", new.settle, old.settle));
    }
    if old.remembers != new.remembers {
        let length = |time: Option<_>| {
            time.map_or_else(|| "no".to_owned(), |time: crate::duration::Millis| time.to_string())
        };
        let what = format!(
            "has an idempotency key for {} instead of {}",
            length(new.remembers),
            length(old.remembers)
        );
        add(Effect::Harmless, what);
    }
    if old.shown_as != new.shown_as {
        add(Effect::Harmless, "shows other fields in place of hidden ones".to_owned());
    }
    if old.schema != new.schema {
        add(Effect::Harmless, "has another schema of its body".to_owned());
    }
}
