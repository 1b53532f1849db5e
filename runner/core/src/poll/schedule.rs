//! The schedule itself.

use std::collections::{BTreeMap, BTreeSet};

use super::backoff::{self, Jitter};
use super::bucket::{Buckets, Rate};
use crate::duration::Millis;
use crate::mirror::{Ask, Tick};
use crate::time::Timestamp;

/// How fast to go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pace {
    /// Time between two readings of the lists.
    pub tick: Millis,
    /// Time between two looks at a hot app.
    pub hot_every: Millis,
    /// How long an app stays hot.
    pub hot_for: Millis,
    /// Time in which the rotation comes round, if its cap allows: a little under the promised five minutes.
    pub rotation: Millis,
    /// The rotation's cap.
    pub rotation_cap: Rate,
    /// Requests under way at once.
    pub in_flight_max: usize,
    /// How often to ask for one thing: what the platform allows for an action and id.
    pub general: Rate,
    /// How often to get one machine, of which the platform allows more.
    pub machine_get: Rate,
}

/// A request to send now.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Fetch {
    /// What to look at.
    pub ask: Ask,
    /// The tick to which it belongs.
    pub tick: Tick,
}

/// How a request ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Done {
    /// With a 2xx.
    Answered,
    /// With a refusal that repeating does not change: 400, 401, 403, 404, 422.
    Refused,
    /// With 429 or another "not now" about this one thing.
    Later(Option<Millis>),
    /// With 5xx or without an answer: the platform itself is ailing.
    Failed(Option<Millis>),
}

/// When to look at what.
#[derive(Clone, Debug)]
pub struct Schedule {
    pace: Pace,
    apps: BTreeMap<String, App>,
    asks: BTreeSet<Ask>,
    in_flight: BTreeMap<Ask, Timestamp>,
    failures: BTreeMap<Ask, Failures>,
    limits: Buckets<Ask>,
    rotation: Buckets<()>,
    tick: Tick,
    next_tick: Option<Timestamp>,
    /// Whether the control read of this tick was sent.
    controlled: bool,
    /// Failures in a row of anything, and until when they hold everything back.
    ailing: Failures,
    /// When it was last asked what to send.
    asked_at: Timestamp,
}

#[derive(Clone, Copy, Debug, Default)]
struct App {
    /// When the last look that succeeded was sent.
    looked_at: Option<Timestamp>,
    /// Since when it is known here.
    since: Timestamp,
    hot_until: Option<Timestamp>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Failures {
    count: u32,
    until: Timestamp,
}

/// Time after the end of its back-off when a failure no longer counts.
const FORGOTTEN_AFTER: Millis = Millis::minutes(10);

/// Failures in a row, of whatever request, after which everything waits.
const AILING_AFTER: u32 = 3;

impl Default for Pace {
    fn default() -> Self {
        Self {
            tick: Millis::seconds(5),
            hot_every: Millis::seconds(3),
            hot_for: Millis::minutes(2),
            rotation: Millis::seconds(275),
            rotation_cap: Rate { burst: 2, every: Millis::new(500) },
            in_flight_max: 32,
            general: Rate::GENERAL.careful(),
            machine_get: Rate::MACHINE_GET.careful(),
        }
    }
}

impl Pace {
    /// The limit of a request; each kind of request is one action, and its fields are its id.
    const fn rate(&self, ask: &Ask) -> Rate {
        match ask {
            Ask::Machine { .. } => self.machine_get,
            _ => self.general,
        }
    }
}

impl Schedule {
    /// Makes one that has looked at nothing yet.
    pub const fn new(pace: Pace) -> Self {
        Self {
            pace,
            apps: BTreeMap::new(),
            asks: BTreeSet::new(),
            in_flight: BTreeMap::new(),
            failures: BTreeMap::new(),
            limits: Buckets::new(),
            rotation: Buckets::new(),
            tick: 0,
            next_tick: None,
            controlled: false,
            ailing: Failures { count: 0, until: Timestamp::from_millis(0) },
            asked_at: Timestamp::from_millis(0),
        }
    }

    /// Says which apps live now. Those not known before are looked at in rotation.
    pub fn set_apps<'a>(&mut self, names: impl IntoIterator<Item = &'a str>, now: Timestamp) {
        let before = std::mem::take(&mut self.apps);
        for name in names {
            let app = before.get(name).copied().unwrap_or_else(|| {
                // A new app of an old name does not pay for the failures of the last one.
                self.failures.remove(&Ask::Machines { app: name.to_owned() });
                App { since: now, ..App::default() }
            });
            self.apps.insert(name.to_owned(), app);
        }
    }

