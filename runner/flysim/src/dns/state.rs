//! The zones, and what becomes of a request.

use std::collections::BTreeMap;
use std::io::Write;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::effects::{DnsEffect, DnsWhat};
use super::patch::{self, Change, name_of};
use super::zone::{Shown, Zone};
use crate::clock::Clock;
use crate::direct::{Answered, Reply, Request};
use crate::http::parse_query;
use crate::knobs::{Fault, Late};
use crate::log::Actor;
use crate::rules::applies;

/// Where the API begins.
const BASE: &str = "/api/v1/servers/localhost/zones";

/// The ways in which it can be unkind; all are off by default.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct DnsKnobs {
    /// Matching calls fail with a status (or without an answer), before or after their effect.
    pub faults: Vec<Fault>,
    /// Matching calls are answered at once (504, or dropped) and take effect later.
    pub late: Vec<Late>,
}

/// A fake of PowerDNS: a cheap handle on shared zones.
#[derive(Debug, Clone)]
pub struct Dns {
    clock: Arc<dyn Clock>,
    state: Arc<Mutex<State>>,
}

#[derive(Default)]
struct State {
    now: i64,
    key: String,
    zones: BTreeMap<String, Zone>,
    knobs: DnsKnobs,
    /// Calls that take effect later, by time and order.
    due: BTreeMap<(i64, u64), (String, Vec<u8>)>,
    log: Vec<DnsEffect>,
    file: Option<std::fs::File>,
    requests: u64,
}

impl std::fmt::Debug for State {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("State")
            .field("zones", &self.zones.len())
            .field("log", &self.log.len())
            .finish_non_exhaustive()
    }
}

impl Dns {
    /// One without zones, whose clients send `key` as `x-api-key`.
    pub fn new(key: &str, clock: Arc<dyn Clock>) -> Self {
        let state = State { now: clock.now_ms(), key: key.to_owned(), ..State::default() };
        Self { clock, state: Arc::new(Mutex::new(state)) }
    }

    /// Adds an empty zone, as its owner; the name ends with a dot.
    ///
    /// # Errors
    /// The API's own words for a name that is none, or a zone that is there.
    pub fn add_zone(&self, name: &str) -> Result<(), String> {
        let body = json!({"name": name, "kind": "Native", "nameservers": [format!("ns.{name}")]});
        self.now().add_zone(&body).map(drop).map_err(|refused| refused.text())
    }

    /// Changes record sets as somebody else would; `body` is that of a `PATCH`.
    ///
    /// # Errors
    /// The API's own words for what it does not take.
    pub fn act(&self, zone: &str, body: &Value) -> Result<(), String> {
        self.now()
            .change(zone, body, Cause { by: Actor::Owner, answered: true })
            .map_err(|answer| answer.text())
    }

    /// Writes one record set as somebody else would, without comments.
    ///
    /// # Errors
    /// As [`act`](Self::act).
    pub fn write(&self, zone: &str, name: &str, kind: &str, contents: &[&str]) -> Result<(), String> {
        let records: Vec<_> =
            contents.iter().map(|content| json!({"content": content, "disabled": false})).collect();
        let set =
            json!({"name": name, "type": kind, "ttl": 300, "changetype": "REPLACE", "records": records});
        self.act(zone, &json!({"rrsets": [set]}))
    }

    /// Changes some of the knobs.
    pub fn turn(&self, change: impl FnOnce(&mut DnsKnobs)) {
        change(&mut self.now().knobs);
    }

    /// Answers a request. No socket, no await.
    pub fn call(&self, request: &Request<'_>) -> Reply {
        self.now().answer(request)
    }

    /// Everything that took effect so far, oldest first.
    pub fn log(&self) -> Vec<DnsEffect> {
        self.log_after(0)
    }

    /// The effects after the first `seq` ones, oldest first.
    pub fn log_after(&self, seq: u64) -> Vec<DnsEffect> {
        self.now().log.get(seq as usize..).unwrap_or_default().to_vec()
    }

