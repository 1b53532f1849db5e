//! Volumes of an app: `/v1/apps/{app}/volumes`.

use serde::{Deserialize, Serialize};

use crate::call::{Call, Method, Request};
use crate::words::{Rest, nullable};

/// A volume. Its name is not unique, and it stays, and costs, when its machine is destroyed.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Volume {
    /// The id.
    pub id: String,
    /// The name; several volumes of one name are usual.
    #[serde(deserialize_with = "nullable")]
    pub name: String,
    /// The platform's word, open; `pending_destroy` can be undone for a day [docs volumes/volume-states].
    #[serde(deserialize_with = "nullable")]
    pub state: String,
    /// The region's code.
    #[serde(deserialize_with = "nullable")]
    pub region: String,
    /// Gigabytes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub size_gb: Option<u64>,
    /// Who has it. Read the single volume before deleting: the list was once wrong (flyctl#2897).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub attached_machine_id: Option<String>,
    /// RFC 3339.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub created_at: Option<String>,
    /// Everything else.
    #[serde(flatten)]
    pub rest: Rest,
}

/// Lists an app's volumes.
pub fn list(app: &str) -> Call<Vec<Volume>> {
    Call::new(Request::to(Method::Get, &["apps", app, "volumes"]), |answer| {
        answer.json::<Option<Vec<Volume>>>().map(Option::unwrap_or_default)
    })
}