    /// Makes an app hot: it is looked at now and every few seconds for a while.
    pub fn heat(&mut self, app: &str, now: Timestamp) {
        if let Some(app) = self.apps.get_mut(app) {
            app.hot_until = Some(now + self.pace.hot_for);
        }
        self.ask(Ask::Machines { app: app.to_owned() });
    }

    /// Takes in what should be looked at soon.
    pub fn ask(&mut self, ask: Ask) {
        self.asks.insert(ask);
    }

    /// Says what to send now, and counts it as sent: each must come back through [`Schedule::done`].
    pub fn next(&mut self, now: Timestamp) -> Vec<Fetch> {
        if self.asked_at.since(now) > self.pace.tick {
            self.clock_went_back(now);
        }
        self.asked_at = now;
        if self.next_tick.is_none_or(|at| at <= now) {
            self.next_tick = Some(now + self.pace.tick);
            self.tick += 1;
            self.controlled = false;
            self.ask(Ask::Apps);
            self.ask(Ask::OrgMachines);
            // Machines that were not found are never asked for again.
            self.failures.retain(|_, failures| now.since(failures.until) < FORGOTTEN_AFTER);
        }
        let mut fetches = Vec::new();
        self.send_asked(now, &mut fetches);
        self.send_hot(now, &mut fetches);
        self.send_rotation(now, &mut fetches);
        fetches
    }

    /// When [`Schedule::next`] may have something again, if nothing else happens before.
    pub fn wake_at(&self, now: Timestamp) -> Timestamp {
        let tick = self.next_tick.unwrap_or(now);
        let asked = self.asks.iter().map(|ask| self.free_at(ask, now));
        let rotation = self.rotation.free_at(&(), self.pace.rotation_cap, now);
        let hot = self.apps.values().filter(|app| app.is_hot(now)).map(|app| app.due(self.pace.hot_every));
        let order = self.rotation_order(self.pace.rotation, self.pace.rotation_cap.every);
        let round = order.into_iter().map(|(at, _)| at.max(rotation)).take(1);
        let due = asked.chain(hot).chain(round).filter(|at| *at > now).min().unwrap_or(tick);
        due.min(tick).max(now)
    }

    /// Takes in how a request ended.
    pub fn done(&mut self, fetch: &Fetch, done: Done, now: Timestamp, jitter: Jitter) {
        let sent = self.in_flight.remove(&fetch.ask);
        match done {
            Done::Answered => {
                self.failures.remove(&fetch.ask);
                self.ailing = Failures::default();
                self.looked(&fetch.ask, sent);
            }
            // The mirror decides whether it is asked again; the rotation must not hammer it meanwhile.
            Done::Refused => {
                self.ailing = Failures::default();
                self.back_off(&fetch.ask, None, now, jitter);
            }
            Done::Later(after) => {
                self.back_off(&fetch.ask, after, now, jitter);
                self.ask_again(&fetch.ask);
            }
            Done::Failed(after) => {
                self.back_off(&fetch.ask, after, now, jitter);
                self.ask_again(&fetch.ask);
                self.ail(after, now, jitter);
            }
        }
    }

    /// How old the oldest true look at a living app is; an app that was never looked at counts since it is known.
    pub fn oldest_look(&self, now: Timestamp) -> Option<Millis> {
        self.apps.values().map(|app| now.since(app.looked_at.unwrap_or(app.since))).max()
    }

    /// The current tick.
    pub const fn tick(&self) -> Tick {
        self.tick
    }

    /// The clock was set back: what was to wait until a time that is hours ahead now would not be looked at for hours.
    fn clock_went_back(&mut self, now: Timestamp) {
        self.next_tick = None;
        self.failures.clear();
        (self.limits, self.rotation) = (Buckets::new(), Buckets::new());
        self.ailing = Failures::default();
        for app in self.apps.values_mut() {
            app.since = app.since.min(now);
            app.looked_at = app.looked_at.min(Some(now));
            app.hot_until = app.hot_until.min(Some(now + self.pace.hot_for));
        }
    }

    /// An app is as freshly seen as the request was sent.
    fn looked(&mut self, ask: &Ask, sent: Option<Timestamp>) {
        if let Ask::Machines { app } = ask
            && let Some(app) = self.apps.get_mut(app)
        {
            app.looked_at = app.looked_at.max(sent);
        }
    }

    /// Waits with one request.
    fn back_off(&mut self, ask: &Ask, after: Option<Millis>, now: Timestamp, jitter: Jitter) {
        let failures = self.failures.entry(ask.clone()).or_default();
        failures.count += 1;
        failures.until = now + backoff::wait(failures.count, after, jitter);
    }

