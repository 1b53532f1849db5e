//! Finds volumes whose machine is gone for good, and deletes them if told to.
//!
//! On a machine's end its volume stays, unattached, and bills. Which of them nobody wants any more is decided by a
//! rule of seven points. `volume.reapable` is what meets it all and what [`Remedy`] mends; `volume.withheld`
//! says which point a suspect does not meet.
//!
//! A deleted volume is `pending_destroy` for 24 hours, in which Fly can restore it [docs volumes/overview].

mod name;
mod points;
mod rule;

use std::collections::BTreeMap;

use groundcrew_hook::audit::jiff::Timestamp;
use groundcrew_hook::audit::{FirstSeen, Pace, ago, loose, now};
use groundcrew_hook::fly::machines::{self, Deleted};
use groundcrew_hook::fly::volumes::{self, OrgVolumes, Volume};
use groundcrew_hook::fly::{Api, ApiError, failure, is_gone, prices::Prices};
use groundcrew_hook::{
    Auditor, Failure, Finding, FindingPage, Outcome, Owner as Whom, Remedy, Result, Severity, Subject, fleet,
    json,
};
use serde::Deserialize;

use crate::name::{End, Owner, Pattern};
use crate::rule::{Suspect, Verdict, verdict};

pub use points::{Point, Points};

/// The hook.
#[derive(Debug)]
pub struct VolumeReaper;

/// The finding that is mended.
const REAPABLE: &str = "volume.reapable";

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Config {
    api: Option<String>,
    org: String,
    names: Vec<String>,
    #[serde(default = "week")]
    days: i64,
    #[serde(default = "yes")]
    withheld: bool,
    #[serde(default)]
    prices: BTreeMap<String, f64>,
}

const fn week() -> i64 {
    7
}

const fn yes() -> bool {
    true
}

impl Auditor for VolumeReaper {
    fn run(cursor: Option<&str>) -> Result<FindingPage> {
        run(Points::ALL, cursor)
    }
}

impl Remedy for VolumeReaper {
    fn fix(finding: &Finding) -> Result<Outcome> {
        fix(Points::ALL, finding)
    }
}

/// Looks at one page of the organisation's volumes, with these points of the rule.
///
/// # Errors
/// What the API or the host answers but success; a list without some of its regions.
pub fn run(points: Points, cursor: Option<&str>) -> Result<FindingPage> {
    let config: Config = groundcrew_hook::config()?;
    let prices = Prices::published().with(&config.prices)?;
    let api = Api::at(config.api.as_deref())?;
    let (done, after) = cursor.and_then(|cursor| cursor.split_once('|')).unwrap_or_default();
    let audit = Audit { points, config, api };
    let listed = audit.page(Some(after).filter(|after| !after.is_empty()))?;
    let (mut seen, mut pace, mut findings) = (FirstSeen::of("loose")?, Pace::start(), Vec::new());
    let mut all = listed.volumes;
    all.sort_by(|one, other| one.id.cmp(&other.id));
    for volume in all.iter().filter(|volume| volume.id.as_str() > done) {
        let held = volume.holder().is_some() && points.hold(Point::Unheld);
        if held || volume.is_going() && points.hold(Point::Staying) {
            seen.forget(&volume.id)?;
            continue;
        }
        findings.extend(audit.look(&prices, &mut seen, volume)?);
        if pace.is_over_after(3) {
            seen.save()?;
            return Ok(FindingPage { findings, next: Some(format!("{}|{after}", volume.id)) });
        }
    }
    seen.save()?;
    let next = listed.next_cursor.filter(|next| !next.is_empty()).map(|next| format!("|{next}"));
    Ok(FindingPage { findings, next })
}

