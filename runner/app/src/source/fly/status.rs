//! How the source is, and the handle by which others speak to it.

use std::collections::BTreeSet;

use groundcrew_core::duration::Millis;
use groundcrew_core::mirror::{Cursor, UnseenBy};
use groundcrew_core::subject::{SubjectKind, Uid};
use groundcrew_core::time::Timestamp;
use groundcrew_store::{Error, Result};
use tokio::sync::{mpsc, oneshot, watch};

use super::Command;

/// How a source is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Status {
    /// When this process began to ask.
    pub begun_at: Timestamp,
    /// When the list of apps was last read and taken in.
    pub listed_at: Option<Timestamp>,
    /// Since when the app that was unseen for longest is unseen; what lies behind the present is the lag.
    pub oldest_look_at: Option<Timestamp>,
    /// Living apps.
    pub apps: usize,
    /// Whether what is missing is believed to be gone.
    pub belief: Belief,
    /// Those for whom nothing is made until they are seen, or their end is believed.
    pub unseen: UnseenBy,
    /// What was wrong with the last answer, with the platform's id of the request; or why there was none, or it could
    /// not be committed.
    pub error: Option<String>,
}

/// How old the last list of apps may be before nothing is removed any more, and the runner is not ready.
pub const FRESH_WITHIN: Millis = Millis::minutes(2);

impl Status {
    /// Why it is not known now who lives.
    pub fn unread(&self, now: Timestamp) -> Option<String> {
        let Some(listed) = self.listed_at else {
            return Some("the list of apps was not read since the start".to_owned());
        };
        let age = now.since(listed);
        let minutes = age.as_i64() / 60_000;
        (age > FRESH_WITHIN).then(|| format!("the list of apps was last read {minutes} minutes ago"))
    }
}

/// Whether a source is believed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Belief {
    /// The first list of apps has not come yet.
    #[default]
    Starting,
    /// It is.
    Believed,
    /// Implausibly many vanished at once: none of them is believed gone until they return or it is approved.
    Held {
        /// Apps that are held.
        apps: usize,
        /// Machines that are held.
        machines: usize,
    },
}

impl Belief {
    pub(super) fn of(cursor: &Cursor) -> Self {
        let held = |kind| cursor.vanished.iter().filter(|uid| uid.kind() == kind).count();
        match (cursor.baseline_at, cursor.vanished.is_empty()) {
            (None, _) => Self::Starting,
            (Some(_), true) => Self::Believed,
            (Some(_), false) => {
                Self::Held { apps: held(SubjectKind::App), machines: held(SubjectKind::Machine) }
            }
        }
    }
}

/// Too many hints wait already; polling finds what this one was about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the source has too many hints to heed; polling will find it")]
pub struct HintLost;

/// Speaks to a running source; cheap to clone.
#[derive(Clone, Debug)]
pub struct FlyHandle {
    commands: mpsc::Sender<Command>,
    status: watch::Receiver<Status>,
}

impl FlyHandle {
    pub(super) const fn new(commands: mpsc::Sender<Command>, status: watch::Receiver<Status>) -> Self {
        Self { commands, status }
    }

    /// Says that something may have happened in an app: it is looked at now and often for a while.
    pub fn hint(&self, app: &str) -> Result<(), HintLost> {
        self.commands.try_send(Command::Hint(app.to_owned())).map_err(|_| HintLost)
    }

    /// How the source is.
    pub fn status(&self) -> Status {
        self.status.borrow().clone()
    }

    /// Follows how the source is.
    pub fn statuses(&self) -> watch::Receiver<Status> {
        self.status.clone()
    }

    /// Believes those gone who are held as vanished and were shown; each still needs its own proof, and whoever vanished
    /// since stays held. Durable when this returns.
    ///
    /// # Errors
    /// [`Error::Closed`] if the source does not run, else the store's.
    pub async fn approve_vanished(&self, shown: BTreeSet<Uid>) -> Result<()> {
        self.ask(|reply| Command::ApproveVanished(shown, reply)).await
    }

    /// Agrees to what the token reaches now, where that is less than before. Durable when this returns.
    ///
    /// # Errors
    /// As [`FlyHandle::approve_vanished`]; [`Error::Missing`] if the token was not asked about yet.
    pub async fn accept_reach(&self) -> Result<()> {
        self.ask(Command::AcceptReach).await
    }

    async fn ask(&self, command: impl FnOnce(oneshot::Sender<Result<()>>) -> Command) -> Result<()> {
        let (reply, answer) = oneshot::channel();
        self.commands.send(command(reply)).await.map_err(|_| Error::Closed)?;
        answer.await.map_err(|_| Error::Closed)?
    }
}
