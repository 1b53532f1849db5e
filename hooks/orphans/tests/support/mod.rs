//! A hook between the SDK's fake host and the Fly simulator; the mirror follows the simulated world.

#![allow(dead_code, reason = "every test file uses its own part")]
#![allow(clippy::needless_pass_by_value, reason = "tests write JSON where they call")]

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;
use std::sync::Arc;

use groundcrew_flysim::{Action, ManualClock, RateLimits, Reply, Request as SimRequest, World};
use groundcrew_hook::fleet::RunningTime;
use groundcrew_hook::testing::Fake;
use groundcrew_hook::{
    Auditor, Failure, Finding, FindingPage, Outcome, Remedy, Request, Response, Result, Subject, Value, json,
};

/// Where the simulated Machines API is.
pub(crate) const FLY: &str = "https://fly.test";
/// Where the simulated GraphQL API is.
pub(crate) const GRAPHQL: &str = "https://graphql.test";
/// 2026-03-01T00:00:00Z: the beginning of a month.
pub(crate) const START_MS: i64 = 1_772_323_200_000;
const DAY_MS: i64 = 86_400_000;
const PAGES_MAX: usize = 100;

/// A simulated world, and a host whose hook sees it.
pub(crate) struct Sim {
    pub(crate) world: World,
    pub(crate) clock: ManualClock,
    pub(crate) fake: Fake,
    mirrored: RefCell<Vec<String>>,
    writes: Rc<RefCell<Vec<String>>>,
    unseen: Rc<Cell<u64>>,
}

impl Sim {
    /// A world without apps; the stanza's `config` gets the addresses and the organisation.
    pub(crate) fn new(config: Value) -> Self {
        let clock = ManualClock::new(START_MS);
        let world = World::new(7, Arc::new(clock.clone()));
        world.turn(|knobs| knobs.rate_limits = RateLimits::Off);
        let writes = Rc::new(RefCell::new(Vec::new()));
        let unseen = Rc::new(Cell::new(0));
        let (time, ran) = (clock.clone(), running(&world, &clock, &unseen));
        let fake = Fake::new()
            .secret("FLY_TOKEN")
            .secret("FLY_GRAPHQL_TOKEN")
            .clock(move || time.now())
            .running(ran)
            .http(answerer(world.clone(), Rc::clone(&writes)));
        Self { world, clock, fake: with(fake, config), mirrored: RefCell::default(), writes, unseen }
    }

    /// Replaces the stanza's `config`.
    pub(crate) fn config(&self, config: Value) {
        drop(with(self.fake.clone(), config));
    }

    pub(crate) fn act(&self, action: Value) -> Value {
        let action: Action = serde_json::from_value(action).unwrap();
        self.world.act(action).unwrap()
    }

    /// Makes something that the organisation has.
    pub(crate) fn make(&self, thing: Value) -> String {
        let id = self.act(json!({ "do": "make_org_thing", "thing": thing }));
        id.as_str().unwrap().to_owned()
    }

    /// Makes an app with a started machine; returns the machine's id.
    pub(crate) fn app(&self, name: &str, config: Value) -> String {
        self.act(json!({ "do": "create_app", "name": name }));
        self.machine(name, config)
    }

    /// Makes a started machine; returns its id.
    pub(crate) fn machine(&self, app: &str, config: Value) -> String {
        let made = self.act(json!({ "do": "create_machine", "app": app, "config": config }));
        made["id"].as_str().unwrap().to_owned()
    }

    pub(crate) fn volume(&self, app: &str, name: &str) -> String {
        let made = self.act(json!({ "do": "create_volume", "app": app, "name": name }));
        made["id"].as_str().unwrap().to_owned()
    }

    pub(crate) fn machine_do(&self, what: &str, machine: &str) {
        self.act(json!({ "do": format!("{what}_machine"), "machine": machine }));
    }

    pub(crate) fn days(&self, days: i64) {
        self.clock.advance(days * DAY_MS);
    }

    pub(crate) fn hours(&self, hours: i64) {
        self.clock.advance(hours * DAY_MS / 24);
    }

    /// Lets the mirror know of every app's machines that it did not see them for so many seconds.
    pub(crate) fn unseen(&self, seconds: u64) {
        self.unseen.set(seconds);
    }

