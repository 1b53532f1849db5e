//! Reports what is left behind on Fly: it costs money, or hands a name to others.
//!
//! | stage | findings | looked at |
//! |---|---|---|
//! | `volumes` | `volume.unattached` | the organisation's volumes, each suspect once more alone |
//! | `apps` | `address.idle`, `egress.idle`, `builder.idle`, `certificate.elsewhere` | each app of the mirror |
//! | `addons` | `addon.orphan` | the organisation's add-ons, and the apps that their names tell |
//! | `postgres` | `postgres.orphan` | the organisation's clusters, and the apps they are attached to |
//! | `peers` | `peer.old` | the organisation's WireGuard peers |
//!
//! A look goes through the stages one after the other; its cursor is `STAGE` or `STAGE PLACE`. Whatever cannot be read
//! fails the page, so the look is incomplete and resolves nothing: it never reports less without saying so.

mod addons;
mod apps;
mod config;
mod peers;
mod postgres;
mod volumes;

use groundcrew_hook::audit::{Pace, jiff::Timestamp};
use groundcrew_hook::fly::{Api, apps as fly_apps, failure, is_gone, prices::Prices};
use groundcrew_hook::{
    Auditor, Failure, Finding, FindingPage, Outcome, Owner, Remedy, Result, Severity, Subject, Value,
};

use crate::config::Config;

/// The hook.
#[derive(Debug)]
pub struct Orphans;

/// The parts of a look, in order.
const STAGES: [&str; 5] = ["volumes", "apps", "addons", "postgres", "peers"];

/// What all checks of a page work with.
pub(crate) struct Look {
    pub(crate) config: Config,
    pub(crate) api: Api,
    pub(crate) prices: Prices,
    pub(crate) now: Timestamp,
    pub(crate) pace: Pace,
    pub(crate) findings: Vec<Finding>,
}

/// Where a stage goes on, if it is not at its end.
pub(crate) type Next = Option<String>;

impl Auditor for Orphans {
    fn run(cursor: Option<&str>) -> Result<FindingPage> {
        let config = Config::read()?;
        let mut look = Look {
            api: config.machines()?,
            prices: config.prices()?,
            now: groundcrew_hook::audit::now()?,
            pace: Pace::start(),
            findings: Vec::new(),
            config,
        };
        let (stage, place) = match cursor {
            None => (STAGES[0], None),
            Some(cursor) => {
                cursor.split_once(' ').map_or((cursor, None), |(stage, place)| (stage, Some(place)))
            }
        };
        let at = STAGES.iter().position(|known| *known == stage);
        let at = at.ok_or_else(|| Failure::lasting(format!("`{stage}` is no stage of this audit")))?;
        let next = look.stage(stage, place).map_err(|failure| failure.context(stage))?;
        let next = match next {
            Some(place) => Some(format!("{stage} {place}")),
            None => STAGES.get(at + 1).map(|stage| (*stage).to_owned()),
        };
        Ok(FindingPage { findings: look.findings, next })
    }
}

impl Remedy for Orphans {
    /// Mends unattached volumes, if the stanza says `remove_volumes`; all else is for people.
    fn fix(finding: &Finding) -> Result<Outcome> {
        volumes::fix(finding)
    }
}

impl Look {
    fn stage(&mut self, stage: &str, place: Option<&str>) -> Result<Next> {
        let checks = &self.config.checks;
        let on = match stage {
            "volumes" => checks.volumes,
            "apps" => checks.addresses || checks.egress || checks.builders || checks.certificates,
            "addons" => checks.addons,
            "postgres" => checks.postgres,
            _ => checks.peers,
        };
        match stage {
            _ if !on => Ok(None),
            "volumes" => volumes::look(self, place),
            "apps" => apps::look(self, place),
            "addons" => addons::look(self, place),
            "postgres" => postgres::look(self, place),
            _ => peers::look(self, place),
        }
    }

    /// Reports something. Of one code and thing only the first counts: an API's page may repeat what another showed.
    pub(crate) fn report(&mut self, finding: Finding) {
        let same = |other: &Finding| other.code == finding.code && other.about == finding.about;
        if !self.findings.iter().any(same) {
            self.findings.push(finding);
        }
    }

    /// Whether an app of this name is there, as far as the token sees.
    pub(crate) fn app_is(&mut self, name: &str) -> Result<Presence> {
        match self.api.ask(&fly_apps::show(name))? {
            Ok(_) => Ok(Presence::Lives),
            Err(error) if is_gone(&error) => Ok(Presence::Gone),
            Err(error) if error.refusal().is_some_and(|refusal| refusal.status == 403) => {
                Ok(Presence::Hidden)
            }
            Err(error) => Err(failure(&error).context(name)),
        }
    }
}

/// What can be said of an app's name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Presence {
    /// An app that the token sees has it.
    Lives,
    /// Nobody has it.
    Gone,
    /// An app has it that the token does not see.
    Hidden,
}

/// A finding with its usual severity and evidence; the rest is filled in by the check.
pub(crate) fn finding(code: &str, about: String, subject: Option<&Subject>, message: String) -> Finding {
    Finding {
        code: code.to_owned(),
        subject: subject.map(|subject| Owner { path: subject.path.clone(), id: subject.id.clone() }),
        about,
        severity: Severity::Warning,
        message,
        cost_cents: None,
        remedy: None,
        data: Value::Null,
    }
}

groundcrew_hook::export_auditor!(Orphans);
groundcrew_hook::export_remedy!(Orphans);
