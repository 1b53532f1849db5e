//! The append-only log of what took effect when.

use std::io::Write;

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// Who caused an effect.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Actor {
    /// A call of the API.
    Client,
    /// The simulator's owner, acting as some other user of the platform.
    Owner,
    /// The platform itself: a transition that was due.
    Platform,
}

/// One line of the log: one effect that took place.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Effect {
    /// Counts the lines, from one, without gaps.
    pub seq: u64,
    /// When it took place, in milliseconds since the Unix epoch.
    pub at_ms: i64,
    /// What took place, such as `app.created` or `ip.released`.
    pub what: String,
    /// The id of the app that it belongs to; ids are never reused.
    pub app_id: String,
    /// The name of that app at that time.
    pub app: String,
    /// The thing: machine or volume id, address, hostname, secret's name.
    pub subject: String,
    /// Who caused it.
    pub by: Actor,
    /// The call that caused it, by its `fly-request-id`.
    pub request_id: Option<String>,
    /// Whether an answer is sent at once; false for withheld, dropped and late ones.
    pub answered: bool,
    /// More about it; never a secret's value.
    pub detail: Value,
}

#[derive(Default)]
pub(crate) struct Log {
    effects: Vec<Effect>,
    file: Option<Box<dyn Write + Send>>,
    file_error: Option<String>,
}

impl std::fmt::Debug for Log {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Log").field("effects", &self.effects.len()).finish_non_exhaustive()
    }
}

impl Log {
    /// Writes every line to `file` as well, those already logged included.
    pub(crate) fn tee(&mut self, mut file: Box<dyn Write + Send>) -> std::io::Result<()> {
        for effect in &self.effects {
            write_line(&mut *file, effect)?;
        }
        self.file = Some(file);
        Ok(())
    }

    pub(crate) fn push(&mut self, mut effect: Effect) {
        effect.seq = self.effects.len() as u64 + 1;
        if let Some(file) = &mut self.file
            && let Err(error) = write_line(&mut **file, &effect)
        {
            // A torn log would mislead its reader; it ends here, and the state dump says so.
            self.file_error = Some(error.to_string());
            self.file = None;
        }
        self.effects.push(effect);
    }

    pub(crate) fn after(&self, seq: u64) -> &[Effect] {
        self.effects.get(seq as usize..).unwrap_or_default()
    }

    pub(crate) fn file_error(&self) -> Option<&str> {
        self.file_error.as_deref()
    }
}

fn write_line(file: &mut dyn Write, effect: &Effect) -> std::io::Result<()> {
    let mut line = serde_json::to_vec(effect)?;
    line.push(b'\n');
    file.write_all(&line)?;
    file.flush()
}
