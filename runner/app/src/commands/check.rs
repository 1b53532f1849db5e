//! `groundcrew check`: everything that is wrong with the configuration, at once.

use std::fmt::Write as _;

use groundcrew_store::hooks::{HookState, StoredHook};

use super::{Answer, Code, Context, Failure};
use crate::components;
use crate::config::{Config, Paint, Report, schema};
use crate::lock::{Approvals, Difference};

/// Read the configuration and tell everything that is wrong with it
///
/// Each problem comes with file, line, reason and fix. Nothing is called and nothing is changed.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Print the configuration's JSON schema instead, for editors
    #[arg(long)]
    schema: bool,
}

pub(super) fn run(context: &Context, args: &Args) -> Result<Answer, Failure> {
    if args.schema {
        return Ok(Answer::text(schema()));
    }
    let config = match context.config() {
        Ok(config) => config,
        Err(report) => return Ok(answer(&report, &[], &[]).code(Code::Configuration)),
    };
    let approvals = Approvals::read(&Approvals::path(context.config_path()))?;
    let mut differing = Vec::new();
    for hook in config.hooks.values() {
        differing.extend(approvals.difference(hook, components::of_hook(hook)?.digest));
    }
    Ok(answer(&config.notes, &differing, &removed(context, &config)))
}

/// Hooks that were removed by command and are still written down; none where nothing ever ran.
fn removed(context: &Context, config: &Config) -> Vec<String> {
    let hooks = context.reader().and_then(|store| Ok(store.hooks()?)).unwrap_or_default();
    let is_over = |hook: &StoredHook| hook.state == HookState::Removed && hook.ending.is_some();
    let over = hooks.into_iter().filter(|hook| is_over(hook) && config.hooks.contains_key(&hook.name));
    over.map(|hook| hook.name).collect()
}

fn answer(report: &Report, differing: &[Difference], removed: &[String]) -> Answer {
    let mut text = report.draw(Paint::Colours);
    for hook in removed {
        let _ = writeln!(text, "\nhook {hook} is removed and makes nothing: take [hook.{hook}] out");
    }
    for difference in differing {
        let _ = writeln!(text, "\nto be approved: {difference}");
    }
    if !differing.is_empty() {
        text.push_str("\nnext: groundcrew add --all\n");
    }
    let mut json = report.to_json();
    json["to_approve"] = serde_json::to_value(differing).expect("invariant: differences are JSON");
    json["removed"] = removed.into();
    Answer::both(text, &json)
}
