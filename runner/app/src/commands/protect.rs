//! `groundcrew protect` and `unprotect`.

use super::{Answer, Context, Failure};
use crate::control::{Protection, Request};

/// Forbid that a thing is removed, whatever else says so
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The row, its `kind/key`, or the thing's id
    row: String,
}

/// Allow again what `protect` forbade; all other rules decide then
#[derive(Debug, clap::Args)]
pub struct UnprotectArgs {
    /// The row, its `kind/key`, or the thing's id
    row: String,
}

pub(super) fn run(context: &Context, args: Args) -> Result<Answer, Failure> {
    context.change_and_tell(Request::Protect { row: args.row, protection: Protection::On })
}

pub(super) fn run_unprotect(context: &Context, args: UnprotectArgs) -> Result<Answer, Failure> {
    context.change_and_tell(Request::Protect { row: args.row, protection: Protection::Off })
}
