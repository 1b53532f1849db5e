//! `cargo xtask torture`: apps and machines come and go while the runner is killed again and again.
//!
//! The runner is the shipped binary; the kills are real (SIGKILL). Half of them are placed: the simulator took a
//! creation and holds its answer, the runner has just started, or it has just written one commit and not the next.
//! Listings of addresses are blind for up to five seconds after each creation, throughout. The seed repeats acts
//! and placements; what the machine's scheduler does is its own.

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime};

use anyhow::{Context as _, ensure};
use serde_json::{Value, json};

use crate::demo::dns::Dns;
use crate::demo::runner::{Caution, Runner, Tell, configure};
use crate::demo::simulator::Simulator;
use crate::demo::{self, Stage, on_stage, until};
use crate::setup::{self, say};
use crate::verdict::{Expected, Verdict};

/// Apps that may exist at once.
const POOL: u32 = 40;
/// Pause between two acts.
const BETWEEN: Duration = Duration::from_millis(2);
/// How long a placed kill waits for a creation to be under way.
const PLACED_WITHIN: Duration = Duration::from_secs(2);
/// Pause between two looks at the write-ahead log.
const AGAIN: Duration = Duration::from_micros(50);
/// The longest lag of a listing, in milliseconds; the kind's `settle` is longer.
const LAG_MS: u64 = 5_000;

/// How much.
struct Plan {
    events: u32,
    kills: u32,
    seed: u64,
    keep: bool,
}

/// Runs it; fails on any loss, double, leak or foreign touch.
pub(crate) fn run(arguments: &[String]) -> anyhow::Result<()> {
    let plan = plan(arguments)?;
    say(&format!("torture --events {} --kills {} --seed {}", plan.events, plan.kills, plan.seed));
    setup::programs()?;
    on_stage("torture", plan.keep, |stage| play(stage, &plan))
}

fn plan(arguments: &[String]) -> anyhow::Result<Plan> {
    let mut plan = Plan { events: 20_000, kills: 100, seed: 1, keep: false };
    let mut rest = arguments.iter();
    while let Some(name) = rest.next() {
        let mut number = || {
            rest.next().with_context(|| format!("{name} needs a number"))?.parse::<u64>().context("a number")
        };
        match name.as_str() {
            "--events" => plan.events = number()? as u32,
            "--kills" => plan.kills = number()? as u32,
            "--seed" => plan.seed = number()?,
            "--keep" => plan.keep = true,
            unknown => anyhow::bail!("unknown argument `{unknown}`"),
        }
    }
    Ok(plan)
}

fn play(stage: &Stage, plan: &Plan) -> anyhow::Result<()> {
    let simulator = Simulator::start(stage, 0, 0)?;
    let dns = Dns::powerdns(stage)?;
    configure(stage, &simulator, &dns, Caution::Wide, "")?;
    let mut fleet =
        Fleet { simulator: &simulator, random: Random(plan.seed), apps: BTreeMap::new(), events: 0 };
    let mut runner = Runner::start(stage, Tell::Nothing)?;
    let every = (plan.events / plan.kills.max(1)).max(1);
    let mut kills = 0;
    while fleet.events < plan.events {
        fleet.act()?;
        std::thread::sleep(BETWEEN);
        if kills < plan.kills && fleet.events >= (kills + 1) * every {
            runner = kill(stage, &mut fleet, runner)?;
            kills += 1;
            if kills % 10 == 0 {
                stage.tell("torture", &format!("{} events, {kills} kills", fleet.events));
            }
        }
    }
    let verdict = settle(stage, &simulator, &dns, &mut runner, &fleet)?;
    println_line(&format!(
        "torture: events {} kills {kills} lost {} doubled {} leaked {} foreign {}",
        fleet.events,
        verdict.lost(),
        verdict.doubled(),
        verdict.leaked(),
        verdict.foreign()
    ));
    ensure!(verdict.is_whole(), "seed {}: {verdict}", plan.seed);
    Ok(())
}

#[expect(clippy::print_stdout, reason = "the last line is for programs, too")]
fn println_line(line: &str) {
    println!("{line}");
}

