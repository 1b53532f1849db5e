//! A collection of the fake, as scenarios describe it.

use groundcrew_core::duration::Millis;
use groundcrew_outside::{ById, Equals, Ids, Keys, Knobs, Made, Marks, Names, Rate, Words};
use serde::Deserialize;

/// One collection: how its API behaves, and what it calls things. What is not said is kind.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct Collection {
    like: Like,
    ids: Option<IdsAs>,
    names: Option<NamesAs>,
    marks: Option<Kept>,
    /// For how long `Idempotency-Key` is remembered; not said: it means nothing.
    remembers: Option<Millis>,
    made: Option<Kept>,
    lag: Option<Millis>,
    by_id: Option<ByIdAs>,
    stale: Option<Millis>,
    /// How long an answer is on its way.
    answer: Option<Millis>,
    equals: Option<EqualsAs>,
    build: Option<Millis>,
    demolish: Option<Millis>,
    page: Option<usize>,
    rate: Option<RateAs>,
    most: Option<usize>,
    words: WordsAs,
}

/// Where the knobs start from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Like {
    /// Server-made ids, one thing a name, marks are kept.
    #[default]
    Named,
    /// The name is the id: PUT makes it.
    Natural,
    /// Idempotency keys are honoured for a day; neither names nor marks.
    Keyed,
    /// Marks are kept, names mean nothing.
    Marked,
    /// Neither names nor marks.
    Anonymous,
}

#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum IdsAs {
    ServerMade,
    Names,
}

#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "lowercase")]
enum NamesAs {
    Unique,
    Free,
    None,
}

#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Kept {
    Shown,
    None,
}

#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum ByIdAs {
    AtOnce,
    Lagging,
}

#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "lowercase")]
enum EqualsAs {
    Made,
    Answered,
}

#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct RateAs {
    per_second: u32,
    burst: u32,
}

/// What the API calls things; what is not said has the fake's own word.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct WordsAs {
    id: Option<String>,
    name: Option<String>,
    mark: Option<String>,
    made: Option<String>,
    state: Option<String>,
    list: Option<String>,
    next: Option<String>,
    cursor: Option<String>,
    limit: Option<String>,
    wrap: Option<String>,
}

impl Collection {
    /// The fake's knobs.
    pub fn knobs(&self) -> Knobs {
        let like = match self.like {
            Like::Named => Knobs::default(),
            Like::Natural => Knobs::natural(),
            Like::Keyed => Knobs::keyed(),
            Like::Marked => Knobs::marked(),
            Like::Anonymous => Knobs::anonymous(),
        };
        let millis = |said: Option<Millis>, else_: i64| said.map_or(else_, Millis::as_i64);
        Knobs {
            ids: self.ids.map_or(like.ids, |ids| match ids {
                IdsAs::ServerMade => Ids::ServerMade,
                IdsAs::Names => Ids::Names,
            }),
            names: self.names.map_or(like.names, |names| match names {
                NamesAs::Unique => Names::Unique,
                NamesAs::Free => Names::Free,
                NamesAs::None => Names::None,
            }),
            marks: self.marks.map_or(like.marks, |marks| match marks {
                Kept::Shown => Marks::Shown,
                Kept::None => Marks::None,
            }),
            keys: self
                .remembers
                .map_or(like.keys, |remembers| Keys::Honoured { remembers_ms: remembers.as_i64() }),
            made: self.made.map_or(like.made, |made| match made {
                Kept::Shown => Made::Shown,
                Kept::None => Made::Hidden,
            }),
            lag_ms: millis(self.lag, like.lag_ms),
            by_id: self.by_id.map_or(like.by_id, |by_id| match by_id {
                ByIdAs::AtOnce => ById::AtOnce,
                ByIdAs::Lagging => ById::Lagging,
            }),
            equals: self.equals.map_or(like.equals, |equals| match equals {
                EqualsAs::Made => Equals::Made,
                EqualsAs::Answered => Equals::Answered,
            }),
            answer_ms: millis(self.answer, like.answer_ms),
            stale_ms: millis(self.stale, like.stale_ms),
            build_ms: millis(self.build, like.build_ms),
            demolish_ms: millis(self.demolish, like.demolish_ms),
            page: self.page.unwrap_or(like.page),
            rate: self.rate.map(|RateAs { per_second, burst }| Rate { per_second, burst }).or(like.rate),
            things_max: self.most.or(like.things_max),
            words: self.words.words(),
        }
    }
}

impl WordsAs {
    fn words(&self) -> Words {
        let Words { id, name, mark, made, state, list, next, cursor, limit, wrap } = Words::default();
        let said = |said: &Option<String>, else_: String| said.clone().unwrap_or(else_);
        Words {
            id: said(&self.id, id),
            name: said(&self.name, name),
            mark: said(&self.mark, mark),
            made: said(&self.made, made),
            state: said(&self.state, state),
            list: said(&self.list, list),
            next: said(&self.next, next),
            cursor: said(&self.cursor, cursor),
            limit: said(&self.limit, limit),
            wrap: said(&self.wrap, wrap),
        }
    }
}
