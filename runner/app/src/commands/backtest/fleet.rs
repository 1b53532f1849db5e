//! What another component would want of the whole fleet: every living owner is asked `desired`, on a copy of the ledger.
//!
//! It is what an upgrade counts before it begins ([`Runner::forecast`]); nothing outside is asked.

use std::sync::Arc;

use groundcrew_core::forecast::Forecast;
use groundcrew_core::settle::Rules;
use groundcrew_engine::clock::SystemClock;
use groundcrew_engine::limits::Limits;
use groundcrew_store::{HookId, Options, Store};
use serde::Serialize;

use super::super::{Context, Failure};
use crate::key;
use crate::prove::loaded::Loaded;
use crate::replay::Nowhere;
use crate::runner::installed::Installed;
use crate::runner::{Entropy, Parts, Runner};

/// What a fleet would want, in JSON.
#[derive(Debug, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Fleet {
    /// How much of it otherwise.
    Desired(Forecast),
    /// It was not asked, for this reason.
    NotAsked(String),
}

impl Fleet {
    /// Whether something is known to be wanted otherwise.
    pub(super) const fn differs(&self) -> bool {
        match self {
            Self::Desired(forecast) => !forecast.is_nothing(),
            Self::NotAsked(_) => false,
        }
    }

    /// One line.
    pub(super) fn line(&self) -> String {
        match self {
            Self::Desired(forecast) if forecast.is_nothing() => {
                format!("wants the same of all {} owners", forecast.asked)
            }
            Self::Desired(forecast) => forecast.to_string(),
            Self::NotAsked(why) => format!("not asked: {why}"),
        }
    }
}

/// Asks the fleet of a provisioner; none: the component is no provisioner.
pub(super) fn ask(
    context: &Context,
    database: &Store,
    (hook, name): (HookId, &str),
    loaded: &Loaded,
) -> Result<Option<Fleet>, Failure> {
    if !loaded.component.is_provisioner() {
        return Ok(None);
    }
    let asked = forecast(context, database, (hook, name), loaded)?;
    Ok(Some(asked.map_or_else(Fleet::NotAsked, Fleet::Desired)))
}

/// How much of what is wanted would change, or why that cannot be told.
fn forecast(
    context: &Context,
    database: &Store,
    (hook, name): (HookId, &str),
    loaded: &Loaded,
) -> Result<Result<Forecast, String>, Failure> {
    let not_asked = |why: &str| Ok(Err(why.to_owned()));
    let dir = context.data_dir();
    let Ok(config) = context.config() else {
        return not_asked("the configuration cannot be read; `groundcrew check` says why");
    };
    let Some(stanza) = config.hooks.get(name) else {
        return not_asked("the configuration has no such hook");
    };
    let key = match key::belonging(database, &dir.key(), &dir.database()) {
        Ok(Some(key)) => key,
        Ok(None) => return not_asked("the data directory has no key"),
        Err(error) => return Ok(Err(error.to_string())),
    };
    let stanza = match config.hook_with(stanza, &loaded.manifest) {
        Ok(stanza) => stanza,
        Err(report) => return Ok(Err(format!("the stanza does not fit it: {}", report.summary()))),
    };
    if let Some(read) = stanza.reads().first() {
        return Ok(Err(format!("it reads what `{read}` made; `groundcrew plan` asks it with that")));
    }
    // What a token stands for is part of what is asked, so the secrets have to be there; they go nowhere.
    let installed = match Installed::new(hook, stanza, loaded.component.clone(), &config.secrets, key) {
        Ok(installed) => installed,
        Err(error) => return Ok(Err(error.to_string())),
    };
    let scratch = tempfile::tempdir().map_err(|error| Failure::of(&error))?;
    let copy = scratch.path().join("fleet.db");
    database.copy_to(&copy)?;
    let store = Store::open(&copy, Options::default())?;
    let runner = Runner::new(Parts {
        store,
        engine: loaded.engine.clone(),
        clock: Arc::new(SystemClock),
        transport: Arc::new(Nowhere),
        entropy: Entropy::of_system(),
        installation: config.installation.clone(),
        level: config.level,
        recovering: None,
        fly_api: config.fly_api.clone(),
        limits: Limits::default(),
        label_sources: config.labels.iter().map(|source| source.name.clone()).collect(),
        faults: None,
        rules: Rules::ALL,
        rehearsal: None,
        hooks: Vec::new(),
    });
    Ok(Ok(context.block_on(runner.forecast(&installed))??))
}