/// Looks at volume and machines again, right before it deletes. What is gone or used by then is left alone.
///
/// # Errors
/// A finding that is not this hook's; what the API or the host answers but success, or *gone* or *bound*.
pub fn fix(points: Points, finding: &Finding) -> Result<Outcome> {
    if finding.code != REAPABLE {
        return Err(Failure::lasting(format!("`{}` is not what this hook mends", finding.code)));
    }
    let config: Config = groundcrew_hook::config()?;
    let api = Api::at(config.api.as_deref())?;
    let app = finding.subject.as_ref().ok_or_else(|| Failure::lasting("the finding names no app"))?.app()?;
    let id = finding.about.strip_prefix("volume/");
    let id = id.ok_or_else(|| Failure::lasting(format!("`{}` is no volume", finding.about)))?;
    let audit = Audit { points, config, api };
    if points.hold(Point::LookAgain)
        && let Some(outcome) = audit.stays(app, id)?
    {
        return Ok(outcome);
    }
    if points.hold(Point::BoundIsLater) {
        return loose::delete(&audit.api, app, id);
    }
    audit.api.call(&volumes::delete(app, id)).map(|()| Outcome::Fixed)
}

/// What every look at a volume needs.
struct Audit {
    points: Points,
    config: Config,
    api: Api,
}

impl Audit {
    /// Looks at one suspect of the list.
    fn look(&self, prices: &Prices, seen: &mut FirstSeen, listed: &Volume) -> Result<Option<Finding>> {
        let app = listed.app_name.as_deref().unwrap_or_default();
        let Some(subject) = fleet::subject(&format!("fly/{}/{app}", self.config.org))? else {
            return Ok(None);
        };
        let alone = self.points.hold(Point::ReadAlone);
        let volume = if alone { self.volume(app, &listed.id)? } else { Some(listed.clone()) };
        let Some(mut suspect) = volume.map(|volume| self.suspect(app, volume)).transpose()?.flatten() else {
            return Ok(None);
        };
        // Only the organisation's list tells when a volume last changed.
        suspect.volume.updated_at.clone_from(&listed.updated_at);
        let now = now()?;
        let since = seen.since(&listed.id)?;
        let why = match self.judge(&suspect, since, now) {
            Verdict::Going => return Ok(None),
            Verdict::Reapable => None,
            Verdict::Young(changed) => Some(format!(
                "unchanged and loose for {} only, {} d are wanted",
                ago(now, changed),
                self.config.days
            )),
            Verdict::InUse(why) => {
                seen.forget(&listed.id)?;
                if suspect.volume.holder().is_some() {
                    return Ok(None);
                }
                Some(why)
            }
        };
        let found = (why.is_none() || self.config.withheld)
            .then(|| tell(&suspect, &subject, prices, why.as_deref(), &ago(now, since)));
        found.transpose()
    }

    /// What there is to say of a volume that is not to be deleted after all; none if it is.
    fn stays(&self, app: &str, id: &str) -> Result<Option<Outcome>> {
        let suspect = self.volume(app, id)?.map(|volume| self.suspect(app, volume)).transpose()?.flatten();
        let Some(mut suspect) = suspect else { return Ok(Some(Outcome::NoLongerTrue)) };
        // A memory that was lost begins anew with the next look.
        let Some(since) = FirstSeen::of("loose")?.known(id)? else { return Ok(Some(Outcome::NotNow)) };
        let now = now()?;
        let mut verdict = self.judge(&suspect, since, now);
        if verdict == Verdict::Reapable {
            // What the list does not show may have changed a moment ago.
            let Some(listed) = self.listed(id)? else { return Ok(Some(Outcome::NotNow)) };
            suspect.volume.updated_at = listed.updated_at;
            verdict = self.judge(&suspect, since, now);
        }
        Ok(match verdict {
            Verdict::Reapable => None,
            Verdict::Going | Verdict::InUse(_) => Some(Outcome::NoLongerTrue),
            Verdict::Young(_) => Some(Outcome::NotNow),
        })
    }

