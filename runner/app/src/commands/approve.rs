//! `groundcrew approve`: lists removals, repairs and remedies that wait for a person, and lets them go.

use std::collections::BTreeSet;
use std::io::Write as _;

use groundcrew_core::subject::Uid;
use groundcrew_store::Store;
use groundcrew_store::findings::Finding;
use groundcrew_store::ledger::StoredRow;
use groundcrew_store::upgrades::Waiting;
use serde_json::{Value, json};

use super::ask::{self, Given};
use super::rows::{Names, RowShown, cells};
use super::{Answer, Context, Failure, findings};
use crate::control::{Doubted, Request};
use crate::show::{Cell, Table};
use crate::source;

/// Allow removals, repairs and remedies that wait for a person
///
/// Without rows it lists what waits. An approval holds for a day, for rows and findings as they are now. Where the
/// source itself is not believed, `--source` says that it is right.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Rows and findings, as listed
    #[arg(value_name = "ROW", conflicts_with = "all")]
    rows: Vec<String>,
    /// Only what this hook made or found
    #[arg(long, value_name = "HOOK")]
    hook: Option<String>,
    /// All that are listed
    #[arg(long)]
    all: bool,
    /// Believe the source: that those who vanished are gone, or that its token reaches what it should
    #[arg(long, value_name = "WHAT", conflicts_with_all = ["rows", "hook", "all"])]
    source: Option<Doubted>,
    /// Agree to a hook's new version: that it asks for more, or does not find what the old one made
    #[arg(long, value_name = "HOOK", conflicts_with_all = ["rows", "hook", "all", "source"])]
    upgrade: Option<String>,
    /// Do not ask
    #[arg(long, short)]
    yes: bool,
}

pub(super) fn run(context: &Context, args: &Args) -> Result<Answer, Failure> {
    if let Some(what) = args.source {
        let (question, command, shown) = match what {
            Doubted::Vanished => {
                let question = "Believe that all that vanished is gone, and let its things go?";
                (question, "vanished", show_vanished(context)?)
            }
            Doubted::Reach => ("Agree to what the token reaches now?", "reach", BTreeSet::new()),
        };
        let command = format!("groundcrew approve --source {command} --yes");
        ask::confirm(question, Given::from(args.yes), &command)?;
        return context.change_and_tell(Request::Believe { what, shown });
    }
    if let Some(hook) = &args.upgrade {
        let question = question_of_upgrade(context, hook)?;
        ask::confirm(
            &question,
            Given::from(args.yes),
            &format!("groundcrew approve --upgrade {hook} --yes"),
        )?;
        return context.change_and_tell(Request::ApproveUpgrade { hook: hook.clone() });
    }
    let store = context.reader()?;
    let names = Names::of(&store)?;
    let held = Held::chosen(&store, &names, args)?;
    let text = held.draw(&names, context)?;
    if held.is_empty() || (args.rows.is_empty() && !args.all) {
        return Ok(Answer::both(text, &held.shown(&names)?));
    }
    // What is approved is shown before the question, and whatever the answer is.
    drop(anstream::stderr().write_all(text.as_bytes()));
    let ids = held.ids();
    let command = format!("groundcrew approve {} --yes", ids.join(" "));
    ask::confirm(&held.question(), Given::from(args.yes), &command)?;
    context.change_and_tell(Request::Approve { rows: ids })
}

/// Shows who is held as vanished, whatever the answer is: nobody else is believed gone by it.
fn show_vanished(context: &Context) -> Result<BTreeSet<Uid>, Failure> {
    let store = context.reader()?;
    let vanished = source::vanished(&store)?;
    let mut table = Table::new(["VANISHED", "ID"]);
    for uid in &vanished {
        let path = store.subject_of(uid)?.map(|stored| stored.subject.path.to_string());
        table.row([path.unwrap_or_default().into(), Cell::from(uid.as_str())]);
    }
    if !table.is_empty() {
        drop(anstream::stderr().write_all(table.draw().as_bytes()));
    }
    Ok(vanished)
}

/// What is asked before a version is agreed to; what it asks for more is shown, whatever the answer is.
fn question_of_upgrade(context: &Context, hook: &str) -> Result<String, Failure> {
    let store = context.reader()?;
    let id = Names::of(&store)?.hook_named(hook)?;
    let Some(waiting) = store.upgrade(id)?.waiting else {
        return Ok(format!("Let {hook} write? What it does not find, it may make a second time."));
    };
    let lines = format!("{hook} {}\n", waiting.more.join(&format!("\n{hook} ")));
    drop(anstream::stderr().write_all(lines.as_bytes()));
    Ok(format!("Start the new version of {hook}?"))
}

/// What a version asks for more, and what lets it begin.
pub(super) fn waits(hook: &str, version: &Waiting) -> String {
    format!("the new version of {hook} {}\n  {}\n", version.asks(), let_in(hook))
}

