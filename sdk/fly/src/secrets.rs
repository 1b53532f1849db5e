//! Secrets of an app: `/v1/apps/{app}/secrets`. Values go in and never come out again.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::call::{Call, Method, Request};
use crate::words::{Rest, nullable};

/// A secret as the API shows it: its name and a digest of its value.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Secret {
    /// The name.
    pub name: String,
    /// The platform's digest of the value, opaque.
    #[serde(deserialize_with = "nullable")]
    pub digest: String,
    /// RFC 3339.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub updated_at: Option<String>,
    /// Everything else.
    #[serde(flatten)]
    pub rest: Rest,
}

/// The secrets of an app, or those that a change touched.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, from = "Written")]
pub struct Secrets {
    /// The secrets.
    pub secrets: Vec<Secret>,
    /// The version that a change made; machines wait for it with `min_secrets_version`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub version: Option<u64>,
}

/// The same as the API writes it: the version has two names, and both may be there \[spec\].
#[derive(Default, Deserialize)]
#[serde(default)]
struct Written {
    #[serde(deserialize_with = "nullable")]
    secrets: Vec<Secret>,
    version: Option<u64>,
    #[serde(rename = "Version")]
    capital: Option<u64>,
}

impl From<Written> for Secrets {
    fn from(written: Written) -> Self {
        Self { secrets: written.secrets, version: written.version.or(written.capital) }
    }
}

/// Lists the names and digests of an app's secrets.
pub fn list(app: &str) -> Call<Secrets> {
    Call::json(Request::to(Method::Get, &["apps", app, "secrets"]))
}

/// Sets secrets, or deletes those whose value is none. Machines see it when they are next updated.
pub fn set(app: &str, values: &BTreeMap<&str, Option<&str>>) -> Call<Secrets> {
    Call::json(Request::to(Method::Post, &["apps", app, "secrets"]).send(json!({ "values": values })))
}
