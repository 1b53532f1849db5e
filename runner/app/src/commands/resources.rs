//! `groundcrew resources`: what the ledger knows of things outside.

use groundcrew_core::row::State;
use groundcrew_store::listing::{GoneToo, RowFilter};

use super::rows::{Names, RowShown, cells};
use super::{Answer, Context, Failure};
use crate::control;
use crate::show::{Cell, Table};

/// List what the ledger knows of things outside
#[derive(Debug, clap::Args)]
pub struct Args {
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