    /// Writes the log to a file as well, one JSON object a line, what was logged already included.
    pub fn log_to(&self, path: &Path) -> std::io::Result<()> {
        let mut file = std::fs::File::create(path)?;
        let mut state = self.now();
        for effect in &state.log {
            writeln!(file, "{}", json!(effect))?;
        }
        state.file = Some(file);
        Ok(())
    }

    /// How many requests came, refused ones too.
    pub fn requests(&self) -> u64 {
        self.now().requests
    }

    /// The state, with everything done that is due.
    fn now(&self) -> MutexGuard<'_, State> {
        let now = self.clock.now_ms();
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.catch_up(now);
        state
    }
}

/// On whose behalf zones are changed.
#[derive(Debug, Clone, Copy)]
struct Cause {
    by: Actor,
    answered: bool,
}

impl State {
    fn catch_up(&mut self, now: i64) {
        while let Some(entry) = self.due.first_entry()
            && entry.key().0 <= now
        {
            let ((at, _), (zone, body)) = entry.remove_entry();
            self.now = self.now.max(at);
            // Nobody is there to be told what came of it.
            let _unheard = self.patch(&zone, &body, Cause { by: Actor::Client, answered: false });
        }
        self.now = self.now.max(now);
    }

    fn answer(&mut self, request: &Request<'_>) -> Reply {
        self.requests += 1;
        let (path, query) = request.target.split_once('?').unwrap_or((request.target, ""));
        let Some(below) = path.strip_prefix(BASE).filter(|below| below.is_empty() || below.starts_with('/'))
        else {
            return plain(404).into();
        };
        if request.header("x-api-key") != Some(self.key.as_str()) {
            let challenge = ("www-authenticate".to_owned(), "X-API-Key realm=\"PowerDNS\"".to_owned());
            let mut refused = plain(401);
            refused.headers.push(challenge);
            return refused.into();
        }
        let fault = |state: &mut Self, after: bool| {
            let rule = applies(&mut state.knobs.faults, request.method, path, |it| it.after_effect == after);
            rule.map(|fault| fault.status)
        };
        if let Some(status) = fault(self, false) {
            return failure(status);
        }
        let zone = below.trim_start_matches('/');
        if let Some(late) = applies(&mut self.knobs.late, request.method, path, |_| true) {
            let (status, at) = (late.status, self.now.saturating_add_unsigned(late.delay_ms));
            self.due.insert((at, self.requests), (zone.to_owned(), request.body.to_vec()));
            return failure(status);
        }
        let fault = fault(self, true);
        let cause = Cause { by: Actor::Client, answered: fault.is_none() };
        let answer = self.run(request, zone, query, cause);
        fault.map_or_else(|| answer.into(), failure)
    }

    fn run(&mut self, request: &Request<'_>, zone: &str, query: &str, cause: Cause) -> Answered {
        match (request.method, zone) {
            ("GET", "") => json_of(200, &self.zones.values().map(Zone::listed).collect()),
            ("POST", "") => match serde_json::from_slice(request.body) {
                Ok(body) => self.add_zone(&body).unwrap_or_else(|refused| refused),
                Err(_) => plain(400),
            },
            ("GET", zone) => self.show(zone, query),
            ("PATCH", zone) => self.patch(zone, request.body, cause),
            _ => plain(405),
        }
    }

