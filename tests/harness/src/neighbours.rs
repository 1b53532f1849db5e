//! What first-party hooks talk to: the Fly simulator and the fake of PowerDNS, on the harness's clock.
//!
//! Their own logs are put into the shape that the judge of `groundcrew-outside` reads. An app's things are for
//! `fly/acme/APP`: `v6`, `shared_v4`, `certificate/HOST`, `tigris/NAME`; a record set is for [`ZONE`], with its key, `A/NAME`.

use std::sync::Arc;

use groundcrew_flysim::dns::{Dns, DnsEffect, DnsWhat};
use groundcrew_flysim::{Action, Actor, Knobs, RateLimits, World};
use groundcrew_outside::{By, Effect, Purpose, What};
use serde_json::json;

use crate::clock::Clock;
use crate::scenario::{Foreign, Telling};

/// Where the Machines API is, for hooks.
pub const FLY: &str = "http://fly.example";
/// Where the name server's API is, for hooks.
pub const PDNS: &str = "http://pdns.example";
/// The zone.
pub const ZONE: &str = "example";
/// What its API takes as a key.
pub const PDNS_KEY: &str = "key-of-powerdns";

impl groundcrew_flysim::Clock for Clock {
    fn now_ms(&self) -> i64 {
        self.millis()
    }
}

/// Both of them; a clone is the same ones.
#[derive(Clone, Debug)]
pub struct Neighbours {
    /// Fly.
    pub fly: World,
    /// PowerDNS.
    pub dns: Dns,
}

impl Neighbours {
    /// Both, empty, but for the zone; every answer of Fly's is checked against the vendor's document.
    pub fn new(clock: &Clock) -> Self {
        let fly = World::new(1, Arc::new(clock.clone())).validated();
        // A runner keeps to the limits by its limited transport, which is not played here.
        fly.set_knobs(Knobs { rate_limits: RateLimits::Off, ..Knobs::default() });
        let dns = Dns::new(PDNS_KEY, Arc::new(clock.clone()));
        dns.add_zone(&format!("{ZONE}.")).expect("invariant: it is a zone's name");
        Self { fly, dns }
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
        all.sort_by_key(|effect| effect.at);
        all
    }
}

fn of_fly(effect: &groundcrew_flysim::Effect) -> Option<Effect> {
    let kind = effect.detail["type"].as_str().unwrap_or_default();
    let (what, key) = match effect.what.as_str() {
        "ip.allocated" => (What::Created, kind.to_owned()),
        "ip.released" => (What::Deleted, kind.to_owned()),
        "cert.created" => (What::Created, format!("certificate/{}", effect.subject)),
        "addon.created" => (What::Created, add_on(effect)),
        "addon.deleted" => (What::Deleted, add_on(effect)),
        "cert.deleted" => (What::Deleted, format!("certificate/{}", effect.subject)),
        _ => return None,
    };
    let by = match effect.by {
        Actor::Client => By::Caller,
        Actor::Owner => By::Stranger,
        Actor::Platform => By::Container,
    };
    // Add-ons are the organisation's, and outlive their app.
    let collection = match effect.what.split_once('.') {
        Some(("addon", _)) => format!("{FLY}/add-ons"),
        _ => format!("{FLY}/{}/{}", effect.app, effect.app_id),
    };
    Some(Effect {
        at: effect.at_ms,
        collection,
        id: effect.subject.clone(),
        what,
        by,
        purpose: (by == By::Caller).then(|| Purpose::new(format!("fly/acme/{}", effect.app), key)),
        name: None,
        mark: None,
    })
}

/// The key of an add-on: its provider, and its name without the word that the host adds.
fn add_on(effect: &groundcrew_flysim::Effect) -> String {
    let text = |field: &str| effect.detail[field].as_str().unwrap_or_default();
    let name = text("name");
    let key = name.rsplit_once('-').filter(|(_, word)| word.len() == 26).map_or(name, |(key, _)| key);
    format!("{}/{key}", text("provider"))
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
    }
}
