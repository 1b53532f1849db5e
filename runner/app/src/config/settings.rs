//! What the runner's parts need of a configuration, each its own narrow struct.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::str::FromStr;

use groundcrew_core::duration::Millis;
use groundcrew_core::may_delete::Window;
use groundcrew_core::mirror::VanishMax;
use groundcrew_core::poll;
use url::Url;

use super::globs;

/// Where things are kept, and for how long.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Store {
    /// The data directory: lock, socket, compile cache.
    pub dir: PathBuf,
    /// The database file.
    pub database: PathBuf,
    /// How long history is kept; the ledger is kept while a thing exists.
    pub keep: Keep,
}

/// How long history is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Keep {
    /// Runs, their calls and logs; events and deliveries that are done.
    pub runs: Millis,
    /// Bodies of requests and answers.
    pub bodies: Millis,
    /// What people did; retirements and backfills that are over.
    pub acts: Millis,
}

/// The HTTP API on the network; on the socket it is always there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Http {
    /// Where it listens.
    pub listen: SocketAddr,
    /// The secret with the bearer token of `POST /v1/events`; without one, that is off.
    pub token: Option<String>,
}

/// What tells the runner of apps and machines.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sources {
    /// An organisation on Fly.
    pub fly: Option<FlySource>,
    /// Observations, one JSON object a line.
    pub ndjson: Option<NdjsonSource>,
}

/// An organisation on Fly.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FlySource {
    /// The organisation's slug.
    pub org: String,
    /// The secret with the token; reading suffices.
    pub token: String,
    /// The secret with the token that may cordon, stop and destroy machines; without one nothing is retired.
    pub retire_token: Option<String>,
    /// The Machines API.
    pub url: Url,
    /// How fast to poll.
    pub pace: poll::Pace,
    /// How many apps may vanish before the source is not believed.
    pub vanish_max: VanishMax,
}

/// Observations, one JSON object a line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NdjsonSource {
    /// The organisation in the paths of what the lines name.
    pub org: String,
    /// Where they come from.
    pub from: Ndjson,
}

/// Where observations come from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ndjson {
    /// Standard input (`-`).
    Stdin,
    /// A file.
    File(PathBuf),
}

/// An operator's endpoint that knows what the platform does not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LabelSource {
    /// Its name.
    pub name: String,
    /// The URL with `{app}` and `{org}`.
    pub url: String,
    /// Secrets, by name, and where they are put.
    pub secrets: Vec<(String, Position)>,
    /// How often each app is asked about.
    pub every: Millis,
    /// How long an answer may take.
    pub timeout: Millis,
    /// The labels it may give, and their types; others are dropped with a finding.
    pub values: BTreeMap<String, LabelType>,
}

/// The type of a label.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum LabelType {
    /// A text.
    String,
    /// A number.
    Number,
    /// True or false.
    Bool,
    /// A list of texts.
    List,
}

impl LabelType {
    /// The words for the types.
    pub const WORDS: [&'static str; 4] = ["string", "number", "bool", "list"];

    /// Whether a value is of this type.
    pub fn fits(self, value: &serde_json::Value) -> bool {
        match self {
            Self::String => value.is_string(),
            Self::Number => value.is_number(),
            Self::Bool => value.is_boolean(),
            Self::List => {
                value.as_array().is_some_and(|items| items.iter().all(serde_json::Value::is_string))
            }
        }
    }
}

impl FromStr for LabelType {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        match text {
            "string" => Ok(Self::String),
            "number" => Ok(Self::Number),
            "bool" => Ok(Self::Bool),
            "list" => Ok(Self::List),
            _ => Err(()),
        }
    }
}

/// Where a secret's value may be put.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Position {
    /// A header of this name, in lower case.
    Header(String),
    /// The whole URL.
    Url,
}

/// A choice of apps by name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scope {
    /// Its name.
    pub name: String,
    /// Patterns of which one must match.
    pub apps: Vec<String>,
    /// Patterns of which none may match.
    pub except: Vec<String>,
}

