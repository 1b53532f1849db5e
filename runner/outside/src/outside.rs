//! The handle that tests hold.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::watch;

use crate::api::{Reply, Request};
use crate::world::{Collection, World};
use crate::{Act, Effect, Fault, Knobs, Receipt, Weather};

/// Milliseconds, from whoever runs the test. It must not go backwards.
pub type Clock = Arc<dyn Fn() -> i64 + Send + Sync>;

/// The third party. A clone is the same one.
#[derive(Clone)]
pub struct Outside {
    clock: Clock,
    world: Arc<Mutex<World>>,
    releases: watch::Sender<u64>,
}

impl Outside {
    /// One without collections.
    pub fn new(clock: Clock) -> Self {
        Self { clock, world: Arc::default(), releases: watch::Sender::new(0) }
    }

    /// Adds a collection at a path such as `/things` or `/apps/cust-7/things`; an ended one begins anew, empty.
    #[must_use]
    pub fn with(self, path: &str, knobs: Knobs) -> Self {
        self.open(path, knobs);
        self
    }

    /// The same, later.
    pub fn open(&self, path: &str, knobs: Knobs) {
        let mut world = self.now();
        let things = world.collections.remove(path).map(|ended| ended.things).unwrap_or_default();
        let (keys, bucket) = Default::default();
        world.collections.insert(path.to_owned(), Collection { knobs, there: true, things, keys, bucket });
    }

    /// Another one, in which everything is as it is here now, under a clock of its own.
    #[must_use]
    pub fn twin(&self, clock: Clock) -> Self {
        Self { world: Arc::new(Mutex::new(self.locked().clone())), ..Self::new(clock) }
    }

    /// Turns knobs of a collection while it lives.
    pub fn turn(&self, path: &str, turn: impl FnOnce(&mut Knobs)) {
        if let Some(collection) = self.now().collections.get_mut(path) {
            turn(&mut collection.knobs);
        }
    }

    /// Lets something happen to a collection once the clock shows this time, or at once if it does already.
    pub fn script(&self, at: i64, path: &str, act: Act) {
        self.now().schedule_act(at, path, act);
        drop(self.now());
    }

    /// Lets a fault happen to the next request of this method (any, if none), in the order in which they were asked for.
    pub fn once(&self, method: Option<&str>, fault: Fault) {
        self.after(0, method, fault);
    }

    /// The same, after so many requests of this method went well.
    pub fn after(&self, requests: u32, method: Option<&str>, fault: Fault) {
        self.now().faults.push((method.map(str::to_owned), requests, fault));
    }

    /// Answers every read between these times with 503, the first included; other faults wait until then.
    pub fn unread(&self, from: i64, until: i64) {
        self.now().unread.push((from, until));
    }

    /// Lets faults happen by chance, to requests that no asked-for fault meets.
    pub fn weather(&self, weather: Option<Weather>) {
        self.now().weather = weather;
    }

    /// Answers a request. No socket, no await.
    pub fn handle(&self, method: &str, target: &str, headers: &[(String, String)], body: &[u8]) -> Reply {
        let now = (self.clock)();
        self.locked().handle(&Request::new(method, target, headers, body), now)
    }

    /// For how many milliseconds the answer to a request is on its way.
    pub fn answers_in(&self, target: &str) -> i64 {
        self.locked().answers_in(&Request::new("GET", target, &[], &[]).path)
    }

    /// Everything that took effect so far.
    pub fn log(&self) -> Vec<Effect> {
        self.now().log.clone()
    }

    /// Every event that was told so far.
    pub fn receipts(&self) -> Vec<Receipt> {
        self.now().receipts.clone()
    }

    /// How many requests came, refused ones too.
    pub fn requests(&self) -> u64 {
        self.locked().requests
    }

    /// Whether nothing is still going to take effect by itself.
    pub fn is_quiet(&self) -> bool {
        self.now().is_quiet()
    }

    /// Lets all withheld answers go.
    pub fn release(&self) {
        self.releases.send_modify(|count| *count += 1);
    }

    /// Notes when answers are let go.
    pub(crate) fn releases(&self) -> watch::Receiver<u64> {
        self.releases.subscribe()
    }

    /// The state, with everything done that is due.
    fn now(&self) -> MutexGuard<'_, World> {
        let now = (self.clock)();
        let mut world = self.locked();
        world.advance(now);
        world
    }

    fn locked(&self) -> MutexGuard<'_, World> {
        self.world.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Outside {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Outside").field("world", &self.world).finish_non_exhaustive()
    }
}
