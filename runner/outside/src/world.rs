//! The state: collections, their things, and what is going to happen.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use crate::knobs::{Knobs, Made, Marks, Names, Words};
use crate::log::{By, Effect, Purpose, What};
use crate::words::{put, take};
use crate::write::Write;
use crate::{Fault, Receipt, Response, Weather};

/// What a foreign actor does to a collection, or happens to it.
#[derive(Clone, Debug, PartialEq)]
pub enum Act {
    /// Makes a thing.
    Plant {
        /// Its name.
        name: Option<String>,
        /// Its mark.
        mark: Option<String>,
        /// Its other fields; an object.
        body: Value,
    },
    /// Overwrites fields of a thing; `name` and `mark` too, where the body has them.
    Change(Pick, Value),
    /// Deletes a thing at once.
    Take(Pick),
    /// The whole collection answers 404; its things live on.
    Vanish,
    /// It answers again.
    Appear,
    /// The collection ends, with all its things, and answers 404.
    End,
}

/// Which thing is meant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Pick {
    /// The one with this id.
    Id(String),
    /// Each with this name.
    Name(String),
    /// Each that carries this mark.
    Mark(String),
    /// Each.
    Every,
}

/// One thing.
#[derive(Clone, Debug)]
pub(crate) struct Thing {
    pub(crate) seq: u64,
    pub(crate) id: String,
    pub(crate) name: Option<String>,
    pub(crate) mark: Option<String>,
    pub(crate) body: Map<String, Value>,
    pub(crate) made_at: i64,
    /// When it is torn down, if it was asked to go.
    pub(crate) going_at: Option<i64>,
    /// When it went: kept for stale listings only.
    pub(crate) gone_at: Option<i64>,
}

/// One collection.
#[derive(Clone, Debug)]
pub(crate) struct Collection {
    pub(crate) knobs: Knobs,
    pub(crate) there: bool,
    pub(crate) things: Vec<Thing>,
    /// Idempotency key -> when it was first seen, and the answer.
    pub(crate) keys: BTreeMap<String, (i64, Response)>,
    /// Tokens of the rate limit, in thousandths, and when they were counted.
    pub(crate) bucket: Option<(i64, i64)>,
}

/// Something that is going to happen.
#[derive(Clone, Debug)]
enum Due {
    Write(Write),
    Act(Act),
    Gone(u64),
}

/// Everything.
#[derive(Clone, Debug, Default)]
pub(crate) struct World {
    pub(crate) collections: BTreeMap<String, Collection>,
    pub(crate) log: Vec<Effect>,
    pub(crate) receipts: Vec<Receipt>,
    /// (method or any, requests to let pass, what happens then)
    pub(crate) faults: Vec<(Option<String>, u32, Fault)>,
    /// From when to when reads are answered 503.
    pub(crate) unread: Vec<(i64, i64)>,
    pub(crate) weather: Option<Weather>,
    pub(crate) requests: u64,
    due: BTreeMap<(i64, u64), (String, Due)>,
    seq: u64,
}

impl World {
    /// Lets everything happen that is due, in order.
    pub(crate) fn advance(&mut self, now: i64) {
        while let Some(entry) = self.due.first_entry().filter(|entry| entry.key().0 <= now) {
            let ((at, _), (path, due)) = entry.remove_entry();
            match due {
                Due::Write(write) => drop(self.apply(&path, &write, at)),
                Due::Act(act) => self.act(&path, act, at),
                Due::Gone(seq) => self.end_things(&path, at, By::Caller, |thing| thing.seq == seq),
            }
        }
    }

    pub(crate) fn schedule_act(&mut self, at: i64, path: &str, act: Act) {
        let seq = self.next();
        self.due.insert((at, seq), (path.to_owned(), Due::Act(act)));
    }

    pub(crate) fn schedule_write(&mut self, at: i64, path: &str, write: Write) {
        let seq = self.next();
        self.due.insert((at, seq), (path.to_owned(), Due::Write(write)));
    }

    pub(crate) fn schedule_end(&mut self, at: i64, path: &str, thing: u64) {
        let seq = self.next();
        self.due.insert((at, seq), (path.to_owned(), Due::Gone(thing)));
    }

    /// Whether anything is still going to happen by itself.
    pub(crate) fn is_quiet(&self) -> bool {
        self.due.is_empty()
    }

    fn next(&mut self) -> u64 {
        self.seq += 1;
        self.seq
    }

    /// Makes a thing and notes it. Returns its place in the collection.
    pub(crate) fn make(&mut self, path: &str, at: i64, by: By, new: New) -> usize {
        let seq = self.next();
        let collection = self.collections.get_mut(path).expect("invariant: looked up before");
        let knobs = &collection.knobs;
        let thing = Thing {
            seq,
            id: new.id.unwrap_or_else(|| format!("t{seq}")),
            name: new.name.filter(|_| knobs.names != Names::None),
            mark: new.mark.filter(|_| knobs.marks != Marks::None),
            body: new.body,
            made_at: at,
            going_at: None,
            gone_at: None,
        };
        let effect = thing.effect(path, at, What::Created, by, new.purpose);
        self.log.push(effect);
        collection.things.push(thing);
        collection.things.len() - 1
    }

