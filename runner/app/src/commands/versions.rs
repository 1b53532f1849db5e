//! Versions of a component, counted: what `blame` shows of each.

use std::collections::{BTreeMap, BTreeSet};

use groundcrew_core::duration::Millis;
use groundcrew_core::hash::Digest;
use groundcrew_core::time::Timestamp;
use groundcrew_store::RunId;
use groundcrew_store::runs::CUT_OFF;
use groundcrew_store::versions::BriefRun;
use serde::Serialize;

use super::rows::first_line;
use crate::show::{Cell, Tone, ago, length};

/// What one version did, in JSON.
#[derive(Debug, Serialize)]
pub(super) struct Version {
    component: String,
    /// Whether the hook runs with it now.
    now: bool,
    /// None: it has not run since then.
    first: Option<String>,
    last: Option<String>,
    /// Whether it had run before what is counted.
    earlier: bool,
    /// Runs that ended by themselves; `desired`, which is kept only when it fails, is not among them.
    pub(super) runs: usize,
    failed: usize,
    pub(super) failed_percent: f64,
    /// Runs of `desired` that failed.
    desired_failed: usize,
    /// Runs that ended at a write that was only shown.
    observed: usize,
    p50_ms: Option<i64>,
    pub(super) p99_ms: Option<i64>,
    calls_per_run: f64,
    created: usize,
    updated: usize,
    removed: usize,
    /// Deliveries that it was the last to try.
    dead: usize,
    /// Things that keep failing, and that it was the last to run for.
    stuck: usize,
    /// The most frequent first.
    pub(super) failures: Vec<FailureShown>,
}

#[derive(Clone, Debug, Serialize)]
pub(super) struct FailureShown {
    pub(super) count: usize,
    pub(super) op: String,
    /// The first line of it.
    pub(super) reason: String,
    /// The last run that failed so.
    pub(super) run: String,
}

/// What is counted of one version.
#[derive(Default)]
pub(super) struct Tally {
    first: Option<Timestamp>,
    pub(super) last: Option<Timestamp>,
    runs: usize,
    failed: usize,
    desired_failed: usize,
    observed: usize,
    took: Vec<i64>,
    calls: u64,
    /// The rows for which it did something, by what it did.
    did: BTreeMap<String, BTreeSet<i64>>,
    failures: BTreeMap<(String, String), (usize, RunId)>,
    pub(super) dead: usize,
    pub(super) stuck: usize,
}

impl Tally {
    /// Counts a run; they come newest first.
    pub(super) fn take(&mut self, run: &BriefRun, observed: &str) {
        self.last.get_or_insert(run.started);
        self.first = Some(run.started);
        // What is under way, or was cut off with the runner, says nothing of the component.
        let (Some(outcome), Some(ended)) = (run.outcome.as_deref(), run.ended) else { return };
        if outcome == CUT_OFF {
            return;
        }
        if outcome == observed {
            self.observed += 1;
            return;
        }
        let is_desired = run.op == "desired";
        if outcome != "ok" {
            let reason = (run.op.clone(), first_line(outcome));
            self.failures.entry(reason).or_insert((0, run.id)).0 += 1;
            if is_desired {
                self.desired_failed += 1;
            } else {
                self.failed += 1;
            }
        } else if let Some(row) = run.resource {
            self.did.entry(run.op.clone()).or_default().insert(row);
        }
        if !is_desired {
            self.runs += 1;
            self.calls += u64::from(run.calls);
            self.took.push(ended.since(run.started).as_i64());
        }
    }

    pub(super) fn shown(mut self, component: Digest, now: bool, earlier: bool) -> Version {
        self.took.sort_unstable();
        let mut failures: Vec<_> = self.failures.into_iter().collect();
        failures.sort_by_key(|(_, (count, run))| std::cmp::Reverse((*count, run.0)));
        let failures = failures.into_iter().map(|((op, reason), (count, run))| FailureShown {
            count,
            op,
            reason,
            run: run.to_string(),
        });
        let did = |op: &str| self.did.get(op).map_or(0, BTreeSet::len);
        Version {
            component: component.to_string(),
            now,
            first: self.first.map(|at| at.to_string()),
            last: self.last.map(|at| at.to_string()),
            earlier,
            runs: self.runs,
            failed: self.failed,
            failed_percent: share(self.failed, self.runs),
            desired_failed: self.desired_failed,
            observed: self.observed,
            p50_ms: rank(&self.took, 50),
            p99_ms: rank(&self.took, 99),
            calls_per_run: if self.runs == 0 { 0.0 } else { self.calls as f64 / self.runs as f64 },
            created: did("create"),
            updated: did("update"),
            removed: did("remove"),
            dead: self.dead,
            stuck: self.stuck,
            failures: failures.collect(),
        }
    }
}

