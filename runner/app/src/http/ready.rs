//! `/readyz`: whether the runner does what it is there for, and every reason why not.

use axum::Json;
use axum::extract::State as Extract;
use axum::http::StatusCode;
use groundcrew_core::time::Timestamp;
use groundcrew_store::Health;
use serde::Serialize;

use super::State;
use super::live::{Belief, SourceStatus};
use crate::show;

/// What `/readyz` says.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub(super) struct Readiness {
    ready: bool,
    why: Vec<String>,
}

impl Readiness {
    /// Not ready, for one reason.
    pub(super) fn not_yet(why: String) -> Self {
        Self { ready: false, why: vec![why] }
    }
}

pub(super) async fn readyz(Extract(state): Extract<State>) -> (StatusCode, Json<Readiness>) {
    let readiness = readiness(&state);
    let status = if readiness.ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (status, Json(readiness))
}

fn readiness(state: &State) -> Readiness {
    let now = state.clock.now();
    let health = state.store.health().borrow().clone();
    let store = match health {
        Health::Good => None,
        Health::Broken(why) => Some(format!("the database cannot be written: {why}")),
    };
    let sources = state.live.sources();
    let unready = sources.iter().filter_map(|source| unready(source, now));
    let why: Vec<_> = store.into_iter().chain(compiling(state.live.compiling())).chain(unready).collect();
    Readiness { ready: why.is_empty(), why }
}

fn compiling(mut hooks: Vec<String>) -> Option<String> {
    hooks.sort();
    match hooks.as_slice() {
        [] => None,
        [hook] => Some(format!("the component of hook {hook} is being compiled")),
        _ => Some(format!("the components of hooks {} are being compiled", hooks.join(", "))),
    }
}

fn unready(source: &SourceStatus, now: Timestamp) -> Option<String> {
    let name = &source.name;
    match (&source.belief, source.heard, source.fresh_within) {
        (Belief::Starting, _, _) => Some(format!("source {name} has not been read completely yet")),
        (Belief::Doubted(why), _, _) => Some(format!("source {name} is not believed: {why}")),
        (Belief::Believed, Some(heard), Some(within)) if now.since(heard) > within => {
            let (age, fresh, why) = (show::length(now.since(heard)), show::length(within), stuck(source));
            Some(format!("source {name} was last read {age} ago; at most {fresh} is fresh{why}"))
        }
        // What it said before the start is believed, and is not how things are.
        (Belief::Believed, None, Some(within)) if now.since(source.begun) > within => {
            let age = show::length(now.since(source.begun));
            Some(format!("source {name} was not read since the start {age} ago{}", stuck(source)))
        }
        (Belief::Believed, _, _) => None,
    }
}

/// After which line a source of lines does not go on, and why.
fn stuck(source: &SourceStatus) -> String {
    let failed = source.lines.as_ref().and_then(|lines| Some((lines.taken, lines.error.as_ref()?)));
    failed.map(|(line, error)| format!("; after line {line}: {error}")).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use groundcrew_core::duration::Millis;

    use super::super::live::Lines;
    use super::*;

    #[test]
    fn it_says_whose_components_are_being_compiled() {
        let said = |hooks: &[&str]| compiling(hooks.iter().map(ToString::to_string).collect());
        assert_eq!(said(&[]), None);
        assert_eq!(said(&["dns"]).unwrap(), "the component of hook dns is being compiled");
        let both = said(&["records", "cdn"]).unwrap();
        assert_eq!(both, "the components of hooks cdn, records are being compiled");
    }

    #[test]
    fn a_source_must_be_read_believed_and_fresh() {
        let now = Timestamp::from_millis(1_000_000);
        let source = |belief, age| SourceStatus {
            name: "fly".to_owned(),
            belief,
            begun: now - Millis::minutes(5),
            heard: Some(now - Millis::seconds(age)),
            fresh_within: Some(Millis::seconds(30)),
            oldest_look: None,
            lines: None,
        };
        assert_eq!(unready(&source(Belief::Believed, 30), now), None);
        let why = |belief, age| unready(&source(belief, age), now).unwrap();
        assert_eq!(why(Belief::Believed, 31), "source fly was last read 31 s ago; at most 30 s is fresh");
        let unheard = SourceStatus { heard: None, ..source(Belief::Believed, 0) };
        assert_eq!(unready(&unheard, now).unwrap(), "source fly was not read since the start 5 min ago");
        let begun = SourceStatus { begun: now - Millis::seconds(30), ..unheard };
        assert_eq!(unready(&begun, now), None);
        let lines = Some(Lines { taken: 17, error: Some("the disk is full".to_owned()) });
        let stuck = SourceStatus { name: "ndjson".to_owned(), lines, ..source(Belief::Believed, 31) };
        assert_eq!(
            unready(&stuck, now).unwrap(),
            "source ndjson was last read 31 s ago; at most 30 s is fresh; after line 17: the disk is full"
        );
        let ended = SourceStatus { fresh_within: None, ..stuck };
        assert_eq!(unready(&ended, now), None);
        assert!(why(Belief::Starting, 0).contains("not been read completely"));
        assert!(why(Belief::Doubted("12 apps vanished".to_owned()), 0).contains("not believed: 12 apps"));
    }
}
