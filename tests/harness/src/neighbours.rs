//! What first-party hooks talk to: the Fly simulator, the fake of PowerDNS and a small S3, on the harness's clock.
//!
//! Their own logs are put into the shape that the judge of `groundcrew-outside` reads. An app's things are for
//! `fly/acme/APP`: `v6`, `shared_v4`, `certificate/HOST`, `secret/NAME`, `tigris/NAME`, `cluster/NAME`, and `document`
//! in [`REGISTRY`], `bucket/NAME`; a record set is for [`ZONE`], with its key, `A/NAME`.

mod torture;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::{self, Write as _};
use std::sync::Arc;

use groundcrew::prove::beside::{Beside, Seen};
use groundcrew::prove::clock::{Clock, START};
use groundcrew_engine::egress::Request;
use groundcrew_flysim::dns::{Dns, DnsEffect, DnsKnobs, DnsWhat};
use groundcrew_flysim::verdict::Verdict;
use groundcrew_flysim::{self as flysim, Action, Actor, Knobs, RateLimits, World};
use groundcrew_outside::{By, Effect, Purpose, Reply, Response, What};
use serde_json::{Value, json};

use crate::pointing::{Dangling, Why, dangling};
use crate::s3::{self, Erased, S3};
use crate::scenario::{Foreign, Telling};

/// Where the Machines API is, for hooks.
pub const FLY: &str = "http://fly.example";
/// Where the name server's API is, for hooks.
pub const PDNS: &str = "http://pdns.example";
/// The zone.
pub const ZONE: &str = "example";
/// The collection of the fake that is a registry: each document's id is its app's name.
pub const REGISTRY: &str = "/registry";
/// What the API of the name server takes as a key.
pub const PDNS_KEY: &str = "key-of-powerdns";

/// The clock of a play, as the simulators read it.
#[derive(Debug)]
struct Shown(Clock);

impl groundcrew_flysim::Clock for Shown {
    fn now_ms(&self) -> i64 {
        self.0.millis()
    }
}

/// All of them; a clone is the same ones.
#[derive(Clone, Debug)]
pub struct Neighbours {
    /// Fly.
    pub fly: World,
    /// PowerDNS.
    pub dns: Dns,
    /// The store of objects.
    pub s3: S3,
}

impl Neighbours {
    /// All, empty, but for the zone; every answer of Fly's is checked against the vendor's document.
    pub fn new(clock: &Clock) -> Self {
        let fly = World::new(1, Arc::new(Shown(clock.clone())));
        // A runner keeps to the limits by its limited transport, which is not played here.
        fly.set_knobs(Knobs { rate_limits: RateLimits::Off, ..Knobs::default() });
        let dns = Dns::new(PDNS_KEY, Arc::new(Shown(clock.clone())));
        dns.add_zone(&format!("{ZONE}.")).expect("invariant: it is a zone's name");
        Self { fly, dns, s3: S3::new(clock) }
    }

    /// Acts as the platform's users do; a second creation of an app, or a second end of one, changes nothing.
    pub fn act(&self, action: &Action) {
        // Only what a script does twice is refused; what it was meant to change, the play's end shows.
        drop(self.fly.act(action.clone()));
    }

    /// Writes or deletes a record set as somebody else.
    ///
    /// # Panics
    /// If the script writes what no name server takes.
    pub(crate) fn write(&self, set: &Foreign) {
        let Foreign { name, kind, contents, told } = set;
        let set = if contents.is_empty() {
            json!({"name": name, "type": kind, "changetype": "DELETE"})
        } else {
            let record = |content| json!({"content": content, "disabled": *told == Telling::Off});
            let records: Vec<_> = contents.iter().map(record).collect();
            json!({"name": name, "type": kind, "ttl": 300, "changetype": "REPLACE", "records": records})
        };
        let done = self.dns.act(ZONE, &json!({"rrsets": [set]}));
        done.unwrap_or_else(|why| panic!("the script's record set {kind} {name}: {why}"));
    }

    /// Answers of Fly's that the vendor's document does not allow.
    pub fn violations(&self) -> Vec<String> {
        let all = self.fly.violations().into_iter();
        all.map(|violation| format!("{}: {}", violation.call, violation.problem)).collect()
    }

    /// Everything that took effect, as the judge reads it, in order of time.
    pub fn log(&self) -> Vec<Effect> {
        let mut all: Vec<_> = self.fly.log().iter().filter_map(of_fly).collect();
        all.extend(self.dns.log().iter().map(of_dns));
        all.extend(self.s3.log());
        all.sort_by_key(|effect| effect.at);
        changed_where_it_was(&mut all);
        all
    }