    /// The state of a machine.
    pub(crate) fn state_of(&self, machine: &str) -> String {
        let state = self.world.state();
        let apps = state["apps"].as_array().unwrap().iter();
        let mut machines = apps.flat_map(|app| app["machines"].as_array().unwrap());
        let found = machines.find(|one| one["id"] == machine).unwrap();
        found["state"].as_str().unwrap().to_owned()
    }

    /// Lets the mirror see the world as it is.
    fn mirror(&self) {
        for path in self.mirrored.borrow_mut().drain(..) {
            self.fake.gone(&path);
        }
        let add = |path: String, id: String, state: &Value| {
            let state = state.as_str().unwrap_or_default().to_owned();
            self.mirrored.borrow_mut().push(path.clone());
            drop(self.fake.clone().fleet(Subject { path, id, state, labels: json!({ "team": "blue" }) }));
        };
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        let ours = |app: &&Value| app["gone_ms"].is_null() && app["org"] == "acme";
        for app in self.world.state()["apps"].as_array().unwrap().iter().filter(ours) {
            let path = format!("fly/acme/{}", text(&app["name"]));
            for machine in app["machines"].as_array().unwrap().iter().filter(|it| it["state"] != "destroyed")
            {
                let id = text(&machine["id"]);
                add(format!("{path}/{id}"), format!("machine:{id}"), &machine["state"]);
            }
            add(path, format!("app:{}", text(&app["id"])), &json!("deployed"));
        }
    }

    /// A whole look, as the host takes it: page by page, each (code, about) once, nothing written.
    pub(crate) fn try_look<A: Auditor>(&self, manifest: &str) -> Result<Vec<Finding>> {
        self.try_look_by(manifest, A::run)
    }

    /// The same by whatever answers page by page.
    pub(crate) fn try_look_by(
        &self,
        manifest: &str,
        run: impl Fn(Option<&str>) -> Result<FindingPage>,
    ) -> Result<Vec<Finding>> {
        self.mirror();
        let written = self.writes.borrow().len();
        let (mut findings, mut cursor, mut seen) = (Vec::new(), None::<String>, BTreeSet::new());
        for _ in 0..PAGES_MAX {
            let FindingPage { findings: page, next } = self.fake.run(|| run(cursor.as_deref()))?;
            for finding in page {
                assert!(
                    manifest.contains(&format!("\"{}\"", finding.code)),
                    "{} is not in `reports`",
                    finding.code
                );
                assert!(
                    seen.insert((finding.code.clone(), finding.about.clone())),
                    "told twice: {finding:?}"
                );
                findings.push(finding);
            }
            assert_eq!(self.writes.borrow().len(), written, "an auditor only reads");
            if next.is_none() {
                assert!(self.world.violations().is_empty(), "{:#?}", self.world.violations());
                return Ok(findings);
            }
            cursor = next;
        }
        panic!("the look does not end");
    }

    pub(crate) fn look<A: Auditor>(&self, manifest: &str) -> Vec<Finding> {
        self.try_look::<A>(manifest).unwrap()
    }

    /// Mends one finding, with the mirror as it is then.
    pub(crate) fn try_fix<R: Remedy>(&self, finding: &Finding) -> Result<Outcome> {
        self.try_fix_by(|| R::fix(finding))
    }

    /// The same by whatever mends it.
    pub(crate) fn try_fix_by(&self, fix: impl FnOnce() -> Result<Outcome>) -> Result<Outcome> {
        self.mirror();
        self.fake.run(fix)
    }

    pub(crate) fn fix<R: Remedy>(&self, finding: &Finding) -> Outcome {
        self.try_fix::<R>(finding).unwrap()
    }

    /// How often something took effect.
    pub(crate) fn effects(&self, what: &str) -> usize {
        self.world.log().iter().filter(|effect| effect.what == what).count()
    }
}

trait Now {
    fn now(&self) -> i64;
}

impl Now for ManualClock {
    fn now(&self) -> i64 {
        groundcrew_flysim::Clock::now_ms(self)
    }
}