    fn show(&self, zone: &str, query: &str) -> Answered {
        let Some(zone) = self.zones.get(&zone_name(zone)) else { return plain(404) };
        let query = parse_query(query);
        let asked = |name: &str| query.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str());
        let dotted = asked("rrset_name").map(|name| format!("{}.", name.trim_end_matches('.')));
        let shown = match (&dotted, asked("rrsets")) {
            (_, Some("false")) => Shown::None,
            (Some(name), _) => Shown::Named { name, kind: asked("rrset_type") },
            (None, _) => Shown::All,
        };
        json_of(200, &zone.shown(shown))
    }

    fn patch(&mut self, zone: &str, body: &[u8], cause: Cause) -> Answered {
        if !self.zones.contains_key(&zone_name(zone)) {
            return plain(404);
        }
        let Ok(body) = serde_json::from_slice(body) else { return plain(400) };
        match self.change(zone, &body, cause) {
            Ok(()) => Answered { status: 204, headers: Vec::new(), body: Vec::new() },
            Err(refused) => refused,
        }
    }

    /// One transaction.
    fn change(&mut self, zone: &str, body: &Value, cause: Cause) -> Result<(), Answered> {
        let name = zone_name(zone);
        let mut next = self.zones.get(&name).cloned().ok_or_else(|| plain(404))?;
        let changes = patch::apply(&mut next, body).map_err(|why| refused(&why))?;
        next.changed(today(self.now));
        self.zones.insert(name.clone(), next);
        for change in changes {
            self.record(&name, change, cause);
        }
        Ok(())
    }

    fn record(&mut self, zone: &str, change: Change, cause: Cause) {
        let Change { key: (name, kind), before, after } = change;
        let what = match (&before, &after) {
            (None, Some(_)) => DnsWhat::Created,
            (Some(_), Some(_)) => DnsWhat::Replaced,
            (Some(_), None) => DnsWhat::Deleted,
            (None, None) => return,
        };
        let effect = DnsEffect {
            seq: self.log.len() as u64 + 1,
            at_ms: self.now,
            what,
            zone: zone.to_owned(),
            name,
            kind,
            ttl: after.as_ref().or(before.as_ref()).map_or(0, |set| set.ttl),
            contents: after.map(|set| set.contents()).unwrap_or_default(),
            by: cause.by,
            answered: cause.answered,
        };
        // A torn log would mislead its reader: it ends where it cannot be written.
        if self.file.as_mut().is_some_and(|file| writeln!(file, "{}", json!(effect)).is_err()) {
            self.file = None;
        }
        self.log.push(effect);
    }

    fn add_zone(&mut self, body: &Value) -> Result<Answered, Answered> {
        let missing = |field: &str| refused(&format!("Key '{field}' not present or not a String"));
        let name =
            name_of(body["name"].as_str().ok_or_else(|| missing("name"))?).map_err(|why| refused(&why))?;
        if self.zones.contains_key(&name) {
            return Err(plain(409));
        }
        let kind = body["kind"].as_str().ok_or_else(|| missing("kind"))?;
        let servers = body["nameservers"].as_array().into_iter().flatten();
        let servers: Vec<_> = servers.filter_map(Value::as_str).map(str::to_owned).collect();
        let zone = Zone::new(&name, kind, &servers, today(self.now));
        let answer = json_of(201, &zone.shown(Shown::All));
        self.zones.insert(name, zone);
        Ok(answer)
    }
}

/// A zone's name as paths write it: `=2F` for what cannot stand in one is not known here.
fn zone_name(path: &str) -> String {
    format!("{}.", path.trim_end_matches('.').to_ascii_lowercase())
}

/// The first serial of a day: its date, and `01`.
fn today(now_ms: i64) -> u32 {
    let day = jiff::Timestamp::from_millisecond(now_ms).map(|at| at.strftime("%Y%m%d01").to_string());
    day.ok().and_then(|day| day.parse().ok()).unwrap_or(1)
}

fn json_of(status: u16, body: &Value) -> Answered {
    let headers = vec![("content-type".to_owned(), "application/json".to_owned())];
    Answered { status, headers, body: body.to_string().into_bytes() }
}

fn refused(why: &str) -> Answered {
    json_of(422, &json!({"error": why}))
}

/// A status in words: what PowerDNS says where it has no more to say.
fn plain(status: u16) -> Answered {
    let text = match status {
        400 => "Bad Request",
        401 => "Unauthorized",
        404 => "Not Found",
        405 => "Method Not Allowed",
        409 => "Conflict",
        _ => "Internal Server Error",
    };
    let headers = vec![("content-type".to_owned(), "text/plain; charset=utf-8".to_owned())];
    Answered { status, headers, body: text.as_bytes().to_vec() }
}

fn failure(status: Option<u16>) -> Reply {
    status.map_or(Reply::Dropped, |status| plain(status).into())
}
