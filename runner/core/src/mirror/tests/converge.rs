//! Whatever happens, in whatever order it is seen: the mirror comes to the truth, and tells nothing that is not so.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;
use serde_json::json;

use super::bench::{app, reach};
use crate::duration::Millis;
use crate::hash::Digest;
use crate::mirror::{
    AppSeen, Apps, Ask, Config, LogEntry, Look, MachineSeen, Mirror, Observation, OrgPage, Outcome,
    VanishMax, Whole,
};
use crate::time::Timestamp;

const NAMES: [&str; 3] = ["web", "shop", "blog"];
const STATES: [&str; 5] = ["started", "stopped", "suspended", "starting", "failed"];

/// What happens to the platform, and what is looked at.
#[derive(Clone, Copy, Debug)]
pub(super) enum Step {
    CreateApp(usize),
    DeleteApp(usize),
    CreateMachine(usize),
    Move(usize, usize),
    Destroy(usize),
    Apps(When),
    App(usize),
    Own(usize, When),
    Machine(usize),
    Log(usize),
    Org(usize),
    Control,
    Tick,
    Arrive,
    Restart,
}

/// When an answer arrives.
#[derive(Clone, Copy, Debug)]
pub(super) enum When {
    Now,
    Later,
}

fn when() -> impl Strategy<Value = When> {
    prop_oneof![3 => Just(When::Now), 1 => Just(When::Later)]
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        2 => (0..3usize).prop_map(Step::CreateApp),
        1 => (0..3usize).prop_map(Step::DeleteApp),
        3 => (0..3usize).prop_map(Step::CreateMachine),
        5 => (0..12usize, 0..5usize).prop_map(|(machine, state)| Step::Move(machine, state)),
        1 => (0..12usize).prop_map(Step::Destroy),
        3 => when().prop_map(Step::Apps),
        2 => (0..3usize).prop_map(Step::App),
        4 => (0..3usize, when()).prop_map(|(app, when)| Step::Own(app, when)),
        2 => (0..12usize).prop_map(Step::Machine),
        2 => (0..12usize).prop_map(Step::Log),
        4 => (0..20usize).prop_map(Step::Org),
        2 => Just(Step::Control),
        2 => Just(Step::Tick),
        2 => Just(Step::Arrive),
        1 => Just(Step::Restart),
    ]
}

/// The platform as it is.
#[derive(Clone, Debug, Default)]
pub(super) struct Truth {
    pub(super) now: i64,
    apps: Vec<AppSeen>,
    living: BTreeMap<String, String>,
    /// Machines with the incarnation of their app.
    machines: Vec<(MachineSeen, String)>,
    /// What the organisation's list showed at every moment.
    past: Vec<Vec<MachineSeen>>,
}

impl Truth {
    pub(super) fn at(&self) -> Timestamp {
        Timestamp::from_millis(1_795_000_000_000 + self.now)
    }

    fn second(&self) -> Timestamp {
        Timestamp::from_millis(self.at().as_millis() / 1_000 * 1_000)
    }

    pub(super) fn happen(&mut self, step: Step) {
        match step {
            Step::CreateApp(n) if !self.living.contains_key(NAMES[n]) => {
                let id = format!("a{}", self.apps.len());
                self.living.insert(NAMES[n].to_owned(), id.clone());
                self.apps.push(app(&id, NAMES[n]));
            }
            Step::DeleteApp(n) => {
                let Some(id) = self.living.remove(NAMES[n]) else { return };
                let members: Vec<_> =
                    (0..self.machines.len()).filter(|m| self.machines[*m].1 == id).collect();
                for member in members {
                    self.set(member, "destroy", "destroyed");
                }
            }
            Step::CreateMachine(n) => self.create(n),
            Step::Move(machine, state) => self.set(machine, "move", STATES[state]),
            Step::Destroy(machine) => self.set(machine, "destroy", "destroyed"),
            _ => {}
        }
    }

