//! The platform's users, who create and destroy all day, as a seed has it.

use std::collections::BTreeMap;

use anyhow::Context as _;
use serde_json::{Value, json};

use crate::demo::simulator::Simulator;
use crate::verdict::Expected;

/// Apps that may exist at once.
const POOL: u32 = 40;

/// The platform's users, who create and destroy all day.
pub(super) struct Fleet<'a> {
    pub(super) simulator: &'a Simulator,
    pub(super) random: Random,
    /// Every app that ever was; with its machines while it lives.
    apps: BTreeMap<u32, Option<Vec<String>>>,
    pub(super) events: u32,
}

impl<'a> Fleet<'a> {
    /// Nobody is there yet.
    pub(super) fn new(simulator: &'a Simulator, seed: u64) -> Self {
        Self { simulator, random: Random(seed), apps: BTreeMap::new(), events: 0 }
    }

    /// Which of all apps that ever were should live.
    pub(super) fn expected(&self) -> Expected {
        let (living, deleted) = self.apps.keys().partition(|app| self.apps[*app].is_some());
        Expected { living, deleted }
    }

    /// Two acts of a user after which things must be made: an app goes, and one of its name comes.
    pub(super) fn begin_anew(&mut self) -> anyhow::Result<()> {
        let living: Vec<_> =
            self.apps.iter().filter(|(_, lives)| lives.is_some()).map(|(app, _)| *app).collect();
        if let Some(app) = living.get(self.random.below(living.len() as u64) as usize) {
            self.events += 1;
            self.simulator.delete_app(&format!("cust-{app}"))?;
            self.apps.insert(*app, None);
        }
        let gone = (1..=POOL).find(|app| !matches!(self.apps.get(app), Some(Some(_))));
        self.events += 1;
        gone.map_or(Ok(()), |app| self.create(app))
    }

    fn create(&mut self, app: u32) -> anyhow::Result<()> {
        self.simulator.act(&json!({"do": "create_app", "name": format!("cust-{app}")}))?;
        self.apps.insert(app, Some(Vec::new()));
        Ok(())
    }

    /// One act of a user: an app or a machine comes, changes or goes.
    pub(super) fn act(&mut self) -> anyhow::Result<()> {
        self.events += 1;
        // A name that was given back may be given to a new app at once: a write for the old one may reach it.
        let app = self.random.below(u64::from(POOL)) as u32 + 1;
        let name = format!("cust-{app}");
        match self.apps.get_mut(&app) {
            Some(Some(machines)) => {
                let machine = machines.last().cloned();
                match (self.random.below(20), machine) {
                    (0, _) => {
                        self.simulator.delete_app(&name)?;
                        self.apps.insert(app, None);
                    }
                    (1..=8, _) | (_, None) if machines.len() < 4 => {
                        let made = self.simulator.act(&json!({"do": "create_machine", "app": name}))?;
                        machines.push(made["id"].as_str().context("a machine without id")?.to_owned());
                    }
                    (9..=12, Some(machine)) => {
                        self.simulator.act(&json!({"do": "destroy_machine", "machine": machine}))?;
                        machines.pop();
                    }
                    (13..=15, Some(machine)) => {
                        self.change(&json!({"do": "stop_machine", "machine": machine}));
                    }
                    (_, Some(machine)) => self.change(&json!({"do": "start_machine", "machine": machine})),
                    (_, None) => {}
                }
            }
            Some(None) | None => {
                // A name that was just deleted may still be taken: then nothing comes of it this time.
                if self.simulator.act(&json!({"do": "create_app", "name": name})).is_ok() {
                    self.apps.insert(app, Some(Vec::new()));
                }
            }
        }
        Ok(())
    }

    /// A change that the platform may refuse: a machine that is stopped cannot be stopped again.
    fn change(&self, action: &Value) {
        drop(self.simulator.act(action));
    }
}

/// SplitMix64: small, and the same everywhere.
pub(super) struct Random(pub(super) u64);

impl Random {
    pub(super) fn below(&mut self, limit: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % limit.max(1)
    }
}
