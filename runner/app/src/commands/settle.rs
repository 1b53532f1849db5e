//! `groundcrew settle`: a person says what became of a creation.

use super::{Answer, Context, Failure};
use crate::control::{Became, Request};

/// Say what became of a creation whose outcome nobody knows
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The row, as `groundcrew findings` or `groundcrew why` show it
    row: String,
    #[command(flatten)]
    became: BecameArgs,
}

#[derive(Debug, clap::Args)]
#[group(required = true, multiple = false)]
struct BecameArgs {
    /// It made the thing with this id; it is looked at next
    #[arg(long, value_name = "ID")]
    id: Option<String>,
    /// It made nothing, and will not; if it is still wanted, it is created again
    #[arg(long)]
    none: bool,
}

pub(super) fn run(context: &Context, args: Args) -> Result<Answer, Failure> {
    let became = args.became.id.map_or(Became::Nothing, Became::Thing);
    context.change_and_tell(Request::Settle { row: args.row, became })
}
