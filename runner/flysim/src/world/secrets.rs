//! Secrets: names, digests and a version; values go in and never come out of the API.

use serde_json::{Value, json};

use super::{App, State};
use crate::clock::rfc3339;
use crate::ids::digest;
use crate::refusal::Refusal;

/// A secret; the API never shows its value.
#[derive(Debug, Clone)]
pub(crate) struct Secret {
    pub(crate) value: String,
    pub(crate) digest: String,
    pub(crate) created_ms: i64,
    pub(crate) updated_ms: i64,
}

impl State {
    /// Sets (`Some`) or unsets (`None`) secrets; returns the new version.
    pub(crate) fn set_secrets(
        &mut self,
        app_id: &str,
        values: Vec<(String, Option<String>)>,
    ) -> Result<u64, Refusal> {
        let now = self.now;
        for (name, value) in values {
            let app = self.apps.get_mut(app_id).ok_or_else(Refusal::app_not_found)?;
            if let Some(value) = value {
                let fresh =
                    Secret { value: String::new(), digest: String::new(), created_ms: now, updated_ms: now };
                let secret = app.secrets.entry(name.clone()).or_insert(fresh);
                secret.digest = digest(&value);
                secret.value = value;
                secret.updated_ms = now;
                let detail = json!({"digest": secret.digest});
                self.record("secret.set", app_id, &name, detail);
            } else if app.secrets.remove(&name).is_some() {
                self.record("secret.unset", app_id, &name, Value::Null);
            }
        }
        let app = self.apps.get_mut(app_id).ok_or_else(Refusal::app_not_found)?;
        app.secrets_version += 1;
        Ok(app.secrets_version)
    }

    /// The secrets of an app, as a list shows them.
    pub(crate) fn listed_secrets(&self, app: &App) -> Vec<Value> {
        app.secrets
            .iter()
            .filter(|(_, secret)| !self.blind(secret.created_ms, self.knobs.blind_secrets_ms))
            .map(|(name, secret)| secret.json(name))
            .collect()
    }

    /// Finds a secret as a reader does.
    pub(crate) fn secret<'a>(&self, app: &'a App, name: &str) -> Result<&'a Secret, Refusal> {
        let hidden = |secret: &&Secret| {
            !(self.knobs.blind_gets && self.blind(secret.created_ms, self.knobs.blind_secrets_ms))
        };
        app.secrets.get(name).filter(hidden).ok_or_else(|| Refusal::new(404, "secret not found"))
    }
}

impl Secret {
    /// The secret as the API shows it, never its value.
    pub(crate) fn json(&self, name: &str) -> Value {
        json!({
            "name": name,
            "digest": self.digest,
            "created_at": rfc3339(self.created_ms),
            "updated_at": rfc3339(self.updated_ms),
        })
    }
}
