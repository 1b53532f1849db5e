//! Managed Postgres: `/v1/postgres` [fly-go managed_postgres; a later copy of the document].
//!
//! A cluster belongs to the organisation, and stays and bills when the apps that it is attached to go
//! [docs about/cost-management].

use serde::{Deserialize, Serialize};

use crate::call::{Call, Method, Request};
use crate::words::{Rest, nullable};

/// A cluster.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Cluster {
    /// The id.
    pub id: String,
    /// The name.
    #[serde(deserialize_with = "nullable")]
    pub name: String,
    /// The platform's word, open: `ready`, `error`, ...
    #[serde(deserialize_with = "nullable")]
    pub status: String,
    /// The region's code.
    #[serde(deserialize_with = "nullable")]
    pub region: String,
    /// `basic`, `starter`, ...
    #[serde(deserialize_with = "nullable")]
    pub plan: String,
    /// Gigabytes.
    pub disk_size_gb: Option<u64>,
    /// RFC 3339.
    pub created_at: Option<String>,
    /// The apps it is attached to; none if the answer does not say.
    pub attached_apps: Option<Vec<Attached>>,
    /// Everything else.
    #[serde(flatten)]
    pub rest: Rest,
}

/// An app that a cluster is attached to.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Attached {
    /// The app's name.
    #[serde(deserialize_with = "nullable")]
    pub name: String,
}

#[derive(Deserialize)]
struct Envelope<T> {
    data: T,
}

/// Lists an organisation's clusters, all in one answer.
pub fn list(org_slug: &str) -> Call<Vec<Cluster>> {
    let request = Request::to(Method::Get, &["postgres"]).with("org_slug", org_slug);
    Call::new(request, |answer| {
        answer.json::<Envelope<Option<Vec<Cluster>>>>().map(|found| found.data.unwrap_or_default())
    })
}

/// Shows one cluster, with its apps.
pub fn show(id: &str) -> Call<Cluster> {
    Call::new(Request::to(Method::Get, &["postgres", id]), |answer| {
        answer.json::<Envelope<Cluster>>().map(|found| found.data)
    })
}
