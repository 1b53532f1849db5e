//! The hook against the simulator's Managed Postgres.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

use std::sync::Arc;

use groundcrew_flysim::{Action, ManualClock, Reply, World};
use groundcrew_hook::testing::{Fake, desired, life, view, want};
use groundcrew_hook::{
    Failure, Inventory, Provisioner, Request, Response, Result, State, Thing, Value, Want, json,
};
use hook_fly_postgres::FlyPostgres;

const API: &str = "https://fly.test";

fn world() -> (World, ManualClock) {
    let clock = ManualClock::new(1_774_937_288_802);
    let world = World::new(7, Arc::new(clock.clone()));
    world.turn(|knobs| knobs.rate_limits = groundcrew_flysim::RateLimits::Off);
    world.act(Action::CreateApp { name: "cust-7".into(), org: None }).unwrap();
    (world, clock)
}

fn sent(world: &World, request: &Request) -> Result<Response> {
    let target = request.url.strip_prefix(API).ok_or_else(|| Failure::lasting("elsewhere"))?;
    let call = groundcrew_flysim::Request {
        method: &request.method,
        target,
        headers: &[("authorization".to_owned(), "FlyV1 fm2_x".to_owned())],
        body: &request.body,
    };
    let reply = world.call(&call);
    assert_eq!(world.violations(), [], "the vendor's document allows no such answer");
    match reply {
        Reply::Answered(it) => Ok(Response { status: it.status, headers: it.headers, body: it.body }),
        Reply::Dropped | Reply::Withheld => Err(Failure::passing("no answer")),
    }
}

fn fake(world: &World) -> Fake {
    let world = world.clone();
    let config = json!({ "api": API, "org": "acme", "name": "cust-7-db", "region": "fra", "plan": "basic" });
    Fake::new().config(config).secret("FLY_TOKEN").http(move |request| sent(&world, request))
}

fn cluster() -> Want {
    let body = json!({ "name": "cust-7-db", "region": "fra", "plan": "basic" });
    want("cluster", "cust-7-db", body)
}

fn output(thing: &Thing, name: &str) -> Option<String> {
    thing.outputs.iter().find(|output| output.name == name).map(|output| output.value.clone())
}

fn by_id(thing: &Thing) -> Want {
    Want { id: Some(thing.id.clone()), ..cluster() }
}

#[test]
fn a_cluster_lives_and_goes() {
    let (world, _) = world();
    let made = life::<FlyPostgres>(&fake(&world), &cluster());
    assert_eq!((made.state, &made.body["plan"]), (State::Pending, &json!("basic")));
    assert_eq!(made.mark, Some(cluster().mark));
}

#[test]
fn it_is_attached_and_pending_until_it_can_be_reached() {
    let (world, clock) = world();
    world.turn(|knobs| knobs.postgres_ready_ms = 60_000);
    let fake = fake(&world);
    let made = fake.run(|| FlyPostgres::create(&cluster())).unwrap();
    let found = fake.run(|| FlyPostgres::find(&cluster())).unwrap().remove(0);
    assert_eq!((found.state, output(&found, "url")), (State::Pending, None));
    clock.advance(60_000);
    let found = fake.run(|| FlyPostgres::find(&by_id(&made))).unwrap().remove(0);
    assert_eq!(found.state, State::Ready);
    assert_eq!(world.state()["postgres"][0]["attached_apps"], json!([{ "name": "cust-7" }]));
    assert_eq!(fake.calls().last().unwrap().seal, ["/data/password"]);
    let (password, host) = (output(&found, "password").unwrap(), output(&found, "host").unwrap());
    assert_eq!(output(&found, "url").unwrap(), format!("postgresql://fly-user:{password}@{host}/fly-db"));
}

#[test]
fn one_that_cannot_be_attached_is_made_all_the_same() {
    let (world, _) = world();
    world.act(Action::DeleteApp { app: "cust-7".into() }).unwrap();
    let fake = fake(&world);
    let made = fake.run(|| FlyPostgres::create(&cluster())).unwrap();
    assert_eq!(fake.run(|| FlyPostgres::find(&by_id(&made))).unwrap()[0].mark, made.mark);
    assert!(fake.notes()[0].1.contains("is not attached"));
}

