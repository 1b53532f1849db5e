//! `groundcrew canary`: how candidates compare with what runs.

use std::fmt::Write as _;

use groundcrew_core::hash::Digest;
use groundcrew_store::Store;
use groundcrew_store::canary::{Canary, Case};
use groundcrew_store::promotions::Promotion;
use serde::Serialize;

use super::replay::differing;
use super::rows::Names;
use super::{Answer, Code, Context, Failure};
use crate::config::{Component, Config};
use crate::replay::Difference;
use crate::show::{Cell, Table, Tone, ago, paint};
use crate::{components, kept};

/// Show how candidates compare with what runs, run by run
///
/// While a stanza has a `candidate`, each run that ended is played with it, offline, from what the run was answered:
/// nothing leaves. Of one hook the ways in which runs differ are shown. The exit code is 1 if any differs.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Only this hook, with what differs
    hook: Option<String>,
}

/// One candidate in JSON. Times are RFC 3339.
#[derive(Debug, Serialize)]
struct Shown {
    hook: String,
    current: String,
    candidate: String,
    since: String,
    equal: u32,
    differs: u32,
    cannot_tell: u32,
    skipped: u32,
    in_a_row: u32,
    /// Those of them that wrote.
    wrote_in_a_row: u32,
    promote_after: Option<u32>,
    /// It was equal for `promote_after` runs, and none of these wrote.
    waits_for_a_write: bool,
    promoted: Option<PromotedShown>,
    cases: Vec<CaseShown>,
}

/// A promotion in JSON.
#[derive(Debug, Serialize)]
struct PromotedShown {
    at: String,
    who: String,
}

/// Runs that differ alike, or of which it cannot be told for one reason, in JSON.
#[derive(Debug, Serialize)]
struct CaseShown {
    verdict: &'static str,
    op: String,
    count: u32,
    run: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    why: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    difference: Option<Difference>,
}

pub(super) fn run(context: &Context, args: &Args) -> Result<Answer, Failure> {
    let store = context.reader()?;
    let names = Names::of(&store)?;
    let hook = args.hook.as_deref().map(|name| names.hook_named(name)).transpose()?;
    // A broken configuration is no reason not to look: it only says where the candidate is, and when it is promoted.
    let config = context.config().ok();
    let mut table = Table::new([
        "HOOK",
        "CURRENT",
        "CANDIDATE",
        "SINCE",
        "EQUAL",
        "DIFFERS",
        "CANNOT TELL",
        "SKIPPED",
        "IN A ROW",
        "WROTE",
    ]);
    let (mut all, mut details) = (Vec::new(), String::new());
    for canary in store.canaries()?.into_iter().filter(|canary| hook.is_none_or(|hook| canary.hook == hook)) {
        let shown = shown(&store, &names, config.as_ref(), &canary)?;
        table.row(cells(&canary, &shown, context));
        if hook.is_some() {
            details.push_str(&detailed(
                &canary,
                &shown,
                &file(context, config.as_ref(), &shown.hook, canary.candidate),
            ));
        }
        all.push(shown);
    }
    let text = if all.is_empty() {
        "no hook has a candidate that is compared with what runs\n".to_owned()
    } else {
        format!("{}{details}", table.draw())
    };
    let differs = all.iter().any(|shown| shown.differs > 0);
    Ok(Answer::both(text, &all).code(if differs { Code::Failed } else { Code::Ok }))
}

