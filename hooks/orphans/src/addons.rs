//! `addon.orphan`: buckets and databases whose app is gone. They stay and bill [docs about/cost-management].
//!
//! A bucket for static files is made without an app, and only its metadata names it [flyctl deploy/statics]; the
//! metadata holds a secret as well, so it is not asked for, and the name (`APP-statics-WORDS`) has to tell.

use groundcrew_hook::audit::{ago, days, time};
use groundcrew_hook::fly::graphql::{self, AddOn};
use groundcrew_hook::{Finding, Result, Severity, json};

use crate::{Look, Next, Presence, finding};

/// What flyctl puts between an app's name and random words.
const STATICS: &str = "-statics-";

/// Looks at one page of the API's list; the place is its cursor.
pub(crate) fn look(look: &mut Look, place: Option<&str>) -> Result<Next> {
    let page = look.config.graphql()?.call(&graphql::add_ons(&look.config.org, place))?;
    for add_on in page.nodes.iter().filter(|add_on| add_on.app_names().is_empty()) {
        one(look, add_on).map_err(|failure| failure.context(&add_on.name))?;
    }
    Ok(page.next().map(str::to_owned))
}

fn one(look: &mut Look, add_on: &AddOn) -> Result<()> {
    let changed = time(add_on.updated_at.as_deref()).or(time(add_on.created_at.as_deref()));
    if changed.is_some_and(|changed| days(look.now, changed) < look.config.days.addon) {
        return Ok(());
    }
    let statics = add_on.name.split_once(STATICS).map(|(app, _)| app).filter(|app| !app.is_empty());
    let (severity, whose) = match statics {
        None => (Severity::Warning, "belongs to no app".to_owned()),
        Some(app) => match look.app_is(app)? {
            Presence::Lives => return Ok(()),
            Presence::Gone => (Severity::Warning, format!("has static files of app {app}, which is gone")),
            Presence::Hidden => {
                (Severity::Info, format!("may have static files of app {app}, which this token does not see"))
            }
        },
    };
    let provider = if add_on.provider().is_empty() { "add-on" } else { add_on.provider() };
    let age = changed.map(|changed| format!(", and is unchanged for {}", ago(look.now, changed)));
    let message = format!("{provider} `{}` {whose}{}", add_on.name, age.unwrap_or_default());
    look.report(Finding {
        severity,
        remedy: Some(format!(
            "by hand, it holds data; delete it by its id {}, since a name may be another add-on's as well",
            add_on.id
        )),
        data: json!({ "name": add_on.name, "provider": add_on.provider(), "status": add_on.status }),
        ..finding("addon.orphan", format!("addon/{}", add_on.id), None, message)
    });
    Ok(())
}
