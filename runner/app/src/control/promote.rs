//! Requests about candidates: promote one, take that back.

use groundcrew_store::canary::Canary;
use groundcrew_store::promotions::Promotion;

use super::{Desk, Done, Promoting, Refusal, Result};

impl Desk<'_> {
    /// Makes a candidate current.
    pub(super) async fn promote(&self, name: &str, when: Promoting) -> Result {
        let hook = self.hook(name)?;
        let before = self.store.promotion(hook)?;
        let canary = match (self.store.candidate(hook)?, &before) {
            (Some(canary), _) => canary,
            (None, Some(before)) => {
                let (is, was) = (before.component.short(), before.instead_of.short());
                let message = format!("{name}: {is} is promoted over {was} already");
                return Ok(Done { message, changed: 0 });
            }
            (None, None) => {
                let message = format!("{name} has no candidate that is compared with what runs");
                let hint = format!("candidate = \"next.wasm\" in [hook.{name}], then: groundcrew reload");
                return Err(Refusal::conflict(message).hint(hint));
            }
        };
        if when == Promoting::Equal {
            refuse(name, &canary)?;
        }
        let promotion = Promotion {
            hook,
            instead_of: self.store.named(hook, canary.current)?,
            component: canary.candidate,
            at: self.now,
            who: self.who.to_owned(),
        };
        let (candidate, named) = (promotion.component, promotion.instead_of.short());
        let anyway = if when == Promoting::Anyway { " --anyway" } else { "" };
        self.store.promote(promotion, self.act(format!("promote {name}{anyway}")), self.now).await?;
        let what = format!("{name}: {} is promoted over {named}", candidate.short());
        self.take_up(hook, name, &candidate.to_string(), what).await
    }

    /// What the stanza names runs again.
    pub(super) async fn undo_promotion(&self, name: &str) -> Result {
        let hook = self.hook(name)?;
        let Some(promoted) = self.store.promotion(hook)? else {
            return Err(Refusal::conflict(format!("nothing of {name} is promoted")).hint("groundcrew canary"));
        };
        self.store.forget_promotion(hook, Some(self.act(format!("promote {name} --undo"))), self.now).await?;
        let named = promoted.instead_of;
        let what = format!("{name} goes back to {}, which its stanza names", named.short());
        self.take_up(hook, name, &named.to_string(), what).await
    }
}

/// Refuses a candidate that differs, or of which nothing is known.
fn refuse(name: &str, canary: &Canary) -> Result<()> {
    let why = if canary.differed > 0 {
        format!("{} of {} runs differ with it", canary.differed, canary.differed + canary.equal)
    } else if canary.equal == 0 {
        "no run was compared with it yet".to_owned()
    } else {
        return Ok(());
    };
    let refusal = Refusal::conflict(format!("{name}: {} is not promoted: {why}", canary.candidate.short()));
    Err(refusal.hint(format!("groundcrew canary {name}")).hint(format!("groundcrew promote {name} --anyway")))
}
