//! Checks of what surrounds the ledger: configuration, secrets, approvals, process, disk.

use std::fs;

use groundcrew_core::may_delete::Level;
use groundcrew_core::mirror::Reach;
use groundcrew_engine::limits::Limits;
use groundcrew_engine::transport::Network;

use super::{Chart, Grade};
use crate::assembly::CONNECT_WITHIN;
use crate::commands::{Context, Failure};
use crate::components;
use crate::config::{Config, Severity};
use crate::control;
use crate::data_dir::{DataDir, Held};
use crate::lock::Approvals;
use crate::source::{self, Asked};

pub(super) fn configuration(context: &Context, chart: &mut Chart) -> Option<Config> {
    match context.config() {
        Ok(config) => {
            let warnings = config.notes.count(Severity::Warning);
            let file = context.config_path().display();
            match warnings {
                0 => chart.good("configuration", format!("{file}: {} hooks", config.hooks.len())),
                _ => chart.note("configuration", config.notes.summary(), &["groundcrew check"]),
            }
            Some(config)
        }
        Err(report) => {
            chart.bad("configuration", report.summary(), &["groundcrew check"]);
            None
        }
    }
}

pub(super) fn secrets(config: &Config, chart: &mut Chart) {
    let missing: Vec<_> = config.secrets.names().filter_map(|name| config.secrets.read(name).err()).collect();
    for error in &missing {
        chart.bad("secrets", error.to_string(), &[]);
    }
    let count = config.secrets.names().count();
    if missing.is_empty() {
        chart.good("secrets", format!("{count} can be read"));
    }
}

pub(super) fn approvals(context: &Context, config: &Config, chart: &mut Chart) {
    let approvals = match Approvals::read(&Approvals::path(context.config_path())) {
        Ok(approvals) => approvals,
        Err(error) => return chart.bad("approvals", error.to_string(), &["groundcrew add --all"]),
    };
    let mut good = true;
    for hook in config.hooks.values() {
        let named =
            components::digest(&hook.component).and_then(|digest| Ok((digest, components::candidate(hook)?)));
        let difference = match named {
            Ok((digest, candidate)) => {
                approvals.difference(hook, digest, candidate).map(|difference| difference.to_string())
            }
            Err(error) => Some(format!("hook `{}`: {error}", hook.name)),
        };
        if let Some(difference) = difference {
            good = false;
            chart.bad(
                "approvals",
                difference.lines().next().unwrap_or_default(),
                &[&format!("groundcrew add {}", hook.name)],
            );
        }
    }
    if good {
        chart.good("approvals", format!("{} hooks are as they were approved", config.hooks.len()));
    }
}

pub(super) fn levels(config: &Config, chart: &mut Chart) {
    let what = |level| match level {
        Level::Observe => "nothing is made, changed or removed",
        Level::NoDeletes => "nothing is removed",
        Level::Enforce => "everything is done",
    };
    let grade = if config.level == Level::Enforce { Grade::Good } else { Grade::Note };
    chart.add("level", grade, format!("{}: {}", config.level, what(config.level)), &[]);
    for hook in config.hooks.values().filter(|hook| hook.level < config.level) {
        chart.note("level", format!("hook {} at {}: {}", hook.name, hook.level, what(hook.level)), &[]);
    }
}

/// What the source's token reaches: while the platform does not say that, no app is believed gone.
pub(super) fn token(context: &Context, config: &Config, chart: &mut Chart) -> Result<(), Failure> {
    let Some(fly) = &config.sources.fly else { return Ok(()) };
    // A secret without a value is told of already.
    let Ok(token) = config.secrets.read(&fly.token) else { return Ok(()) };
    let network = Network::new(CONNECT_WITHIN, Limits::default().response_body);
    let network = network.map_err(|error| Failure::of(&error))?;
    match context.block_on(source::ask_reach(fly, &token, &network))? {
        Asked::Reaches(reach) if reach.orgs.len() > 1 => {
            let message = format!("{} reaches {}, and {} is watched", fly.token, told(&reach), fly.org);
            chart.note("token", message, &[&format!("fly tokens create readonly {}", fly.org)]);
        }
        Asked::Reaches(reach) => chart.good("token", format!("{} reaches {}", fly.token, told(&reach))),
        Asked::Otherwise(why) => {
            let message =
                format!("what {} reaches is not told, so no app is believed gone: {why}", fly.token);
            chart.bad("token", message, &["put a token into the secret that may read the organisation"]);
        }
        Asked::NoAnswer(why) => chart.note("token", format!("{} does not answer: {why}", fly.url), &[]),
    }
    Ok(())
}

fn told(reach: &Reach) -> String {
    let orgs: Vec<_> = reach.orgs.iter().map(String::as_str).collect();
    let orgs = if orgs.is_empty() { "no organisation".to_owned() } else { orgs.join(", ") };
    match &reach.apps {
        Some(apps) => format!("{} apps of {orgs}", apps.len()),
        None => orgs,
    }
}

pub(super) fn holder(context: &Context, dir: &DataDir, chart: &mut Chart) -> Result<(), Failure> {
    match dir.holder()? {
        Held::No => {
            chart.note("runner", format!("nothing runs on {}", dir.path().display()), &["groundcrew up"]);
        }
        Held::By(holder) => {
            let who = holder.map_or_else(|| "another process".to_owned(), |holder| holder.to_string());
            match context.block_on(control::page(&dir.socket(), "/readyz"))? {
                Ok((status, _)) if status.is_success() => chart.good("runner", format!("{who}: ready")),
                Ok((_, body)) => {
                    let body: serde_json::Value = serde_json::from_slice(&body).unwrap_or_default();
                    let why = body["why"]
                        .as_array()
                        .map(|why| why.iter().filter_map(|why| why.as_str()).collect::<Vec<_>>().join("; "));
                    chart.bad("runner", format!("{who}: not ready: {}", why.unwrap_or_default()), &[]);
                }
                Err(error) => chart.bad("runner", format!("{who} does not answer: {error}"), &[]),
            }
        }
    }
    Ok(())
}

/// Free space below which a person should look, in bytes.
const FREE_LOW: u64 = 512 * 1024 * 1024;

pub(super) fn disk(dir: &DataDir, chart: &mut Chart) {
    let mib = |bytes: u64| bytes / (1024 * 1024);
    let Ok(stat) = rustix::fs::statvfs(dir.path()) else { return };
    let free = stat.f_bavail.saturating_mul(stat.f_frsize);
    let used = fs::metadata(dir.database()).map_or(0, |file| file.len());
    let message = format!("database {} MiB, {} MiB free", mib(used), mib(free));
    if free < FREE_LOW {
        chart.bad(
            "disk",
            message,
            &["make room; while the disk is full nothing is acknowledged and nothing is lost"],
        );
    } else {
        chart.good("disk", message);
    }
}