    /// Overwrites fields of a living thing and notes it.
    pub(crate) fn change(&mut self, path: &str, at: i64, by: By, index: usize, new: New) {
        let collection = self.collections.get_mut(path).expect("invariant: looked up before");
        let (marks, names) = (collection.knobs.marks, collection.knobs.names);
        let thing = &mut collection.things[index];
        thing.mark = new.mark.filter(|_| marks != Marks::None).or(thing.mark.take());
        thing.name = new.name.filter(|_| names != Names::None).or(thing.name.take());
        thing.body.extend(new.body);
        let effect = thing.effect(path, at, What::Updated, by, new.purpose);
        self.log.push(effect);
    }

    /// Ends living things and notes it.
    pub(crate) fn end_things(&mut self, path: &str, at: i64, by: By, which: impl Fn(&Thing) -> bool) {
        let Some(collection) = self.collections.get_mut(path) else { return };
        for thing in collection.things.iter_mut().filter(|thing| thing.lives() && which(thing)) {
            thing.gone_at = Some(at);
            self.log.push(thing.effect(path, at, What::Deleted, by, None));
        }
    }

    fn act(&mut self, path: &str, act: Act, at: i64) {
        let Some(collection) = self.collections.get_mut(path) else { return };
        match act {
            Act::Vanish => collection.there = false,
            Act::Appear => collection.there = true,
            Act::End => {
                collection.there = false;
                self.end_things(path, at, By::Container, |_| true);
            }
            Act::Plant { name, mark, body } => {
                let id = collection.knobs.ids.of(name.as_deref());
                let body = body.as_object().cloned().unwrap_or_default();
                self.make(path, at, By::Stranger, New { id, name, mark, body, purpose: None });
            }
            Act::Take(pick) => self.end_things(path, at, By::Stranger, |thing| pick.means(thing)),
            Act::Change(pick, body) => {
                let living = |thing: &Thing| thing.lives() && pick.means(thing);
                let meant: Vec<_> =
                    (0..collection.things.len()).filter(|&i| living(&collection.things[i])).collect();
                let words = collection.knobs.words.clone();
                for index in meant {
                    let body = body.as_object().cloned().unwrap_or_default();
                    self.change(path, at, By::Stranger, index, New::of(body, &words));
                }
            }
        }
    }
}

/// The fields of a thing that is made or changed.
#[derive(Clone, Debug, Default)]
pub(crate) struct New {
    pub(crate) id: Option<String>,
    pub(crate) name: Option<String>,
    pub(crate) mark: Option<String>,
    pub(crate) body: Map<String, Value>,
    pub(crate) purpose: Option<Purpose>,
}

impl New {
    /// Takes name and mark out of a body.
    pub(crate) fn of(mut body: Map<String, Value>, words: &Words) -> Self {
        let (name, mark) = (take(&mut body, &words.name), take(&mut body, &words.mark));
        Self { id: None, name, mark, body, purpose: None }
    }
}

impl Pick {
    fn means(&self, thing: &Thing) -> bool {
        match self {
            Self::Id(id) => thing.id == *id,
            Self::Name(name) => thing.name.as_ref() == Some(name),
            Self::Mark(mark) => thing.mark.as_ref() == Some(mark),
            Self::Every => true,
        }
    }
}

impl Thing {
    /// Whether it exists, be it on its way out.
    pub(crate) fn lives(&self) -> bool {
        self.gone_at.is_none()
    }

    fn effect(&self, path: &str, at: i64, what: What, by: By, purpose: Option<Purpose>) -> Effect {
        let (id, name, mark) = (self.id.clone(), self.name.clone(), self.mark.clone());
        let body = Value::Object(self.body.clone());
        Effect { at, collection: path.to_owned(), id, what, by, purpose, name, mark, body }
    }

    /// What the API shows of it.
    pub(crate) fn shown(&self, knobs: &Knobs, now: i64) -> Value {
        let mut shown = self.body.clone();
        let state = if self.going_at.is_some() {
            "removing"
        } else if now < self.made_at + knobs.build_ms {
            "pending"
        } else {
            "ready"
        };
        let words = &knobs.words;
        put(&mut shown, &words.id, self.id.clone().into());
        put(&mut shown, &words.state, state.into());
        for (field, value) in [(&words.name, &self.name), (&words.mark, &self.mark)] {
            if let Some(value) = value {
                put(&mut shown, field, value.clone().into());
            }
        }
        if knobs.made == Made::Shown {
            let made =
                jiff::Timestamp::from_millisecond(self.made_at).expect("invariant: clocks stay in range");
            put(&mut shown, &words.made, made.to_string().into());
        }
        Value::Object(shown)
    }
}

impl crate::Ids {
    /// The id of a thing of this name, where names are ids.
    pub(crate) fn of(self, name: Option<&str>) -> Option<String> {
        match self {
            Self::ServerMade => None,
            Self::Names => name.map(str::to_owned),
        }
    }
}
