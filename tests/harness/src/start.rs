//! Puts a runner together as the binary does.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use groundcrew::config::{Config, Environment};
use groundcrew::runner::installed::Installed;
use groundcrew::runner::{Entropy, Parts, Runner};
use groundcrew_core::time::Timestamp;
use groundcrew_engine::egress::Transport;
use groundcrew_engine::limits::Limits;
use groundcrew_store::Store;

use crate::carrier::SERVER;
use crate::faults::Laid;
use crate::hooks::{Shop, manifest_of};
use crate::neighbours::PDNS_KEY;
use crate::play::Stage;
use crate::scenario::{Scenario, head};

/// The installation, as in marks.
pub const INSTALLATION: &str = "harness";

/// Reads the scenario's configuration, registers its hooks, closes what a dead process left open, and owes
/// everybody a look.
pub(crate) async fn runner(
    stage: &Stage<'_>,
    store: Store,
    transport: Arc<dyn Transport>,
) -> Result<Arc<Runner>, groundcrew_store::Error> {
    let shop = Shop::of_process();
    let config = config(stage.scenario);
    drop(store.claim_meta("installation", INSTALLATION).await?);
    let mut hooks = Vec::new();
    for hook in config.hooks.values() {
        let component = shop.component(&hook.component);
        let id = store.save_hook(&hook.name, component.digest, &hook.target, &hook.stanza_text()).await?;
        let installed = Installed::new(id, hook.clone(), component, &config.secrets, [1; 32]);
        hooks.push(installed.expect("invariant: the scenario's secrets are there"));
    }
    let now = Timestamp::from_millis(stage.clock.millis());
    store.close_broken_runs(now).await?;
    let mut seed = [0; 32];
    seed[0] = stage.starts.load(Ordering::SeqCst) as u8;
    let runner = Runner::new(Parts {
        store: store.clone(),
        engine: shop.engine.clone(),
        clock: Arc::new(stage.clock.clone()),
        transport,
        entropy: Entropy::seeded(seed),
        installation: config.installation.clone(),
        level: config.level,
        recovering: store.is_recovering()?,
        fly_api: config.fly_api.clone(),
        limits: Limits::default(),
        label_sources: Vec::new(),
        faults: Some(Arc::new(Laid(stage.schedule.clone()))),
        rules: stage.scenario.rules,
        rehearsal: None,
        hooks,
    });
    for installed in runner.registry().provisioners() {
        store.dirty_everybody(installed.id, installed.hook.manifest.owner, now).await?;
    }
    Ok(runner)
}

/// The configuration that a user would have written.
fn config(scenario: &Scenario) -> Config {
    let Scenario { component, stanza, grace, handler, hooks, .. } = scenario;
    let tell = if *handler {
        "[hook.tell]\nuse = \"builtin:notify\"\non = [\"app.*\"]\nconfig = { to = \"standard-webhooks\" }\n\
         secret.URL = { from = \"TELL\", at = \"url\" }\n"
    } else {
        ""
    };
    let things = format!(
        "[hook.things]\nuse = \"{component}\"\ngone = \"delete\"\n{stanza}\ngrace = {grace}\n\
         config = {{ server = \"{SERVER}\" }}\nallow = [\"GET,POST,PUT,DELETE {{config.server}}/*\"]\n"
    );
    let text = head(INSTALLATION) + hooks.as_ref().unwrap_or(&things) + tell;
    let environment = Environment::fixed([
        ("TELL".to_owned(), format!("{SERVER}/told")),
        ("FLY".to_owned(), "fo1_token_of_the_harness".to_owned()),
        ("PDNS".to_owned(), PDNS_KEY.to_owned()),
    ]);
    let parsed = Config::parse("harness.toml", &text, Path::new("/"), &environment, &manifest_of);
    parsed.unwrap_or_else(|report| panic!("invariant: the harness's configuration is right\n{report}"))
}
