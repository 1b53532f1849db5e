//! The REST API over the state: routes, statuses, faults.

use serde_json::{Value, json};

use crate::knobs::ById;
use crate::log::Receipt;
use crate::world::{Thing, World};
use crate::write::Write;
use crate::{Fault, Rate};

/// An answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Response {
    /// 200 to 599.
    pub status: u16,
    /// Names in lower case.
    pub headers: Vec<(String, String)>,
    /// JSON, mostly.
    pub body: Vec<u8>,
}

/// What comes back to the caller.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reply {
    /// An answer.
    Answer(Response),
    /// Nothing: the connection ends.
    Lost,
    /// This answer, after [`release`](crate::Outside::release).
    Held(Response),
}

impl Reply {
    /// The answer, if one comes at once.
    pub fn answer(self) -> Option<Response> {
        match self {
            Self::Answer(response) => Some(response),
            Self::Lost | Self::Held(_) => None,
        }
    }
}

impl Response {
    pub(crate) fn new(status: u16, body: &Value) -> Self {
        let body = if body.is_null() { Vec::new() } else { body.to_string().into_bytes() };
        Self { status, headers: vec![("content-type".into(), "application/json".into())], body }
    }

    pub(crate) fn error(status: u16, message: &str) -> Self {
        Self::new(status, &json!({ "error": message }))
    }

    /// The body as JSON; null if it is none.
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_default()
    }
}

/// A request, taken apart.
pub(crate) struct Request<'a> {
    pub(crate) method: &'a str,
    /// Without the query.
    pub(crate) path: String,
    pub(crate) query: Vec<(String, String)>,
    pub(crate) headers: &'a [(String, String)],
    pub(crate) body: &'a [u8],
}

impl<'a> Request<'a> {
    pub(crate) fn new(
        method: &'a str,
        target: &str,
        headers: &'a [(String, String)],
        body: &'a [u8],
    ) -> Self {
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        let pair = |pair: &str| {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            (decoded(name), decoded(value))
        };
        let query = query.split('&').filter(|pair| !pair.is_empty()).map(pair).collect();
        Self { method, path: path.trim_end_matches('/').to_owned(), query, headers, body }
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let found = self.headers.iter().find(|(header, _)| header.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value.as_str())
    }

    fn asked(&self, name: &str) -> Option<&str> {
        self.query.iter().find(|(asked, _)| asked == name).map(|(_, value)| value.as_str())
    }

    fn is_write(&self) -> bool {
        !matches!(self.method, "GET" | "HEAD" | "OPTIONS")
    }
}

impl World {
    /// Answers a request, now.
    pub(crate) fn handle(&mut self, request: &Request<'_>, now: i64) -> Reply {
        self.advance(now);
        self.requests += 1;
        let route = self.route(&request.path);
        if let Some(refusal) = route.as_ref().and_then(|(path, _)| self.limited(path, now)) {
            return Reply::Answer(refusal);
        }
        if !request.is_write() && self.unread.iter().any(|(from, until)| (*from..*until).contains(&now)) {
            return Reply::Answer(refusal(503));
        }
        match self.fault(request.method) {
            None => Reply::Answer(self.answer(request, route, now)),
            Some(Fault::Refused(status)) => Reply::Answer(refusal(status)),
            Some(Fault::NeverArrived) => Reply::Lost,
            Some(Fault::AnswerLost) => {
                self.answer(request, route, now);
                Reply::Lost
            }
            Some(Fault::Timeout) => {
                self.answer(request, route, now);
                Reply::Answer(Response::error(504, "gateway time-out"))
            }
            Some(Fault::Garbled) => {
                let mut response = self.answer(request, route, now);
                response.body.truncate(response.body.len() / 2);
                Reply::Answer(response)
            }
            Some(Fault::Twice) => {
                self.answer(request, route.clone(), now);
                Reply::Answer(self.answer(request, route, now))
            }
            Some(Fault::Held) => Reply::Held(self.answer(request, route, now)),
            Some(Fault::Stalled) => Reply::Held(refusal(503)),
            Some(Fault::Late(ms)) => {
                if let Some((path, id)) = route.filter(|_| request.is_write()) {
                    self.schedule_write(now + ms, &path, Write::of(request, id));
                }
                Reply::Answer(Response::error(504, "gateway time-out"))
            }
        }
    }

    /// For how many milliseconds the answer about a path is on its way.
    pub(crate) fn answers_in(&self, path: &str) -> i64 {
        self.route(path).map_or(0, |(path, _)| self.collections[&path].knobs.answer_ms)
    }

    /// The collection that a path lies in, and the id behind it.
    fn route(&self, path: &str) -> Option<(String, Option<String>)> {
        if self.collections.contains_key(path) {
            return Some((path.to_owned(), None));
        }
        let (collection, id) = path.rsplit_once('/')?;
        self.collections.contains_key(collection).then(|| (collection.to_owned(), Some(decoded(id))))
    }

