//! Handlers of Managed Postgres.

use serde_json::json;

use super::apps::org_slug;
use super::call::{Answer, Call};
use crate::clock::rfc3339;
use crate::refusal::Refusal;
use crate::world::State;
use crate::world::postgres::{Attached, NewCluster};

/// The only user that a new cluster has [flyctl mpgutil.go].
const USER: &str = "fly-user";

pub(crate) fn list(state: &mut State, call: &Call) -> Result<Answer, Refusal> {
    let slug = call.query("org_slug").filter(|slug| !slug.is_empty());
    let slug = slug.ok_or_else(|| Refusal::bad_request("invalid_argument: org_slug is required"))?;
    let org = org_slug(state, slug)?;
    let clusters = state.listed_clusters(&org, call.flag("include_deleted"));
    let data: Vec<_> = clusters.into_iter().map(|cluster| state.cluster_json(cluster)).collect();
    Ok(Answer::ok(json!({"data": data})))
}

pub(crate) fn create(state: &mut State, call: &Call) -> Result<Answer, Refusal> {
    let new = NewCluster {
        name: call.text("name")?.map(str::to_owned),
        org: org_slug(state, call.required("org_slug")?)?,
        region: call.required("region")?.to_owned(),
        plan: call.required("plan")?.to_owned(),
        disk_gb: call.field("disk_size_gb").as_u64().unwrap_or(10),
        version: call.text("pg_major_version")?.unwrap_or("16").to_owned(),
    };
    let id = state.create_cluster(new);
    Ok(Answer::json(201, json!({"data": state.cluster_json(&state.clusters[&id])})))
}

pub(crate) fn show(state: &mut State, call: &Call) -> Result<Answer, Refusal> {
    let cluster = state.cluster(call.param("cluster_id"))?;
    Ok(Answer::ok(json!({"data": state.cluster_json(cluster)})))
}

pub(crate) fn delete(state: &mut State, call: &Call) -> Result<Answer, Refusal> {
    let id = state.cluster(call.param("cluster_id"))?.id.clone();
    state.delete_cluster(&id)?;
    Ok(Answer::empty(202))
}

pub(crate) fn attach(state: &mut State, call: &Call) -> Result<Answer, Refusal> {
    let id = state.cluster(call.param("cluster_id"))?.id.clone();
    let app = state.visible_app(call.required("app_name")?)?;
    let (app_id, number) = (app.id.clone(), app.numeric_id);
    let status = match state.attach_cluster(&id, &app_id)? {
        Attached::Now => 201,
        Attached::Before => 200,
    };
    let body = json!({"id": 1, "app_id": number, "managed_service_id": 1, "attached_at": rfc3339(state.now)});
    Ok(Answer::json(status, json!({"data": body})))
}

pub(crate) fn credentials(state: &mut State, call: &Call) -> Result<Answer, Refusal> {
    let cluster = state.cluster(call.param("cluster_id"))?;
    let ready = state.cluster_json(cluster)["status"] == "ready";
    if call.param("username") != USER || !ready {
        return Err(Refusal::new(404, "user not found"));
    }
    Ok(Answer::ok(json!({"data": {"username": USER, "password": cluster.password}})))
}