    /// The names of the apps that live.
    pub(crate) fn living(&self) -> Vec<String> {
        let mut living = BTreeSet::new();
        for effect in self.fly.log() {
            match effect.what.as_str() {
                "app.created" => drop(living.insert(effect.app)),
                "app.deleted" => drop(living.remove(&effect.app)),
                _ => {}
            }
        }
        living.into_iter().collect()
    }

    /// The values of all secrets that are set, by `APP/NAME`.
    pub fn secrets(&self) -> BTreeMap<String, String> {
        let log = self.fly.log();
        let set = log.iter().filter(|effect| effect.what == "secret.set");
        let value = |effect: &groundcrew_flysim::Effect| {
            let value = self.fly.secret(&effect.app, &effect.subject)?;
            Some((format!("{}/{}", effect.app, effect.subject), value))
        };
        set.filter_map(value).collect()
    }
}

/// What a script lets happen at the neighbours.
#[derive(Clone, Debug)]
pub enum Act {
    /// Something happens on Fly.
    Fly(Action),
    /// The simulator's knobs are turned.
    Turn(fn(&mut Knobs)),
    /// The knobs of the fake of PowerDNS are turned.
    TurnDns(fn(&mut DnsKnobs)),
    /// Somebody else changes a record set.
    Foreign(Foreign),
    /// Something happens in the store of objects.
    S3(s3::Act),
}

/// What there is to judge beside effects.
#[derive(Clone, Debug)]
pub struct Aftermath {
    /// Records that pointed at addresses that their apps did not have.
    pub dangling: Vec<Dangling>,
    /// Values of the apps' secrets at the end, by `APP/NAME`.
    pub secrets: BTreeMap<String, String>,
    /// How many objects are in each bucket at the end.
    pub objects: BTreeMap<String, usize>,
    /// Objects that a request made go, in order.
    pub erased: Vec<Erased>,
    /// Answers of the Fly simulator that the vendor's document does not allow.
    pub violations: Vec<String>,
    /// What the judge of `groundcrew demo` says of the two logs, of apps that should each have two addresses and a record.
    pub demo: Verdict,
    /// What the judge of `cargo xtask torture` says of the same, where apps have the names that it knows.
    pub torture: Option<groundcrew_verdict::Verdict>,
}

impl Beside for Neighbours {
    type Act = Act;
    type Seen = Aftermath;

    fn new(clock: &Clock) -> Self {
        Self::new(clock)
    }

    fn perform(&self, act: &Act) {
        match act {
            Act::Fly(action) => self.act(action),
            Act::Turn(turn) => self.fly.turn(turn),
            Act::TurnDns(turn) => self.dns.turn(turn),
            Act::Foreign(set) => self.write(set),
            Act::S3(act) => self.s3.perform(act),
        }
    }

    fn answer(&self, request: &Request) -> Option<Reply> {
        if let Some(reply) = self.s3.answer(request) {
            return Some(reply);
        }
        let Request { method, url, headers, body, .. } = request;
        let call = |target| flysim::Request { method, target, headers, body };
        let reply = if let Some(target) = url.strip_prefix(FLY) {
            self.fly.call(&call(target))
        } else {
            self.dns.call(&call(url.strip_prefix(PDNS)?))
        };
        Some(match reply {
            flysim::Reply::Answered(answer) => {
                let flysim::Answered { status, headers, body } = answer;
                Reply::Answer(Response { status, headers, body })
            }
            flysim::Reply::Dropped => Reply::Lost,
            flysim::Reply::Withheld => {
                Reply::Held(Response { status: 504, headers: Vec::new(), body: Vec::new() })
            }
        })
    }

    fn log(&self, outside: Vec<Effect>) -> Vec<Effect> {
        let mut log: Vec<_> = outside.into_iter().map(of_registry).collect();
        log.extend(Self::log(self));
        log.sort_by_key(|effect| effect.at);
        log
    }

    fn seen(&self) -> Aftermath {
        Aftermath {
            dangling: dangling(self),
            secrets: self.secrets(),
            objects: self.s3.objects(),
            erased: self.s3.erased(),
            violations: self.violations(),
            demo: Verdict::of(&self.fly.log(), &self.dns.log(), &self.living()),
            torture: torture::judged(self),
        }
    }
}

impl Seen for Aftermath {
    fn is_right(&self) -> bool {
        let points_right = self.dangling.iter().all(|it| it.why == Why::Lost && it.until.is_some());
        points_right && self.violations.is_empty()
    }

