//! The tightest grants that recorded requests would have passed.
//!
//! Each request belongs to the first grant that lets it pass. Beyond what a grant's path names, the segments of one
//! method's requests are compared, place by place:
//!
//! ```text
//!  the owner's own name, in every request              {app}, {org}, {machine}
//!  words: used for two owners, or free of digits       each is kept, and looked into
//!  anything else varies from thing to thing            * and the grant ends there
//! ```
//!
//! # Guarantees
//! - Every request that a present grant lets pass, the learnt ones let pass, with the same access.
//! - No learnt grant lets anything pass that the grant it comes from does not.

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use percent_encoding::utf8_percent_encode;
use serde::Serialize;
use url::Url;

use super::{Bound, Grant, PATH_VALUE};

/// More words than this at one place are taken for ids.
const WORDS_MAX: usize = 12;
/// Words of a run that stand for its owner.
const OWNER: [&str; 3] = ["app", "machine", "org"];

/// A request that was recorded.
#[derive(Clone, Debug)]
pub struct Recorded {
    /// Upper case.
    pub method: String,
    /// Where it went.
    pub url: Url,
    /// Of which run.
    pub run: i64,
    /// For whom that was; none: for nobody in particular.
    pub owner: Option<String>,
    /// The words that its grants were bound with.
    pub words: Arc<BTreeMap<String, String>>,
}

/// What becomes of methods that no request used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unused {
    /// Their grants stay as they are.
    Kept,
    /// They are left out.
    Dropped,
}

/// A grant, and how much it rests on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Learnt {
    /// As it is written in a stanza.
    #[serde(serialize_with = "as_text")]
    pub grant: Grant,
    /// The present grant that it comes from.
    #[serde(serialize_with = "as_text")]
    pub from: Grant,
    /// Requests that passed it; zero: it is kept as it is.
    pub calls: usize,
    /// Runs that made them.
    pub runs: usize,
    /// Owners that those were for.
    pub owners: usize,
}

impl Learnt {
    fn of(grant: Grant, from: &Grant, requests: &[&Recorded]) -> Self {
        let runs: BTreeSet<_> = requests.iter().map(|request| request.run).collect();
        let owners: BTreeSet<_> = requests.iter().filter_map(|request| request.owner.as_ref()).collect();
        let (calls, runs, owners) = (requests.len(), runs.len(), owners.len());
        Self { grant, from: from.clone(), calls, runs, owners }
    }
}

/// What was learnt.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Lesson {
    /// The grants, in the order of those that they come from.
    pub grants: Vec<Learnt>,
    /// Parts of present grants that no request used, and that are left out.
    #[serde(serialize_with = "as_texts")]
    pub dropped: Vec<Grant>,
    /// Requests that no present grant lets pass: they teach nothing.
    pub strangers: usize,
}

fn as_text<S: serde::Serializer>(grant: &Grant, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(grant)
}

fn as_texts<S: serde::Serializer>(grants: &[Grant], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_seq(grants.iter().map(ToString::to_string))
}

/// A request, and what of its path lies beyond the one that its grant names.
struct Tail<'a> {
    request: &'a Recorded,
    segments: Vec<&'a str>,
}

/// Narrows grants to what was recorded.
pub fn learn(grants: &[Grant], requests: &[Recorded], unused: Unused) -> Lesson {
    let mut lesson = Lesson::default();
    let mut tails: BTreeMap<(usize, &str), Vec<Tail<'_>>> = BTreeMap::new();
    for request in requests {
        let beyond = |grant: &Grant| {
            let bound = grant.bind(&request.words).ok()?;
            bound.beyond(&request.method, &request.url)
        };
        match grants.iter().enumerate().find_map(|(at, grant)| Some((at, beyond(grant)?))) {
            None => lesson.strangers += 1,
            Some((at, beyond)) => {
                let tail = Tail { request, segments: beyond.split('/').collect() };
                tails.entry((at, request.method.as_str())).or_default().push(tail);
            }
        }
    }
    for (at, grant) in grants.iter().enumerate() {
        let used = |method: &String| tails.contains_key(&(at, method.as_str()));
        let (used, rest): (Vec<_>, Vec<_>) = grant.methods().iter().cloned().partition(used);
        let used = used.iter().map(|method| (method, &tails[&(at, method.as_str())]));
        lesson.grants.extend(of_grant(grant, used));
        if rest.is_empty() {
            continue;
        }
        let rest = grant.narrowed(rest, grant.pattern().to_owned());
        match unused {
            Unused::Dropped => lesson.dropped.push(rest),
            Unused::Kept => lesson.grants.push(Learnt::of(rest, grant, &[])),
        }
    }
    lesson
}

