//! A scenario as it is played: the operator's configuration around its stanza, and a script for the stage.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use groundcrew_core::duration::Millis;
use groundcrew_core::manifest::{Asks, Manifest};
use groundcrew_core::settle::Rules;
use serde_json::Value;

use super::{Deed, Scenario, Step};
use crate::config::{Config, Environment, Report};
use crate::prove::beside::Nobody;
use crate::prove::loaded::Loaded;
use crate::prove::scene::{Cast, Doing, Looks, Memory, Records, Scene, Sighting, Tells};

/// The installation, as in marks.
pub(in crate::prove) const INSTALLATION: &str = "prove";

/// How long it is looked at after the last step, in milliseconds, unless it says otherwise: longer than any doubt but
/// that about an idempotency key, which lasts as long as the key is remembered.
const AFTERWARDS: i64 = 3_600_000;

/// Why a scenario cannot be played with a hook.
#[derive(Debug, thiserror::Error)]
pub enum Unplayable {
    /// Its stanza is refused, as `groundcrew check` would.
    #[error("{file}: its stanza is refused\n\n{}", report.draw_problems(crate::config::Paint::Plain).trim_end())]
    Stanza {
        /// The scenario's file.
        file: String,
        /// Why.
        report: Box<Report>,
    },
    /// It expects what no auditor makes.
    #[error("{file}: {hook} is an auditor, of which nothing lives; write `open` instead of `lives`")]
    Auditor {
        /// The scenario's file.
        file: String,
        /// The hook.
        hook: String,
    },
    /// It tells of events where no handler is.
    #[error("{file}: {what} is for handlers, and {hook} is none")]
    NoHandler {
        /// The scenario's file.
        file: String,
        /// What is.
        what: &'static str,
        /// The hook.
        hook: String,
    },
    /// It ticks where no schedule is.
    #[error(
        "{file}: `tick = true` is told to a handler with a schedule: write cron = \"0 3 * * *\", or whatever it is, in `[stanza]`"
    )]
    NoSchedule {
        /// The scenario's file.
        file: String,
    },
    /// It audits with a hook that is none.
    #[error(
        "{file}: `[audit]`, `audit = true` and `open` are for auditors, and {hook} is none: its manifest has no `reports`"
    )]
    NoAuditor {
        /// The scenario's file.
        file: String,
        /// The hook.
        hook: String,
    },
}

impl Scenario {
    /// Itself, with the project's hook, ready to be played.
    pub fn scene(&self, loaded: &Loaded) -> Result<Scene<Nobody>, Unplayable> {
        let looks = self.step.iter().any(|step| step.deed == Deed::Looks);
        let audits = looks || !self.audit.is_empty() || self.expect.open.is_some();
        let (file, hook) = (self.path.display().to_string(), loaded.manifest.name.clone());
        if audits && !loaded.manifest.is_auditor() {
            return Err(Unplayable::NoAuditor { file, hook });
        }
        if loaded.manifest.is_auditor() && !self.expect.lives.is_empty() {
            return Err(Unplayable::Auditor { file, hook });
        }
        self.tells_handlers(&file, loaded)?;
        let config = self.config(&loaded.manifest)?;
        let components = config.hooks.keys().map(|name| (name.clone(), loaded.component.clone())).collect();
        let tells = if loaded.component.is_handler() { Tells::Everything } else { Tells::Nothing };
        let script = self.script();
        let last = script.last().map_or(0, |(at, _)| *at);
        let collections = self.outside.collection.iter().map(|(path, it)| (path.clone(), it.knobs()));
        let cast = Cast { config, engine: loaded.engine.clone(), components };
        let afterwards = last + AFTERWARDS + remembered(&loaded.manifest) + cast.grace();
        Ok(Scene {
            name: self.name.clone(),
            cast: Arc::new(cast),
            server: self.outside.server.trim_end_matches('/').into(),
            collections: collections.collect(),
            script,
            remade: Vec::new(),
            away: crate::prove::AWAY,
            expects: self.expect.lives.iter().map(|lives| lives.0.clone()).collect(),
            tells,
            told: self.expect.told.clone(),
            lasts: self.lasts.map_or(afterwards, Millis::as_i64),
            looks: Looks::AsScripted,
            opens: self.expect.open.as_ref().map(|open| open.iter().map(|open| open.0.clone()).collect()),
            audited: None,
            rules: Rules::ALL,
            memory: Memory::Durable,
            records: Records::None,
        })
    }

