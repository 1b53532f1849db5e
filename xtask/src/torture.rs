//! `cargo xtask torture`: apps and machines come and go while the runner is killed again and again.
//!
//! The runner is the shipped binary; the kills are real (SIGKILL). At least half of them are placed: the simulator took
//! a creation and holds its answer, the runner has just started, or it has just written one commit and not the next;
//! what was hit is counted. Listings of addresses are blind for up to five seconds after each creation, throughout. The
//! seed repeats acts and placements; what the machine's scheduler does is its own.

mod fleet;
mod kills;

use std::time::Duration;

use anyhow::{Context as _, ensure};
use serde_json::json;

use crate::demo::dns::Dns;
use crate::demo::runner::{Caution, Runner, Tell, configure};
use crate::demo::simulator::Simulator;
use crate::demo::{self, Stage, on_stage, until};
use crate::setup::{self, say};
use crate::verdict::Verdict;
use fleet::Fleet;
use kills::Kills;

/// Pause between two acts.
const BETWEEN: Duration = Duration::from_millis(2);
/// The longest lag of a listing, in milliseconds; the stanza's `settle` is longer.
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
    let mut fleet = Fleet::new(&simulator, plan.seed);
    simulator.turn(&json!({"blind_ips_ms": fleet.random.below(LAG_MS + 1)}))?;
    let mut runner = Runner::start(stage, Tell::Nothing)?;
    let every = (plan.events / plan.kills.max(1)).max(1);
    let mut kills = Kills::default();
    while fleet.events < plan.events {
        fleet.act()?;
        std::thread::sleep(BETWEEN);
        if kills.all() < plan.kills && fleet.events >= (kills.all() + 1) * every {
            runner = kills.kill(stage, &mut fleet, runner)?;
            if kills.all() % 10 == 0 {
                stage.tell("torture", &format!("{} events, {} kills", fleet.events, kills.all()));
            }
        }
    }
    let verdict = settle(stage, &simulator, &dns, &mut runner, &fleet)?;
    // After a kill, asking too much is no fault: how much was asked lately is known only in memory, so that each start
    // asks as much again at once as the platform allows at once.
    println_line(&format!("torture: {kills}; answers 429: {}", verdict.too_many()));
    println_line(&format!(
        "torture: events {} kills {} lost {} doubled {} leaked {} foreign {}",
        fleet.events,
        kills.all(),
        verdict.lost(),
        verdict.doubled(),
        verdict.leaked(),
        verdict.foreign()
    ));
    ensure!(verdict.is_whole(), "seed {}: {verdict}", plan.seed);
    ensure!(kills.are_placed(), "seed {}: {kills}", plan.seed);
    ensure!(kills.all() > 0 || verdict.is_good(), "seed {}: {verdict}", plan.seed);
    Ok(())
}

#[expect(clippy::print_stdout, reason = "the last line is for programs, too")]
fn println_line(line: &str) {
    println!("{line}");
}

/// Waits until everything is as it should be, or says how it is not.
fn settle(
    stage: &Stage,
    simulator: &Simulator,
    dns: &Dns,
    runner: &mut Runner,
    fleet: &Fleet<'_>,
) -> anyhow::Result<Verdict> {
    let expected = fleet.expected();
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
