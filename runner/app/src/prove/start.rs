//! Puts a runner together as the binary does.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use groundcrew_core::time::Timestamp;
use groundcrew_engine::egress::Transport;
use groundcrew_engine::limits::Limits;
use groundcrew_store::Store;

use super::beside::Beside;
use super::faults::Laid;
use super::play::Stage;
use crate::runner::installed::Installed;
use crate::runner::{Entropy, Parts, Runner};

/// Registers the hooks of a scenario, closes what a dead process left open, and owes everybody a look.
pub(super) async fn runner<B: Beside>(
    stage: &Stage<'_, B>,
    store: Store,
    transport: Arc<dyn Transport>,
    faults: Arc<Laid>,
) -> Result<Arc<Runner>, groundcrew_store::Error> {
    let cast = &stage.scene.cast;
    let config = &cast.config;
    drop(store.claim_meta("installation", &config.installation).await?);
    let mut hooks = Vec::new();
    for hook in config.hooks.values() {
        let component = cast.components[&hook.name].clone();
        let id = store.save_hook(&hook.name, component.digest, &hook.target, &hook.stanza_text()).await?;
        let installed = Installed::new(id, hook.clone(), component, &config.secrets, [1; 32]);
        hooks.push(installed.expect("invariant: the scenario's secrets are there"));
    }
    let now = Timestamp::from_millis(stage.clock.millis());
    store.close_broken_runs(now).await?;
    if stage.scene.audits() {
        store.close_broken_remedies(now).await?;
        store.close_broken_audits(now).await?;
    }
    let mut seed = [0; 32];
    seed[0] = stage.starts.load(Ordering::SeqCst) as u8;
    let runner = Runner::new(Parts {
        store: store.clone(),
        engine: cast.engine.clone(),
        clock: Arc::new(stage.clock.clone()),
        transport,
        entropy: Entropy::seeded(seed),
        installation: config.installation.clone(),
        level: config.level,
        recovering: store.recovering_since()?,
        fly_api: config.fly_api.clone(),
        limits: Limits::default(),
        label_sources: Vec::new(),
        faults: Some(faults),
        rules: stage.scene.rules,
        rehearsal: None,
        hooks,
    });
    for installed in runner.registry().provisioners() {
        store.dirty_everybody(installed.id, installed.hook.manifest.owner, now).await?;
    }
    Ok(runner)
}
