//! `groundcrew backfill`: tells a handler that came later of everybody who lives.

use std::fmt::Write as _;
use std::io::Write as _;

use groundcrew_core::backfill::{Kinds, event_kind};
use groundcrew_core::duration::Millis;
use groundcrew_core::poll;
use groundcrew_core::subject::SubjectKind;
use groundcrew_core::time::Timestamp;
use groundcrew_store::Store;
use groundcrew_store::backfills::Backfill;
use groundcrew_store::subjects::StoredSubject;
use serde::Serialize;

use super::ask::{self, Given};
use super::{Answer, Context, Failure, absent};
use crate::config::{Hook, Rate, Work};
use crate::control::Request;
use crate::show::{Cell, Table, Tone, ago, length};

/// Tell a handler that came later of everybody who lives
///
/// Planned first, then told slowly, each subject once: `app.present`, `machine.present`. The runner does it, and
/// goes on with it after a crash.
#[derive(Debug, clap::Args)]
#[command(args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
pub struct Args {
    #[command(subcommand)]
    command: Option<BackfillCommand>,
    /// The handler's stanza
    #[arg(required = true)]
    hook: Option<String>,
    /// How fast, such as `5/s` or `30/m`
    #[arg(long, value_name = "RATE", default_value = "5/s")]
    rate: Rate,
    /// Only of these; without it, of those that its `on` listens to
    #[arg(long, value_name = "KIND")]
    kind: Option<Kind>,
    /// Do not ask
    #[arg(long, short)]
    yes: bool,
}

#[derive(Debug, clap::Subcommand)]
enum BackfillCommand {
    /// List backfills and how far they are
    List {
        /// How many at most
        #[arg(long, value_name = "N", default_value_t = 30)]
        limit: u32,
    },
    /// End one; what was told was told
    Cancel {
        /// The handler's stanza
        hook: String,
    },
}

/// Of whom a handler is told.
#[derive(Clone, Copy, Debug, clap::ValueEnum)]
enum Kind {
    /// Apps
    App,
    /// Machines
    Machine,
}

/// Subjects that the plan names for people; programs get all.
const NAMED: usize = 10;

#[derive(Serialize)]
struct Plan<'a> {
    hook: &'a str,
    apps: usize,
    machines: usize,
    takes_ms: i64,
    subjects: Vec<Planned<'a>>,
}

#[derive(Serialize)]
struct Planned<'a> {
    path: &'a str,
    id: &'a str,
    event: &'static str,
}

pub(super) fn run(context: &Context, args: &Args) -> Result<Answer, Failure> {
    match &args.command {
        Some(BackfillCommand::List { limit }) => list(&context.reader()?, *limit, context.now()),
        Some(BackfillCommand::Cancel { hook }) => {
            context.change_and_tell(Request::BackfillCancel { hook: hook.clone() })
        }
        None => backfill(context, args),
    }
}

fn backfill(context: &Context, args: &Args) -> Result<Answer, Failure> {
    let name = args.hook.as_deref().unwrap_or_default();
    let config = context.config()?;
    let hook = config.hooks.get(name).ok_or_else(|| absent::hook(&config, name))?;
    let kinds = kinds(hook, args.kind)?;
    let every = poll::Rate::from(args.rate).every;
    let living = living(&context.reader()?, hook, kinds)?;
    let plan = plan(name, &living, every);
    let text = draw(&plan, every);
    if living.is_empty() {
        return Ok(Answer::both(text, &plan));
    }
    // What is planned is shown before the question, and whatever the answer is.
    drop(anstream::stderr().write_all(text.as_bytes()));
    let question = format!("Tell {name} of these {}?", living.len());
    ask::confirm(&question, Given::from(args.yes), &format!("groundcrew backfill {name} --yes"))?;
    context.change_and_tell(Request::Backfill { hook: name.to_owned(), kinds, every })
}

