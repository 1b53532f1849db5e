//! `volume.unattached`: nobody holds it, and it bills until it or its app is destroyed [docs volumes/overview].

use groundcrew_hook::audit::{ago, days, time};
use groundcrew_hook::fly::volumes::{self, Volume};
use groundcrew_hook::fly::{failure, is_gone};
use groundcrew_hook::{Finding, Result, Severity, fleet, json};

use crate::{Look, Next, finding};

/// Looks at one page of the API's list; the place is the last volume that was done, then the API's cursor.
///
/// The list only finds suspects: it once stopped telling who holds a volume (flyctl#2897).
pub(crate) fn look(look: &mut Look, place: Option<&str>) -> Result<Next> {
    let (done, cursor) = place.and_then(|place| place.split_once('|')).unwrap_or_default();
    let page =
        look.api.call(&volumes::org_page(&look.config.org, Some(cursor).filter(|at| !at.is_empty())))?;
    if !page.error_regions.is_empty() {
        let regions = page.error_regions.join(", ");
        return Err(groundcrew_hook::Failure::passing(format!("no answer for the regions {regions}")));
    }
    let mut suspects: Vec<_> = page.volumes.into_iter().filter(is_loose).collect();
    suspects.sort_by(|one, other| one.id.cmp(&other.id));
    for suspect in suspects.iter().filter(|suspect| suspect.id.as_str() > done) {
        one(look, suspect)?;
        if look.pace.is_over_after(2) {
            return Ok(Some(format!("{}|{cursor}", suspect.id)));
        }
    }
    let next = page.next_cursor.filter(|next| !next.is_empty());
    Ok(next.map(|next| format!("|{next}")))
}

fn is_loose(volume: &Volume) -> bool {
    volume.holder().is_none() && !volume.is_going()
}

fn one(look: &mut Look, listed: &Volume) -> Result<()> {
    let app = listed.app_name.as_deref().unwrap_or_default();
    // Without the app in the mirror it is out of the stanza's scope, or about to go with its app.
    let Some(subject) = fleet::subject(&format!("fly/{}/{app}", look.config.org))? else { return Ok(()) };
    let volume = match look.api.ask(&volumes::show(app, &listed.id))? {
        Ok(volume) => volume,
        Err(error) if is_gone(&error) => return Ok(()),
        Err(error) => return Err(failure(&error).context(&listed.id)),
    };
    if !is_loose(&volume) {
        return Ok(());
    }
    let dates = [listed.updated_at.as_deref(), volume.created_at.as_deref()].map(time);
    let Some(since) = dates.into_iter().flatten().max() else {
        return report(look, &volume, &subject, "unattached, since nobody knows when");
    };
    if days(look.now, since) < look.config.days.volume {
        return Ok(());
    }
    let text = format!("unattached, and unchanged for {}", ago(look.now, since));
    report(look, &volume, &subject, &text)
}

fn report(look: &mut Look, volume: &Volume, app: &groundcrew_hook::Subject, what: &str) -> Result<()> {
    let lost = volume.host_status.as_deref().filter(|status| !matches!(*status, "" | "ok"));
    let doubt = lost.map(|status| format!("; its host is {status}, so somebody may hold it after all"));
    let size = volume.size_gb.map(|gb| format!(" of {gb} GB")).unwrap_or_default();
    let name = app.app()?;
    let message =
        format!("volume `{}`{size} of app {name}: {what}{}", volume.name, doubt.unwrap_or_default());
    look.report(Finding {
        severity: if lost.is_some() { Severity::Info } else { Severity::Warning },
        cost_cents: volume.size_gb.and_then(|gb| look.prices.cents("volume_gb_month", gb)),
        remedy: Some(format!(
            "fly volumes destroy {}, if nobody misses its data; Fly keeps it for 24 h to be restored",
            volume.id
        )),
        data: json!({ "app": name, "name": volume.name, "size_gb": volume.size_gb, "state": volume.state }),
        ..finding("volume.unattached", format!("volume/{}", volume.id), Some(app), message)
    });
    Ok(())
}
