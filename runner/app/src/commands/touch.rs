//! `groundcrew touch`: a hint that something happened.

use super::{Answer, Context, Failure};
use crate::control::Request;

/// Look at an app now
///
/// A running `groundcrew up` asks the platform about it within seconds, and every hook looks again.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The app; it may be one that is not known yet
    app: String,
}

pub(super) fn run(context: &Context, args: Args) -> Result<Answer, Failure> {
    context.change_and_tell(Request::Touch { app: args.app })
}
