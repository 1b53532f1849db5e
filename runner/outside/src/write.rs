//! What writes do: made at once, or when they land.

use serde_json::Value;

use crate::Response;
use crate::api::Request;
use crate::knobs::{Equals, Ids, Keys, Names, Words};
use crate::log::{By, Purpose};
use crate::world::{Collection, New, Thing, World};

/// A write that takes effect now or later.
#[derive(Clone, Debug)]
pub(crate) struct Write {
    method: String,
    id: Option<String>,
    key: Option<String>,
    purpose: Option<Purpose>,
    body: Value,
}

impl World {
    /// Lets a write take effect at this time.
    pub(crate) fn apply(&mut self, path: &str, write: &Write, at: i64) -> Response {
        let Some(collection) = self.collections.get(path).filter(|collection| collection.there) else {
            return Response::error(404, "no such container");
        };
        let index = write
            .id
            .as_ref()
            .and_then(|id| collection.things.iter().position(|thing| thing.lives() && thing.id == *id));
        match (write.method.as_str(), &write.id, index) {
            ("POST", None, _) => self.post(path, write, at),
            ("PUT" | "PATCH", Some(_), Some(index)) if collection.things[index].going_at.is_some() => {
                Response::error(409, "it is being removed")
            }
            ("PUT" | "PATCH", Some(_), Some(index)) => {
                let new = write.fields(&collection.knobs.words);
                self.change(path, at, By::Caller, index, new);
                self.single(200, path, index, at)
            }
            ("PUT", Some(id), None) if collection.knobs.ids == Ids::Names => {
                let (id, name) = (Some(id.clone()), Some(id.clone()));
                let new = New { id, name, ..write.fields(&collection.knobs.words) };
                self.create(path, new, at)
            }
            ("DELETE", Some(_), Some(index)) => self.delete(path, index, at),
            (_, Some(_), _) => Response::error(404, "not found"),
            _ => Response::error(405, "not here"),
        }
    }

    fn post(&mut self, path: &str, write: &Write, at: i64) -> Response {
        let collection = self.collections.get_mut(path).expect("invariant: looked up before");
        let key = match collection.knobs.keys {
            Keys::Honoured { remembers_ms } => {
                collection.keys.retain(|_, (first, _)| at < *first + remembers_ms);
                write.key.as_ref()
            }
            Keys::Ignored => None,
        };
        if let Some((_, answer)) = key.and_then(|key| collection.keys.get(key)) {
            return answer.clone();
        }
        let mut new = write.fields(&collection.knobs.words);
        let equal = |thing: &Thing| thing.lives() && thing.body == new.body;
        if collection.knobs.equals == Equals::Answered
            && let Some(index) = collection.things.iter().position(equal)
        {
            return self.single(200, path, index, at);
        }
        new.id = collection.knobs.ids.of(new.name.as_deref());
        let answer = self.create(path, new, at);
        let collection = self.collections.get_mut(path).expect("invariant: looked up before");
        if let Some(key) = key.filter(|_| answer.status < 300) {
            collection.keys.insert(key.clone(), (at, answer.clone()));
        }
        answer
    }

    fn create(&mut self, path: &str, new: New, at: i64) -> Response {
        let collection = &self.collections[path];
        let knobs = &collection.knobs;
        let living = || collection.things.iter().filter(|thing| thing.lives());
        let taken = living().find(|thing| new.name.is_some() && thing.name == new.name);
        if let Some(taken) = taken.filter(|_| knobs.names == Names::Unique || knobs.ids == Ids::Names) {
            return Response::error(409, &format!("already_exists: {} has that name", taken.id));
        }
        if knobs.things_max.is_some_and(|most| living().count() >= most) {
            return Response::error(422, "the collection is full");
        }
        let status = if knobs.build_ms > 0 { 202 } else { 201 };
        let index = self.make(path, at, By::Caller, new);
        self.single(status, path, index, at)
    }

    /// An answer with one thing.
    fn single(&self, status: u16, path: &str, index: usize, at: i64) -> Response {
        let Collection { knobs, things, .. } = &self.collections[path];
        Response::new(status, &knobs.words.wrapped(things[index].shown(knobs, at)))
    }

    fn delete(&mut self, path: &str, index: usize, at: i64) -> Response {
        let collection = self.collections.get_mut(path).expect("invariant: looked up before");
        let demolish = collection.knobs.demolish_ms;
        let thing = &mut collection.things[index];
        let seq = thing.seq;
        if demolish == 0 {
            self.end_things(path, at, By::Caller, |thing| thing.seq == seq);
            return Response::new(204, &Value::Null);
        }
        let first = thing.going_at.is_none();
        thing.going_at.get_or_insert(at + demolish);
        if first {
            self.schedule_end(at + demolish, path, seq);
        }
        self.single(202, path, index, at)
    }
}

impl Write {
    fn fields(&self, words: &Words) -> New {
        New { purpose: self.purpose.clone(), ..New::of(words.unwrapped(&self.body), words) }
    }

    pub(crate) fn of(request: &Request<'_>, id: Option<String>) -> Self {
        Self {
            method: request.method.to_owned(),
            id,
            key: request.header("idempotency-key").map(str::to_owned),
            purpose: request.header("x-for").and_then(Purpose::parse),
            body: serde_json::from_slice(request.body).unwrap_or_default(),
        }
    }
}
