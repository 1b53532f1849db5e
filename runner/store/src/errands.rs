//! What people ask of a runner that takes it a while: an audit now, a remedy now.
//!
//! It is on record from before it is confirmed until it is over, so whoever takes the place of a runner does what that was
//! asked for.

use groundcrew_core::time::Timestamp;
use rusqlite::{Row, params};

use crate::operators::{self, OperatorAct};
use crate::{Result, Store};

/// How many may be asked for and not be over.
pub const ERRANDS_MAX: u32 = 256;

/// What is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Errand {
    /// An audit, by its name.
    Audit(String),
    /// The remedy of a finding, by its number.
    Mend(i64),
}

/// An errand that is not over.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AskedErrand {
    /// Its number, which no other one ever has.
    pub id: i64,
    /// What is asked for.
    pub errand: Errand,
    /// Who asks, or asked first.
    pub who: String,
    /// How many processes began it, and did not come to their end in order.
    pub begun: u32,
}

/// Whether an errand is on record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kept {
    /// It is.
    Yes,
    /// There are [`ERRANDS_MAX`] already.
    Full,
}

impl Store {
    /// Keeps what a person asks for, and that they did. What is asked for already, and has not begun, is kept once.
    pub async fn ask(&self, errand: Errand, act: OperatorAct, now: Timestamp) -> Result<Kept> {
        self.write(move |connection| {
            let (audit, finding) = match &errand {
                Errand::Audit(name) => (Some(name), None),
                Errand::Mend(finding) => (None, Some(finding)),
            };
            // What has begun may have looked already: whoever asks by then asks for another look.
            let text =
                "SELECT count(*), coalesce(max(begun = 0 AND audit IS ?1 AND finding IS ?2), 0) FROM errand";
            let read = |row: &Row<'_>| Ok((row.get::<_, u32>(0)?, row.get::<_, bool>(1)?));
            let (asked, is_asked) = connection.query_row(text, params![audit, finding], read)?;
            if !is_asked {
                if asked >= ERRANDS_MAX {
                    return Ok(Kept::Full);
                }
                let text = "INSERT INTO errand (audit, finding, who) VALUES (?1, ?2, ?3)";
                connection.execute(text, params![audit, finding, act.who])?;
            }
            operators::record(connection, &act, now)?;
            Ok(Kept::Yes)
        })
        .await
    }

    /// What was asked for and is not over, in the order of asking.
    pub fn errands(&self) -> Result<Vec<AskedErrand>> {
        self.read(|connection| {
            let text = "SELECT id, audit, finding, who, begun FROM errand ORDER BY id";
            let mut statement = connection.prepare_cached(text)?;
            let rows = statement.query_map([], |row| {
                let errand = match row.get::<_, Option<String>>(1)? {
                    Some(audit) => Errand::Audit(audit),
                    None => Errand::Mend(row.get(2)?),
                };
                Ok(AskedErrand { id: row.get(0)?, errand, who: row.get(3)?, begun: row.get(4)? })
            })?;
            Ok(rows.collect::<rusqlite::Result<_>>()?)
        })
    }

    /// A process begins an errand.
    pub async fn begin_errand(&self, id: i64) -> Result<()> {
        self.write(move |connection| {
            connection.execute("UPDATE errand SET begun = begun + 1 WHERE id = ?1", [id])?;
            Ok(())
        })
        .await
    }

    /// A process comes to its end in order: none of the errands that it leaves counts as begun.
    pub async fn spare_errands(&self) -> Result<()> {
        self.write(|connection| {
            connection.execute("UPDATE errand SET begun = 0 WHERE begun > 0", [])?;
            Ok(())
        })
        .await
    }

    /// An errand is over.
    pub async fn end_errand(&self, id: i64) -> Result<()> {
        self.write(move |connection| {
            connection.execute("DELETE FROM errand WHERE id = ?1", [id])?;
            Ok(())
        })
        .await
    }
}
