//! Many lanes of one provisioner at once: for whom nothing changed, that is noted in one commit for all.
//!
//! A sweep never acts. It says of a lane *at rest* only what a look would have found: the question is the one that
//! was answered, and no row is due. Whatever it cannot tell so cheaply is left to a look.

use std::sync::Arc;

use groundcrew_store::lanes::LaneId;
use groundcrew_store::reconcile::Quiet;

use super::installed::Installed;
use super::{Error, Runner};

/// Lanes that are swept together: they are done in a few milliseconds, and cost one commit.
pub(super) const SWEPT: u32 = 256;

impl Runner {
    /// Finishes those of these lanes for which nothing changed; returns the others.
    pub async fn sweep(
        self: Arc<Self>,
        installed: Arc<Installed>,
        lanes: Vec<LaneId>,
    ) -> Result<Vec<LaneId>, Error> {
        let runner = self.clone();
        // Reading and hashing for milliseconds: whoever else works must not wait for it.
        let looking = tokio::task::spawn_blocking(move || runner.tell_apart(&installed, lanes));
        let told = looking.await.unwrap_or_else(|error| std::panic::resume_unwind(error.into_panic()));
        let (quiet, others) = told?;
        if !quiet.is_empty() {
            self.store.finish_quiet(quiet).await?;
        }
        Ok(others)
    }

    fn tell_apart(
        &self,
        installed: &Installed,
        lanes: Vec<LaneId>,
    ) -> Result<(Vec<Quiet>, Vec<LaneId>), Error> {
        let (mut quiet, mut others) = (Vec::new(), Vec::new());
        for lane in lanes {
            match self.at_rest(installed, lane)? {
                Some(look) => quiet.push(look),
                None => others.push(lane),
            }
        }
        Ok((quiet, others))
    }

    /// What a look at a lane would note, if it would change nothing.
    pub(super) fn at_rest(&self, installed: &Installed, lane: LaneId) -> Result<Option<Quiet>, Error> {
        let Some(rest) = self.store.rest(lane, self.now())? else { return Ok(None) };
        let Some(owner) = self.store.subject(lane.subject)? else { return Ok(None) };
        let path = &owner.subject.path;
        if owner.gone_at.is_some() || !installed.hook.covers(path.app_name()) {
            return Ok(None);
        }
        if !self.label_sources.is_empty() {
            let answered = self.store.label_sources(&path.app_path())?;
            if self.label_sources.iter().any(|name| !answered.contains(name)) {
                return Ok(None);
            }
        }
        let Ok(question) = self.question(installed, &owner)? else { return Ok(None) };
        let same = rest.view_hash.as_deref() == Some(question.hash.as_str());
        Ok(same.then_some(Quiet { lane, seen: rest.seen, next: rest.next }))
    }
}
