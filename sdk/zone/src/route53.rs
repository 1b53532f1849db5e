//! Amazon Route 53: one hosted zone, read in pages of record sets, changed by batches.
//!
//! Facts are those of the *Amazon Route 53 API Reference* (2013-04-01), `ListResourceRecordSets` and
//! `ChangeResourceRecordSets`: a batch takes effect as a whole or not at all; `CREATE` refuses what is there;
//! `DELETE` takes exactly what is there; names and texts escape odd bytes in octal. The host signs (`sign = "sigv4"`,
//! service `route53`, region `us-east-1` wherever the caller is).
//!
//! A change is `PENDING` until all name servers have it, usually within a minute. A set counts as ready all the same:
//! listings show pending changes at once, nothing can be done about one but wait, and the change's id, by which alone
//! one could ask, is lost with a lost answer.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use groundcrew_hook::{Failure, Request, Response, Result, encode};
use roxmltree::{Document, Node};

use crate::record::{Found, Kind, RecordSet, canonical_name, mark_in, paired};
use crate::text::Escapes;
use crate::{Also, Place, Zone};

/// Sets in one page, by the API's rule at most 300.
const PAGE: &str = "300";

/// Sets of one name and type: weighted ones and the like, of which there are at most so many.
const ONE_NAME: &str = "100";

/// The one zone that is worked on.
pub(crate) struct Route53 {
    url: String,
    name: String,
}

/// A record set as the API shows it: one of several of its name and type, if it has an identifier.
struct Shown {
    name: String,
    kind: Kind,
    ttl: u32,
    /// As written.
    values: Vec<String>,
    /// Why it is none of ours: an alias, or told to some resolvers only.
    special: Option<String>,
}

/// Where the next page begins: name, type, identifier.
type Next = [Option<String>; 3];

impl Route53 {
    /// The stanza's zone. Nothing is sent.
    pub(crate) fn open(place: &Place) -> Result<Self> {
        let server = place.server.trim_end_matches('/');
        let url = format!("{server}/2013-04-01/hostedzone/{}/rrset", encode(place.id()?));
        Ok(Self { url, name: canonical_name(&place.zone) })
    }

    /// What is shown of one name and type, simple or special.
    fn shown(&self, name: &str, kind: Kind) -> Result<Vec<Shown>> {
        let from = [Some(format!("{name}.")), Some(kind.to_string()), None];
        let (mut sets, _) = self.page(&from, ONE_NAME)?;
        sets.retain(|set| set.name == name && set.kind == kind);
        Ok(sets)
    }

    fn one(&self, name: &str, kind: Kind) -> Result<Option<RecordSet>> {
        Ok(together(self.shown(name, kind)?).pop())
    }

    fn page(&self, from: &Next, items: &str) -> Result<(Vec<Shown>, Option<Next>)> {
        let parameters = ["name", "type", "identifier"].into_iter().zip(from);
        let request = parameters.fold(Request::get(&self.url), |request, (name, value)| match value {
            Some(value) => request.query(name, value),
            None => request,
        });
        let text = self.send(request.query("maxitems", items))?.text();
        let document = parsed(&text)?;
        let root = document.root_element();
        let sets = all(root, "ResourceRecordSet").filter_map(Shown::of).collect();
        let next =
            ["NextRecordName", "NextRecordType", "NextRecordIdentifier"].map(|name| text_of(root, name));
        match text_of(root, "IsTruncated").as_deref() {
            Some("false") => Ok((sets, None)),
            Some("true") if next[0].is_some() && next != *from => Ok((sets, Some(next))),
            // What was listed so far would pass for everything, and the rest for missing.
            _ => Err(Failure::passing(format!("the list of zone {} stops before its end", self.name))),
        }
    }

    fn change(&self, changes: &str) -> Result<()> {
        let body = format!(
            "<ChangeResourceRecordSetsRequest xmlns=\"https://route53.amazonaws.com/doc/2013-04-01/\">\
             <ChangeBatch><Changes>{changes}</Changes></ChangeBatch></ChangeResourceRecordSetsRequest>"
        );
        let request = Request::post(&self.url).header("content-type", "application/xml").bytes(body);
        self.send(request).map(drop)
    }

    fn send(&self, request: Request) -> Result<Response> {
        let response = request.send()?;
        if response.is_success() {
            return Ok(response);
        }
        let text = response.text();
        let (code, words) =
            parsed(&text).map_or_else(|_| Default::default(), |error| error_in(error.root_element()));
        let mut failure = response.failure();
        if !code.is_empty() {
            failure.message = format!("status {}: {code}: {words}", response.status);
        }
        // What changed since it was looked at is looked at again; the others pass by themselves.
        let passing = ["PriorRequestNotComplete", "Throttling"].contains(&code.as_str())
            || words.contains("already exists")
            || words.contains("not found");
        failure.retry |= passing && code != "NoSuchHostedZone";
        Err(failure.context(format!("zone {}", self.name)))
    }
}

impl Zone for Route53 {
    fn look(&self, wanted: &RecordSet) -> Result<Found> {
        let set = self.one(&wanted.name, wanted.kind)?;
        let mark = self.one(&wanted.mark_name(), Kind::Txt)?.and_then(mark_in);
        Ok(Found { key: wanted.key(), set, mark })
    }

