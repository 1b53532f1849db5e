//! The stanza's `config`.

use std::collections::BTreeMap;

use groundcrew_hook::Result;
use groundcrew_hook::fly::{Api, prices::Prices};
use serde::Deserialize;

/// The whole table.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Config {
    api: Option<String>,
    graphql: Option<String>,
    /// The organisation's slug.
    pub(crate) org: String,
    /// After how many quiet days an app counts as idle.
    #[serde(default = "fortnight")]
    pub(crate) idle_days: i64,
    /// Dollars that replace published prices.
    #[serde(default)]
    prices: BTreeMap<String, f64>,
    /// Whether unattached volumes may be deleted as a remedy.
    #[serde(default)]
    pub(crate) remove_volumes: bool,
    /// What is looked at.
    #[serde(default)]
    pub(crate) checks: Checks,
    /// What is too young to be told.
    #[serde(default)]
    pub(crate) days: Days,
}

/// Which checks are on: all, unless switched off.
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[expect(clippy::struct_excessive_bools, reason = "one switch for each check, as the operator writes them")]
pub(crate) struct Checks {
    pub(crate) volumes: bool,
    pub(crate) addresses: bool,
    pub(crate) egress: bool,
    pub(crate) builders: bool,
    pub(crate) certificates: bool,
    pub(crate) addons: bool,
    pub(crate) postgres: bool,
    pub(crate) peers: bool,
}

/// Ages in days below which something is not told.
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Days {
    pub(crate) volume: i64,
    pub(crate) certificate: i64,
    pub(crate) addon: i64,
    pub(crate) postgres: i64,
    pub(crate) peer: i64,
}

const fn fortnight() -> i64 {
    14
}

impl Default for Checks {
    fn default() -> Self {
        Self {
            volumes: true,
            addresses: true,
            egress: true,
            builders: true,
            certificates: true,
            addons: true,
            postgres: true,
            peers: true,
        }
    }
}

impl Default for Days {
    fn default() -> Self {
        Self { volume: 1, certificate: 7, addon: 1, postgres: 1, peer: 90 }
    }
}

impl Config {
    /// The stanza's.
    pub(crate) fn read() -> Result<Self> {
        groundcrew_hook::config()
    }

    /// The Machines API.
    pub(crate) fn machines(&self) -> Result<Api> {
        Api::at(self.api.as_deref())
    }

    /// The GraphQL API.
    pub(crate) fn graphql(&self) -> Result<Api> {
        Api::graphql_at(self.graphql.as_deref())
    }

    /// What things cost.
    pub(crate) fn prices(&self) -> Result<Prices> {
        Ok(Prices::published().with(&self.prices)?)
    }
}
