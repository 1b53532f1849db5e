//! `cargo xtask torture`: apps and machines come and go while the runner is killed again and again.
//!
//! The runner is the shipped binary; the kills are real (SIGKILL). At least half of them are placed: the simulator took
//! a creation and holds its answer, the runner has just started, or it has just written one commit and not the next;
//! what was hit is counted. Listings of addresses are blind for up to five seconds after each creation, throughout.
//! Meanwhile events from elsewhere are posted to the runner, and a receiver takes down what it is told. The seed repeats
//! what users do, when each kill comes and what it aims at; what the machine's scheduler makes of it is its own, and
//! changes nothing of what comes after.

mod draws;
mod fleet;
mod kills;

use std::time::Duration;

use anyhow::{Context as _, ensure};
use serde_json::json;

use crate::demo::dns::Dns;
use crate::demo::runner::{self, Caution, Runner, Tell, configure};
use crate::demo::simulator::Simulator;
use crate::demo::{self, Stage, on_stage, until};
use crate::setup::{self, say};
use draws::Aim;
use fleet::{Fleet, Outside};
use groundcrew_verdict::Verdict;
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

/// What comes next.
enum Next {
    /// A user acts.
    Act,
    /// The runner is killed.
    Kill(Aim),
    /// All of it was.
    Over,
}

impl Plan {
    /// What comes after so many events and kills: kills are spread evenly over the events, by their numbers alone.
    fn next(&self, events: u32, kills: u32) -> Next {
        let every = (self.events / self.kills.max(1)).max(1);
        if kills < self.kills && events >= (kills + 1) * every {
            return Next::Kill(Aim::of(self.seed, kills));
        }
        if events < self.events { Next::Act } else { Next::Over }
    }
}

/// Runs it; fails on any loss, double, leak, foreign touch, or answer 429.
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
    let outside = Outside { stage, simulator: &simulator };
    let mut fleet = Fleet::new(&outside, plan.seed);
    simulator.turn(&json!({"blind_ips_ms": LAG_MS}))?;
    let mut runner = Runner::start(stage, Tell::Nothing)?;
    // What a runner finds when it first comes, it takes silently.
    runner::ready(stage)?;
    let mut kills = Kills::default();
    loop {
        match plan.next(fleet.events, kills.all()) {
            Next::Act => {
                fleet.act()?;
                std::thread::sleep(BETWEEN);
            }
            Next::Kill(aim) => {
                runner = kills.kill(&outside, &mut fleet, runner, &aim)?;
                if kills.all() % 10 == 0 {
                    stage.tell("torture", &format!("{} events, {} kills", fleet.events, kills.all()));
                }
            }
            Next::Over => break,
        }
    }
    let verdict = settle(stage, &simulator, &dns, &mut runner, &fleet)?;
    println_line(&format!("torture: {kills}; answers 429: {}", verdict.too_many()));
    let accepted = fleet.expected().owed.foreign.len();
    println_line(&format!(
        "torture: {} foreign events posted, {accepted} accepted for certain; told {}",
        fleet.posted(),
        verdict.told()
    ));
    println_line(&format!(
        "torture: events {} kills {} lost {} doubled {} leaked {} foreign {}",
        fleet.events,
        kills.all(),
        verdict.lost(),
        verdict.doubled(),
        verdict.leaked(),
        verdict.foreign()
    ));
    ensure!(verdict.is_good(), "seed {}: {verdict}", plan.seed);
    ensure!(accepted as u64 * 5 >= fleet.posted(), "seed {}: the runner took few events", plan.seed);
    ensure!(kills.are_placed(), "seed {}: {kills}", plan.seed);
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
    fleet: &Fleet<'_, Outside<'_>>,
) -> anyhow::Result<Verdict> {
    let expected = fleet.expected();
    stage.tell(
        "torture",
        &format!("{} apps live, {} are gone; settling", expected.living.len(), expected.deleted.len()),
    );
    let (mut last, mut doubted) = (None, 0);
    let good = until("everything as it should be", Duration::from_mins(3), || {
        ensure!(
            runner.lives()?,
            "the runner ended by itself; see {}",
            stage.directory.join("runner.log").display()
        );
        // What is in doubt may still be made a second time: it is judged when nothing is any more.
        let doubts = runner::in_doubt(stage)?;
        let verdict = demo::verdict(simulator, dns, &expected)?;
        let good = doubts == 0 && verdict.is_whole();
        (last, doubted) = (Some(verdict), doubts);
        std::thread::sleep(Duration::from_millis(500));
        Ok(good.then_some(()))
    });
    let last = last.context("nothing was asked");
    if let Err(error) = good {
        stage.tell("torture", &format!("{error:#}"));
        // A verdict that is whole is none while more may come of it, or nobody is there whose doing it could be.
        if last.as_ref().is_ok_and(Verdict::is_whole) {
            return Err(error.context(format!("{doubted} intents are in doubt, and all else is well")));
        }
    }
    last
}