fn kinds(hook: &Hook, asked: Option<Kind>) -> Result<Kinds, Failure> {
    let Work::Handler { on, .. } = &hook.work else {
        let failure =
            Failure::usage(format!("hook `{}` is no handler: it looks at everybody by itself", hook.name));
        return Err(failure.hint("groundcrew plan"));
    };
    match asked {
        Some(Kind::App) => Ok(Kinds::App),
        Some(Kind::Machine) => Ok(Kinds::Machine),
        None => Kinds::of_patterns(on.iter().map(String::as_str)).ok_or_else(|| {
            let message = format!("hook `{}` listens to nothing of apps or machines", hook.name);
            Failure::usage(message).hint(format!("groundcrew backfill {} --kind app", hook.name))
        }),
    }
}

fn living(store: &Store, hook: &Hook, kinds: Kinds) -> Result<Vec<StoredSubject>, Failure> {
    let mut living = store.mirror_rows()?;
    living.retain(|stored| {
        let path = &stored.subject.path;
        stored.gone_at.is_none() && kinds.has(path.kind()) && hook.covers(path.app_name())
    });
    Ok(living)
}

fn plan<'a>(hook: &'a str, living: &'a [StoredSubject], every: Millis) -> Plan<'a> {
    let subjects = living.iter().map(|stored| Planned {
        path: stored.subject.path.as_str(),
        id: stored.subject.uid.as_str(),
        event: event_kind(stored.subject.path.kind()),
    });
    let machines = living.iter().filter(|it| it.subject.path.kind() == SubjectKind::Machine).count();
    let takes_ms = every.times(living.len() as i64).as_i64();
    Plan { hook, apps: living.len() - machines, machines, takes_ms, subjects: subjects.collect() }
}

fn draw(plan: &Plan<'_>, every: Millis) -> String {
    if plan.subjects.is_empty() {
        return format!("nobody lives whom {} could be told of\n", plan.hook);
    }
    let mut table = Table::new(["EVENT", "SUBJECT"]).indented(2);
    for planned in plan.subjects.iter().take(NAMED) {
        table.row([planned.event.into(), planned.path.into()]);
    }
    let mut text = table.draw();
    if plan.subjects.len() > NAMED {
        let _ = writeln!(text, "  and {} more (--json names all)", plan.subjects.len() - NAMED);
    }
    let takes = if every == Millis::ZERO {
        String::new()
    } else {
        format!(", in about {}", length(Millis::new(plan.takes_ms)))
    };
    let _ =
        writeln!(text, "{} is told of {} apps and {} machines{takes}", plan.hook, plan.apps, plan.machines);
    text
}

/// A backfill in JSON. Times are RFC 3339.
#[derive(Serialize)]
struct Shown {
    hook: String,
    kinds: Kinds,
    by: String,
    asked: String,
    told: u32,
    left: u32,
    under_way: bool,
    outcome: Option<String>,
}

fn list(store: &Store, limit: u32, now: Timestamp) -> Result<Answer, Failure> {
    let all = store.backfills(limit)?;
    let mut table = Table::new(["HOOK", "OF", "TOLD", "LEFT", "ASKED", "BY", "STATE"]);
    for backfill in &all {
        let state = match &backfill.outcome {
            Some(outcome) => Cell::toned(Tone::Good, outcome.clone()),
            None => Cell::toned(Tone::Waiting, "under way"),
        };
        table.row([
            backfill.name.clone().into(),
            backfill.kinds.to_string().into(),
            backfill.told.to_string().into(),
            backfill.left.to_string().into(),
            ago(backfill.at, now).into(),
            backfill.who.clone().into(),
            state,
        ]);
    }
    let text = if table.is_empty() { "no backfills\n".to_owned() } else { table.draw() };
    Ok(Answer::both(text, &all.iter().map(shown).collect::<Vec<_>>()))
}

fn shown(backfill: &Backfill) -> Shown {
    Shown {
        hook: backfill.name.clone(),
        kinds: backfill.kinds,
        by: backfill.who.clone(),
        asked: backfill.at.to_string(),
        told: backfill.told,
        left: backfill.left,
        under_way: backfill.due_at.is_some(),
        outcome: backfill.outcome.clone(),
    }
}
