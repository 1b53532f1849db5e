//! The host's functions, and the seam behind which they are answered.
//!
//! ```text
//! hook -> host::* -> wasm32: the component's imports
//!                 -> native: the fake that `testing` installed on this thread
//! ```

use serde::de::DeserializeOwned;

use crate::{Failure, Result};

#[cfg(not(target_arch = "wasm32"))]
pub(crate) use crate::testing::seam as backend;
#[cfg(target_arch = "wasm32")]
pub(crate) use crate::wasm::imports as backend;

/// The stanza's `config` table, with templates filled in for this run's owner.
pub fn config<T: DeserializeOwned>() -> Result<T> {
    let text = backend::config();
    serde_json::from_str(&text).map_err(|e| Failure::lasting(format!("the stanza's `config`: {e}")))
}

/// A token that becomes the secret's value on the way out, only at the place and hosts that the grant names.
///
/// Use it as if it were the value: as a header, a part of a URL, a JSON string.
pub fn secret(name: &str) -> Result<String> {
    backend::secret(name)
}

/// Notes that are kept with the run. Beyond 1,000 lines or 256 KiB the rest is counted, not kept.
pub mod log {
    use std::fmt::Display;

    use super::backend;

    /// How loud a note is.
    #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
    pub enum Level {
        /// For whoever debugs the hook.
        Debug,
        /// For whoever wonders what happened.
        Info,
        /// Something is odd.
        Warn,
        /// Something is wrong.
        Error,
    }

    /// Notes a message.
    pub fn note(level: Level, message: impl Display) {
        backend::log(level, &message.to_string());
    }

    /// Notes something for whoever debugs the hook.
    pub fn debug(message: impl Display) {
        note(Level::Debug, message);
    }

    /// Notes what happened.
    pub fn info(message: impl Display) {
        note(Level::Info, message);
    }

    /// Notes something odd.
    pub fn warn(message: impl Display) {
        note(Level::Warn, message);
    }

    /// Notes something wrong.
    pub fn error(message: impl Display) {
        note(Level::Error, message);
    }
}

/// The mirror of the platform within the hook's scope, for handlers and auditors; may lag by a poll.
pub mod fleet {
    use super::backend;
    use crate::{Result, Subject, Value};

    /// A part of a listing of subjects.
    #[derive(Clone, Debug, Default, PartialEq)]
    pub struct Page {
        /// By path.
        pub subjects: Vec<Subject>,
        /// The cursor of the next page, if there is one.
        pub next: Option<String>,
    }

    /// How long an app's machines of one size ran in a month.
    #[derive(Clone, Debug, Default, PartialEq)]
    pub struct RunningTime {
        /// What they ran on, as the platform's configuration has it (`guest`); null where it was not told.
        pub guest: Value,
        /// The platform's word for where they ran; empty where it was not told.
        pub region: String,
        /// All together, in seconds.
        pub seconds: f64,
        /// Seconds of which nobody knows whether they ran.
        pub unseen: f64,
    }

    /// One living subject, if it is within the hook's scope.
    pub fn subject(path: &str) -> Result<Option<Subject>> {
        backend::subject(path)
    }

    /// Living subjects directly below a path, by path, 500 a page.
    pub fn below(path: &str, cursor: Option<&str>) -> Result<Page> {
        backend::below(path, cursor)
    }

    /// How long the machines of a living app ran in a calendar month (UTC, `2026-11`), by size.
    ///
    /// Also those that are gone, and those that run until now; by the platform's own times, whenever the mirror looked.
    /// Twelve months are kept.
    pub fn running(app: &str, month: &str) -> Result<Vec<RunningTime>> {
        backend::running(app, month)
    }
}

/// A small memory for handlers and auditors, private to the lane (hook and subject).
///
/// Writes are seen at once by this run and become durable with its success, or not at all.
pub mod kv {
    use super::backend;
    use crate::Result;

    /// What was last set under this key.
    pub fn read(key: &str) -> Result<Option<Vec<u8>>> {
        backend::kv_get(key)
    }

    /// Remembers a value of at most 64 KiB under a key of at most 256 bytes.
    pub fn write(key: &str, value: &[u8]) -> Result<()> {
        backend::kv_set(key, value)
    }

    /// Forgets a key.
    pub fn forget(key: &str) -> Result<()> {
        backend::kv_delete(key)
    }
}
