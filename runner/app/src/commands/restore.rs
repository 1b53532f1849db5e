//! `groundcrew restore`: takes ends back that are not done yet.

use std::fmt::Write as _;

use super::resources::named;
use super::{Answer, Context, Failure};
use crate::control::Request;

/// Take back the end of a thing that is not gone yet
///
/// What waits for its grace, is held, or was let go of stays from then on, protected, until `groundcrew unprotect`.
/// Of a thing that is gone this says what it was, and what would make it again.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Rows: row id, `kind/key`, or the thing's id
    #[arg(required = true, value_name = "ROW")]
    rows: Vec<String>,
}

pub(super) fn run(context: &Context, args: &Args) -> Result<Answer, Failure> {
    let store = context.reader()?;
    let rows = args.rows.iter().map(|name| named(&store, name)).collect::<Result<Vec<_>, _>>()?;
    let (mut text, mut all) = (String::new(), Vec::new());
    for row in rows {
        let done = context.change(Request::Restore { row: row.row.id.to_string() })?;
        let _ = writeln!(text, "{}", done.message);
        all.push(done);
    }
    Ok(Answer::both(text, &all))
}
