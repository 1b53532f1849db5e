//! What the HTTP API learns from the running process, asks of it and brings to it.

use std::collections::BTreeSet;
use std::sync::Arc;

use futures_util::future::BoxFuture;
use groundcrew_core::may_delete::Level;
use groundcrew_core::remedy::Verdict;
use groundcrew_core::retire::Ending;
use groundcrew_core::subject::Uid;
use tokio::sync::watch;

use super::CountsOf;
use crate::config::Config;
use crate::control::{self, Doubted, Hints, Refusal, Standing};
use crate::http::{Belief, Inbox, Lines, Live, SourceStatus, Taken};
use crate::reload::Reloads;
use crate::runner::{self, Runner};
use crate::scheduler::Asking;
use crate::source::{self, CloudEvent, FRESH_WITHIN, Flow, FlyHandle, ForeignEvents, LinesStatus};

/// What the HTTP API learns from the running process.
pub(super) struct Running {
    pub(super) config: Arc<Config>,
    pub(super) fly: Option<FlyHandle>,
    pub(super) lines: Option<watch::Receiver<LinesStatus>>,
    pub(super) audits: Asking,
    pub(super) runner: Arc<Runner>,
    pub(super) counts: CountsOf,
    pub(super) retires: Retires,
    pub(super) reloads: Reloads,
}

/// Whether machines can be retired.
pub(super) struct Retires {
    /// Whether the configuration names a source on Fly, and a token that may.
    pub(super) source: bool,
    pub(super) token: bool,
}

impl Retires {
    fn check(&self, ending: Ending, runner: &Runner) -> control::Result<()> {
        if !self.source {
            return Err(Refusal::conflict(
                "no source on Fly is configured; its machines alone can be retired",
            ));
        }
        if !self.token {
            let message = "the configuration names no token that may stop and destroy machines";
            let hint = "add to [source.fly] of groundcrew.toml: retire_token = \"FLY_WRITE\", a secret with a deploy or org token";
            return Err(Refusal::conflict(message).hint(hint));
        }
        let needed = if ending == Ending::Destroy { Level::Enforce } else { Level::NoDeletes };
        let level = runner.level();
        if level < needed {
            let what = if ending == Ending::Destroy { "destroyed" } else { "stopped" };
            let message = format!("the installation's level is `{level}`: nothing is {what}");
            let hint = if runner.is_recovering() {
                "groundcrew recover --finish".to_owned()
            } else {
                format!("level = \"{needed}\" in groundcrew.toml")
            };
            return Err(Refusal::conflict(message).hint(hint));
        }
        Ok(())
    }
}

impl std::fmt::Debug for Running {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Running").field("fly", &self.fly).finish_non_exhaustive()
    }
}

impl Live for Running {
    fn sources(&self) -> Vec<SourceStatus> {
        let fly = self.fly.as_ref().map(|handle| polled(&handle.status()));
        let lines = self.lines.as_ref().map(|status| followed(&status.borrow()));
        fly.into_iter().chain(lines).collect()
    }

    fn failures(&self) -> Vec<(String, u64)> {
        (self.counts)().failures.into_iter().collect()
    }

    fn waiting(&self) -> Vec<(String, u64)> {
        (self.counts)().waiting.into_iter().collect()
    }

    fn compiling(&self) -> Vec<String> {
        let registry = self.runner.registry();
        let waits = registry.all().filter(|installed| !installed.component.is_compiled());
        waits.map(|installed| installed.hook.name.clone()).collect()
    }

    fn reloads(&self) -> Vec<(String, u64)> {
        self.reloads.counts()
    }
}

fn polled(status: &source::Status) -> SourceStatus {
    let belief = match status.belief {
        source::Belief::Starting => Belief::Starting,
        source::Belief::Believed => Belief::Believed,
        source::Belief::Held { apps, machines } => Belief::Doubted(doubted(apps, machines)),
    };
    SourceStatus {
        name: "fly".to_owned(),
        belief,
        begun: status.begun_at,
        heard: status.listed_at,
        fresh_within: Some(FRESH_WITHIN),
        oldest_look: status.oldest_look_at,
        lines: None,
    }
}

/// What lines say is believed; what has ended need not say anything any more.
fn followed(status: &LinesStatus) -> SourceStatus {
    SourceStatus {
        name: "ndjson".to_owned(),
        belief: Belief::Believed,
        begun: status.begun_at,
        heard: status.heard_at,
        fresh_within: (status.flow == Flow::Open).then_some(FRESH_WITHIN),
        oldest_look: None,
        lines: Some(Lines { taken: status.line, error: status.error.clone() }),
    }
}