impl Scope {
    /// Whether an app belongs to it.
    pub fn contains(&self, app: &str) -> bool {
        let any = |patterns: &[String]| patterns.iter().any(|pattern| globs::matches(pattern, app));
        any(&self.apps) && !any(&self.except)
    }

    /// Patterns of two scopes, none being every app, that may both hold one app; none: no app can be in both.
    ///
    /// An exception counts if it takes in the whole of one of the two patterns.
    pub fn overlap(one: Option<&Self>, other: Option<&Self>) -> Option<(String, String)> {
        let patterns =
            |scope: Option<&Self>| scope.map_or_else(|| vec!["*".to_owned()], |scope| scope.apps.clone());
        let except: Vec<_> = [one, other].into_iter().flatten().flat_map(|scope| &scope.except).collect();
        let excluded = |pattern: &str| except.iter().any(|except| globs::within(pattern, except));
        patterns(one).into_iter().filter(|one| !excluded(one)).find_map(|one| {
            let both = |other: &String| !excluded(other) && globs::meet(&one, other);
            patterns(other).into_iter().find(both).map(|other| (one.clone(), other))
        })
    }
}

/// How often something may be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rate {
    /// As often as one likes.
    Unlimited,
    /// So many in a while.
    Limited {
        /// So many.
        count: u32,
        /// The while.
        within: Millis,
    },
}

/// The text is no rate.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no rate; write a number from 1 to 1000 and `/s`, `/m` or `/h`, such as `20/s`, or `none`")]
pub struct RateError(String);

impl FromStr for Rate {
    type Err = RateError;

    fn from_str(text: &str) -> Result<Self, RateError> {
        let bad = || RateError(text.to_owned());
        if text == "none" {
            return Ok(Self::Unlimited);
        }
        let (count, unit) = text.split_once('/').ok_or_else(bad)?;
        let count = count.parse().ok().filter(|count| (1..=1000).contains(count)).ok_or_else(bad)?;
        let within = match unit {
            "s" => Millis::seconds(1),
            "m" => Millis::minutes(1),
            "h" => Millis::hours(1),
            _ => return Err(bad()),
        };
        Ok(Self::Limited { count, within })
    }
}

impl From<Rate> for poll::Rate {
    /// A second's worth at once (at least one), then evenly.
    fn from(rate: Rate) -> Self {
        let Rate::Limited { count, within } = rate else {
            return Self { burst: 1, every: Millis::ZERO };
        };
        let within = within.as_i64();
        let burst = (i64::from(count) * 1_000 / within).max(1) as u32;
        Self { burst, every: Millis::new(within / i64::from(count)) }
    }
}

/// A share and a floor within a while, as `deletes` and `vanish_max` are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Allowance {
    pub(super) percent: u32,
    pub(super) floor: u32,
    pub(super) within: Millis,
}

impl From<Allowance> for Window {
    fn from(Allowance { percent, floor, within }: Allowance) -> Self {
        Self { share_percent: percent, floor, within }
    }
}

impl From<Allowance> for VanishMax {
    fn from(Allowance { percent, floor, within }: Allowance) -> Self {
        Self { percent, floor, within }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_are_read_and_become_buckets() {
        assert_eq!(
            poll::Rate::from("2/s".parse::<Rate>().unwrap()),
            poll::Rate { burst: 2, every: Millis::new(500) }
        );
        assert_eq!(
            poll::Rate::from("30/m".parse::<Rate>().unwrap()),
            poll::Rate { burst: 1, every: Millis::seconds(2) }
        );
        assert_eq!(poll::Rate::from("none".parse::<Rate>().unwrap()).every, Millis::ZERO);
        for text in ["", "20", "0/s", "1001/s", "20/d", "x/s"] {
            assert!(text.parse::<Rate>().is_err(), "{text}");
        }
    }
}