    fn create(&mut self, n: usize) {
        let Some(app) = self.living.get(NAMES[n]).cloned() else { return };
        let at = Some(self.second());
        let machine = MachineSeen {
            id: format!("m{}", self.machines.len()),
            app: Some(NAMES[n].to_owned()),
            state: "created".to_owned(),
            created_at: at,
            updated_at: at,
            instance: Some("01A".to_owned()),
            metadata: Some(serde_json::Map::new()),
            raw: json!({}),
            ..MachineSeen::default()
        };
        self.machines.push((machine, app));
        self.set(self.machines.len() - 1, "launch", "created");
    }

    fn set(&mut self, machine: usize, kind: &str, state: &str) {
        let (at, second) = (self.at(), Some(self.second()));
        let Some((machine, _)) = self.machines.get_mut(machine).filter(|(m, _)| m.state != "destroyed")
        else {
            return;
        };
        machine.state = state.to_owned();
        machine.updated_at = second;
        let id = Some(format!("01{:04}", machine.log.len()));
        machine.log.push(LogEntry { id, kind: kind.to_owned(), status: state.to_owned(), at, reason: None });
    }

    /// How often a machine came to the state that an event tells of; other events happen as they like.
    fn times(&self, id: &str, kind: &str) -> usize {
        let Some(state) = kind.strip_prefix("machine.").filter(|state| STATES.contains(state)) else {
            return usize::MAX;
        };
        let machine = self.machines.iter().find(|(m, _)| m.id == id);
        machine.map_or(0, |(m, _)| m.log.iter().filter(|entry| entry.status == state).count())
    }

    fn apps_now(&self) -> Observation {
        let living = self.apps.iter().filter(|app| self.living.get(&app.name) == Some(&app.id));
        let apps = Apps { apps: living.cloned().collect(), extent: Whole::Whole };
        Observation::Apps { outcome: Outcome::Found(apps) }
    }

    fn app_now(&self, name: &str) -> Observation {
        let found = self.apps.iter().find(|app| self.living.get(name) == Some(&app.id));
        Observation::App {
            app: name.to_owned(),
            outcome: found.cloned().map_or(Outcome::NotFound, Outcome::Found),
        }
    }

    fn own_now(&self, name: &str) -> Observation {
        let outcome = self.living.get(name).map_or(Outcome::NotFound, |id| {
            let living = self.machines.iter().filter(|(m, app)| app == id && m.state != "destroyed");
            Outcome::Found(living.map(|(machine, _)| embedded(machine, 5)).collect())
        });
        Observation::Machines { app: name.to_owned(), outcome }
    }

    /// Every second destroyed machine is no longer kept by the platform.
    fn machine_now(&self, machine: &str) -> Observation {
        let found = self.machines.iter().map(|(m, _)| m).find(|m| m.id == machine);
        let kept = found
            .filter(|m| m.state != "destroyed" || m.id.len() % 2 == 0 || m.id.ends_with(['0', '2', '4']));
        let outcome = kept.map_or(Outcome::NotFound, |machine| Outcome::Found(embedded(machine, 5)));
        let app = found.and_then(|m| m.app.clone()).unwrap_or_default();
        Observation::Machine { app, machine: machine.to_owned(), outcome }
    }

    fn log_now(&self, machine: &str) -> Observation {
        let found = self.machines.iter().find(|(m, _)| m.id == machine);
        let outcome = found.map_or(Outcome::NotFound, |(m, _)| Outcome::Found(embedded(m, 50).log));
        Observation::Log { machine: machine.to_owned(), outcome }
    }

