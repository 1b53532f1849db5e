//! Which key an installation began with: what was made with it is of use with no other.

use groundcrew_core::time::Timestamp;

use crate::operators::{OperatorAct, record};
use crate::{Result, Store};

/// Where it is among the values of the installation.
const PRINT: &str = "key";

impl Store {
    /// What tells the installation's key from others; none in a database that no runner of this version has opened.
    pub fn key_print(&self) -> Result<Option<String>> {
        self.meta(PRINT)
    }

    /// Whether something was made with a key: a hook is on record only once there was one, in older databases, too.
    pub fn needs_key(&self) -> Result<bool> {
        self.read(|connection| {
            let text = "SELECT EXISTS (SELECT 1 FROM meta WHERE key = ?1) OR EXISTS (SELECT 1 FROM hook)";
            Ok(connection.query_row(text, [PRINT], |row| row.get(0))?)
        })
    }

    /// Writes it, once: a later different one is refused with the first.
    pub async fn claim_key_print(&self, print: &str) -> Result<Result<(), String>> {
        self.claim_meta(PRINT, print).await
    }

    /// Takes that of another key, since the first one is lost for good.
    pub async fn renew_key_print(&self, print: &str, act: OperatorAct, now: Timestamp) -> Result<()> {
        let print = print.to_owned();
        self.write(move |connection| {
            let text =
                "INSERT INTO meta VALUES (?1, ?2) ON CONFLICT (key) DO UPDATE SET value = excluded.value";
            connection.execute(text, [PRINT, &print])?;
            record(connection, &act, now)
        })
        .await
    }
}
