//! `groundcrew demo`: a whole fleet on the simulator in this binary, its DNS in a fake beside it, the runner killed at the
//! worst moment.
//!
//! ```text
//!   this process: fakes, play, verdict          child: groundcrew --config DIR/groundcrew.toml up
//! ```
//!
//! The runner is this binary as a user runs it, with a file that a user could write; nothing in it knows of the
//! demo. The kill is placed by the simulator, which holds an answer after the effect. The verdict is asked of the
//! fakes' own logs, never of the runner.

mod stage;

use std::path::PathBuf;
use std::sync::Arc;

use groundcrew_core::duration::Millis;
use groundcrew_flysim::dns::{Dns, DnsServer};
use groundcrew_flysim::verdict::Verdict;
use groundcrew_flysim::{Action, Hold, SystemClock, World};

use super::answer::{Answer, Failure};
use super::context::Context;
use super::sim;
use stage::Stage;

/// Play a whole fleet on the simulator, with the runner killed in the middle
///
/// No account and no network are needed. Ends with 0 if every living app has what it should, nothing is left of
/// deleted ones, and at no moment anything was there twice.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Stay after the verdict, so that other commands can be tried on it, until Ctrl-C
    #[arg(long)]
    keep: bool,
    /// Where everything is written; without this, a new directory for temporary files
    #[arg(long, value_name = "DIR")]
    dir: Option<PathBuf>,
}

const ZONE: &str = "example.";
/// Records that were there before, and must be there afterwards.
const FOREIGN: [(&str, &str, &str); 3] = [
    ("mail.example.", "A", "192.0.2.10"),
    ("www.cust-3x.example.", "A", "192.0.2.11"),
    ("_gc-a.someone.example.", "TXT", "\"gc1:other-installation:aaaaaaaaaaaaaaaaaaaaaaaaaa\""),
];
const APPS: u32 = 6;
const MACHINES: u32 = 14;
/// In this app's second creation the runner is killed.
const KILLED_AT: &str = "cust-2";
/// How long each act may take before the demo is a failure.
const PATIENCE: Millis = Millis::seconds(90);

/// Plays to its end, or until a signal.
pub(super) fn perform(context: &Context, args: &Args) -> Result<Answer, Failure> {
    context.block_on(async {
        let simulator = sim::start(sim::ANYWHERE, 1, APPS, MACHINES, None).await?;
        let fakes = Fakes { world: simulator.world().clone(), dns: zone()? };
        let server = DnsServer::start(sim::ANYWHERE, fakes.dns.clone()).await;
        let server = server.map_err(|error| Failure::of(&error))?;
        let mut stage = Stage::set(context, args.dir.clone(), &simulator.base_url(), &server.base_url())?;
        let played = tokio::select! {
            // A signal that ends what was kept is no interruption.
            biased;
            played = play(&mut stage, &fakes, args) => played,
            _ = tokio::signal::ctrl_c() => Err(Failure::failed("interrupted")),
        };
        stage.stop_runner().await;
        simulator.shutdown().await;
        let place = stage.leave(args.dir.is_some() || played.is_err());
        played.map_err(|failure| match place {
            Some(place) => failure.hint(format!("everything of it is in {}", place.display())),
            None => failure,
        })
    })?
}

/// What the play takes place on.
struct Fakes {
    world: World,
    dns: Dns,
}

/// A fake of PowerDNS with one zone, and records in it that are nobody's business.
fn zone() -> Result<Dns, Failure> {
    let dns = Dns::new(stage::DNS_KEY, Arc::new(SystemClock));
    let write = |dns: &Dns| {
        dns.add_zone(ZONE)?;
        FOREIGN.iter().try_for_each(|(name, kind, content)| dns.write(ZONE, name, kind, &[content]))
    };
    write(&dns).map_err(|why| Failure::failed(format!("the zone could not be made: {why}")))?;
    Ok(dns)
}

async fn play(stage: &mut Stage, fakes: &Fakes, args: &Args) -> Result<Answer, Failure> {
    let world = &fakes.world;
    let fleet =
        format!("{APPS} apps, {MACHINES} machines on the Fly simulator; DNS: the built-in fake of PowerDNS");
    stage.tell("fleet", &fleet)?;
    // One answer is held after its effect, and addresses are not listed for 2 s: the worst moment to be killed.
    world.turn(|knobs| {
        knobs.blind_ips_ms = 2_000;
        let path = format!("/v1/apps/{KILLED_AT}/ip_assignments");
        knobs.holds = vec![Hold { method: Some("POST".to_owned()), path, skip: 1, count: Some(1) }];
    });
    stage.show_configuration()?;
    stage.groundcrew(&["add", "--all", "--yes"]).await?;
    stage.start_runner()?;
    let held = |on: &Fakes| if on.world.holds().is_empty() { Err("nothing was asked for") } else { Ok(()) };
    stage.until(fakes, held).await?;
    stage.stop_runner().await;
    stage
        .tell(KILLED_AT, "the runner is killed (SIGKILL): its request took effect, the answer never came")?;
    world.release_holds(None);
    stage.start_runner()?;
    stage.tell("runner", "started again on the same data directory")?;
    let mut living: Vec<String> = (1..=APPS).map(|app| format!("cust-{app}")).collect();
    stage.until(fakes, good(&living)).await?;
    act(world, Action::CreateApp { name: "cust-new".to_owned(), org: None })?;
    act(world, Action::DeleteApp { app: "cust-3".to_owned() })?;
    living.retain(|app| app != "cust-3");
    living.push("cust-new".to_owned());
    stage.until(fakes, good(&living)).await?;
    for app in &living {
        stage.groundcrew(&["wait", "--app", app, "--timeout", &PATIENCE.to_string()]).await?;
    }
    stage.tell("runner", "says of every app that all is as it should be, with nothing in doubt")?;
    let verdict = stage.until(fakes, good(&living)).await?;
    stage.tell("verdict", &format!("asked of the simulator and the DNS themselves: {verdict}"))?;
    if args.keep {
        stage.tell("kept", &stage.suggestions())?;
        tokio::signal::ctrl_c().await.map_err(|error| Failure::of(&error))?;
    }
    Ok(Answer::both("", &verdict))
}

/// Whether all is as it should be for these apps.
fn good(living: &[String]) -> impl Fn(&Fakes) -> Result<Verdict, Verdict> {
    move |fakes| {
        let verdict = Verdict::of(&fakes.world.log(), &fakes.dns.log(), living);
        if verdict.is_good() { Ok(verdict) } else { Err(verdict) }
    }
}

fn act(world: &World, action: Action) -> Result<(), Failure> {
    let refused = |refusal| Failure::failed(format!("the simulator refused: {refusal:?}"));
    world.act(action).map(drop).map_err(refused)
}