/// In per cent.
fn share(part: usize, whole: usize) -> f64 {
    if whole == 0 { 0.0 } else { part as f64 * 100.0 / whole as f64 }
}

/// The nearest-rank percentile of sorted numbers.
fn rank(sorted: &[i64], percent: usize) -> Option<i64> {
    let place = (sorted.len() * percent).div_ceil(100).max(1);
    sorted.get(place - 1).copied()
}

impl Version {
    pub(super) fn short(&self) -> String {
        self.component.chars().take(12).collect()
    }

    pub(super) fn cells(&self, now: Timestamp) -> [Cell; 13] {
        let mark = if self.now { "*" } else { " " };
        let when =
            |at: &Option<String>| at.as_deref().and_then(Timestamp::parse_rfc3339).map(|at| ago(at, now));
        let first = if self.earlier { Some("before".to_owned()) } else { when(&self.first) };
        let took = |millis: Option<i64>| Cell::or_nothing(millis.map(|millis| length(Millis::new(millis))));
        let count = |count: usize| Cell::or_nothing((count > 0).then(|| count.to_string()));
        let bad = |count: usize| {
            if count > 0 { Cell::toned(Tone::Bad, count.to_string()) } else { Cell::default() }
        };
        let failed = match self.failed {
            0 => Cell::from("0"),
            some => Cell::toned(Tone::Bad, format!("{some} ({:.1} %)", self.failed_percent)),
        };
        [
            format!("{mark} {}", self.short()).into(),
            Cell::or_nothing(first),
            Cell::or_nothing(when(&self.last)),
            self.runs.to_string().into(),
            failed,
            took(self.p50_ms),
            took(self.p99_ms),
            format!("{:.1}", self.calls_per_run).into(),
            count(self.created),
            count(self.updated),
            count(self.removed),
            bad(self.dead),
            bad(self.stuck),
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_of_the_nearest_rank() {
        let hundred: Vec<i64> = (1..=100).collect();
        assert_eq!((rank(&hundred, 50), rank(&hundred, 99)), (Some(50), Some(99)));
        assert_eq!((rank(&[7], 50), rank(&[7], 99), rank(&[], 50)), (Some(7), Some(7), None));
        assert_eq!(rank(&[1, 2, 3], 99), Some(3));
    }

    #[test]
    fn what_says_nothing_of_the_component_is_no_failure() {
        let at = Timestamp::from_millis(1_795_000_000_000);
        let run = |op: &str, outcome: Option<&str>| BriefRun {
            id: RunId(1),
            component: Digest::of(b"component"),
            op: op.to_owned(),
            seq: None,
            resource: Some(1),
            started: at,
            ended: outcome.map(|_| at + Millis::new(9)),
            outcome: outcome.map(str::to_owned),
            calls: 2,
        };
        let mut tally = Tally::default();
        for (op, outcome) in [
            ("create", Some("ok")),
            ("create", Some("ok")),
            ("find", Some("no answer\nat all")),
            ("desired", Some("no label")),
            ("handle", Some("shown")),
            ("handle", Some(CUT_OFF)),
            ("find", None),
        ] {
            tally.take(&run(op, outcome), "shown");
        }
        let version = tally.shown(Digest::of(b"component"), true, false);
        assert_eq!((version.runs, version.failed, version.desired_failed, version.observed), (3, 1, 1, 1));
        assert_eq!((version.created, version.p99_ms, version.calls_per_run), (1, Some(9), 2.0));
        let reasons: Vec<_> = version.failures.iter().map(|failure| failure.reason.as_str()).collect();
        assert!(reasons.contains(&"no answer") && reasons.contains(&"no label"), "{reasons:?}");
    }
}
