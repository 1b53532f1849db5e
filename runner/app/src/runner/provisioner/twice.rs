//! Whether `desired` answers the same question the same way, for the proof of a hook.

use std::sync::Arc;

use groundcrew_core::spec::Spec;
use groundcrew_core::time::Timestamp;
use groundcrew_engine::gate::{Answers, Unrecorded};
use groundcrew_engine::run::MemoryHandle;
use groundcrew_store::Result;
use groundcrew_store::subjects::StoredSubject;

use super::super::installed::Installed;
use super::super::record::RunStart;
use super::super::{Runner, Surroundings};

/// Two times and two sources of randomness that have nothing in common.
const SURROUNDINGS: [(i64, [u8; 32]); 2] = [(0, [0; 32]), (1_900_000_000_000, [77; 32])];

impl Runner {
    /// Asks `desired` of everybody who has an answer twice, each time with another clock and other randomness, and says
    /// what differs; none: nothing. What fails is no answer, and is told elsewhere.
    pub async fn differs_when_asked_twice(&self) -> Result<Option<String>> {
        for installed in self.registry().provisioners() {
            for owner in self.store.answered_owners(installed.id)? {
                let Some(owner) = self.store.subject(owner)?.filter(|owner| owner.gone_at.is_none()) else {
                    continue;
                };
                let first = self.asked(installed, &owner, SURROUNDINGS[0]).await?;
                let second = self.asked(installed, &owner, SURROUNDINGS[1]).await?;
                if let Some(what) = first.zip(second).and_then(|(one, other)| differs(&one, &other)) {
                    let name = owner.subject.path.app_name();
                    return Ok(Some(format!("`desired` was asked the same twice for {name}, and {what}")));
                }
            }
        }
        Ok(None)
    }

    async fn asked(
        &self,
        installed: &Installed,
        owner: &StoredSubject,
        (started, seed): (i64, [u8; 32]),
    ) -> Result<Option<Vec<Spec>>> {
        let Ok(question) = self.question(installed, owner)? else { return Ok(None) };
        let surroundings = Surroundings {
            answers: Answers::Outside,
            intents: Arc::new(Unrecorded),
            memory: MemoryHandle::absent(),
            start: RunStart { seed, started: Timestamp::from_millis(started) },
            resource: None,
        };
        let context = self.context(installed, Some(&owner.subject.path), question.config, surroundings);
        let run = self.engine.desired(&installed.component, &context, question.view).await;
        Ok(run.outcome.ok())
    }
}

/// What two answers differ in; their order means nothing.
fn differs(one: &[Spec], other: &[Spec]) -> Option<String> {
    let lacks = |here: &[Spec], there: &[Spec]| here.iter().find(|spec| !there.contains(spec)).cloned();
    let (first, second) = (lacks(one, other), lacks(other, one));
    let show = |spec: &Spec| format!("{}/{} {}", spec.kind, spec.key, spec.body);
    match (first, second) {
        (None, None) => None,
        (Some(first), Some(second)) => Some(format!("answered {} and then {}", show(&first), show(&second))),
        (Some(only), None) | (None, Some(only)) => Some(format!("wanted {} only once", show(&only))),
    }
}
