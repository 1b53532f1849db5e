//! `groundcrew pause`: what one types at three in the morning.

use groundcrew_core::may_delete::Level;

use super::{Answer, Context, Failure};
use crate::control::Request;

/// Stop changing things outside: everything, a hook, or an app
///
/// Nothing is lost meanwhile: events wait, and `unpause` makes everything look again.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Only removals stop; things are still made and changed
    #[arg(long)]
    deletes: bool,
    /// Only this hook
    #[arg(long, value_name = "HOOK")]
    hook: Option<String>,
    /// Only this app with its machines, or this machine
    #[arg(long, visible_alias = "owner", value_name = "APP")]
    app: Option<String>,
}

pub(super) fn run(context: &Context, args: Args) -> Result<Answer, Failure> {
    let level = if args.deletes { Level::NoDeletes } else { Level::Observe };
    context.change_and_tell(Request::Pause { level, hook: args.hook, app: args.app })
}
