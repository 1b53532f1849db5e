//! `groundcrew apply`: exactly what a plan says, while things are as they were.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::io::Write as _;
use std::path::PathBuf;

use groundcrew_core::plan::Plan;

use super::ask::{self, Given};
use super::{Answer, Context, Failure, plan};
use crate::assembly;
use crate::control::Request;

/// Do exactly what a plan says, item by item, while things are as they were when it was made
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The plan, as `groundcrew plan --out FILE` wrote it
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// Do not ask
    #[arg(long, short)]
    yes: bool,
}

pub(super) fn run(context: &Context, args: &Args) -> Result<Answer, Failure> {
    let plan = plan::read(&args.file)?;
    refuse_unfit(context, &plan)?;
    let items: Vec<_> = plan.items.iter().filter(|item| item.action.writes()).cloned().collect();
    if items.is_empty() {
        return Ok(Answer::text("nothing to apply\n"));
    }
    drop(anstream::stderr().write_all(plan::draw(&plan, context.now()).as_bytes()));
    let command = format!("groundcrew apply {} --yes", args.file.display());
    ask::confirm(&format!("Do these {}?", items.len()), Given::from(args.yes), &command)?;
    let done = context.change(Request::Apply { items, until: plan.until })?;
    let mut text = format!("{}\n", done.message);
    // What is held or in conflict was not applied: to wait for its owner would be in vain.
    let applied = plan.items.iter().filter(|item| item.action.writes());
    let apps: BTreeSet<_> = applied.map(|item| item.owner.app_name()).collect();
    for app in apps.iter().take(3) {
        let _ = writeln!(text, "{}", context.typed(&format!("groundcrew wait --app {app}")));
    }
    Ok(Answer::both(text, &done))
}

/// Refuses a plan of another installation, time, configuration or component.
fn refuse_unfit(context: &Context, plan: &Plan) -> Result<(), Failure> {
    let again = |message: String| Err(Failure::failed(message).hint("groundcrew plan --out FILE"));
    let config = context.config()?;
    if plan.installation != config.installation {
        return again(format!(
            "the plan is of installation `{}`, this is `{}`",
            plan.installation, config.installation
        ));
    }
    if plan.until <= context.now() {
        return again(format!("the plan ended at {}", plan.until));
    }
    let (store, directory) = (context.reader()?, context.data_dir());
    // Of what a hook does that is not in the plan the plan says nothing.
    let hooks: BTreeSet<_> =
        plan.items.iter().filter(|item| item.action.writes()).map(|item| &item.hook).collect();
    for name in hooks {
        let chosen = assembly::chosen(&config, &store, directory.path(), name);
        let Some(chosen) = chosen.map_err(|error| Failure::of(&error))? else {
            return again(format!("there is no hook `{name}` any more"));
        };
        let now = format!("{}:{}", chosen.inspected.digest.short(), chosen.hook.settings_digest().short());
        if plan.hooks.get(name) != Some(&now) {
            return again(format!("the component or configuration of hook `{name}` is another one by now"));
        }
    }
    Ok(())
}
