//! Mirror and schedule together, on a platform whose organisation list shows nothing at all.

use std::collections::BTreeMap;

use super::converge::{Step, Truth};
use crate::duration::Millis;
use crate::mirror::{Ask, Config, Look, Mirror, Observation, OrgPage, Outcome};
use crate::poll::{Done, Fetch, Jitter, Pace, Schedule};
use crate::time::Timestamp;

/// Time that a request takes.
const LATENCY: i64 = 100;

/// A poller in virtual time.
struct Poller {
    truth: Truth,
    mirror: Mirror,
    schedule: Schedule,
    coming: Vec<(i64, Fetch, Look, Observation)>,
    /// When each event was told, in milliseconds.
    told: BTreeMap<String, i64>,
}

impl Poller {
    fn new(truth: Truth) -> Self {
        let mirror = Mirror::from_rows(Config::new("acme"), [], None);
        let schedule = Schedule::new(Pace::default());
        Self { truth, mirror, schedule, coming: Vec::new(), told: BTreeMap::new() }
    }

    fn now(&self) -> Timestamp {
        self.truth.at()
    }

    /// The lagging list is at its worst: empty for ever.
    fn answer(&self, ask: &Ask) -> Observation {
        match ask {
            Ask::OrgMachines => Observation::OrgPage {
                query: self.mirror.org_query(),
                outcome: Outcome::Found(OrgPage::default()),
            },
            _ => self.truth.answer(&self.mirror, ask),
        }
    }

    fn until(&mut self, end: i64) {
        while self.truth.now < end {
            let now = self.now();
            let (arrived, coming) =
                std::mem::take(&mut self.coming).into_iter().partition(|(at, ..)| *at <= self.truth.now);
            self.coming = coming;
            let arrived: Vec<(i64, Fetch, Look, Observation)> = arrived;
            for (_, fetch, look, observation) in arrived {
                self.schedule.done(&fetch, Done::Answered, now, Jitter::from_bits(0));
                self.take(&Look { at: now, ..look }, &observation);
            }
            for fetch in self.schedule.next(now) {
                let token = "watch".to_owned();
                let look = Look { tick: fetch.tick, sent_at: now, at: now, token, wrong: None };
                let answer = self.answer(&fetch.ask);
                self.coming.push((self.truth.now + LATENCY, fetch, look, answer));
            }
            self.truth.now += 50;
        }
    }

    fn take(&mut self, look: &Look, observation: &Observation) {
        let delta = self.mirror.observe(look, observation);
        for ask in &delta.asks {
            self.schedule.ask(ask.clone());
        }
        for event in &delta.events {
            let told = format!("{} {}", event.kind, event.subject.uid.platform_id());
            self.told.insert(told, self.truth.now);
        }
        let hot: Vec<String> = delta.hot_apps().into_iter().map(str::to_owned).collect();
        self.mirror.apply(delta);
        self.schedule.set_apps(self.mirror.app_names(), look.at);
        for app in hot {
            self.schedule.heat(&app, look.at);
        }
    }

    fn happen(&mut self, step: Step) -> i64 {
        self.truth.happen(step);
        self.truth.now
    }

    /// How long after a moment something was told.
    fn after(&self, moment: i64, told: &str) -> Millis {
        Millis::new(self.told.get(told).unwrap_or_else(|| panic!("{told} in {:?}", self.told)) - moment)
    }
}

#[test]
fn everything_is_told_in_time_without_the_organisations_list() {
    let mut truth = Truth::default();
    truth.happen(Step::CreateApp(0));
    truth.happen(Step::CreateMachine(0));
    let mut poller = Poller::new(truth);
    poller.until(60_000);
    assert!(poller.told.is_empty(), "the first start is silent: {:?}", poller.told);

    let born = poller.happen(Step::CreateApp(1));
    poller.happen(Step::CreateMachine(1));
    poller.until(75_000);
    assert!(poller.after(born, "app.created a1") <= Millis::seconds(6));
    assert!(poller.after(born, "machine.created m1") <= Millis::seconds(7));

    let hot = poller.happen(Step::Move(1, 0));
    poller.until(85_000);
    assert!(
        poller.after(hot, "machine.started m1") <= Millis::seconds(5),
        "a hot app is seen within seconds"
    );

    poller.until(400_000);
    let cold = poller.happen(Step::Move(0, 0));
    poller.until(705_000);
    assert!(
        poller.after(cold, "machine.started m0") <= Millis::minutes(5),
        "a cold app is seen within minutes"
    );

    let gone = poller.happen(Step::DeleteApp(1));
    poller.until(720_000);
    assert!(poller.after(gone, "app.deleted a1") <= Millis::seconds(10));
    assert!(poller.told.contains_key("machine.destroyed m1"));
}
