//! The unkindnesses of a collection, each with a name. All are off by default.

/// What a thing's id is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Ids {
    /// The server makes one at each POST.
    #[default]
    ServerMade,
    /// The name: PUT makes or changes the thing at that name.
    Names,
}

/// What names mean.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Names {
    /// One thing per name; a second POST is refused with 409.
    #[default]
    Unique,
    /// Kept and shown, as often as somebody likes.
    Free,
    /// Not kept.
    None,
}

/// Whether things carry marks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Marks {
    /// Kept and shown.
    #[default]
    Shown,
    /// Not kept.
    None,
}

/// Whether `Idempotency-Key` means anything.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Keys {
    /// Ignored.
    #[default]
    Ignored,
    /// The first answer is repeated for so long.
    Honoured {
        /// Milliseconds.
        remembers_ms: i64,
    },
}

/// Whether things show when they were made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Made {
    /// As `created_at`.
    #[default]
    Shown,
    /// Not at all.
    Hidden,
}

/// Whether reads by id lag as listings do.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ById {
    /// They show everything at once.
    #[default]
    AtOnce,
    /// They are as late as listings.
    Lagging,
}

/// What a POST of something equal to what is there comes to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Equals {
    /// Another thing.
    #[default]
    Made,
    /// The one that is there, with 200: as APIs of keys and of things that are named by their content do.
    Answered,
}

/// How many requests are taken: beyond that 429 with `Retry-After`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate {
    /// Requests a second in the long run.
    pub per_second: u32,
    /// Requests at once.
    pub burst: u32,
}

/// What an API calls things in its bodies and queries. A field may lie within objects: `metadata.mark`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Words {
    /// The field of a thing's id.
    pub id: String,
    /// That of its name, and the query that filters by it.
    pub name: String,
    /// That of its mark, and the query that filters by it.
    pub mark: String,
    /// That of when it was made.
    pub made: String,
    /// That of its state: `ready`, `pending`, `removing`.
    pub state: String,
    /// The field of a listing that holds the things; empty: the answer is the list.
    pub list: String,
    /// The field of a listing that says where it goes on.
    pub next: String,
    /// The query that says where to go on.
    pub cursor: String,
    /// The query that says how many there should be on a page.
    pub limit: String,
    /// The field in which single things are wrapped, asked and answered; empty: they are not.
    pub wrap: String,
}

impl Default for Words {
    fn default() -> Self {
        let [id, name, mark, made, state] = ["id", "name", "mark", "created_at", "state"].map(str::to_owned);
        let [list, next, cursor, limit] = ["items", "next", "cursor", "limit"].map(str::to_owned);
        Self { id, name, mark, made, state, list, next, cursor, limit, wrap: String::new() }
    }
}

/// The knobs of one collection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Knobs {
    /// What a thing's id is.
    pub ids: Ids,
    /// What names mean.
    pub names: Names,
    /// Whether things carry marks.
    pub marks: Marks,
    /// Whether idempotency keys mean anything.
    pub keys: Keys,
    /// Whether things show when they were made.
    pub made: Made,
    /// For so many milliseconds listings do not show what was made.
    pub lag_ms: i64,
    /// Whether reads by id lag too.
    pub by_id: ById,
    /// Whether a POST of something equal to what is there makes another one.
    pub equals: Equals,
    /// Every answer is on its way for so many milliseconds.
    pub answer_ms: i64,
    /// For so many milliseconds listings still show what is gone.
    pub stale_ms: i64,
    /// For so many milliseconds a new thing is `pending`, and its POST is answered with 202.
    pub build_ms: i64,
    /// For so many milliseconds a deleted thing is `removing`, and its DELETE is answered with 202.
    pub demolish_ms: i64,
    /// Things on a page of a listing.
    pub page: usize,
    /// How many requests are taken.
    pub rate: Option<Rate>,
    /// Things that the collection holds at most: beyond that 422.
    pub things_max: Option<usize>,
    /// What it calls things.
    pub words: Words,
}

impl Default for Knobs {
    fn default() -> Self {
        Self {
            ids: Ids::default(),
            names: Names::default(),
            marks: Marks::default(),
            keys: Keys::default(),
            made: Made::default(),
            lag_ms: 0,
            by_id: ById::default(),
            equals: Equals::default(),
            answer_ms: 0,
            stale_ms: 0,
            build_ms: 0,
            demolish_ms: 0,
            page: 100,
            rate: None,
            things_max: None,
            words: Words::default(),
        }
    }
}

impl Knobs {
    /// An API where the key is the id, and things carry marks: a DNS zone, a bucket namespace.
    pub fn natural() -> Self {
        Self { ids: Ids::Names, ..Self::default() }
    }

    /// An API that honours idempotency keys for a day, and knows neither names nor marks.
    pub fn keyed() -> Self {
        let keys = Keys::Honoured { remembers_ms: 86_400_000 };
        Self { keys, names: Names::None, marks: Marks::None, ..Self::default() }
    }

    /// An API with server-made ids whose things carry a mark: tags, metadata.
    pub fn marked() -> Self {
        Self { names: Names::Free, ..Self::default() }
    }

    /// An API that tells nothing of a thing but its id and when it was made: addresses, volumes.
    pub fn anonymous() -> Self {
        Self { names: Names::None, marks: Marks::None, ..Self::default() }
    }
}