/// Why nothing may be removed, as far as the source is concerned.
pub(super) fn doubt(belief: &source::Belief) -> Option<String> {
    match belief {
        source::Belief::Held { apps, machines } => Some(doubted(*apps, *machines)),
        source::Belief::Starting | source::Belief::Believed => None,
    }
}

fn doubted(apps: usize, machines: usize) -> String {
    format!(
        "{apps} apps and {machines} machines vanished at once; nothing is removed until they return or it is approved"
    )
}

impl Hints for Running {
    fn touch(&self, app: &str) {
        if let Some(fly) = &self.fly {
            // A lost hint costs time only: polling finds what it was about.
            fly.hint(app).ok();
        }
    }

    fn wake(&self) {
        // The dispatcher follows the store's commits.
    }

    fn recovered(&self) {
        self.runner.recovered();
    }

    fn reload(&self) -> Option<BoxFuture<'_, control::Result>> {
        Some(Box::pin(self.reloads.ask()))
    }

    fn may_audit(&self, name: &str) -> control::Result<()> {
        if !self.audits.names().iter().any(|known| known == name) {
            let known = self.audits.names().join(", ");
            return Err(Refusal::unknown(format!("no audit `{name}`")).hint(format!("known audits: {known}")));
        }
        Ok(())
    }

    fn asked(&self) {
        self.audits.wake();
    }

    fn standing(&self, hook: &str, app: &str) -> Standing {
        Standing::of(&self.config, hook, app)
    }

    fn may_mend(&self, finding: i64, who: &str) -> control::Result<()> {
        let asked = self.runner.may_mend_by_hand(finding, who);
        let verdict = asked.map_err(|runner::Error::Store(error)| error)?;
        let (why, hint) = match verdict {
            None => ("no auditor that is installed reports it".to_owned(), "groundcrew findings"),
            Some(Verdict::Fix) => return Ok(()),
            Some(Verdict::Later { why, .. } | Verdict::Never { why }) => (why, "groundcrew findings --all"),
            Some(Verdict::Held { why }) => (why, "groundcrew doctor"),
        };
        Err(Refusal::conflict(format!("f{finding} is not mended: {why}")).hint(hint))
    }

    fn retires(&self, ending: Ending) -> control::Result<()> {
        self.retires.check(ending, &self.runner)
    }

    fn believe<'a>(&'a self, what: Doubted, shown: &'a BTreeSet<Uid>) -> BoxFuture<'a, control::Result<u32>> {
        Box::pin(async move {
            let no_source = || Refusal::conflict("no source is configured that could be doubted");
            let fly = self.fly.as_ref().ok_or_else(no_source)?;
            match what {
                Doubted::Vanished => {
                    let held = match fly.status().belief {
                        source::Belief::Held { apps, machines } => apps + machines,
                        source::Belief::Starting | source::Belief::Believed => 0,
                    };
                    fly.approve_vanished(shown.clone()).await?;
                    Ok(held.min(shown.len()) as u32)
                }
                Doubted::Reach => Ok(fly.accept_reach().await.map(|()| 0)?),
            }
        })
    }
}

/// Where foreign events go.
#[derive(Debug)]
pub(super) struct Foreign {
    pub(super) events: ForeignEvents,
    pub(super) config: Arc<Config>,
}

impl Inbox for Foreign {
    fn token(&self) -> Result<Option<Arc<str>>, String> {
        let name = self.config.http.as_ref().and_then(|http| http.token.as_deref());
        let read = |name| self.config.secrets.read(name).map_err(|error| error.to_string());
        name.map(read).transpose()
    }

    fn take(&self, events: Vec<CloudEvent>) -> BoxFuture<'_, Result<Taken, source::Refusal>> {
        Box::pin(async move {
            let accepted = self.events.accept(events).await?;
            Ok(Taken { accepted: accepted.events, duplicates: accepted.duplicates })
        })
    }
}

#[cfg(test)]
mod tests {
    use groundcrew_core::time::Timestamp;

    use super::*;

    #[test]
    fn lines_are_a_source_like_any_other_until_they_end() {
        let heard_at = Some(Timestamp::from_millis(7));
        let error = Some("the disk is full".to_owned());
        let status = LinesStatus { heard_at, line: 17, error: error.clone(), ..LinesStatus::default() };
        let shown = followed(&status);
        assert_eq!(
            (shown.name.as_str(), shown.heard, shown.fresh_within),
            ("ndjson", heard_at, Some(FRESH_WITHIN))
        );
        assert_eq!((shown.belief, shown.lines), (Belief::Believed, Some(Lines { taken: 17, error })));
        let ended = followed(&LinesStatus { flow: Flow::Ended, ..status });
        assert_eq!((ended.heard, ended.fresh_within), (heard_at, None));
    }
}
