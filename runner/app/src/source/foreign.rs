//! Events from elsewhere: CloudEvents 1.0 over HTTP, structured or binary mode.
//!
//! They go to handlers, and never touch the mirror: nothing that somebody sends makes an app come or go.
//!
//! # Guarantees
//! - Accepted means durable. `source` and `id` together are the event's identity, as the specification says: the
//!   same event sent again makes nothing twice.
//! - The runner's own types ([`RESERVED`](groundcrew_core::kind::RESERVED)) are refused, so that nobody can pass for it.

mod read;

use groundcrew_core::hash::Digest;
use groundcrew_core::spec::Event;
use groundcrew_core::subject::{Path, Subject};
use groundcrew_core::time::Timestamp;
use groundcrew_store::events::{self as store, Intake, NewEvent};
use groundcrew_store::{Error, Store};
use serde_json::Value;

use super::{Routes, Surroundings};
use read::Attributes;

/// The largest body, in bytes.
pub const BODY_MAX: usize = 256 << 10;

/// The longest attribute, in bytes.
const ATTRIBUTE_MAX: usize = 1_024;

/// Takes in events from elsewhere.
#[derive(Clone, Debug)]
pub struct ForeignEvents {
    around: Surroundings,
}

/// An event that was accepted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Accepted {
    /// Its id here, which handlers are told.
    pub id: String,
    /// Whether it was new.
    pub news: News,
    /// Deliveries that it made.
    pub deliveries: u32,
}

/// Whether an event was new.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum News {
    /// It was.
    New,
    /// It had been accepted before; nothing changed.
    Known,
}

/// Why an event was not accepted.
#[derive(Debug, thiserror::Error)]
pub enum Refusal {
    /// The body is too large.
    #[error("the body has {0} bytes; at most {BODY_MAX} are taken")]
    TooLarge(usize),
    /// It is something other than one CloudEvent.
    #[error("content type `{0}`; send one event as application/cloudevents+json, or with ce- headers")]
    NotOneEvent(String),
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
    /// It could not be made durable; send it again.
    #[error("the event could not be stored")]
    Store(#[from] Error),
}

impl Refusal {
    /// The HTTP status that says so.
    pub const fn status(&self) -> u16 {
        match self {
            Self::TooLarge(_) => 413,
            Self::NotOneEvent(_) => 415,
            Self::Invalid { .. } => 400,
            Self::Reserved(_) => 422,
            Self::Store(_) => 503,
        }
    }

    fn invalid(attribute: &str, reason: impl Into<String>) -> Self {
        Self::Invalid { attribute: attribute.to_owned(), reason: reason.into() }
    }
}

impl ForeignEvents {
    /// Makes one.
    pub const fn new(around: Surroundings) -> Self {
        Self { around }
    }

    /// Accepts one event: names of headers in any case, values as they came. Durable when this returns.
    pub async fn accept_cloudevent(
        &self,
        headers: &[(String, String)],
        body: &[u8],
    ) -> Result<Accepted, Refusal> {
        if body.len() > BODY_MAX {
            return Err(Refusal::TooLarge(body.len()));
        }
        let (attributes, data) = read::read(headers, body)?;
        let now = self.around.clock.now();
        let new = new_event(&attributes, data, self.around.routes.as_ref(), &self.around.store, now)?;
        let id = new.event.id.clone();
        let intake = Intake { events: vec![new], now, ..Intake::default() };
        let accepted = self.around.store.accept(intake).await?;
        let news = if accepted.events == 0 { News::Known } else { News::New };
        Ok(Accepted { id, news, deliveries: accepted.deliveries })
    }

    /// Accepts events in their JSON form, in order, all or none: one commit. Durable when this returns.
    pub async fn accept_batch(&self, batch: Vec<Value>) -> Result<store::Accepted, Refusal> {
        let now = self.around.clock.now();
        let mut events = Vec::with_capacity(batch.len());
        for event in batch {
            events.push(brought(event, self.around.routes.as_ref(), &self.around.store, now)?);
        }
        Ok(self.around.store.accept(Intake { events, now, ..Intake::default() }).await?)
    }
}

/// Says whether an event in its JSON form would be taken.
pub(crate) fn would_take(event: Value) -> Result<(), Refusal> {
    let (attributes, _) = read::event(event)?;
    time(&attributes).map(drop)
}

/// An event in its JSON form, as handlers are told it.
pub(crate) fn brought(
    event: Value,
    routes: &dyn Routes,
    store: &Store,
    now: Timestamp,
) -> Result<NewEvent, Refusal> {
    let (attributes, data) = read::event(event)?;
    new_event(&attributes, data, routes, store, now)
}

fn new_event(
    attributes: &Attributes,
    data: Value,
    routes: &dyn Routes,
    store: &Store,
    now: Timestamp,
) -> Result<NewEvent, Refusal> {
    let event = Event {
        id: Digest::of_parts([b"cloudevent", attributes.source.as_bytes(), attributes.id.as_bytes()])
            .to_string(),
        kind: attributes.kind.clone(),
        time: time(attributes)?.unwrap_or(now),
        subject: subject(attributes, store)?,
        data,
    };
    Ok(NewEvent { handlers: routes.handlers(&event), event })
}

/// The subject whose path the event names, if we know it.
fn subject(attributes: &Attributes, store: &Store) -> Result<Option<Subject>, Refusal> {
    let path = attributes.subject.as_ref().and_then(|text| text.parse::<Path>().ok());
    let Some(path) = path else { return Ok(None) };
    Ok(store.subject_at(&path)?.map(|stored| stored.subject))
}

fn time(attributes: &Attributes) -> Result<Option<Timestamp>, Refusal> {
    let Some(text) = &attributes.time else { return Ok(None) };
    let bad = || Refusal::invalid("time", format!("`{text}` is no RFC 3339 time"));
    Timestamp::parse_rfc3339(text).map(Some).ok_or_else(bad)
}
