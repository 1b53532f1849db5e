//! `/metrics`: what a person would want to be woken for, and what explains it.

use axum::extract::State as Extract;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use groundcrew_core::row::State as RowState;
use groundcrew_core::time::Timestamp;
use groundcrew_store::Health;
use groundcrew_store::listing::Counts;

use super::State;
use super::exposition::{Exposition, Kind};
use super::live::{Belief, Live, SourceStatus};

const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

pub(super) async fn metrics(Extract(state): Extract<State>) -> Response {
    let now = state.clock.now();
    let store = state.store.clone();
    let counted = tokio::task::spawn_blocking(move || store.counts(now)).await;
    let counts = match counted {
        Ok(Ok(counts)) => Some(counts),
        Ok(Err(error)) => {
            tracing::warn!(%error, "metrics without what the database knows");
            None
        }
        Err(error) => return (StatusCode::INTERNAL_SERVER_ERROR, error.to_string()).into_response(),
    };
    let health = state.store.health().borrow().clone();
    let text = render(counts.as_ref(), &health, state.live.as_ref(), now);
    ([(header::CONTENT_TYPE, CONTENT_TYPE)], text).into_response()
}

/// Writes all metrics; those of the database are left out while it cannot be read.
pub fn render(counts: Option<&Counts>, health: &Health, live: &dyn Live, now: Timestamp) -> String {
    let mut text = Exposition::default();
    text.metric("groundcrew_build_info", Kind::Gauge, "The running version.")
        .sample(&[("version", env!("CARGO_PKG_VERSION"))], 1.0);
    text.metric("groundcrew_store_writable", Kind::Gauge, "Whether the database can be written: 1 or 0.")
        .sample(&[], f64::from(*health == Health::Good));
    sources(&mut text, &live.sources(), now);
    if let Some(counts) = counts {
        rows(&mut text, counts);
        work(&mut text, counts, now);
    }
    let mut failures = text.metric(
        "groundcrew_host_failures_total",
        Kind::Counter,
        "Requests without an answer below 500, by host.",
    );
    for (host, count) in live.failures() {
        failures.sample(&[("host", &host)], count as f64);
    }
    let help = "Reloads since the process began, by what came of them.";
    let mut reloads = text.metric("groundcrew_reloads_total", Kind::Counter, help);
    for (outcome, count) in live.reloads() {
        reloads.sample(&[("outcome", &outcome)], count as f64);
    }
    let mut waiting =
        text.metric("groundcrew_limit_waiting", Kind::Gauge, "Runs and requests that wait for a limit.");
    for (limit, count) in live.waiting() {
        waiting.sample(&[("limit", &limit)], count as f64);
    }
    text.finish()
}

fn sources(text: &mut Exposition, sources: &[SourceStatus], now: Timestamp) {
    let ages = |at: Option<Timestamp>| at.map(|at| seconds(at, now));
    let help = "Time since the last complete reading of a source, or since the start if there was none.";
    let mut lag = text.metric("groundcrew_source_lag_seconds", Kind::Gauge, help);
    for source in sources {
        lag.sample(&[("source", &source.name)], seconds(source.heard.unwrap_or(source.begun), now));
    }
    let help = "Time since the last true look at the app that has waited longest.";
    let mut looks = text.metric("groundcrew_source_oldest_look_seconds", Kind::Gauge, help);
    for (source, age) in sources.iter().filter_map(|source| Some((source, ages(source.oldest_look)?))) {
        looks.sample(&[("source", &source.name)], age);
    }
    let help = "Whether a source is believed: 1 or 0; nothing is removed while it is not.";
    let mut believed = text.metric("groundcrew_source_believed", Kind::Gauge, help);
    for source in sources {
        believed.sample(&[("source", &source.name)], f64::from(source.belief == Belief::Believed));
    }
    let lines = || sources.iter().filter_map(|source| Some((&source.name, source.lines.as_ref()?)));
    let help = "Number of the last line that a source of lines took in.";
    let mut last = text.metric("groundcrew_source_line", Kind::Gauge, help);
    for (source, lines) in lines() {
        last.sample(&[("source", source)], lines.taken as f64);
    }
    let help = "Whether a source of lines cannot take in those after it: 1 or 0.";
    let mut failing = text.metric("groundcrew_source_failing", Kind::Gauge, help);
    for (source, lines) in lines() {
        failing.sample(&[("source", source)], f64::from(lines.error.is_some()));
    }
}

fn rows(text: &mut Exposition, counts: &Counts) {
    let mut rows = text.metric("groundcrew_rows", Kind::Gauge, "Rows of the ledger that are not gone.");
    for (hook, state, count) in &counts.rows {
        rows.sample(&[("hook", hook), ("state", state.as_str())], f64::from(*count));
    }
    let in_doubt = counts.rows.iter().filter(|(_, state, _)| *state == RowState::InDoubt);
    let in_doubt: u32 = in_doubt.map(|(_, _, count)| count).sum();
    let help = "Creations whose outcome is not known.";
    text.metric("groundcrew_rows_in_doubt", Kind::Gauge, help).sample(&[], f64::from(in_doubt));
    let help = "Rows that have failed for so long that a person should look.";
    text.metric("groundcrew_rows_stuck", Kind::Gauge, help).sample(&[], f64::from(counts.stuck));
    let help = "Rows whose removal waits for approval.";
    text.metric("groundcrew_rows_held", Kind::Gauge, help).sample(&[], f64::from(counts.held));
    let mut findings = text.metric("groundcrew_findings_open", Kind::Gauge, "Open findings, by severity.");
    for (severity, count) in &counts.findings {
        findings.sample(&[("severity", severity)], f64::from(*count));
    }
}