/// Kills the runner, half of the time at a chosen moment, and starts it again.
fn kill(stage: &Stage, fleet: &mut Fleet<'_>, runner: Runner) -> anyhow::Result<Runner> {
    let moment = fleet.random.below(6);
    let lag = json!({"blind_ips_ms": fleet.random.below(LAG_MS + 1)});
    match moment {
        // After the effect of a creation, before its answer.
        0 => {
            let hold = json!([{"method": "POST", "path": "/v1/apps/*/ip_assignments", "skip": fleet.random.below(3), "count": 1}]);
            fleet.simulator.turn(&json!({"holds": hold}))?;
            for _ in 0..3 {
                fleet.act()?;
            }
            fleet.simulator.is_held(PLACED_WITHIN)?;
            runner.kill()?;
            fleet.simulator.turn(&json!({"holds": []}))?;
            fleet.simulator.release()?;
        }
        // In the first 200 ms after a restart.
        1 => {
            runner.kill()?;
            let again = Runner::start(stage, Tell::Nothing)?;
            std::thread::sleep(Duration::from_millis(fleet.random.below(200)));
            again.kill()?;
        }
        // After one commit, before the next.
        2 => {
            fleet.act()?;
            after_commits(stage, 1 + fleet.random.below(6));
            runner.kill()?;
        }
        // At any moment.
        _ => runner.kill()?,
    }
    fleet.simulator.turn(&lag)?;
    Runner::start(stage, Tell::Nothing)
}

/// Waits until the runner has written so many commits, or for as long as a placed kill waits: it may have nothing
/// to write.
fn after_commits(stage: &Stage, commits: u64) {
    // Every commit is appended to the write-ahead log, so its time of change moves.
    let log = stage.directory.join("data/groundcrew.db-wal");
    let changed = || std::fs::metadata(&log).and_then(|log| log.modified()).unwrap_or(SystemTime::UNIX_EPOCH);
    let mut seen = (changed(), 0);
    for _ in 0..PLACED_WITHIN.as_micros() / AGAIN.as_micros() {
        let now = changed();
        if now != seen.0 {
            seen = (now, seen.1 + 1);
        }
        if seen.1 == commits {
            return;
        }
        std::thread::sleep(AGAIN);
    }
}

/// Waits until everything is as it should be, or says how it is not.
fn settle(
    stage: &Stage,
    simulator: &Simulator,
    dns: &Dns,
    runner: &mut Runner,
    fleet: &Fleet<'_>,
) -> anyhow::Result<Verdict> {
    simulator.turn(&json!({"blind_ips_ms": 0}))?;
    let (living, deleted) = fleet.apps.keys().partition(|app| fleet.apps[*app].is_some());
    let expected = Expected { living, deleted };
    stage.tell(
        "torture",
        &format!("{} apps live, {} are gone; settling", expected.living.len(), expected.deleted.len()),
    );
    let mut last = None;
    let good = until("everything as it should be", Duration::from_mins(3), || {
        ensure!(
            runner.lives()?,
            "the runner ended by itself; see {}",
            stage.directory.join("runner.log").display()
        );
        let verdict = demo::verdict(simulator, dns, &expected)?;
        let good = verdict.is_whole();
        last = Some(verdict);
        std::thread::sleep(Duration::from_millis(500));
        Ok(good.then_some(()))
    });
    let last = last.context("nothing was asked");
    if let Err(error) = good {
        stage.tell("torture", &format!("{error:#}"));
    }
    last
}

/// The platform's users, who create and destroy all day.
struct Fleet<'a> {
    simulator: &'a Simulator,
    random: Random,
    /// Every app that ever was; with its machines while it lives.
    apps: BTreeMap<u32, Option<Vec<String>>>,
    events: u32,
}

impl Fleet<'_> {
    /// One act of a user: an app or a machine comes, changes or goes.
    fn act(&mut self) -> anyhow::Result<()> {
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
struct Random(u64);

impl Random {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % limit.max(1)
    }
}
