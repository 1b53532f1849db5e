//! What is remembered: mirror, inbox, lanes, runs, ledger, findings. The only crate that knows SQL.
//!
//! One writer thread owns the write connection. A mutation is a closure with an acknowledgement; the writer
//! takes what has gathered, runs each in a savepoint of one transaction, commits, and acknowledges all. There
//! is no timer: alone a mutation costs one fsync, under load hundreds share it. What is only played has a database
//! in memory ([`Memory`]), behind the same functions.
//!
//! # Guarantees
//! - Acknowledged means durable.
//! - A constraint that one mutation breaks fails that mutation and no neighbour.
//! - After an I/O error or a full disk nobody is acknowledged; the connection is opened again before the next
//!   batch, and [`Store::health`] says why meanwhile.

#![forbid(unsafe_code)]

pub mod applied;
pub mod audits;
pub mod backfills;
pub mod because;
pub mod canary;
pub mod clock;
pub mod deliveries;
pub mod ends;
pub mod errands;
pub mod events;
pub mod findings;
pub mod history;
pub mod hooks;
pub mod inherit;
pub mod inventory;
mod key_print;
pub mod labels;
pub mod lanes;
pub mod last_words;
pub mod leave;
pub mod ledger;
pub mod listing;
pub mod operators;
pub mod promotions;
pub mod prune;
mod prune_acts;
mod prune_bodies;
mod prune_subjects;
pub mod reconcile;
pub mod recover;
pub mod remedies;
pub mod requests;
pub mod retirements;
pub mod running;
pub mod runs;
pub mod sealed;
pub mod sight;
pub mod subjects;
pub mod told;
pub mod upgrades;
pub mod versions;
pub mod wants;

mod faults;
mod log;
mod memory;
mod migrations;
mod older;
mod reader;
mod sql;
mod writer;

pub use faults::{CommitFault, CommitFaults, CommitMoment};
pub use log::Bounds;
pub use memory::{Contents, Memory};
pub use reader::Reader;
pub use rusqlite::{Connection, Row};
pub use writer::{BATCH_BYTES_MAX, BATCH_MAX, Health, Options, QUEUE_MAX, Store};

use groundcrew_core::time::Timestamp;
use rusqlite::ErrorCode;

/// Why the store did not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The file cannot be opened.
    #[error("database {path}")]
    Open {
        /// Which.
        path: std::path::PathBuf,
        /// Why.
        source: rusqlite::Error,
    },
    /// It was written by a newer version.
    #[error(
        "database {path} has schema {found}; this program knows up to {known}: use the newer program, or a backup"
    )]
    Newer {
        /// Which.
        path: std::path::PathBuf,
        /// Its schema.
        found: u32,
        /// The newest that is known here.
        known: u32,
    },
    /// It was written by an older version, and cannot be copied to be read.
    #[error(
        "database {path} has schema {found}, and no copy of it could be brought to {known} to be read: `groundcrew up` migrates it when it starts"
    )]
    Older {
        /// Which.
        path: std::path::PathBuf,
        /// Its schema.
        found: u32,
        /// The one that is read here.
        known: u32,
        /// What failed.
        #[source]
        why: Box<Error>,
    },
    /// A statement failed; nothing of this mutation was kept.
    #[error("the database refused it: {0}")]
    Refused(#[from] rusqlite::Error),
    /// The row was changed by somebody else meanwhile; read it again.
    #[error("{0} changed meanwhile")]
    Superseded(&'static str),
    /// What is stored does not fit this program's words.
    #[error("the database holds what this version does not know: {0}")]
    Foreign(String),
    /// A write was to be kept with a run that has ended.
    #[error("run {0} has ended: no write may leave for it any more")]
    Over(RunId),
    /// The disk is full or broken; nothing was acknowledged.
    #[error("the database cannot be written: {0}")]
    Unavailable(String),
    /// The store was closed.
    #[error("the store is closed")]
    Closed,
    /// There is no such thing.
    #[error("no such {0}")]
    Missing(&'static str),
}

impl Error {
    /// Whether the same would be refused again: by a constraint, or for a value that cannot be kept or read.
    pub fn is_lasting(&self) -> bool {
        let Self::Refused(error) = self else { return false };
        // Without a code it is no word of the database, but of what reads and writes values.
        error.sqlite_error_code().is_none_or(|code| {
            matches!(
                code,
                ErrorCode::ConstraintViolation
                    | ErrorCode::TypeMismatch
                    | ErrorCode::TooBig
                    | ErrorCode::ParameterOutOfRange
            )
        })
    }

    /// Whether the file is no database, or a damaged one: what it held is to be had from a copy only.
    pub fn is_broken(&self) -> bool {
        let error = match self {
            Self::Refused(error) | Self::Open { source: error, .. } => error,
            Self::Older { why, .. } => return why.is_broken(),
            _ => return false,
        };
        matches!(error.sqlite_error_code(), Some(ErrorCode::NotADatabase | ErrorCode::DatabaseCorrupt))
    }
}

/// The store's result.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// A hook's number in the store.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct HookId(pub(crate) i64);

/// A subject's number in the store; one per incarnation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SubjectId(pub(crate) i64);

/// A run's number; what the commands show.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize)]
#[serde(transparent)]
pub struct RunId(pub i64);

impl HookId {
    /// The number, for logs.
    pub const fn as_i64(self) -> i64 {
        self.0
    }
}

impl SubjectId {
    /// Things without a subject: foreign events.
    pub const NONE: Self = Self(0);

    /// The number, for logs.
    pub const fn as_i64(self) -> i64 {
        self.0
    }
}

impl std::fmt::Display for RunId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "r{}", self.0)
    }
}

pub(crate) fn millis(at: Option<Timestamp>) -> Option<i64> {
    at.map(Timestamp::as_millis)
}