    fn judge(&self, suspect: &Suspect, since: Timestamp, now: Timestamp) -> Verdict {
        verdict(self.points, suspect, since, now, self.config.days)
    }

    /// A page of the organisation's volumes, of all regions.
    fn page(&self, cursor: Option<&str>) -> Result<OrgVolumes> {
        let page = self.api.call(&volumes::org_page(&self.config.org, cursor))?;
        if page.error_regions.is_empty() {
            return Ok(page);
        }
        Err(Failure::passing(format!("no answer for the regions {}", page.error_regions.join(", "))))
    }

    /// A volume as the organisation's list shows it, if it does.
    fn listed(&self, id: &str) -> Result<Option<Volume>> {
        let mut cursor = None;
        loop {
            let page = self.page(cursor.as_deref())?;
            if let Some(volume) = page.volumes.into_iter().find(|volume| volume.id == id) {
                return Ok(Some(volume));
            }
            cursor = page.next_cursor.filter(|next| !next.is_empty());
            if cursor.is_none() {
                return Ok(None);
            }
        }
    }

    /// Reads a volume alone; none if it is gone.
    fn volume(&self, app: &str, id: &str) -> Result<Option<Volume>> {
        match self.api.ask(&volumes::show(app, id))? {
            Ok(volume) => Ok(Some(volume)),
            Err(error) if self.is_gone(&error) => Ok(None),
            Err(error) => Err(failure(&error).context(id)),
        }
    }

    /// Reads the machines of a volume's app; none if that is gone, or the name is not one of those asked for.
    fn suspect(&self, app: &str, volume: Volume) -> Result<Option<Suspect>> {
        let matching = self.config.names.iter().find_map(|name| Pattern(name).owner(&volume.name, app));
        let any = (!self.points.hold(Point::WholeName)).then_some(Owner::App);
        let Some(owner) = matching.or(any) else { return Ok(None) };
        let machines = match self.api.ask(&machines::list_with(app, Deleted::Included))? {
            Ok(machines) => machines,
            Err(error) if self.is_gone(&error) => return Ok(None),
            Err(error) => return Err(failure(&error).context(app)),
        };
        Ok(Some(Suspect { volume, owner, machines }))
    }

    fn is_gone(&self, error: &ApiError) -> bool {
        is_gone(error) && self.points.hold(Point::ForgottenIsGone)
    }
}

fn tell(suspect: &Suspect, app: &Subject, prices: &Prices, why: Option<&str>, age: &str) -> Result<Finding> {
    let Suspect { volume, owner, .. } = suspect;
    let name = app.app()?;
    let whose = match (owner, owner.end(&suspect.machines)) {
        (Owner::Machine(machine), End::Seen) => format!("machine {machine} is destroyed"),
        (Owner::Machine(machine), _) => format!("machine {machine} is not shown any more"),
        (Owner::App, _) => "all machines are destroyed".to_owned(),
    };
    let (code, severity, message) = match why {
        None => (
            REAPABLE,
            Severity::Warning,
            format!("volume `{}` of app {name}: {whose}, nobody holds it for {age}", volume.name),
        ),
        Some(why) => (
            "volume.withheld",
            Severity::Info,
            format!("volume `{}` of app {name} stays: {why}", volume.name),
        ),
    };
    Ok(Finding {
        code: code.to_owned(),
        subject: Some(Whom { path: app.path.clone(), id: app.id.clone() }),
        about: format!("volume/{}", volume.id),
        severity,
        message,
        cost_cents: volume.size_gb.and_then(|gb| prices.cents("volume_gb_month", gb)),
        remedy: why.is_none().then(|| "delete it; Fly keeps it for 24 h to be restored".to_owned()),
        data: json!({ "name": volume.name, "size_gb": volume.size_gb, "region": volume.region }),
    })
}

groundcrew_hook::export_auditor!(VolumeReaper);
groundcrew_hook::export_remedy!(VolumeReaper);
