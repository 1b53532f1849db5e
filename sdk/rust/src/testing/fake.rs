//! The fake host.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::fmt;
use std::rc::Rc;

use serde_json::Value;

use super::seam;
use crate::host::fleet::{Page, RunningTime};
use crate::host::log::Level;
use crate::{Failure, Request, Response, Result, Subject};

type Ran = Box<dyn Fn(&str, &str) -> Vec<RunningTime>>;
type Answerer = Box<dyn FnMut(&Request) -> Result<Response>>;

/// A host for tests: what the stanza and the outside world would be.
///
/// A clone is the same host. Without [`http`](Self::http) every request fails as one without a grant does.
#[derive(Clone)]
pub struct Fake {
    shared: Rc<Shared>,
}

struct Shared {
    config: RefCell<Value>,
    secrets: RefCell<Vec<String>>,
    answerer: RefCell<Answerer>,
    calls: RefCell<Vec<Request>>,
    notes: RefCell<Vec<(Level, String)>>,
    fleet: RefCell<BTreeMap<String, Subject>>,
    ran: RefCell<Ran>,
    memory: RefCell<BTreeMap<String, Vec<u8>>>,
    pure: Cell<bool>,
    reads: Cell<fn(&Request) -> bool>,
    clock: RefCell<Box<dyn Fn() -> i64>>,
}

/// Subjects in one page, as in the host.
const PAGE: usize = 500;
/// Longest value of `kv`, and longest key, in bytes, as in the host.
const VALUE_MAX: usize = 64 << 10;
const KEY_MAX: usize = 256;

impl Fake {
    /// A host with an empty configuration, no secrets, no grants.
    pub fn new() -> Self {
        let refuse = |request: &Request| {
            Err(Failure::lasting(format!("no grant: {} {}", request.method, request.url)))
        };
        let shared = Shared {
            config: RefCell::new(Value::Object(serde_json::Map::new())),
            secrets: RefCell::default(),
            answerer: RefCell::new(Box::new(refuse)),
            calls: RefCell::default(),
            notes: RefCell::default(),
            fleet: RefCell::default(),
            ran: RefCell::new(Box::new(|_, _| Vec::new())),
            memory: RefCell::default(),
            pure: Cell::new(false),
            reads: Cell::new(|_| false),
            clock: RefCell::new(Box::new(|| 0)),
        };
        Self { shared: Rc::new(shared) }
    }

    /// Sets the stanza's `config`, templates filled in.
    #[must_use]
    pub fn config(self, config: Value) -> Self {
        self.shared.config.replace(config);
        self
    }

    /// Grants a secret; its token is [`token`](Self::token)`(name)`.
    #[must_use]
    pub fn secret(self, name: &str) -> Self {
        self.shared.secrets.borrow_mut().push(name.to_owned());
        self
    }

    /// Sets who answers HTTP.
    #[must_use]
    pub fn http(self, answer: impl FnMut(&Request) -> Result<Response> + 'static) -> Self {
        *self.shared.answerer.borrow_mut() = Box::new(answer);
        self
    }

    /// Says which requests only read although their method does not tell: what `READ` or `GRAPHQL` of a grant says.
    #[must_use]
    pub fn reads(self, reads: fn(&Request) -> bool) -> Self {
        self.shared.reads.set(reads);
        self
    }

    /// Adds a living subject to the mirror.
    #[must_use]
    pub fn fleet(self, subject: Subject) -> Self {
        self.shared.fleet.borrow_mut().insert(subject.path.clone(), subject);
        self
    }

    /// Says how long the machines of an app (by path) ran in a month; nothing without it.
    #[must_use]
    pub fn running(self, ran: impl Fn(&str, &str) -> Vec<RunningTime> + 'static) -> Self {
        *self.shared.ran.borrow_mut() = Box::new(ran);
        self
    }

    /// Takes a subject out of the mirror, as when its end is confirmed.
    pub fn gone(&self, path: &str) {
        self.shared.fleet.borrow_mut().remove(path);
    }

    /// Sets the time that auditors see, in milliseconds since the Unix epoch; 0 without it.
    #[must_use]
    pub fn clock(self, now_ms: impl Fn() -> i64 + 'static) -> Self {
        *self.shared.clock.borrow_mut() = Box::new(now_ms);
        self
    }