    /// Refuses what only handlers are told, of another hook.
    fn tells_handlers(&self, file: &str, loaded: &Loaded) -> Result<(), Unplayable> {
        let ticks = self.step.iter().any(|step| step.deed == Deed::Ticks);
        let hears = self.step.iter().any(|step| matches!(step.deed, Deed::Hears(_)));
        let what = [
            ("`told`", self.expect.told.is_some()),
            ("`tick = true`", ticks),
            ("`event` without `app`", hears),
        ];
        let (file, handler) = (file.to_owned(), loaded.component.is_handler());
        match what.into_iter().find(|(_, said)| *said) {
            Some((what, _)) if !handler => {
                Err(Unplayable::NoHandler { file, what, hook: loaded.manifest.name.clone() })
            }
            _ if ticks && !self.stanza.contains_key("cron") => Err(Unplayable::NoSchedule { file }),
            _ => Ok(()),
        }
    }

    /// What happens, in order of time; each sighting knows which subject of its name it is about.
    fn script(&self) -> Vec<(i64, Doing<std::convert::Infallible>)> {
        let mut steps: Vec<_> = self.step.iter().collect();
        steps.sort_by_key(|step| step.at);
        let mut seen = Subjects::default();
        steps.into_iter().map(|step| (step.at.as_i64(), self.doing(step, &mut seen))).collect()
    }

    fn doing(&self, step: &Step, seen: &mut Subjects) -> Doing<std::convert::Infallible> {
        match step.deed.clone() {
            Deed::Lives { app, machine, labels, event, data } => {
                let (incarnation, first) = seen.lives(&app, machine.as_deref());
                let word = if machine.is_some() { "machine" } else { "app" };
                let happened = if first { "created" } else { "updated" };
                let event = Some(event.unwrap_or_else(|| format!("{word}.{happened}")));
                Doing::Sees(Sighting { app, machine, incarnation, labels: Some(labels), event, data })
            }
            Deed::Goes { app, machine, data } => {
                let incarnation = seen.goes(&app, machine.as_deref());
                let event = machine.is_some().then(|| "machine.destroyed".to_owned());
                Doing::Sees(Sighting { app, machine, incarnation, labels: None, event, data })
            }
            Deed::Hears(heard) => Doing::Hears(heard),
            Deed::Ticks => Doing::Tick,
            Deed::Act { path, act } => Doing::Act { path, act },
            Deed::Opens { path } => {
                let knobs = self.outside.collection.get(&path).map(super::Collection::knobs);
                Doing::Open { path, knobs: Box::new(knobs.unwrap_or_default()) }
            }
            Deed::Fault { method, after, fault } => Doing::Fault { after, method, fault },
            Deed::Looks => Doing::Look,
        }
    }

