//! What an operator sees of a running process: `/readyz`, `/metrics`, findings, the log.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use axum::body::{Body, to_bytes};
use axum::http::Request;
use groundcrew::control::NoHints;
use groundcrew::http::{Belief, Door, Live, SourceStatus, State, router};
use groundcrew::source::{self, FlyHandle};
use groundcrew_core::duration::Millis;
use groundcrew_engine::limited::Limited;
use groundcrew_store::findings::ClosedToo;
use serde_json::Value;
use tower::ServiceExt as _;

use super::stage::Stage;
use super::up::Up;
use super::ways::Ways;

/// What was seen at one moment.
#[derive(Clone, Debug, Default)]
pub struct Seen {
    /// Why the runner is not ready; empty: it is.
    pub unready: Vec<String>,
    /// Metrics by name and labels.
    pub metrics: BTreeMap<String, f64>,
    /// Open findings: code and about.
    pub findings: BTreeSet<String>,
    /// What the log said since the last look: level and message.
    pub log: BTreeSet<String>,
}

/// Lines of the log of this process, JSON, since the last look.
#[derive(Clone, Debug, Default)]
struct Lines(Arc<Mutex<Vec<u8>>>);

impl Lines {
    /// Those of this process, from the first call on.
    fn of_process() -> &'static Self {
        static LINES: OnceLock<Lines> = OnceLock::new();
        LINES.get_or_init(|| {
            let lines = Self::default();
            let writer = lines.clone();
            let all =
                tracing_subscriber::fmt().json().flatten_event(true).with_max_level(tracing::Level::INFO);
            // Whoever else writes logs in this process keeps doing so, and nothing is seen here.
            drop(all.with_writer(move || writer.clone()).try_init());
            lines
        })
    }

    fn take(&self) -> BTreeSet<String> {
        let bytes = std::mem::take(&mut *self.locked());
        let said = |line: &[u8]| {
            let line: Value = serde_json::from_slice(line).ok()?;
            Some(format!("{} {}", line["level"].as_str()?, line["message"].as_str()?))
        };
        bytes.split(|byte| *byte == b'\n').filter_map(said).collect()
    }

    fn locked(&self) -> MutexGuard<'_, Vec<u8>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl io::Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.locked().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Begins to listen to the log.
pub(super) fn listen() {
    drop(Lines::of_process().take());
}

struct Running {
    fly: FlyHandle,
    limited: Limited<Ways>,
}

impl std::fmt::Debug for Running {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Running").field("fly", &self.fly).finish_non_exhaustive()
    }
}

impl Live for Running {
    fn sources(&self) -> Vec<SourceStatus> {
        let status = self.fly.status();
        let belief = match status.belief {
            source::Belief::Starting => Belief::Starting,
            source::Belief::Believed => Belief::Believed,
            source::Belief::Held { apps, machines } => {
                Belief::Doubted(format!("{apps} apps and {machines} machines vanished at once"))
            }
        };
        let fresh_within = Some(Millis::minutes(2));
        let oldest_look = status.oldest_look_at;
        vec![SourceStatus {
            name: "fly".to_owned(),
            belief,
            begun: status.begun_at,
            heard: status.listed_at,
            fresh_within,
            oldest_look,
            lines: None,
        }]
    }

    fn failures(&self) -> Vec<(String, u64)> {
        self.limited.counts().failures.into_iter().collect()
    }

    fn waiting(&self) -> Vec<(String, u64)> {
        self.limited.counts().waiting.into_iter().collect()
    }
}

/// Looks, as somebody who has the API and the log.
pub(super) async fn look(stage: &Stage, up: &Up) -> Seen {
    let api = State {
        store: up.runner.store.clone(),
        live: Arc::new(Running { fly: up.handle.clone(), limited: up.limited.clone() }),
        hints: Arc::new(NoHints),
        inbox: None,
        clock: Arc::new(stage.watch.clone()),
    };
    let ready: Value = serde_json::from_str(&ask(&api, "/readyz").await).unwrap_or_default();
    let texts = |list: &Value| {
        list.as_array().into_iter().flatten().filter_map(|it| it.as_str().map(str::to_owned)).collect()
    };
    let findings = up.runner.store.findings(ClosedToo::No).unwrap_or_default();
    Seen {
        unready: texts(&ready["why"]),
        metrics: ask(&api, "/metrics").await.lines().filter_map(sample).collect(),
        findings: findings.into_iter().map(|finding| format!("{} {}", finding.code, finding.about)).collect(),
        log: Lines::of_process().take(),
    }
}

async fn ask(of: &State, path: &str) -> String {
    let request = Request::get(path).body(Body::empty()).expect("invariant: a path makes a request");
    let answer = router(of.clone(), Door::Socket).oneshot(request).await;
    let body = answer.expect("invariant: a router always answers").into_body();
    let bytes = to_bytes(body, 1 << 20).await.expect("invariant: the body is in memory");
    String::from_utf8_lossy(&bytes).into_owned()
}

fn sample(line: &str) -> Option<(String, f64)> {
    let (name, value) = line.rsplit_once(' ')?;
    Some((name.to_owned(), value.parse().ok()?)).filter(|_| !line.starts_with('#'))
}
