//! Apps: `/v1/apps`.
//!
//! An app has no creation time, and there is no list of deleted ones: what came and went is the difference of
//! two lists, by `id`, since a name may be used again \[spec\].

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::call::{Call, Method, Request};
use crate::words::{Rest, is_default, nullable};

/// An app as the API shows it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct App {
    /// The id of this incarnation, opaque; another one after the name was deleted and made again.
    pub id: String,
    /// The name, unique over all organisations.
    #[serde(deserialize_with = "nullable")]
    pub name: String,
    /// The platform's word, open: `deployed`, `pending`, `suspended`, ...
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status: Option<String>,
    /// The private network's name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub network: Option<String>,
    /// Whose it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub organization: Option<Organization>,
    /// Everything else.
    #[serde(flatten)]
    pub rest: Rest,
}

/// The organisation of an app. Compare by number: `personal` is an alias, reads report the real slug \[live\].
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Organization {
    /// The real slug.
    #[serde(deserialize_with = "nullable")]
    pub slug: String,
    /// The id.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub internal_numeric_id: Option<i64>,
    /// Everything else.
    #[serde(flatten)]
    pub rest: Rest,
}

/// The apps of an organisation, all in one answer: there are no pages \[spec\].
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Apps {
    /// How many the API says there are; more than in `apps` means that the answer is not the whole.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub total_apps: Option<i64>,
    /// The apps.
    #[serde(deserialize_with = "nullable", skip_serializing_if = "is_default")]
    pub apps: Vec<App>,
}

/// What a new app should be like.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NewApp<'a> {
    /// The name.
    pub name: &'a str,
    /// The organisation's slug; the alias `personal` is accepted.
    pub org_slug: &'a str,
    /// The private network, if not the default one.
    pub network: Option<&'a str>,
}

impl Apps {
    /// Whether the API gave as many apps as it says there are.
    pub fn is_whole(&self) -> bool {
        self.total_apps.is_none_or(|total| total <= self.apps.len() as i64)
    }
}

/// Lists the apps of an organisation.
pub fn list(org_slug: &str) -> Call<Apps> {
    Call::json(Request::to(Method::Get, &["apps"]).with("org_slug", org_slug))
}

/// Shows one app: 404 = the name is free, 403 = it exists in another organisation [fly-go flaps_apps.go].
pub fn show(app: &str) -> Call<App> {
    Call::json(Request::to(Method::Get, &["apps", app]))
}

/// Makes an app. Not idempotent by itself: a taken name is 422 `name_taken`; look whose it is.
///
/// The name goes out twice, since \[spec\] and \[fly-go\] say `name`, \[docs\] and most servers `app_name`.
pub fn create(new: &NewApp<'_>) -> Call<App> {
    let mut body = json!({ "name": new.name, "app_name": new.name, "org_slug": new.org_slug });
    if let Some(network) = new.network {
        body["network"] = Value::from(network);
    }
    Call::json(Request::to(Method::Post, &["apps"]).send(body))
}

/// Removes an app with all that lives in it. Accepted (202), then done in its own time: ask until it is gone.
pub fn delete(app: &str) -> Call<()> {
    Call::plain(Request::to(Method::Delete, &["apps", app]))
}
