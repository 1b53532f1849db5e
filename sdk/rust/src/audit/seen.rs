//! Since when something is so, for what the API gives no date of.

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::{DAY_MS, now};
use crate::{Failure, Result, kv};

/// One value of `kv` for each; a value has at most 64 KiB, so about 30,000 ids fit.
const SHARDS: u64 = 32;
/// What was not seen for so long is forgotten.
const FORGET_MS: i64 = 90 * DAY_MS;

/// Id to when it was first and last seen, in milliseconds since the Unix epoch.
type Shard = BTreeMap<String, (i64, i64)>;

/// Remembers since when ids of one kind are noticed, from look to look.
///
/// *Guarantee.* What [`since`](Self::since) says is never earlier than the first look that noticed the id, so an age
/// made of it is never too old. Nothing is kept before [`save`](Self::save).
#[derive(Clone, Debug)]
pub struct FirstSeen {
    kind: &'static str,
    now: i64,
    shards: BTreeMap<u64, Shard>,
}

impl FirstSeen {
    /// The memory of one kind; a word of its own within the hook.
    pub fn of(kind: &'static str) -> Result<Self> {
        Ok(Self { kind, now: now()?.as_millisecond(), shards: BTreeMap::new() })
    }

    /// Notes that it is so now, and says since when.
    pub fn since(&mut self, id: &str) -> Result<Timestamp> {
        let now = self.now;
        let seen = self.shard(id)?.entry(id.to_owned()).or_insert((now, now));
        seen.1 = now;
        let first = seen.0.min(now);
        Timestamp::from_millisecond(first).map_err(|error| Failure::lasting(format!("{id}: {error}")))
    }

    /// Says since when it is so, if that is known, without noting anything.
    pub fn known(&mut self, id: &str) -> Result<Option<Timestamp>> {
        let first = self.shard(id)?.get(id).map(|seen| seen.0);
        Ok(first.and_then(|first| Timestamp::from_millisecond(first).ok()))
    }

    /// Notes that it is not so any more.
    pub fn forget(&mut self, id: &str) -> Result<()> {
        self.shard(id)?.remove(id);
        Ok(())
    }

    /// Keeps what was noted, with the success of this run.
    pub fn save(self) -> Result<()> {
        for (n, mut shard) in self.shards {
            shard.retain(|_, (_, last)| self.now - *last < FORGET_MS);
            let key = format!("seen.{}.{n}", self.kind);
            if shard.is_empty() { kv::forget(&key)? } else { kv::write(&key, &serde_json::to_vec(&shard)?)? }
        }
        Ok(())
    }

    fn shard(&mut self, id: &str) -> Result<&mut Shard> {
        let n = shard_of(id, SHARDS);
        if !self.shards.contains_key(&n) {
            let kept = kv::read(&format!("seen.{}.{n}", self.kind))?;
            let shard = kept.map(|kept| serde_json::from_slice(&kept)).transpose()?;
            self.shards.insert(n, shard.unwrap_or_default());
        }
        Ok(self.shards.entry(n).or_default())
    }
}

/// Spreads ids over shards (FNV-1a), the same for ever: what is kept must be found again.
pub fn shard_of(id: &str, shards: u64) -> u64 {
    let fold = |hash: u64, byte: u8| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
    id.bytes().fold(0xcbf2_9ce4_8422_2325, fold) % shards
}

#[cfg(all(test, not(target_arch = "wasm32")))]
mod tests {
    use std::cell::Cell;
    use std::rc::Rc;

    use super::*;
    use crate::testing::Fake;

    fn host() -> (Fake, Rc<Cell<i64>>) {
        let now = Rc::new(Cell::new(DAY_MS));
        let clock = Rc::clone(&now);
        (Fake::new().clock(move || clock.get()), now)
    }

    /// One look that notices these ids; returns since when, in days.
    fn look(ids: &[&str]) -> Vec<i64> {
        let mut seen = FirstSeen::of("thing").unwrap();
        let since = ids.iter().map(|id| seen.since(id).unwrap().as_millisecond() / DAY_MS).collect();
        seen.save().unwrap();
        since
    }

    #[test]
    fn what_is_so_is_so_since_the_first_look_that_saw_it() {
        let (host, now) = host();
        host.run(|| assert_eq!(look(&["a"]), [1]));
        now.set(5 * DAY_MS);
        host.run(|| assert_eq!(look(&["a", "b"]), [1, 5]));
        host.run(|| {
            let mut seen = FirstSeen::of("thing").unwrap();
            seen.forget("a").unwrap();
            assert_eq!(seen.known("a").unwrap(), None);
        });
        host.run(|| assert_eq!(look(&["a"]), [1], "what was not saved did not happen"));
        host.run(|| {
            let mut other = FirstSeen::of("other").unwrap();
            assert_eq!(other.known("a").unwrap(), None);
            let mut seen = FirstSeen::of("thing").unwrap();
            seen.forget("a").unwrap();
            seen.save().unwrap();
            assert_eq!(look(&["a", "b"]), [5, 5]);
        });
    }

    #[test]
    fn what_nobody_noticed_for_long_is_forgotten() {
        let (host, now) = host();
        host.run(|| assert_eq!(look(&["a"]), [1]));
        now.set(DAY_MS + FORGET_MS);
        host.run(|| {
            let mut seen = FirstSeen::of("thing").unwrap();
            assert!(seen.known("a").unwrap().is_some());
            seen.save().unwrap();
            assert_eq!(FirstSeen::of("thing").unwrap().known("a").unwrap(), None);
        });
    }

    #[test]
    fn thousands_of_ids_fit() {
        let (host, _) = host();
        let ids: Vec<_> = (0..20_000).map(|n| format!("app:{n:016}")).collect();
        host.run(|| look(&ids.iter().map(String::as_str).collect::<Vec<_>>()));
    }
}
