//! The play: somebody leaves things behind, a fleet appears, the runner is killed at the worst moment, apps go.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::json;

use super::dns::Dns;
use super::draw::restarted;
use super::leaks::{self, Leaks, Tick};
use super::runner::{Caution, Runner, Tell, configure, has_told, metrics, show};
use super::simulator::Simulator;
use super::{APPS, DELETED, MACHINES, Stage, now, until, verdict};
use groundcrew_verdict::{Births, Expected, Owed, Verdict, misled};

/// The app in whose creation the runner is killed.
const KILLED_AT: &str = "cust-9";
/// All acts and waits together take no longer: the demo is over within a minute once it is built.
pub(super) const LIMIT: Duration = Duration::from_mins(1);

pub(crate) fn play(stage: &Stage) -> anyhow::Result<()> {
    let tick = Tick::awaited(stage)?;
    let stage = &Stage { started: now(), ..stage.clone() };
    let simulator = Simulator::start(stage, APPS, MACHINES)?;
    let dns = Dns::start(stage)?;
    stage.tell(
        "fleet",
        &format!("{APPS} apps, {MACHINES} machines on the Fly simulator; DNS: {}, zone example", dns.what()),
    );
    // After the dedicated address of one app is made, its answer is held, and listings are blind for 2 s.
    let path = format!("/v1/apps/{KILLED_AT}/ip_assignments");
    simulator.turn(&json!({
        "blind_ips_ms": 2_000,
        "holds": [{"method": "POST", "path": path, "skip": 1, "count": 1}],
    }))?;
    let leaks = Leaks::plant(stage, &simulator, &dns)?;
    configure(stage, &simulator, &dns, Caution::Usual, &leaks::stanzas(&simulator, &dns))?;
    let runner = Runner::start(stage, Tell::Everything)?;
    let held = simulator.held(Duration::from_secs(40))?;
    runner.kill()?;
    stage.tell(
        KILLED_AT,
        &format!("in doubt: runner killed (SIGKILL) after the simulator took {held}, before its answer"),
    );
    simulator.release()?;
    let mut runner = Runner::start(stage, Tell::Everything)?;
    stage.tell("runner", &restarted(&metrics(stage)?));
    let all: Vec<u32> = (1..=APPS).collect();
    complete(stage, &simulator, &dns, &mut runner, &all)?;
    for app in DELETED {
        simulator.delete_app(&format!("cust-{app}"))?;
        stage.tell(&format!("cust-{app}"), "deleted on the platform");
    }
    let living: Vec<u32> = all.into_iter().filter(|app| !DELETED.contains(app)).collect();
    complete(stage, &simulator, &dns, &mut runner, &living)?;
    dig(stage, &simulator, &dns, &living)?;
    show(stage, &["app", KILLED_AT])?;
    show(stage, &["why", "dns/A/www.cust-7.example"])?;
    // What was in doubt is settled once the API can hide nothing any more.
    show(stage, &["wait", "--app", KILLED_AT, "--timeout", "45s"])?;
    // What is committed is told a moment later.
    until("the line that says how it was settled", Duration::from_secs(5), || {
        Ok(has_told(stage, KILLED_AT, "settled: found")?.then_some(()))
    })?;
    leaks.play(stage, &simulator, &dns, &mut runner, tick)?;
    let verdict = complete(stage, &simulator, &dns, &mut runner, &living)?;
    stage.tell(
        "verdict",
        &format!("asked of {}, the simulator and the receiver themselves: {verdict}", dns.name()),
    );
    anyhow::ensure!(verdict.is_good(), "the verdict is not good");
    let took = stage.started.elapsed();
    anyhow::ensure!(took < LIMIT, "it took {:.1} s of at most {} s", took.as_secs_f32(), LIMIT.as_secs());
    Ok(())
}

/// What resolvers are told of every app that lives or lived, where something answers them.
fn dig(stage: &Stage, simulator: &Simulator, dns: &Dns, living: &[u32]) -> anyhow::Result<()> {
    let mut answers = BTreeMap::new();
    for app in 1..=APPS {
        let Some(answer) = dns.dig(&format!("www.cust-{app}.example"), "A")? else { return Ok(()) };
        answers.insert(app, answer);
    }
    let misled = misled(&simulator.log()?, &expected(living), &answers);
    anyhow::ensure!(misled.is_empty(), "dig says otherwise: {}", misled.join("; "));
    let (lead, gone) = (living.len(), DELETED.len());
    stage.tell(
        "dig",
        &format!(
            "names of {lead} living apps lead to their own addresses, those of {gone} deleted ones nowhere"
        ),
    );
    Ok(())
}

/// That these apps live and the others are deleted.
fn expected(living: &[u32]) -> Expected {
    Expected {
        living: living.to_vec(),
        deleted: DELETED.iter().filter(|app| !living.contains(app)).copied().collect(),
        // The fleet is there before the runner is.
        owed: Owed { foreign: Vec::new(), births: Births::None },
    }
}

/// Waits until the outside is as it should be for these apps, or says how it is not.
fn complete(
    stage: &Stage,
    simulator: &Simulator,
    dns: &Dns,
    runner: &mut Runner,
    living: &[u32],
) -> anyhow::Result<Verdict> {
    let expected = expected(living);
    let mut last = String::new();
    let waited = until("everything as it should be", Duration::from_secs(90), || {
        anyhow::ensure!(
            runner.lives()?,
            "the runner ended by itself; see {}",
            stage.directory.join("runner.log").display()
        );
        let verdict = verdict(simulator, dns, &expected)?;
        last = verdict.to_string();
        Ok(verdict.is_good().then_some(verdict))
    });
    waited.map_err(|error| error.context(last))
}
