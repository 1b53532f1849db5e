//! PowerDNS's HTTP API: one zone, read by name or as a whole, changed by PATCH.
//!
//! A PATCH is one transaction of the server's backend: the record set and its mark change together or not at all.
//! Answers as PowerDNS 4.7 gives them: 204 also for deleting what is not there; 401, 404 (no such zone) and 409 as
//! plain text; 422 with `{"error"}` for what it does not take.

use std::collections::BTreeSet;

use groundcrew_hook::{Failure, Request, Response, Result, Value, encode, json, secret};
use serde::Deserialize;

use crate::record::{Found, Kind, RecordSet, canonical_name, mark_in, paired};
use crate::text::Escapes;
use crate::{Also, Place, Zone};

/// The one zone that is worked on.
pub(crate) struct PowerDns {
    url: String,
    token: String,
    name: String,
}

/// What PowerDNS shows of a zone.
#[derive(Deserialize)]
struct Shown {
    rrsets: Vec<Rrset>,
}

#[derive(Deserialize)]
struct Rrset {
    name: String,
    r#type: String,
    ttl: u32,
    records: Vec<Record>,
}

#[derive(Deserialize)]
struct Record {
    content: String,
    #[serde(default)]
    disabled: bool,
}

impl PowerDns {
    /// The stanza's zone. Nothing is sent.
    pub(crate) fn open(place: &Place) -> Result<Self> {
        let name = canonical_name(&place.zone);
        let server = place.server.trim_end_matches('/');
        let url = format!("{server}/api/v1/servers/{}/zones/{}.", encode(&place.server_id), encode(&name));
        Ok(Self { url, token: secret("API_TOKEN")?, name })
    }

    fn change(&self, rrsets: &[Value]) -> Result<()> {
        self.send(Request::patch(&self.url).json(&json!({ "rrsets": rrsets }))).map(drop)
    }

    /// One set. Servers before 4.6 do not know the filter and show the whole zone: hence the comparison.
    fn one(&self, name: &str, kind: Kind) -> Result<Option<RecordSet>> {
        let dotted = format!("{name}.");
        let request =
            Request::get(&self.url).query("rrset_name", &dotted).query("rrset_type", &kind.to_string());
        Ok(self.read(request)?.into_iter().find(|set| set.name == name && set.kind == kind))
    }

    /// The record sets of our types in an answer; one of comments alone is none.
    ///
    /// Disabled records are told only where a set has no others, as reads by name and of the zone would differ.
    fn read(&self, request: Request) -> Result<Vec<RecordSet>> {
        let shown: Shown = self.send(request)?.json()?;
        let set = |rrset: Rrset| {
            let kind: Kind = rrset.r#type.parse().ok()?;
            let (off, on): (Vec<_>, Vec<_>) = rrset.records.iter().partition(|record| record.disabled);
            let read = |records: Vec<&Record>| -> BTreeSet<_> {
                records.iter().map(|record| Escapes::Decimal.read(kind, &record.content)).collect()
            };
            let (values, disabled) =
                if on.is_empty() { (BTreeSet::new(), read(off)) } else { (read(on), BTreeSet::new()) };
            let name = canonical_name(&rrset.name);
            let set = RecordSet { ttl: rrset.ttl, values, disabled, ..RecordSet::empty(name, kind) };
            (!rrset.records.is_empty()).then_some(set)
        };
        Ok(shown.rrsets.into_iter().filter_map(set).collect())
    }

    fn send(&self, request: Request) -> Result<Response> {
        let response = request.header("x-api-key", &self.token).send()?;
        if response.status == 404 {
            return Err(Failure::lasting(format!(
                "zone {} is not there: {}",
                self.name,
                response.text().trim()
            )));
        }
        response.success().map_err(|failure| failure.context(format!("zone {}", self.name)))
    }
}

impl Zone for PowerDns {
    /// Looks at one key: its set and its mark.
    ///
    /// A read by name goes past disabled records (PowerDNS 4.7 looks them up as resolvers would), a read of the
    /// whole zone does not. So where set and mark do not both show, the whole zone is read before they count as
    /// missing: a write would replace what is switched off, too.
    fn look(&self, wanted: &RecordSet) -> Result<Found> {
        let key = wanted.key();
        if let Some(set) = self.one(&wanted.name, wanted.kind)?
            && let Some(mark) = self.one(&wanted.mark_name(), Kind::Txt)?.and_then(mark_in)
        {
            return Ok(Found { key, set: Some(set), mark: Some(mark) });
        }
        let found = self.all()?.into_iter().find(|found| found.key == key);
        Ok(found.unwrap_or(Found { key, set: None, mark: None }))
    }

    fn all(&self) -> Result<Vec<Found>> {
        Ok(paired(self.read(Request::get(&self.url))?))
    }

    fn create(&self, set: &RecordSet, mark: &str) -> Result<()> {
        self.replace(set, mark)
    }

    fn replace(&self, set: &RecordSet, mark: &str) -> Result<()> {
        let values = set.values.iter().map(|value| Escapes::Decimal.written(set.kind, value)).collect();
        let replace = |name: &str, kind: Kind, values: Vec<String>| {
            let records: Vec<_> =
                values.iter().map(|it| json!({ "content": it, "disabled": false })).collect();
            json!({ "name": format!("{name}."), "type": kind, "ttl": set.ttl, "changetype": "REPLACE", "records": records })
        };
        let mark = vec![Escapes::Decimal.written(Kind::Txt, mark)];
        self.change(&[replace(&set.name, set.kind, values), replace(&set.mark_name(), Kind::Txt, mark)])
    }

    fn erase(&self, set: &RecordSet, also: Also) -> Result<()> {
        let delete = |name: &str, kind: Kind| json!({ "name": format!("{name}."), "type": kind, "changetype": "DELETE" });
        let mut changes = vec![delete(&set.name, set.kind)];
        if also == Also::Mark {
            changes.push(delete(&set.mark_name(), Kind::Txt));
        }
        self.change(&changes)
    }
}
