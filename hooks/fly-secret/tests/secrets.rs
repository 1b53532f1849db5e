//! The hook against the simulator's secrets.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

use std::sync::Arc;

use groundcrew_flysim::{Action, ManualClock, Reply, World};
use groundcrew_hook::testing::{Fake, desired, life, view, want};
use groundcrew_hook::{Failure, Inventory, Provisioner, Request, Response, Result, Thing, Value, Want, json};
use hook_fly_secret::FlySecret;

const API: &str = "https://fly.test";

fn world() -> World {
    let world = World::new(7, Arc::new(ManualClock::new(1_774_937_288_802)));
    world.act(Action::CreateApp { name: "cust-7".into(), org: None }).unwrap();
    world.turn(|knobs| knobs.rate_limits = groundcrew_flysim::RateLimits::Off);
    world
}

fn sent(world: &World, request: &Request) -> Result<Response> {
    let target = request.url.strip_prefix(API).ok_or_else(|| Failure::lasting("elsewhere"))?;
    let headers: Vec<_> = request
        .headers
        .iter()
        .map(|(name, value)| (name.clone(), value.replace(&Fake::token("FLY_TOKEN"), "FlyV1 fm2_x")))
        .collect();
    let call = groundcrew_flysim::Request {
        method: &request.method,
        target,
        headers: &headers,
        body: &request.body,
    };
    let reply = world.call(&call);
    assert_eq!(world.violations(), [], "the vendor's document allows no such answer");
    match reply {
        Reply::Answered(it) => Ok(Response { status: it.status, headers: it.headers, body: it.body }),
        Reply::Dropped | Reply::Withheld => Err(Failure::passing("no answer")),
    }
}

fn fake(world: &World, values: &Value) -> Fake {
    let world = world.clone();
    let config = json!({ "api": API, "values": values });
    Fake::new().config(config).secret("FLY_TOKEN").http(move |request| sent(&world, request))
}

fn url(value: &str) -> Want {
    want("secret", "DATABASE_URL", json!({ "name": "DATABASE_URL", "value": value }))
}

#[test]
fn a_secret_lives_and_goes() {
    let world = world();
    let made = life::<FlySecret>(&fake(&world, &json!({})), &url("postgres://one"));
    assert_eq!((made.id.as_str(), made.body.get("value")), ("cust-7/DATABASE_URL", None));
    assert_eq!(made.outputs[0].value, made.body["digest"].as_str().unwrap());
    assert_eq!(world.secret("cust-7", "DATABASE_URL"), None);
}

#[test]
fn another_value_has_another_digest() {
    let world = world();
    let fake = fake(&world, &json!({}));
    let one = fake.run(|| FlySecret::create(&url("one"))).unwrap();
    let two = fake.run(|| FlySecret::update(&url("two"), &one)).unwrap();
    assert_ne!(one.body["digest"], two.body["digest"]);
    assert_eq!(fake.run(|| FlySecret::find(&url("two"))).unwrap(), [two]);
    assert_eq!(world.secret("cust-7", "DATABASE_URL").as_deref(), Some("two"));
    let page = fake.run(|| FlySecret::scan(Some(&url("two").owner), None)).unwrap();
    assert_eq!((page.things.len(), page.things[0].key.as_deref()), (1, Some("DATABASE_URL")));
}

#[test]
fn a_missing_app_is_a_failure_not_absence() {
    let world = World::new(7, Arc::new(ManualClock::new(0)));
    assert!(fake(&world, &json!({})).run(|| FlySecret::find(&url("one"))).is_err());
    // Its secrets went with it.
    let gone = fake(&world, &json!({})).run(|| FlySecret::remove(&url("one"), &Thing::default()));
    assert_eq!(gone, Ok(None));
}

#[test]
fn what_is_wanted_is_texts_under_names_that_programs_can_read() {
    let world = world();
    let values = json!({ "A": "x{y}", "_B2": 7, "c": true });
    let specs = desired::<FlySecret>(&fake(&world, &values), &view("cust-7")).unwrap();
    let shown: Vec<_> =
        specs.iter().map(|spec| (spec.key.as_str(), spec.body["value"].as_str().unwrap())).collect();
    assert_eq!(shown, [("A", "x{y}"), ("_B2", "7"), ("c", "true")]);
    for (wrong, said) in [(json!({ "2A": "x" }), "no name"), (json!({ "A": ["x", "y"] }), "is no text")] {
        let failure = desired::<FlySecret>(&fake(&world, &wrong), &view("cust-7")).unwrap_err();
        assert!(!failure.retry && failure.message.contains(said), "{failure}");
    }
    assert!(desired::<FlySecret>(&fake(&world, &Value::Null), &view("cust-7")).unwrap().is_empty());
}
