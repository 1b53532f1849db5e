//! One run with all that it takes to play it again, from the store or from a file.

use std::borrow::Cow;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use groundcrew_core::hash::Digest;
use groundcrew_core::manifest::Manifest;
use groundcrew_core::time::Timestamp;
use groundcrew_engine::journal::{CallAccess, Schedule};
use groundcrew_store::Store;
use groundcrew_store::runs::{CallRecord, RunRecord};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::Question;
use crate::runner::given::{Asked, Settings};

/// The version of the format that is written; it is read for ever.
pub const FORMAT: u32 = 1;

/// One run, whole: what it was given, what it asked and was answered, what it said.
///
/// Secrets are tokens in it, and what was masked in answers stays masked.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Recording {
    /// [`FORMAT`].
    pub groundcrew_run: u32,
    /// Its number where it ran.
    pub run: String,
    /// Whose it was.
    pub hook: String,
    /// The component that ran.
    #[serde(with = "digest")]
    pub component: Digest,
    /// When it began.
    pub started: Timestamp,
    /// Where its randomness came from.
    #[serde(with = "seed")]
    pub seed: [u8; 32],
    /// What it was configured with.
    pub settings: Settings,
    /// What its export was called with.
    pub asked: Asked<'static>,
    /// What it asked and was answered, by number.
    pub calls: Vec<Call>,
    /// What was ready when.
    pub schedule: Schedule,
    /// `ok`, or what went wrong.
    pub outcome: String,
    /// What it answered; none if it was ended otherwise.
    pub answer: Option<String>,
    /// The component's manifest, if it carries none itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub manifest: Option<Manifest>,
    /// The component, base 64; only in a file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub wasm: Option<String>,
}

/// One call.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Call {
    /// Its place in the guest's order.
    pub n: u32,
    /// What was asked.
    pub asked: Question,
    /// Whether it changes the world outside.
    pub access: CallAccess,
    /// What was answered, JSON.
    pub answer: Option<String>,
    /// When it left.
    pub sent_at: Timestamp,
    /// When the answer was there.
    pub back_at: Option<Timestamp>,
}

/// Why a run cannot be played again.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotKept {
    /// It goes on.
    #[error("it has not ended yet")]
    UnderWay,
    /// It ran under a version that kept too little.
    #[error("it ran before what runs are given was kept")]
    Before,
    /// Bodies, inputs and answers are dropped after a while.
    #[error("bodies are no longer kept of it: `store.keep.bodies` says for how long they are")]
    Dropped,
    /// Its event is gone.
    #[error("the event that it was told is no longer kept")]
    NoEvent,
    /// What is kept is not what this version wrote.
    #[error("what is kept of it cannot be read: {0}")]
    Damaged(String),
}

/// Why a file is no recording.
#[derive(Debug, thiserror::Error)]
pub enum Unreadable {
    /// No JSON of this shape.
    #[error("it is no recording of a run: {0}")]
    Shape(#[from] serde_json::Error),
    /// A version that is not known here.
    #[error("it is written in format {found}, and this version reads up to {FORMAT}: use a newer groundcrew")]
    Newer {
        /// Which.
        found: u64,
    },
    /// The component within it is not the one that ran.
    #[error("the component in it is not the one that ran")]
    Component,
}

impl Recording {
    /// A run as it is stored.
    ///
    /// # Errors
    /// With the reason, if not all of it is kept; a store that cannot be read is the outer error.
    pub fn of(
        store: &Store,
        hook: &str,
        run: &RunRecord,
        calls: &[CallRecord],
    ) -> groundcrew_store::Result<Result<Self, NotKept>> {
        let asked = match asked(store, run)? {
            Ok(asked) => asked,
            Err(why) => return Ok(Err(why)),
        };
        Ok(Self::with(hook, run, calls, asked))
    }

