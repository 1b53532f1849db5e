//! Looks for a second thing of ours: the late effect of a creation that was repeated.
//!
//! A creation is repeated only after `settle`, when what the first one made must have shown. An API that hides
//! things for longer breaks the one condition of *never doubled*; then at least it is told.

use groundcrew_core::manifest::Class;
use groundcrew_core::row::{Whose, whose};
use groundcrew_core::settle::{Aim, Look, SKEW};
use groundcrew_core::spec::Thing;
use groundcrew_store::runs::RunsOf;

use super::super::{Error, Runner};
use super::row::Work;

/// Runs about one row that are looked through for creations.
const RUNS: u32 = 1_000;

/// What a look for twins came to.
pub(super) enum Twins {
    /// None was due, or none is possible.
    NotLooked,
    /// These are ours, too; none is good news.
    Seen(Vec<String>),
}

impl Runner {
    /// Looks for twins if that is due; none if the look failed, which is on record then.
    pub(super) async fn twins(&self, work: &mut Work<'_>) -> Result<Option<Twins>, Error> {
        let due = work.row.row.look_at.is_some_and(|at| at <= self.now());
        let possible = work.policy.class != Class::Natural;
        if !due || !possible || !self.was_repeated(work)? {
            return Ok(Some(Twins::NotLooked));
        }
        let Some(look) = self.find(work, Aim::Anything).await? else { return Ok(None) };
        let (held, _) = self.store.claims(&work.row, ids(&look), self.keeper.occupied(&work.policy))?;
        let twins = look.things.iter().filter(|thing| !held.contains(&thing.id) && self.is_twin(work, thing));
        Ok(Some(Twins::Seen(twins.map(|thing| thing.id.clone()).collect())))
    }

    fn was_repeated(&self, work: &Work<'_>) -> Result<bool, Error> {
        let runs = self.store.runs(RunsOf::Resource(work.row.id), RUNS)?;
        Ok(runs.iter().filter(|run| run.op == "create").count() > 1)
    }

    fn is_twin(&self, work: &Work<'_>, thing: &Thing) -> bool {
        let row = &work.row.row;
        if row.thing.as_ref() == Some(&thing.id) {
            return false;
        }
        match whose(thing.mark.as_deref(), &row.id, &self.installation) {
            Whose::Mine => true,
            Whose::Earlier | Whose::Sibling | Whose::Foreign => false,
            // Without marks: what was made while a creation of ours could take effect, and was not there before.
            Whose::Unmarked if work.policy.class == Class::Marked => false,
            Whose::Unmarked => {
                let window = row.intended_at.zip(row.made_by);
                let then = |made| window.is_some_and(|(from, to)| from - SKEW <= made && made <= to + SKEW);
                !row.before.contains(&thing.id) && thing.made.is_some_and(then)
            }
        }
    }
}

/// The ids of what a look showed.
pub(super) fn ids(look: &Look) -> impl Iterator<Item = &str> {
    look.things.iter().map(|thing| thing.id.as_str())
}