    /// The organisation's list as it was some moments ago, as an answer to the mirror's query.
    fn org(&self, mirror: &Mirror, ago: usize) -> Observation {
        let query = mirror.org_query();
        let then = self.past.len().saturating_sub(ago + 1);
        let seen = self.past.get(then).into_iter().flatten();
        let machines = seen
            .filter(|m| m.updated_at > query.updated_after)
            .filter(|m| query.include_deleted || m.state != "destroyed")
            .map(|m| embedded(m, 0))
            .collect();
        Observation::OrgPage { query, outcome: Outcome::Found(OrgPage { machines, ..OrgPage::default() }) }
    }

    pub(super) fn answer(&self, mirror: &Mirror, ask: &Ask) -> Observation {
        match ask {
            Ask::Control => Observation::Control { outcome: Outcome::Found(reach()) },
            Ask::Apps => self.apps_now(),
            Ask::OrgMachines => self.org(mirror, 0),
            Ask::App { app } => self.app_now(app),
            Ask::Machines { app } => self.own_now(app),
            Ask::Machine { machine, .. } => self.machine_now(machine),
            Ask::Log { machine, .. } => self.log_now(machine),
        }
    }
}

/// A machine with the newest lines of its log, newest first.
fn embedded(machine: &MachineSeen, lines: usize) -> MachineSeen {
    let log = machine.log.iter().rev().take(lines).cloned().collect();
    MachineSeen { log, ..machine.clone() }
}

/// A mirror that is checked at every step.
struct Watch {
    mirror: Mirror,
    truth: Truth,
    look: Look,
    under_way: Vec<(Look, Observation)>,
    ids: BTreeSet<Digest>,
    versions: BTreeMap<String, u64>,
    /// How often a machine was told to have come to a state.
    told: BTreeMap<(String, &'static str), usize>,
}

impl Watch {
    fn new() -> Self {
        let look = Look {
            tick: 1,
            sent_at: Timestamp::default(),
            at: Timestamp::default(),
            token: "watch".to_owned(),
            wrong: None,
        };
        Self {
            mirror: Mirror::from_rows(config(), [], None),
            truth: Truth::default(),
            look,
            under_way: Vec::new(),
            ids: BTreeSet::new(),
            versions: BTreeMap::new(),
            told: BTreeMap::new(),
        }
    }

    fn take(&mut self, step: Step, passed: i64) -> Result<(), TestCaseError> {
        self.truth.now += passed;
        self.truth.happen(step);
        self.truth.past.push(self.truth.machines.iter().map(|(machine, _)| machine.clone()).collect());
        self.look.at = self.truth.at();
        self.look.sent_at = self.look.at;
        match step {
            Step::Tick => self.look.tick += 1,
            Step::Restart => self.restart(),
            Step::Arrive => {
                if let Some((look, observation)) = self.under_way.pop() {
                    self.see(&Look { at: self.look.at, ..look }, &observation)?;
                }
            }
            _ => match self.shown(step) {
                Some((observation, When::Now)) => drop(self.see(&self.look.clone(), &observation)?),
                Some((observation, When::Later)) => self.under_way.push((self.look.clone(), observation)),
                None => {}
            },
        }
        Ok(())
    }

    /// What the platform answers to a look, and when that arrives.
    fn shown(&self, step: Step) -> Option<(Observation, When)> {
        let shown = match step {
            Step::Apps(when) => (self.truth.apps_now(), when),
            Step::App(n) => (self.truth.app_now(NAMES[n]), When::Now),
            Step::Own(n, when) => (self.truth.own_now(NAMES[n]), when),
            Step::Machine(n) => (self.truth.machine_now(&format!("m{n}")), When::Now),
            Step::Log(n) => (self.truth.log_now(&format!("m{n}")), When::Now),
            Step::Org(ago) => (self.truth.org(&self.mirror, ago), When::Now),
            Step::Control => (self.truth.answer(&self.mirror, &Ask::Control), When::Now),
            _ => return None,
        };
        Some(shown)
    }

