//! What each machine ran for this month, kept from look to look.
//!
//! A look sees whether a machine runs, and since when it is as it is (`updated_at`). The organisation's list lags by
//! minutes, so a look may count too much; the next one, which sees when the machine really stopped, takes it back.
//! What starts and stops again between two looks is not seen.

use std::collections::BTreeMap;

use groundcrew_hook::audit::jiff::{Timestamp, tz::TimeZone};
use groundcrew_hook::audit::{is_quiet, shard_of};
use groundcrew_hook::{Failure, Result, kv};
use serde::{Deserialize, Serialize};

/// Values of `kv`, one of each machine's; a value has at most 64 KiB, and a run writes at most 100 keys.
const SHARDS: u64 = 90;

/// A machine as one look sees it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sight<'a> {
    /// The app's name.
    pub(crate) app: &'a str,
    /// The platform's word.
    pub(crate) state: &'a str,
    /// Since when it is as it is.
    pub(crate) changed: Option<Timestamp>,
    /// Picodollars a second while it runs; none: unknown.
    pub(crate) price: Option<u64>,
}

/// What is known of a machine.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Entry {
    /// The app's name.
    pub(crate) app: String,
    /// Picodollars this month.
    pub(crate) spent: u64,
    /// When it was last looked at, in milliseconds since the Unix epoch.
    at: i64,
    /// Whether it ran then.
    pub(crate) running: bool,
    /// Whether it ran for a price that is not known.
    pub(crate) unpriced: bool,
}

#[derive(Debug, Default, Serialize, Deserialize)]
struct Shard {
    /// When the month began that the entries are about.
    month: i64,
    machines: BTreeMap<String, Entry>,
}

impl Shard {
    /// Begins a new month, if it is one: nothing is spent, and only what ran on is still of interest.
    ///
    /// What no look saw in the whole month before has vanished without its end being shown, and is forgotten.
    fn turn_to(&mut self, month: i64) {
        if self.month == month {
            return;
        }
        let seen_since = std::mem::replace(&mut self.month, month);
        self.machines.retain(|_, entry| entry.running && entry.at > seen_since);
        for entry in self.machines.values_mut() {
            *entry = Entry { spent: 0, at: entry.at.max(month), unpriced: false, ..entry.clone() };
        }
    }
}

/// All of it, as far as it was touched.
#[derive(Debug)]
pub(crate) struct Ledger {
    now: i64,
    month: i64,
    shards: BTreeMap<u64, Shard>,
}

/// When this month began, in UTC.
fn month_start(now: Timestamp) -> Result<i64> {
    let first = now.to_zoned(TimeZone::UTC).date().first_of_month();
    let start =
        first.to_zoned(TimeZone::UTC).map_err(|error| Failure::lasting(format!("the month: {error}")))?;
    Ok(start.timestamp().as_millisecond())
}

impl Ledger {
    /// The ledger as of now.
    pub(crate) fn open(now: Timestamp) -> Result<Self> {
        Ok(Self { now: now.as_millisecond(), month: month_start(now)?, shards: BTreeMap::new() })
    }

    /// Enters what a look saw of a machine.
    pub(crate) fn enter(&mut self, machine: &str, sight: &Sight<'_>) -> Result<()> {
        let (now, month) = (self.now, self.month);
        let shard = self.shard(shard_of(machine, SHARDS))?;
        let before = shard.machines.get(machine);
        // What ended before this month and is gone needs no line.
        if before.is_none() && sight.state == "destroyed" {
            return Ok(());
        }
        let entry = advance(before, sight, now, month);
        shard.machines.insert(machine.to_owned(), entry);
        Ok(())
    }

    /// All machines that are known this month.
    pub(crate) fn all(&mut self) -> Result<Vec<Entry>> {
        for n in 0..SHARDS {
            self.shard(n)?;
        }
        Ok(self.shards.values().flat_map(|shard| shard.machines.values().cloned()).collect())
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
            let kept = kv::read(&key(n))?.map(|kept| serde_json::from_slice(&kept)).transpose()?;
            let mut shard: Shard = kept.unwrap_or_default();
            shard.turn_to(self.month);
            self.shards.insert(n, shard);
        }
        Ok(self.shards.entry(n).or_default())
    }
}

