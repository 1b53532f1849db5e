//! Managed Postgres in the Machines API: `/v1/postgres`.
//!
//! Shapes as in superfly/fly-go `flaps_managed_postgres.go` (2026-08) and a later copy of the vendor's document: a
//! cluster is made asynchronously, attaching twice is fine, and 410 says that one is deleted or being deleted. The API
//! tells no connection string, only the user's password, so clients put it together (flyctl `mpgutil.go`).

use groundcrew_hook::fly::{PUBLIC, TOKEN};
use groundcrew_hook::{Failure, Request, Response, Result, Value, encode, json, secret};
use serde::Deserialize;

use crate::config::Config;

/// The user and database that every cluster has [flyctl mpgutil.go].
const USER: &str = "fly-user";
const DATABASE: &str = "fly-db";

/// The API with the granted token.
pub(crate) struct Api {
    url: String,
    token: String,
}

#[derive(Deserialize)]
struct Envelope<T> {
    data: T,
}

/// A cluster as it is shown.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Cluster {
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) status: String,
    #[serde(default)]
    pub(crate) region: String,
    #[serde(default)]
    pub(crate) plan: String,
    #[serde(default)]
    pub(crate) disk_size_gb: Option<u32>,
    #[serde(default)]
    pub(crate) pg_major_version: Option<String>,
    #[serde(default)]
    pub(crate) endpoints: Value,
    #[serde(default)]
    pub(crate) created_at: Option<String>,
}

/// How a cluster is reached.
#[derive(Clone, Debug)]
pub(crate) struct Access {
    /// Without the password.
    pub(crate) host: String,
    /// A token.
    pub(crate) password: String,
    /// The whole connection string, the password's token in it.
    pub(crate) url: String,
}

impl Api {
    /// The stanza's API. Nothing is sent.
    pub(crate) fn open(config: &Config) -> Result<Self> {
        let base = config.api.as_deref().unwrap_or(PUBLIC).trim_end_matches('/');
        Ok(Self { url: format!("{base}/v1/postgres"), token: secret(TOKEN)? })
    }

    /// The organisation's clusters.
    pub(crate) fn list(&self, org: &str) -> Result<Vec<Cluster>> {
        let response = self.send(Request::get(&self.url).query("org_slug", org))?.success()?;
        Ok(response.json::<Envelope<Vec<Cluster>>>()?.data)
    }

    /// One cluster; none once it is gone.
    pub(crate) fn show(&self, id: &str) -> Result<Option<Cluster>> {
        let response = self.send(Request::get(self.one(id)))?;
        if is_gone(&response) {
            return Ok(None);
        }
        Ok(Some(response.success()?.json::<Envelope<Cluster>>()?.data))
    }

    /// Begins to make one.
    pub(crate) fn create(&self, body: &Value) -> Result<Cluster> {
        let response = self.send(Request::post(&self.url).json(body))?.success()?;
        Ok(response.json::<Envelope<Cluster>>()?.data)
    }

    /// Attaches an app.
    pub(crate) fn attach(&self, id: &str, app: &str) -> Result<()> {
        let request =
            Request::post(format!("{}/attachments", self.one(id))).json(&json!({ "app_name": app }));
        self.send(request)?.success().map(drop)
    }

    /// Begins to delete one; fine if it is going or gone.
    pub(crate) fn delete(&self, id: &str) -> Result<()> {
        let response = self.send(Request::delete(self.one(id)))?;
        if is_gone(&response) { Ok(()) } else { response.success().map(drop) }
    }

    /// How a ready cluster is reached, through its pooler as flyctl does it; the password is sealed.
    pub(crate) fn access(&self, cluster: &Cluster) -> Result<Access> {
        let path = format!("{}/users/{USER}/credentials", self.one(&cluster.id));
        let response = self.send(Request::get(path).seal("/data/password"))?.success()?;
        let answer: Value = response.json()?;
        let pooler = &cluster.endpoints["primary"]["pooler"];
        let part = |value: Option<&str>, what: &str| {
            value
                .map(str::to_owned)
                .ok_or_else(|| Failure::passing(format!("cluster {}: no {what} yet", cluster.id)))
        };
        let host = part(pooler["host"].as_str().filter(|host| !host.is_empty()), "host")?;
        let password = part(answer["data"]["password"].as_str(), "password")?;
        let host = match pooler["port"].as_u64() {
            None | Some(0 | 5432) => host,
            Some(number) => format!("{host}:{number}"),
        };
        let url = format!("postgresql://{USER}:{password}@{host}/{DATABASE}");
        Ok(Access { host, password, url })
    }

    fn one(&self, id: &str) -> String {
        format!("{}/{}", self.url, encode(id))
    }

    fn send(&self, request: Request) -> Result<Response> {
        request.header("authorization", &self.token).send()
    }
}

/// 404: there never was one, or it was forgotten; 410: it is deleted.
fn is_gone(response: &Response) -> bool {
    matches!(response.status, 404 | 410)
}
