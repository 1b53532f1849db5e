//! Events from elsewhere: CloudEvents 1.0 over HTTP, structured, batched or binary.
//!
//! They go to handlers, and never touch the mirror: nothing that somebody sends makes an app come or go.
//!
//! # Guarantees
//! - Accepted means durable. `source` and `id` together are the event's identity, as the specification says: the
//!   same event sent again makes nothing twice.
//! - The runner's own types ([`RESERVED`](groundcrew_core::kind::RESERVED)) are refused, so that nobody can pass for it.

mod read;

use axum::http::{HeaderMap, StatusCode};
use groundcrew_core::hash::Digest;
use groundcrew_core::spec::Event;
use groundcrew_core::subject::{Path, Subject};
use groundcrew_core::time::Timestamp;
use groundcrew_store::events::{self as store, Intake, NewEvent};
use groundcrew_store::{Error, Store};
use serde_json::Value;

use super::{Routes, Surroundings};
use read::Attributes;

/// The largest event, in bytes: its body, or its JSON within a batch.
pub const BODY_MAX: usize = 256 << 10;

/// The longest attribute, in bytes.
pub const ATTRIBUTE_MAX: usize = 1_024;

/// Takes in events from elsewhere.
#[derive(Clone, Debug)]
pub struct ForeignEvents {
    around: Surroundings,
}

/// An event from elsewhere that was read, and may be taken.
#[derive(Clone, Debug)]
pub struct CloudEvent {
    attributes: Attributes,
    data: Value,
}

/// Why an event was not accepted.
#[derive(Debug, thiserror::Error)]
pub enum Refusal {
    /// It is too large.
    #[error("the event has {0} bytes; at most {BODY_MAX} are taken")]
    TooLarge(usize),
    /// It is something other than CloudEvents.
    #[error(
        "content type `{0}`; send application/cloudevents+json, application/cloudevents-batch+json, or ce- headers"
    )]
    NoEvent(String),
    /// It is no valid CloudEvent.
    #[error("{attribute}: {reason}")]
    Invalid {
        /// Which of its attributes, or `body`.
        attribute: String,
        /// What is wrong with it.
        reason: String,
    },
    /// Its type is one of the runner's own.
    #[error("type `{0}` is reserved for the runner's own events; choose another, such as com.example.{0}")]
    Reserved(String),
    /// It is one of a batch, which is refused as a whole.
    #[error("event {at} of the batch: {why}")]
    InBatch {
        /// Which, from one.
        at: usize,
        /// Why.
        why: Box<Self>,
    },
    /// It could not be made durable; send it again.
    #[error("the event could not be stored")]
    Store(#[from] Error),
}

impl Refusal {
    /// The HTTP status that says so.
    pub fn status(&self) -> StatusCode {
        match self {
            Self::TooLarge(_) => StatusCode::PAYLOAD_TOO_LARGE,
            Self::NoEvent(_) => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Self::Invalid { .. } => StatusCode::BAD_REQUEST,
            Self::Reserved(_) => StatusCode::UNPROCESSABLE_ENTITY,
            Self::InBatch { why, .. } => why.status(),
            Self::Store(_) => StatusCode::SERVICE_UNAVAILABLE,
        }
    }

    fn invalid(attribute: &str, reason: impl Into<String>) -> Self {
        Self::Invalid { attribute: attribute.to_owned(), reason: reason.into() }
    }
}

impl CloudEvent {
    /// Reads the events of a request, in their order.
    pub fn read(headers: &HeaderMap, body: &[u8]) -> Result<Vec<Self>, Refusal> {
        read::read(headers, body)
    }
}

impl ForeignEvents {
    /// Makes one.
    pub const fn new(around: Surroundings) -> Self {
        Self { around }
    }

    /// Accepts events in their order, all or none: one commit. Durable when this returns.
    pub async fn accept(&self, events: Vec<CloudEvent>) -> Result<store::Accepted, Refusal> {
        let now = self.around.clock.now();
        let told = |event| new_event(event, self.around.routes.as_ref(), &self.around.store, now);
        let events = events.into_iter().map(told).collect::<Result<Vec<_>, Error>>()?;
        Ok(self.around.store.accept(Intake { events, now, ..Intake::default() }).await?)
    }
}

/// Says whether an event in its JSON form would be taken.
pub(crate) fn would_take(event: Value) -> Result<(), Refusal> {
    read::event(event).map(drop)
}

/// An event in its JSON form, as handlers are told it.
pub(crate) fn brought(
    event: Value,
    routes: &dyn Routes,
    store: &Store,
    now: Timestamp,
) -> Result<NewEvent, Refusal> {
    Ok(new_event(read::event(event)?, routes, store, now)?)
}

fn new_event(
    CloudEvent { attributes, data }: CloudEvent,
    routes: &dyn Routes,
    store: &Store,
    now: Timestamp,
) -> Result<NewEvent, Error> {
    let subject = subject(&attributes, store)?;
    let event = Event {
        id: Digest::of_parts([b"cloudevent", attributes.source.as_bytes(), attributes.id.as_bytes()])
            .to_string(),
        kind: attributes.kind,
        time: attributes.time.unwrap_or(now),
        subject,
        data,
    };
    Ok(NewEvent { handlers: routes.handlers(&event), event })
}

/// The subject whose path the event names, if we know it.
fn subject(attributes: &Attributes, store: &Store) -> Result<Option<Subject>, Error> {
    let path = attributes.subject.as_ref().and_then(|text| text.parse::<Path>().ok());
    let Some(path) = path else { return Ok(None) };
    Ok(store.subject_at(&path)?.map(|stored| stored.subject))
}