    fn all(&self) -> Result<Vec<Found>> {
        let mut sets = Vec::new();
        let mut from = Some([const { None }; 3]);
        while let Some(here) = from {
            let (page, next) = self.page(&here, PAGE)?;
            sets.extend(page);
            from = next;
        }
        Ok(paired(together(sets)))
    }

    fn create(&self, set: &RecordSet, mark: &str) -> Result<()> {
        // The mark may have outlived its set.
        self.change(&(change("CREATE", &wished(set)) + &change("UPSERT", &marking(set, mark))))
    }

    fn replace(&self, set: &RecordSet, mark: &str) -> Result<()> {
        self.change(&(change("UPSERT", &wished(set)) + &change("UPSERT", &marking(set, mark))))
    }

    fn erase(&self, set: &RecordSet, also: Also) -> Result<()> {
        let mut shown = self.shown(&set.name, set.kind)?;
        if also == Also::Mark {
            shown.extend(self.shown(&set.mark_name(), Kind::Txt)?);
        }
        if let Some(special) = shown.iter().find_map(|shown| shown.special.as_ref()) {
            return Err(Failure::lasting(format!("{}: {special} is not removed", set.key())));
        }
        let changes: String = shown.iter().map(|shown| change("DELETE", shown)).collect();
        if changes.is_empty() { Ok(()) } else { self.change(&changes) }
    }
}

impl Shown {
    fn of(node: Node<'_, '_>) -> Option<Self> {
        let kind: Kind = text_of(node, "Type")?.parse().ok()?;
        let alias = all(node, "AliasTarget").next().and_then(|target| text_of(target, "DNSName"));
        let identifier = text_of(node, "SetIdentifier");
        let special = alias
            .map(|target| format!("alias of {target}"))
            .into_iter()
            .chain(identifier.map(|identifier| format!("set `{identifier}` of several")))
            .reduce(|alias, identifier| format!("{alias}, {identifier}"));
        Some(Self {
            name: Escapes::Octal.name(&text_of(node, "Name")?),
            kind,
            ttl: text_of(node, "TTL").and_then(|ttl| ttl.parse().ok()).unwrap_or_default(),
            values: all(node, "Value").filter_map(|value| value.text().map(str::to_owned)).collect(),
            special,
        })
    }
}

/// Sets of one name and type as one. What is special has no values, so it equals no wish.
fn together(shown: Vec<Shown>) -> Vec<RecordSet> {
    let mut sets: BTreeMap<(String, Kind), RecordSet> = BTreeMap::new();
    for Shown { name, kind, ttl, values, special } in shown {
        let empty = || RecordSet { ttl, ..RecordSet::empty(name.clone(), kind) };
        let set = sets.entry((name.clone(), kind)).or_insert_with(empty);
        let values = values.iter().map(|value| Escapes::Octal.read(kind, value));
        match special {
            None => set.values.extend(values),
            Some(special) => {
                set.special.extend(values.clone());
                set.disabled.extend(values.map(|value| format!("{value} ({special})")));
                set.disabled.insert(special);
            }
        }
    }
    sets.into_values().collect()
}

fn wished(set: &RecordSet) -> Shown {
    let values = set.values.iter().map(|value| Escapes::Octal.written(set.kind, value)).collect();
    Shown { name: set.name.clone(), kind: set.kind, ttl: set.ttl, values, special: None }
}

fn marking(set: &RecordSet, mark: &str) -> Shown {
    let values = vec![Escapes::Octal.written(Kind::Txt, mark)];
    Shown { name: set.mark_name(), kind: Kind::Txt, ttl: set.ttl, values, special: None }
}

fn change(action: &str, set: &Shown) -> String {
    let mut values = String::new();
    for value in &set.values {
        let _ = write!(values, "<ResourceRecord><Value>{}</Value></ResourceRecord>", escaped(value));
    }
    format!(
        "<Change><Action>{action}</Action><ResourceRecordSet><Name>{}.</Name><Type>{}</Type><TTL>{}</TTL>\
         <ResourceRecords>{values}</ResourceRecords></ResourceRecordSet></Change>",
        escaped(&set.name),
        set.kind,
        set.ttl
    )
}

fn parsed(text: &str) -> Result<Document<'_>> {
    Document::parse(text).map_err(|e| Failure::passing(format!("an unreadable body: {e}")))
}

/// Code and words of an error: in `Error`, or for a batch in `Messages`.
fn error_in(root: Node<'_, '_>) -> (String, String) {
    let code = all(root, "Code").next().and_then(|code| code.text());
    let code =
        code.unwrap_or(if root.has_tag_name("InvalidChangeBatch") { "InvalidChangeBatch" } else { "" });
    let words: Vec<_> = all(root, "Message").filter_map(|message| message.text()).collect();
    (code.to_owned(), words.join("; "))
}

/// The text of the first child of this name.
fn text_of(node: Node<'_, '_>, name: &str) -> Option<String> {
    let child = node.children().find(|child| child.tag_name().name() == name);
    child.and_then(|child| child.text()).map(str::to_owned)
}

/// The elements of this name, however deep.
fn all<'a, 'i>(node: Node<'a, 'i>, name: &'static str) -> impl Iterator<Item = Node<'a, 'i>> {
    node.descendants().filter(move |node| node.tag_name().name() == name)
}

/// Text as it stands between tags.
fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}
