//! The end of a recovery: when everything that is known of was looked for, what else there is is listed.

use std::sync::Arc;

use groundcrew_core::duration::Millis;
use tokio_util::sync::CancellationToken;

use super::{Error, Runner};

/// How often it is asked whether everything was looked for.
const EVERY: Millis = Millis::seconds(1);
/// Listings that failed, or of a ledger that took up more since, are begun again after this, then twice as much later.
const AGAIN: Millis = Millis::seconds(10);
/// But no later than this.
const AGAIN_MAX: Millis = Millis::minutes(10);

impl Runner {
    /// While a ledger is rebuilt: lists all inventories once everything was looked for, and again when more was taken
    /// up after that. Listings only read.
    pub async fn list_while_recovering(self: Arc<Self>, stop: CancellationToken) {
        let (mut pause, mut again) = (EVERY, AGAIN);
        while self.is_recovering() {
            let slept = stop.run_until_cancelled(tokio::time::sleep(pause.to_std())).await;
            if slept.is_none() {
                return;
            }
            pause = match self.list_if_looked_for(&stop).await {
                Ok(Listed::Nothing) => EVERY,
                Ok(Listed::Something) => again,
                Err(error) => {
                    tracing::warn!(%error, "inventories could not be listed, and are again");
                    again
                }
            };
            again = if pause == EVERY { AGAIN } else { again.times(2).min(AGAIN_MAX) };
        }
    }

    async fn list_if_looked_for(&self, stop: &CancellationToken) -> Result<Listed, Error> {
        let Some(recovery) = self.store.recovery(self.now())? else { return Ok(Listed::Nothing) };
        if !recovery.is_looked_for() || recovery.listed {
            return Ok(Listed::Nothing);
        }
        let before = self.store.on_record()?;
        if self.list_inventories(stop).await? {
            let registry = self.registry();
            // By now it is known of all whether they have one in this configuration.
            let mute = registry.provisioners().filter(|installed| !installed.has_inventory());
            let unlisted = mute.map(|installed| installed.hook.name.clone()).collect();
            self.store.recovery_listed(before, unlisted).await?;
        }
        Ok(Listed::Something)
    }
}

/// Whether anything was listed.
enum Listed {
    /// It was.
    Something,
    /// There was no need, or not everything was looked for.
    Nothing,
}
