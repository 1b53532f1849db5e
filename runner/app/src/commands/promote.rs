//! `groundcrew promote`: a candidate takes the place of what runs.

use super::{Answer, Context, Failure};
use crate::control::{Promoting, Request};

/// Let a hook's candidate take the place of what runs
///
/// Refused while runs differ with it, or none was compared. The running process takes it up at once, and it is remembered
/// until the stanza names another component. It passes what every changed component passes: it is counted what it would
/// change, and it must find what is there, before it writes.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Whose
    hook: String,
    /// Also if runs differ, or none was compared
    #[arg(long, conflicts_with = "undo")]
    anyway: bool,
    /// Go back to what the stanza names
    #[arg(long)]
    undo: bool,
}

pub(super) fn run(context: &Context, args: Args) -> Result<Answer, Failure> {
    let when = match (args.undo, args.anyway) {
        (true, _) => Promoting::Undo,
        (false, true) => Promoting::Anyway,
        (false, false) => Promoting::Equal,
    };
    context.change_and_tell(Request::Promote { hook: args.hook, when })
}