    /// Forgets all that is not stored.
    fn restart(&mut self) {
        let rows: Vec<_> = self.mirror.rows().cloned().collect();
        self.mirror = Mirror::from_rows(config(), rows, Some(self.mirror.cursor().clone()));
        self.under_way.clear();
    }

    fn see(&mut self, look: &Look, observation: &Observation) -> Result<BTreeSet<Ask>, TestCaseError> {
        let delta = self.mirror.observe(look, observation);
        for event in &delta.events {
            prop_assert!(self.ids.insert(event.id), "{event:?} is told twice");
            let version = self.versions.insert(event.subject.uid.to_string(), event.version);
            prop_assert!(version.is_none_or(|version| version < event.version), "{event:?} goes back");
            if event.subject.state == "gone" {
                prop_assert!(self.is_gone(event.subject.uid.platform_id()), "{event:?} lives");
            }
            let id = event.subject.uid.platform_id();
            let told = self.told.entry((id.to_owned(), event.kind)).or_default();
            *told += 1;
            prop_assert!(*told <= self.truth.times(id, event.kind), "{event:?} did not happen so often");
        }
        let asks = delta.asks.clone();
        self.mirror.apply(delta);
        Ok(asks)
    }

    fn is_gone(&self, id: &str) -> bool {
        let app = self.truth.living.values().any(|living| living == id);
        let machine = self.truth.machines.iter().any(|(m, _)| m.id == id && m.state != "destroyed");
        !app && !machine
    }

    /// Looks at everything, and at whatever is asked for, a few times.
    fn settle(&mut self) -> Result<usize, TestCaseError> {
        let mut told = self.ids.len();
        for _ in 0..4 {
            told = self.ids.len();
            self.look.tick += 1;
            self.truth.now += 20_000;
            self.look.at = self.truth.at();
            self.look.sent_at = self.look.at;
            let look = self.look.clone();
            let mut asks: BTreeSet<Ask> = [Ask::Apps, Ask::OrgMachines, Ask::Control].into();
            asks.extend(self.mirror.app_names().map(|app| Ask::Machines { app: app.to_owned() }));
            for _ in 0..8 {
                let mut next = BTreeSet::new();
                for ask in std::mem::take(&mut asks) {
                    next.extend(self.see(&look, &self.truth.answer(&self.mirror, &ask))?);
                }
                asks = next;
            }
        }
        Ok(self.ids.len() - told)
    }

    fn check(&self) -> Result<(), TestCaseError> {
        let apps: BTreeMap<_, _> = self
            .mirror
            .app_names()
            .map(|name| (name.to_owned(), self.mirror.app(name).unwrap().uid.platform_id().to_owned()))
            .collect();
        prop_assert_eq!(&apps, &self.truth.living);
        let settled = |state: &str| !matches!(state, "starting" | "destroyed");
        for (machine, app) in &self.truth.machines {
            let row = self.mirror.row(&format!("machine:{}", machine.id).parse().unwrap());
            let living = row.filter(|row| row.gone_at.is_none());
            prop_assert_eq!(living.is_some(), machine.state != "destroyed", "{}", &machine.id);
            if let Some(row) = living {
                prop_assert_eq!(row.parent.as_ref().unwrap().platform_id(), app);
                if settled(&machine.state) {
                    prop_assert_eq!(&row.state, &machine.state, "{}", &machine.id);
                }
            }
        }
        Ok(())
    }
}

fn config() -> Config {
    let vanish_max = VanishMax { percent: 100, floor: 1_000, within: Millis::minutes(10) };
    Config { vanish_max, ..Config::new("acme") }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    #[test]
    fn the_mirror_comes_to_the_truth(steps in proptest::collection::vec((step(), 1..3_000i64), 1..80)) {
        let mut watch = Watch::new();
        for (step, passed) in steps {
            watch.take(step, passed)?;
        }
        let told_last = watch.settle()?;
        prop_assert_eq!(told_last, 0, "the same listings again tell nothing");
        watch.check()?;
    }
}
