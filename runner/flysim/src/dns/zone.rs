//! One zone: its record sets, and how they are shown.

use std::collections::BTreeMap;

use serde_json::{Value, json};

/// One record.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Record {
    pub(super) content: String,
    pub(super) disabled: bool,
}

/// One record set with its comments; one without records is only its comments.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Set {
    pub(super) ttl: u32,
    pub(super) records: Vec<Record>,
    pub(super) comments: Vec<Value>,
}

impl Set {
    /// What resolvers are told.
    pub(super) fn contents(&self) -> Vec<String> {
        let mut contents: Vec<_> = self
            .records
            .iter()
            .filter(|record| !record.disabled)
            .map(|record| record.content.clone())
            .collect();
        contents.sort();
        contents
    }

    fn shown(&self, name: &str, kind: &str, records: &[&Record]) -> Value {
        let record = |it: &&Record| json!({"content": it.content, "disabled": it.disabled});
        let ttl = if records.is_empty() { 0 } else { self.ttl };
        json!({
            "name": name, "type": kind, "ttl": ttl, "comments": self.comments,
            "records": records.iter().map(record).collect::<Vec<_>>(),
        })
    }
}

/// Names are lower case and end with a dot.
pub(super) type Key = (String, String);

/// One zone.
#[derive(Debug, Clone)]
pub(super) struct Zone {
    pub(super) name: String,
    kind: String,
    serial: u32,
    pub(super) sets: BTreeMap<Key, Set>,
}

/// Which record sets are shown.
#[derive(Debug, Clone, Copy)]
pub(super) enum Shown<'a> {
    All,
    None,
    Named { name: &'a str, kind: Option<&'a str> },
}

impl Zone {
    pub(super) fn new(name: &str, kind: &str, nameservers: &[String], today: u32) -> Self {
        let zone =
            Self { name: name.to_owned(), kind: kind.to_owned(), serial: today, sets: BTreeMap::new() };
        let records = nameservers.iter().map(|server| Record { content: server.clone(), disabled: false });
        let servers = Set { ttl: 3_600, records: records.collect(), comments: Vec::new() };
        let mut zone = zone;
        if !servers.records.is_empty() {
            zone.sets.insert((name.to_owned(), "NS".to_owned()), servers);
        }
        zone.write_soa();
        zone
    }

    /// Every change makes the serial grow, as `soa_edit_api = "DEFAULT"` does within a day.
    pub(super) fn changed(&mut self, today: u32) {
        self.serial = (self.serial + 1).max(today);
        self.write_soa();
    }

    fn write_soa(&mut self) {
        let content = format!(
            "a.misconfigured.dns.server.invalid. hostmaster.{} {} 10800 3600 604800 3600",
            self.name, self.serial
        );
        let soa =
            Set { ttl: 3_600, records: vec![Record { content, disabled: false }], comments: Vec::new() };
        self.sets.insert((self.name.clone(), "SOA".to_owned()), soa);
    }

    /// The types that resolvers find at a name.
    pub(super) fn types_at<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        let sets = self.sets.iter().filter(move |((at, _), set)| at == name && !set.contents().is_empty());
        sets.map(|((_, kind), _)| kind.as_str())
    }

    /// The zone as a list of zones shows it.
    pub(super) fn listed(&self) -> Value {
        json!({
            "account": "", "catalog": "", "dnssec": false, "edited_serial": self.serial, "id": self.name,
            "kind": self.kind, "last_check": 0, "masters": [], "name": self.name, "notified_serial": 0,
            "serial": self.serial, "url": format!("/api/v1/servers/localhost/zones/{}", self.name),
        })
    }

    /// The zone with these record sets.
    pub(super) fn shown(&self, which: Shown<'_>) -> Value {
        let mut shown = self.listed();
        let more = json!({
            "api_rectify": false, "master_tsig_key_ids": [], "nsec3narrow": false, "nsec3param": "",
            "slave_tsig_key_ids": [], "soa_edit": "", "soa_edit_api": "DEFAULT",
        });
        for (field, value) in more.as_object().into_iter().flatten() {
            shown[field] = value.clone();
        }
        match which {
            Shown::None => {}
            Shown::All => {
                let set = |((name, kind), set): (&Key, &Set)| {
                    set.shown(name, kind, &set.records.iter().collect::<Vec<_>>())
                };
                shown["rrsets"] = self.sets.iter().map(set).collect();
            }
            Shown::Named { name, kind } => shown["rrsets"] = self.named(name, kind),
        }
        shown
    }

    /// A read by name finds what resolvers would; but it reads the comments of the whole zone.
    fn named(&self, name: &str, kind: Option<&str>) -> Value {
        let asked = name.to_ascii_lowercase();
        let fits = |(at, of): &Key| *at == asked && kind.is_none_or(|kind| kind.eq_ignore_ascii_case(of));
        let mut shown = Vec::new();
        for (key, set) in &self.sets {
            let told: Vec<_> = set.records.iter().filter(|record| !record.disabled && fits(key)).collect();
            if told.is_empty() && set.comments.is_empty() {
                continue;
            }
            // The name comes back as it was asked for.
            shown.push(set.shown(if told.is_empty() { &key.0 } else { name }, &key.1, &told));
        }
        shown.into()
    }
}
