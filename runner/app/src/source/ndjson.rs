//! Observations from a file or standard input, one JSON object a line.
//!
//! Lines that a person, or a small script, writes:
//!
//! ```json
//! {"app": "cust-7"}                                             the app is there, or new
//! {"app": "cust-7", "id": "app-1", "state": "deployed"}         another id than before: it was made again
//! {"app": "cust-7", "machine": "148e445b", "state": "started"}  a machine is, or came into, that state
//! {"app": "cust-7", "machine": "148e445b", "gone": true}        the machine was destroyed
//! {"app": "cust-7", "gone": true}                               the app is gone, with its machines
//! ```
//!
//! | field | of | |
//! |---|---|---|
//! | `app` | both | the name; required |
//! | `id` | apps | the incarnation; one is made up for a new app without it |
//! | `machine` | machines | the id |
//! | `state` | both | the platform's word, open; machines start as `started` |
//! | `gone` | both | `true`: it is no more |
//! | `at` | both | when, RFC 3339; without it when the line was read. What is older than what is known is ignored |
//! | `region`, `image`, `metadata`, `reason` | machines | labels (`metadata` is an object); why it stopped |
//! | `network` | apps | a label |
//!
//! Lines with `"look"` are whole observations as a poller would make them (`groundcrew_core::mirror::Observation`),
//! with `at` and `tick` beside them: what was recorded elsewhere can be played here. Empty lines, and lines that
//! begin with `#`, are skipped.
//!
//! # Guarantees
//! - Nothing was there before the first line, so every line is news (unless the first is a whole observation).
//! - A line is acknowledged only after its commit, together with the place of the next one: a file is read on from
//!   there after a restart. Standard input has no place to go back to: what was read of it and not taken in waits in the
//!   process, for whoever reads on after a reload.
//! - What a line says is believed at once: no confirmation, no guard against many ends.
//! - A bad line is a finding with its number, the reason and the remedy, and stops nobody.

mod line;
mod lines;

use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use groundcrew_core::duration::Millis;
use groundcrew_core::mirror::{self, Look, Rule, Rules, VanishMax};
use groundcrew_core::time::Timestamp;
use groundcrew_store::Error;
use groundcrew_store::findings::{NewFinding, Severity};
use tokio::fs::File;
use tokio::io::{AsyncRead, AsyncSeekExt, SeekFrom, Stdin};
use tokio::sync::Mutex;
use tokio_util::sync::CancellationToken;

use super::Surroundings;
use super::keeper::{Ahead, Keeper, Position};
use crate::config;
use lines::{Line, Lines};

pub use line::LineError;

/// What lines say is so: nobody counts how many go, and nobody can be asked again about who is new.
const RULES: Rules = Rules::ALL.without(Rule::VanishGuard).without(Rule::YoungIsNoEnd);

/// The name under which rows and cursor are kept.
const SOURCE: &str = "ndjson";

/// Lines that are committed together.
const BATCH: usize = 256;

/// How often a file is looked at for new lines, and a failed commit tried again.
const LOOK_EVERY: Millis = Millis::new(250);

/// The process has one standard input, and what is read of it cannot be read again.
static STDIN: LazyLock<Mutex<Lines<Stdin>>> =
    LazyLock::new(|| Mutex::new(Lines::new(tokio::io::stdin(), Position::default())));

/// Why a source of lines ended.
#[derive(Debug, thiserror::Error)]
pub enum NdjsonError {
    /// The file cannot be read.
    #[error("cannot read {path}")]
    Read {
        /// Which.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
}

/// Reads lines and keeps the mirror of what they say.
#[derive(Debug)]
pub struct NdjsonSource {
    from: config::Ndjson,
    around: Surroundings,
    keeper: Keeper,
    /// The time of the last line: the mirror tells before from after, so no two lines have the same.
    last_at: Timestamp,
    tick: u64,
}

impl NdjsonSource {
    /// Makes the source of what was stored. `org` stands in the paths of what the lines name.
    pub fn open(from: &config::Ndjson, org: &str, around: Surroundings) -> Result<Self, Error> {
        let mut judging = mirror::Config::new(org);
        judging.vanish_max = VanishMax { percent: 100, floor: u32::MAX, within: Millis::ZERO };
        judging.rules = RULES;
        let keeper = Keeper::open(SOURCE, judging, &around)?;
        let last_at = keeper.mirror().rows().map(|row| row.seen_at).max().unwrap_or_default();
        Ok(Self { from: from.clone(), around, keeper, last_at, tick: 0 })
    }