    fn with(
        hook: &str,
        run: &RunRecord,
        calls: &[CallRecord],
        asked: Asked<'static>,
    ) -> Result<Self, NotKept> {
        let damaged = |error: serde_json::Error| NotKept::Damaged(error.to_string());
        let Some(outcome) = run.outcome.clone() else { return Err(NotKept::UnderWay) };
        let Some(settings) = &run.settings else { return Err(NotKept::Before) };
        let (calls, schedule) = journal_of(run, calls)?;
        Ok(Self {
            groundcrew_run: FORMAT,
            run: run.id.to_string(),
            hook: hook.to_owned(),
            component: run.component,
            started: run.started,
            seed: run.seed,
            settings: serde_json::from_str(settings.body()).map_err(damaged)?,
            asked,
            calls,
            schedule,
            outcome,
            answer: run.answer.clone(),
            manifest: None,
            wasm: None,
        })
    }

    /// A run from a file.
    pub fn read(text: &str) -> Result<Self, Unreadable> {
        let value: Value = serde_json::from_str(text)?;
        let found = value.get("groundcrew_run").and_then(Value::as_u64).unwrap_or_default();
        if found > u64::from(FORMAT) {
            return Err(Unreadable::Newer { found });
        }
        Ok(serde_json::from_value(value)?)
    }

    /// The same with its component, to be written to a file.
    #[must_use]
    pub fn with_component(self, bytes: &[u8]) -> Self {
        Self { wasm: Some(BASE64.encode(bytes)), ..self }
    }

    /// The component that it carries.
    pub fn carried(&self) -> Result<Option<Vec<u8>>, Unreadable> {
        let Some(text) = &self.wasm else { return Ok(None) };
        let bytes = BASE64.decode(text).map_err(|_| Unreadable::Component)?;
        if Digest::of(&bytes) == self.component { Ok(Some(bytes)) } else { Err(Unreadable::Component) }
    }
}

fn asked(store: &Store, run: &RunRecord) -> groundcrew_store::Result<Result<Asked<'static>, NotKept>> {
    if run.op != "handle" {
        let Some(input) = &run.input else {
            let why = if run.settings.is_none() { NotKept::Before } else { NotKept::Dropped };
            return Ok(Err(why));
        };
        return Ok(serde_json::from_str(input).map_err(|error| NotKept::Damaged(error.to_string())));
    }
    let event = run.seq.map(|seq| store.event(seq)).transpose()?.flatten();
    Ok(event.map(|event| Asked::Handle(Cow::Owned(event))).ok_or(NotKept::NoEvent))
}

/// Whether the body of a call's request or answer was dropped.
/// The calls of a stored run and what was ready when.
pub(super) fn journal_of(run: &RunRecord, calls: &[CallRecord]) -> Result<(Vec<Call>, Schedule), NotKept> {
    if calls.iter().any(is_dropped) {
        return Err(NotKept::Dropped);
    }
    let schedule = run.schedule.as_deref().map(serde_json::from_str).transpose();
    let schedule: Option<Schedule> = schedule.map_err(|error| NotKept::Damaged(error.to_string()))?;
    Ok((calls.iter().map(Call::from).collect(), schedule.unwrap_or_default()))
}

fn is_dropped(call: &CallRecord) -> bool {
    let has = |bytes: &[u8], pointer: &str| {
        // Most calls are small, and few have been dropped: only those are parsed that could be.
        const SIGN: &[u8] = b"\"dropped\"";
        bytes.windows(SIGN.len()).any(|window| window == SIGN)
            && serde_json::from_slice::<Value>(bytes).is_ok_and(|value| value.pointer(pointer).is_some())
    };
    call.op == "http"
        && (has(&call.ask, "/body/dropped")
            || call.answer.as_deref().is_some_and(|answer| has(answer, "/response/body/dropped")))
}

mod digest {
    use groundcrew_core::hash::Digest;
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    pub(super) fn serialize<S: Serializer>(digest: &Digest, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(digest)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Digest, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(D::Error::custom)
    }
}

mod seed {
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    pub(super) fn serialize<S: Serializer>(seed: &[u8; 32], serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&hex::encode(seed))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<[u8; 32], D::Error> {
        let bytes = hex::decode(String::deserialize(deserializer)?).map_err(D::Error::custom)?;
        bytes.try_into().map_err(|_| D::Error::custom("a seed has 32 bytes"))
    }
}
