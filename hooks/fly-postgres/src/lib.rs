//! Managed Postgres clusters on Fly, one for each app, attached to it. They outlive the app, and go on costing.
//!
//! A cluster's name need not be unique, and is all that it carries of us. So it is called NAME-WORD, where the word is
//! the host's own for this creation: its mark. A cluster takes minutes to be ready; until then it has no credentials.
//! Outputs: `id`, `name`, `host`, and sealed `password` and `url`, the connection string.

mod api;
mod config;

use groundcrew_hook::{
    Inventory, Listed, Named, Owner, Provisioner, Result, Spec, State, Thing, ThingPage, View, Want, json,
    log,
};

use crate::api::{Api, Cluster};
use crate::config::Config;

/// When to look again at a cluster that is being made or deleted, in milliseconds.
const POLL_MS: u32 = 15_000;

/// The hook.
#[derive(Debug)]
pub struct FlyPostgres;

impl Provisioner for FlyPostgres {
    fn desired(_view: &View) -> Result<Vec<Spec>> {
        let spec = groundcrew_hook::config::<Config>()?.spec()?;
        Ok(spec.into_iter().collect())
    }

    fn find(want: &Want) -> Result<Vec<Thing>> {
        let config: Config = groundcrew_hook::config()?;
        let api = Api::open(&config)?;
        let found = if let Some(id) = &want.id {
            let Some(cluster) = api.show(id)? else {
                // A listing that succeeds says that the organisation is there, and this token's.
                return api.list(&config.org).map(|_| Vec::new());
            };
            vec![cluster]
        } else {
            // One that a person made under the very name is somebody else's. One of an earlier creation is ours: what
            // a lost ledger knew must not be made, and paid, a second time.
            let mut all = api.list(&config.org)?;
            all.retain(|cluster| want.could_be_named(&cluster.name));
            all
        };
        let thing =
            |cluster: &Cluster| Ok(with_access(&api, cluster, want)?.mark(want.mark_in(&cluster.name)));
        found.iter().map(thing).collect()
    }

    fn create(want: &Want) -> Result<Thing> {
        let config: Config = groundcrew_hook::config()?;
        let mut body = json!({ "org_slug": config.org, "name": want.own_name() });
        for (field, of) in [
            ("region", "region"),
            ("plan", "plan"),
            ("disk_size_gb", "disk_gb"),
            ("pg_major_version", "version"),
        ] {
            if let Some(value) = want.body.get(of) {
                body[field] = value.clone();
            }
        }
        let api = Api::open(&config)?;
        let made = api.create(&body)?;
        // For people who look: the platform shows what a cluster is for. It works without.
        if let Err(failure) = api.attach(&made.id, want.owner.app()?) {
            log::warn(format!("cluster {} is not attached: {failure}", made.id));
        }
        Ok(shown(&made).pending(POLL_MS, made.status).mark(want.mark.clone()))
    }

    fn remove(_want: &Want, now: &Thing) -> Result<Option<Thing>> {
        let api = Api::open(&groundcrew_hook::config()?)?;
        api.delete(&now.id)?;
        Ok(api.show(&now.id)?.map(|_| now.clone().removing(POLL_MS)))
    }
}

impl Inventory for FlyPostgres {
    fn scan(_owner: Option<&Owner>, _cursor: Option<&str>) -> Result<ThingPage> {
        let config: Config = groundcrew_hook::config()?;
        let listed = |cluster: Cluster| Listed {
            kind: "cluster".to_owned(),
            key: Some(Named::of(&cluster.name).key.to_owned()),
            thing: shown(&cluster).mark(Named::of(&cluster.name).mark()),
        };
        let all = Api::open(&config)?.list(&config.org)?;
        Ok(ThingPage { things: all.into_iter().map(listed).collect(), next: None })
    }
}

/// With how it is reached, once it is ready.
fn with_access(api: &Api, cluster: &Cluster, want: &Want) -> Result<Thing> {
    let thing = shown(cluster);
    if thing.state != State::Ready || want.mark_in(&cluster.name).is_none() {
        return Ok(thing);
    }
    let access = api.access(cluster)?;
    let thing = thing.output("host", access.host).output("password", access.password);
    Ok(thing.output("url", access.url))
}

fn shown(cluster: &Cluster) -> Thing {
    let mut body =
        json!({ "name": Named::of(&cluster.name).key, "region": cluster.region, "plan": cluster.plan });
    if let Some(disk) = cluster.disk_size_gb {
        body["disk_gb"] = json!(disk);
    }
    if let Some(version) = &cluster.pg_major_version {
        body["version"] = json!(version);
    }
    let thing = Thing::new(&cluster.id, body).made(cluster.created_at.clone());
    let thing = thing.output("id", &cluster.id).output("name", &cluster.name);
    match cluster.status.as_str() {
        "ready" => thing,
        "failed" | "error" => {
            Thing { note: Some("the platform could not make it".to_owned()), ..thing.state(State::Failed) }
        }
        "deleting" | "deleted" => thing.removing(POLL_MS),
        other => thing.pending(POLL_MS, other),
    }
}

groundcrew_hook::export_provisioner!(FlyPostgres);
groundcrew_hook::export_inventory!(FlyPostgres);
