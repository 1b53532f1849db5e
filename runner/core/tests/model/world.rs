//! The world that the model explores: an API with its lag, requests under way, a foreign actor, the ledger.
//!
//! All times are ticks relative to the present, so that a world that only grew older is the same world. One
//! tick is [`SKEW`](groundcrew_core::settle::SKEW), and the other constants are few ticks.

use std::fmt;

use groundcrew_core::manifest::Class;
use groundcrew_core::row::{Origin, State};
use groundcrew_core::settle::{Drift, REPAIRS_MAX, Rules};

/// A point in time, in ticks from now.
pub(crate) type Tick = i32;

/// The API may hide a write for so long.
pub(crate) const SETTLE: Tick = 2;
/// A write is not sent later than this after its intent.
pub(crate) const SEND_WITHIN: Tick = 1;
/// A write takes no effect later than this after its intent.
pub(crate) const WINDOW: Tick = 2;
/// The API remembers an idempotency key for so long.
pub(crate) const REMEMBERS: Tick = 6;
/// How long a given-up creation is watched, and how often a thing is looked at for drift.
pub(crate) const DAY: Tick = 17_280;
/// A removal that was approved waits for so long.
pub(crate) const GRACE: Tick = 2;
/// A thing that is not ready, or on its way out, is looked at again after this.
pub(crate) const POLL: Tick = 1;
/// Repairs of a thing that was left alone for so long are forgotten.
pub(crate) const QUIET: Tick = 720;
/// The process sleeps, or is down, for so long; longer than the API remembers a key.
pub(crate) const NAP: Tick = 10;
/// Our clock may be set by so much: by less than a wait, and by more than every wait and than a key is remembered.
pub(crate) const STEPS: [Tick; 4] = [-NAP, -3, 3, NAP];

/// What is explored: one kind of API, and what may go wrong how often.
#[derive(Clone, Debug)]
pub(crate) struct Setup {
    /// For the report.
    pub(crate) name: &'static str,
    pub(crate) class: Class,
    pub(crate) marks: Marks,
    pub(crate) api: Api,
    pub(crate) drift: Drift,
    /// The API's clock is ahead of ours by this, to begin with.
    pub(crate) skew: Tick,
    /// Owners that want one thing each, in one listing.
    pub(crate) owners: u8,
    /// How long its things take.
    pub(crate) pace: Pace,
    /// What is asked before a thing is removed.
    pub(crate) leaving: Leaving,
    /// How often each kind of trouble may come.
    pub(crate) budget: Budget,
    pub(crate) rules: Rules,
    pub(crate) driver: Driver,
}

impl Setup {
    /// Whether strangers may come as often as it takes to see that somebody fights us.
    pub(crate) fn is_fight(&self) -> bool {
        usize::from(self.budget.foreign) > REPAIRS_MAX
    }

    /// Whether what is ours may have to be told by when it was made.
    pub(crate) fn is_timed(&self) -> bool {
        self.class == Class::Anonymous || self.class == Class::Keyed && self.marks == Marks::Impossible
    }
}

/// Whether things of this kind can carry marks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Marks {
    Carried,
    Impossible,
}

/// How long things take to be ready, and to go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Pace {
    /// They are what was asked for as soon as a write takes effect.
    AtOnce,
    /// They are not ready at first, and on their way out for a while.
    Slow,
}

/// What `may_delete` says of a removal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Leaving {
    /// A person must approve it.
    Held,
    /// It may be removed in so many ticks.
    In(Tick),
}

/// How far a thing is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Life {
    Pending,
    Ready,
    Removing,
}

/// What the API does with a write that meets something else than its sender saw.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Api {
    /// Creation of what exists, and change or removal of what is no longer as it was seen, are refused.
    Conditional,
    /// The last write wins, whatever it meets. What others do is seen at once, and not while we write: nothing
    /// but a condition can protect from that.
    Blind,
}

