//! The stanza's `config`, templates filled in.

use groundcrew_hook::{Failure, Result, Spec, json};
use serde::Deserialize;

/// Characters that a name may have besides what the hook adds to it.
const NAME_MAX: usize = 36;

/// The whole table.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Config {
    pub(crate) api: Option<String>,
    /// The organisation's slug.
    pub(crate) org: String,
    /// The name of an owner's cluster. Null where templates cannot be filled: without an owner.
    pub(crate) name: Option<String>,
    region: Option<String>,
    plan: Option<String>,
    disk_gb: Option<u32>,
    version: Option<String>,
}

impl Config {
    /// What an owner should have.
    pub(crate) fn spec(&self) -> Result<Option<Spec>> {
        let Some(name) = &self.name else { return Ok(None) };
        let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        if name.is_empty() || name.len() > NAME_MAX || !name.chars().all(plain) || name.starts_with('-') {
            let text =
                format!("`{name}` is no name of a cluster: 1 to {NAME_MAX} characters of a-z, 0-9 and `-`");
            return Err(Failure::lasting(text));
        }
        let mut body = json!({ "name": name, "region": self.region, "plan": self.plan });
        if let Some(disk) = self.disk_gb {
            body["disk_gb"] = json!(disk);
        }
        if let Some(version) = &self.version {
            body["version"] = json!(version);
        }
        Ok(Some(Spec::new("cluster", name, body)))
    }
}
