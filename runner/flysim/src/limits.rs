//! Rate limits as documented, and what was counted.
//!
//! [docs machines/api/working-with-machines-api]: one request per second per action and
//! identifier (machine or app), bursts of three; reading one machine five per second, bursts
//! of ten; app deletions 100 a minute. The limits of the organisation-wide lists are not
//! documented: generous ones are used here, so that a client that polls in a loop is noticed.

use std::collections::{BTreeMap, HashMap};

use serde::{Deserialize, Serialize};

/// Which limit a route has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Class {
    /// 1/s, burst 3, per action and machine or app.
    Action,
    /// 5/s, burst 10, per machine.
    ReadMachine,
    /// 100 a minute, over all apps.
    DeleteApp,
    /// 10/s, burst 20, per organisation.
    Listing,
    /// None: GraphQL, the platform's own facts.
    Free,
}

impl Class {
    /// Thousandths of a request that a second adds, and how many whole ones can be saved up.
    fn rate(self) -> Option<(i64, i64)> {
        match self {
            Self::Action => Some((1_000, 3)),
            Self::ReadMachine => Some((5_000, 10)),
            Self::DeleteApp => Some((1_667, 100)),
            Self::Listing => Some((10_000, 20)),
            Self::Free => None,
        }
    }
}

/// What the simulator counted since it was made.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stats {
    /// Calls of the API, refused ones included.
    pub requests: u64,
    /// Calls that were refused with 429 because a rate limit was exceeded.
    pub too_many: u64,
    /// Calls by the vendor's operation id (GraphQL by `graphql.` and the root field).
    pub operations: BTreeMap<String, u64>,
    /// Answers by HTTP status; 0 stands for a connection that was dropped.
    pub statuses: BTreeMap<u16, u64>,
}

/// Token buckets by action and identifier.
#[derive(Debug, Default)]
pub(crate) struct Limits {
    buckets: HashMap<(&'static str, String), Bucket>,
}

#[derive(Debug, Clone, Copy)]
struct Bucket {
    /// Millionths of a request.
    tokens: i64,
    at_ms: i64,
}

/// Above this many buckets the full ones are forgotten.
const BUCKETS_MAX: usize = 20_000;

impl Limits {
    /// Takes one request from the bucket.
    ///
    /// # Errors
    /// The bucket is empty: the milliseconds until it has one again.
    pub(crate) fn take(
        &mut self,
        class: Class,
        action: &'static str,
        id: &str,
        now_ms: i64,
    ) -> Result<(), i64> {
        let Some((per_second, burst)) = class.rate() else { return Ok(()) };
        let full = burst * 1_000_000;
        if self.buckets.len() > BUCKETS_MAX {
            self.buckets.retain(|_, bucket| bucket.at_ms + 60_000 > now_ms);
        }
        let bucket =
            self.buckets.entry((action, id.to_owned())).or_insert(Bucket { tokens: full, at_ms: now_ms });
        let passed = (now_ms - bucket.at_ms).clamp(0, 3_600_000);
        bucket.tokens = full.min(bucket.tokens + passed * per_second);
        bucket.at_ms = now_ms;
        if bucket.tokens < 1_000_000 {
            return Err((1_000_000 - bucket.tokens + per_second - 1) / per_second);
        }
        bucket.tokens -= 1_000_000;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn three_at_once_then_one_a_second() {
        let mut limits = Limits::default();
        let mut take = |id: &str, at| limits.take(Class::Action, "start", id, at);
        assert!((0..3).all(|_| take("m1", 0).is_ok()));
        assert_eq!(take("m1", 0), Err(1_000));
        assert!(take("m2", 0).is_ok(), "another machine has its own bucket");
        assert_eq!(take("m1", 999), Err(1));
        assert!(take("m1", 1_000).is_ok());
        assert!(take("m1", 1_000).is_err());
    }

    #[test]
    fn reading_a_machine_and_deleting_apps_have_their_own_rates() {
        let mut limits = Limits::default();
        let read = |limits: &mut Limits, at| limits.take(Class::ReadMachine, "get", "m", at).is_ok();
        assert_eq!((0..20).filter(|_| read(&mut limits, 0)).count(), 10);
        assert_eq!((0..20).filter(|_| read(&mut limits, 1_000)).count(), 5);
        let delete = |limits: &mut Limits, at| limits.take(Class::DeleteApp, "delete", "", at).is_ok();
        assert_eq!((0..200).filter(|_| delete(&mut limits, 0)).count(), 100);
        assert_eq!((0..200).filter(|_| delete(&mut limits, 60_000)).count(), 100);
        assert!((0..1_000).all(|_| limits.take(Class::Free, "regions", "", 0).is_ok()));
    }
}
