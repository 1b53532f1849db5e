//! `groundcrew reload`: the configuration as it is now takes effect, without another process.

use super::{Answer, Context, Failure};
use crate::control::Request;

/// Put the configuration in force as it is now, in the process that runs
///
/// It says what changed. Everything is looked over first, as at a start; if anything is wrong, all of it is told, and what
/// runs goes on as it is. SIGHUP does the same, and tells the log. Where data is kept, the installation's id and where
/// the API listens take a restart.
#[derive(Debug, clap::Args)]
pub struct Args {}

pub(super) fn run(context: &Context, _args: &Args) -> Result<Answer, Failure> {
    context.change_and_tell(Request::Reload)
}
