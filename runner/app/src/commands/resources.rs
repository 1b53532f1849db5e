//! `groundcrew resources`: what the ledger knows of things outside, and what becomes of that.

mod choose;
mod delete;
mod export;
mod import;
mod release;

pub(super) use choose::{named, table};
pub(super) use delete::planned;

use groundcrew_core::row::State;
use groundcrew_store::listing::{GoneToo, RowFilter};

use super::rows::{Names, RowShown, cells};
use super::{Answer, Context, Failure};
use crate::control;
use crate::show::{Cell, Table};

/// List, end or take over what the ledger knows of things outside
#[derive(Debug, clap::Args)]
#[command(args_conflicts_with_subcommands = true)]
pub struct Args {
    #[command(subcommand)]
    command: Option<ResourcesCommand>,
    #[command(flatten)]
    list: ListArgs,
}

#[derive(Debug, clap::Subcommand)]
enum ResourcesCommand {
    /// Let go of things: they are left as they are, and are not ours any more
    ///
    /// For what nobody wants: rows of apps out of scope, rows in grace or held. Nothing is called.
    Release(release::Args),
    /// Remove things that nobody wants, after showing what that means
    ///
    /// For what only a person ends: rows of apps out of scope, and what was adopted, imported or left where it is.
    /// What is asked for is asked for as it is now, and for a day; grace, pauses, protection and what reads a
    /// thing hold it as ever.
    Delete(delete::Args),
    /// Write what is on record as JSON lines; sealed values are never in it
    Export(export::Args),
    /// Take existing things under management, for apps that want them
    Import(import::Args),
}

#[derive(Debug, clap::Args)]
struct ListArgs {
    /// Only what an app or machine has: name, path or id
    #[arg(long, value_name = "APP")]
    app: Option<String>,
    /// Only what a hook made
    #[arg(long, value_name = "HOOK")]
    hook: Option<String>,
    /// Only what is in this state: creating, in-doubt, pending, present, updating, deleting, retained, gone
    #[arg(long, value_name = "STATE")]
    state: Option<State>,
    /// What is gone, too
    #[arg(long)]
    all: bool,
}

pub(super) fn run(context: &Context, args: &Args) -> Result<Answer, Failure> {
    match &args.command {
        None => list(context, &args.list),
        Some(ResourcesCommand::Release(args)) => release::run(context, args),
        Some(ResourcesCommand::Delete(args)) => delete::run(context, args),
        Some(ResourcesCommand::Export(args)) => export::run(context, args),
        Some(ResourcesCommand::Import(args)) => import::run(context, args),
    }
}

fn list(context: &Context, args: &ListArgs) -> Result<Answer, Failure> {
    let (store, now) = (context.reader()?, context.now());
    let names = Names::of(&store)?;
    let filter = RowFilter {
        owner: args
            .app
            .as_deref()
            .map(|app| control::subject(&store, app))
            .transpose()?
            .map(|subject| subject.id),
        hook: args.hook.as_deref().map(|hook| names.hook_named(hook)).transpose()?,
        state: args.state,
        gone_too: if args.all { GoneToo::Yes } else { GoneToo::No },
    };
    let rows = store.rows_where(&filter)?;
    let mut table = Table::new(["HOOK", "OWNER", "NAME", "STATE", "FOR", "THING", "ROW", ""]);
    for row in &rows {
        let [name, state, since, thing, remark] = cells(row, now);
        let id = Cell::from(row.row.id.as_str());
        table.row([
            names.hook(row.hook).into(),
            names.owner(row.owner)?.0.into(),
            name,
            state,
            since,
            thing,
            id,
            remark,
        ]);
    }
    let text = if table.is_empty() { "no resources\n".to_owned() } else { table.draw() };
    Ok(Answer::both(text, &RowShown::all(&rows, &names)?))
}
