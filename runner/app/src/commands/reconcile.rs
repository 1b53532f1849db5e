//! `groundcrew reconcile`: everybody is looked at again.

use super::{Answer, Context, Failure};
use crate::control::Request;

/// Look again at everybody: does what exists follow from what is wanted?
///
/// A running `groundcrew up` does so by itself at its start, when its clock jumped, and every `reconcile`. Owners for
/// which nothing changed cost no call.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Only this hook's owners
    #[arg(long, value_name = "HOOK")]
    hook: Option<String>,
    /// Only this app or machine
    #[arg(long, visible_alias = "owner", value_name = "APP")]
    app: Option<String>,
}

pub(super) fn run(context: &Context, args: Args) -> Result<Answer, Failure> {
    context.change_and_tell(Request::Reconcile { hook: args.hook, app: args.app })
}
