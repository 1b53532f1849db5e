//! `groundcrew approve`: lists removals that wait for a person, and lets them go.

use std::io::Write as _;

use groundcrew_store::Store;
use groundcrew_store::ledger::StoredRow;

use super::ask::{self, Given};
use super::rows::{Names, RowShown, cells};
use super::{Answer, Context, Failure};
use crate::control::{Doubted, Request};
use crate::show::{Cell, Table};

/// Allow removals that wait for a person
///
/// Without rows it lists what waits. An approval holds for a day, for the rows as they are now. Where the source
/// itself is not believed, `--source` says that it is right.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Rows, as listed
    #[arg(value_name = "ROW", conflicts_with = "all")]
    rows: Vec<String>,
    /// Only what this hook made
    #[arg(long, value_name = "HOOK")]
    hook: Option<String>,
    /// All that are listed
    #[arg(long)]
    all: bool,
    /// Believe the source: that those who vanished are gone, or that its token reaches what it should
    #[arg(long, value_name = "WHAT", conflicts_with_all = ["rows", "hook", "all"])]
    source: Option<Doubted>,
    /// Let a hook write whose new version does not find what the old one made
    #[arg(long, value_name = "HOOK", conflicts_with_all = ["rows", "hook", "all", "source"])]
    upgrade: Option<String>,
    /// Do not ask
    #[arg(long, short)]
    yes: bool,
}

pub(super) fn run(context: &Context, args: &Args) -> Result<Answer, Failure> {
    if let Some(what) = args.source {
        let (question, command) = match what {
            Doubted::Vanished => {
                ("Believe that all that vanished is gone, and let its things go?", "vanished")
            }
            Doubted::Reach => ("Agree to what the token reaches now?", "reach"),
        };
        let command = format!("groundcrew approve --source {command} --yes");
        ask::confirm(question, Given::from(args.yes), &command)?;
        return context.change_and_tell(Request::Believe { what });
    }
    if let Some(hook) = &args.upgrade {
        let question = format!("Let {hook} write? What it does not find, it may make a second time.");
        ask::confirm(
            &question,
            Given::from(args.yes),
            &format!("groundcrew approve --upgrade {hook} --yes"),
        )?;
        return context.change_and_tell(Request::ApproveUpgrade { hook: hook.clone() });
    }
    let store = context.reader()?;
    let names = Names::of(&store)?;
    let held = chosen(&store, &names, args)?;
    let text = draw(&held, &names, context)?;
    if held.is_empty() || (args.rows.is_empty() && !args.all) {
        return Ok(Answer::both(text, &RowShown::all(&held, &names)?));
    }
    // What is approved is shown before the question, and whatever the answer is.
    drop(anstream::stderr().write_all(text.as_bytes()));
    let ids: Vec<_> = held.iter().map(|row| row.row.id.to_string()).collect();
    let command = format!("groundcrew approve {} --yes", ids.join(" "));
    ask::confirm(&format!("Allow the removal of these {}?", held.len()), Given::from(args.yes), &command)?;
    context.change_and_tell(Request::Approve { rows: ids })
}

fn chosen(store: &Store, names: &Names<'_>, args: &Args) -> Result<Vec<StoredRow>, Failure> {
    let hook = args.hook.as_deref().map(|hook| names.hook_named(hook)).transpose()?;
    let held = store.held_rows(hook)?;
    if args.rows.is_empty() {
        return Ok(held);
    }
    let find = |name: &String| {
        let is_it = |row: &&StoredRow| {
            row.row.id.as_str() == name || row.key == *name || format!("{}/{}", row.kind, row.key) == *name
        };
        let missing = || Failure::failed(format!("no removal of `{name}` waits for approval"));
        held.iter()
            .find(is_it)
            .cloned()
            .ok_or_else(|| missing().hint("groundcrew approve").hint(format!("groundcrew why {name}")))
    };
    args.rows.iter().map(find).collect()
}

fn draw(held: &[StoredRow], names: &Names<'_>, context: &Context) -> Result<String, Failure> {
    let mut table = Table::new(["ROW", "HOOK", "OWNER", "NAME", "THING", "WHY"]);
    for row in held {
        let [name, _, _, thing, remark] = cells(row, context.now());
        let id = Cell::from(row.row.id.as_str());
        table.row([id, names.hook(row.hook).into(), names.owner(row.owner)?.0.into(), name, thing, remark]);
    }
    Ok(if table.is_empty() { "nothing waits for approval\n".to_owned() } else { table.draw() })
}
