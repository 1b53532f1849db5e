//! Scripts over virtual time: what owners want when, what others do, what goes wrong outside.

mod shipped;

use groundcrew_core::may_delete::Level;
use groundcrew_core::settle::Rules;
use groundcrew_outside::{Act, Fault, Knobs, Purpose};
use serde_json::{Value, json};

pub(crate) use shipped::{Foreign, Telling, head};

/// One thing that happens.
#[derive(Clone, Debug)]
pub(crate) enum Doing {
    /// A source sees a subject: anew, changed, or at its end.
    Sees(Sighting),
    /// Something happens to a collection.
    Act { path: &'static str, act: Act },
    /// A collection begins anew, empty.
    Open { path: &'static str, knobs: Knobs },
    /// A fault meets the request after so many of its method.
    Fault { after: u32, method: &'static str, fault: Fault },
    /// Something happens on Fly.
    Fly(groundcrew_flysim::Action),
    /// The simulator's knobs are turned.
    Turn(fn(&mut groundcrew_flysim::Knobs)),
    /// The knobs of the fake of PowerDNS are turned.
    TurnDns(fn(&mut groundcrew_flysim::dns::DnsKnobs)),
    /// Somebody else changes a record set.
    Foreign(Foreign),
    /// A person intervenes.
    Operator(Operator),
}

/// What a source sees of one subject.
#[derive(Clone, Debug)]
pub(crate) struct Sighting {
    pub(crate) app: &'static str,
    /// None: the app itself.
    pub(crate) machine: Option<&'static str>,
    /// Which subject of that name it is, counted from one.
    pub(crate) incarnation: u32,
    /// None: its end is confirmed.
    pub(crate) labels: Option<Value>,
}

/// What a person does.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Operator {
    /// `groundcrew pause --hook HOOK`, or with `--deletes`: a lower level is laid over it.
    Pause { hook: &'static str, level: Level },
    /// `groundcrew unpause --hook HOOK`.
    Unpause { hook: &'static str },
    /// `groundcrew approve --all`.
    Approve,
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
    pub(crate) component: &'static str,
    pub(crate) stanza: &'static str,
    pub(crate) grace: &'static str,
    pub(crate) handler: bool,
    pub(crate) hooks: Option<String>,
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
            component: "things.wasm",
            stanza: "gone_adopted = \"delete\"",
            grace: "{ gone = \"30s\", unwanted = \"20s\" }",
            handler: false,
            hooks: None,
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

    /// Machines are the owners of things, instead of apps.
    #[must_use]
    pub fn machines_own(self) -> Self {
        Self { component: "machine-things.wasm", ..self }
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
        let labels = Some(json!({ "things": things }));
        self.doing(at, Doing::Sees(Sighting { app, machine: None, incarnation, labels }))
    }

    /// An app is there, without things of its own.
    #[must_use]
    pub fn app_seen(self, at: i64, app: &'static str) -> Self {
        self.wants(at, app, &[])
    }

    /// A machine wants these things from then on.
    #[must_use]
    pub fn machine_wants(
        self,
        at: i64,
        (app, machine): (&'static str, &'static str),
        things: &[Value],
    ) -> Self {
        let labels = Some(json!({ "things": things }));
        self.doing(at, Doing::Sees(Sighting { app, machine: Some(machine), incarnation: 1, labels }))
    }

    /// An app's end is confirmed.
    #[must_use]
    pub fn ends(self, at: i64, app: &'static str, incarnation: u32) -> Self {
        self.doing(at, Doing::Sees(Sighting { app, machine: None, incarnation, labels: None }))
    }

    /// A machine's end is confirmed.
    #[must_use]
    pub fn machine_ends(self, at: i64, (app, machine): (&'static str, &'static str)) -> Self {
        self.doing(at, Doing::Sees(Sighting { app, machine: Some(machine), incarnation: 1, labels: None }))
    }

    /// Something happens to a collection that no request did.
    #[must_use]
    pub fn act(self, at: i64, path: &'static str, act: Act) -> Self {
        self.doing(at, Doing::Act { path, act })
    }

    /// A collection begins anew, empty.
    #[must_use]
    pub fn open(self, at: i64, path: &'static str, knobs: Knobs) -> Self {
        self.doing(at, Doing::Open { path, knobs })
    }

    /// From then on, a fault meets the request of this method after so many that go well.
    #[must_use]
    pub fn fault(self, at: i64, after: u32, method: &'static str, fault: Fault) -> Self {
        self.doing(at, Doing::Fault { after, method, fault })
    }

    /// A person types `groundcrew pause --hook HOOK`: nothing is written any more.
    #[must_use]
    pub fn pauses(self, at: i64, hook: &'static str) -> Self {
        self.doing(at, Doing::Operator(Operator::Pause { hook, level: Level::Observe }))
    }

    /// A person types `groundcrew pause --deletes --hook HOOK`.
    #[must_use]
    pub fn pauses_deletes(self, at: i64, hook: &'static str) -> Self {
        self.doing(at, Doing::Operator(Operator::Pause { hook, level: Level::NoDeletes }))
    }

    /// A person types `groundcrew unpause --hook HOOK`.
    #[must_use]
    pub fn unpauses(self, at: i64, hook: &'static str) -> Self {
        self.doing(at, Doing::Operator(Operator::Unpause { hook }))
    }

    /// A person approves every removal that is held by then.
    #[must_use]
    pub fn approves(self, at: i64) -> Self {
        self.doing(at, Doing::Operator(Operator::Approve))
    }

    /// At the end exactly these live, of ours: app and `kind/key`.
    #[must_use]
    pub fn expects(mut self, things: &[(&str, &str)]) -> Self {
        let purpose = |(app, key): &(&str, &str)| Purpose::new(format!("fly/acme/{app}"), *key);
        self.expects.extend(things.iter().map(purpose));
        self
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

    /// Puts it behind everything that happens until then.
    fn doing(mut self, at: i64, doing: Doing) -> Self {
        let place = self.script.partition_point(|(before, _)| *before <= at);
        self.script.insert(place, (at, doing));
        self
    }
}
