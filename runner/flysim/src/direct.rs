//! Calls without sockets, for who drives the fakes in process.

use crate::http::{Call, Outcome, Parts};
use crate::world::{HoldStatus, World};

/// A request as it would come over HTTP.
#[derive(Debug, Clone, Copy)]
pub struct Request<'a> {
    /// The method, in capitals.
    pub method: &'a str,
    /// Path and query.
    pub target: &'a str,
    /// Names in any case.
    pub headers: &'a [(String, String)],
    /// The body; empty if there is none.
    pub body: &'a [u8],
}

/// An answer as it would go over HTTP.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answered {
    /// The status.
    pub status: u16,
    /// Names in lower case.
    pub headers: Vec<(String, String)>,
    /// The body; empty if there is none.
    pub body: Vec<u8>,
}

/// What a caller gets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reply {
    /// An answer.
    Answered(Answered),
    /// None: the connection ends.
    Dropped,
    /// None for as long as the caller waits.
    Withheld,
}

impl Request<'_> {
    /// A header's value.
    pub fn header(&self, name: &str) -> Option<&str> {
        let found = self.headers.iter().find(|(given, _)| given.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value.as_str())
    }
}

impl Answered {
    /// The body as text.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }
}

impl From<Answered> for Reply {
    fn from(answered: Answered) -> Self {
        Self::Answered(answered)
    }
}

impl World {
    /// Answers a call of the API at once, as the server would; latency is the caller's business.
    ///
    /// A `wait` for what is not so yet, and an answer that a knob withholds, are [`Reply::Withheld`]: the caller has
    /// to stop waiting some time, and nobody else ever gets that answer.
    pub fn call(&self, request: &Request<'_>) -> Reply {
        let (path, query) = request.target.split_once('?').unwrap_or((request.target, ""));
        let mut call = Call::new(&Parts {
            method: request.method,
            path,
            query,
            authorization: request.header("authorization"),
            nonce: request.header("fly-machine-lease-nonce"),
            body: request.body,
        });
        self.with(|state| {
            let outcome = state.exchange(&mut call);
            let (answer, none) = match outcome {
                Outcome::Reply(answer) => (Some(answer), Reply::Dropped),
                Outcome::Dropped => (None, Reply::Dropped),
                Outcome::Waiting(_) => (None, Reply::Withheld),
                Outcome::Held { seq, .. } => {
                    state.end_hold(seq, HoldStatus::Closed);
                    (None, Reply::Withheld)
                }
            };
            state.sent(&call, answer.as_ref());
            answer.map_or(none, |answer| answer.written(Some(&call.request_id)).into())
        })
    }
}
