//! `groundcrew unpause`: lifts what `pause` laid over the same.

use super::{Answer, Context, Failure};
use crate::control::Request;

/// Lift a pause: exactly the one that was laid over the same
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The pause over this hook
    #[arg(long, value_name = "HOOK")]
    hook: Option<String>,
    /// The pause over this app or machine
    #[arg(long, visible_alias = "owner", value_name = "APP")]
    app: Option<String>,
}

pub(super) fn run(context: &Context, args: Args) -> Result<Answer, Failure> {
    context.change_and_tell(Request::Unpause { hook: args.hook, app: args.app })
}