/// What the driver must do for the decisions to be right; taken out one by one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Driver {
    /// All of it.
    Careful,
    /// Sends a write however long ago its intent was committed.
    SendsLate,
    /// Takes an answer for the end of every request of the row, also of those that were never answered.
    ForgetsEarlierSends,
    /// Repeats a creation in doubt with what is wanted now instead of what was sent.
    RepeatsWithNewest,
    /// Takes no notice of what was sent for an earlier incarnation of the owner.
    BeginsAnew,
    /// Judges by a look that began before our clock was set.
    KeepsLooks,
    /// Believes of a thing that it takes in the place of another what it wrote to that one.
    KeepsSpec,
    /// Takes over no more than ever while the ledger is rebuilt.
    RecoversAsEver,
    /// Ends the rebuilding before everything was looked for.
    FinishesEarly,
}

/// How often each kind of trouble may still come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Budget {
    pub(crate) crashes: u8,
    pub(crate) losses: u8,
    pub(crate) foreign: u8,
    pub(crate) wants: u8,
    pub(crate) blinks: u8,
    pub(crate) naps: u8,
    /// The owner, with all that is in it, is deleted and made again at the same address.
    pub(crate) ends: u8,
    /// Somebody sets our clock.
    pub(crate) steps: u8,
    /// The database is lost, and the ledger is rebuilt.
    pub(crate) ledgers: u8,
}

impl Budget {
    fn each(self) -> [u8; 9] {
        let Self { crashes, losses, foreign, wants, blinks, naps, ends, steps, ledgers } = self;
        [crashes, losses, foreign, wants, blinks, naps, ends, steps, ledgers]
    }

    fn from_each(each: [u8; 9]) -> Self {
        let [crashes, losses, foreign, wants, blinks, naps, ends, steps, ledgers] = each;
        Self { crashes, losses, foreign, wants, blinks, naps, ends, steps, ledgers }
    }

    /// Every budget that is nowhere greater.
    pub(crate) fn parts(self) -> Vec<Self> {
        let mut all = vec![[0; 9]];
        for (kind, most) in self.each().into_iter().enumerate() {
            let with = |part: [u8; 9], some: u8| {
                let mut part = part;
                part[kind] = some;
                part
            };
            all = all.into_iter().flat_map(|part| (0..=most).map(move |some| with(part, some))).collect();
        }
        all.into_iter().map(Self::from_each).collect()
    }

    /// How much it is in all.
    pub(crate) fn total(&self) -> u32 {
        self.each().into_iter().map(u32::from).sum()
    }

    /// Whether it is nowhere greater than the other.
    pub(crate) fn is_within(&self, other: &Self) -> bool {
        self.each().into_iter().zip(other.each()).all(|(one, other)| one <= other)
    }

    /// What is left of it when this is spent.
    pub(crate) fn less(&self, spent: &Self) -> Self {
        let (all, spent) = (self.each(), spent.each());
        Self::from_each(std::array::from_fn(|kind| all[kind] - spent[kind]))
    }
}

impl fmt::Display for Budget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { crashes, losses, foreign, wants, blinks, naps, ends, steps, ledgers } = self;
        write!(f, "(crashes {crashes}, lost answers {losses}, strangers {foreign}, wants {wants}, ")?;
        write!(f, "missed looks {blinks}, sleeps {naps}, ends {ends}, steps {steps}, ")?;
        write!(f, "ledgers {ledgers})")
    }
}

/// Who made a thing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Maker {
    Us(u8),
    Foreign,
}

/// The mark on a thing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Mark {
    Missing,
    Row(RowNo),
    Foreign,
}

/// One of a lane's rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct RowNo {
    pub(crate) lane: u8,
    pub(crate) serial: u8,
}

/// Bodies: two that differ in a field that can change, one that needs a replacement, and a stranger's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Body {
    First,
    Changed,
    Replacing,
    Foreign,
}

/// A thing as it is at one moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Shape {
    pub(crate) maker: Maker,
    pub(crate) mark: Mark,
    pub(crate) body: Body,
    pub(crate) life: Life,
}

impl Shape {
    /// Whether it is the same but for how far it is.
    pub(crate) fn is_like(self, other: Self) -> bool {
        Self { life: other.life, ..self } == other
    }
}

/// A thing, or the place of one.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Object {
    pub(crate) id: u8,
    /// As it is; none: it does not exist.
    pub(crate) now: Option<Shape>,
    /// As it was, and may still be shown before the tick beside it.
    pub(crate) past: Vec<(Option<Shape>, Tick)>,
    /// When it was made, where that matters; the API says so with its own clock.
    pub(crate) made: Option<Tick>,
}

