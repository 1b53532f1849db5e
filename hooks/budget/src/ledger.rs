//! What each app spent this month, as the last look reckoned it.
//!
//! The mirror says how long machines ran (`fleet`), by the platform's own times; a look reckons that with prices, app by
//! app, and keeps the sums: a ceiling may be shared by apps of different pages, and a remedy decides as the look did.

use std::collections::BTreeMap;

use groundcrew_hook::audit::jiff::{Timestamp, tz::TimeZone};
use groundcrew_hook::audit::shard_of;
use groundcrew_hook::fleet::RunningTime;
use groundcrew_hook::fly::prices::{Guest, Prices};
use groundcrew_hook::{Result, kv};
use serde::{Deserialize, Serialize};

/// Values of `kv`, one of each app's; a value has at most 64 KiB, and a run writes at most 100 keys.
const SHARDS: u64 = 90;

/// What is known of an app.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Entry {
    /// Picodollars this month.
    pub(crate) spent: u64,
    /// Seconds for which no price is known; they count nothing.
    pub(crate) unpriced: u64,
    /// Seconds of which nobody knows whether they ran; they count nothing.
    pub(crate) unseen: u64,
}

impl Entry {
    /// Reckons what these times cost.
    pub(crate) fn of(times: &[RunningTime], prices: &Prices) -> Self {
        let mut entry = Self::default();
        for time in times {
            let guest = Guest::deserialize(&time.guest).ok();
            let price = guest.and_then(|guest| prices.machine_second(&guest, &time.region));
            match price {
                // By the millisecond, as the host counts.
                Some(pico) => entry.spent += (pico / 1_000).saturating_mul((time.seconds * 1_000.0) as u64),
                None => entry.unpriced += time.seconds as u64,
            }
            entry.unseen += time.unseen as u64;
        }
        entry
    }
}

#[derive(Debug, Default, Serialize, Deserialize)]
struct Shard {
    /// The month that the entries are about.
    month: String,
    /// By the app's id: one that is made again begins anew.
    apps: BTreeMap<String, Entry>,
}

/// All of it, as far as it was touched.
#[derive(Debug)]
pub(crate) struct Ledger {
    month: String,
    shards: BTreeMap<u64, Shard>,
}

impl Ledger {
    /// The ledger as of now.
    pub(crate) fn open(now: Timestamp) -> Self {
        let month = now.to_zoned(TimeZone::UTC).strftime("%Y-%m").to_string();
        Self { month, shards: BTreeMap::new() }
    }

    /// The month, as the mirror is asked for it.
    pub(crate) fn month(&self) -> &str {
        &self.month
    }

    /// Enters what an app spent.
    pub(crate) fn enter(&mut self, app_id: &str, entry: Entry) -> Result<()> {
        self.shard(shard_of(app_id, SHARDS))?.apps.insert(app_id.to_owned(), entry);
        Ok(())
    }

    /// All apps that were looked at this month.
    pub(crate) fn all(mut self) -> Result<BTreeMap<String, Entry>> {
        for n in 0..SHARDS {
            self.shard(n)?;
        }
        Ok(self.shards.into_values().flat_map(|shard| shard.apps).collect())
    }

    /// Keeps what was entered, with the success of this run.
    pub(crate) fn save(self) -> Result<()> {
        for (n, shard) in self.shards {
            kv::write(&key(n), &serde_json::to_vec(&shard)?)?;
        }
        Ok(())
    }

    fn shard(&mut self, n: u64) -> Result<&mut Shard> {
        if !self.shards.contains_key(&n) {
            let kept = kv::read(&key(n))?.map(|kept| serde_json::from_slice::<Shard>(&kept)).transpose()?;
            let kept = kept.filter(|shard| shard.month == self.month);
            let new = || Shard { month: self.month.clone(), apps: BTreeMap::new() };
            self.shards.insert(n, kept.unwrap_or_else(new));
        }
        Ok(self.shards.entry(n).or_default())
    }
}

/// Another name than what earlier versions kept there, of machines.
fn key(n: u64) -> String {
    format!("apps.{n}")
}

#[cfg(test)]
mod tests {
    use groundcrew_hook::json;

    use super::*;

    fn time(cpus: u32, region: &str, seconds: f64, unseen: f64) -> RunningTime {
        let guest = json!({ "cpu_kind": "shared", "cpus": cpus, "memory_mb": 256 });
        RunningTime { guest, region: region.to_owned(), seconds, unseen }
    }

    #[test]
    fn times_of_all_sizes_add_up_at_their_own_price() {
        let prices = Prices::published();
        let second = |cpus| Entry::of(&[time(cpus, "fra", 1_000.0, 0.0)], &prices).spent;
        let both = Entry::of(&[time(1, "fra", 1_000.0, 0.0), time(2, "fra", 1_000.0, 60.0)], &prices);
        assert_eq!((both.spent, both.unpriced, both.unseen), (second(1) + second(2), 0, 60));
        assert!(second(2) > second(1) && second(1) > 0);
    }

    #[test]
    fn an_unknown_price_is_said_and_not_guessed() {
        let unknown =
            [time(1, "moon", 90.0, 0.0), RunningTime { guest: json!(null), ..time(1, "fra", 10.0, 0.0) }];
        let entry = Entry::of(&unknown, &Prices::published());
        assert_eq!((entry.spent, entry.unpriced), (0, 100));
        assert_eq!(Entry::of(&[time(1, "moon", 0.0, 0.0)], &Prices::published()), Entry::default());
    }
}
