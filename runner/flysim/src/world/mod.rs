//! The state of the simulated platform, and the handle that its owner holds.

mod actions;
mod apps;
pub(crate) mod certs;
mod due;
pub(crate) mod events;
mod holds;
pub(crate) mod ips;
mod leases;
pub(crate) mod lifecycle;
pub(crate) mod machines;
mod org_list;
mod secrets;
pub(crate) mod volumes;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use serde_json::{Value, json};
use tokio::sync::watch;

use crate::clock::Clock;
use crate::ids::Ids;
use crate::knobs::Knobs;
use crate::limits::{Limits, Stats};
use crate::log::{Actor, Effect, Log};
use crate::refusal::Refusal;

pub use actions::Action;
pub(crate) use apps::App;
pub(crate) use due::Due;
pub(crate) use holds::Holds;
pub use holds::{HeldAnswer, HoldStatus};
pub(crate) use leases::Lease;
pub(crate) use lifecycle::{Exit, Verb};
pub(crate) use machines::{Machine, MachineFilter};
pub(crate) use org_list::ListQuery;
pub(crate) use volumes::Volume;

/// The slug of the organisation that a new world has, and that its tokens see.
///
/// `personal` is accepted as another word for it; reads report this one (measured by
/// formae-plugin-fly, 2026-08).
pub const HOME_ORG: &str = "acme";

/// An organisation.
#[derive(Debug)]
pub(crate) struct Org {
    pub(crate) id: String,
    pub(crate) slug: String,
    pub(crate) name: String,
    pub(crate) numeric_id: u64,
}

/// On whose behalf the state is being changed.
#[derive(Debug, Clone)]
pub(crate) struct Context {
    pub(crate) by: Actor,
    pub(crate) request_id: Option<String>,
    pub(crate) answered: bool,
}

impl Context {
    pub(crate) fn platform() -> Self {
        Self { by: Actor::Platform, request_id: None, answered: false }
    }
}

/// Everything there is, as plain data; time comes in from outside.
#[derive(Debug)]
pub(crate) struct State {
    pub(crate) now: i64,
    pub(crate) seed: u64,
    pub(crate) ids: Ids,
    pub(crate) knobs: Knobs,
    pub(crate) orgs: Vec<Org>,
    pub(crate) apps: BTreeMap<String, App>,
    /// The living apps by name.
    pub(crate) names: BTreeMap<String, String>,
    /// Names that an app had once.
    pub(crate) past_names: BTreeSet<String>,
    pub(crate) machines: BTreeMap<String, Machine>,
    pub(crate) volumes: BTreeMap<String, Volume>,
    /// Hostnames whose DNS points here.
    pub(crate) dns: BTreeSet<String>,
    pub(crate) due: BTreeMap<(i64, u64), Due>,
    pub(crate) log: Log,
    pub(crate) limits: Limits,
    pub(crate) stats: Stats,
    pub(crate) holds: Holds,
    pub(crate) context: Context,
    #[cfg(feature = "validate")]
    pub(crate) witness: Option<crate::validate::Witness>,
}

impl State {
    fn new(seed: u64, now: i64) -> Self {
        let mut state = Self {
            now,
            seed,
            ids: Ids::new(seed),
            knobs: Knobs::default(),
            orgs: Vec::new(),
            apps: BTreeMap::new(),
            names: BTreeMap::new(),
            past_names: BTreeSet::new(),
            machines: BTreeMap::new(),
            volumes: BTreeMap::new(),
            dns: BTreeSet::new(),
            due: BTreeMap::new(),
            log: Log::default(),
            limits: Limits::default(),
            stats: Stats::default(),
            holds: Holds::default(),
            context: Context::platform(),
            #[cfg(feature = "validate")]
            witness: None,
        };
        state.add_org(HOME_ORG, "Acme");
        state
    }

    pub(crate) fn add_org(&mut self, slug: &str, name: &str) {
        let id = self.ids.app();
        let numeric_id = self.ids.serial();
        self.orgs.push(Org { id, slug: slug.to_owned(), name: name.to_owned(), numeric_id });
    }

    /// Finds an organisation by its slug or the alias `personal`.
    pub(crate) fn org(&self, slug: &str) -> Option<&Org> {
        let slug = if slug == "personal" { HOME_ORG } else { slug };
        self.orgs.iter().find(|org| org.slug == slug)
    }

    /// Writes one effect to the log.
    pub(crate) fn record(&mut self, what: &str, app_id: &str, subject: &str, detail: Value) {
        let app = self.apps.get(app_id).map(|app| app.name.clone()).unwrap_or_default();
        self.log.push(Effect {
            seq: 0,
            at_ms: self.now,
            what: what.to_owned(),
            app_id: app_id.to_owned(),
            app,
            subject: subject.to_owned(),
            by: self.context.by,
            request_id: self.context.request_id.clone(),
            answered: self.context.answered,
            detail,
        });
    }
}

