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
//! | `at` | both | when, RFC 3339; without it when the line was read. Of a machine what is older than what is known is ignored; an app's lines count as they come, whatever their time |
//! | `region`, `image`, `metadata`, `reason` | machines | labels (`metadata` is an object); why it stopped |
//! | `network` | apps | a label |
//!
//! Lines with `"look"` are whole observations as a poller would make them (`groundcrew_core::mirror::Observation`),
//! with `at` and `tick` beside them: what was recorded elsewhere can be played here, also one recording after the other,
//! and lines in between: whatever ticks a recording has, what follows it is later. Empty lines, and lines that begin with
//! `#`, are skipped.
//!
//! # Guarantees
//! - Nothing was there before the first line, so every line is news (unless the first is a whole observation).
//! - A line is acknowledged only after its commit, together with the place of the next one: a file is read on from
//!   there after a restart. A file that is cut off, or that another one takes the place of (another path, too), is read
//!   from its beginning, the old one to its end first; one that is cut off and has grown past where it was read by the
//!   next look is not noticed, so let it be renamed instead.
//! - Standard input has no place to go back to: what was read of it and not taken in waits in the process, for whoever
//!   reads on after a reload.
//! - What a line says is believed at once: no confirmation, no guard against many ends.
//! - A bad line is a finding with its number, the reason and the remedy, and stops nobody. So is one that the database
//!   refuses for good; an app whose address is another source's is a finding of its own (`source.conflict`).

mod file;
mod line;
mod lines;
mod status;
mod ticks;

use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use groundcrew_core::duration::Millis;
use groundcrew_core::mirror::{self, Rule, Rules, VanishMax};
use groundcrew_core::time::Timestamp;
use groundcrew_store::Error;
use groundcrew_store::findings::{NewFinding, Severity};
use tokio::io::{AsyncRead, Stdin};
use tokio::sync::{Mutex, watch};
use tokio_util::sync::CancellationToken;

use super::Surroundings;
use super::keeper::{Keeper, Origin, Place, Position};
use crate::config;
use file::Opened;
use lines::{Line, Lines};
use ticks::Ticks;

pub use line::{DEPTH_MAX, LineError};
pub use lines::LINE_MAX;
pub use status::{Flow, LinesStatus};

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

/// What became of lines on their way into the store.
#[derive(Debug)]
enum Fed {
    /// They are committed, with the place after them.
    Taken,
    /// The database refuses one of them, however often that is tried.
    Refused(Error),
    /// The shutdown came first.
    Stopped,
}

/// Reads lines and keeps the mirror of what they say.
#[derive(Debug)]
pub struct NdjsonSource {
    from: config::Ndjson,
    around: Surroundings,
    keeper: Keeper,
    /// The time of the last line: the mirror tells before from after, so no two lines have the same.
    last_at: Timestamp,
    ticks: Ticks,
    status: watch::Sender<LinesStatus>,
}

impl NdjsonSource {
    /// Makes the source of what was stored. `org` stands in the paths of what the lines name.
    pub fn open(from: &config::Ndjson, org: &str, around: Surroundings) -> Result<Self, Error> {
        let mut judging = mirror::Config::new(org);
        judging.vanish_max = VanishMax { percent: 100, floor: u32::MAX, within: Millis::ZERO };
        judging.rules = RULES;
        // A line about somebody who is gone is a mistake, however long ago that was.
        judging.gone_kept = Millis::new(i64::MAX);
        let keeper = Keeper::open(SOURCE, judging, &around)?;
        let last_at = keeper.mirror().rows().map(|row| row.seen_at).max().unwrap_or_default();
        let (begun_at, line) = (around.clock.now(), keeper.place().position.line);
        let status = watch::Sender::new(LinesStatus { begun_at, line, ..LinesStatus::default() });
        Ok(Self { from: from.clone(), around, keeper, last_at, ticks: Ticks::default(), status })
    }

    /// Follows how the source is.
    pub fn statuses(&self) -> watch::Receiver<LinesStatus> {
        self.status.subscribe()
    }

