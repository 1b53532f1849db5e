//! Managed Postgres: clusters of an organisation, which outlive the apps that they are attached to.
//!
//! Shapes as in superfly/fly-go `flaps_managed_postgres.go` (2026-08) and a later copy of the vendor's document:
//! creation is asynchronous, attaching twice is fine, and a deleted cluster answers 410 for a while. A name need not
//! be unique; nothing says that it is.

use serde_json::{Value, json};

use super::{Due, State};
use crate::clock::rfc3339;
use crate::refusal::Refusal;

/// One cluster, a deleted one included.
#[derive(Debug, Clone)]
pub(crate) struct Cluster {
    pub(crate) id: String,
    pub(crate) name: String,
    /// The organisation's slug.
    pub(crate) org: String,
    pub(crate) region: String,
    pub(crate) plan: String,
    pub(crate) disk_gb: u64,
    pub(crate) version: String,
    /// Ids of apps, which may be gone.
    pub(crate) attached: Vec<String>,
    pub(crate) created_ms: i64,
    pub(crate) deleting: bool,
    pub(crate) deleted_ms: Option<i64>,
    /// The password of `fly-user`.
    pub(crate) password: String,
}

/// What a creation asks for.
#[derive(Debug)]
pub(crate) struct NewCluster {
    pub(crate) name: Option<String>,
    pub(crate) org: String,
    pub(crate) region: String,
    pub(crate) plan: String,
    pub(crate) disk_gb: u64,
    pub(crate) version: String,
}

/// Whether an app was attached by this call or before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Attached {
    Now,
    Before,
}

impl State {
    /// Begins to make a cluster.
    pub(crate) fn create_cluster(&mut self, new: NewCluster) -> String {
        let id = self.ids.nonce();
        let serial = self.ids.serial();
        let cluster = Cluster {
            id: id.clone(),
            name: new.name.filter(|name| !name.is_empty()).unwrap_or_else(|| format!("pg-{serial}")),
            org: new.org,
            region: new.region,
            plan: new.plan,
            disk_gb: new.disk_gb,
            version: new.version,
            attached: Vec::new(),
            created_ms: self.now,
            deleting: false,
            deleted_ms: None,
            password: self.ids.nonce() + &self.ids.nonce(),
        };
        let detail = json!({"name": cluster.name, "org": cluster.org, "plan": cluster.plan});
        self.clusters.insert(id.clone(), cluster);
        self.record("postgres.created", "", &id, detail);
        id
    }

    /// Begins to delete a cluster; it goes later.
    ///
    /// # Errors
    /// 404 if there never was one, 410 if it is going or gone.
    pub(crate) fn delete_cluster(&mut self, id: &str) -> Result<(), Refusal> {
        let cluster = self.clusters.get_mut(id).ok_or_else(not_found)?;
        if cluster.deleted_ms.is_some() {
            return Err(gone("has been deleted"));
        }
        if cluster.deleting {
            return Err(gone("is being deleted"));
        }
        cluster.deleting = true;
        self.record("postgres.delete_accepted", "", id, Value::Null);
        self.schedule(self.knobs.postgres_delete_ms, Due::ClusterGone { id: id.to_owned() });
        Ok(())
    }

    /// Lets a cluster go.
    pub(crate) fn cluster_gone(&mut self, id: &str) {
        let now = self.now;
        let Some(cluster) = self.clusters.get_mut(id) else { return };
        cluster.deleted_ms = Some(now);
        let detail = json!({"name": cluster.name, "org": cluster.org});
        self.record("postgres.deleted", "", id, detail);
    }

    /// Attaches an app to a cluster.
    pub(crate) fn attach_cluster(&mut self, id: &str, app_id: &str) -> Result<Attached, Refusal> {
        let cluster = self.clusters.get_mut(id).ok_or_else(not_found)?;
        if cluster.attached.iter().any(|attached| attached == app_id) {
            return Ok(Attached::Before);
        }
        cluster.attached.push(app_id.to_owned());
        self.record("postgres.attached", app_id, id, Value::Null);
        Ok(Attached::Now)
    }

    /// Finds a cluster as a reader does.
    ///
    /// # Errors
    /// 404 if there is none, 410 if it was deleted.
    pub(crate) fn cluster(&self, id: &str) -> Result<&Cluster, Refusal> {
        let found = self.clusters.get(id).filter(|cluster| self.org_in_reach(&cluster.org));
        let hidden = |cluster: &&Cluster| {
            self.knobs.blind_gets && self.blind(cluster.created_ms, self.knobs.blind_postgres_ms)
        };
        let cluster = found.filter(|cluster| !hidden(cluster)).ok_or_else(not_found)?;
        if cluster.deleted_ms.is_some() { Err(gone("has been deleted")) } else { Ok(cluster) }
    }

    /// The clusters of an organisation, as a list shows them.
    pub(crate) fn listed_clusters(&self, org: &str, include_deleted: bool) -> Vec<&Cluster> {
        let shown = |cluster: &&Cluster| {
            cluster.org == org
                && (include_deleted || cluster.deleted_ms.is_none())
                && !self.blind(cluster.created_ms, self.knobs.blind_postgres_ms)
        };
        self.clusters.values().filter(shown).collect()
    }

    /// The cluster as the API shows it; apps that are gone are attached no more.
    pub(crate) fn cluster_json(&self, cluster: &Cluster) -> Value {
        let ready = self.now - cluster.created_ms >= self.knobs.postgres_ready_ms as i64;
        let status = match (cluster.deleted_ms, cluster.deleting, ready) {
            (Some(_), ..) => "deleted",
            (None, true, _) => "deleting",
            (None, false, true) => "ready",
            (None, false, false) => "initializing",
        };
        let apps = cluster.attached.iter().filter_map(|id| self.apps.get(id));
        let apps: Vec<_> =
            apps.filter(|app| app.gone_ms.is_none()).map(|app| json!({"name": app.name})).collect();
        let endpoint =
            |kind: &str| json!({"host": format!("{kind}.{}.flympg.net", cluster.id), "port": 5432});
        json!({
            "id": cluster.id,
            "name": cluster.name,
            "status": status,
            "region": cluster.region,
            "plan": cluster.plan,
            "disk_size_gb": cluster.disk_gb,
            "cpus": 2,
            "cpu_kind": "shared",
            "memory_mb": 1024,
            "replicas": 2,
            "pg_major_version": cluster.version,
            "postgis_enabled": false,
            "endpoints": {"primary": {"direct": endpoint("direct"), "pooler": endpoint("pgbouncer")}},
            "organization": {"name": self.org(&cluster.org).map(|org| &org.name), "slug": cluster.org},
            "created_at": rfc3339(cluster.created_ms),
            "attached_apps": apps,
        })
    }
}

fn not_found() -> Refusal {
    Refusal::new(404, "cluster not found")
}

/// The words of a later copy of the vendor's document.
fn gone(how: &str) -> Refusal {
    Refusal::new(410, format!("cluster {how}"))
}
