//! The hook against the simulator's add-ons.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

use std::sync::Arc;

use groundcrew_flysim::{Action, ManualClock, Reply, World};
use groundcrew_hook::testing::{Fake, answer, desired, life, view, want};
use groundcrew_hook::{
    Failure, Inventory, Provisioner, Request, Response, Result, State, Thing, Value, Want, json,
};
use hook_fly_addon::FlyAddOn;

const API: &str = "https://api.fly.test";

fn world() -> (World, ManualClock) {
    let clock = ManualClock::new(1_774_937_288_802);
    let world = World::new(7, Arc::new(clock.clone()));
    world.act(Action::CreateApp { name: "cust-7".into(), org: None }).unwrap();
    (world, clock)
}

fn sent(world: &World, request: &Request) -> Result<Response> {
    let target = request.url.strip_prefix(API).ok_or_else(|| Failure::lasting("elsewhere"))?;
    let authorization = ("authorization".to_owned(), "FlyV1 fm2_x".to_owned());
    assert!(request.headers.contains(&("authorization".into(), Fake::token("FLY_TOKEN"))));
    let call = groundcrew_flysim::Request {
        method: &request.method,
        target,
        headers: &[authorization],
        body: &request.body,
    };
    let reply = world.call(&call);
    assert_eq!(world.violations(), [], "the vendor's document allows no such answer");
    match reply {
        Reply::Answered(it) => Ok(Response { status: it.status, headers: it.headers, body: it.body }),
        Reply::Dropped | Reply::Withheld => Err(Failure::passing("no answer")),
    }
}

fn fake(world: &World, add_ons: &Value) -> Fake {
    let world = world.clone();
    let config = json!({ "graphql": format!("{API}/graphql"), "org": "acme", "add_ons": add_ons });
    let fake = Fake::new().config(config).secret("FLY_TOKEN");
    let fake = fake.reads(|request| !String::from_utf8_lossy(&request.body).contains("mutation"));
    fake.http(move |request| sent(&world, request))
}

fn bucket() -> Want {
    want("tigris", "cust-7-assets", json!({ "name": "cust-7-assets" }))
}

fn cache() -> Want {
    let body = json!({ "name": "cust-7-cache", "region": "fra", "plan": "payg" });
    want("upstash-redis", "cust-7-cache", body)
}

fn output(thing: &Thing, name: &str) -> Option<String> {
    thing.outputs.iter().find(|output| output.name == name).map(|output| output.value.clone())
}

fn plant(world: &World, name: &str) {
    let (provider, name) = ("tigris".to_owned(), name.to_owned());
    world.act(Action::CreateAddOn { provider, name, app: None }).unwrap();
}

#[test]
fn add_ons_live_and_go_by_their_id() {
    let (world, _) = world();
    for want in [bucket(), cache()] {
        let made = life::<FlyAddOn>(&fake(&world, &Value::Null), &want);
        assert_eq!((&made.body, made.state, made.mark), (&want.body, State::Ready, Some(want.mark)));
        assert!(made.made.is_some());
    }
    let log = world.log();
    let deleted: Vec<_> = log.iter().filter(|effect| effect.what == "addon.deleted").collect();
    assert_eq!(deleted.len(), 2);
}

#[test]
fn credentials_are_asked_for_sealed_and_read_again_where_they_can_be() {
    let (world, _) = world();
    let fake = fake(&world, &Value::Null);
    let made = fake.run(|| FlyAddOn::create(&bucket())).unwrap();
    let sealed = &fake.writes()[0].seal;
    assert!(
        sealed.iter().any(|pointer| pointer.ends_with("/environment/AWS_SECRET_ACCESS_KEY")),
        "{sealed:?}"
    );
    assert!(output(&made, "secret_access_key").unwrap().starts_with("tsec_"));
    let found = fake.run(|| FlyAddOn::find(&bucket())).unwrap().remove(0);
    assert_eq!((output(&found, "secret_access_key"), output(&found, "region")), (None, Some("auto".into())));

    let made = fake.run(|| FlyAddOn::create(&cache())).unwrap();
    let found = fake.run(|| FlyAddOn::find(&cache())).unwrap().remove(0);
    assert!(output(&made, "url").unwrap().starts_with("redis://default:"));
    assert_eq!(output(&made, "url"), output(&found, "url"));
    assert_eq!(fake.calls().last().unwrap().seal, ["/data/addOn/publicUrl"]);
}

#[test]
fn the_same_creation_again_makes_no_second_one() {
    let (world, _) = world();
    let fake = fake(&world, &Value::Null);
    fake.run(|| FlyAddOn::create(&bucket())).unwrap();
    let failure = fake.run(|| FlyAddOn::create(&bucket())).unwrap_err();
    assert!(failure.retry && failure.message.contains("already been taken"), "{failure}");
    assert_eq!(fake.run(|| FlyAddOn::find(&bucket())).unwrap().len(), 1);
}

#[test]
fn one_of_the_same_name_is_somebody_elses_and_stays() {
    let (world, _) = world();
    plant(&world, "cust-7-assets");
    plant(&world, "cust-7-assets-2");
    let fake = fake(&world, &Value::Null);
    let found = fake.run(|| FlyAddOn::find(&bucket())).unwrap();
    assert_eq!((found.len(), &found[0].mark), (1, &None));
    let made = fake.run(|| FlyAddOn::create(&bucket())).unwrap();
    let known = Want { id: Some(made.id.clone()), ..bucket() };
    fake.run(|| FlyAddOn::remove(&known, &made)).unwrap();
    assert_eq!(world.state()["add_ons"].as_array().unwrap().len(), 2);
}