#[cfg(test)]
mod tests {
    use std::cell::{Cell, RefCell};

    use serde_json::Value;

    use super::*;
    use draws::Moment;
    use fleet::Platform;

    /// A platform that writes down what is asked of it; names are taken for so many more questions once in a while.
    #[derive(Default)]
    struct Notebook {
        acts: RefCell<Vec<Value>>,
        refuses: Cell<u32>,
        /// Every so many-th event is accepted.
        accepts: u64,
    }

    impl Platform for Notebook {
        fn act(&self, action: &Value) -> anyhow::Result<Value> {
            if self.refuses.get() > 0 && action["do"] == "create_app" {
                self.refuses.set(self.refuses.get() - 1);
                anyhow::bail!("the name is taken");
            }
            let mut acts = self.acts.borrow_mut();
            acts.push(action.clone());
            Ok(json!({"id": format!("m{}", acts.len())}))
        }

        fn post(&self, number: u64, app: Option<&str>) -> bool {
            self.acts.borrow_mut().push(json!({"post": number, "about": app}));
            number.is_multiple_of(self.accepts)
        }
    }

    /// What users did and what each kill aimed at, where kills hit as `hit` says.
    fn played(seed: u64, refuses: u32, hit: impl Fn(Moment) -> Moment) -> (Vec<Value>, Vec<Aim>) {
        let accepts = 1 + u64::from(refuses);
        let plan = Plan { events: 600, kills: 30, seed, keep: false };
        let platform = Notebook { refuses: Cell::new(refuses), accepts, ..Notebook::default() };
        let mut fleet = Fleet::new(&platform, seed);
        let (mut kills, mut aims) = (Kills::default(), Vec::new());
        loop {
            match plan.next(fleet.events, kills.all()) {
                Next::Act => fleet.act().unwrap(),
                Next::Kill(aim) => {
                    fleet.beside(&aim).unwrap();
                    kills.note(hit(aim.moment));
                    aims.push(aim);
                }
                Next::Over => return (platform.acts.take(), aims),
            }
        }
    }

    #[test]
    fn whatever_is_hit_a_seed_repeats_what_is_done_and_aimed_at() {
        let (acts, aims) = played(7, 0, |aimed| aimed);
        assert_eq!(aims.len(), 30);
        assert!(acts.len() > 500, "{}", acts.len());
        assert_eq!(played(7, 0, |_| Moment::Any), (acts.clone(), aims.clone()), "all missed");
        assert_eq!(played(7, 0, |_| Moment::Start), (acts.clone(), aims.clone()), "all hit something else");
        assert_eq!(
            played(7, 3, |aimed| aimed),
            (acts.clone(), aims.clone()),
            "names were given back slowly, events refused"
        );
        let other = played(8, 0, |aimed| aimed);
        assert!(other.0 != acts && other.1 != aims, "another seed is another story");
    }
}
