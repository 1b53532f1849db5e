//! Reports CNAMEs of a zone that lead to `NAME.fly.dev` where no app of ours has that name.
//!
//! Names of apps are one name space for everybody: who takes a free one gets what the CNAME sends there, and
//! certificates for its host name.
//!
//! | the API says of the name | finding |
//! |---|---|
//! | 200, an app of our organisation | none |
//! | 403: it exists where this token does not see | `dns.foreign-cname` (or 200, another organisation) |
//! | 404, or 400 `could not find app`, twice, and the token works | `dns.dangling-cname`: the name *may be* free |
//!
//! *May be*, since the API does not say *free*: names that nobody may have, or that are held back for a while after
//! their app went, look the same.
//!
//! With `remove` a dangling CNAME can be mended: it is deleted, if it still leads where it led and nobody has the name.

use std::collections::{BTreeMap, BTreeSet};

use groundcrew_hook::audit::Pace;
use groundcrew_hook::fly::{Api, apps, failure, is_gone};
use groundcrew_hook::{
    Auditor, Failure, Finding, FindingPage, Outcome, Remedy, Result, Severity, fleet, json, log,
};
use groundcrew_zone::{Also, Dialect, Found, Kind, Place, RecordSet, canonical_name};
use serde::Deserialize;

/// The hook.
#[derive(Debug)]
pub struct Dangling;

/// Findings after which a page hands over; the host takes a thousand, and an app may have several names.
const PAGE: usize = 500;

/// Where apps have their free names.
const SUFFIX: &str = ".fly.dev";
/// The finding that can be mended.
const DANGLING: &str = "dns.dangling-cname";

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Config {
    api: Option<String>,
    org: String,
    #[serde(default)]
    dialect: Dialect,
    server: String,
    #[serde(default = "localhost")]
    server_id: String,
    zone: String,
    #[serde(default)]
    zone_id: Option<String>,
    #[serde(default = "yes")]
    foreign: bool,
    #[serde(default)]
    remove: bool,
}

impl Config {
    fn place(&self) -> Place {
        Place {
            dialect: self.dialect,
            server: self.server.clone(),
            server_id: self.server_id.clone(),
            zone: self.zone.clone(),
            zone_id: self.zone_id.clone(),
        }
    }
}

fn localhost() -> String {
    "localhost".to_owned()
}

const fn yes() -> bool {
    true
}

impl Auditor for Dangling {
    /// A page reads zone and apps, and asks about names after the cursor until its time is over.
    fn run(cursor: Option<&str>) -> Result<FindingPage> {
        let config: Config = groundcrew_hook::config()?;
        let mut pace = Pace::start();
        let leads = leads(&config.place().open()?.all()?);
        if leads.is_empty() {
            return Ok(FindingPage::default());
        }
        let names = Names::read(&config)?;
        pace.spend(2);
        let mut findings = Vec::new();
        let mut rest =
            leads.iter().skip_while(|(app, _)| cursor.is_some_and(|done| app.as_str() <= done)).peekable();
        while let Some((app, names_of)) = rest.next() {
            if let Some(holder) = names.holder(&config, app)? {
                findings.extend(names_of.iter().filter_map(|name| finding(&config, app, name, holder)));
            }
            if (pace.is_over_after(3) || findings.len() >= PAGE) && rest.peek().is_some() {
                return Ok(FindingPage { findings, next: Some(app.clone()) });
            }
        }
        Ok(FindingPage { findings, next: None })
    }
}

impl Remedy for Dangling {
    /// Deletes a CNAME that still leads where it led, if still nobody has that name.
    fn fix(finding: &Finding) -> Result<Outcome> {
        if finding.code != DANGLING {
            return Err(Failure::lasting(format!("`{}` is not what this hook mends", finding.code)));
        }
        let config: Config = groundcrew_hook::config()?;
        if !config.remove {
            return Err(Failure::lasting("the stanza's `config` does not say `remove = true`"));
        }
        let (Some(name), Some(app)) = (finding.about.strip_prefix("cname/"), finding.data["app"].as_str())
        else {
            return Err(Failure::lasting(format!("`{}` is no CNAME to an app", finding.about)));
        };
        let zone = config.place().open()?;
        let sets = zone.all()?;
        if !leads(&sets).get(app).is_some_and(|names| names.iter().any(|one| one == name)) {
            return Ok(Outcome::NoLongerTrue);
        }
        let cname = RecordSet::of_key(&format!("{}/{name}", Kind::Cname))?;
        if let Some(mark) = sets.iter().find(|found| found.key == cname.key()).and_then(|it| it.mark.as_ref())
        {
            // It would be made again; who wants it must want something else.
            return Err(Failure::lasting(format!("{name} is kept by a hook, its mark is {mark}")));
        }
        if Names::read(&config)?.holder(&config, app)? != Some(Holder::Nobody) {
            return Ok(Outcome::NoLongerTrue);
        }
        zone.erase(&cname, Also::Nothing)
            .map_err(|failure| failure.context(format!("the CNAME of {name}")))?;
        log::info(format!("the CNAME of {name} to {app}{SUFFIX} is deleted"));
        Ok(Outcome::Fixed)
    }
}

