//! Whether the owner of a row is there, before anything is made for it.

use groundcrew_core::may_make::Make;
use groundcrew_core::row::State;
use groundcrew_core::settle::{Step, Waiting};
use groundcrew_store::subjects::StoredSubject;

use super::super::beliefs::Whose;
use super::super::{Error, Runner};
use super::row::Work;

impl Runner {
    /// What a step waits for that makes or changes something for an owner who is missed.
    ///
    /// Nothing while a ledger is rebuilt: nothing is written outside then, and what was not looked for would not be known
    /// when that ends, and be made a second time.
    pub(super) fn waits_for_owner(&self, work: &Work<'_>, step: &Step) -> Option<Waiting> {
        if self.is_recovering() {
            return None;
        }
        match self.beliefs.may_make(&work.whose) {
            Make::Later { why } if makes(work, step) => Some(Waiting::Owner(why)),
            Make::Now | Make::Later { .. } => None,
        }
    }

    /// A row sleeps until its owner is seen.
    pub(super) async fn sleeps(&self, work: &Work<'_>) -> Result<(), Error> {
        self.beliefs.sleeps(work.row.id, work.whose.clone());
        // It may have been seen while this was decided, and who slept by then is awake already.
        if self.beliefs.misses(&work.whose) { Ok(()) } else { self.wake_seen().await }
    }

    /// For whom something is made, and, of a machine, its app.
    pub(super) fn whose(&self, owner: &StoredSubject) -> groundcrew_store::Result<Whose> {
        let app = owner.parent.map(|app| self.store.subject(app)).transpose()?.flatten();
        let (path, uid) = (owner.subject.path.clone(), owner.subject.uid.clone());
        Ok(Whose { path, owner: uid, app: app.map(|app| app.subject.uid) })
    }
}

/// Whether a step makes or changes something, or begins to.
fn makes(work: &Work<'_>, step: &Step) -> bool {
    match step {
        Step::Create { .. } | Step::Update { .. } => true,
        // What is to be made anew is removed first.
        Step::Remove { .. } => work.want.is_some(),
        // A creation begins with a look, which would say of somebody who is gone that it failed.
        Step::Look(_) | Step::Take { .. } => work.want.is_some() && work.row.row.state == State::Creating,
        _ => false,
    }
}