fn shown(
    store: &Store,
    names: &Names<'_>,
    config: Option<&Config>,
    canary: &Canary,
) -> Result<Shown, Failure> {
    let hook = names.hook(canary.hook);
    let candidate = config.and_then(|config| config.hooks.get(&hook)?.candidate.as_ref());
    let promotion = store.promotion(canary.hook)?.filter(|it| it.component == canary.candidate);
    let promoted = |it: Promotion| PromotedShown { at: it.at.to_string(), who: it.who };
    let promote_after = candidate.and_then(|candidate| candidate.promote_after);
    Ok(Shown {
        hook,
        current: canary.current.to_string(),
        candidate: canary.candidate.to_string(),
        since: canary.since.to_string(),
        equal: canary.equal,
        differs: canary.differed,
        cannot_tell: canary.unclear,
        skipped: canary.skipped,
        in_a_row: canary.in_a_row,
        wrote_in_a_row: canary.wrote_in_a_row,
        promote_after,
        waits_for_a_write: promote_after.is_some_and(|after| canary.waits_for_a_write(after)),
        promoted: promotion.map(promoted),
        cases: canary.cases.iter().map(CaseShown::of).collect(),
    })
}

impl CaseShown {
    fn of(case: &Case) -> Self {
        Self {
            verdict: if case.differs { "differs" } else { "cannot-tell" },
            op: case.op.clone(),
            count: case.count,
            run: case.run.to_string(),
            why: (!case.differs).then(|| case.sign.clone()),
            difference: case.difference.as_deref().and_then(|text| serde_json::from_str(text).ok()),
        }
    }
}

fn cells(canary: &Canary, shown: &Shown, context: &Context) -> [Cell; 10] {
    let in_a_row = match (&shown.promoted, shown.promote_after) {
        (Some(_), _) => Cell::toned(Tone::Good, format!("{}, promoted", canary.in_a_row)),
        (None, Some(after)) if shown.waits_for_a_write => {
            Cell::toned(Tone::Waiting, format!("{} of {after}, waits for a write", canary.in_a_row))
        }
        (None, Some(after)) => format!("{} of {after}", canary.in_a_row).into(),
        (None, None) => canary.in_a_row.to_string().into(),
    };
    let differs = if canary.differed > 0 { Tone::Bad } else { Tone::Plain };
    [
        shown.hook.clone().into(),
        canary.current.short().into(),
        canary.candidate.short().into(),
        ago(canary.since, context.now()).into(),
        canary.equal.to_string().into(),
        Cell::toned(differs, canary.differed.to_string()),
        canary.unclear.to_string().into(),
        canary.skipped.to_string().into(),
        in_a_row,
        canary.wrote_in_a_row.to_string().into(),
    ]
}

/// What is not equal, each in one way, and how to see one whole.
fn detailed(canary: &Canary, shown: &Shown, file: &str) -> String {
    let mut text = String::new();
    for case in shown.cases.iter().filter(|case| case.why.is_some()) {
        let op = if case.op.is_empty() { String::new() } else { format!("{}, ", case.op) };
        let why = case.why.as_deref().unwrap_or_default();
        let _ = write!(text, "\n{} cannot be told, as {op}{}: {why}\n", case.count, case.run);
    }
    let differing_cases = || shown.cases.iter().filter(|case| case.verdict == "differs");
    for case in differing_cases() {
        let drawn = match &case.difference {
            Some(difference) => differing(difference),
            None => format!("{}\n", paint(Tone::Faint, "too long to be kept")),
        };
        let _ = write!(text, "\n{} x {}, as {}: {drawn}", case.count, case.op, case.run);
    }
    let told: u32 = differing_cases().map(|case| case.count).sum();
    if canary.differed > told {
        let _ = writeln!(text, "\n{} more differ in other ways", canary.differed - told);
    }
    if let Some(case) = differing_cases().next() {
        let _ = writeln!(text, "\none whole: groundcrew replay {} --component {file}", case.run);
    }
    text
}

/// Where the candidate is: as the stanza says, if it still is that one, else where it is kept.
fn file(context: &Context, config: Option<&Config>, hook: &str, candidate: Digest) -> String {
    let named = config.and_then(|config| config.hooks.get(hook)?.candidate.as_ref());
    let component = named.map(|named| &named.hook.component);
    match component {
        Some(component @ Component::File(path)) if components::digest(component).ok() == Some(candidate) => {
            path.display().to_string()
        }
        _ => kept::path_of(context.data_dir().path(), candidate).display().to_string(),
    }
}