    /// Reads until `shutdown`, or until standard input ends; a file is followed as it grows.
    pub async fn run(mut self, shutdown: CancellationToken) -> Result<(), NdjsonError> {
        match self.from.clone() {
            config::Ndjson::Stdin => {
                let mut lines = STDIN.lock().await;
                self.follow(&mut lines, &shutdown).await
            }
            config::Ndjson::File(path) => {
                let (file, position) = open(&path, self.keeper.position()).await?;
                self.follow(&mut Lines::new(file, position), &shutdown).await
            }
        }
    }

    async fn follow(
        &mut self,
        lines: &mut Lines<impl AsyncRead + Unpin>,
        shutdown: &CancellationToken,
    ) -> Result<(), NdjsonError> {
        let ends = self.from == config::Ndjson::Stdin;
        loop {
            // Cancel safe: bytes that were read stay in `lines`.
            let read = tokio::select! {
                () = shutdown.cancelled() => return Ok(()),
                read = lines.next(BATCH) => read,
            };
            let mut batch = read.map_err(|source| NdjsonError::Read { path: self.path(), source })?;
            let idle = batch.is_empty();
            if idle && ends {
                batch.extend(lines.finish());
            }
            while let Err(error) = self.feed(&batch).await {
                tracing::error!(%error, "lines could not be committed; they are tried again");
                if rest(shutdown).await.is_break() {
                    lines.put_back(batch);
                    return Ok(());
                }
            }
            if idle && ends {
                return Ok(());
            }
            if idle && rest(shutdown).await.is_break() {
                return Ok(());
            }
        }
    }

    /// Takes in lines as one commit: durable when this returns.
    async fn feed(&mut self, batch: &[Line]) -> Result<(), Error> {
        let Some(last) = batch.last() else { return Ok(()) };
        let about = self.path().display().to_string();
        let mut ahead = self.keeper.begin(self.around.clock.now())?;
        for line in batch {
            let now = self.around.clock.now().max(self.last_at + Millis::new(1));
            self.last_at = now;
            self.tick += 1;
            let look = Look { tick: self.tick, sent_at: now, at: now, token: SOURCE.to_owned() };
            if let Err(error) = take(&mut ahead, line, look)? {
                tracing::warn!(line = line.number, %error, "a line is not understood");
                ahead.find(misread(&about, &error));
            }
        }
        ahead.commit(last.end).await?;
        Ok(())
    }

    fn path(&self) -> PathBuf {
        match &self.from {
            config::Ndjson::Stdin => PathBuf::from("-"),
            config::Ndjson::File(path) => path.clone(),
        }
    }
}

/// Observes what one line says; the inner error is the line's.
fn take(ahead: &mut Ahead<'_>, line: &Line, look: Look) -> Result<Result<(), LineError>, Error> {
    let said = match line::read(line, ahead.mirror(), look) {
        Ok(said) => said,
        Err(error) => return Ok(Err(error)),
    };
    for (look, observation) in said {
        ahead.observe(&look, &observation)?;
    }
    Ok(Ok(()))
}

fn misread(about: &str, error: &LineError) -> NewFinding {
    NewFinding {
        code: "source.line".to_owned(),
        about: about.to_owned(),
        hook: None,
        severity: Severity::Warning,
        message: error.to_string(),
        remedy: Some(error.fix.clone()),
    }
}

/// Waits a moment; breaks at the shutdown.
async fn rest(shutdown: &CancellationToken) -> std::ops::ControlFlow<()> {
    tokio::select! {
        () = shutdown.cancelled() => std::ops::ControlFlow::Break(()),
        () = tokio::time::sleep(LOOK_EVERY.to_std()) => std::ops::ControlFlow::Continue(()),
    }
}

/// Opens a file where it was read up to; a shorter one is another file, and is read from its beginning.
async fn open(path: &Path, position: Position) -> Result<(File, Position), NdjsonError> {
    let failed = |source| NdjsonError::Read { path: path.to_owned(), source };
    let mut file = File::open(path).await.map_err(failed)?;
    let length = file.metadata().await.map_err(failed)?.len();
    let position = if position.offset > length { Position::default() } else { position };
    file.seek(SeekFrom::Start(position.offset)).await.map_err(failed)?;
    Ok((file, position))
}
