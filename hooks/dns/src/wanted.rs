//! What should exist for an owner: the stanza's records, and what other hooks' things ask for.

use std::collections::BTreeMap;

use groundcrew_hook::{Failure, Result, Spec, View, log};
use groundcrew_zone::{RecordSet, canonical_name};
use serde::Deserialize;

use crate::config::{Config, Entry};

/// The name of the output by which a thing asks for record sets: a JSON list of `{name, type, values}`.
const REQUIREMENTS: &str = "records";

/// One spec for each key, sorted by key. Names outside the zone are left out, with a note.
pub(crate) fn specs(config: &Config, view: &View) -> Result<Vec<Spec>> {
    let mut sets: BTreeMap<String, RecordSet> = BTreeMap::new();
    for entry in config.records.iter().flatten().cloned().chain(required(view)?) {
        for name in &entry.name {
            if !inside(name, &config.zone) {
                log::info(format!("{name} lies outside zone {} and is left to others", config.zone));
                continue;
            }
            let ttl = entry.ttl.unwrap_or(config.ttl);
            let set = RecordSet::new(entry.kind, name, ttl, &entry.values)?;
            if !set.values.is_empty() {
                merge(&mut sets, set)?;
            }
        }
    }
    let spec = |(key, set)| Ok(Spec::new("record", key, serde_json::to_value(set)?));
    sets.into_iter().map(spec).collect()
}

/// Two entries of one key are one set with the values of both.
fn merge(sets: &mut BTreeMap<String, RecordSet>, set: RecordSet) -> Result<()> {
    let key = set.key();
    let merged = match sets.remove(&key) {
        None => set,
        Some(mut earlier) => {
            earlier.ttl = earlier.ttl.min(set.ttl);
            earlier.values.extend(set.values);
            RecordSet::checked(earlier)?
        }
    };
    sets.insert(key, merged);
    Ok(())
}

/// What the things of the hooks that this one reads ask for.
fn required(view: &View) -> Result<Vec<Entry>> {
    let mut entries = Vec::new();
    for input in view.inputs.iter().filter(|input| input.output.name == REQUIREMENTS) {
        let text = &input.output.value;
        let mut from = serde_json::Deserializer::from_str(text);
        let wrong = |e: serde_json::Error| {
            Failure::lasting(format!(
                "output `{REQUIREMENTS}` of {} {}/{}: {e}",
                input.hook, input.kind, input.key
            ))
        };
        entries.extend(Vec::<Entry>::deserialize(&mut from).map_err(wrong)?);
    }
    Ok(entries)
}

/// Whether a name is the zone's apex or below it.
fn inside(name: &str, zone: &str) -> bool {
    let (name, zone) = (canonical_name(name), canonical_name(zone));
    name == zone || name.strip_suffix(&zone).is_some_and(|left| left.ends_with('.') && left.len() > 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_zone_holds_its_apex_and_what_is_below() {
        assert!(inside("acme.app", "acme.app.") && inside("*.a.ACME.app.", "acme.app"));
        assert!(
            !inside("notacme.app", "acme.app")
                && !inside("app", "acme.app")
                && !inside(".acme.app", "acme.app")
        );
    }
}
