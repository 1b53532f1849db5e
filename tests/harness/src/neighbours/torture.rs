//! What the judge of torture is given there, of a play.

use groundcrew_flysim::dns::DnsKnobs;
use groundcrew_flysim::{Reply, Request};
use groundcrew_verdict::{Births, Change, Expected, Outside, Owed, Set, Told, Verdict};
use serde_json::Value;

use super::{Neighbours, PDNS_KEY, ZONE};

/// What it says; nothing of apps with other names than its own. Nobody is told anything in such a play.
pub(super) fn judged(neighbours: &Neighbours) -> Option<Verdict> {
    let number = |app: &String| app.strip_prefix("cust-")?.parse::<u32>().ok();
    let fly = neighbours.fly.log();
    let apps = fly.iter().filter(|effect| effect.what == "app.created");
    let mut apps = apps.map(|effect| number(&effect.app)).collect::<Option<Vec<_>>>()?;
    apps.sort_unstable();
    apps.dedup();
    let living: Vec<_> = neighbours.living().iter().filter_map(number).collect();
    let deleted = apps.iter().copied().filter(|app| !living.contains(app)).collect();
    let json = |effect| serde_json::to_value(effect).expect("invariant: an effect is JSON");
    let outside = Outside {
        fly: fly.iter().map(json).collect(),
        sets: sets(neighbours),
        changes: changes(neighbours),
        foreign: Vec::new(),
        planted: Vec::new(),
        receipts: Vec::new(),
        violations: neighbours.violations(),
        too_many: 0,
    };
    let owed = Owed { births: Births::None, ..Owed::default() };
    let judged = !apps.is_empty();
    judged.then(|| Verdict::of(&outside, &Expected { living, deleted, owed }))
}

/// The zone, as its server shows it. The play is over, and so is whatever its scenario had the server answer.
fn sets(neighbours: &Neighbours) -> Vec<Set> {
    neighbours.dns.turn(|knobs| *knobs = DnsKnobs::default());
    let target = &format!("/api/v1/servers/localhost/zones/{ZONE}.");
    let headers = &[("x-api-key".to_owned(), PDNS_KEY.to_owned())];
    let reply = neighbours.dns.call(&Request { method: "GET", target, headers, body: &[] });
    let Reply::Answered(answer) = reply else { panic!("the zone cannot be read") };
    let zone: Value = serde_json::from_slice(&answer.body).expect("the zone is JSON");
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let record = |record: &Value| {
        (text(&record["content"]), if record["disabled"] == true { Told::No } else { Told::Yes })
    };
    let set = |set: &Value| Set {
        name: text(&set["name"]),
        kind: text(&set["type"]),
        ttl: set["ttl"].as_u64().unwrap_or_default(),
        records: set["records"].as_array().into_iter().flatten().map(record).collect(),
    };
    zone["rrsets"].as_array().expect("the zone has record sets").iter().map(set).collect()
}

/// What the name server made of them, in order.
fn changes(neighbours: &Neighbours) -> Vec<Change> {
    let log = neighbours.dns.log().into_iter();
    log.map(|effect| Change { name: effect.name, kind: effect.kind, contents: effect.contents }).collect()
}