    /// Runs a call of a hook with this host; hosts nest, the innermost answers.
    pub fn run<T>(&self, call: impl FnOnce() -> T) -> T {
        seam::with(self, call)
    }

    /// Runs `desired`: HTTP fails, as it does there.
    pub fn run_pure<T>(&self, call: impl FnOnce() -> T) -> T {
        self.shared.pure.set(true);
        let answer = self.run(call);
        self.shared.pure.set(false);
        answer
    }

    /// The token that stands for a secret.
    pub fn token(name: &str) -> String {
        format!("gcs_test_{name}")
    }

    /// Every request that was sent, in order.
    pub fn calls(&self) -> Vec<Request> {
        self.shared.calls.borrow().clone()
    }

    /// The requests that were writes.
    pub fn writes(&self) -> Vec<Request> {
        let read = |method: &str| matches!(method, "GET" | "HEAD" | "OPTIONS");
        let reads = self.shared.reads.get();
        self.calls().into_iter().filter(|call| !read(&call.method) && !reads(call)).collect()
    }

    /// Every note that was logged, in order.
    pub fn notes(&self) -> Vec<(Level, String)> {
        self.shared.notes.borrow().clone()
    }

    pub(super) fn send(&self, request: Request) -> Result<Response> {
        if self.shared.pure.get() {
            return Err(Failure::lasting("`desired` is pure: no http there"));
        }
        let answer = (self.shared.answerer.borrow_mut())(&request);
        self.shared.calls.borrow_mut().push(request);
        let mut response = answer?;
        for (name, _) in &mut response.headers {
            name.make_ascii_lowercase();
        }
        Ok(response)
    }

    pub(super) fn config_text(&self) -> String {
        self.shared.config.borrow().to_string()
    }

    pub(super) fn secret_token(&self, name: &str) -> Result<String> {
        let granted = self.shared.secrets.borrow().iter().any(|granted| granted == name);
        if granted {
            Ok(Self::token(name))
        } else {
            Err(Failure::lasting(format!("no secret `{name}` is granted")))
        }
    }

    pub(super) fn note(&self, level: Level, message: &str) {
        self.shared.notes.borrow_mut().push((level, message.to_owned()));
    }

    pub(super) fn subject(&self, path: &str) -> Option<Subject> {
        self.shared.fleet.borrow().get(path).cloned()
    }

    #[cfg(feature = "audit")]
    pub(super) fn now_ms(&self) -> i64 {
        (self.shared.clock.borrow())()
    }

    pub(super) fn below(&self, path: &str, cursor: Option<&str>) -> Page {
        let directly = |below: &str| {
            below
                .strip_prefix(path)
                .and_then(|rest| rest.strip_prefix('/'))
                .is_some_and(|name| !name.contains('/'))
        };
        let fleet = self.shared.fleet.borrow();
        let after = |path: &str| cursor.is_none_or(|cursor| path > cursor);
        let found = fleet.values().filter(|subject| directly(&subject.path) && after(&subject.path));
        let mut subjects: Vec<_> = found.cloned().collect();
        let next = (subjects.len() > PAGE).then(|| subjects[PAGE - 1].path.clone());
        subjects.truncate(PAGE);
        Page { subjects, next }
    }

    /// Of living apps only, as in the host.
    pub(super) fn running_times(&self, app: &str, month: &str) -> Vec<RunningTime> {
        let lives = self.shared.fleet.borrow().contains_key(app);
        if lives { (self.shared.ran.borrow())(app, month) } else { Vec::new() }
    }

    pub(super) fn kv_get(&self, key: &str) -> Option<Vec<u8>> {
        self.shared.memory.borrow().get(key).cloned()
    }

    pub(super) fn kv_set(&self, key: &str, value: Option<&[u8]>) -> Result<()> {
        if key.len() > KEY_MAX || value.is_some_and(|value| value.len() > VALUE_MAX) {
            let text = format!("a key has at most {KEY_MAX} bytes and a value at most {VALUE_MAX}");
            return Err(Failure::lasting(text));
        }
        let mut memory = self.shared.memory.borrow_mut();
        match value {
            Some(value) => drop(memory.insert(key.to_owned(), value.to_vec())),
            None => drop(memory.remove(key)),
        }
        Ok(())
    }
}

impl Default for Fake {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for Fake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shared = &self.shared;
        f.debug_struct("Fake")
            .field("config", &shared.config)
            .field("calls", &shared.calls)
            .finish_non_exhaustive()
    }
}
