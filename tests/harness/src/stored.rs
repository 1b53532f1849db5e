//! Many lives of every hook that ships, lived so that their stored runs can be played again.
//!
//! A life is drawn from a seed: owners come, change and go. The first of them is undisturbed; in all others services fail,
//! refuse, answer late, twice or never, and the process dies a few times.

use std::sync::Arc;

use groundcrew::prove::records::Kept;
use groundcrew::prove::{Records, Scene, clock::START};
use groundcrew::replay::{NotKept, Recording};
use groundcrew_flysim::dns::DnsKnobs;
use groundcrew_flysim::{Action, Fault, Hold, Knobs, Late, ManualClock, OrgThing, World};
use groundcrew_outside as outside;
use groundcrew_store::runs::RunRecord;
use rand::{RngExt as _, SeedableRng as _};
use rand_chacha::ChaCha12Rng;
use serde_json::{Value, json};

use crate::s3::{Act as Do, Op};
use crate::{Blow, Played, Scenario, Strike};

/// Apps of one life.
const APPS: [&str; 12] = [
    "cust-1", "cust-2", "cust-3", "cust-4", "cust-5", "cust-6", "cust-7", "cust-8", "cust-9", "cust-10",
    "cust-11", "cust-12",
];
/// Changes of one app's labels, or ends, at most.
const TURNS_MAX: usize = 5;
/// How long a life of apps and machines is, in milliseconds.
const LASTS: i64 = 900_000;
/// Lives at once.
const AT_ONCE: u64 = 4;
/// Lives at most; more means that too little is stored of them.
const LIVES_MAX: u64 = 41;
/// How often the process dies in a disturbed life.
const CRASHES: usize = 12;
/// Storms of one life.
const STORMS: i64 = 12;
/// Between two looks of auditors, in milliseconds.
const LOOK_EVERY: i64 = 3_600_000;
/// Looks of one life.
const LOOKS: i64 = 250;

const GRACE: &str = "gone_adopted = \"delete\"\ngrace = { gone = \"30s\", unwanted = \"20s\" }";

/// How hooks that ship are lived with.
#[derive(Clone, Copy, Debug)]
pub struct Recipe {
    /// Which of the hooks that ship, by their names in the binary and in stanzas.
    pub hooks: &'static [(&'static str, &'static str)],
    lives: fn(Scenario, u64) -> Scenario,
}

/// One for each hook that ships; auditors look together.
pub const RECIPES: [Recipe; 11] = [
    Recipe { hooks: &[("fly-ip", "ip")], lives: addresses },
    Recipe { hooks: &[("fly-cert", "cert")], lives: certificates },
    Recipe { hooks: &[("fly-addon", "store")], lives: add_ons },
    Recipe { hooks: &[("fly-secret", "secrets")], lives: secrets },
    Recipe { hooks: &[("fly-postgres", "db")], lives: clusters },
    Recipe { hooks: &[("dns", "dns")], lives: record_sets },
    Recipe { hooks: &[("register", "register")], lives: documents },
    Recipe { hooks: &[("bucket", "bucket")], lives: buckets },
    Recipe { hooks: &[("notify", "tell")], lives: |scenario, seed| apps(scenario.notify(), seed, plans) },
    Recipe { hooks: &[("archive", "archive")], lives: machines },
    Recipe {
        hooks: &[
            ("idle", "idle"),
            ("budget", "budget"),
            ("volume-reaper", "volume-reaper"),
            ("orphans", "orphans"),
            ("dangling", "dangling"),
        ],
        lives: looks,
    },
];

/// What was stored of lives.
#[derive(Debug, Default)]
pub struct Stored {
    /// How many lives there were.
    pub lives: u64,
    /// Every run of them that was stored.
    pub runs: Vec<Recording>,
    /// Runs that cannot be played again, and why.
    pub lost: Vec<(RunRecord, NotKept)>,
}

impl Stored {
    /// The runs of a stanza that are kept whole.
    pub fn of<'a>(&'a self, stanza: &'a str) -> impl Iterator<Item = &'a Recording> {
        self.runs.iter().filter(move |recording| recording.hook == stanza)
    }

    fn adds(&mut self, played: Played) {
        self.lives += 1;
        let Kept { runs, whole, .. } = played.kept.expect("invariant: records are kept");
        for (ran, whole) in runs.into_iter().zip(whole) {
            match whole {
                Ok(recording) => self.runs.push(recording),
                Err(why) => self.lost.push((ran.record, why)),
            }
        }
    }
}

