//! What a person does in the middle of a scenario, as the commands do it.

use groundcrew_core::duration::Millis;
use groundcrew_core::time::Timestamp;
use groundcrew_store::Result;

use super::beside::Beside;
use super::play::Stage;
use super::scene::Operator;
use crate::runner::Runner;

/// Who it is, in the operators' record.
const WHO: &str = "prove";
/// How long an approval holds: a day, as the command's.
const APPROVAL: Millis = Millis::seconds(86_400);

/// Does it. Refused, it can be done again.
pub(super) async fn intervenes<B: Beside>(
    stage: &Stage<'_, B>,
    runner: &Runner,
    operator: &Operator,
) -> Result<()> {
    let now = Timestamp::from_millis(stage.clock.millis());
    let id = |hook: &str| runner.registry().named(hook).map(|installed| installed.id);
    match operator {
        Operator::Pause { hook, level } => runner.store.pause(id(hook), None, *level, WHO, now).await,
        Operator::Unpause { hook } => runner.store.unpause(id(hook), None, WHO, now).await.map(drop),
        Operator::Approve => {
            let held = runner.store.held_rows(None)?;
            runner.store.approve(held, WHO, now, now + APPROVAL).await
        }
    }
}
