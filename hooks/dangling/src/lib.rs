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

use std::collections::BTreeMap;

use groundcrew_hook::audit::Pace;
use groundcrew_hook::fly::{Api, apps, failure, is_gone};
use groundcrew_hook::{
    Auditor, Failure, Finding, FindingPage, Request, Result, Severity, encode, fleet, json, secret,
};
use serde::Deserialize;

/// The hook.
#[derive(Debug)]
pub struct Dangling;

/// Findings after which a page hands over; the host takes a thousand, and an app may have several names.
const PAGE: usize = 500;

/// Where apps have their free names.
const SUFFIX: &str = ".fly.dev";

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Config {
    api: Option<String>,
    org: String,
    #[serde(default, rename = "dialect")]
    _dialect: Dialect,
    server: String,
    #[serde(default = "localhost")]
    server_id: String,
    zone: String,
    #[serde(default = "yes")]
    foreign: bool,
}

/// What the server speaks.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Dialect {
    #[default]
    Powerdns,
}

fn localhost() -> String {
    "localhost".to_owned()
}

const fn yes() -> bool {
    true
}

/// What PowerDNS shows of a zone.
#[derive(Deserialize)]
struct Zone {
    rrsets: Vec<Rrset>,
}

#[derive(Deserialize)]
struct Rrset {
    name: String,
    r#type: String,
    records: Vec<Record>,
}

#[derive(Deserialize)]
struct Record {
    content: String,
    #[serde(default)]
    disabled: bool,
}

impl Auditor for Dangling {
    /// A page reads zone and apps, and asks about names after the cursor until its time is over.
    fn run(cursor: Option<&str>) -> Result<FindingPage> {
        let config: Config = groundcrew_hook::config()?;
        let mut pace = Pace::start();
        let leads = leads(&config)?;
        if leads.is_empty() {
            return Ok(FindingPage::default());
        }
        let api = Api::at(config.api.as_deref())?;
        // Without a good token the API answers 404 to some calls: what follows needs a reading that succeeds.
        let ours = api.call(&apps::list(&config.org))?;
        if !ours.is_whole() {
            return Err(Failure::passing("the list of apps is not whole"));
        }
        pace.spend(2);
        let mut findings = Vec::new();
        let strangers = leads.iter().filter(|(app, _)| !ours.apps.iter().any(|one| one.name == **app));
        let mut rest =
            strangers.skip_while(|(app, _)| cursor.is_some_and(|done| app.as_str() <= done)).peekable();
        while let Some((app, names)) = rest.next() {
            if fleet::subject(&format!("fly/{}/{app}", config.org))?.is_none() {
                let holder = holder(&api, app).map_err(|failure| failure.context(app))?;
                findings.extend(names.iter().filter_map(|name| finding(&config, app, name, holder)));
            }
            if (pace.is_over_after(3) || findings.len() >= PAGE) && rest.peek().is_some() {
                return Ok(FindingPage { findings, next: Some(app.clone()) });
            }
        }
        Ok(FindingPage { findings, next: None })
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

/// Asks twice: right after its creation an app may be 404 for a moment [fly-go WaitForApp].
fn holder(api: &Api, app: &str) -> Result<Holder> {
    for _ in 0..2 {
        match api.ask(&apps::show(app))? {
            Ok(_) => return Ok(Holder::Stranger),
            Err(error) if is_gone(&error) => {}
            Err(error) if error.refusal().is_some_and(|refusal| refusal.status == 403) => {
                return Ok(Holder::Stranger);
            }
            Err(error) => return Err(failure(&error)),
        }
    }
    Ok(Holder::Nobody)
}

/// The zone's CNAMEs to apps: app to the names that lead there.
fn leads(config: &Config) -> Result<BTreeMap<String, Vec<String>>> {
    let (server, zone) = (config.server.trim_end_matches('/'), config.zone.trim_end_matches('.'));
    let url = format!("{server}/api/v1/servers/{}/zones/{}.", encode(&config.server_id), encode(zone));
    let answer = Request::get(url).header("x-api-key", secret("API_TOKEN")?).send()?;
    let shown: Zone = answer.success().map_err(|failure| failure.context(format!("zone {zone}")))?.json()?;
    let mut leads: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for rrset in shown.rrsets.iter().filter(|rrset| rrset.r#type == "CNAME") {
        let on = rrset.records.iter().filter(|record| !record.disabled);
        for app in on.filter_map(|record| app_in(&record.content)) {
            leads.entry(app).or_default().push(rrset.name.trim_end_matches('.').to_ascii_lowercase());
        }
    }
    Ok(leads)
}

/// The app that a target names: `NAME.fly.dev`, one label.
fn app_in(target: &str) -> Option<String> {
    let target = target.trim_end_matches('.').to_ascii_lowercase();
    let name = target.strip_suffix(SUFFIX)?;
    (!name.is_empty() && !name.contains('.')).then(|| name.to_owned())
}

fn finding(config: &Config, app: &str, name: &str, holder: Holder) -> Option<Finding> {
    let (code, severity, message) = match holder {
        Holder::Nobody => (
            "dns.dangling-cname",
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
