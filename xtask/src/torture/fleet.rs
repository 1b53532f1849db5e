//! The platform's users, who create and destroy all day, as a seed has it.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::Context as _;
use serde_json::{Value, json};

use super::draws::{Aim, Moment, Random};
use crate::demo::runner::{self, Posted};
use crate::demo::simulator::Simulator;
use crate::demo::{Stage, until};
use groundcrew_verdict::{Births, Expected, Owed};

/// Apps that may exist at once.
const POOL: u32 = 40;
/// How long a name may be taken by an app that is being deleted.
const DELETED_WITHIN: Duration = Duration::from_secs(10);
/// How long the runner may take to start.
const UP_WITHIN: Duration = Duration::from_secs(15);

/// Where the acts take place.
pub(super) trait Platform {
    /// Acts as a user of the platform; what the platform answers.
    fn act(&self, action: &Value) -> anyhow::Result<Value>;

    /// Posts a foreign event to the runner, about an app or nobody; whether it was accepted for certain.
    fn post(&self, number: u64, app: Option<&str>) -> bool;
}

/// The platform, and the runner beside it.
pub(super) struct Outside<'a> {
    pub(super) stage: &'a Stage,
    pub(super) simulator: &'a Simulator,
}

impl Platform for Outside<'_> {
    fn act(&self, action: &Value) -> anyhow::Result<Value> {
        self.simulator.act(action)
    }

    /// Every fourth is posted until somebody is there to take it, so that enough are taken; what nobody took cannot
    /// have been accepted. The others find the runner as it is, so that users go on while it is down.
    fn post(&self, number: u64, app: Option<&str>) -> bool {
        let taken = || match runner::post(self.stage, number, app) {
            Posted::Nowhere if number.is_multiple_of(4) => Ok(None),
            posted => Ok(Some(posted)),
        };
        until("the runner takes events", UP_WITHIN, taken).is_ok_and(|posted| posted == Posted::Accepted)
    }
}

/// The platform's users. What they do depends on the seed alone: on no answer, and on no kill's success.
pub(super) struct Fleet<'a, P> {
    platform: &'a P,
    random: Random,
    /// Every app that ever was; with its machines while it lives.
    apps: BTreeMap<u32, Option<Vec<String>>>,
    pub(super) events: u32,
    /// Foreign events that were posted, and the numbers of those that were accepted for certain.
    posted: u64,
    accepted: Vec<u64>,
}

impl<'a, P: Platform> Fleet<'a, P> {
    /// Nobody is there yet.
    pub(super) fn new(platform: &'a P, seed: u64) -> Self {
        let random = Random::of_acts(seed);
        Self { platform, random, apps: BTreeMap::new(), events: 0, posted: 0, accepted: Vec::new() }
    }

    /// How many foreign events were posted.
    pub(super) fn posted(&self) -> u64 {
        self.posted
    }

    /// Which of all apps that ever were should live, and what must have been told.
    pub(super) fn expected(&self) -> Expected {
        let (living, deleted) = self.apps.keys().partition(|app| self.apps[*app].is_some());
        Expected { living, deleted, owed: Owed { foreign: self.accepted.clone(), births: Births::All } }
    }

    /// What users do so that a kill has something to hit.
    pub(super) fn beside(&mut self, kill: &Aim) -> anyhow::Result<()> {
        match kill.moment {
            Moment::Answer => self.begin_anew(kill.whose),
            Moment::Commit => self.act(),
            Moment::Start | Moment::Any => Ok(()),
        }
    }

    /// Two acts of a user after which things must be made: an app goes, and one of its name comes.
    fn begin_anew(&mut self, whose: u64) -> anyhow::Result<()> {
        let living: Vec<_> =
            self.apps.iter().filter(|(_, lives)| lives.is_some()).map(|(app, _)| *app).collect();
        if let Some(app) = living.get((whose % living.len().max(1) as u64) as usize) {
            self.events += 1;
            self.delete(*app)?;
        }
        let gone = (1..=POOL).find(|app| !matches!(self.apps.get(app), Some(Some(_))));
        self.events += 1;
        gone.map_or(Ok(()), |app| self.create(app))
    }

    /// A name that was just given back is taken for a moment still; it is asked for until it is not, or what users do
    /// would depend on how fast they are.
    fn create(&mut self, app: u32) -> anyhow::Result<()> {
        let action = json!({"do": "create_app", "name": format!("cust-{app}")});
        until("the name is free", DELETED_WITHIN, || Ok(self.platform.act(&action).ok()))?;
        self.apps.insert(app, Some(Vec::new()));
        Ok(())
    }

    fn delete(&mut self, app: u32) -> anyhow::Result<()> {
        self.platform.act(&json!({"do": "delete_app", "app": format!("cust-{app}")}))?;
        self.apps.insert(app, None);
        Ok(())
    }

    /// One act of a user: an app or a machine comes, changes or goes, or something happens elsewhere.
    pub(super) fn act(&mut self) -> anyhow::Result<()> {
        self.events += 1;
        // A name that was given back may be given to a new app at once: a write for the old one may reach it.
        let app = self.random.below(u64::from(POOL)) as u32 + 1;
        let (what, elsewhere) = (self.random.below(20), self.random.below(5) == 0);
        if elsewhere {
            let name = format!("cust-{app}");
            // Of half of them the runner is not told whom they are about.
            self.post((what % 2 == 0).then_some(name.as_str()));
            return Ok(());
        }
        let Some(Some(machines)) = self.apps.get_mut(&app) else { return self.create(app) };
        match (what, machines.last().cloned()) {
            (0, _) => return self.delete(app),
            (1..=8, _) | (_, None) if machines.len() < 4 => {
                let name = format!("cust-{app}");
                let made = self.platform.act(&json!({"do": "create_machine", "app": name}))?;
                machines.push(made["id"].as_str().context("a machine without id")?.to_owned());
            }
            (9..=12, Some(machine)) => {
                self.platform.act(&json!({"do": "destroy_machine", "machine": machine}))?;
                machines.pop();
            }
            (13..=15, Some(machine)) => self.change(&json!({"do": "stop_machine", "machine": machine})),
            (_, Some(machine)) => self.change(&json!({"do": "start_machine", "machine": machine})),
            (_, None) => {}
        }
        Ok(())
    }

    fn post(&mut self, app: Option<&str>) {
        self.posted += 1;
        if self.platform.post(self.posted, app) {
            self.accepted.push(self.posted);
        }
    }

    /// A change that the platform may refuse: a machine that is stopped cannot be stopped again.
    fn change(&self, action: &Value) {
        drop(self.platform.act(action));
    }
}