/// What a grant becomes for the methods that were used; those with one pattern are one line.
fn of_grant<'a>(
    grant: &Grant,
    used: impl Iterator<Item = (&'a String, &'a Vec<Tail<'a>>)>,
) -> impl Iterator<Item = Learnt> {
    let mut patterns: Vec<(String, Vec<String>, Vec<&Recorded>)> = Vec::new();
    for (method, tails) in used {
        for (pattern, requests) in narrow(grant, method, tails) {
            match patterns.iter_mut().find(|(known, ..)| *known == pattern) {
                Some((_, methods, all)) => {
                    methods.push(method.clone());
                    all.extend(requests);
                }
                None => patterns.push((pattern, vec![method.clone()], requests)),
            }
        }
    }
    patterns
        .into_iter()
        .map(|(pattern, methods, requests)| Learnt::of(grant.narrowed(methods, pattern), grant, &requests))
}

/// The patterns of one method's requests, each with those that it lets pass.
fn narrow<'a>(grant: &Grant, method: &str, tails: &[Tail<'a>]) -> Vec<(String, Vec<&'a Recorded>)> {
    let present = grant.pattern();
    let Some(named) = present.strip_suffix('*') else {
        return vec![(present.to_owned(), tails.iter().map(|tail| tail.request).collect())];
    };
    let mut patterns = Vec::new();
    below(named.to_owned(), 0, &tails.iter().collect::<Vec<_>>(), &mut patterns);
    let mut by_pattern: Vec<(String, Vec<&Recorded>)> =
        patterns.into_iter().map(|pattern| (pattern, Vec::new())).collect();
    for tail in tails {
        let passes = |pattern: &str| {
            let narrowed = grant.narrowed(vec![method.to_owned()], pattern.to_owned());
            let bound: Option<Bound> = narrowed.bind(&tail.request.words).ok();
            bound.is_some_and(|bound| bound.covers(method, &tail.request.url))
        };
        match by_pattern.iter_mut().find(|(pattern, _)| passes(pattern)) {
            Some((_, requests)) => requests.push(tail.request),
            // A path that is written otherwise than it would be filled in: the grant stays as it is.
            None => return vec![(present.to_owned(), tails.iter().map(|tail| tail.request).collect())],
        }
    }
    by_pattern.retain(|(_, requests)| !requests.is_empty());
    by_pattern
}

/// Patterns of requests that are alike up to a depth.
fn below(named: String, depth: usize, tails: &[&Tail<'_>], patterns: &mut Vec<String>) {
    let mut by_value: BTreeMap<&str, Vec<&Tail<'_>>> = BTreeMap::new();
    for tail in tails {
        if let Some(segment) = tail.segments.get(depth) {
            by_value.entry(segment).or_default().push(tail);
        }
    }
    let going: Vec<_> = by_value.values().flatten().copied().collect();
    if going.len() < tails.len() {
        patterns.push(named.clone());
    }
    if going.is_empty() {
        return;
    }
    // The first one is the rest of a segment that the grant itself begins.
    let named = if depth == 0 { named } else { named + "/" };
    if let Some(word) =
        OWNER.into_iter().find(|word| depth > 0 && going.iter().all(|tail| tail.is_owner(word, depth)))
    {
        return below(format!("{named}{{{word}}}"), depth + 1, &going, patterns);
    }
    if by_value.len() <= WORDS_MAX && by_value.iter().all(|(value, tails)| is_word(value, tails)) {
        for (value, tails) in &by_value {
            below(format!("{named}{value}"), depth + 1, tails, patterns);
        }
    } else {
        patterns.push(named + "*");
    }
}

impl Tail<'_> {
    /// Whether a segment is what a word of the owner stands for.
    fn is_owner(&self, word: &str, depth: usize) -> bool {
        let value = self.request.words.get(word).filter(|value| !value.is_empty());
        let segment = self.segments.get(depth).copied();
        value.is_some_and(|value| segment == Some(&utf8_percent_encode(value, PATH_VALUE).to_string()))
    }
}

/// Whether a segment is one of the API's words, and no id.
fn is_word(segment: &str, tails: &[&Tail<'_>]) -> bool {
    if segment.contains(['*', '{', '}']) {
        return false;
    }
    let owners: BTreeSet<_> = tails.iter().filter_map(|tail| tail.request.owner.as_ref()).collect();
    let version = segment
        .strip_prefix('v')
        .is_some_and(|rest| !rest.is_empty() && rest.bytes().all(|b| b.is_ascii_digit()));
    owners.len() > 1 || version || !segment.bytes().any(|byte| byte.is_ascii_digit())
}