/// One write.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Write {
    Create { body: Body },
    Update { id: u8, seen: Shape, body: Body },
    Remove { id: u8, seen: Shape },
}

/// A request that has left.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Flight {
    pub(crate) row: RowNo,
    pub(crate) write: Write,
    /// It takes no effect after this.
    pub(crate) by: Tick,
    /// What the API answered.
    pub(crate) answer: Option<Answer>,
    /// Whether the driver still waits for the answer.
    pub(crate) waited: bool,
}

/// The API's answer to a write.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Answer {
    Made(u8, Shape),
    Removed,
    /// It is on its way out.
    Removing,
    Refused,
}

/// An idempotency key that the API knows.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Key {
    pub(crate) row: RowNo,
    pub(crate) until: Tick,
    pub(crate) made: (u8, Shape),
}

/// The ledger row: what survives a crash.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Ledger {
    pub(crate) no: RowNo,
    pub(crate) state: State,
    pub(crate) origin: Origin,
    pub(crate) spec: Body,
    pub(crate) thing: Option<u8>,
    pub(crate) observed: Option<Body>,
    pub(crate) mark: Mark,
    pub(crate) before: Vec<u8>,
    pub(crate) intended_at: Option<Tick>,
    pub(crate) made_by: Option<Tick>,
    pub(crate) removed_by: Option<Tick>,
    pub(crate) absent_at: Option<Tick>,
    pub(crate) poll_at: Option<Tick>,
    pub(crate) look_at: Option<Tick>,
    /// It was sent for an earlier incarnation of the owner.
    pub(crate) inherited: bool,
    /// Its creation was sent more than once: all that is kept of when the first was, once it is not in doubt.
    pub(crate) repeated: bool,
    /// When it was changed back, where strangers may come often enough for that to matter.
    pub(crate) repairs: Vec<Tick>,
}

/// What a look showed.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Seen {
    pub(crate) began: Tick,
    pub(crate) aim: groundcrew_core::settle::Aim,
    /// Id, shape, and when it was made.
    pub(crate) things: Vec<(u8, Shape, Option<Tick>)>,
}

/// How far the driver is with a lane; lost in a crash.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Phase {
    Idle,
    Looked(Seen),
    /// The intent is committed, the request has not left.
    Intended {
        write: Write,
        sends_by: Tick,
        by: Tick,
        earlier: Option<Tick>,
    },
    /// The request has left; `earlier` is until when earlier ones of the same row may take effect.
    Sent {
        earlier: Option<Tick>,
    },
}

/// One owner, what it wants, and the driver's work on it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Lane {
    pub(crate) want: Option<Body>,
    pub(crate) row: Option<Ledger>,
    pub(crate) phase: Phase,
    /// When the driver comes back; none: when something changes.
    pub(crate) due: Option<Tick>,
    /// Whether a person was told of something that only a person can mend.
    pub(crate) reported: bool,
}

/// A promise that was broken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Broken {
    Doubled,
    ForeignChanged,
    ForeignClaimed,
    /// What was not ready was not looked at again when it asked for that.
    Overslept,
}

/// Everything, at one moment.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct World {
    pub(crate) objects: Vec<Object>,
    pub(crate) flights: Vec<Flight>,
    pub(crate) keys: Vec<Key>,
    pub(crate) lanes: Vec<Lane>,
    pub(crate) left: Budget,
    pub(crate) broken: Option<Broken>,
    /// The API's clock is ahead of ours by this, where that matters.
    pub(crate) skew: Tick,
    /// Since when our clock has run evenly, and the latest that it had shown; none: since ever, as far as it matters.
    pub(crate) steady: Option<(Tick, Tick)>,
    /// Since when the ledger is being rebuilt, if it is: nothing is written meanwhile.
    pub(crate) rebuilt: Option<Tick>,
    pub(crate) leaving: Leaving,
}

