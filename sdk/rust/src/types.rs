//! The words of the interfaces as plain data; JSON is parsed already.

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{Failure, Result};

/// Whom a thing is for.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Owner {
    /// `fly/{org}/{app}` or `fly/{org}/{app}/{machine}`. An address: it may be reused.
    pub path: String,
    /// `app:{id}` or `machine:{id}`, the platform's id of this incarnation. Never reused.
    pub id: String,
}

impl Owner {
    /// The app's name: the third segment of the path.
    pub fn app(&self) -> Result<&str> {
        app_of(&self.path)
    }
}

/// An app or a machine as last seen. Redacted: no env, no secrets.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Subject {
    /// As in [`Owner`].
    pub path: String,
    /// As in [`Owner`].
    pub id: String,
    /// The platform's own word; `gone` once its end is confirmed.
    pub state: String,
    /// One object: `region`, `image`, `metadata.*`, and what the operator's label sources add, which win.
    pub labels: Value,
}

impl Subject {
    /// The app's name: the third segment of the path.
    pub fn app(&self) -> Result<&str> {
        app_of(&self.path)
    }

    /// One label, if it is there and of this type.
    pub fn label<T: DeserializeOwned>(&self, name: &str) -> Option<T> {
        self.labels.get(name).and_then(|value| T::deserialize(value).ok())
    }
}

fn app_of(path: &str) -> Result<&str> {
    let name = path.split('/').nth(2).filter(|name| !name.is_empty());
    name.ok_or_else(|| Failure::lasting(format!("`{path}` names no app")))
}

/// What happened, once, to one subject or to none.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Event {
    /// The same over redelivery, restart and runner: use it as the idempotency key.
    pub id: String,
    /// `machine.started`, `app.deleted`, `finding.opened`, `tick`, or a foreign CloudEvents type.
    pub kind: String,
    /// RFC 3339.
    pub time: String,
    /// Whom it happened to, as it was when the event was accepted.
    pub subject: Option<Subject>,
    /// For `machine.*` and `app.*` the platform's object, redacted; else what the source sent.
    pub data: Value,
}

/// What `desired` sees: only what the manifest `watches`; the rest is empty.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct View {
    /// For whom things are wanted.
    pub owner: Subject,
    /// Of a machine: its app.
    pub app: Option<Subject>,
    /// An app's living machines.
    pub members: Vec<Subject>,
    /// Last known outputs of the owner's (and its app's) things, of this hook and of the hooks it reads.
    pub inputs: Vec<Input>,
}

/// A value that the owner's other things, or hooks that read this one, may use. May hold a token.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Output {
    /// Its name within the thing, `[a-z0-9_]+`.
    pub name: String,
    /// Its value.
    pub value: String,
}

/// One output of one thing, as it arrives in a [`View`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Input {
    /// The path of the thing's owner: this owner, or of a machine its app.
    pub owner: String,
    /// The stanza's name.
    pub hook: String,
    /// The thing's kind.
    pub kind: String,
    /// The thing's key.
    pub key: String,
    /// The output itself.
    pub output: Output,
}

/// One thing that should exist.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Spec {
    /// One of the manifest's kinds.
    pub kind: String,
    /// Its name in the outside world, unique per (target, kind). Another key is another thing.
    pub key: String,
    /// How it should be, by the kind's schema. Tokens, never secret values.
    pub body: Value,
    /// `kind/key` of things in the same answer that must be ready before, and removed after, this one.
    pub after: Vec<String>,
}

impl Spec {
    /// Says that a thing should exist.
    pub fn new(kind: impl Into<String>, key: impl Into<String>, body: Value) -> Self {
        Self { kind: kind.into(), key: key.into(), body, after: Vec::new() }
    }

    /// Waits for another thing of the same answer.
    #[must_use]
    pub fn after(mut self, kind: &str, key: &str) -> Self {
        self.after.push(format!("{kind}/{key}"));
        self
    }
}

/// A spec handed back with what the host knows. Same for every repetition of one creation.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Want {
    /// For whom.
    pub owner: Owner,
    /// As in [`Spec`].
    pub kind: String,
    /// As in [`Spec`].
    pub key: String,
    /// As in [`Spec`].
    pub body: Value,
    /// 26 characters of [a-z0-9]: a name that nobody else chooses.
    pub name: String,
    /// For an `Idempotency-Key` header.
    pub once: String,
    /// To be put on the thing in the same request as the thing itself, where it can carry one.
    pub mark: String,
    /// The thing's id, once known.
    pub id: Option<String>,
}

