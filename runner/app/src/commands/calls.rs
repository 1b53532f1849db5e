//! Runs and calls as commands show them.

use std::fmt::Write as _;

use groundcrew_core::duration::Millis;
use groundcrew_core::time::Timestamp;
use groundcrew_store::Store;
use groundcrew_store::runs::{CallRecord, RunRecord};
use serde::Serialize;
use serde_json::Value;

use super::Failure;
use super::rows::{Names, first_line};
use crate::replay::lines::{body, headers, json_of};
use crate::show::{Cell, Table, Tone, ago, length, paint};

/// A run in JSON. Times are RFC 3339.
#[derive(Clone, Debug, Serialize)]
pub(super) struct RunShown {
    pub(super) run: String,
    pub(super) hook: String,
    pub(super) op: String,
    pub(super) subject: Option<String>,
    pub(super) row: Option<String>,
    pub(super) about: Option<String>,
    pub(super) started: String,
    pub(super) ended: Option<String>,
    pub(super) took_ms: Option<i64>,
    pub(super) outcome: Option<String>,
    pub(super) component: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) log: Option<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) calls: Option<Vec<CallShown>>,
}

/// A call in JSON.
#[derive(Clone, Debug, Serialize)]
pub(super) struct CallShown {
    n: u32,
    op: String,
    access: String,
    summary: String,
    ask: Value,
    answer: Option<Value>,
    sent_at: String,
    took_ms: Option<i64>,
}

impl RunShown {
    /// A run without its calls.
    pub(super) fn of(run: &RunRecord, store: &Store, names: &Names<'_>) -> Result<Self, Failure> {
        let row = run.resource.map(|id| store.row(id)).transpose()?.flatten();
        Ok(Self {
            run: run.id.to_string(),
            hook: names.hook(run.hook),
            op: run.op.clone(),
            subject: run.subject.map(|id| Ok::<_, Failure>(names.owner(id)?.0)).transpose()?,
            about: row.as_ref().map(|row| format!("{}/{}", row.kind, row.key)),
            row: row.map(|row| row.row.id.to_string()),
            started: run.started.to_string(),
            ended: run.ended.map(|at| at.to_string()),
            took_ms: run.ended.map(|ended| ended.since(run.started).as_i64()),
            outcome: run.outcome.clone(),
            component: run.component.to_string(),
            log: None,
            calls: None,
        })
    }

    /// The same with its calls and what it logged.
    pub(super) fn with_calls(self, run: &RunRecord, calls: &[CallRecord]) -> Self {
        let log = run.log.as_deref().map(|log| json_of(log.as_bytes()));
        Self { log, calls: Some(calls.iter().map(CallShown::of).collect()), ..self }
    }

    fn outcome_cell(&self) -> Cell {
        match &self.outcome {
            Some(outcome) if outcome == "ok" => Cell::toned(Tone::Good, "ok"),
            Some(outcome) => Cell::toned(Tone::Bad, first_line(outcome)),
            None => Cell::toned(Tone::Waiting, "under way"),
        }
    }
}

impl CallShown {
    fn of(call: &CallRecord) -> Self {
        Self {
            n: call.n,
            op: call.op.clone(),
            access: call.access.clone(),
            summary: summary(call),
            ask: json_of(&call.ask),
            answer: call.answer.as_deref().map(json_of),
            sent_at: call.sent_at.to_string(),
            took_ms: call.back_at.map(|back| back.since(call.sent_at).as_i64()),
        }
    }
}

/// A table of runs, newest first.
pub(super) fn table(runs: &[(RunRecord, RunShown)], now: Timestamp) -> Table {
    let mut table = Table::new(["RUN", "HOOK", "DOES", "FOR", "ABOUT", "STARTED", "TOOK", "OUTCOME"]);
    for (run, shown) in runs {
        let took = run.ended.map(|ended| length(ended.since(run.started)));
        table.row([
            shown.run.clone().into(),
            shown.hook.clone().into(),
            shown.op.clone().into(),
            Cell::or_nothing(shown.subject.clone()),
            Cell::or_nothing(shown.about.clone()),
            ago(run.started, now).into(),
            Cell::or_nothing(took),
            shown.outcome_cell(),
        ]);
    }
    table
}