/// Whom a name leads to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Holder {
    /// Nobody, as far as the API tells.
    Nobody,
    /// An app that is not one of our organisation's.
    Stranger,
}

/// What is known of the names of apps.
struct Names {
    api: Api,
    ours: Vec<String>,
}

impl Names {
    /// Reads our apps. Without a good token the API answers 404 to some calls: what follows needs a reading that succeeds.
    fn read(config: &Config) -> Result<Self> {
        let api = Api::at(config.api.as_deref())?;
        let listed = api.call(&apps::list(&config.org))?;
        if !listed.is_whole() {
            return Err(Failure::passing("the list of apps is not whole"));
        }
        Ok(Self { api, ours: listed.apps.into_iter().map(|app| app.name).collect() })
    }

    /// Who has a name; none if it is one of our apps.
    ///
    /// Asks twice: right after its creation an app may be 404 for a moment [fly-go WaitForApp].
    fn holder(&self, config: &Config, app: &str) -> Result<Option<Holder>> {
        if self.ours.iter().any(|one| one == app)
            || fleet::subject(&format!("fly/{}/{app}", config.org))?.is_some()
        {
            return Ok(None);
        }
        for _ in 0..2 {
            match self.api.ask(&apps::show(app))? {
                Ok(_) => return Ok(Some(Holder::Stranger)),
                Err(error) if is_gone(&error) => {}
                Err(error) if error.refusal().is_some_and(|refusal| refusal.status == 403) => {
                    return Ok(Some(Holder::Stranger));
                }
                Err(error) => return Err(failure(&error).context(app)),
            }
        }
        Ok(Some(Holder::Nobody))
    }
}

/// The zone's CNAMEs to apps: app to the names that lead there.
fn leads(zone: &[Found]) -> BTreeMap<String, Vec<String>> {
    let mut leads: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for set in zone.iter().filter_map(|found| found.set.as_ref()).filter(|set| set.kind == Kind::Cname) {
        let apps: BTreeSet<_> = set.values.iter().chain(&set.special).filter_map(|it| app_in(it)).collect();
        for app in apps {
            leads.entry(app).or_default().push(set.name.clone());
        }
    }
    leads
}

/// The app that a target names: `NAME.fly.dev`, one label.
fn app_in(target: &str) -> Option<String> {
    let target = canonical_name(target);
    let name = target.strip_suffix(SUFFIX)?;
    (!name.is_empty() && !name.contains('.')).then(|| name.to_owned())
}

fn finding(config: &Config, app: &str, name: &str, holder: Holder) -> Option<Finding> {
    let (code, severity, message) = match holder {
        Holder::Nobody => (
            DANGLING,
            Severity::Critical,
            format!("{name} leads to {app}{SUFFIX}, and no app has that name: it may be free for anyone"),
        ),
        Holder::Stranger if config.foreign => (
            "dns.foreign-cname",
            Severity::Warning,
            format!("{name} leads to {app}{SUFFIX}, an app that is not in organisation {}", config.org),
        ),
        Holder::Stranger => return None,
    };
    Some(Finding {
        code: code.to_owned(),
        subject: None,
        about: format!("cname/{name}"),
        severity,
        message,
        cost_cents: None,
        remedy: Some(format!("delete the CNAME of {name}, or make the app {app} again")),
        data: json!({ "zone": config.zone, "app": app }),
    })
}

groundcrew_hook::export_auditor!(Dangling);
groundcrew_hook::export_remedy!(Dangling);
