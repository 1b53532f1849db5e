//! Volumes: `/v1/apps/{app}/volumes`, and `/v1/orgs/{org}/volumes`.

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
    #[serde(deserialize_with = "size", skip_serializing_if = "Option::is_none")]
    pub size_gb: Option<u64>,
    /// Who has it. Read the single volume before deleting: the list was once wrong (flyctl#2897).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub attached_machine_id: Option<String>,
    /// The app's name; only the list of an organisation has it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub app_name: Option<String>,
    /// `ok`, `unknown` or `unreachable`; open.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub host_status: Option<String>,
    /// RFC 3339.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub created_at: Option<String>,
    /// RFC 3339; only the list of an organisation has it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub updated_at: Option<String>,
    /// Everything else.
    #[serde(flatten)]
    pub rest: Rest,
}

/// A page of an organisation's volumes.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct OrgVolumes {
    /// The volumes; an empty page is no end, only an absent `next_cursor` is \[spec\].
    #[serde(deserialize_with = "nullable")]
    pub volumes: Vec<Volume>,
    /// Where the next page begins.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_cursor: Option<String>,
    /// Regions that did not answer: with any, this reading is not the whole.
    #[serde(deserialize_with = "nullable")]
    pub error_regions: Vec<String>,
    /// Everything else.
    #[serde(flatten)]
    pub rest: Rest,
}

impl Volume {
    /// The machine that holds it.
    pub fn holder(&self) -> Option<&str> {
        self.attached_machine_id.as_deref().filter(|id| !id.is_empty())
    }

    /// Whether it is on its way out: being deleted, deleted softly, or about to be [docs volumes/volume-states; fly-go].
    pub fn is_going(&self) -> bool {
        let words = [
            "scheduling_destroy",
            "pending_destroy",
            "destroying",
            "destroyed",
            "fork_cleanup",
            "waiting_for_detach",
        ];
        words.contains(&self.state.as_str())
    }
}

/// Lists an app's volumes.
pub fn list(app: &str) -> Call<Vec<Volume>> {
    Call::new(Request::to(Method::Get, &["apps", app, "volumes"]), |answer| {
        answer.json::<Option<Vec<Volume>>>().map(Option::unwrap_or_default)
    })
}

/// Shows one volume; a deleted one, too, while it is kept \[live\].
pub fn show(app: &str, volume: &str) -> Call<Volume> {
    Call::json(Request::to(Method::Get, &["apps", app, "volumes", volume]))
}

/// Deletes a volume softly: it is `pending_destroy` for a day, in which it can be restored [docs volumes/overview].
///
/// 412 (or 409) while a machine holds it, and for a while after that machine was destroyed.
pub fn delete(app: &str, volume: &str) -> Call<()> {
    Call::plain(Request::to(Method::Delete, &["apps", app, "volumes", volume]))
}

/// Lists a page of an organisation's volumes. It shows fresh ones at once \[live\].
pub fn org_page(org_slug: &str, cursor: Option<&str>) -> Call<OrgVolumes> {
    Call::json(Request::to(Method::Get, &["orgs", org_slug, "volumes"]).with_some("cursor", cursor))
}

/// The document's type of a size allows negative numbers, which are none.
fn size<'de, D: serde::Deserializer<'de>>(input: D) -> Result<Option<u64>, D::Error> {
    Ok(Option::<i64>::deserialize(input)?.and_then(|gb| u64::try_from(gb).ok()))
}