/// One line: `PATCH https://... -> 204, 41 ms`.
pub(super) fn line(call: &CallRecord) -> String {
    let took = call.back_at.map(|back| length(back.since(call.sent_at)));
    let took = took.unwrap_or_else(|| paint(Tone::Bad, "no answer"));
    // The host itself answers a request that no grant allows.
    let access = if is_denied(call) { "denied" } else { call.access.as_str() };
    format!("{:>3}  {access:<5}  {}, {took}", call.n, summary(call))
}

fn is_denied(call: &CallRecord) -> bool {
    call.op == "http" && call.access == "local"
}

/// What was asked and answered, in words of HTTP where it was HTTP.
fn summary(call: &CallRecord) -> String {
    let ask = json_of(&call.ask);
    let field = |name: &str| ask.get(name).and_then(Value::as_str);
    let asked = match (field("method"), field("url")) {
        (Some(method), Some(url)) => format!("{method} {url}"),
        _ => format!("{} {ask}", call.op),
    };
    let answer = call.answer.as_deref().map(json_of);
    let answered = answer.as_ref().map_or(String::new(), |answer| {
        let status = answer.pointer("/response/status").map(|status| format!(" -> {status}"));
        let failure = answer
            .pointer("/failure/message")
            .and_then(Value::as_str)
            .map(|why| format!(" -> failed: {why}"));
        status.or(failure).unwrap_or_default()
    });
    first_line(&format!("{asked}{answered}"))
}

/// A call with its ask and answer, over many lines.
pub(super) fn draw(call: &CallRecord) -> String {
    let mut text = format!("{}\n", line(call));
    part(&mut text, ">", &json_of(&call.ask));
    match call.answer.as_deref().map(json_of) {
        Some(answer) => {
            // The message of a failure is for people, and may hold a line to paste.
            let failed = answer.pointer("/failure/message").cloned();
            let inner = failed.or_else(|| answer.get("response").cloned());
            part(&mut text, "<", &inner.unwrap_or(answer));
        }
        None => {
            let _ = writeln!(text, "       {}", paint(Tone::Bad, "< no answer was recorded"));
        }
    }
    text
}

fn part(text: &mut String, sign: &str, value: &Value) {
    for header in headers(value) {
        let _ = writeln!(text, "       {sign} {}", paint(Tone::Faint, &header));
    }
    for line in body(value) {
        let _ = writeln!(text, "       {sign} {line}");
    }
}

/// How long a run took, or since when it runs.
pub(super) fn took(run: &RunRecord, now: Timestamp) -> String {
    match run.ended {
        Some(ended) => length(ended.since(run.started)),
        None => format!("{} so far", length(now.since(run.started).max(Millis::ZERO))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use groundcrew_core::hash::Digest;
    use serde_json::json;

    #[test]
    fn a_denied_request_is_shown_with_the_line_that_would_allow_it() {
        let line = format!("\"POST https://api.example/{}\"", "long/".repeat(40));
        let message = format!("not granted; this line in the stanza's `allow` would grant it: {line}");
        let ask =
            json!({"method": "POST", "url": "https://api.example/", "headers": [], "body": {"text": ""}});
        let failure = json!({"failure": {"message": message, "retry": false, "after_ms": null}});
        let at = Timestamp::from_millis(0);
        let call = CallRecord {
            n: 0,
            op: "http".to_owned(),
            access: "local".to_owned(),
            print: Digest::of(b"print"),
            ask: ask.to_string().into_bytes(),
            answer: Some(failure.to_string().into_bytes()),
            sent_at: at,
            back_at: Some(at),
        };
        let drawn = draw(&call);
        assert!(drawn.contains("denied  POST https://api.example/ -> failed: not granted"), "{drawn}");
        assert!(drawn.contains(&line), "the whole line can be pasted: {drawn}");
    }
}
