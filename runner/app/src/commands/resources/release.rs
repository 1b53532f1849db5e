//! `groundcrew resources release`.

use std::io::Write as _;

use super::choose::{Chosen, Retained, table};
use crate::commands::ask::{self, Given};
use crate::commands::{Answer, Context, Failure};
use crate::control::Request;

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    chosen: Chosen,
    /// Do not ask
    #[arg(long, short)]
    yes: bool,
}

pub(super) fn run(context: &Context, args: &Args) -> Result<Answer, Failure> {
    let store = context.reader()?;
    let rows = args.chosen.of(context, &store, Retained::Not)?;
    // What is let go of is shown before the question, and whatever the answer is.
    drop(anstream::stderr().write_all(table(context, &store, &rows)?.as_bytes()));
    let command = format!("groundcrew resources release {} --yes", args.chosen.words());
    let question = format!("Let go of these {}? They are left as they are.", rows.len());
    ask::confirm(&question, Given::from(args.yes), &command)?;
    let rows = rows.iter().map(|row| row.row.id.to_string()).collect();
    context.change_and_tell(Request::Release { rows })
}