impl World {
    /// Every owner wants its thing, and nothing exists yet.
    pub(crate) fn new(setup: &Setup) -> Self {
        let lane =
            Lane { want: Some(Body::First), row: None, phase: Phase::Idle, due: Some(0), reported: false };
        Self {
            objects: Vec::new(),
            flights: Vec::new(),
            keys: Vec::new(),
            lanes: vec![lane; usize::from(setup.owners)],
            left: setup.budget,
            broken: None,
            skew: setup.skew,
            steady: None,
            rebuilt: None,
            leaving: setup.leaving,
        }
    }

    pub(crate) fn object(&self, id: u8) -> Option<&Object> {
        self.objects.iter().find(|object| object.id == id)
    }

    /// What exists and was made for this owner.
    pub(crate) fn living(&self, maker: Maker) -> impl Iterator<Item = (u8, Shape)> {
        let living = self.objects.iter().filter_map(|object| Some((object.id, object.now?)));
        living.filter(move |(_, shape)| shape.maker == maker)
    }

    /// Whether a request may still take effect, or the API may still hide something.
    pub(crate) fn restless(&self) -> bool {
        self.flights.iter().any(|flight| flight.answer.is_none() && flight.by >= 0)
            || self.objects.iter().any(|object| !object.past.is_empty())
    }

    /// Whether a request must leave, or come to something, before time goes on by itself.
    pub(crate) fn due_to_end(&self) -> bool {
        let unsent = |phase: &Phase| matches!(phase, Phase::Intended { sends_by: 0, .. });
        self.flights.iter().any(|flight| flight.waited && flight.by == 0)
            || self.lanes.iter().any(|lane| unsent(&lane.phase))
    }

    /// Whether every creation of the thing's owner is over and the driver is between two pieces of work.
    pub(crate) fn idle(&self) -> bool {
        self.flights.is_empty() && self.lanes.iter().all(|lane| lane.phase == Phase::Idle)
    }

    /// Changes a thing; what it was may be shown until `hidden` ticks from now.
    pub(crate) fn put(&mut self, id: u8, now: Option<Shape>, hidden: Tick) {
        if self.object(id).is_none() {
            self.objects.push(Object { id, now: None, past: Vec::new(), made: None });
            self.objects.sort_by_key(|object| object.id);
        }
        let object = self.objects.iter_mut().find(|object| object.id == id).expect("just made");
        let was = std::mem::replace(&mut object.now, now);
        if hidden == 0 {
            object.past.clear();
        } else if was != now {
            object.past.retain(|(shape, _)| *shape != was);
            object.past.push((was, hidden));
            object.past.sort_unstable();
        }
    }

    /// An id that nothing refers to.
    pub(crate) fn free_id(&self) -> u8 {
        (0..=u8::MAX).find(|id| self.object(*id).is_none() && !self.refers_to(*id)).expect("ids do not end")
    }

    fn refers_to(&self, id: u8) -> bool {
        let row = |row: &Ledger| row.thing == Some(id) || row.before.contains(&id);
        let seen = |phase: &Phase| match phase {
            Phase::Looked(seen) => seen.things.iter().any(|thing| thing.0 == id),
            Phase::Intended { write, .. } => about(*write) == Some(id),
            Phase::Idle | Phase::Sent { .. } => false,
        };
        self.lanes.iter().any(|lane| lane.row.as_ref().is_some_and(row) || seen(&lane.phase))
            || self.flights.iter().any(|flight| about(flight.write) == Some(id))
            || self.keys.iter().any(|key| key.made.0 == id)
    }

    /// A row number of this lane that nothing bears.
    pub(crate) fn free_row(&self, lane: u8) -> RowNo {
        let borne = |no: RowNo| {
            let mark = |shape: &Shape| shape.mark == Mark::Row(no);
            let object = |object: &Object| {
                object.now.iter().chain(object.past.iter().filter_map(|(was, _)| was.as_ref())).any(mark)
            };
            self.objects.iter().any(object)
                || self.keys.iter().any(|key| key.row == no)
                || self.flights.iter().any(|flight| flight.row == no)
        };
        let numbers = (0..=u8::MAX).map(|serial| RowNo { lane, serial });
        numbers.into_iter().find(|no| !borne(*no)).expect("rows do not end")
    }
}

fn about(write: Write) -> Option<u8> {
    match write {
        Write::Create { .. } => None,
        Write::Update { id, .. } | Write::Remove { id, .. } => Some(id),
    }
}