#[test]
fn a_deletion_that_takes_its_time_is_waited_for() {
    let (world, clock) = world();
    world.turn(|knobs| knobs.postgres_delete_ms = 60_000);
    let fake = fake(&world);
    let made = fake.run(|| FlyPostgres::create(&cluster())).unwrap();
    let left = fake.run(|| FlyPostgres::remove(&by_id(&made), &made)).unwrap().unwrap();
    assert_eq!(left.state, State::Removing);
    let found = fake.run(|| FlyPostgres::find(&by_id(&made))).unwrap().remove(0);
    assert_eq!(found.state, State::Removing);
    assert!(
        fake.run(|| FlyPostgres::remove(&by_id(&made), &made)).unwrap().is_some(),
        "410: it is on its way"
    );
    clock.advance(60_000);
    assert_eq!(fake.run(|| FlyPostgres::find(&by_id(&made))).unwrap(), []);
    assert_eq!(fake.run(|| FlyPostgres::remove(&by_id(&made), &made)).unwrap(), None);
}

#[test]
fn one_of_the_same_name_is_somebody_elses() {
    let (world, _) = world();
    let name = "cust-7-db".to_owned();
    world.act(Action::CreatePostgres { name, app: None }).unwrap();
    let fake = fake(&world);
    let found = fake.run(|| FlyPostgres::find(&cluster())).unwrap();
    assert_eq!((found.len(), &found[0].mark, output(&found[0], "password")), (1, &None, None));
    fake.run(|| FlyPostgres::create(&cluster())).unwrap();
    let page = fake.run(|| FlyPostgres::scan(None, None)).unwrap();
    let keys: Vec<_> = page.things.iter().map(|it| it.key.as_deref()).collect();
    assert_eq!(keys, [Some("cust-7-db"); 2]);
}

#[test]
fn what_cannot_be_seen_is_a_failure_not_absence() {
    let (world, _) = world();
    let fake = fake(&world);
    let made = fake.run(|| FlyPostgres::create(&cluster())).unwrap();
    world.turn(|knobs| knobs.token_orgs = Some(Vec::new()));
    assert!(
        fake.run(|| FlyPostgres::find(&by_id(&made))).is_err(),
        "another token sees neither org nor cluster"
    );
    assert!(fake.run(|| FlyPostgres::find(&cluster())).is_err());
}

#[test]
fn what_is_wanted_has_a_name_and_its_app() {
    let (world, _) = world();
    let specs = desired::<FlyPostgres>(&fake(&world), &view("cust-7")).unwrap();
    assert_eq!((specs[0].key.as_str(), &specs[0].body), ("cust-7-db", &cluster().body));
    let config = json!({ "org": "acme", "name": "No Name", "region": "fra", "plan": "basic" });
    let odd = Fake::new().config(config);
    assert!(
        desired::<FlyPostgres>(&odd, &view("cust-7"))
            .unwrap_err()
            .message
            .contains("is no name of a cluster")
    );
    let nobody =
        Fake::new().config(json!({ "org": "acme", "name": Value::Null, "region": "fra", "plan": "basic" }));
    assert!(desired::<FlyPostgres>(&nobody, &view("cust-7")).unwrap().is_empty());
}

/// The want of a runner whose ledger was lost: another row of the same place.
fn again() -> Want {
    let word = format!("{}{}", &cluster().name[..10], "z".repeat(16));
    let mark = cluster().mark.replace(&cluster().name, &word);
    Want { name: word, mark, ..cluster() }
}

#[test]
fn after_a_lost_ledger_it_is_found_by_its_name_with_its_mark() {
    let (world, clock) = world();
    let fake = fake(&world);
    let made = fake.run(|| FlyPostgres::create(&cluster())).unwrap();
    let other = format!("cust-7-db-{}", "y".repeat(26));
    world.act(Action::CreatePostgres { name: other, app: None }).unwrap();
    clock.advance(600_000);
    for want in [again(), Want { id: Some(made.id.clone()), ..again() }] {
        let found = fake.run(|| FlyPostgres::find(&want)).unwrap();
        let [found] = &found[..] else { panic!("what another installation named is not ours: {found:?}") };
        assert_eq!((&found.id, &found.mark), (&made.id, &made.mark));
        assert!(output(found, "url").is_some(), "it is ours, so its credentials are told");
    }
}

#[test]
fn a_listing_says_the_host_made_name() {
    let (world, _) = world();
    let fake = fake(&world);
    fake.run(|| FlyPostgres::create(&cluster())).unwrap();
    world.act(Action::CreatePostgres { name: "theirs".to_owned(), app: None }).unwrap();
    let page = fake.run(|| FlyPostgres::scan(None, None)).unwrap();
    let mut marks: Vec<_> = page.things.into_iter().map(|it| it.thing.mark).collect();
    marks.sort();
    assert_eq!(marks, [None, Some(format!("gc1::{}", cluster().name))]);
}
