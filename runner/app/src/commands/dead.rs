//! `groundcrew dead`: deliveries that gave up.

use std::fmt::Write as _;

use groundcrew_engine::gate::Twice;
use groundcrew_store::deliveries::Dead;
use groundcrew_store::{RunId, Store};
use serde::Serialize;
use serde_json::Value;

use super::{Answer, Context, Failure, events};
use crate::control::Request;
use crate::replay::lines;
use crate::show::{Cell, Table, Tone};

/// List, show, retry or discard deliveries that gave up
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    command: DeadCommand,
}

#[derive(Debug, clap::Subcommand)]
enum DeadCommand {
    /// List them, oldest first
    List {
        /// Only this hook's
        #[arg(long, value_name = "HOOK")]
        hook: Option<String>,
    },
    /// Show one with its whole error, and the request if nobody knows what became of it
    Show {
        /// `HOOK/NUMBER`, as listed
        id: String,
    },
    /// Owe it again, from the start
    Retry {
        /// `HOOK/NUMBER`, as listed
        id: String,
    },
    /// Forget it
    Discard {
        /// `HOOK/NUMBER`, as listed
        id: String,
    },
}

pub(super) fn run(context: &Context, args: Args) -> Result<Answer, Failure> {
    match args.command {
        DeadCommand::List { hook } => list(&context.reader()?, hook.as_deref()),
        DeadCommand::Show { id } => show(&context.reader()?, &id),
        DeadCommand::Retry { id } => context.change_and_tell(Request::DeadRetry { id }),
        DeadCommand::Discard { id } => context.change_and_tell(Request::DeadDiscard { id }),
    }
}

fn list(store: &Store, hook: Option<&str>) -> Result<Answer, Failure> {
    let mut dead = store.dead()?;
    dead.retain(|dead| hook.is_none_or(|hook| dead.hook == hook));
    let mut table = Table::new(["DELIVERY", "EVENT", "SUBJECT", "TRIED", "ERROR"]);
    for dead in &dead {
        let error = Cell::toned(Tone::Bad, super::rows::first_line(&dead.error));
        let tried = dead.attempts.to_string();
        table.row([
            dead.id.clone().into(),
            format!("{} {}", events::name(dead.seq), dead.kind).into(),
            Cell::or_nothing(dead.path.clone()),
            tried.into(),
            error,
        ]);
    }
    let text = if table.is_empty() { "no dead deliveries\n".to_owned() } else { table.draw() };
    Ok(Answer::both(text, &dead))
}

fn show(store: &Store, id: &str) -> Result<Answer, Failure> {
    let found: Option<Dead> = store.dead()?.into_iter().find(|dead| dead.id == id);
    let missing = || Failure::failed(format!("no dead delivery `{id}`")).hint("groundcrew dead list");
    let dead = found.ok_or_else(missing)?;
    let in_doubt = match dead.in_doubt {
        Some(run) => InDoubt::of(store, run)?,
        None => None,
    };
    let mut text = format!(
        "{}  {}  {}\ntried {} times\n\n{}\n",
        dead.id,
        dead.kind,
        dead.path.as_deref().unwrap_or("(no subject)"),
        dead.attempts,
        dead.error
    );
    for line in in_doubt.iter().flat_map(InDoubt::lines) {
        let _ = writeln!(text, "    {line}");
    }
    let _ = write!(
        text,
        "\nevent:  groundcrew why {}\nagain:  groundcrew dead retry {}\nforget: groundcrew dead discard {}\n",
        events::name(dead.seq),
        dead.id,
        dead.id
    );
    Ok(Answer::both(text, &DeadShown { dead, request: in_doubt }))
}

#[derive(Serialize)]
struct DeadShown {
    #[serde(flatten)]
    dead: Dead,
    /// The write of which nobody knows what became.
    #[serde(skip_serializing_if = "Option::is_none")]
    request: Option<InDoubt>,
}

/// A write without an answer, as its run asked it.
#[derive(Serialize)]
struct InDoubt {
    run: String,
    call: u32,
    sent_at: String,
    op: String,
    ask: Value,
}

impl InDoubt {
    /// One of a run, rather one that may not be sent again; none if the run is not kept any more.
    fn of(store: &Store, run: RunId) -> Result<Option<Self>, Failure> {
        let Some((_, calls)) = store.run(run)? else { return Ok(None) };
        let open = calls.into_iter().filter(|call| call.access == "write" && call.answer.is_none());
        let write = open.min_by_key(|call| (Twice::of_recorded(&call.ask) == Twice::Harmless, call.n));
        Ok(write.map(|call| Self {
            run: run.to_string(),
            call: call.n,
            sent_at: call.sent_at.to_string(),
            op: call.op,
            ask: serde_json::from_slice(&call.ask).unwrap_or_default(),
        }))
    }

    fn lines(&self) -> Vec<String> {
        lines::question(&self.op, &self.ask.to_string())
    }
}