#[test]
fn it_outlives_its_app_and_is_scanned_with_its_key() {
    let (world, _) = world();
    let fake = fake(&world, &Value::Null);
    let made = fake.run(|| FlyAddOn::create(&bucket())).unwrap();
    plant(&world, "other");
    world.act(Action::DeleteApp { app: "cust-7".into() }).unwrap();
    let page = fake.run(|| FlyAddOn::scan(None, None)).unwrap();
    let mut keys: Vec<_> = page.things.iter().map(|it| it.key.clone().unwrap()).collect();
    keys.sort();
    assert_eq!(keys, ["cust-7-assets", "other"]);
    let known = Want { id: Some(made.id.clone()), ..bucket() };
    assert_eq!(fake.run(|| FlyAddOn::find(&known)).unwrap().len(), 1);
    assert_eq!(fake.run(|| FlyAddOn::remove(&known, &made)).unwrap(), None);
    assert_eq!(fake.run(|| FlyAddOn::find(&known)).unwrap(), []);
}

#[test]
fn what_is_being_made_is_pending() {
    let (world, clock) = world();
    world.turn(|knobs| knobs.add_on_ready_ms = 10_000);
    let fake = fake(&world, &Value::Null);
    let made = fake.run(|| FlyAddOn::create(&cache())).unwrap();
    assert_eq!((made.state, made.poll_ms), (State::Pending, Some(5_000)));
    clock.advance(10_000);
    assert_eq!(fake.run(|| FlyAddOn::find(&cache())).unwrap()[0].state, State::Ready);
}

#[test]
fn a_missing_organisation_is_a_failure_not_an_empty_list() {
    let (world, _) = world();
    world.turn(|knobs| knobs.token_orgs = Some(Vec::new()));
    let failure = fake(&world, &Value::Null).run(|| FlyAddOn::find(&bucket())).unwrap_err();
    assert!(failure.message.contains("Could not find Organization"), "{failure}");
}

#[test]
fn what_is_wanted_has_names_that_providers_take() {
    let (world, _) = world();
    let entries = json!([
        { "type": "tigris", "name": "cust-7-assets" },
        { "type": "upstash_redis", "name": "cust-7-cache", "region": "fra", "plan": "payg" },
    ]);
    let specs = desired::<FlyAddOn>(&fake(&world, &entries), &view("cust-7")).unwrap();
    assert_eq!([&specs[0].body, &specs[1].body], [&bucket().body, &cache().body]);
    for (wrong, said) in [
        (json!([{ "type": "tigris", "name": "Assets" }]), "is no name of an add-on"),
        (json!([{ "type": "tigris", "name": "a".repeat(37) }]), "is no name of an add-on"),
        (json!([{ "type": "tigris", "name": "a", "region": "fra" }]), "neither region nor plan"),
    ] {
        let failure = desired::<FlyAddOn>(&fake(&world, &wrong), &view("cust-7")).unwrap_err();
        assert!(failure.message.contains(said), "{failure}");
    }
}

#[test]
fn after_a_lost_ledger_it_is_found_by_its_name_with_its_mark() {
    let (world, _) = world();
    let fake = fake(&world, &Value::Null);
    for want in [bucket(), cache()] {
        let made = fake.run(|| FlyAddOn::create(&want)).unwrap();
        let name = format!("{}{}", &want.name[..10], "z".repeat(16));
        let again = Want { mark: want.mark.replace(&want.name, &name), name, ..want };
        for want in [again.clone(), Want { id: Some(made.id.clone()), ..again }] {
            let found = fake.run(|| FlyAddOn::find(&want)).unwrap();
            assert_eq!((found.len(), &found[0].id, &found[0].mark), (1, &made.id, &made.mark));
        }
    }
    plant(&world, &format!("cust-7-logs-{}", "y".repeat(26)));
    let logs = want("tigris", "cust-7-logs", json!({ "name": "cust-7-logs" }));
    assert_eq!(fake.run(|| FlyAddOn::find(&logs)).unwrap(), [], "another installation's has another name");
}

#[test]
fn a_listing_says_the_host_made_name() {
    let (world, _) = world();
    let fake = fake(&world, &Value::Null);
    fake.run(|| FlyAddOn::create(&bucket())).unwrap();
    plant(&world, "other");
    let page = fake.run(|| FlyAddOn::scan(None, None)).unwrap();
    let mut marks: Vec<_> = page.things.into_iter().map(|it| it.thing.mark).collect();
    marks.sort();
    assert_eq!(marks, [None, Some(format!("gc1::{}", bucket().name))]);
}

#[test]
fn a_listing_that_stops_before_its_end_is_a_failure() {
    let (world, _) = world();
    let asked = |info: Value| {
        let config = json!({ "graphql": format!("{API}/graphql"), "org": "acme", "add_ons": null });
        let body =
            json!({ "data": { "organization": { "id": "o", "addOns": { "nodes": [], "pageInfo": info } } } });
        let fake = Fake::new().config(config).secret("FLY_TOKEN").http(move |_| answer(200, &body));
        fake.run(|| FlyAddOn::find(&bucket()))
    };
    for early in [
        json!({ "hasNextPage": true, "endCursor": null }),
        json!({ "hasNextPage": true, "endCursor": "" }),
        json!({ "hasNextPage": true, "endCursor": "same" }),
        Value::Null,
    ] {
        let failure = asked(early.clone()).unwrap_err();
        assert!(failure.retry && failure.message.contains("stops before its end"), "{early}: {failure}");
    }
    assert_eq!(asked(json!({ "hasNextPage": false, "endCursor": null })).unwrap(), []);
    for number in 0..150 {
        plant(&world, &format!("other-{number}"));
    }
    let listed = fake(&world, &Value::Null).run(|| FlyAddOn::scan(None, None)).unwrap();
    assert_eq!(listed.things.len(), 150, "over two pages");
}
