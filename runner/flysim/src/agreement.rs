//! Random calls, random unkindness: the log and the state must tell the same story.

use std::collections::BTreeSet;
use std::sync::Arc;

use serde_json::{Value, json};

use crate::http::{Call, Outcome, Parts};
use crate::ids::mix;
use crate::{Fault, Late, ManualClock, RateLimits, World};

/// What lives: kind, app id, subject.
type Living = BTreeSet<(&'static str, String, String)>;

/// For each kind, the word that begins and the word that ends a life.
const LIVES: [(&str, &str, &str); 6] = [
    ("app", "app.created", "app.deleted"),
    ("machine", "machine.created", "machine.destroyed"),
    ("ip", "ip.allocated", "ip.released"),
    ("cert", "cert.created", "cert.deleted"),
    ("secret", "secret.set", "secret.unset"),
    ("volume", "volume.created", "volume.destroyed"),
];

fn told_by_log(world: &World) -> Living {
    let mut living = Living::new();
    for effect in world.log() {
        for (kind, begins, ends) in LIVES {
            let key = (kind, effect.app_id.clone(), effect.subject.clone());
            if effect.what == begins {
                let fresh = living.insert(key);
                let again = matches!(kind, "cert" | "secret");
                assert!(fresh || again, "born twice: {effect:?}");
            } else if effect.what == ends {
                assert!(living.remove(&key), "died without a life: {effect:?}");
            }
        }
    }
    living
}

fn told_by_state(world: &World) -> Living {
    let state = world.state();
    let mut living = Living::new();
    let lists = [
        ("machine", "machines", "/id"),
        ("ip", "ips", "/ip"),
        ("cert", "certificates", "/hostname"),
        ("secret", "secrets", ""),
        ("volume", "volumes", "/id"),
    ];
    for app in state["apps"].as_array().into_iter().flatten().filter(|app| app["gone_ms"].is_null()) {
        let text = |value: Option<&Value>| value.and_then(Value::as_str).unwrap_or_default().to_owned();
        let id = text(app.get("id"));
        living.insert(("app", id.clone(), text(app.get("name"))));
        for (kind, list, pointer) in lists {
            for thing in app[list].as_array().into_iter().flatten() {
                if thing["state"] != "destroyed" {
                    living.insert((kind, id.clone(), text(thing.pointer(pointer))));
                }
            }
        }
    }
    living
}

/// A source of small numbers that repeats for a seed.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        self.0 = mix(self.0);
        (self.0 % sides as u64) as usize
    }

    fn pick<T: Copy>(&mut self, from: &[T]) -> T {
        from[self.roll(from.len())]
    }
}

/// Some machine, volume or address that is or was there.
fn subject(world: &World, dice: &mut Dice, what: &str) -> String {
    let log = world.log();
    let known: Vec<_> = log.iter().filter(|effect| effect.what == what).collect();
    let recent = &known[known.len().saturating_sub(6)..];
    if recent.is_empty() { "x".into() } else { recent[dice.roll(recent.len())].subject.clone() }
}