impl Recipe {
    /// Lives so often that at least so many runs of each hook are stored.
    ///
    /// # Panics
    /// If too little is stored of forty lives.
    pub fn live(&self, at_least: usize) -> Stored {
        let mut stored = Stored::default();
        let first = self.life(0, &[]);
        let moments = first.moments.len();
        stored.adds(first);
        while self.hooks.iter().any(|(_, stanza)| stored.of(stanza).count() < at_least) {
            let seeds = stored.lives..stored.lives + AT_ONCE;
            assert!(seeds.end <= LIVES_MAX, "{self:?}: {} runs of {} lives", stored.runs.len(), stored.lives);
            std::thread::scope(|scope| {
                let lives = seeds.map(|seed| scope.spawn(move || self.life(seed, &crashes(seed, moments))));
                for life in lives.collect::<Vec<_>>() {
                    stored.adds(life.join().expect("invariant: a life ends"));
                }
            });
        }
        stored
    }

    /// One life; the first is undisturbed.
    fn life(&self, seed: u64, strikes: &[Strike]) -> Played {
        let scenario = (self.lives)(Scenario::new("stored"), seed);
        let scenario = if seed == 0 { scenario } else { storms(scenario) };
        groundcrew::prove::play(&Scene { records: Records::Whole, ..scenario.scene() }, strikes)
    }
}

/// Where the process dies; at what never comes, it does not.
fn crashes(seed: u64, moments: usize) -> Vec<Strike> {
    let mut dice = ChaCha12Rng::seed_from_u64(seed);
    let mut at: Vec<_> = (0..CRASHES).map(|_| dice.random_range(0..moments)).collect();
    at.sort_unstable();
    at.dedup();
    at.into_iter().map(|at| Strike { at, blow: Blow::Crash }).collect()
}

/// Every kind of trouble with a service, again and again.
fn storms(scenario: Scenario) -> Scenario {
    let every = scenario.lasts / STORMS;
    (0..STORMS).fold(scenario, |scenario, storm| {
        let at = storm * every;
        let scenario = scenario.turn(at, fly_storms).turn_dns(at, dns_storms);
        let scenario = [
            (Op::Tags, outside::Fault::Refused(503)),
            (Op::Create, outside::Fault::AnswerLost),
            (Op::Tag, outside::Fault::Held),
            (Op::Versions, outside::Fault::Garbled),
            (Op::Delete, outside::Fault::Late(9_000)),
        ]
        .into_iter()
        .fold(scenario, |scenario, (op, fault)| scenario.s3(at, Do::Fault(op, fault)));
        [
            (0, "GET", outside::Fault::Refused(500)),
            (3, "GET", outside::Fault::Garbled),
            (0, "PUT", outside::Fault::Refused(403)),
            (2, "PUT", outside::Fault::AnswerLost),
            (4, "PUT", outside::Fault::Held),
            (0, "POST", outside::Fault::Refused(429)),
            (1, "POST", outside::Fault::Held),
            (2, "POST", outside::Fault::Timeout),
            (0, "DELETE", outside::Fault::Late(9_000)),
        ]
        .into_iter()
        .fold(scenario, |scenario, (after, method, fault)| scenario.fault(at, after, method, fault))
    })
}

fn fly_storms(knobs: &mut Knobs) {
    (knobs.blind_ips_ms, knobs.blind_certs_ms, knobs.blind_secrets_ms) = (4_000, 4_000, 4_000);
    for path in ["/v1/**", "/graphql"] {
        knobs.faults.extend(faults(path));
        knobs.holds.push(Hold { path: path.to_owned(), skip: 13, count: Some(1), ..Hold::default() });
        knobs.late.push(late(path));
    }
}

fn dns_storms(knobs: &mut DnsKnobs) {
    let path = "/api/v1/servers/localhost/zones/*";
    knobs.faults.extend(faults(path));
    knobs.late.push(late(path));
}

/// Refused, failed, and lost on the way there and back.
fn faults(path: &str) -> [Fault; 6] {
    let fault = |(skip, status, after_effect)| Fault {
        path: path.to_owned(),
        status,
        after_effect,
        skip,
        count: Some(1),
        ..Fault::default()
    };
    [
        (2, Some(503), false),
        (5, Some(429), false),
        (7, None, true),
        (8, Some(422), false),
        (10, None, false),
        (12, Some(500), true),
    ]
    .map(fault)
}

