//! What the runner's log says, for the audience: what happened to things, how long it took, and what went wrong.
//!
//! How long a run took is asked of the runner's own records, a moment later and for many lines at once: every question
//! is a process.

use std::collections::BTreeMap;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::JoinHandle;
use std::time::Duration;

use serde_json::Value;

use super::{Stage, draw, runner};

/// How long lines are gathered.
const GATHERED: Duration = Duration::from_millis(250);
/// No more runs than that lie within it.
const RUNS: &str = "300";

/// Tells lines of the log one after another, until it is dropped.
pub(super) struct Teller {
    lines: Option<Sender<(f32, Value)>>,
    thread: Option<JoinHandle<()>>,
}

impl Teller {
    /// One who tells of this stage.
    pub(super) fn new(stage: &Stage) -> Self {
        let (sender, receiver) = channel();
        let stage = stage.clone();
        let thread = std::thread::spawn(move || tell_all(&stage, &receiver));
        Self { lines: Some(sender), thread: Some(thread) }
    }

    /// Takes a line that came so many seconds after the beginning.
    pub(super) fn take(&self, seconds: f32, line: &str) {
        if let (Some(lines), Ok(event)) = (&self.lines, serde_json::from_str(line)) {
            drop(lines.send((seconds, event)));
        }
    }
}

impl Drop for Teller {
    fn drop(&mut self) {
        self.lines = None;
        if let Some(thread) = self.thread.take() {
            drop(thread.join());
        }
    }
}

fn tell_all(stage: &Stage, lines: &Receiver<(f32, Value)>) {
    while let Ok(first) = lines.recv() {
        // Only of what was made the runner is asked; the rest is told at once.
        if makes(&first.1) {
            std::thread::sleep(GATHERED);
        }
        let all: Vec<_> = std::iter::once(first).chain(lines.try_iter()).collect();
        let took = if all.iter().any(|(_, event)| makes(event)) { took(stage) } else { BTreeMap::new() };
        for (seconds, event) in &all {
            if let Some((who, what)) = news(event, &took) {
                draw::print(&draw::event(*seconds, &who, &what));
            }
        }
    }
}

/// Whether a line says that something was made.
fn makes(event: &Value) -> bool {
    event["what"] == "created"
}

/// How long the last runs took, in milliseconds; nothing of those about which the runner says nothing.
fn took(stage: &Stage) -> BTreeMap<String, u64> {
    let runs = runner::list(stage, &["runs", "--limit", RUNS]).unwrap_or_default();
    let took = |run: &Value| Some((run["run"].as_str()?.to_owned(), run["took_ms"].as_u64()?));
    runs.iter().filter_map(took).collect()
}

/// Who and what, of a line that is for the audience; the rest is in the file.
fn news(event: &Value, took: &BTreeMap<String, u64>) -> Option<(String, String)> {
    let field = |name: &str| event[name].as_str().unwrap_or_default();
    if !field("what").is_empty() {
        let mut what = format!(
            "{:<6} {:<10} {:<24} {:<22} {}",
            field("hook"),
            field("kind"),
            field("key"),
            field("thing"),
            field("what")
        );
        if let Some(took) = took.get(field("run")).filter(|_| makes(event)) {
            what = format!("{what}{took:>7} ms");
        }
        return Some((field("app").to_owned(), what.trim_end().to_owned()));
    }
    let wrong = matches!(field("level"), "WARN" | "ERROR");
    wrong.then(|| {
        let what = format!("{}: {} {}", field("level"), field("message"), field("error"));
        ("runner".to_owned(), what.trim_end().to_owned())
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_was_made_is_told_with_how_long_it_took() {
        let took = [("r7".to_owned(), 41)].into();
        let made = json!({"app": "cust-7", "hook": "dns", "kind": "record", "key": "A/www", "thing": "A/www",
            "what": "created", "run": "r7"});
        let (who, what) = news(&made, &took).unwrap();
        assert_eq!(who, "cust-7");
        assert!(what.ends_with("created     41 ms"), "{what}");
        assert!(news(&made, &BTreeMap::new()).unwrap().1.ends_with("created"), "nobody knows how long");
        let settled = json!({"app": "cust-9", "what": "settled: found", "run": "r7"});
        assert!(news(&settled, &took).unwrap().1.ends_with("settled: found"), "a look makes nothing");
    }

    #[test]
    fn what_went_wrong_is_told_and_the_rest_is_not() {
        let line = |level: &str| json!({"level": level, "message": "no answer", "error": "timed out"});
        let told = |level| news(&line(level), &BTreeMap::new()).map(|(who, what)| format!("{who} {what}"));
        assert_eq!(told("WARN").as_deref(), Some("runner WARN: no answer timed out"));
        assert_eq!(told("INFO"), None);
    }
}
