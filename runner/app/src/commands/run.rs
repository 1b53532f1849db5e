//! `groundcrew run`: one run, from what made it due to what was learnt from it.

use std::fmt::Write as _;

use groundcrew_core::time::Timestamp;
use groundcrew_store::RunId;
use groundcrew_store::runs::{CallRecord, RunRecord};
use serde_json::Value;

use super::calls::Bodies;
use super::events::{self, EventShown};
use super::ran::{self, RunShown, Whole};
use super::rows::Names;
use super::{Answer, Context, Failure, timeline};
use crate::show::{Tone, ago, columns, length, paint};

/// Show one run with its calls: when each was under way, what was learnt
///
/// A bar says when a call was under way between the run's beginning and its end; `?` is one that was never answered.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The run, as listed: `r12` or `12`
    #[arg(value_parser = run_id)]
    run: i64,
    /// Show bodies whole, and headers
    #[arg(long)]
    full: bool,
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
    let row = run.resource.map(|id| store.row(id)).transpose()?.flatten();
    let after = match (run.seq, run.subject) {
        (None, Some(subject)) => store.happened_before(subject, run.started)?,
        _ => None,
    };
    let shown = RunShown::of(&run, &store, &names)?;
    let shown = shown.whole(&run, &calls, &store, row.as_ref(), after.as_ref())?;
    let bodies = if args.full { Bodies::Full } else { Bodies::Short };
    let mut text = head(&run, &shown, context.now());
    if let Some(whole) = &shown.whole {
        text.push_str(&draw(&run, &calls, whole, bodies, context.now()));
        text.push_str(&learnt(whole, &run));
    }
    Ok(Answer::both(text, &shown))
}

fn head(run: &RunRecord, shown: &RunShown, now: Timestamp) -> String {
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
        fact("row", &format!("{row}   groundcrew why {row}"));
    }
    let linked = |event: &EventShown| {
        let before = Timestamp::parse_rfc3339(&event.at).map(|at| length(run.started.since(at)));
        let before = before.map(|before| format!(", {before} before")).unwrap_or_default();
        format!("{}{before}   groundcrew why {}", events::titled(event), event.event)
    };
    if let Some(event) = &shown.event {
        fact("event", &linked(event));
        fact("", &event.id);
    }
    if let Some(because) = shown.whole.as_ref().and_then(|whole| whole.because.as_ref()) {
        fact("because", &because.event.as_ref().map_or_else(|| because.said.clone(), linked));
    }
    if let Some(after) = shown.whole.as_ref().and_then(|whole| whole.after.as_ref()) {
        fact("after", &linked(after));
    }
    if let Some(resumed) = &shown.resumes {
        fact("resumes", &format!("{resumed}   groundcrew run {resumed}"));
    }
    fact("started", &format!("{} ({})", ago(run.started, now), run.started));
    fact("took", &ran::took(run, now));
    fact("component", &run.component.short());
    let outcome = run.outcome.as_deref().unwrap_or("under way, or the runner ended first");
    fact("outcome", &paint(if outcome == "ok" { Tone::Good } else { Tone::Bad }, outcome));
    text
}

fn draw(run: &RunRecord, calls: &[CallRecord], whole: &Whole, bodies: Bodies, now: Timestamp) -> String {
    let mut text = if calls.is_empty() {
        "\nno calls\n".to_owned()
    } else {
        let title = format!("calls, in {}", ran::took(run, now));
        let drawn = timeline::of_calls((run.started, run.ended.unwrap_or(now)), calls, bodies, 2, columns());
        format!("\n{}\n{drawn}", paint(Tone::Strong, &title))
    };
    if let Some(log) = &whole.log {
        let _ = writeln!(text, "\n{}", paint(Tone::Strong, "log"));
        text.push_str(&log_lines(log));
    }
    text
}

/// What was learnt, and where to go on from here.
fn learnt(whole: &Whole, run: &RunRecord) -> String {
    let learnt = &whole.learnt;
    let title = if run.op == "handle" { "what became of the delivery" } else { "what the ledger learnt" };
    let mut text = format!("\n{}\n  {}\n", paint(Tone::Strong, title), learnt.said);
    let mut fact = |name: &str, value: &str| {
        let _ = writeln!(text, "  {name:<10}{value}");
    };
    match (learnt.before, learnt.after) {
        (Some(before), Some(after)) => fact("row", &format!("{before} -> {after}")),
        (None, Some(after)) => fact("row", &format!("-> {after}")),
        (_, None) => {}
    }
    learnt.changed.iter().for_each(|changed| fact("changed", changed));
    learnt.outputs.iter().for_each(|output| fact("output", &format!("{} = {}", output.name, output.value)));
    if !learnt.remembered.is_empty() {
        fact("kv", &learnt.remembered.join(", "));
    }
    let beside = [("before", &whole.earlier), ("next", &whole.later)];
    for (name, run) in beside.into_iter().filter_map(|(name, run)| Some((name, run.as_ref()?))) {
        fact(name, &format!("groundcrew run {run}"));
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