fn late(path: &str) -> Late {
    let (method, path) = (Some("POST".to_owned()), path.to_owned());
    Late { method, path, delay_ms: 9_000, status: Some(504), count: Some(1), ..Late::default() }
}

fn addresses(scenario: Scenario, seed: u64) -> Scenario {
    let config = "v4 = \"shared\", v6 = \"dedicated\", dedicated_v4_if = { plan = \"pro\" }";
    apps(scenario.fly_ip(config, GRACE), seed, plans)
}

fn certificates(scenario: Scenario, seed: u64) -> Scenario {
    let lives = apps(scenario.fly_cert(GRACE), seed, |app| {
        let name = |word: &str| format!("{word}.{app}.example");
        vec![
            json!({"names": [name("a")]}),
            json!({"names": [name("a"), name("b")]}),
            json!({"names": [name("c")]}),
        ]
    });
    APPS.iter().fold(lives, |lives, app| {
        let hostname = format!("a.{app}.example");
        lives.fly(200_000, Action::ConfigureDns { hostname, configured: true })
    })
}

fn add_ons(scenario: Scenario, seed: u64) -> Scenario {
    approved(apps(scenario.fly_addon("{ type = \"tigris\", name = \"{app}-assets\" }", GRACE), seed, plans))
}

fn secrets(scenario: Scenario, seed: u64) -> Scenario {
    apps(scenario.fly_secret("{ PLAN = \"{labels.plan}\" }", GRACE), seed, plans)
}

fn clusters(scenario: Scenario, seed: u64) -> Scenario {
    approved(apps(scenario.fly_postgres(GRACE), seed, |_| vec![json!({"region": "fra"})]))
}

fn record_sets(scenario: Scenario, seed: u64) -> Scenario {
    let records = "{ name = \"{labels.hosts}\", type = \"CNAME\", values = [\"{labels.to}\"] }";
    apps(scenario.dns(records, GRACE), seed, |app| {
        let hosts = [format!("www.{app}.example"), format!("shop.{app}.example")];
        vec![
            json!({"to": "one.fly.dev", "hosts": hosts}),
            json!({"to": "two.fly.dev", "hosts": hosts}),
            json!({"to": "two.fly.dev", "hosts": hosts[..1]}),
        ]
    })
}

fn documents(scenario: Scenario, seed: u64) -> Scenario {
    let knobs = outside::Knobs { lag_ms: 4_000, stale_ms: 4_000, ..outside::Knobs::natural() };
    apps(scenario.register("plan = \"{labels.plan}\"", knobs, GRACE), seed, plans)
}

fn buckets(scenario: Scenario, seed: u64) -> Scenario {
    let lives = approved(apps(scenario.bucket(GRACE), seed, plans));
    ["one", "two", "three"]
        .into_iter()
        .fold(lives, |lives, object| lives.s3(100_000, Do::Put("acme-cust-1", object)))
}

fn plans(_: &str) -> Vec<Value> {
    ["pro", "hobby", "free"].map(|plan| json!({"plan": plan})).to_vec()
}

/// What is held is approved, again and again.
fn approved(scenario: Scenario) -> Scenario {
    (1..8).fold(scenario, |scenario, time| scenario.approves(time * 100_000))
}

/// Apps come, change, go and come again.
fn apps(scenario: Scenario, seed: u64, labels: impl Fn(&str) -> Vec<Value>) -> Scenario {
    let mut dice = ChaCha12Rng::seed_from_u64(seed);
    let lives = APPS.into_iter().fold(scenario, |mut scenario, app| {
        let pool = labels(app);
        let (mut at, mut incarnation, mut lives) = (dice.random_range(0..60_000), 0, false);
        for _ in 0..dice.random_range(1..=TURNS_MAX) {
            if lives && dice.random_range(0..100) < 30 {
                scenario = scenario.app_ends(at, app, incarnation);
                lives = false;
            } else {
                incarnation += u32::from(!lives);
                lives = true;
                let labels = pool[dice.random_range(0..pool.len())].clone();
                scenario = scenario.app_again(at, app, incarnation, labels);
            }
            at += dice.random_range(3_000..120_000);
        }
        scenario
    });
    lives.lasts(LASTS)
}

