//! `groundcrew audit`: scheduled looks, when they come and what they found.

use groundcrew_core::schedule::jitter;
use groundcrew_core::time::Timestamp;
use groundcrew_engine::clock::{Clock as _, SystemClock};
use groundcrew_store::audits::{AuditRun, Phase};
use groundcrew_store::{Options, Store};
use serde::Serialize;
use tokio_util::sync::CancellationToken;

use super::{Answer, Code, Context, Failure, absent, up};
use crate::assembly::{self, Outward};
use crate::config::Config;
use crate::control::Request;
use crate::data_dir;
use crate::runner::Runner;
use crate::show::{Cell, Table, Tone, age, ago, length};

/// List audits, run one, or show what they found
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    command: AuditCommand,
}

#[derive(Debug, clap::Subcommand)]
enum AuditCommand {
    /// List audits and when they come next
    List {
        /// How many of the next times
        #[arg(long, value_name = "N", default_value_t = 3)]
        next: u8,
    },
    /// Run an audit now: by the runner if one is up, else here
    Run {
        /// The audit's name
        name: String,
    },
    /// List runs of audits, newest first
    History {
        /// Only this audit's
        audit: Option<String>,
        /// How many at most
        #[arg(long, value_name = "N", default_value_t = 30)]
        limit: u32,
    },
}

pub(super) fn run(context: &Context, args: &Args) -> Result<Answer, Failure> {
    match &args.command {
        AuditCommand::List { next } => Ok(list(&context.config()?, *next, context.now())),
        AuditCommand::Run { name } => run_now(context, name),
        AuditCommand::History { audit, limit } => {
            let runs = context.reader()?.audit_runs(audit.as_deref(), *limit)?;
            Ok(Answer::both(draw(&runs, context.now()), &runs))
        }
    }
}

#[derive(Serialize)]
struct Shown<'a> {
    audit: &'a str,
    hooks: &'a [String],
    schedule: String,
    next: Vec<String>,
}

fn list(config: &Config, count: u8, now: Timestamp) -> Answer {
    let mut table = Table::new(["AUDIT", "SCHEDULE", "HOOKS", "NEXT", "AT"]);
    let mut shown = Vec::new();
    for audit in config.audits.values() {
        // One that has come and is only delayed is still ahead.
        let timing = &audit.timing;
        let delayed = |tick: Timestamp| tick + jitter(&config.installation, &audit.name, tick, timing.jitter);
        let ticks = timing.schedule.ticks_after(now - timing.jitter).map(delayed);
        let next: Vec<_> = ticks.filter(|tick| *tick > now).take(count.into()).collect();
        let first = next.first().map(|first| age(*first, now));
        let schedule = timing.schedule.to_string();
        table.row([
            audit.name.clone().into(),
            schedule.clone().into(),
            audit.hooks.join(", ").into(),
            Cell::or_nothing(first),
            next.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ").into(),
        ]);
        let next = next.iter().map(ToString::to_string).collect();
        shown.push(Shown { audit: &audit.name, hooks: &audit.hooks, schedule, next });
    }
    let text = if table.is_empty() { "no audits\n".to_owned() } else { table.draw() };
    Answer::both(text, &shown)
}

fn run_now(context: &Context, name: &str) -> Result<Answer, Failure> {
    let config = context.config()?;
    let audit = config.audits.get(name).ok_or_else(|| absent::audit(&config, name))?;
    let here = here(context, &config, "audit", async |runner: &Runner| {
        let done = runner.audit(audit, None, &CancellationToken::new()).await;
        done.map_err(|error| Failure::of(&error))?;
        Ok(runner.store.audit_runs(Some(&audit.name), 1)?)
    })?;
    let Some(runs) = here else {
        return context.change_and_tell(Request::AuditRun { name: name.to_owned() });
    };
    let well = runs.iter().all(|run| run.outcome.as_deref() == Some("ok"));
    let answer = Answer::both(draw(&runs, context.now()), &runs);
    Ok(if well { answer } else { answer.code(Code::Failed) })
}

/// Does something with a runner of this process; none if one is up already, which is to be asked then.
pub(super) fn here<T>(
    context: &Context,
    config: &Config,
    purpose: &str,
    work: impl AsyncFnOnce(&Runner) -> Result<T, Failure>,
) -> Result<Option<T>, Failure> {
    let dir = context.data_dir();
    let held = match dir.lock(purpose, SystemClock.now()) {
        Ok(held) => held,
        Err(data_dir::Error::Held { .. }) => return Ok(None),
        Err(other) => return Err(other.into()),
    };
    up::refuse_differences(context, config)?;
    let done = context.block_on(async {
        let store = Store::open(&dir.database(), Options::default())?;
        let outward = Outward::open(config, dir.path(), store).map_err(|error| Failure::of(&error))?;
        let runner = assembly::assemble(config, outward.setting).await;
        work(runner.map_err(|error| Failure::of(&error))?.as_ref()).await
    })??;
    drop(held);
    Ok(Some(done))
}

/// How far it is or how it ended, and what it counted.
fn outcome(run: &AuditRun) -> String {
    let looked = run.outcome.as_deref().map(super::rows::first_line);
    let far = match run.phase {
        Phase::Looking => Some("under way"),
        Phase::Mending => Some("remedies are under way"),
        Phase::Ended => None,
    };
    let parts = [looked, far.map(str::to_owned), run.summary.clone()];
    parts.into_iter().flatten().collect::<Vec<_>>().join("; ")
}

fn draw(runs: &[AuditRun], now: Timestamp) -> String {
    let mut table =
        Table::new(["RUN", "AUDIT", "FOR", "STARTED", "TOOK", "FOUND", "NEW", "RESOLVED", "OUTCOME"]);
    let at = |text: &str| Timestamp::parse_rfc3339(text);
    for run in runs {
        let (started, ended) = (at(&run.started), run.ended.as_deref().and_then(at));
        let tone = match (run.phase, run.outcome.as_deref()) {
            (Phase::Looking | Phase::Mending, _) => Tone::Waiting,
            (Phase::Ended, Some("ok")) => Tone::Good,
            (Phase::Ended, _) => Tone::Bad,
        };
        let took = started.zip(ended).map(|(started, ended)| length(ended.since(started)));
        table.row([
            run.id.to_string().into(),
            run.audit.clone().into(),
            run.tick.clone().unwrap_or_else(|| "by hand".to_owned()).into(),
            Cell::or_nothing(started.map(|started| ago(started, now))),
            Cell::or_nothing(took),
            run.changed.found.to_string().into(),
            run.changed.opened.to_string().into(),
            run.changed.resolved.to_string().into(),
            Cell::toned(tone, outcome(run)),
        ]);
    }
    if table.is_empty() { "no audits have run\n".to_owned() } else { table.draw() }
}
