//! Handlers that are to be told of everybody who lives.

use groundcrew_core::backfill::Kinds;
use groundcrew_core::duration::Millis;
use groundcrew_store::Error;

use super::{Desk, Done, Refusal, Result};

impl Desk<'_> {
    pub(super) async fn backfill(&self, name: &str, kinds: Kinds, every: Millis) -> Result {
        let hook = self.hook(name)?;
        let act = self.act(format!("backfill {name}"));
        self.store.start_backfill(hook, kinds, every, act, self.now).await.map_err(|error| match error {
            Error::Superseded(_) => Refusal::conflict(format!("a backfill of {name} is under way"))
                .hint("groundcrew backfill list")
                .hint(format!("groundcrew backfill cancel {name}")),
            other => other.into(),
        })?;
        let message =
            format!("{name} is told while `groundcrew up` runs: `groundcrew backfill list` says how far");
        Ok(Done { message, changed: 1 })
    }

    pub(super) async fn cancel_backfill(&self, name: &str) -> Result {
        let hook = self.hook(name)?;
        let cancelled =
            self.store.cancel_backfill(hook, self.act(format!("backfill cancel {name}")), self.now);
        let told = cancelled.await.map_err(|error| match error {
            Error::Missing(_) => Refusal::conflict(format!("no backfill of {name} is under way"))
                .hint("groundcrew backfill list"),
            other => other.into(),
        })?;
        Ok(Done { message: format!("{name} is told of nobody else; it was told of {told}"), changed: 1 })
    }

    pub(super) async fn approve_upgrade(&self, name: &str) -> Result {
        let hook = self.hook(name)?;
        let upgrade = self.store.upgrade(hook)?;
        let act = self.act(format!("approve --upgrade {name}"));
        if let Some(waiting) = upgrade.waiting {
            let component = waiting.component.clone();
            self.store.approve_version(hook, name, waiting, act, self.now).await?;
            let what = format!("the new version of {name} is approved");
            return self.take_up(hook, name, &component, what).await;
        }
        let held = self.store.sight(hook)?.and_then(|sight| Some((sight.held?, sight.lost.len())));
        let Some((settings, lost)) = held else {
            let approved = if upgrade.approved.is_some() {
                "; one is approved, and begins with: groundcrew reload"
            } else {
                ""
            };
            let refusal = Refusal::conflict(format!("no version of {name} waits for approval{approved}"));
            return Err(refusal.hint("groundcrew findings"));
        };
        self.store.trust_sight(hook, name, settings, Some(act), self.now).await?;
        let message = format!("{name} may write, although it did not find {lost} of its things");
        Ok(Done { message, changed: 1 })
    }
}
