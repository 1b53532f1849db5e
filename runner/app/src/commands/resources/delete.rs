//! `groundcrew resources delete`.

use std::io::Write as _;

use groundcrew_core::plan::{Action, Plan};
use groundcrew_store::ends::removal_print;
use groundcrew_store::ledger::StoredRow;

use super::choose::{Chosen, Retained};
use crate::commands::ask::{self, Given};
use crate::commands::{Answer, Context, Failure, plan};
use crate::control::{PlannedRow, Request};

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    chosen: Chosen,
    /// Do not ask
    #[arg(long, short)]
    yes: bool,
}

pub(super) fn run(context: &Context, args: &Args) -> Result<Answer, Failure> {
    let config = context.config()?;
    let store = context.reader()?;
    let rows = args.chosen.of(context, &store, Retained::Too)?;
    let planned = rows.iter().map(planned).collect::<Vec<_>>();
    let request = Request::Delete { rows: planned };
    let plan = plan::of_act(context, config, request.clone(), &rows)?;
    drop(anstream::stderr().write_all(plan::draw_items(&plan, context.now()).as_bytes()));
    refuse_held(&plan)?;
    let command = format!("groundcrew resources delete {} --yes", args.chosen.words());
    ask::confirm(&format!("Remove these {}?", rows.len()), Given::from(args.yes), &command)?;
    context.change_and_tell(request)
}

/// A row as it is now.
pub(in crate::commands) fn planned(row: &StoredRow) -> PlannedRow {
    PlannedRow { row: row.row.id.to_string(), print: removal_print(row) }
}

/// Says what holds a removal that asking for does not lift.
fn refuse_held(plan: &Plan) -> Result<(), Failure> {
    let held = plan.items.iter().find(|item| item.action != Action::Delete);
    let Some(held) = held else { return Ok(()) };
    let why = held.why.as_deref().unwrap_or("it is not as it should be");
    let message = format!("nothing was changed: {}/{} would not be removed: {why}", held.kind, held.key);
    let row = held.row.as_ref().map(ToString::to_string).unwrap_or_default();
    Err(Failure::failed(message).hint(format!("groundcrew why {row}")))
}
