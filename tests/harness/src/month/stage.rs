//! Everything that outlives a process: the fakes, the disk, the truth, and what is still going to happen.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use groundcrew::prove::carrier::Carrier;
use groundcrew::prove::clock::{Clock, START};
use groundcrew_core::time::Timestamp;
use groundcrew_flysim::dns::DnsKnobs;
use groundcrew_flysim::{Action, Fault, Knobs, Late, RateLimits};
use groundcrew_outside::{self as outside, Outside, Pick, Weather};
use serde_json::json;

use super::Month;
use super::act::{Act, Disk, Foreign, HOUR, MINUTE, Neighbour, Trouble, Verb};
use super::draw;
use super::edition::Edition;
use super::fate::Fate;
use super::fleet::Fleet;
use super::lookout::Seen;
use super::ways::{Watch, Ways};
use crate::files;
use crate::neighbours::{Neighbours, ZONE};
use crate::scenario::SERVER;

/// Less than the five seconds that the guest's kinds settle in.
const LAG: i64 = 3_000;

/// The stage of one month.
pub(super) struct Stage {
    pub(super) month: Month,
    pub(super) clock: Clock,
    pub(super) watch: Watch,
    pub(super) outside: Outside,
    pub(super) neighbours: Neighbours,
    pub(super) ways: Ways,
    pub(super) fate: Fate,
    pub(super) fleet: RefCell<Fleet>,
    pub(super) edition: RefCell<Edition>,
    pub(super) starts: Cell<u32>,
    pub(super) works: Cell<u64>,
    /// When the hook `base` moved to another place.
    pub(super) moved_at: Cell<Option<i64>>,
    /// What happened, for people, in order.
    pub(super) told: RefCell<Vec<(i64, Act)>>,
    /// What was seen at each look.
    pub(super) seen: RefCell<Vec<Seen>>,
    /// What the operator is about to do, until it is known to be done.
    pub(super) begun: RefCell<Option<Act>>,
    queue: RefCell<BTreeMap<(i64, usize), Act>>,
    disk: tempfile::TempDir,
}

impl Stage {
    /// The stage of a month as it is drawn.
    pub(super) fn new(month: &Month) -> Self {
        Self::with(month, draw::story(month))
    }

    /// The same with this story instead.
    pub(super) fn with(month: &Month, acts: Vec<(i64, Act)>) -> Self {
        let clock = Clock::default();
        let shown = clock.clone();
        let outside = Outside::new(Arc::new(move || shown.millis()));
        for place in ["one", "two", "three", "four"] {
            for (kind, knobs) in kinds() {
                outside.open(&format!("/{place}/{kind}"), knobs);
            }
        }
        let neighbours = Neighbours::new(&clock);
        let carrier = Carrier::new(outside.clone(), SERVER, neighbours.clone(), clock.clone());
        let acts = acts.into_iter().map(|(at, act)| (START + at, act));
        let stage = Self {
            month: month.clone(),
            watch: Watch::new(clock.clone()),
            ways: Ways::new(carrier, clock.clone()),
            clock,
            outside,
            neighbours,
            fate: Fate::default(),
            fleet: RefCell::default(),
            edition: RefCell::default(),
            starts: Cell::new(0),
            works: Cell::new(0),
            moved_at: Cell::new(None),
            told: RefCell::default(),
            seen: RefCell::default(),
            begun: RefCell::default(),
            queue: RefCell::new(acts.enumerate().map(|(place, (at, act))| ((at, place), act)).collect()),
            disk: disk(),
        };
        for round in 0..month.quiet() / (6 * HOUR) {
            stage.later(START + month.until() + round * 6 * HOUR, Act::Round);
        }
        if !month.is_without("weather") {
            stage.outside.weather(Some(weather(month)));
        }
        stage
    }

    /// When it is judged.
    pub(super) fn end(&self) -> i64 {
        START + self.month.until() + self.month.quiet()
    }

    /// Whether nothing happens any more.
    pub(super) fn is_quiet(&self) -> bool {
        self.clock.millis() >= START + self.month.until()
    }

    pub(super) fn database(&self) -> PathBuf {
        self.disk.path().join("groundcrew.db")
    }

    /// What is due to happen, taken out.
    pub(super) fn due(&self) -> Option<Act> {
        let mut queue = self.queue.borrow_mut();
        let first = queue.first_entry().filter(|entry| entry.key().0 <= self.clock.millis())?;
        let act = first.remove();
        self.told.borrow_mut().push((self.clock.millis() - START, act.clone()));
        Some(act)
    }

    /// When something happens next.
    pub(super) fn next_at(&self) -> Option<i64> {
        self.queue.borrow().first_key_value().map(|((at, _), _)| *at)
    }

    /// When it truly is once as long has passed as from now to this time of the runner's clock, but later than now.
    pub(super) fn after(&self, shown: Timestamp) -> i64 {
        let now = self.clock.millis();
        self.watch.truly(shown).max(now + 1)
    }

    /// Lets something happen later.
    pub(super) fn later(&self, at: i64, act: Act) {
        let mut queue = self.queue.borrow_mut();
        let place = queue.len() + self.told.borrow().len() + 1_000_000;
        queue.insert((at, place), act);
    }