    /// Reads until `shutdown`, or until standard input ends; a file is followed as it grows.
    pub async fn run(mut self, shutdown: CancellationToken) -> Result<(), NdjsonError> {
        match self.from.clone() {
            config::Ndjson::Stdin => {
                let origin = Origin { path: "-".to_owned(), inode: None };
                let mut lines = STDIN.lock().await;
                if self.drain(&mut lines, &origin, &shutdown).await?.is_continue() {
                    let rest = lines.finish().into_iter().collect();
                    if self.take_in(&mut lines, rest, &origin, &shutdown).await.is_continue() {
                        self.status.send_modify(|status| status.flow = Flow::Ended);
                    }
                }
                Ok(())
            }
            config::Ndjson::File(path) => self.follow(&path, &shutdown).await,
        }
    }

    /// Reads a file, and each that takes its place.
    async fn follow(&mut self, path: &Path, shutdown: &CancellationToken) -> Result<(), NdjsonError> {
        let failed = |source| NdjsonError::Read { path: path.to_owned(), source };
        let mut opened = Opened::open(path).await.map_err(failed)?;
        let mut position = opened.position(self.keeper.place());
        loop {
            let origin = opened.origin.clone();
            let mut lines = opened.lines(position).await.map_err(failed)?;
            let next = loop {
                let drained = self.drain(&mut lines, &origin, shutdown).await?;
                if drained.is_break() || rest(shutdown).await.is_break() {
                    return Ok(());
                }
                if let Some(next) = Opened::instead(path, &origin, lines.read()).await.map_err(failed)? {
                    break next;
                }
            };
            if next.origin == origin {
                tracing::warn!(path = %path.display(), "the file was cut off, and is read from its beginning");
            } else {
                tracing::warn!(path = %path.display(), "another file is at the path, and is read from its beginning");
                // Whoever wrote to the old one may have done so until now.
                if rest(shutdown).await.is_break()
                    || self.drain(&mut lines, &origin, shutdown).await?.is_break()
                {
                    return Ok(());
                }
                let last = lines.finish().into_iter().collect();
                if self.take_in(&mut lines, last, &origin, shutdown).await.is_break() {
                    return Ok(());
                }
            }
            position = Position::default();
            let place = Place { position, origin: Some(next.origin.clone()) };
            if matches!(self.commit(&[], None, &place, shutdown).await, Fed::Stopped) {
                return Ok(());
            }
            opened = next;
        }
    }

    /// Takes in what there is for now; breaks at the shutdown.
    async fn drain(
        &mut self,
        lines: &mut Lines<impl AsyncRead + Unpin>,
        origin: &Origin,
        shutdown: &CancellationToken,
    ) -> Result<ControlFlow<()>, NdjsonError> {
        loop {
            // Cancel safe: bytes that were read stay in `lines`.
            let read = tokio::select! {
                () = shutdown.cancelled() => return Ok(ControlFlow::Break(())),
                read = lines.next(BATCH) => read,
                // A file shows its end at once. Of standard input there is nothing more for now, if nothing comes.
                () = tokio::time::sleep(LOOK_EVERY.to_std()), if origin.inode.is_none() => {
                    self.heard();
                    continue;
                }
            };
            let batch = read.map_err(|source| NdjsonError::Read { path: self.path(), source })?;
            if batch.is_empty() {
                self.heard();
                return Ok(ControlFlow::Continue(()));
            }
            if self.take_in(lines, batch, origin, shutdown).await.is_break() {
                return Ok(ControlFlow::Break(()));
            }
        }
    }

    /// Takes in lines as one commit; breaks at the shutdown, and then those that are not taken in are back.
    async fn take_in(
        &mut self,
        lines: &mut Lines<impl AsyncRead + Unpin>,
        mut batch: Vec<Line>,
        origin: &Origin,
        shutdown: &CancellationToken,
    ) -> ControlFlow<()> {
        let Some(last) = batch.last() else { return ControlFlow::Continue(()) };
        let place = Place { position: last.end, origin: Some(origin.clone()) };
        let taken = match self.commit(&batch, None, &place, shutdown).await {
            Fed::Taken => ControlFlow::Continue(()),
            Fed::Refused(_) => self.take_singly(&mut batch, origin, shutdown).await,
            Fed::Stopped => ControlFlow::Break(()),
        };
        if taken.is_break() {
            lines.put_back(batch);
        }
        taken
    }

