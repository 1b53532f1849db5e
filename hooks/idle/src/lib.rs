//! Reports apps in which nothing ran for days, with what they cost all the same.
//!
//! *Idle* means: no machine runs in the mirror, none runs in the app's own list, and the last change of any of its
//! machines, destroyed ones included while the API shows them, is old enough. Of an app without machines the API knows
//! no date; it is remembered since when it is seen without. Traffic is not looked at: what wakes for every request
//! changes its machines' dates as well.

use std::collections::BTreeMap;

use groundcrew_hook::audit::{Activity, FirstSeen, Pace, ago, apps_after, days, jiff::Timestamp};
use groundcrew_hook::fly::{Api, failure, ips, machines::Machine, prices::Prices, volumes};
use groundcrew_hook::{Auditor, Finding, FindingPage, Owner, Result, Severity, Subject, json};
use serde::Deserialize;

/// The hook.
#[derive(Debug)]
pub struct Idle;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Config {
    api: Option<String>,
    org: String,
    #[serde(default = "fortnight")]
    days: i64,
    #[serde(default = "builders")]
    except: Vec<String>,
    #[serde(default)]
    prices: BTreeMap<String, f64>,
}

const fn fortnight() -> i64 {
    14
}

fn builders() -> Vec<String> {
    vec!["fly-builder-*".to_owned()]
}

impl Auditor for Idle {
    fn run(cursor: Option<&str>) -> Result<FindingPage> {
        let config: Config = groundcrew_hook::config()?;
        let prices = Prices::published().with(&config.prices)?;
        let (api, now) = (Api::at(config.api.as_deref())?, groundcrew_hook::audit::now()?);
        let (mut seen, mut tempo) = (FirstSeen::of("idle")?, Pace::start());
        let mut page = FindingPage { findings: Vec::new(), next: cursor.map(str::to_owned) };
        loop {
            let apps = apps_after(&config.org, page.next.as_deref())?;
            if apps.is_empty() {
                seen.save()?;
                return Ok(FindingPage { next: None, ..page });
            }
            for app in apps {
                let idle =
                    if excepted(&config, app.app()?) { None } else { idle_since(&app, &api, &mut seen)? };
                let told = match idle.filter(|(since, _)| days(now, *since) >= config.days) {
                    Some((since, machines)) => {
                        Some(finding(&app, &machines, &ago(now, since), &api, &prices)?)
                    }
                    None => None,
                };
                tempo.spend(if told.is_some() { 3 } else { 0 });
                page.findings.extend(told);
                page.next = Some(app.path);
                if tempo.is_over_after(2) {
                    seen.save()?;
                    return Ok(page);
                }
            }
        }
    }
}

/// Since when nothing runs there, and the machines that do not run.
fn idle_since(app: &Subject, api: &Api, seen: &mut FirstSeen) -> Result<Option<(Timestamp, Vec<Machine>)>> {
    let (since, machines) = match Activity::of(app, api)? {
        Activity::Busy | Activity::Gone => {
            seen.forget(&app.id)?;
            return Ok(None);
        }
        Activity::Idle { since, machines } => (since, machines),
    };
    match since {
        Some(since) => {
            seen.forget(&app.id)?;
            Ok(Some((since, machines)))
        }
        None => Ok(Some((seen.since(&app.id)?, machines))),
    }
}

/// Whether the app's name is one of those that stay untold; `*` at the end matches the rest.
fn excepted(config: &Config, name: &str) -> bool {
    config.except.iter().any(|pattern| match pattern.strip_suffix('*') {
        Some(start) => name.starts_with(start),
        None => name == pattern,
    })
}

fn finding(app: &Subject, machines: &[Machine], age: &str, api: &Api, prices: &Prices) -> Result<Finding> {
    let name = app.app()?;
    let gone = |error: &_| failure(error).context(&app.path);
    let volumes = api.ask(&volumes::list(name))?.map_err(|error| gone(&error))?;
    let gb =
        volumes.iter().filter(|volume| !volume.is_going()).filter_map(|volume| volume.size_gb).sum::<u64>();
    let ips = api.ask(&ips::list(name))?.map_err(|error| gone(&error))?.ips;
    let v4 = ips.iter().filter(|ip| ip.kind() == ips::IpKind::V4).count() as u64;
    let known = prices.cents("volume_gb_month", gb).zip(prices.cents("ipv4_month", v4));
    let mut parts = Vec::new();
    if gb > 0 {
        parts.push(format!("{gb} GB of volumes"));
    }
    if v4 > 0 {
        parts.push(format!("{v4} dedicated IPv4"));
    }
    if !machines.is_empty() {
        // What a stopped machine costs depends on its image's size, which the API does not show.
        parts
            .push(format!("the root file systems of {} machines, which are not in the cost", machines.len()));
    }
    let has = if parts.is_empty() {
        "it has nothing that costs".to_owned()
    } else {
        format!("it has {}", parts.join(", "))
    };
    Ok(Finding {
        code: "app.idle".to_owned(),
        subject: Some(Owner { path: app.path.clone(), id: app.id.clone() }),
        about: app.path.clone(),
        severity: Severity::Info,
        message: format!("nothing ran in app {name} for at least {age}; {has}"),
        cost_cents: known.and_then(|(volumes, addresses)| volumes.checked_add(addresses)),
        remedy: Some(format!(
            "fly apps destroy {name}, if nobody misses it: that takes volumes and addresses with it"
        )),
        data: json!({ "machines": machines.len(), "volume_gb": gb, "ipv4": v4 }),
    })
}

groundcrew_hook::export_auditor!(Idle);