    fn limited(&mut self, path: &str, now: i64) -> Option<Response> {
        let collection = self.collections.get_mut(path)?;
        let Rate { per_second, burst } = collection.knobs.rate?;
        let full = i64::from(burst) * 1_000;
        let (before, counted) = collection.bucket.unwrap_or((full, now));
        let tokens = full.min(before + (now - counted) * i64::from(per_second));
        let taken = if tokens >= 1_000 { 1_000 } else { 0 };
        collection.bucket = Some((tokens - taken, now));
        (taken == 0).then(|| refusal(429))
    }

    fn fault(&mut self, method: &str) -> Option<Fault> {
        let fits = |of: &Option<String>| of.as_ref().is_none_or(|of| of == method);
        let Some(index) = self.faults.iter().position(|(of, ..)| fits(of)) else {
            return self.weather.as_ref()?.at(self.requests);
        };
        if self.faults[index].1 > 0 {
            self.faults[index].1 -= 1;
            return None;
        }
        Some(self.faults.remove(index).2)
    }

    fn answer(
        &mut self,
        request: &Request<'_>,
        route: Option<(String, Option<String>)>,
        now: i64,
    ) -> Response {
        let Some((path, id)) = route else {
            return self.receive(request, now);
        };
        if !self.collections[&path].there {
            return Response::error(404, "no such container");
        }
        if request.is_write() {
            return self.apply(&path, &Write::of(request, id), now);
        }
        match id {
            None => self.list(request, &path, now),
            Some(id) => self.show(&path, &id, now),
        }
    }

    /// What is posted anywhere else is told to a receiver.
    fn receive(&mut self, request: &Request<'_>, now: i64) -> Response {
        if request.method != "POST" {
            return Response::error(404, "no such container");
        }
        let id = request.header("idempotency-key").or(request.header("webhook-id")).map(str::to_owned);
        let body = String::from_utf8_lossy(request.body).into_owned();
        self.receipts.push(Receipt { at: now, path: request.path.clone(), id, body });
        Response::new(204, &Value::Null)
    }

    fn list(&self, request: &Request<'_>, path: &str, now: i64) -> Response {
        let collection = &self.collections[path];
        let knobs = &collection.knobs;
        let words = &knobs.words;
        let after = request.asked(&words.cursor).and_then(|cursor| cursor.parse::<u64>().ok()).unwrap_or(0);
        let asked = |name: &str, value: &Option<String>| {
            request.asked(name).is_none_or(|it| Some(it) == value.as_deref())
        };
        let fits = |thing: &&Thing| {
            asked(&words.name, &thing.name) && asked(&words.mark, &thing.mark) && thing.seq > after
        };
        let seen = |thing: &&Thing| now >= thing.made_at + knobs.lag_ms;
        let shown = |thing: &&Thing| thing.gone_at.is_none_or(|gone| now < gone + knobs.stale_ms);
        let mut found: Vec<_> = collection.things.iter().filter(seen).filter(shown).filter(fits).collect();
        let limit = request.asked(&words.limit).and_then(|limit| limit.parse().ok()).unwrap_or(knobs.page);
        let page = knobs.page.min(limit).max(1);
        let next = (found.len() > page).then(|| found[page - 1].seq.to_string());
        found.truncate(page);
        let items: Vec<_> = found.into_iter().map(|thing| thing.shown(knobs, now)).collect();
        Response::new(200, &words.page(items, next))
    }

    fn show(&self, path: &str, id: &str, now: i64) -> Response {
        let collection = &self.collections[path];
        let knobs = &collection.knobs;
        let (lag, stale) = match knobs.by_id {
            ById::Lagging => (knobs.lag_ms, knobs.stale_ms),
            ById::AtOnce => (0, 0),
        };
        let seen = |thing: &&Thing| thing.id == id && now >= thing.made_at + lag;
        // What lives hides what went before it under the same id.
        let living = collection.things.iter().filter(|thing| thing.lives()).find(seen);
        let gone = || {
            let shown = |thing: &&Thing| thing.gone_at.is_some_and(|gone| now < gone + stale);
            collection.things.iter().filter(shown).rfind(seen)
        };
        match living.or_else(gone) {
            Some(thing) => Response::new(200, &knobs.words.wrapped(thing.shown(knobs, now))),
            None => Response::error(404, "not found"),
        }
    }
}

/// A refusal; one that is over by itself says when to come back.
fn refusal(status: u16) -> Response {
    let says = if status == 429 { "too many requests" } else { "not now" };
    let mut refusal = Response::error(status, says);
    if matches!(status, 423 | 425 | 429) {
        refusal.headers.push(("retry-after".into(), "1".into()));
    }
    refusal
}

/// Undoes percent-encoding; what is none stays.
fn decoded(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, left @ ..] = rest {
        let code = left.get(..2).filter(|_| *first == b'%').and_then(|two| std::str::from_utf8(two).ok());
        let byte = code.and_then(|two| u8::from_str_radix(two, 16).ok());
        bytes.push(byte.unwrap_or(*first));
        rest = if byte.is_some() { &left[2..] } else { left };
    }
    String::from_utf8_lossy(&bytes).into_owned()
}
