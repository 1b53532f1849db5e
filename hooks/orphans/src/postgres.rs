//! `postgres.orphan`: a Managed Postgres cluster that no living app is attached to. It stays and bills when its apps go
//! [docs about/cost-management].

use groundcrew_hook::audit::{ago, days, time};
use groundcrew_hook::fly::postgres::{self, Cluster};
use groundcrew_hook::fly::{failure, is_gone};
use groundcrew_hook::{Failure, Finding, Result, json};

use crate::{Look, Next, Presence, finding};

/// Looks at all clusters, which come in one list; the place is the id of the last one that was done.
pub(crate) fn look(look: &mut Look, place: Option<&str>) -> Result<Next> {
    let mut clusters = look.api.call(&postgres::list(&look.config.org))?;
    clusters.sort_by(|one, other| one.id.cmp(&other.id));
    for listed in clusters.iter().filter(|cluster| place.is_none_or(|done| cluster.id.as_str() > done)) {
        one(look, listed).map_err(|failure| failure.context(&listed.name))?;
        if look.pace.is_over_after(3) {
            return Ok(Some(listed.id.clone()));
        }
    }
    Ok(None)
}

fn one(look: &mut Look, listed: &Cluster) -> Result<()> {
    let made = time(listed.created_at.as_deref());
    if made.is_some_and(|made| days(look.now, made) < look.config.days.postgres) {
        return Ok(());
    }
    let cluster = match look.api.ask(&postgres::show(&listed.id))? {
        Ok(cluster) => cluster,
        Err(error) if is_gone(&error) => return Ok(()),
        Err(error) => return Err(failure(&error)),
    };
    let attached = cluster.attached_apps.as_ref();
    let attached =
        attached.ok_or_else(|| Failure::lasting("the answer does not say which apps are attached"))?;
    for app in attached {
        // An app that the token does not see lives as well.
        if look.app_is(&app.name)? != Presence::Gone {
            return Ok(());
        }
    }
    let names: Vec<_> = attached.iter().map(|app| app.name.as_str()).collect();
    let whose = if names.is_empty() {
        "is attached to no app".to_owned()
    } else {
        format!("is attached to apps that are gone ({})", names.join(", "))
    };
    let age = made.map(|made| format!("; made {} ago", ago(look.now, made))).unwrap_or_default();
    let message = format!("Managed Postgres `{}` of plan {} {whose}{age}", cluster.name, cluster.plan);
    look.report(Finding {
        cost_cents: look.prices.postgres_cents(&cluster.plan, cluster.disk_size_gb),
        remedy: Some(format!("by hand, it holds data; fly mpg destroy {}, once nobody uses it", cluster.id)),
        data: json!({ "plan": cluster.plan, "disk_gb": cluster.disk_size_gb, "status": cluster.status }),
        ..finding("postgres.orphan", format!("postgres/{}", cluster.id), None, message)
    });
    Ok(())
}
