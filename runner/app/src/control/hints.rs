//! What a running runner hears of changes.

use std::collections::BTreeSet;

use futures_util::future::BoxFuture;
use groundcrew_core::may_delete::Level;
use groundcrew_core::retire::Ending;
use groundcrew_core::subject::Uid;

use super::{Doubted, Refusal, Result};
use crate::config::Config;

/// What a running runner wants to hear of changes; without one nobody listens.
pub trait Hints: Send + Sync + std::fmt::Debug {
    /// Whether a runner is up that hears this.
    fn is_up(&self) -> bool {
        true
    }
    /// An app should be looked at soon, by name; it may be one that is not known yet.
    fn touch(&self, app: &str);
    /// Lanes became due.
    fn wake(&self);
    /// The rebuilding of the ledger has ended.
    fn recovered(&self) {}
    /// What runs is put together anew, from the configuration as it is now; what that changed. None: nobody runs.
    fn reload(&self) -> Option<BoxFuture<'_, Result>> {
        None
    }
    /// Whether an audit may be asked for; the refusal says why not.
    fn may_audit(&self, _name: &str) -> Result<()> {
        Err(nobody())
    }
    /// What the configuration says of a hook and an app.
    fn standing(&self, _hook: &str, _app: &str) -> Standing {
        Standing::Unknown
    }
    /// Whether a finding may be mended now because a person says so; the refusal says what holds it.
    fn may_mend(&self, _finding: i64, _who: &str) -> Result<()> {
        Err(nobody())
    }
    /// An audit or a remedy that a person asked for is on record; it begins after this returns.
    fn asked(&self) {}
    /// Whether machines can be retired to this end by whoever listens; the refusal says what is missing.
    fn retires(&self, _ending: Ending) -> Result<()> {
        Err(Refusal::conflict("no runner is up that could retire a machine").hint("groundcrew up"))
    }
    /// The source is believed this, of vanished ones about those who were shown; durable when the future is done. How many
    /// apps and machines it was about.
    fn believe<'a>(&'a self, _what: Doubted, _shown: &'a BTreeSet<Uid>) -> BoxFuture<'a, Result<u32>> {
        let nobody = Refusal::conflict("no runner is up; only a running one can believe its source");
        Box::pin(async move { Err(nobody.hint("groundcrew up")) })
    }
}

fn nobody() -> Refusal {
    Refusal::conflict("no runner is up that could be asked").hint("groundcrew up")
}

/// What the configuration says of a hook and an app.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// Nobody knows; nothing is concluded from that.
    Unknown,
    /// No stanza describes the hook.
    NoStanza,
    /// The hook does not work for the app, and may do this much.
    Narrowed(Level),
    /// It does.
    Within(Level),
}

impl Standing {
    /// What a configuration says.
    pub fn of(config: &Config, hook: &str, app: &str) -> Self {
        match config.hooks.get(hook) {
            None => Self::NoStanza,
            Some(hook) if hook.covers(app) => Self::Within(hook.level.min(config.level)),
            Some(hook) => Self::Narrowed(hook.level.min(config.level)),
        }
    }
}

/// Nobody listens.
#[derive(Clone, Copy, Debug)]
pub struct NoHints;

impl Hints for NoHints {
    fn is_up(&self) -> bool {
        false
    }
    fn touch(&self, _app: &str) {}
    fn wake(&self) {}
}
