//! `groundcrew runs`: what was executed.

use groundcrew_store::runs::RunsOf;

use super::ran::{self, RunShown};
use super::rows::Names;
use super::{Answer, Context, Failure};
use crate::control;

/// List runs of hooks, newest first
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Only this hook's
    #[arg(long, value_name = "HOOK")]
    hook: Option<String>,
    /// Only those for an app or machine
    #[arg(long, value_name = "APP")]
    app: Option<String>,
    /// How many at most
    #[arg(long, value_name = "N", default_value_t = 30)]
    limit: u32,
}

pub(super) fn run(context: &Context, args: &Args) -> Result<Answer, Failure> {
    let store = context.reader()?;
    let names = Names::of(&store)?;
    let hook = args.hook.as_deref().map(|hook| names.hook_named(hook)).transpose()?;
    let subject = args.app.as_deref().map(|app| control::subject(&store, app)).transpose()?;
    let runs = match (hook, subject) {
        (None, None) => store.runs(RunsOf::All, args.limit)?,
        (Some(hook), None) => store.runs(RunsOf::Hook(hook), args.limit)?,
        (None, Some(subject)) => store.runs(RunsOf::Subject(subject.id), args.limit)?,
        (Some(hook), Some(subject)) => store.runs_of_lane(hook, subject.id, args.limit)?,
    };
    let shown = runs.into_iter().map(|run| RunShown::of(&run, &store, &names).map(|shown| (run, shown)));
    let runs: Vec<_> = shown.collect::<Result<_, _>>()?;
    let table = ran::table(&runs, context.now());
    let text = if table.is_empty() { "no runs\n".to_owned() } else { table.draw() };
    let shown: Vec<_> = runs.into_iter().map(|(_, shown)| shown).collect();
    Ok(Answer::both(text, &shown))
}