fn key(n: u64) -> String {
    format!("spent.{n}")
}

/// What is known after a look. All times in milliseconds; nothing before the month counts.
fn advance(before: Option<&Entry>, sight: &Sight<'_>, now: i64, month: i64) -> Entry {
    let running = !is_quiet(sight.state);
    let changed = sight.changed.map_or(now, Timestamp::as_millisecond).clamp(month, now.max(month));
    let ran = before.is_some_and(|before| before.running);
    let at = before.map_or(month, |before| before.at.max(month));
    let ran_ms = match (ran, running) {
        (true, true) => now - at,
        (false, true) => now - changed,
        // Negative, if the last look counted on after it had stopped.
        (true, false) => changed - at,
        (false, false) => 0,
    };
    let price = sight.price.unwrap_or(0) / 1_000;
    let (spent, more) =
        (before.map_or(0, |before| before.spent), price.saturating_mul(ran_ms.unsigned_abs()));
    Entry {
        app: sight.app.to_owned(),
        spent: if ran_ms < 0 { spent.saturating_sub(more) } else { spent.saturating_add(more) },
        at: now,
        running,
        unpriced: before.is_some_and(|before| before.unpriced) || sight.price.is_none() && ran_ms > 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: i64 = 3_600_000;
    /// A picodollar each millisecond.
    const PRICE: u64 = 1_000;

    fn sight(state: &'static str, changed: i64) -> Sight<'static> {
        let changed = Timestamp::from_millisecond(changed).ok();
        Sight { app: "web", state, changed, price: Some(PRICE) }
    }

    /// Looks at these (time, state, changed), from a month that began at zero.
    fn spent(looks: &[(i64, &'static str, i64)]) -> i64 {
        let mut entry = None;
        for (now, state, changed) in looks {
            entry = Some(advance(entry.as_ref(), &sight(state, changed * HOUR), now * HOUR, 0));
        }
        entry.map_or(0, |entry| entry.spent as i64 / HOUR)
    }

    #[test]
    fn hours_that_ran_are_counted_once() {
        for (looks, hours) in [
            (&[(10, "started", 4)][..], 6),
            (&[(10, "started", -50)], 10),
            (&[(10, "started", 4), (12, "started", 4)], 8),
            (&[(10, "started", 4), (12, "stopped", 11)], 7),
            (&[(10, "started", 4), (12, "stopped", 11), (20, "stopped", 11)], 7),
            (&[(10, "stopped", 4), (12, "started", 11)], 1),
            (&[(10, "started", 4), (12, "destroyed", 11)], 7),
        ] {
            assert_eq!(spent(looks), hours, "{looks:?}");
        }
    }

    #[test]
    fn what_a_lagging_list_counted_too_much_is_taken_back() {
        assert_eq!(spent(&[(10, "started", 4), (12, "stopped", 9)]), 5);
        assert_eq!(spent(&[(10, "stopped", 4), (12, "started", 9)]), 3);
    }

    #[test]
    fn what_vanished_without_an_end_is_forgotten_after_a_month() {
        const MONTH: i64 = 30 * 24 * HOUR;
        let running = advance(None, &sight("started", 0), HOUR, 0);
        let mut shard = Shard { month: 0, machines: BTreeMap::from([("m".to_owned(), running)]) };
        shard.turn_to(MONTH);
        assert_eq!(shard.machines["m"].at, MONTH, "it was seen, and may run on");
        shard.turn_to(MONTH);
        assert_eq!(shard.machines.len(), 1);
        shard.turn_to(2 * MONTH);
        assert!(shard.machines.is_empty());
    }

    #[test]
    fn an_unknown_price_is_said_and_not_guessed() {
        let unknown = Sight { price: None, ..sight("started", 0) };
        let entry = advance(None, &unknown, HOUR, 0);
        assert!(entry.unpriced && entry.spent == 0);
        assert!(!advance(None, &Sight { price: None, ..sight("stopped", 0) }, HOUR, 0).unpriced);
    }
}