fn random_call(world: &World, dice: &mut Dice) -> (&'static str, String, Value) {
    let app = dice.pick(&["a", "b", "c"]);
    let host = dice.pick(&["x.example", "*.y.example", "bad host"]).replace('*', "%2A").replace(' ', "%20");
    let base = format!("/v1/apps/{app}");
    let machine = format!("{base}/machines/{}", subject(world, dice, "machine.created"));
    let volume = subject(world, dice, "volume.created");
    let verb = dice.pick(&["start", "stop", "suspend", "restart", "cordon", "signal", "lease"]);
    let signal = if verb == "signal" { json!({"signal": "SIGKILL"}) } else { json!({}) };
    let list =
        dice.pick(&["machines?include_deleted=true", "volumes", "ip_assignments", "certificates", "secrets"]);
    let kind = dice.pick(&["v4", "v6", "shared_v4", "private_v6", "v5"]);
    let mounts = json!([{"volume": volume, "path": "/d"}]);
    let config = if dice.roll(3) == 0 {
        json!({"mounts": mounts})
    } else {
        json!({"auto_destroy": dice.roll(4) == 0})
    };
    match dice.roll(18) {
        0 | 1 => ("POST", "/v1/apps".into(), json!({"name": app, "org_slug": "acme"})),
        2 => ("DELETE", if dice.roll(4) == 0 { base } else { format!("{base}/nothing") }, Value::Null),
        3..=5 => ("POST", format!("{base}/machines"), json!({"config": config})),
        6 => ("POST", machine, json!({"config": config})),
        7 | 8 => ("POST", format!("{machine}/{verb}"), signal),
        9 => ("DELETE", format!("{machine}?force=true"), Value::Null),
        10 => ("POST", format!("{base}/ip_assignments"), json!({"type": kind})),
        11 => {
            let ip = subject(world, dice, "ip.allocated");
            ("DELETE", format!("{base}/ip_assignments/{ip}"), Value::Null)
        }
        12 => ("POST", format!("{base}/certificates/acme"), json!({"hostname": host.replace("%2A", "*")})),
        13 => {
            let part = dice.pick(&["", "/acme", "/custom"]);
            ("DELETE", format!("{base}/certificates/{host}{part}"), Value::Null)
        }
        14 => (
            "POST",
            format!("{base}/secrets"),
            json!({"values": {"A": dice.pick(&[Some("v"), None]), "B": "w"}}),
        ),
        15 => ("POST", format!("{base}/volumes"), json!({"name": "d"})),
        16 => ("DELETE", format!("{base}/volumes/{volume}"), Value::Null),
        _ => ("GET", format!("{base}/{list}"), Value::Null),
    }
}

fn call(world: &World, (method, target, body): &(&str, String, Value)) {
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let body = if body.is_null() { Vec::new() } else { body.to_string().into_bytes() };
    let mut call = Call::new(&Parts {
        method,
        path,
        query,
        authorization: Some("Bearer t"),
        body: &body,
        ..Parts::default()
    });
    let outcome = world.with(|state| state.exchange(&mut call));
    if let Outcome::Reply(answer) = outcome
        && call.route.is_some()
    {
        assert_ne!(answer.status, 500);
        world.with(|state| state.sent(&call, Some(&answer)));
    }
}

fn random_knobs(world: &World, dice: &mut Dice) {
    let rule =
        |count| Fault { path: "/v1/**".into(), status: Some(503), count: Some(count), ..Fault::default() };
    world.turn(|knobs| {
        knobs.rate_limits = RateLimits::Off;
        knobs.transition_ms = dice.pick(&[0, 700]);
        knobs.app_delete_ms = dice.pick(&[0, 900]);
        knobs.volume_detach_ms = dice.pick(&[0, 1_500]);
        knobs.cert_active_after_ms = dice.pick(&[None, Some(500)]);
        knobs.cert_rate_limited_ms = dice.pick(&[0, 800]);
        knobs.events_unknown = dice.roll(2) == 0;
        knobs.stale_machines_ms = dice.pick(&[0, 2_000]);
        knobs.destroyed_app_400 = dice.roll(2) == 0;
        knobs.faults = vec![Fault { after_effect: true, ..rule(2) }, rule(2)];
        let (path, delay_ms) = ("/v1/apps/**".into(), 1_000);
        knobs.late = vec![Late { path, delay_ms, status: Some(504), count: Some(3), ..Late::default() }];
    });
}

#[test]
fn after_any_calls_the_log_and_the_state_tell_the_same_story() {
    for seed in 1..=6 {
        let clock = ManualClock::new(1_774_937_288_802);
        let world = World::new(seed, Arc::new(clock.clone()));
        let mut dice = Dice(mix(seed));
        for round in 0..40 {
            random_knobs(&world, &mut dice);
            for _ in 0..25 {
                let next = random_call(&world, &mut dice);
                call(&world, &next);
                clock.advance(dice.roll(300) as i64);
            }
            assert_eq!(told_by_log(&world), told_by_state(&world), "seed {seed}, round {round}");
        }
        let undocumented = |call: &str| call.contains("/nothing");
        let violations: Vec<_> = world.violations().into_iter().filter(|v| !undocumented(&v.call)).collect();
        assert!(violations.is_empty(), "seed {seed}: {violations:#?}");
        assert!(world.log().len() > 200, "seed {seed}: too little took place");
    }
}
