//! The stanza's `config`, and what it means for one app.

use std::collections::BTreeMap;

use groundcrew_hook::{Spec, Subject, Value, json};
use serde::Deserialize;

/// The key of the one shared address.
pub(crate) const SHARED: &str = "shared";

/// What the platform calls having no region.
pub(crate) const GLOBAL: &str = "global";

/// Which IPv4 address an app gets.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum V4 {
    /// One that apps share; free.
    #[default]
    Shared,
    /// One of its own; billed.
    Dedicated,
    /// None.
    None,
}

/// Which public IPv6 address an app gets.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum V6 {
    /// One of its own.
    #[default]
    Dedicated,
    /// None.
    None,
}

/// The whole table.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Config {
    /// Where the Machines API is.
    pub(crate) api: Option<String>,
    #[serde(default)]
    v4: V4,
    #[serde(default)]
    v6: V6,
    #[serde(default)]
    private_v6: bool,
    /// Labels that, all equal, make the IPv4 address a dedicated one.
    #[serde(default)]
    dedicated_v4_if: Option<BTreeMap<String, Value>>,
    region: Option<String>,
    network: Option<String>,
}

impl Config {
    /// The addresses that this app should have.
    pub(crate) fn wanted(&self, app: &Subject) -> Vec<Spec> {
        let earned = self.dedicated_v4_if.as_ref().is_some_and(|labels| {
            !labels.is_empty() && labels.iter().all(|(name, value)| app.labels.get(name) == Some(value))
        });
        let v4 = if earned { V4::Dedicated } else { self.v4 };
        let mut specs = Vec::new();
        match v4 {
            V4::Shared => specs.push(Spec::new("shared-v4", SHARED, json!({}))),
            V4::Dedicated => specs.push(self.dedicated("v4")),
            V4::None => {}
        }
        if self.v6 == V6::Dedicated {
            specs.push(self.dedicated("v6"));
        }
        if self.private_v6 {
            let body = self.network.as_ref().map_or(json!({}), |network| json!({ "network": network }));
            specs.push(Spec::new("private-v6", self.network.as_deref().unwrap_or("default"), body));
        }
        specs
    }

    /// The region is the key as well: another region is another address, made before the old one goes.
    fn dedicated(&self, kind: &str) -> Spec {
        let region = self.region.as_deref().filter(|region| *region != GLOBAL);
        let body = region.map_or(json!({}), |region| json!({ "region": region }));
        Spec::new(kind, region.unwrap_or(GLOBAL), body)
    }
}