/// What lets a version begin that waits.
pub(super) fn let_in(hook: &str) -> String {
    format!("groundcrew approve --upgrade {hook}")
}

/// What tells of something that does not wait: `why` knows no runs and no findings.
fn told_by(name: &str) -> String {
    let numbered = |letter| name.strip_prefix(letter).is_some_and(|number| number.parse::<u64>().is_ok());
    match name {
        _ if numbered('r') => format!("groundcrew run {name}"),
        _ if numbered('f') => "groundcrew findings".to_owned(),
        _ => format!("groundcrew why {name}"),
    }
}

/// What waits for a person.
struct Held {
    /// Rows whose removal waits.
    removals: Vec<StoredRow>,
    /// Rows that are fought over.
    repairs: Vec<StoredRow>,
    /// Findings whose remedy waits.
    findings: Vec<Finding>,
    /// Hooks with a version that waits, which is approved by `--upgrade` alone.
    versions: Vec<(String, Waiting)>,
}

impl Held {
    fn chosen(store: &Store, names: &Names<'_>, args: &Args) -> Result<Self, Failure> {
        let hook = args.hook.as_deref().map(|hook| names.hook_named(hook)).transpose()?;
        let mut held = Self {
            removals: store.held_rows(hook)?,
            repairs: store.fought_rows(hook)?,
            findings: store.held_findings(hook)?,
            versions: Vec::new(),
        };
        if args.rows.is_empty() && !args.all {
            for stored in
                store.hooks()?.into_iter().filter(|stored| hook.is_none_or(|hook| hook == stored.id))
            {
                let waiting = store.upgrade(stored.id)?.waiting;
                held.versions.extend(waiting.map(|waiting| (stored.name, waiting)));
            }
        }
        if args.rows.is_empty() {
            return Ok(held);
        }
        let is_row = |row: &StoredRow, name: &String| {
            row.row.id.as_str() == name || row.key == *name || format!("{}/{}", row.kind, row.key) == *name
        };
        let missing = |name: &String| {
            let failure = Failure::failed(format!("nothing of `{name}` waits for approval"));
            failure.hint("groundcrew approve").hint(told_by(name))
        };
        for name in &args.rows {
            let rows = || held.removals.iter().chain(&held.repairs);
            if !rows().any(|row| is_row(row, name)) && !held.findings.iter().any(|found| found.id == *name) {
                return Err(missing(name));
            }
        }
        let asked = |row: &StoredRow| args.rows.iter().any(|name| is_row(row, name));
        held.removals.retain(asked);
        held.repairs.retain(asked);
        held.findings.retain(|found| args.rows.contains(&found.id));
        Ok(held)
    }

    fn is_empty(&self) -> bool {
        self.removals.is_empty() && self.repairs.is_empty() && self.findings.is_empty()
    }

    fn ids(&self) -> Vec<String> {
        let rows = self.removals.iter().chain(&self.repairs).map(|row| row.row.id.to_string());
        rows.chain(self.findings.iter().map(|found| found.id.clone())).collect()
    }

    fn question(&self) -> String {
        let parts = [
            ("the removal", self.removals.len()),
            ("the repair", self.repairs.len()),
            ("the remedy", self.findings.len()),
        ];
        let parts = parts.into_iter().filter(|(_, count)| *count > 0);
        let parts: Vec<_> = parts.map(|(what, count)| format!("{what} of these {count}")).collect();
        format!("Allow {}?", parts.join(" and "))
    }

    /// One list: rows, then findings, then versions.
    fn shown(&self, names: &Names<'_>) -> Result<Vec<Value>, Failure> {
        let mut shown: Vec<_> =
            RowShown::all(&self.removals, names)?.into_iter().map(|row| json!(row)).collect();
        shown.extend(RowShown::all(&self.repairs, names)?.into_iter().map(|row| json!(row)));
        shown.extend(self.findings.iter().map(|found| json!(found)));
        shown.extend(self.versions.iter().map(|(hook, version)| json!({"hook": hook, "version": version})));
        Ok(shown)
    }

    fn draw(&self, names: &Names<'_>, context: &Context) -> Result<String, Failure> {
        let mut table = Table::new(["ROW", "HOOK", "OWNER", "NAME", "THING", "WHY"]);
        for row in self.removals.iter().chain(&self.repairs) {
            let [name, _, _, thing, remark] = cells(row, context.now());
            let id = Cell::from(row.row.id.as_str());
            let (hook, owner) = (names.hook(row.hook), names.owner(row.owner)?.0);
            table.row([id, hook.into(), owner.into(), name, thing, remark]);
        }
        let mut text = if table.is_empty() { String::new() } else { table.draw() };
        if !self.findings.is_empty() {
            text.push_str(&findings::table(&self.findings, context.now()).draw());
        }
        for (hook, version) in &self.versions {
            text.push_str(&waits(hook, version));
        }
        Ok(if text.is_empty() { "nothing waits for approval\n".to_owned() } else { text })
    }
}