/// How long machines ran, as a mirror that misses nothing tells it; all are of the size that the simulator gives.
fn running(
    world: &World,
    clock: &ManualClock,
    unseen: &Rc<Cell<u64>>,
) -> impl Fn(&str, &str) -> Vec<RunningTime> + 'static {
    let (world, clock, unseen) = (world.clone(), clock.clone(), Rc::clone(unseen));
    move |path, month| {
        let (from, until) = month_of(month, clock.now());
        let name = path.rsplit('/').next().unwrap();
        let state = world.state();
        let lives = |app: &&Value| app["name"] == name && app["gone_ms"].is_null();
        let Some(app) = state["apps"].as_array().unwrap().iter().find(lives) else { return Vec::new() };
        let (mut began, mut regions) = (BTreeMap::new(), BTreeMap::new());
        let mut ran = BTreeMap::<String, i64>::new();
        let log = world.log();
        for effect in log.iter().filter(|effect| app["id"] == effect.app_id.as_str()) {
            if effect.what == "machine.created" {
                regions.insert(effect.subject.clone(), effect.detail["region"].as_str().unwrap().to_owned());
            }
            let stops = ["stopped", "suspended", "failed", "destroyed"];
            match effect.what.strip_prefix("machine.") {
                Some("started") => drop(began.entry(effect.subject.clone()).or_insert(effect.at_ms)),
                Some(state) if stops.contains(&state) => {
                    if let Some(since) = began.remove(&effect.subject) {
                        *ran.entry(regions[&effect.subject].clone()).or_default() +=
                            (effect.at_ms.min(until) - since.max(from)).max(0);
                    }
                }
                _ => {}
            }
        }
        for (machine, since) in began {
            *ran.entry(regions[&machine].clone()).or_default() += (until - since.max(from)).max(0);
        }
        let guest = json!({ "cpu_kind": "shared", "cpus": 1, "memory_mb": 256 });
        let time = |(region, ms): (String, i64)| RunningTime {
            guest: guest.clone(),
            region,
            seconds: ms as f64 / 1_000.0,
            unseen: unseen.get() as f64,
        };
        ran.into_iter().map(time).collect()
    }
}

/// When a month began, and when it ended or what time it is.
fn month_of(month: &str, now: i64) -> (i64, i64) {
    // No test goes further.
    let starts =
        [("2026-03", START_MS), ("2026-04", START_MS + 31 * DAY_MS), ("2026-05", START_MS + 61 * DAY_MS)];
    let at = starts.iter().position(|(name, _)| *name == month).unwrap();
    (starts[at].1, starts.get(at + 1).map_or(now, |(_, next)| now.min(*next)))
}

fn with(fake: Fake, mut config: Value) -> Fake {
    config["api"] = json!(FLY);
    config["org"] = json!("acme");
    fake.config(config)
}

/// Sends requests into the world, with the token that the host would put in.
pub(crate) fn answerer(
    world: World,
    writes: Rc<RefCell<Vec<String>>>,
) -> impl FnMut(&Request) -> Result<Response> + 'static {
    move |request| {
        let (target, token) = match (request.url.strip_prefix(FLY), request.url.strip_prefix(GRAPHQL)) {
            (Some(target), _) => (target, "FLY_TOKEN"),
            (_, Some(target)) => (target, "FLY_GRAPHQL_TOKEN"),
            _ => return Err(Failure::lasting(format!("no grant: {}", request.url))),
        };
        assert_eq!(request.headers[0], ("authorization".to_owned(), Fake::token(token)));
        if request.method != "GET" && token == "FLY_TOKEN" {
            writes.borrow_mut().push(format!("{} {target}", request.method));
        }
        let headers = [("authorization".to_owned(), "Bearer t".to_owned())];
        let sent = SimRequest { method: &request.method, target, headers: &headers, body: &request.body };
        match world.call(&sent) {
            Reply::Answered(answer) => {
                Ok(Response { status: answer.status, headers: answer.headers, body: answer.body })
            }
            Reply::Dropped | Reply::Withheld => Err(Failure::passing("no answer came")),
        }
    }
}

/// Codes and what they are about, sorted.
pub(crate) fn told(findings: &[Finding]) -> Vec<(String, String)> {
    let mut told: Vec<_> = findings.iter().map(|it| (it.code.clone(), it.about.clone())).collect();
    told.sort();
    told
}
