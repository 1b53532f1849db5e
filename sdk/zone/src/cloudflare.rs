//! Cloudflare: one zone, whose records have ids of their own, changed by batches.
//!
//! Facts are those of the *Cloudflare API* reference, *DNS Records for a Zone*, and of *Batch record changes* in its
//! DNS documentation: every value is a record of its own; a batch is one transaction, deletes first, on all plans
//! (200 changes in the free one). Marks are TXT records as everywhere: comments are free as well, but anybody who
//! edits a record rewrites them, and tags are for paid plans.

use std::collections::{BTreeMap, BTreeSet};

use groundcrew_hook::{Failure, Request, Response, Result, Value, encode, json, secret};
use serde::Deserialize;

use crate::record::{Found, Kind, RecordSet, canonical_name, mark_in, paired};
use crate::text::Escapes;
use crate::{Also, Place, Zone};

/// Records in one page: with their settings well below the 4 MiB that an answer may have.
const PAGE: usize = 1_000;

/// The one zone that is worked on.
pub(crate) struct Cloudflare {
    url: String,
    authorization: String,
    name: String,
}

#[derive(Deserialize)]
struct Listed {
    result: Vec<Record>,
    /// How many pages there are.
    result_info: Option<Pages>,
}

/// What a listing says of the whole (API reference, *List DNS Records*, `result_info`).
#[derive(Deserialize)]
struct Pages {
    total_pages: u32,
}

/// One value of a set.
#[derive(Clone, Deserialize)]
struct Record {
    id: String,
    name: String,
    r#type: String,
    content: Option<String>,
    ttl: u32,
    #[serde(default)]
    proxied: bool,
}

/// Codes of what changed since it was looked at: a record that is gone, or there already.
const RACES: [u32; 4] = [81044, 81053, 81057, 81058];

#[derive(Deserialize)]
struct Refused {
    errors: Vec<Reason>,
}

#[derive(Deserialize)]
struct Reason {
    code: u32,
}

impl Refused {
    fn is_of_a_race(&self) -> bool {
        self.errors.iter().any(|reason| RACES.contains(&reason.code))
    }
}

impl Cloudflare {
    /// The stanza's zone. Nothing is sent.
    pub(crate) fn open(place: &Place) -> Result<Self> {
        let server = place.server.trim_end_matches('/');
        let url = format!("{server}/client/v4/zones/{}/dns_records", encode(place.id()?));
        let authorization = format!("Bearer {}", secret("API_TOKEN")?);
        Ok(Self { url, authorization, name: canonical_name(&place.zone) })
    }

    /// The records of one name and type.
    fn records_of(&self, name: &str, kind: Kind) -> Result<Vec<Record>> {
        let kind = kind.to_string();
        let mut records = self.records(&[("name.exact", name), ("type", &kind)])?;
        records.retain(|record| canonical_name(&record.name) == name && record.r#type == kind);
        Ok(records)
    }

    fn records(&self, filter: &[(&str, &str)]) -> Result<Vec<Record>> {
        let mut records = Vec::new();
        for page in 1_u32.. {
            let request = Request::get(&self.url).query("per_page", &PAGE.to_string());
            let request = request.query("page", &page.to_string());
            let request = filter.iter().fold(request, |request, (name, value)| request.query(name, value));
            let Listed { result, result_info } = self.send(request)?.json()?;
            // A page may hold fewer than were asked for: only what the API says of the whole, or nothing, is its end.
            let is_last = result.is_empty() || result_info.is_some_and(|info| page >= info.total_pages);
            records.extend(result);
            if is_last {
                break;
            }
        }
        Ok(records)
    }

    /// Makes the records of these sets what they should be, in one request; none if they are.
    fn change(&self, wanted: &[(&RecordSet, Vec<Record>)]) -> Result<()> {
        let (mut deletes, mut posts) = (Vec::new(), Vec::new());
        for (set, there) in wanted {
            let fits = |record: &Record| {
                record.ttl == set.ttl
                    && !record.proxied
                    && record.value().is_some_and(|it| set.values.contains(&it))
            };
            let (kept, others): (Vec<_>, Vec<_>) = there.iter().partition(|record| fits(record));
            deletes.extend(others.into_iter().map(|record| json!({ "id": record.id })));
            let kept: BTreeSet<_> = kept.into_iter().filter_map(Record::value).collect();
            posts.extend(set.values.difference(&kept).map(|value| post(set, value)));
        }
        if deletes.is_empty() && posts.is_empty() {
            return Ok(());
        }
        let batch = json!({ "deletes": deletes, "posts": posts });
        self.send(Request::post(format!("{}/batch", self.url)).json(&batch)).map(drop)
    }

    fn send(&self, request: Request) -> Result<Response> {
        let response = request.header("authorization", &self.authorization).send()?;
        let passing = response.json().is_ok_and(|refused: Refused| refused.is_of_a_race());
        response.success().map_err(|mut failure| {
            failure.retry |= passing;
            failure.context(format!("zone {}", self.name))
        })
    }
}

impl Zone for Cloudflare {
    fn look(&self, wanted: &RecordSet) -> Result<Found> {
        let set = together(&self.records_of(&wanted.name, wanted.kind)?).pop();
        let mark = together(&self.records_of(&wanted.mark_name(), Kind::Txt)?).pop().and_then(mark_in);
        Ok(Found { key: wanted.key(), set, mark })
    }