/// A simulated platform: a cheap handle on a shared state machine.
///
/// # Guarantees
/// Every call sees all effects that were due by the clock's time, in the order in which they
/// were due.
#[derive(Debug, Clone)]
pub struct World {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    state: Mutex<State>,
    clock: Arc<dyn Clock>,
    changed: watch::Sender<u64>,
}

impl World {
    /// Makes a world with one empty organisation, [`HOME_ORG`].
    pub fn new(seed: u64, clock: Arc<dyn Clock>) -> Self {
        let state = Mutex::new(State::new(seed, clock.now_ms()));
        Self { shared: Arc::new(Shared { state, clock, changed: watch::Sender::new(0) }) }
    }

    /// Runs `act` on the state as of now and wakes whoever waits for a change.
    pub(crate) fn with<R>(&self, act: impl FnOnce(&mut State) -> R) -> R {
        let now = self.shared.clock.now_ms();
        let mut state = self.shared.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.catch_up(now);
        let result = act(&mut state);
        drop(state);
        self.shared.changed.send_modify(|count| *count += 1);
        result
    }

    /// Reads the state as of now, waking nobody.
    pub(crate) fn peek<R>(&self, read: impl FnOnce(&State) -> R) -> R {
        let now = self.shared.clock.now_ms();
        let mut state = self.shared.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.catch_up(now);
        read(&state)
    }

    /// Follows the changes of this world; a change may be spurious.
    pub(crate) fn changes(&self) -> watch::Receiver<u64> {
        self.shared.changed.subscribe()
    }

    /// Lets everything take effect that is due by now.
    ///
    /// A running [`Server`](crate::Server) does this by itself; every other call does too.
    pub fn catch_up(&self) {
        self.peek(|_| ());
    }

    /// Acts as the platform's other users do.
    ///
    /// Returns what the API would show of the thing.
    pub fn act(&self, action: Action) -> Result<Value, Refusal> {
        self.with(|state| state.owned(|state| state.act(action)))
    }

    /// Adds another organisation, which the tokens do not see unless
    /// [`Knobs::token_orgs`] says so.
    pub fn add_org(&self, slug: &str, name: &str) {
        self.with(|state| state.add_org(slug, name));
    }

    /// Creates apps `cust-1`, `cust-2`, ... in [`HOME_ORG`], and `machines` machines, dealt
    /// out to them in turn.
    pub fn seed_fleet(&self, apps: u32, machines: u32) -> Result<(), Refusal> {
        self.with(|state| {
            state.owned(|state| {
                for n in 1..=apps {
                    state.create_app(&format!("cust-{n}"), HOME_ORG, None)?;
                }
                for n in 0..machines {
                    let app = format!("cust-{}", n % apps.max(1) + 1);
                    state.act(Action::CreateMachine { app, name: None, region: None, config: None })?;
                }
                Ok(())
            })
        })
    }

    /// The knobs as they are now; rules with a count have counted down.
    pub fn knobs(&self) -> Knobs {
        self.peek(|state| state.knobs.clone())
    }

    /// Replaces all knobs.
    pub fn set_knobs(&self, knobs: Knobs) {
        self.with(|state| state.knobs = knobs);
    }

    /// Changes some of the knobs.
    pub fn turn(&self, change: impl FnOnce(&mut Knobs)) {
        self.with(|state| change(&mut state.knobs));
    }

    /// The effects after the first `seq` ones, oldest first.
    pub fn log_after(&self, seq: u64) -> Vec<Effect> {
        self.peek(|state| state.log.after(seq).to_vec())
    }

    /// All effects, oldest first.
    pub fn log(&self) -> Vec<Effect> {
        self.log_after(0)
    }

    /// Writes the log to a file as well, one JSON object a line, flushed per line.
    pub fn log_to(&self, path: &Path) -> std::io::Result<()> {
        let file = std::fs::File::create(path)?;
        self.with(|state| state.log.tee(Box::new(file)))
    }

    /// What was counted so far.
    pub fn stats(&self) -> Stats {
        self.peek(|state| state.stats.clone())
    }

    /// Everything there is, as one JSON object.
    pub fn state(&self) -> Value {
        self.peek(|state| {
            let apps: Vec<_> = state.apps.values().map(|app| state.dump_app(app)).collect();
            let due: Vec<_> = state.due.keys().map(|(at_ms, _)| at_ms).collect();
            json!({
                "now_ms": state.now,
                "seed": state.seed,
                "orgs": state.orgs.iter().map(|org| &org.slug).collect::<Vec<_>>(),
                "apps": apps,
                "dns": state.dns,
                "due_at_ms": due,
                "log_lines": state.log.after(0).len(),
                "log_file_error": state.log.file_error(),
            })
        })
    }
}

impl State {
    /// Runs `act` as the simulator's owner.
    fn owned<R>(&mut self, act: impl FnOnce(&mut Self) -> R) -> R {
        let mine = Context { by: Actor::Owner, request_id: None, answered: true };
        let outer = std::mem::replace(&mut self.context, mine);
        let result = act(self);
        self.context = outer;
        result
    }
}
