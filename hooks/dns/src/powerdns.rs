//! PowerDNS's HTTP API: one zone, read by name or as a whole, changed by PATCH.
//!
//! A PATCH is one transaction of the server's backend: the record set and its mark change together or not at all.
//! Answers as PowerDNS 4.7 gives them: 204 also for deleting what is not there; 401, 404 (no such zone) and 409 as
//! plain text; 422 with `{"error"}` for what it does not take.

use std::collections::{BTreeMap, BTreeSet};

use groundcrew_hook::{Failure, Request, Response, Result, Value, config, encode, json, secret};
use serde::Deserialize;

use crate::config::{Config, Dialect};
use crate::record::{Found, Kind, RecordSet, canonical_name, marked_key};

/// Characters in one string of a TXT record (RFC 1035).
const TXT_STRING_MAX: usize = 255;

/// The one zone that is worked on.
pub(crate) struct Zone {
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

impl Zone {
    /// The stanza's zone. Nothing is sent.
    pub(crate) fn open() -> Result<Self> {
        let Config { dialect: Dialect::Powerdns, server, server_id, zone, .. } = config()?;
        let name = canonical_name(&zone);
        let server = server.trim_end_matches('/');
        let url = format!("{server}/api/v1/servers/{}/zones/{}.", encode(&server_id), encode(&name));
        Ok(Self { url, token: secret("API_TOKEN")?, name })
    }

    /// Looks at one key: its set and its mark.
    ///
    /// A read by name goes past disabled records (PowerDNS 4.7 looks them up as resolvers would), a read of the
    /// whole zone does not. So where set and mark do not both show, the whole zone is read before they count as
    /// missing: a write would replace what is switched off, too.
    pub(crate) fn look(&self, wanted: &RecordSet) -> Result<Found> {
        let key = wanted.key();
        if let Some(set) = self.one(&wanted.name, wanted.kind)?
            && let Some(mark) = self.one(&wanted.mark_name(), Kind::Txt)?.and_then(mark_in)
        {
            return Ok(Found { key, set: Some(set), mark: Some(mark) });
        }
        let found = self.all()?.into_iter().find(|found| found.key == key);
        Ok(found.unwrap_or(Found { key, set: None, mark: None }))
    }

    /// Everything of our types, each with its mark; a mark alone counts as well.
    pub(crate) fn all(&self) -> Result<Vec<Found>> {
        let mut found: BTreeMap<String, Found> = BTreeMap::new();
        let empty = |key: &str| Found { key: key.to_owned(), set: None, mark: None };
        for set in self.read(Request::get(&self.url))? {
            let marked = marked_key(&set.name).filter(|_| set.kind == Kind::Txt);
            let key = marked.clone().unwrap_or_else(|| set.key());
            let found = found.entry(key.clone()).or_insert_with(|| empty(&key));
            match marked {
                Some(_) => found.mark = mark_in(set),
                None => found.set = Some(set),
            }
        }
        Ok(found.into_values().collect())
    }

    /// Writes a set and its mark, in one request.
    pub(crate) fn write(&self, set: &RecordSet, mark: &str) -> Result<()> {
        let values = set.values.iter().map(|value| written(set.kind, value)).collect();
        let replace = |name: &str, kind: Kind, values: Vec<String>| {
            let records: Vec<_> =
                values.iter().map(|it| json!({ "content": it, "disabled": false })).collect();
            json!({ "name": format!("{name}."), "type": kind, "ttl": set.ttl, "changetype": "REPLACE", "records": records })
        };
        let mark = vec![written(Kind::Txt, mark)];
        self.change(&[replace(&set.name, set.kind, values), replace(&set.mark_name(), Kind::Txt, mark)])
    }

    /// Deletes a set and its mark, in one request; fine if they are gone already.
    pub(crate) fn erase(&self, set: &RecordSet) -> Result<()> {
        let delete = |name: &str, kind: Kind| json!({ "name": format!("{name}."), "type": kind, "changetype": "DELETE" });
        self.change(&[delete(&set.name, set.kind), delete(&set.mark_name(), Kind::Txt)])
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
                records.iter().map(|record| read_value(kind, &record.content)).collect()
            };
            let (values, disabled) =
                if on.is_empty() { (BTreeSet::new(), read(off)) } else { (read(on), BTreeSet::new()) };
            let name = canonical_name(&rrset.name);
            (!rrset.records.is_empty()).then_some(RecordSet { name, kind, ttl: rrset.ttl, values, disabled })
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

/// The mark that a TXT set holds: its first value that looks like one. Switched off, it claims the name as well.
fn mark_in(set: RecordSet) -> Option<String> {
    set.values.into_iter().chain(set.disabled).find(|value| value.starts_with("gc1:"))
}

/// A value as PowerDNS takes it: names with the last dot, text in quoted strings of at most 255 bytes.
fn written(kind: Kind, value: &str) -> String {
    match kind {
        Kind::A | Kind::Aaaa => value.to_owned(),
        Kind::Cname => format!("{value}."),
        Kind::Txt => {
            let strings = value.as_bytes().chunks(TXT_STRING_MAX).map(quoted);
            let text = strings.collect::<Vec<_>>().join(" ");
            if text.is_empty() { "\"\"".to_owned() } else { text }
        }
    }
}

/// One quoted string: quotes and backslashes escaped, what is not printable ASCII as `\DDD`.
fn quoted(bytes: &[u8]) -> String {
    let one = |&byte: &u8| match byte {
        b'"' | b'\\' => format!("\\{}", char::from(byte)),
        b' '..=b'~' => char::from(byte).to_string(),
        other => format!("\\{other:03}"),
    };
    format!("\"{}\"", bytes.iter().map(one).collect::<String>())
}

/// A value in its canonical shape; what does not fit it stays as it is, and so differs from any wish.
fn read_value(kind: Kind, content: &str) -> String {
    match kind {
        Kind::A => content.to_owned(),
        Kind::Aaaa => content.parse::<std::net::Ipv6Addr>().map_or(content.to_owned(), |ip| ip.to_string()),
        Kind::Cname => canonical_name(content),
        Kind::Txt => unquoted(content),
    }
}

/// The text in a row of quoted strings.
fn unquoted(content: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = content.bytes();
    let mut within = false;
    while let Some(byte) = rest.next() {
        match byte {
            b'"' => within = !within,
            b'\\' => {
                let Some(escaped) = rest.next() else { break };
                let mut digit = || char::from(rest.next()?).to_digit(10);
                let code = char::from(escaped).to_digit(10).map(|first| {
                    let (second, third) = (digit().unwrap_or(0), digit().unwrap_or(0));
                    first * 100 + second * 10 + third
                });
                bytes.push(code.map_or(escaped, |code| code as u8));
            }
            _ if within => bytes.push(byte),
            _ => {}
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_goes_through_quotes_and_back() {
        for text in ["gc1:acme-prod:abc", "a \"b\" \\c; d", "gr\u{fc}n", "", &"x".repeat(600)] {
            assert_eq!(unquoted(&written(Kind::Txt, text)), text);
        }
        assert_eq!(written(Kind::Txt, "\u{fc}"), r#""\195\188""#);
    }

    #[test]
    fn a_broken_escape_does_not_panic() {
        for broken in ["\"\\", "\"\\1", "\"\\12\"", "\"\\9x\"", "\"\\999\""] {
            unquoted(broken);
        }
    }
}
