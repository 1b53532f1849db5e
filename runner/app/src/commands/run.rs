//! `groundcrew run`: one run, with everything it asked and was answered.

use std::fmt::Write as _;

use groundcrew_core::time::Timestamp;
use groundcrew_store::RunId;
use groundcrew_store::runs::{CallRecord, RunRecord};
use serde_json::Value;

use super::calls::{self, RunShown};
use super::rows::Names;
use super::{Answer, Context, Failure};
use crate::show::{Tone, ago, paint};

/// Show one run with its calls: what was asked, what was answered
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The run, as listed: `r12` or `12`
    #[arg(value_parser = run_id)]
    run: i64,
}

fn run_id(text: &str) -> Result<i64, String> {
    text.strip_prefix('r').unwrap_or(text).parse().map_err(|_| "a run is written r12 or 12".to_owned())
}

pub(super) fn run(context: &Context, args: &Args) -> Result<Answer, Failure> {
    let store = context.reader()?;
    let names = Names::of(&store)?;
    let found = store.run(RunId(args.run))?;
    let missing =
        || Failure::failed(format!("no run r{}; old ones are pruned", args.run)).hint("groundcrew runs");
    let (run, calls) = found.ok_or_else(missing)?;
    let shown = RunShown::of(&run, &store, &names)?.with_calls(&run, &calls);
    Ok(Answer::both(draw(&run, &calls, &shown, context.now()), &shown))
}

fn draw(run: &RunRecord, calls: &[CallRecord], shown: &RunShown, now: Timestamp) -> String {
    let about =
        shown.about.as_ref().or(shown.subject.as_ref()).map(|about| format!(" {about}")).unwrap_or_default();
    let title = paint(Tone::Strong, &format!("{}  {} {}{about}", shown.run, shown.hook, shown.op));
    let mut text = format!("{title}\n");
    let mut fact = |name: &str, value: &str| {
        let _ = writeln!(text, "  {name:<10}{value}");
    };
    if let Some(subject) = &shown.subject {
        fact("for", subject);
    }
    if let Some(row) = &shown.row {
        fact("row", row);
    }
    fact("started", &format!("{} ({})", ago(run.started, now), run.started));
    fact("took", &calls::took(run, now));
    fact("component", &run.component.short());
    let outcome = run.outcome.as_deref().unwrap_or("under way, or the runner ended first");
    fact("outcome", &paint(if outcome == "ok" { Tone::Good } else { Tone::Bad }, outcome));
    if calls.is_empty() {
        text.push_str("\nno calls\n");
    } else {
        let _ = writeln!(text, "\n{}", paint(Tone::Strong, "calls"));
        for call in calls {
            text.push_str(&calls::draw(call));
        }
    }
    if let Some(log) = &shown.log {
        let _ = writeln!(text, "\n{}", paint(Tone::Strong, "log"));
        text.push_str(&log_lines(log));
    }
    text
}

fn log_lines(log: &Value) -> String {
    let mut text = String::new();
    for line in log.get("lines").and_then(Value::as_array).into_iter().flatten() {
        let field = |name: &str| line.get(name).and_then(Value::as_str).unwrap_or_default();
        let _ = writeln!(text, "  {:<5}  {}", field("level"), field("message"));
    }
    if let Some(dropped) = log.get("dropped").and_then(Value::as_u64).filter(|dropped| *dropped > 0) {
        let _ = writeln!(text, "  ({dropped} more lines were not kept)");
    }
    for line in log.get("stderr").and_then(Value::as_str).unwrap_or_default().lines() {
        let _ = writeln!(text, "  {}  {line}", paint(Tone::Faint, "stderr"));
    }
    text
}