    /// The configuration that a user would have written.
    fn config(&self, manifest: &Manifest) -> Result<Config, Unplayable> {
        let mut stanza = self.stanza.clone();
        stanza.insert("use".to_owned(), format!("{}.wasm", manifest.name).into());
        if !manifest.kind.is_empty() {
            let gone = stanza.entry("gone").or_insert_with(|| "delete".into()).clone();
            // What was made and never heard of again is presumed to be the hook's, and goes as all else does.
            stanza.entry("gone_adopted").or_insert(gone);
        }
        let config = stanza.get("config").and_then(|config| serde_json::to_value(config).ok());
        let asks = manifest.asks.under(&config.unwrap_or(Value::Null));
        let allow = || asks.allow.iter().cloned().map(toml::Value::String).collect::<Vec<_>>().into();
        stanza.entry("allow").or_insert_with(allow);
        let (granted, mut names) = secrets(&asks);
        let secrets = stanza.entry("secret").or_insert_with(|| granted.into());
        // Every secret that the stanza takes has a value, whatever it is called.
        let from = secrets.as_table().into_iter().flat_map(|table| table.values());
        let from = from.filter_map(|grant| grant.get("from")?.as_str().map(str::to_owned));
        names.extend(from);
        names.sort();
        names.dedup();
        let lines = names.iter().map(|name| format!("{name} = {{ env = \"{name}\" }}\n"));
        let mut text = toml::Table::new();
        let one = |table: toml::Table| toml::Table::from_iter([(manifest.name.clone(), table.into())]);
        text.insert("hook".to_owned(), one(stanza).into());
        if manifest.is_auditor() {
            let mut audit = self.audit.clone();
            audit.insert("hooks".to_owned(), vec![manifest.name.clone()].into());
            // It is run when a step says so, and not by the clock.
            audit.insert("cron".to_owned(), "@yearly".into());
            text.insert("audit".to_owned(), one(audit).into());
        }
        let text = format!(
            "installation = \"{INSTALLATION}\"\nlevel = \"enforce\"\n[source.fly]\norg = \"acme\"\ntoken = \"FLY\"\n\
             [secrets]\nFLY = {{ env = \"FLY\" }}\n{}{text}",
            lines.collect::<String>()
        );
        let values = names.iter().map(|name| (name.clone(), format!("secret-{name}")));
        let fly = ("FLY".to_owned(), "fo1_token".to_owned());
        let environment = Environment::fixed(values.chain([fly]));
        let file = self.path.display().to_string();
        let parsed = Config::parse(&file, &text, Path::new("/"), &environment, &|_, _| Ok(manifest.clone()));
        parsed.map_err(|report| Unplayable::Stanza { file, report: Box::new(report) })
    }
}

/// How long keys are remembered at most, in milliseconds.
fn remembered(manifest: &Manifest) -> i64 {
    let remembers = manifest.kind.values().filter_map(|kind| kind.remembers);
    remembers.map(Millis::as_i64).max().unwrap_or_default()
}

/// Grants of the secrets that a hook asks for by position, and all names; what signs is the scenario's to write.
fn secrets(asks: &Asks) -> (toml::Table, Vec<String>) {
    let (mut granted, mut names) = (toml::Table::new(), Vec::new());
    for line in &asks.secrets {
        let (place, to) = line.split_once(" to ").map_or((line.as_str(), None), |(it, to)| (it, Some(to)));
        let Some((name, at)) = place.split_once(" at ") else { continue };
        let mut grant = toml::Table::new();
        grant.insert("from".to_owned(), name.trim().into());
        grant.insert("at".to_owned(), at.trim().into());
        if let Some(to) = to {
            grant.insert("to".to_owned(), to.trim().into());
        }
        granted.insert(name.trim().to_owned(), grant.into());
        names.push(name.trim().to_owned());
    }
    (granted, names)
}

/// Which subject of its name lives: each that comes after an end is the next one.
#[derive(Default)]
struct Subjects(BTreeMap<(String, Option<String>), (u32, bool)>);

impl Subjects {
    /// The number of the subject that lives now, and whether it is new.
    fn lives(&mut self, app: &str, machine: Option<&str>) -> (u32, bool) {
        let (number, lives) = self.of(app, machine);
        let first = !*lives;
        if first {
            *number += 1;
            *lives = true;
        }
        (*number, first)
    }

    fn goes(&mut self, app: &str, machine: Option<&str>) -> u32 {
        let (number, lives) = self.of(app, machine);
        *lives = false;
        *number = (*number).max(1);
        *number
    }

    fn of(&mut self, app: &str, machine: Option<&str>) -> (&mut u32, &mut bool) {
        let key = (app.to_owned(), machine.map(str::to_owned));
        let (number, lives) = self.0.entry(key).or_default();
        (number, lives)
    }
}