impl Want {
    /// Reads the body as a type.
    pub fn body<T: DeserializeOwned>(&self) -> Result<T> {
        T::deserialize(&self.body).map_err(|e| Failure::lasting(format!("{}/{}: {e}", self.kind, self.key)))
    }
}

/// How a thing is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// Not usable yet; looked at again. Its outputs count.
    Pending,
    /// There.
    #[default]
    Ready,
    /// On its way out; looked at again.
    Removing,
    /// It exists and does not work.
    Failed,
}

/// What exists outside, as found.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Thing {
    /// The API's own id, enough to find it again.
    pub id: String,
    /// How it is.
    pub state: State,
    /// For people: why it has failed, what it waits for.
    pub note: Option<String>,
    /// When to look again, in milliseconds.
    pub poll_ms: Option<u32>,
    /// As observed, in the shape of the spec's body. Leave out what the API does not show.
    pub body: Value,
    /// The mark found on it. The host decides whether that is ours.
    pub mark: Option<String>,
    /// What the owner's other hooks may read of it.
    pub outputs: Vec<Output>,
    /// When the API says it was made, RFC 3339. Needed for kinds of class `anonymous`.
    pub made: Option<String>,
}

impl Thing {
    /// A thing that is ready.
    pub fn new(id: impl Into<String>, body: Value) -> Self {
        Self { id: id.into(), body, ..Self::default() }
    }

    /// Sets its state.
    #[must_use]
    pub fn state(mut self, state: State) -> Self {
        self.state = state;
        self
    }

    /// Says that it is not ready yet, and when to look again.
    #[must_use]
    pub fn pending(mut self, poll_ms: u32, note: impl Into<String>) -> Self {
        self.state = State::Pending;
        self.poll_ms = Some(poll_ms);
        self.note = Some(note.into());
        self
    }

    /// Says that it is on its way out, and when to look again.
    #[must_use]
    pub fn removing(mut self, poll_ms: u32) -> Self {
        self.state = State::Removing;
        self.poll_ms = Some(poll_ms);
        self
    }

    /// Sets the mark that was found on it.
    #[must_use]
    pub fn mark(mut self, mark: impl Into<Option<String>>) -> Self {
        self.mark = mark.into();
        self
    }

    /// Sets when it was made, RFC 3339.
    #[must_use]
    pub fn made(mut self, made: impl Into<Option<String>>) -> Self {
        self.made = made.into();
        self
    }

    /// Adds an output.
    #[must_use]
    pub fn output(mut self, name: &str, value: impl Into<String>) -> Self {
        self.outputs.push(Output { name: name.into(), value: value.into() });
        self
    }
}

/// One thing of a listing.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Listed {
    /// One of the manifest's kinds.
    pub kind: String,
    /// Its key, where the thing shows one.
    pub key: Option<String>,
    /// The thing itself.
    pub thing: Thing,
}

/// A part of a listing of things.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ThingPage {
    /// At most 1,000, in any order, each once.
    pub things: Vec<Listed>,
    /// The cursor of the next page, if there is one.
    pub next: Option<String>,
}

/// How bad a finding is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Worth knowing.
    Info,
    /// Worth mending.
    Warning,
    /// Worth waking somebody.
    Critical,
}

/// Something that an audit noticed. (code, about) is its identity from day to day.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Finding {
    /// What kind of thing was noticed: `volume.unattached`.
    pub code: String,
    /// The subject it concerns, if one.
    pub subject: Option<Owner>,
    /// `kind/id` of an outside thing, or the subject's path.
    pub about: String,
    /// How bad it is.
    pub severity: Severity,
    /// For people.
    pub message: String,
    /// US cents a month, where known.
    pub cost_cents: Option<u32>,
    /// What would mend it, in words.
    pub remedy: Option<String>,
    /// Evidence; handed back to [`Remedy::fix`](crate::Remedy::fix).
    pub data: Value,
}

/// A part of an audit's findings.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct FindingPage {
    /// Each (code, about) once.
    pub findings: Vec<Finding>,
    /// The cursor of the next page, if there is one.
    pub next: Option<String>,
}

/// What became of a finding that was to be mended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Outcome {
    /// Mended.
    Fixed,
    /// It was not so any more.
    NoLongerTrue,
    /// It is so, and must wait.
    NotNow,
}