    /// Ends everything that disturbs.
    pub(super) fn calm(&self) {
        self.outside.weather(None);
        self.ways.out().clear();
        self.fate.set_disk(Disk::Roomy);
        self.fate.spare();
        self.kind_again();
    }

    fn kind_again(&self) {
        self.neighbours.fly.set_knobs(Knobs { rate_limits: RateLimits::Off, ..Knobs::default() });
        self.neighbours.dns.turn(|knobs| *knobs = DnsKnobs::default());
    }

    /// Lets something happen that is nobody's but the world's.
    pub(super) fn happen(&self, act: &Act) {
        match act {
            Act::Create { app, wishes } => self.create(app, wishes.clone()),
            Act::Delete { app } => self.delete(app),
            Act::Wish { app, wishes } => {
                if self.fleet.borrow().apps.contains_key(app) {
                    self.ways.labels().insert(app.clone(), wishes.clone());
                    self.fleet.borrow_mut().wish(app, wishes.clone(), self.clock.millis());
                }
            }
            Act::Machine { app, place, verb } => self.machine(app, *place, *verb),
            Act::Out { whom, how } => drop(self.ways.out().insert(*whom, *how)),
            Act::Back { whom } => drop(self.ways.out().remove(whom)),
            Act::Trouble(trouble) => self.trouble(*trouble),
            Act::Calm => self.kind_again(),
            Act::Disk(disk) => self.fate.set_disk(*disk),
            Act::ClockStep(by) => self.watch.step(*by),
            Act::Crash { after } => self.fate.dies_after(*after),
            Act::Stranger(foreign) => self.stranger(foreign),
            Act::Configure(_) | Act::Round | Act::Pause { .. } | Act::Unpause { .. } | Act::Look => {
                unreachable!("invariant: the operator's acts go through the runner")
            }
        }
    }

    /// Ids of the living things that the runner made for an owner under this kind and key, as a person finds them.
    pub(super) fn made_for(&self, owner: &str, kind: &str, key: &str) -> Vec<String> {
        let mut log = self.outside.log();
        log.extend(self.neighbours.log());
        let things = outside::judge::living(&log).into_iter().filter(|thing| {
            let of = |it: &outside::Purpose| {
                it.owner == owner && (it.key == kind || it.key == format!("{kind}/{key}"))
            };
            thing.purpose.as_ref().is_some_and(of)
        });
        things.map(|thing| thing.id).collect()
    }

    /// When something was last done outside, by anybody.
    pub(super) fn last_effect(&self) -> i64 {
        let logs = self.outside.log().into_iter().chain(self.neighbours.log());
        logs.map(|effect| effect.at).max().unwrap_or_default()
    }

    /// Whether somebody who looks at the platform sees it as it is.
    pub(super) fn platform_is_well(&self) -> bool {
        let well = Knobs { rate_limits: RateLimits::Off, ..Knobs::default() };
        !self.ways.out().contains_key(&Neighbour::Fly) && self.neighbours.fly.knobs() == well
    }

    fn create(&self, name: &str, wishes: Vec<super::act::Wish>) {
        let made = self.neighbours.fly.act(Action::CreateApp { name: name.to_owned(), org: None });
        // The name may be taken: then nothing comes of it.
        let Ok(made) = made else { return };
        let id = made["id"].as_str().unwrap_or_default().to_owned();
        self.outside.open(&inner(name), outside::Knobs { lag_ms: LAG, ..outside::Knobs::anonymous() });
        self.ways.labels().insert(name.to_owned(), wishes.clone());
        self.fleet.borrow_mut().create(name, id, wishes, self.clock.millis());
    }

    fn delete(&self, name: &str) {
        if self.neighbours.fly.act(Action::DeleteApp { app: name.to_owned() }).is_ok() {
            self.outside.script(self.clock.millis(), &inner(name), outside::Act::End);
            self.fleet.borrow_mut().delete(name, self.clock.millis());
        }
    }

    fn machine(&self, name: &str, place: u8, verb: Verb) {
        let mut fleet = self.fleet.borrow_mut();
        let Some(app) = fleet.apps.get_mut(name) else { return };
        let fly = &self.neighbours.fly;
        let known = app.machines.get(&place).cloned();
        let act = match (verb, known) {
            (Verb::Create, None) => {
                let create =
                    Action::CreateMachine { app: name.to_owned(), name: None, region: None, config: None };
                if let Ok(made) = fly.act(create) {
                    app.machines.insert(place, made["id"].as_str().unwrap_or_default().to_owned());
                }
                return;
            }
            (Verb::Create, Some(_)) | (_, None) => return,
            (Verb::Start, Some(machine)) => Action::StartMachine { machine },
            (Verb::Stop, Some(machine)) => Action::StopMachine { machine },
            (Verb::Exit, Some(machine)) => Action::ExitMachine { machine, code: 1, oom_killed: false },
            (Verb::Destroy, Some(machine)) => {
                app.machines.remove(&place);
                Action::DestroyMachine { machine }
            }
        };
        // A machine that is stopped cannot be stopped again: then nothing comes of it.
        drop(fly.act(act));
    }

