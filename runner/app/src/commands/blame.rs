//! `groundcrew blame`: what each version of a component did, and since when it does.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use groundcrew_core::duration::Millis;
use groundcrew_core::hash::Digest;
use groundcrew_core::time::Timestamp;
use groundcrew_engine::gate::Refusal;
use groundcrew_store::hooks::{HookState, StoredHook};
use groundcrew_store::ledger::StoredRow;
use groundcrew_store::runs::RunRecord;
use groundcrew_store::{RunId, Store};
use serde::Serialize;

use super::rows::Names;
use super::versions::{Tally, Version};
use super::{Answer, Context, Failure, absent, why};
use crate::runner::provisioner::STUCK_AFTER;
use crate::show::{Cell, Table, Tone, ago, length, paint};

/// Runs that are read at once.
const PAGE: u32 = 1_000;
/// Runs of one hook that are counted at most, newest first.
const COUNTED: usize = 100_000;
/// Failures that are shown of a version, the most frequent first.
const FAILURES: usize = 5;

/// Count what each version of a component did, newest first
///
/// Of a hook, or of all: runs, failures, durations and what was made, by the component that ran. Of a thing: which
/// version made it, and which changed it last.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// A hook, or a thing, written as for `why`; without one, every hook
    #[arg(value_name = "HOOK|THING")]
    of: Option<String>,
    /// Runs that began so long ago at most
    #[arg(long, value_name = "TIME", default_value = "7d")]
    since: Millis,
}

pub(super) fn run(context: &Context, args: &Args) -> Result<Answer, Failure> {
    let (store, now) = (context.reader()?, context.now());
    let mut hooks = store.hooks()?;
    if let Some(of) = &args.of {
        hooks.retain(|hook| hook.name == *of);
        if hooks.is_empty() {
            return of_things(&store, of, now);
        }
    }
    let (mut text, mut shown) = (String::new(), Vec::new());
    for hook in hooks {
        let blamed = Blamed::of(&store, &hook, now - args.since)?;
        if args.of.is_some() || !blamed.versions.is_empty() {
            text.push_str(&blamed.draw(args.since, now));
            shown.push(blamed);
        }
    }
    if shown.is_empty() {
        text.push_str("no hook ran\n");
    }
    Ok(Answer::both(text, &shown))
}

/// A hook's versions, in JSON. Times are RFC 3339.
#[derive(Debug, Serialize)]
struct Blamed {
    hook: String,
    since: String,
    /// Whether there were more runs than are counted.
    cut: bool,
    /// The one that ran last comes first.
    versions: Vec<Version>,
}

impl Blamed {
    /// Counts a hook's runs since then, from the newest back.
    fn of(store: &Store, hook: &StoredHook, since: Timestamp) -> Result<Self, Failure> {
        let observed = Refusal::Observed(Vec::new()).to_string();
        let mut dead: BTreeSet<_> = store.dead_events(hook.id)?.into_iter().collect();
        let mut stuck: BTreeSet<_> = store.stuck_rows(hook.id, STUCK_AFTER)?.into_iter().collect();
        let mut tallies: BTreeMap<Digest, Tally> = BTreeMap::new();
        let (mut before, mut counted, mut earlier) = (RunId(i64::MAX), 0, None);
        'pages: loop {
            let page = store.brief_runs(hook.id, before, PAGE)?;
            let Some(last) = page.last() else { break };
            before = last.id;
            for run in &page {
                // One that was resumed began when the first of its runs did.
                let at = run.ended.unwrap_or(run.started);
                if at < since || counted == COUNTED {
                    earlier = Some((run.component, at >= since));
                    break 'pages;
                }
                counted += 1;
                let tally = tallies.entry(run.component).or_default();
                tally.take(run, &observed);
                // Whoever ran last for it.
                tally.dead += usize::from(run.seq.is_some_and(|seq| dead.remove(&seq)));
                tally.stuck += usize::from(run.resource.is_some_and(|row| stuck.remove(&row)));
            }
        }
        if hook.state == HookState::Active && !tallies.is_empty() {
            tallies.entry(hook.component).or_default();
        }
        let mut tallies: Vec<_> = tallies.into_iter().collect();
        // One that has not run yet is the newest.
        tallies
            .sort_by_key(|(_, tally)| std::cmp::Reverse(tally.last.map_or(i64::MAX, Timestamp::as_millis)));
        let shown = |(component, tally): (Digest, Tally)| {
            let before = earlier.is_some_and(|(earlier, _)| earlier == component);
            tally.shown(component, component == hook.component, before)
        };
        Ok(Self {
            hook: hook.name.clone(),
            since: since.to_string(),
            cut: earlier.is_some_and(|(_, young)| young),
            versions: tallies.into_iter().map(shown).collect(),
        })
    }

    fn draw(&self, since: Millis, now: Timestamp) -> String {
        let mut text = format!("{}  the last {since}\n", paint(Tone::Strong, &self.hook));
        if self.versions.is_empty() {
            text.push_str("  it did not run\n\n");
            return text;
        }
        let headings = [
            "VERSION", "FIRST", "LAST", "RUNS", "FAILED", "P50", "P99", "CALLS", "MADE", "CHANGED",
            "REMOVED", "DEAD", "STUCK",
        ];
        let mut table = Table::new(headings).indented(2);
        for version in &self.versions {
            table.row(version.cells(now));
        }
        text.push_str(&table.draw());
        if self.cut {
            let note = format!("  (the last {COUNTED} runs: there were more)\n");
            text.push_str(&paint(Tone::Faint, &note));
        }
        if let Some(line) = self.turn() {
            let _ = writeln!(text, "\n  {line}");
        }
        for version in self.versions.iter().filter(|version| !version.failures.is_empty()) {
            let _ = writeln!(text, "\n  failures of {}", version.short());
            let mut table = Table::new(["COUNT", "DOES", "REASON", "LAST"]).indented(4);
            for failure in version.failures.iter().take(FAILURES) {
                let reason = Cell::toned(Tone::Bad, failure.reason.clone());
                table.row([
                    failure.count.to_string().into(),
                    failure.op.clone().into(),
                    reason,
                    failure.run.clone().into(),
                ]);
            }
            text.push_str(&table.draw());
            if let Some(more @ 1..) = version.failures.len().checked_sub(FAILURES) {
                let _ = writeln!(
                    text,
                    "    {}",
                    paint(Tone::Faint, &format!("(and {more} more reasons, see --json)"))
                );
            }
        }
        text.push('\n');
        text
    }

    /// How the last version that ran differs from the one before.
    fn turn(&self) -> Option<String> {
        let mut ran = self.versions.iter().filter(|version| version.runs > 0);
        let (new, old) = (ran.next()?, ran.next()?);
        let p99 = match (old.p99_ms, new.p99_ms) {
            (Some(old), Some(new)) => {
                format!(", p99 from {} to {}", length(Millis::new(old)), length(Millis::new(new)))
            }
            _ => String::new(),
        };
        let tone = if new.failed_percent > old.failed_percent { Tone::Bad } else { Tone::Good };
        let went =
            format!("failures went from {:.1} % to {:.1} %{p99}", old.failed_percent, new.failed_percent);
        Some(format!("since {}: {}", new.short(), paint(tone, &went)))
    }
}

