//! `peer.old`: WireGuard peers. The API shows neither when one was made nor when it was last used, so all that can be
//! told is for how long this audit has known it.

use groundcrew_hook::audit::{FirstSeen, ago, days};
use groundcrew_hook::fly::graphql;
use groundcrew_hook::{Finding, Result, Severity, json};

use crate::{Look, Next, finding};

/// Looks at one page of the API's list; the place is its cursor.
pub(crate) fn look(look: &mut Look, place: Option<&str>) -> Result<Next> {
    let mut seen = FirstSeen::of("peer")?;
    let page = look.config.graphql()?.call(&graphql::peers(&look.config.org, place))?;
    for peer in &page.nodes {
        let since = seen.since(&peer.id)?;
        if days(look.now, since) < look.config.days.peer {
            continue;
        }
        let age = ago(look.now, since);
        let message = format!("WireGuard peer `{}` ({}) is there for at least {age}", peer.name, peer.region);
        look.report(Finding {
            severity: Severity::Info,
            remedy: Some(format!(
                "fly wireguard remove {} {}, if nobody connects with it any more",
                look.config.org, peer.name
            )),
            data: json!({ "ip": peer.ip }),
            ..finding("peer.old", format!("peer/{}", peer.id), None, message)
        });
    }
    seen.save()?;
    Ok(page.next().map(str::to_owned))
}
