//! Scripts over virtual time: what owners want when, what others do, what goes wrong outside.

mod onlookers;
mod shipped;

use std::path::Path;
use std::sync::Arc;

use groundcrew::config::{Config, Environment};
use groundcrew::prove::{
    AWAY, Cast, Doing, Happening, Looks, Memory, Operator, Records, Scene, Sighting, Tells,
};
use groundcrew_core::may_delete::Level;
use groundcrew_core::settle::Rules;
use groundcrew_outside::judge::{Living, living};
use groundcrew_outside::{Act, By, Effect, Fault, Knobs, Purpose};
use serde_json::{Value, json};

use crate::hooks::{Shop, manifest_of};
use crate::neighbours::{self, Neighbours, PDNS_KEY};

pub(crate) use shipped::head;
pub use shipped::{Foreign, Telling};

/// Where the fake is, for hooks.
pub const SERVER: &str = "http://outside.example";

/// The installation, as in marks.
pub const INSTALLATION: &str = "harness";

/// One scenario. Times are milliseconds after its beginning.
#[derive(Clone, Debug)]
pub struct Scenario {
    /// What it is called, also in the file of points.
    pub name: &'static str,
    pub(crate) component: &'static str,
    pub(crate) config: &'static str,
    pub(crate) stanza: &'static str,
    pub(crate) grace: &'static str,
    pub(crate) handler: bool,
    pub(crate) hooks: Option<String>,
    pub(crate) collections: Vec<(&'static str, Knobs)>,
    pub(crate) script: Vec<(i64, Doing<neighbours::Act>)>,
    pub(crate) expects: Vec<Purpose>,
    pub(crate) remade: Vec<Purpose>,
    pub(crate) told: Option<Vec<Happening>>,
    pub(crate) lasts: i64,
    pub(crate) away: i64,
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
            config: "",
            stanza: "gone_adopted = \"delete\"",
            grace: "{ gone = \"30s\", unwanted = \"20s\" }",
            handler: false,
            hooks: None,
            collections: Vec::new(),
            script: Vec::new(),
            expects: Vec::new(),
            remade: Vec::new(),
            told: None,
            lasts: 600_000,
            away: AWAY,
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

    /// More of the guest's configuration, after a comma.
    #[must_use]
    pub fn configured(self, config: &'static str) -> Self {
        Self { config, ..self }
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
        self.doing(at, sees((app, None), incarnation, labels))
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
        self.doing(at, sees((app, Some(machine)), 1, labels))
    }

    /// An app's end is confirmed.
    #[must_use]
    pub fn ends(self, at: i64, app: &'static str, incarnation: u32) -> Self {
        self.doing(at, sees((app, None), incarnation, None))
    }

    /// A machine's end is confirmed.
    #[must_use]
    pub fn machine_ends(self, at: i64, (app, machine): (&'static str, &'static str)) -> Self {
        self.doing(at, sees((app, Some(machine)), 1, None))
    }

    /// Something happens to a collection that no request did.
    #[must_use]
    pub fn act(self, at: i64, path: &'static str, act: Act) -> Self {
        self.doing(at, Doing::Act { path: path.to_owned(), act })
    }

    /// A collection begins anew, empty.
    #[must_use]
    pub fn open(self, at: i64, path: &'static str, knobs: Knobs) -> Self {
        self.doing(at, Doing::Open { path: path.to_owned(), knobs: Box::new(knobs) })
    }

    /// From then on, a fault meets the request of this method after so many that go well.
    #[must_use]
    pub fn fault(self, at: i64, after: u32, method: &'static str, fault: Fault) -> Self {
        self.doing(at, Doing::Fault { after, method: Some(method.to_owned()), fault })
    }

    /// A person types `groundcrew pause --hook HOOK`: nothing is written any more.
    #[must_use]
    pub fn pauses(self, at: i64, hook: &'static str) -> Self {
        self.doing(at, Doing::Operator(Operator::Pause { hook: hook.to_owned(), level: Level::Observe }))
    }

    /// A person types `groundcrew pause --deletes --hook HOOK`.
    #[must_use]
    pub fn pauses_deletes(self, at: i64, hook: &'static str) -> Self {
        self.doing(at, Doing::Operator(Operator::Pause { hook: hook.to_owned(), level: Level::NoDeletes }))
    }

    /// A person types `groundcrew unpause --hook HOOK`.
    #[must_use]
    pub fn unpauses(self, at: i64, hook: &'static str) -> Self {
        self.doing(at, Doing::Operator(Operator::Unpause { hook: hook.to_owned() }))
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

    /// This may be torn down and made anew where something goes wrong, for a person approves that.
    #[must_use]
    pub fn may_be_remade(mut self, app: &str, key: &str) -> Self {
        self.remade.push(Purpose::new(format!("fly/acme/{app}"), key));
        self
    }

    /// Exactly this its handler tells, as [`Happening`] is written, in any order between apps.
    ///
    /// # Panics
    /// If one is not written so.
    #[must_use]
    pub fn told(self, happenings: &[&str]) -> Self {
        let happening =
            |text: &&str| Happening::try_from((*text).to_owned()).unwrap_or_else(|why| panic!("{why}"));
        Self { told: Some(happenings.iter().map(happening).collect()), ..self }
    }

    /// It is looked at to the end of this time; ten minutes unless said otherwise.
    #[must_use]
    pub fn lasts(self, millis: i64) -> Self {
        Self { lasts: millis, ..self }
    }

    /// The process is away for so long after each crash; 0.7 seconds unless said otherwise.
    #[must_use]
    pub fn away(self, millis: i64) -> Self {
        Self { away: millis, ..self }
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
    fn doing(mut self, at: i64, doing: Doing<neighbours::Act>) -> Self {
        let place = self.script.partition_point(|(before, _)| *before <= at);
        self.script.insert(place, (at, doing));
        self
    }

    /// What is not as it was wanted last, of what should live at the end of a play.
    pub(crate) fn unlike_wanted(&self, log: &[Effect]) -> Vec<Purpose> {
        let living = living(log);
        let wanted = |purpose: &Purpose| {
            let app = purpose.owner.rsplit('/').next()?;
            let last = self.script.iter().rev().find_map(|(_, doing)| match doing {
                Doing::Sees(seen) if seen.app == app && seen.machine.is_none() => seen.labels.as_ref(),
                _ => None,
            })?;
            let mut things = last["things"].as_array()?.iter();
            things.find(|thing| {
                purpose.key
                    == format!(
                        "{}/{}",
                        thing["kind"].as_str().unwrap_or_default(),
                        thing["key"].as_str().unwrap_or_default()
                    )
            })
        };
        let is_unlike = |purpose: &&Purpose| {
            let Some(wanted) = wanted(purpose) else { return false };
            let of = |thing: &&Living| thing.by == By::Caller && thing.purpose.as_ref() == Some(*purpose);
            living.iter().find(of).is_some_and(|thing| {
                ["value", "shape"].iter().any(|field| thing.body[field] != wanted[field])
            })
        };
        self.expects.iter().filter(is_unlike).cloned().collect()
    }

    /// Itself, ready to be played.
    ///
    /// # Panics
    /// If it names a component that the harness does not have, or its stanzas are wrong.
    pub fn scene(&self) -> Scene<Neighbours> {
        let collections = self.collections.iter().map(|(path, knobs)| ((*path).to_owned(), knobs.clone()));
        Scene {
            name: self.name.to_owned(),
            cast: Arc::new(self.cast()),
            server: SERVER.into(),
            collections: collections.collect(),
            script: self.script.clone(),
            expects: self.expects.clone(),
            remade: self.remade.clone(),
            tells: if self.handler { Tells::Everything } else { Tells::Nothing },
            told: self.told.clone(),
            lasts: self.lasts,
            away: self.away,
            looks: Looks::AsScripted,
            opens: None,
            audited: None,
            rules: self.rules,
            memory: self.memory,
            records: Records::None,
        }
    }

    fn cast(&self) -> Cast {
        let (config, shop) = (self.config(), Shop::of_process());
        let component =
            |hook: &groundcrew::config::Hook| (hook.name.clone(), shop.component(&hook.component));
        let components = config.hooks.values().map(component).collect();
        Cast { config, engine: shop.engine.clone(), components }
    }

    /// The configuration that a user would have written.
    fn config(&self) -> Config {
        let Self { component, config, stanza, grace, handler, hooks, .. } = self;
        let tell = if *handler {
            "[hook.tell]\nuse = \"builtin:notify\"\non = [\"app.*\"]\nconfig = { to = \"standard-webhooks\" }\n\
             secret.URL = { from = \"TELL\", at = \"url\" }\n"
        } else {
            ""
        };
        let things = format!(
            "[hook.things]\nuse = \"{component}\"\ngone = \"delete\"\n{stanza}\ngrace = {grace}\n\
             config = {{ server = \"{SERVER}\"{config} }}\nallow = [\"GET,POST,PUT,DELETE {{config.server}}/*\"]\n"
        );
        let text = head(INSTALLATION) + hooks.as_ref().unwrap_or(&things) + tell;
        let environment = Environment::fixed([
            ("TELL".to_owned(), format!("{SERVER}/told")),
            ("FLY".to_owned(), "fo1_token_of_the_harness".to_owned()),
            ("PDNS".to_owned(), PDNS_KEY.to_owned()),
            ("AWS".to_owned(), "AKIDOFTHEHARNESS:secret-of-the-harness".to_owned()),
        ]);
        let parsed = Config::parse("harness.toml", &text, Path::new("/"), &environment, &manifest_of);
        parsed.unwrap_or_else(|report| panic!("invariant: the harness's configuration is right\n{report}"))
    }
}

/// A source sees an app, or a machine of it.
fn sees(
    (app, machine): (&str, Option<&str>),
    incarnation: u32,
    labels: Option<Value>,
) -> Doing<neighbours::Act> {
    let (app, machine) = (app.to_owned(), machine.map(str::to_owned));
    Doing::Sees(Sighting { app, machine, incarnation, labels, event: None, data: Value::Null })
}