/// Which versions made and changed a thing, in JSON.
#[derive(Debug, Serialize)]
struct ThingBlamed {
    name: String,
    row: String,
    hook: String,
    /// None: it does not exist yet.
    made_by: Option<By>,
    /// None: nobody did, as far as runs are kept.
    changed_by: Option<By>,
    /// The version that its hook has now.
    runs_now: Option<String>,
}

#[derive(Debug, Serialize)]
struct By {
    component: String,
    run: Option<String>,
    at: Option<String>,
}

fn of_things(store: &Store, name: &str, now: Timestamp) -> Result<Answer, Failure> {
    let names = Names::of(store)?;
    let rows = why::named(store, &names, name)?;
    if rows.is_empty() {
        let hooks = store.hooks()?;
        return Err(Failure::failed(format!("`{name}` is no hook, and nothing outside is known as it"))
            .hint(absent::known_hooks(hooks.iter().map(|hook| &hook.name)))
            .hint("groundcrew resources --all"));
    }
    let blamed = rows.iter().map(|row| of_thing(store, &names, row)).collect::<Result<Vec<_>, Failure>>()?;
    let mut text = String::new();
    for (one, row) in blamed.iter().zip(&rows) {
        let _ = writeln!(text, "{}  {}", paint(Tone::Strong, &one.name), row.row.state);
        let mut fact = |name: &str, by: Option<&By>, none: &str| {
            let said = by.map_or_else(|| none.to_owned(), |by| by.said(now));
            let _ = writeln!(text, "  {name:<12}{said}");
        };
        fact("made by", one.made_by.as_ref(), "nobody yet");
        fact("changed by", one.changed_by.as_ref(), "nobody, as far as runs are kept");
        let hook = one
            .runs_now
            .as_deref()
            .map_or_else(|| "nothing".to_owned(), |digest| digest.chars().take(12).collect());
        let _ = writeln!(text, "  {:<12}{hook}  {}\n", "runs now", one.hook);
    }
    Ok(Answer::both(text, &blamed))
}

fn of_thing(store: &Store, names: &Names<'_>, row: &StoredRow) -> Result<ThingBlamed, Failure> {
    let last = |op: &str| Ok::<_, Failure>(store.runs_that_did(row.id, op, 1)?.pop());
    let by = |run: RunRecord| By {
        component: run.component.to_string(),
        run: Some(run.id.to_string()),
        at: Some(run.started.to_string()),
    };
    // What the ledger says holds for longer than runs are kept.
    let made = row.made_at.map(|at| By {
        component: row.component.to_string(),
        run: None,
        at: Some(at.to_string()),
    });
    let hooks = store.hooks()?;
    let runs_now = hooks.iter().find(|hook| hook.id == row.hook && hook.state == HookState::Active);
    Ok(ThingBlamed {
        name: format!("{}/{}", row.kind, row.key),
        row: row.row.id.to_string(),
        hook: names.hook(row.hook),
        made_by: last("create")?.map(by).or(made),
        changed_by: last("update")?.map(by),
        runs_now: runs_now.map(|hook| hook.component.to_string()),
    })
}

impl By {
    fn said(&self, now: Timestamp) -> String {
        let short: String = self.component.chars().take(12).collect();
        let run = self.run.as_ref().map(|run| format!(", {run}")).unwrap_or_default();
        let at = self.at.as_deref().and_then(Timestamp::parse_rfc3339);
        format!("{short}{run}{}", at.map(|at| format!(", {}", ago(at, now))).unwrap_or_default())
    }
}