    fn all(&self) -> Result<Vec<Found>> {
        Ok(paired(together(&self.records(&[])?)))
    }

    /// Records of one name and type add up here, so it is looked at once more.
    fn create(&self, set: &RecordSet, mark: &str) -> Result<()> {
        let marks = self.records_of(&set.mark_name(), Kind::Txt)?;
        let foreign = together(&marks).pop().and_then(mark_in).is_some_and(|found| found != mark);
        if foreign || !self.records_of(&set.name, set.kind)?.is_empty() {
            return Err(Failure::passing(format!("{} was made by somebody else meanwhile", set.key())));
        }
        self.change(&[(set, Vec::new()), (&marking(set, mark), marks)])
    }

    fn replace(&self, set: &RecordSet, mark: &str) -> Result<()> {
        let there = self.records_of(&set.name, set.kind)?;
        let marks = self.records_of(&set.mark_name(), Kind::Txt)?;
        self.change(&[(set, there), (&marking(set, mark), marks)])
    }

    fn erase(&self, set: &RecordSet, also: Also) -> Result<()> {
        let nothing = RecordSet { values: BTreeSet::new(), ..set.clone() };
        let there = self.records_of(&set.name, set.kind)?;
        let marks = match also {
            Also::Mark => self.records_of(&set.mark_name(), Kind::Txt)?,
            Also::Nothing => Vec::new(),
        };
        self.change(&[(&nothing, there), (&nothing, marks)])
    }
}

impl Record {
    fn kind(&self) -> Option<Kind> {
        self.r#type.parse().ok()
    }

    /// Its value in canonical shape. Text may come without quotes [docs: TXT record content].
    fn value(&self) -> Option<String> {
        let (kind, content) = (self.kind()?, self.content.as_deref()?);
        let plain = kind == Kind::Txt && !content.starts_with('"');
        Some(if plain { content.to_owned() } else { Escapes::Decimal.read(kind, content) })
    }
}

/// Records as sets; those of other types are left out.
fn together(records: &[Record]) -> Vec<RecordSet> {
    let mut sets: BTreeMap<(String, Kind), RecordSet> = BTreeMap::new();
    for record in records {
        let (Some(kind), Some(value)) = (record.kind(), record.value()) else { continue };
        let (name, ttl) = (canonical_name(&record.name), record.ttl);
        let empty = || RecordSet { ttl, ..RecordSet::empty(name.clone(), kind) };
        let set = sets.entry((name.clone(), kind)).or_insert_with(empty);
        set.ttl = set.ttl.min(ttl);
        set.values.insert(value);
    }
    sets.into_values().collect()
}

fn marking(set: &RecordSet, mark: &str) -> RecordSet {
    let (name, values) = (set.mark_name(), BTreeSet::from([mark.to_owned()]));
    RecordSet { ttl: set.ttl, values, ..RecordSet::empty(name, Kind::Txt) }
}

fn post(set: &RecordSet, value: &str) -> Value {
    let content = match set.kind {
        Kind::Txt => Escapes::Decimal.written(Kind::Txt, value),
        _ => value.to_owned(),
    };
    json!({ "name": set.name, "type": set.kind, "content": content, "ttl": set.ttl, "proxied": false })
}