fn work(text: &mut Exposition, counts: &Counts, now: Timestamp) {
    let help = "Age of the oldest event that is still owed to a handler; 0: none is.";
    let oldest = counts.oldest_owed.map_or(0.0, |at| seconds(at, now));
    text.metric("groundcrew_oldest_unhandled_seconds", Kind::Gauge, help).sample(&[], oldest);
    let help = "Lanes whose due time has come.";
    text.metric("groundcrew_lanes_due", Kind::Gauge, help).sample(&[], f64::from(counts.lanes_due));
    let help = "How long the longest of them has been due.";
    let late = counts.lanes_late_ms.max(0) as f64 / 1_000.0;
    text.metric("groundcrew_lanes_late_seconds", Kind::Gauge, help).sample(&[], late);
    let help = "Runs that were compared with a hook's candidate, by what came of it.";
    let mut canary = text.metric("groundcrew_canary_runs", Kind::Gauge, help);
    for (hook, verdict, count) in &counts.canary {
        canary.sample(&[("hook", hook), ("verdict", verdict)], f64::from(*count));
    }
    let mut dead =
        text.metric("groundcrew_deliveries_dead", Kind::Gauge, "Deliveries that gave up, by hook.");
    for (hook, count) in &counts.dead {
        dead.sample(&[("hook", hook)], f64::from(*count));
    }
}

/// The age of something in seconds; what lies ahead is 0.
fn seconds(at: Timestamp, now: Timestamp) -> f64 {
    now.since(at).as_i64().max(0) as f64 / 1_000.0
}

#[cfg(test)]
mod tests {
    use groundcrew_core::duration::Millis;

    use super::super::live::Lines;
    use super::*;

    /// A runner whose sources were read seven seconds ago, or never in an hour, and looked at every app within four minutes.
    #[derive(Debug)]
    struct Running(Timestamp, bool);

    impl Live for Running {
        fn sources(&self) -> Vec<SourceStatus> {
            let fly = SourceStatus {
                name: "fly".to_owned(),
                belief: Belief::Believed,
                begun: self.0 - Millis::hours(1),
                heard: self.1.then(|| self.0 - Millis::seconds(7)),
                fresh_within: None,
                oldest_look: Some(self.0 - Millis::minutes(4)),
                lines: None,
            };
            let lines = Lines { taken: 17, error: (!self.1).then(|| "the disk is full".to_owned()) };
            let ndjson = SourceStatus {
                name: "ndjson".to_owned(),
                oldest_look: None,
                lines: Some(lines),
                ..fly.clone()
            };
            vec![fly, ndjson]
        }

        fn failures(&self) -> Vec<(String, u64)> {
            Vec::new()
        }

        fn waiting(&self) -> Vec<(String, u64)> {
            Vec::new()
        }
    }

    #[test]
    fn what_a_person_is_woken_for_has_its_value() {
        let now = Timestamp::from_millis(1_795_000_000_000);
        let counts = Counts {
            rows: vec![
                ("dns".to_owned(), RowState::Present, 40),
                ("dns".to_owned(), RowState::InDoubt, 2),
                ("ip".to_owned(), RowState::InDoubt, 1),
            ],
            stuck: 3,
            held: 5,
            lanes_due: 6,
            lanes_late_ms: 1_500,
            oldest_owed: Some(now - Millis::seconds(90)),
            findings: vec![("error".to_owned(), 4)],
            canary: vec![("dns".to_owned(), "equal".to_owned(), 8)],
            ..Counts::default()
        };
        let text = render(Some(&counts), &Health::Good, &Running(now, true), now);
        for line in [
            "groundcrew_source_lag_seconds{source=\"fly\"} 7",
            "groundcrew_source_oldest_look_seconds{source=\"fly\"} 240",
            "groundcrew_source_believed{source=\"fly\"} 1",
            "groundcrew_source_lag_seconds{source=\"ndjson\"} 7",
            "groundcrew_source_line{source=\"ndjson\"} 17",
            "groundcrew_source_failing{source=\"ndjson\"} 0",
            "groundcrew_rows{hook=\"dns\",state=\"present\"} 40",
            "groundcrew_rows_in_doubt 3",
            "groundcrew_rows_stuck 3",
            "groundcrew_rows_held 5",
            "groundcrew_findings_open{severity=\"error\"} 4",
            "groundcrew_oldest_unhandled_seconds 90",
            "groundcrew_lanes_due 6",
            "groundcrew_lanes_late_seconds 1.5",
            "groundcrew_canary_runs{hook=\"dns\",verdict=\"equal\"} 8",
        ] {
            assert!(text.lines().any(|found| found == line), "{line} in\n{text}");
        }
        let broken = render(None, &Health::Broken("the disk is full".to_owned()), &Running(now, false), now);
        assert!(broken.contains("groundcrew_source_lag_seconds{source=\"fly\"} 3600"), "{broken}");
        assert!(broken.contains("groundcrew_source_failing{source=\"ndjson\"} 1"), "{broken}");
        assert!(
            broken.contains("groundcrew_store_writable 0") && !broken.contains("groundcrew_rows"),
            "{broken}"
        );
    }
}