    /// Takes in lines one by one, for the database refuses one of them: that one is passed over, and is a finding. What
    /// is over leaves the batch; breaks at the shutdown.
    async fn take_singly(
        &mut self,
        batch: &mut Vec<Line>,
        origin: &Origin,
        shutdown: &CancellationToken,
    ) -> ControlFlow<()> {
        while let Some(line) = batch.first() {
            let place = Place { position: line.end, origin: Some(origin.clone()) };
            let mut fed = self.commit(std::slice::from_ref(line), None, &place, shutdown).await;
            if let Fed::Refused(error) = fed {
                let refused = refused(line, &error);
                fed = self.commit(&[], Some(&refused), &place, shutdown).await;
            }
            if matches!(fed, Fed::Stopped) {
                return ControlFlow::Break(());
            }
            batch.remove(0);
        }
        ControlFlow::Continue(())
    }

    /// Commits lines, or what is wrong with one, and that the source was read up to `place`. What the database cannot do
    /// now is tried again until it can; what it refuses for good is not, unless it is no line's.
    async fn commit(
        &mut self,
        batch: &[Line],
        wrong: Option<&LineError>,
        place: &Place,
        shutdown: &CancellationToken,
    ) -> Fed {
        loop {
            let known = self.keeper.trust();
            let of_lines = known.is_ok() && !batch.is_empty();
            let fed = match known {
                Ok(()) => self.feed(batch, wrong, place).await,
                Err(error) => Err(error),
            };
            match fed {
                Ok(()) => return Fed::Taken,
                Err(error) if of_lines && error.is_lasting() => return Fed::Refused(error),
                Err(error) => {
                    tracing::error!(%error, "lines could not be committed; they are tried again");
                }
            }
            if rest(shutdown).await.is_break() {
                return Fed::Stopped;
            }
        }
    }

    /// The same, once, and says what came of it: durable when this returns.
    async fn feed(&mut self, batch: &[Line], wrong: Option<&LineError>, place: &Place) -> Result<(), Error> {
        let fed = self.observe(batch, wrong, place).await;
        match &fed {
            Ok(()) => {
                self.heard();
                self.status.send_modify(|status| (status.line, status.error) = (place.position.line, None));
            }
            Err(error) => self.status.send_modify(|status| status.error = Some(error.to_string())),
        }
        fed
    }

    async fn observe(
        &mut self,
        batch: &[Line],
        wrong: Option<&LineError>,
        place: &Place,
    ) -> Result<(), Error> {
        let about = self.path().display().to_string();
        let mut ticks = self.ticks;
        let mut ahead = self.keeper.begin(self.around.clock.now())?;
        if let Some(error) = wrong {
            tracing::warn!(line = error.line, %error, "a line is passed over");
            ahead.find(misread(&about, error));
        }
        for line in batch {
            let now = self.around.clock.now().max(self.last_at + Millis::new(1));
            self.last_at = now;
            match line::read(line, ahead.mirror(), now, &mut ticks) {
                Ok(said) => {
                    for (look, observation) in said {
                        self.last_at = self.last_at.max(look.at);
                        ahead.observe(&look, &observation)?;
                    }
                }
                Err(error) => {
                    tracing::warn!(line = line.number, %error, "a line is not understood");
                    ahead.find(misread(&about, &error));
                }
            }
        }
        ahead.commit(place.clone()).await?;
        self.ticks = ticks;
        Ok(())
    }

    /// Says that all is taken in that was read so far.
    fn heard(&self) {
        let now = self.around.clock.now();
        self.status.send_modify(|status| status.heard_at = Some(now));
    }

    fn path(&self) -> PathBuf {
        match &self.from {
            config::Ndjson::Stdin => PathBuf::from("-"),
            config::Ndjson::File(path) => path.clone(),
        }
    }
}

/// What is wrong with a line that the database refuses.
fn refused(line: &Line, error: &Error) -> LineError {
    let fix = "it was passed over: write what it says in another way".to_owned();
    LineError { line: line.number, reason: error.to_string(), fix }
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
async fn rest(shutdown: &CancellationToken) -> ControlFlow<()> {
    tokio::select! {
        () = shutdown.cancelled() => ControlFlow::Break(()),
        () = tokio::time::sleep(LOOK_EVERY.to_std()) => ControlFlow::Continue(()),
    }
}
