//! Audits of a play: run when the script says, and a few times more at its end.

use std::sync::PoisonError;

use groundcrew_store::findings::ClosedToo;
use tokio_util::sync::CancellationToken;

use super::audited::Looked;
use super::beside::Beside;
use super::play::Stage;
use super::scene::{Doing, Looks, Scene};
use crate::runner::{Error, Runner};

/// What a look at the end comes after, beside the script.
#[derive(Clone, Copy, PartialEq, Eq)]
enum After {
    Nothing,
    /// What the first look at the end saw may be mended by then.
    Grace,
}

/// Looks at the end, in sixtieths of what is left after everything has happened. An attempt that was cut off is made
/// again only when nothing of it can take effect any more, and what it mended is seen by the look after that.
const AT_THE_END: [(After, i64); 4] =
    [(After::Nothing, 10), (After::Grace, 20), (After::Grace, 35), (After::Grace, 50)];

/// The script of a scene, with looks at the end if it has them.
pub(super) fn script<B: Beside>(scene: &Scene<B>) -> Vec<(i64, Doing<B::Act>)> {
    let mut script = scene.script.clone();
    if scene.looks == Looks::AgainAtTheEnd && scene.audits() {
        let last = script.last().map_or(0, |(at, _)| *at);
        let grace = scene.cast.grace();
        let left = (scene.lasts - last - grace).max(0);
        script.extend(AT_THE_END.map(|(after, sixtieths)| {
            let waited = if after == After::Grace { grace } else { 0 };
            (last + waited + left * sixtieths / 60, Doing::Look)
        }));
    }
    script
}

/// Runs all audits, and notes what is open afterwards.
pub(super) async fn around<B: Beside>(
    stage: &Stage<'_, B>,
    runner: &Runner,
    place: usize,
) -> Result<(), Error> {
    let mut wrong = Vec::new();
    for audit in stage.scene.cast.config.audits.values() {
        runner.audit(audit, None, &CancellationToken::new()).await?;
        let run = runner.store.audit_runs(Some(&audit.name), 1)?;
        let outcome = run.into_iter().next().and_then(|run| run.outcome);
        wrong.extend(outcome.filter(|outcome| outcome != "ok"));
    }
    let open = runner.store.findings(ClosedToo::No)?.into_iter();
    // What the runner noticed itself is no auditor's.
    let open = open.filter(|finding| finding.auditor.is_some()).map(|finding| (finding.code, finding.about));
    let looked = Looked { open: open.collect(), wrong: (!wrong.is_empty()).then(|| wrong.join("; ")) };
    stage.looked.lock().unwrap_or_else(PoisonError::into_inner).insert(place, looked);
    Ok(())
}
