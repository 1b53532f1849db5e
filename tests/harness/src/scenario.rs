//! Scripts over virtual time: what owners want when, what others do, what goes wrong outside.

use groundcrew_core::settle::Rules;
use groundcrew_outside::{Act, Fault, Knobs, Purpose};
use serde_json::{Value, json};

/// One thing that happens.
#[derive(Clone, Debug)]
pub(crate) enum Doing {
    /// An app is seen, with these things in its label; anew, or changed.
    Wants { app: &'static str, incarnation: u32, things: Value },
    /// An app's end is confirmed.
    Ends { app: &'static str, incarnation: u32 },
    /// Something happens to a collection.
    Act { path: &'static str, act: Act },
    /// A collection begins anew, empty.
    Open { path: &'static str, knobs: Knobs },
    /// A fault meets the request after so many of its method.
    Fault { after: u32, method: &'static str, fault: Fault },
}

/// Whether what is known of an intent survives a crash.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Memory {
    /// It does, as the store promises.
    #[default]
    Durable,
    /// After a crash the database is as it was before the last write's intent: the intent commit, taken out.
    Forgetful,
}

/// One scenario. Times are milliseconds after its beginning.
#[derive(Clone, Debug)]
pub struct Scenario {
    /// What it is called, also in the file of points.
    pub name: &'static str,
    pub(crate) stanza: &'static str,
    pub(crate) grace: &'static str,
    pub(crate) handler: bool,
    pub(crate) collections: Vec<(&'static str, Knobs)>,
    pub(crate) script: Vec<(i64, Doing)>,
    pub(crate) expects: Vec<Purpose>,
    pub(crate) lasts: i64,
    pub(crate) rules: Rules,
    pub(crate) memory: Memory,
}

/// A thing that an app wants, as the guest reads it.
pub fn thing(kind: &str, key: &str, value: u32) -> Value {
    json!({"kind": kind, "key": key, "value": value})
}

impl Scenario {
    /// An empty one, with nothing outside.
    pub fn new(name: &'static str) -> Self {
        Self {
            name,
            stanza: "gone_adopted = \"delete\"",
            grace: "{ gone = \"30s\", unwanted = \"20s\" }",
            handler: false,
            collections: Vec::new(),
            script: Vec::new(),
            expects: Vec::new(),
            lasts: 600_000,
            rules: Rules::ALL,
            memory: Memory::Durable,
        }
    }

    /// A collection is there from the beginning.
    #[must_use]
    pub fn collection(mut self, path: &'static str, knobs: Knobs) -> Self {
        self.collections.push((path, knobs));
        self
    }

    /// Policy lines of the stanza, instead of `gone_adopted = "delete"`.
    #[must_use]
    pub fn stanza(self, lines: &'static str) -> Self {
        Self { stanza: lines, ..self }
    }

    /// A handler is told of apps, too.
    #[must_use]
    pub fn handler(self) -> Self {
        Self { handler: true, ..self }
    }

    /// An app wants these things from then on; it comes into being, or its label changes.
    #[must_use]
    pub fn wants(self, at: i64, app: &'static str, things: &[Value]) -> Self {
        self.wants_again(at, app, 1, things)
    }

    /// The same of a later incarnation at the same path.
    #[must_use]
    pub fn wants_again(self, at: i64, app: &'static str, incarnation: u32, things: &[Value]) -> Self {
        self.then(at, Doing::Wants { app, incarnation, things: things.into() })
    }

    /// An app's end is confirmed.
    #[must_use]
    pub fn ends(self, at: i64, app: &'static str, incarnation: u32) -> Self {
        self.then(at, Doing::Ends { app, incarnation })
    }

    /// Something happens to a collection that no request did.
    #[must_use]
    pub fn act(self, at: i64, path: &'static str, act: Act) -> Self {
        self.then(at, Doing::Act { path, act })
    }

    /// A collection begins anew, empty.
    #[must_use]
    pub fn open(self, at: i64, path: &'static str, knobs: Knobs) -> Self {
        self.then(at, Doing::Open { path, knobs })
    }

    /// From then on, a fault meets the request of this method after so many that go well.
    #[must_use]
    pub fn fault(self, at: i64, after: u32, method: &'static str, fault: Fault) -> Self {
        self.then(at, Doing::Fault { after, method, fault })
    }

    /// Puts it behind everything that happens until then.
    fn then(mut self, at: i64, doing: Doing) -> Self {
        let place = self.script.partition_point(|(before, _)| *before <= at);
        self.script.insert(place, (at, doing));
        self
    }

    /// At the end exactly these live, of ours: app and `kind/key`.
    #[must_use]
    pub fn expects(self, things: &[(&str, &str)]) -> Self {
        let purpose = |(app, key): &(&str, &str)| Purpose::new(format!("fly/acme/{app}"), *key);
        Self { expects: things.iter().map(purpose).collect(), ..self }
    }

    /// It is looked at to the end of this time; ten minutes unless said otherwise.
    #[must_use]
    pub fn lasts(self, millis: i64) -> Self {
        Self { lasts: millis, ..self }
    }

    /// Only these rules of settling hold.
    #[must_use]
    pub fn rules(self, rules: Rules) -> Self {
        Self { rules, ..self }
    }

    /// Intents are remembered, or not.
    #[must_use]
    pub fn memory(self, memory: Memory) -> Self {
        Self { memory, ..self }
    }
}