    /// Asks again for what nobody else would: an app's own list comes round by itself.
    fn ask_again(&mut self, ask: &Ask) {
        let comes_round = matches!(ask, Ask::Machines { app } if self.apps.contains_key(app));
        if !comes_round {
            self.asks.insert(ask.clone());
        }
    }

    /// Counts a failure of the platform itself. Requests that were under way together count as one.
    fn ail(&mut self, after: Option<Millis>, now: Timestamp, jitter: Jitter) {
        if now < self.ailing.until {
            return;
        }
        self.ailing.count += 1;
        if let Some(over) = self.ailing.count.checked_sub(AILING_AFTER) {
            self.ailing.until = now + backoff::wait(over + 1, after, jitter);
        }
    }

    /// What was asked for, in the order of what others wait for: control reads and apps first, logs last.
    fn send_asked(&mut self, now: Timestamp, fetches: &mut Vec<Fetch>) {
        for ask in std::mem::take(&mut self.asks) {
            if ask == Ask::Control && self.controlled {
                continue;
            }
            // A look at an app proves nothing without a control read in the same tick; one that still waits needs none.
            let proves = matches!(ask, Ask::App { .. }) && !self.controlled && self.may_send(&ask, now);
            if proves && self.send(&Ask::Control, now, fetches) {
                self.controlled = true;
            }
            if self.send(&ask, now, fetches) {
                self.controlled |= ask == Ask::Control;
            } else {
                self.asks.insert(ask);
            }
        }
    }

    fn send_hot(&mut self, now: Timestamp, fetches: &mut Vec<Fetch>) {
        let every = self.pace.hot_every;
        let due: Vec<_> = self
            .apps
            .iter()
            .filter(|(_, app)| app.is_hot(now) && app.due(every) <= now)
            .map(|(name, _)| name.clone())
            .collect();
        for app in due {
            self.send(&Ask::Machines { app }, now, fetches);
        }
    }

    fn send_rotation(&mut self, now: Timestamp, fetches: &mut Vec<Fetch>) {
        let (cap, round) = (self.pace.rotation_cap, self.pace.rotation);
        if self.rotation.free_at(&(), cap, now) > now {
            return;
        }
        for (at, app) in self.rotation_order(round, cap.every) {
            if at > now || self.rotation.free_at(&(), cap, now) > now {
                return;
            }
            if self.send(&Ask::Machines { app }, now, fetches) {
                self.rotation.take(&(), cap, now);
            }
        }
    }

    /// All apps, the one that waited longest first, and when each is to be looked at.
    ///
    /// An app is due when its round is over, and earlier if those behind it would be late at the cap's pace:
    /// after a start all were looked at together, and the last of them must not wait for all others.
    fn rotation_order(&self, round: Millis, every: Millis) -> Vec<(Timestamp, String)> {
        let mut order: Vec<_> = self.apps.iter().map(|(name, app)| (app.due(round), name.clone())).collect();
        order.sort();
        let mut latest = Timestamp::from_millis(i64::MAX);
        for (due, _) in order.iter_mut().rev() {
            latest = (*due).min(latest - every);
            *due = latest;
        }
        order
    }

    /// Sends one request if nothing forbids it.
    fn send(&mut self, ask: &Ask, now: Timestamp, fetches: &mut Vec<Fetch>) -> bool {
        if !self.may_send(ask, now) {
            return false;
        }
        self.limits.take(ask, self.pace.rate(ask), now);
        self.in_flight.insert(ask.clone(), now);
        fetches.push(Fetch { ask: ask.clone(), tick: self.tick });
        true
    }

    /// Whether nothing forbids a request now.
    fn may_send(&self, ask: &Ask, now: Timestamp) -> bool {
        let full = self.in_flight.len() >= self.pace.in_flight_max;
        !full && !self.in_flight.contains_key(ask) && self.free_at(ask, now) <= now
    }

    /// For how many requests it is known that they failed.
    #[cfg(test)]
    pub(super) fn failing(&self) -> usize {
        self.failures.len()
    }

    /// When limits and back-off allow a request.
    fn free_at(&self, ask: &Ask, now: Timestamp) -> Timestamp {
        let backoff = self.failures.get(ask).map_or(now, |failures| failures.until);
        self.limits.free_at(ask, self.pace.rate(ask), now).max(backoff).max(self.ailing.until)
    }
}

impl App {
    fn is_hot(&self, now: Timestamp) -> bool {
        self.hot_until.is_some_and(|until| until > now)
    }

    /// When it is to be looked at again.
    fn due(&self, every: Millis) -> Timestamp {
        self.looked_at.map_or(self.since, |looked| looked + every)
    }
}
