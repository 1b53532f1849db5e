//! `volume.unattached`: nobody holds it, and it bills until it or its app is destroyed [docs volumes/overview].
//!
//! With `remove_volumes` it can be mended: the volume is deleted, which Fly undoes for 24 hours.

use groundcrew_hook::audit::{ago, days, loose, time};
use groundcrew_hook::fly::machines;
use groundcrew_hook::fly::volumes::{self, Volume};
use groundcrew_hook::fly::{Api, failure, is_gone};
use groundcrew_hook::{Failure, Finding, Outcome, Result, Severity, fleet, json, log};

use crate::config::Config;
use crate::{Look, Next, finding};

/// What is reported, and mended.
const UNATTACHED: &str = "volume.unattached";

/// Deletes a volume that was reported, unless it is used by now, or may be.
///
/// What is used may be so without being held: a machine's configuration may mount it, and the machine be down.
pub(crate) fn fix(finding: &Finding) -> Result<Outcome> {
    if finding.code != UNATTACHED {
        return Err(Failure::lasting(format!("`{}` is not what this hook mends", finding.code)));
    }
    let config = Config::read()?;
    if !config.remove_volumes {
        return Err(Failure::lasting("the stanza's `config` does not say `remove_volumes = true`"));
    }
    let api = config.machines()?;
    let app = finding.subject.as_ref().ok_or_else(|| Failure::lasting("the finding names no app"))?.app()?;
    let id = finding.about.strip_prefix("volume/");
    let id = id.ok_or_else(|| Failure::lasting(format!("`{}` is no volume", finding.about)))?;
    let volume = match api.ask(&volumes::show(app, id))? {
        Ok(volume) if is_loose(&volume) => volume,
        Ok(_) => return Ok(Outcome::NoLongerTrue),
        Err(error) if is_gone(&error) => return Ok(Outcome::NoLongerTrue),
        Err(error) => return Err(failure(&error).context(id)),
    };
    match used(&api, app, &volume)? {
        Some(why) => {
            log::warn(format!("volume {id} of app {app} stays: {why}"));
            Ok(Outcome::NotNow)
        }
        None => loose::delete(&api, app, id),
    }
}

fn used(api: &Api, app: &str, volume: &Volume) -> Result<Option<String>> {
    if let Some(why) = loose::held(volume) {
        return Ok(Some(why));
    }
    let machines = api.call(&machines::list(app)).map_err(|failure| failure.context(app))?;
    let mut living = machines.iter().filter(|machine| machine.state != "destroyed");
    Ok(living.find_map(|machine| loose::mounted(volume, machine)))
}

/// Looks at one page of the API's list; the place is the last volume that was done, then the API's cursor.
///
/// The list only finds suspects: it once stopped telling who holds a volume (flyctl#2897).
pub(crate) fn look(look: &mut Look, place: Option<&str>) -> Result<Next> {
    let (done, cursor) = place.and_then(|place| place.split_once('|')).unwrap_or_default();
    let page =
        look.api.call(&volumes::org_page(&look.config.org, Some(cursor).filter(|at| !at.is_empty())))?;
    if !page.error_regions.is_empty() {
        let regions = page.error_regions.join(", ");
        return Err(Failure::passing(format!("no answer for the regions {regions}")));
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
    let remedy = if look.config.remove_volumes {
        "delete it".to_owned()
    } else {
        format!("fly volumes destroy {}", volume.id)
    };
    let message =
        format!("volume `{}`{size} of app {name}: {what}{}", volume.name, doubt.unwrap_or_default());
    look.report(Finding {
        severity: if lost.is_some() { Severity::Info } else { Severity::Warning },
        cost_cents: volume.size_gb.and_then(|gb| look.prices.cents("volume_gb_month", gb)),
        remedy: Some(format!("{remedy}, if nobody misses its data; Fly keeps it for 24 h to be restored")),
        data: json!({ "app": name, "name": volume.name, "size_gb": volume.size_gb, "state": volume.state }),
        ..finding(UNATTACHED, format!("volume/{}", volume.id), Some(app), message)
    });
    Ok(())
}