    fn trouble(&self, trouble: Trouble) {
        let fly = &self.neighbours.fly;
        match trouble {
            Trouble::AppsMissing => fly.turn(|knobs| knobs.apps_missing = vec!["app-1*".to_owned()]),
            Trouble::ListLags => fly.turn(|knobs| knobs.org_list_lag_ms = 5 * MINUTE as u64),
            Trouble::RegionMissing => fly.turn(|knobs| knobs.error_regions = vec!["fra".to_owned()]),
            Trouble::TokenRefused => fly.turn(|knobs| knobs.token_invalid = true),
            Trouble::ReachLost => fly.turn(|knobs| knobs.token_orgs = Some(Vec::new())),
            Trouble::AddressesHidden => fly.turn(|knobs| knobs.blind_ips_ms = 10_000),
            Trouble::AnswersLost => {
                let lost = |method: &str, path: &str| Fault {
                    method: Some(method.to_owned()),
                    path: path.to_owned(),
                    after_effect: true,
                    ..Fault::default()
                };
                fly.turn(|knobs| knobs.faults = vec![lost("POST", IPS), lost("DELETE", IP)]);
                self.neighbours.dns.turn(|knobs| knobs.faults = vec![lost("PATCH", "/**")]);
            }
            Trouble::WritesLate => {
                let late = |method: &str, path: &str| Late {
                    method: Some(method.to_owned()),
                    path: path.to_owned(),
                    delay_ms: 6_000,
                    status: Some(504),
                    ..Late::default()
                };
                fly.turn(|knobs| knobs.late = vec![late("POST", IPS), late("DELETE", IP)]);
                self.neighbours.dns.turn(|knobs| knobs.late = vec![late("PATCH", "/**")]);
            }
        }
    }

    /// A stranger writes a record set.
    fn write(&self, set: &serde_json::Value) {
        let done = self.neighbours.dns.act(ZONE, &json!({"rrsets": [set]}));
        done.expect("invariant: a name server takes what is drawn");
    }

    fn stranger(&self, foreign: &Foreign) {
        let now = self.clock.millis();
        let at = |kind: &str| format!("/one/{kind}");
        match foreign {
            Foreign::Plant { kind, name } => {
                let plant =
                    outside::Act::Plant { name: name.clone(), mark: None, body: json!({"value": 99}) };
                // What has no name could be a creation of ours whose answer was lost, if it is as young.
                let made_at = if name.is_some() { now } else { now - 2 * HOUR };
                self.outside.script(made_at, &at(kind), plant);
            }
            Foreign::Change { kind, name } => {
                let change = outside::Act::Change(Pick::Name(name.clone()), json!({"value": 98}));
                self.outside.script(now, &at(kind), change);
            }
            Foreign::Take { kind, name } => {
                self.outside.script(now, &at(kind), outside::Act::Take(Pick::Name(name.clone())));
            }
            Foreign::Record { name, content } => {
                self.write(&json!({"name": name, "type": "A", "ttl": 300, "changetype": "REPLACE",
                    "records": [{"content": content, "disabled": false}]}));
            }
            Foreign::Alias { name, app } => {
                self.write(
                    &json!({"name": format!("{name}."), "type": "CNAME", "ttl": 300, "changetype": "REPLACE",
                    "records": [{"content": format!("{app}.fly.dev."), "disabled": false}]}),
                );
                self.fleet.borrow_mut().aliases.insert(name.clone(), app.clone());
            }
            Foreign::AliasGone { name } => {
                self.write(&json!({"name": format!("{name}."), "type": "CNAME", "changetype": "DELETE"}));
                self.fleet.borrow_mut().aliases.remove(name);
            }
            Foreign::Address { app } => {
                // Who has no app has no address.
                drop(self.neighbours.fly.act(Action::AllocateIp { app: app.clone(), kind: "v4".to_owned() }));
            }
        }
    }
}

const IPS: &str = "/v1/apps/*/ip_assignments";
const IP: &str = "/v1/apps/*/ip_assignments/*";

/// Where the things are that end with an app.
fn inner(app: &str) -> String {
    format!("/one/apps/{app}/inner")
}

fn kinds() -> [(&'static str, outside::Knobs); 4] {
    let lagging = |knobs: outside::Knobs| outside::Knobs { lag_ms: LAG, ..knobs };
    [
        ("natural", lagging(outside::Knobs::natural())),
        ("keyed", lagging(outside::Knobs::keyed())),
        ("marked", lagging(outside::Knobs::marked())),
        ("anonymous", lagging(outside::Knobs::anonymous())),
    ]
}

fn weather(month: &Month) -> Weather {
    use outside::Fault::{AnswerLost, Garbled, Late, NeverArrived, Refused, Timeout};
    let faults = vec![AnswerLost, Timeout, Garbled, NeverArrived, Late(2_000), Refused(500), Refused(429)];
    Weather { seed: month.seed, per_mille: month.faults_per_mille, faults }
}

/// A directory for a database.
fn disk() -> tempfile::TempDir {
    tempfile::tempdir_in(files()).expect("invariant: a temporary directory can be made")
}
