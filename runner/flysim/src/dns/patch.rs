//! `PATCH` of a zone: checks in PowerDNS's order, in its words.

use std::collections::BTreeSet;

use serde_json::Value;

use super::content::stored;
use super::zone::{Key, Record, Set, Zone};

/// Types that this fake takes; the real server knows many more.
const TYPES: [&str; 10] = ["A", "AAAA", "CAA", "CNAME", "MX", "NS", "PTR", "SOA", "SRV", "TXT"];
/// The longest label (RFC 1035).
const LABEL_MAX: usize = 63;

/// One record set that was written or deleted.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Change {
    pub(super) key: Key,
    pub(super) before: Option<Set>,
    pub(super) after: Option<Set>,
}

/// Changes a zone; what changed, in the order of the request.
///
/// # Errors
/// The text of a 422. The zone is then half changed: its caller throws it away, as the server's transaction does.
pub(super) fn apply(zone: &mut Zone, body: &Value) -> Result<Vec<Change>, String> {
    let Some(rrsets) = body["rrsets"].as_array() else {
        return Err("No rrsets given in update request".to_owned());
    };
    let (mut seen, mut changes) = (BTreeSet::new(), Vec::new());
    for rrset in rrsets {
        let changetype = text(rrset, "changetype")?.to_ascii_uppercase();
        let name = name_of(text(rrset, "name")?)?;
        let kind = text(rrset, "type")?.to_ascii_uppercase();
        let about = format!("RRset {name} IN {kind}");
        if !TYPES.contains(&kind.as_str()) {
            return Err(format!("{about}: unknown type given"));
        }
        if !seen.insert((name.clone(), kind.clone(), changetype.clone())) {
            return Err(format!("Duplicate {about} with changetype: {changetype}"));
        }
        let key = (name, kind);
        let before = zone.sets.get(&key).cloned();
        let after = match changetype.as_str() {
            "DELETE" => None,
            "REPLACE" => replaced(zone, &key, rrset, &about)?,
            _ => return Err("Changetype not understood".to_owned()),
        };
        match &after {
            Some(set) => drop(zone.sets.insert(key.clone(), set.clone())),
            None => drop(zone.sets.remove(&key)),
        }
        changes.push(Change { key, before, after });
    }
    Ok(changes)
}

/// What a set is after a `REPLACE`; none if nothing is left of it.
fn replaced(zone: &Zone, key: &Key, rrset: &Value, about: &str) -> Result<Option<Set>, String> {
    let (name, kind) = key;
    if *name != zone.name && !name.ends_with(&format!(".{}", zone.name)) {
        return Err(format!("{about}: Name is out of zone"));
    }
    let (records, comments) = (rrset["records"].as_array(), rrset["comments"].as_array());
    if records.is_none() && comments.is_none() {
        return Err(format!("No change for {about}"));
    }
    let mut set = zone.sets.get(key).cloned().unwrap_or_default();
    if let Some(records) = records {
        set.ttl = ttl(rrset)?;
        set.records = read_records(name, kind, records)?;
        check_together(kind, &set.records, about)?;
    }
    if let Some(comments) = comments {
        set.comments.clone_from(comments);
    }
    let exclusive = |one: &str| kind == "CNAME" || one == "CNAME";
    if records.is_some() && zone.types_at(name).any(|other| other != kind && exclusive(other)) {
        return Err(format!("{about}: Conflicts with pre-existing RRset"));
    }
    if set.records.is_empty() {
        // Comments go with the records that they are about.
        return Ok(None);
    }
    Ok(Some(set))
}

fn read_records(name: &str, kind: &str, records: &[Value]) -> Result<Vec<Record>, String> {
    let read = |record: &Value| {
        let content = text(record, "content")?;
        let content =
            stored(kind, content).map_err(|why| format!("Record {name}/{kind} '{content}': {why}"))?;
        Ok(Record { content, disabled: record["disabled"].as_bool().unwrap_or(false) })
    };
    records.iter().map(read).collect()
}

fn check_together(kind: &str, records: &[Record], about: &str) -> Result<(), String> {
    let mut sorted: Vec<_> = records.iter().collect();
    sorted.sort();
    for pair in sorted.windows(2) {
        if matches!(kind, "CNAME" | "SOA") {
            return Err(format!("{about} has more than one record"));
        }
        if pair[0].content == pair[1].content {
            return Err(format!("Duplicate record in {about} with content \"{}\"", pair[0].content));
        }
    }
    Ok(())
}

/// A number, also one in quotes.
fn ttl(rrset: &Value) -> Result<u32, String> {
    let given = &rrset["ttl"];
    let number = given.as_u64().or_else(|| given.as_str()?.parse().ok());
    let number = number.and_then(|number| u32::try_from(number).ok());
    number.ok_or_else(|| "Key 'ttl' not an Integer or not present".to_owned())
}

fn text<'a>(of: &'a Value, field: &str) -> Result<&'a str, String> {
    of[field].as_str().ok_or_else(|| format!("Key '{field}' not present or not a String"))
}

/// A name in lower case that ends with a dot.
pub(super) fn name_of(text: &str) -> Result<String, String> {
    let Some(labels) = text.strip_suffix('.') else {
        return Err(format!("DNS Name '{text}' is not canonical"));
    };
    let fits = |label: &str| !label.is_empty() && label.len() <= LABEL_MAX;
    if text.len() > 254 || !labels.split('.').all(fits) {
        return Err(format!("Unable to parse DNS Name '{text}'"));
    }
    let legal = |c: char| c.is_ascii_alphanumeric() || "-_/@*.".contains(c);
    if let Some(strange) = labels.chars().find(|c| !legal(*c)) {
        let escaped = text.replace(strange, &format!("\\{:03}", u32::from(strange)));
        return Err(format!("Name '{escaped}' contains unsupported characters"));
    }
    Ok(text.to_ascii_lowercase())
}
