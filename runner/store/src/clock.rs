//! What is kept of the clock by which everything here is stamped.

use groundcrew_core::steady::Era;
use groundcrew_core::time::Timestamp;

use crate::inherit::WITH_ITS_OWNER;
use crate::{Result, Store, sql};

/// Where it is among the values of the installation.
const KEY: &str = "clock";

impl Store {
    /// What the last process kept of its clock; what cannot be read is as good as none.
    pub fn kept_clock(&self) -> Result<Option<Era>> {
        Ok(self.meta(KEY)?.and_then(|text| serde_json::from_str(&text).ok()))
    }

    /// Keeps what is to be known of the clock, before anything is stamped with a time of this era.
    pub async fn keep_clock(&self, era: &Era) -> Result<()> {
        let text = sql::text_of(era);
        self.write(move |connection| {
            let set =
                "INSERT INTO meta VALUES (?1, ?2) ON CONFLICT (key) DO UPDATE SET value = excluded.value";
            connection.execute(set, [KEY, &text])?;
            Ok(())
        })
        .await
    }

    /// The latest time with which a write is stamped that the ledger remembers; none: there was none.
    pub fn latest_stamp(&self) -> Result<Option<Timestamp>> {
        self.read(|connection| {
            // What went with its owner may be inherited by the next one of that name.
            let latest =
                "SELECT max(max(coalesce(intended_at, 0), coalesce(made_by, 0), coalesce(removed_by, 0),
                  coalesce(absent_at, 0))) FROM resource WHERE state NOT IN ('gone', 'creating') OR gone_how = ?1";
            let latest: Option<i64> = connection.query_row(latest, [WITH_ITS_OWNER], |row| row.get(0))?;
            Ok(latest.map(Timestamp::from_millis))
        })
    }
}