    fn tell(&self, story: &mut String) -> fmt::Result {
        for Dangling { record, address, from, until, gone: _, why } in &self.dangling {
            let until = until.map_or_else(|| "the end".to_owned(), |until| format!("{} ms", until - START));
            writeln!(story, "  {record} points at {address} from {} ms to {until}: {why:?}", from - START)?;
        }
        for violation in &self.violations {
            writeln!(story, "  not as documented: {violation}")?;
        }
        Ok(())
    }
}

/// What is made where it is already was changed: some logs have one word for both.
fn changed_where_it_was(log: &mut [Effect]) {
    let mut there = BTreeSet::new();
    for effect in log {
        let place = (effect.collection.clone(), effect.id.clone());
        match effect.what {
            What::Created if !there.insert(place.clone()) => effect.what = What::Updated,
            What::Created | What::Updated => {}
            What::Deleted => drop(there.remove(&place)),
        }
    }
}

/// Whom a document of the registry is for: it is not said in a header, as the guest of scenarios does.
pub fn of_registry(effect: Effect) -> Effect {
    if effect.collection != REGISTRY || effect.by != By::Caller {
        return effect;
    }
    let purpose = Some(Purpose::new(format!("fly/acme/{}", effect.id), "document"));
    Effect { purpose, ..effect }
}

fn of_fly(effect: &groundcrew_flysim::Effect) -> Option<Effect> {
    let kind = effect.detail["type"].as_str().unwrap_or_default();
    let (what, key) = match effect.what.as_str() {
        "ip.allocated" => (What::Created, kind.to_owned()),
        "ip.released" => (What::Deleted, kind.to_owned()),
        "cert.created" => (What::Created, format!("certificate/{}", effect.subject)),
        "addon.created" => (What::Created, add_on(effect)),
        "addon.deleted" => (What::Deleted, add_on(effect)),
        "secret.set" => (What::Created, format!("secret/{}", effect.subject)),
        "secret.unset" => (What::Deleted, format!("secret/{}", effect.subject)),
        "postgres.created" => (What::Created, format!("cluster/{}", without_word(effect))),
        "postgres.deleted" => (What::Deleted, format!("cluster/{}", without_word(effect))),
        "cert.deleted" => (What::Deleted, format!("certificate/{}", effect.subject)),
        _ => return None,
    };
    let by = match effect.by {
        Actor::Client => By::Caller,
        Actor::Owner => By::Stranger,
        Actor::Platform => By::Container,
    };
    // Add-ons and clusters are the organisation's, and outlive their app.
    let collection = match effect.what.split_once('.') {
        Some(("addon", _)) => format!("{FLY}/add-ons"),
        Some(("postgres", _)) => format!("{FLY}/postgres"),
        _ => format!("{FLY}/{}/{}", effect.app, effect.app_id),
    };
    // Nothing says which app a cluster is made for but its name, as scenarios write it.
    let app = match effect.what.as_str() {
        "postgres.created" => without_word(effect).trim_end_matches("-db"),
        _ => &effect.app,
    };
    Some(Effect {
        at: effect.at_ms,
        collection,
        id: effect.subject.clone(),
        what,
        by,
        purpose: (by == By::Caller).then(|| Purpose::new(format!("fly/acme/{app}"), key)),
        name: effect.detail["digest"].as_str().map(str::to_owned),
        mark: None,
        body: effect.detail["digest"].clone(),
    })
}

/// The key of an add-on: its provider, and its name without the word that the host adds.
fn add_on(effect: &groundcrew_flysim::Effect) -> String {
    let provider = effect.detail["provider"].as_str().unwrap_or_default();
    format!("{provider}/{}", without_word(effect))
}

/// A name without the word that the host adds.
fn without_word(effect: &groundcrew_flysim::Effect) -> &str {
    let name = effect.detail["name"].as_str().unwrap_or_default();
    name.rsplit_once('-').filter(|(_, word)| word.len() == 26).map_or(name, |(key, _)| key)
}

fn of_dns(effect: &DnsEffect) -> Effect {
    let what = match effect.what {
        DnsWhat::Created => What::Created,
        DnsWhat::Replaced => What::Updated,
        DnsWhat::Deleted => What::Deleted,
    };
    let by = if effect.by == Actor::Client { By::Caller } else { By::Stranger };
    let key = format!("{}/{}", effect.kind, effect.name.trim_end_matches('.'));
    Effect {
        at: effect.at_ms,
        collection: PDNS.to_owned(),
        id: key.clone(),
        what,
        by,
        purpose: (by == By::Caller).then(|| Purpose::new(ZONE, key)),
        name: Some(effect.contents.join(" ")),
        mark: None,
        // What other types say is drawn, or the server's own: an address, an id. Whether addresses are right is judged by
        // itself, see `pointing`.
        body: if effect.kind == "CNAME" { json!(effect.contents) } else { Value::Null },
    }
}