/// Machines come, stop and are destroyed.
fn machines(scenario: Scenario, seed: u64) -> Scenario {
    let mut dice = ChaCha12Rng::seed_from_u64(seed);
    let lives = APPS.into_iter().fold(scenario.archive(), |scenario, app| {
        (0..4).fold(scenario.app(0, app, json!({})), |scenario, number| {
            let machine = format!("{seed:x}d8d{number}{}", &app[5..]);
            let mut at = dice.random_range(1_000..300_000);
            let mut tell = |scenario: Scenario, event: &str, labels: Option<Value>| {
                at += dice.random_range(1_000..90_000);
                scenario.machine(at, (app, &machine), event, labels)
            };
            let scenario = tell(scenario, "machine.created", Some(json!({"region": "fra"})));
            let scenario = tell(scenario, "machine.started", Some(json!({"region": "fra"})));
            let scenario = tell(scenario, "machine.stopped", Some(json!({"region": "fra"})));
            tell(scenario, "machine.destroyed", None)
        })
    });
    lives.lasts(LASTS)
}

/// A fleet in which things are left behind, looked at every hour.
fn looks(scenario: Scenario, seed: u64) -> Scenario {
    let mut fleet = Fleet::new(scenario.auditors());
    let mut dice = ChaCha12Rng::seed_from_u64(seed);
    let mut later = Vec::new();
    for app in &APPS[..6] {
        fleet.has_app(app);
        for _ in 0..3 {
            let machine = fleet.has_machine(app);
            fleet.does(Action::CreateVolume { app: (*app).to_owned(), name: format!("data_{machine}") });
            later.push((dice.random_range(1..LOOKS) * LOOK_EVERY, *app, machine));
        }
    }
    let scenario = fleet.and_more();
    let scenario = later.into_iter().enumerate().fold(scenario, |scenario, (number, (at, app, machine))| {
        if number % 3 > 0 {
            return scenario.fly(at, Action::StopMachine { machine });
        }
        let scenario = scenario.fly(at, Action::DestroyMachine { machine: machine.clone() });
        scenario.machine(at + 1_000, (app, &machine), "machine.destroyed", None)
    });
    // Its name is free from then on, and a record goes on leading to it.
    let gone = dice.random_range(1..LOOKS) * LOOK_EVERY;
    let scenario = scenario
        .foreign(0, "CNAME", "www.example.", &["cust-6.fly.dev."])
        .foreign(0, "CNAME", "shop.example.", &["nobody-has-it.fly.dev."])
        .app_ends(gone, APPS[5], 1)
        .lasts((LOOKS + 1) * LOOK_EVERY);
    (1..=LOOKS).fold(scenario, |scenario, look| scenario.looks(look * LOOK_EVERY))
}

/// What there is from the beginning. It is made in a world beside that of the play, which gives the same ids.
struct Fleet {
    world: World,
    scenario: Scenario,
}

impl Fleet {
    fn new(scenario: Scenario) -> Self {
        Self { world: World::new(1, Arc::new(ManualClock::new(START))), scenario }
    }

    fn does(&mut self, action: Action) -> String {
        let made = self.world.act(action.clone()).expect("invariant: it can be done once");
        self.changes(|scenario| scenario.fly(0, action));
        made["id"].as_str().unwrap_or_default().to_owned()
    }

    fn changes(&mut self, change: impl FnOnce(Scenario) -> Scenario) {
        self.scenario = change(self.scenario.clone());
    }

    fn has_app(&mut self, app: &'static str) {
        let made = self.world.act(Action::CreateApp { name: app.to_owned(), org: None });
        drop(made.expect("invariant: its name is free"));
        self.changes(|scenario| scenario.app(0, app, json!({})));
        self.does(Action::AllocateIp { app: app.to_owned(), kind: "v4".to_owned() });
        self.does(Action::CreateCert { app: app.to_owned(), hostname: format!("www.{app}.example") });
    }

    fn has_machine(&mut self, app: &'static str) -> String {
        let made =
            self.does(Action::CreateMachine { app: app.to_owned(), name: None, region: None, config: None });
        self.changes(|scenario| {
            scenario.machine(0, (app, &made), "machine.created", Some(json!({"region": "fra"})))
        });
        made
    }

    /// With what is the organisation's.
    fn and_more(mut self) -> Scenario {
        for thing in [
            OrgThing::AddOn { name: "old-assets".into(), provider: "tigris".into(), app: None },
            OrgThing::Postgres { name: "old-db".into(), plan: "basic".into(), apps: Vec::new() },
            OrgThing::Peer { name: "laptop".into() },
        ] {
            self.does(Action::MakeOrgThing { thing });
        }
        self.scenario
    }
}
