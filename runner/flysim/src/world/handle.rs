//! The handle that a simulator's owner holds.

use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use serde_json::{Value, json};
use tokio::sync::watch;

use super::{Action, Context, HOME_ORG, State};
use crate::clock::Clock;
use crate::knobs::Knobs;
use crate::limits::Stats;
use crate::log::{Actor, Effect};
use crate::refusal::Refusal;

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

    /// Appends the log to a file as well, one JSON object a line, flushed per line; makes the file if there is none.
    pub fn log_to(&self, path: &Path) -> std::io::Result<()> {
        let file = std::fs::File::options().append(true).create(true).open(path)?;
        self.with(|state| state.log.tee(Box::new(file)))
    }

    /// The value of a living app's secret, as its machines would get it; the API never shows it.
    pub fn secret(&self, app: &str, name: &str) -> Option<String> {
        self.peek(|state| {
            let app = state.apps.get(state.names.get(app)?)?;
            app.secrets.get(name).map(|secret| secret.value.clone())
        })
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
                "add_ons": state.add_ons.values().map(|it| state.add_on_json(it)).collect::<Vec<_>>(),
                "postgres": state.clusters.values().map(|it| state.cluster_json(it)).collect::<Vec<_>>(),
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
    pub(crate) fn owned<R>(&mut self, act: impl FnOnce(&mut Self) -> R) -> R {
        let mine = Context { by: Actor::Owner, request_id: None, answered: true };
        let outer = std::mem::replace(&mut self.context, mine);
        let result = act(self);
        self.context = outer;
        result
    }
}
