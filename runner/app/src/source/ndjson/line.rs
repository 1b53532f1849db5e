//! What one line says, as observations.

use std::collections::BTreeMap;

use groundcrew_core::mirror::{
    AppSeen, Apps, LogEntry, Look, MachineSeen, Mirror, Observation, Outcome, Reach, Row, Tick, Whole,
};
use groundcrew_core::subject::{Path, Uid};
use groundcrew_core::time::Timestamp;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::SOURCE;
use super::lines::Line;
use super::ticks::Ticks;

/// A line that is not understood.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {reason}")]
pub struct LineError {
    /// Its number, from one.
    pub line: u64,
    /// What is wrong with it.
    pub reason: String,
    /// What to write instead.
    pub fix: String,
}

/// A line as a person writes it.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Simple {
    app: String,
    id: Option<String>,
    machine: Option<String>,
    state: Option<String>,
    gone: bool,
    at: Option<String>,
    network: Option<String>,
    region: Option<String>,
    image: Option<String>,
    metadata: Option<Map<String, Value>>,
    reason: Option<Value>,
}

/// How deep the values of a line may be nested: where it is stored, and is read again, it lies deeper.
pub const DEPTH_MAX: usize = 64;

/// What an app is that a line says nothing else of.
const DEPLOYED: &str = "deployed";

const APP_LINE: &str = r#"write {"app": "cust-7", "state": "deployed"}"#;
const MACHINE_LINE: &str = r#"write {"app": "cust-7", "machine": "148e445b", "state": "started"}"#;

/// Reads a line at a time against what is known; nothing for an empty one.
pub(super) fn read(
    line: &Line,
    mirror: &Mirror,
    now: Timestamp,
    ticks: &mut Ticks,
) -> Result<Vec<(Look, Observation)>, LineError> {
    let wrong = |(reason, fix): (String, String)| LineError { line: line.number, reason, fix };
    let text = line.text.as_deref().map_err(|reason| wrong(((*reason).to_owned(), APP_LINE.to_owned())))?;
    if text.trim().is_empty() || text.starts_with('#') {
        return Ok(Vec::new());
    }
    let no_json = |error: serde_json::Error| wrong((format!("no JSON: {error}"), APP_LINE.to_owned()));
    let value: Value = serde_json::from_str(text).map_err(no_json)?;
    if depth(&value) > DEPTH_MAX {
        let reason = format!("it is nested deeper than {DEPTH_MAX} levels");
        return Err(wrong((reason, "write what is deep as a text".to_owned())));
    }
    if value.get("look").is_some() {
        return whole(value, now, ticks).map(|said| vec![said]).map_err(wrong);
    }
    let simple: Simple =
        serde_json::from_value(value).map_err(|error| wrong((error.to_string(), APP_LINE.to_owned())))?;
    let speaker = Speaker { mirror, look: look(ticks.own(), now) };
    speaker.say(&simple).map_err(wrong)
}

/// Levels of lists and objects; no more than a reader of JSON allows.
fn depth(value: &Value) -> usize {
    match value {
        Value::Array(items) => 1 + items.iter().map(depth).max().unwrap_or_default(),
        Value::Object(fields) => 1 + fields.values().map(depth).max().unwrap_or_default(),
        _ => 0,
    }
}

fn look(tick: Tick, at: Timestamp) -> Look {
    Look { tick, sent_at: at, at, token: SOURCE.to_owned(), wrong: None }
}

type Wrong = (String, String);

/// A whole observation, with the circumstances that it brings.
fn whole(value: Value, now: Timestamp, ticks: &mut Ticks) -> Result<(Look, Observation), Wrong> {
    let fix = || "write an observation as groundcrew_core::mirror::Observation is serialised".to_owned();
    let number = |tick: &Value| tick.as_u64().ok_or_else(|| ("`tick` is no number".to_owned(), fix()));
    let tick = value.get("tick").map(number).transpose()?;
    let at = value.get("at").map(|at| at.as_str().map_or(Err(at_is_wrong()), time)).transpose()?;
    let observation: Observation =
        serde_json::from_value(value).map_err(|error| (error.to_string(), fix()))?;
    let tick = match tick {
        Some(tick) => ticks.recorded(tick, &observation),
        None => ticks.own(),
    };
    Ok((look(tick, at.unwrap_or(now)), observation))
}

fn time(text: &str) -> Result<Timestamp, Wrong> {
    Timestamp::parse_rfc3339(text).ok_or_else(at_is_wrong)
}

fn at_is_wrong() -> Wrong {
    (
        "`at` is no RFC 3339 time".to_owned(),
        r#"write "at": "2026-11-21T02:39:56Z", or leave it out"#.to_owned(),
    )
}

/// Says what a person wrote in the words of a poller.
struct Speaker<'a> {
    mirror: &'a Mirror,
    look: Look,
}

impl Speaker<'_> {
    fn say(&self, line: &Simple) -> Result<Vec<(Look, Observation)>, Wrong> {
        if line.app.is_empty() {
            return Err(("there is no `app`".to_owned(), APP_LINE.to_owned()));
        }
        let at = line.at.as_deref().map(time).transpose()?.unwrap_or(self.look.at);
        let mut said = Vec::new();
        if self.mirror.cursor().baseline_at.is_none() {
            said.push(self.list(None, None));
        }
        match (&line.machine, line.gone) {
            (Some(machine), _) => said.push(self.machine(line, machine, at)?),
            (None, true) => said.extend(self.app_gone(line)?),
            (None, false) => said.extend(self.app(line)?),
        }
        let look = |observation| (self.look.clone(), observation);
        Ok(said.into_iter().map(look).collect())
    }

    /// The whole list of apps, but for one, and for whoever waits for a name.
    fn list(&self, without: Option<&Uid>, free: Option<&str>) -> Observation {
        let waiting = self.mirror.cursor().conflicts.iter();
        let waiting: BTreeMap<_, _> = waiting.filter(|(_, path)| Some(path.app_name()) != free).collect();
        let rows = self.mirror.app_names().filter_map(|name| self.mirror.app(name));
        let there = rows.filter(|row| !waiting.contains_key(&row.uid)).map(|row| (&row.uid, seen(row)));
        let waiting = waiting.iter().map(|(uid, path)| (*uid, self.waits(uid, path)));
        let apps = there.chain(waiting).filter(|(uid, _)| Some(*uid) != without).map(|(_, app)| app);
        Observation::Apps { outcome: Outcome::Found(Apps { apps: apps.collect(), extent: Whole::Whole }) }
    }

    /// Who is not taken in under a name, for somebody of another source has it.
    fn waiting(&self, name: &str) -> Option<&Uid> {
        let mut conflicts = self.mirror.cursor().conflicts.iter();
        conflicts.find(|(_, path)| path.app_name() == name).map(|(uid, _)| uid)
    }

    /// Such an app as a list would show it.
    fn waits(&self, uid: &Uid, path: &Path) -> AppSeen {
        let state = self.mirror.row(uid).map(|row| row.state.clone());
        AppSeen {
            id: uid.platform_id().to_owned(),
            name: path.app_name().to_owned(),
            org_id: None,
            org_slug: Some(path.org().to_owned()),
            status: Some(state.unwrap_or_else(|| DEPLOYED.to_owned())),
            network: None,
            raw: json!({ "name": path.app_name() }),
        }
    }

    fn app(&self, line: &Simple) -> Result<Vec<Observation>, Wrong> {
        only_for_machines(line)?;
        let living = self.mirror.app(&line.app);
        let is_another = |uid: &Uid| line.id.as_deref().is_some_and(|id| id != uid.platform_id());
        let made_again = living.filter(|row| is_another(&row.uid));
        let mut said = made_again.map(|row| self.end(row)).unwrap_or_default();
        let waiting = self.waiting(&line.app);
        if waiting.is_some_and(is_another) {
            said.push(self.list(None, Some(&line.app)));
        }
        let known = living.map(|row| &row.uid).or(waiting);
        let id = match (&line.id, known) {
            (Some(id), _) => id.clone(),
            (None, Some(uid)) => uid.platform_id().to_owned(),
            (None, None) => format!("{}-{}", line.app, self.look.at.as_millis()),
        };
        let uid = format!("app:{id}").parse::<Uid>().map_err(|error| {
            (error.to_string(), r#"write a short "id" of letters, digits and -"#.to_owned())
        })?;
        if self.mirror.row(&uid).is_some_and(|row| row.gone_at.is_some()) {
            let reason = format!("the app {id} is gone, and an id is never used again");
            return Err((reason, r#"write another "id", or none"#.to_owned()));
        }
        let state = line.state.clone().or_else(|| self.mirror.row(&uid).map(|row| row.state.clone()));
        let app = AppSeen {
            id,
            name: line.app.clone(),
            org_id: None,
            org_slug: None,
            status: Some(state.unwrap_or_else(|| DEPLOYED.to_owned())),
            network: line.network.clone(),
            raw: json!({ "name": line.app, "status": line.state, "network": line.network }),
        };
        said.push(Observation::App { app: line.app.clone(), outcome: Outcome::Found(app) });
        Ok(said)
    }

    fn app_gone(&self, line: &Simple) -> Result<Vec<Observation>, Wrong> {
        let waiting = self.waiting(&line.app);
        let lives = |row: &&Row| row.gone_at.is_none();
        let row = self.mirror.app(&line.app).or_else(|| self.mirror.row(waiting?).filter(lives));
        match (row, waiting) {
            (Some(row), _) => Ok(self.end(row)),
            // Who was never taken in ends without a word.
            (None, Some(_)) => Ok(vec![self.list(None, Some(&line.app))]),
            (None, None) => Err(self.unknown(&line.app)),
        }
    }

    /// All that proves an app's end: it is missing from the list, its name is free, and the source is good.
    fn end(&self, row: &Row) -> Vec<Observation> {
        let app = row.path.app_name().to_owned();
        // What was recorded may have brought a reach, and a line changes nothing of that.
        let reach = self.mirror.cursor().reach.clone();
        let reach = reach.unwrap_or_else(|| Reach { orgs: [row.path.org().to_owned()].into(), apps: None });
        vec![
            self.list(Some(&row.uid), None),
            Observation::Control { outcome: Outcome::Found(reach) },
            Observation::App { app, outcome: Outcome::NotFound },
        ]
    }

    fn machine(&self, line: &Simple, id: &str, at: Timestamp) -> Result<Observation, Wrong> {
        if line.id.is_some() || line.network.is_some() {
            let reason = "`id` and `network` are an app's".to_owned();
            return Err((reason, MACHINE_LINE.to_owned()));
        }
        self.mirror.app(&line.app).ok_or_else(|| self.unknown(&line.app))?;
        let uid = format!("machine:{id}")
            .parse::<Uid>()
            .map_err(|error| (error.to_string(), MACHINE_LINE.to_owned()))?;
        let known = self.mirror.row(&uid);
        if known.is_some_and(|row| row.gone_at.is_some()) {
            let reason = format!("the machine {id} is gone, and an id is never used again");
            return Err((reason, "write the id of the new machine".to_owned()));
        }
        if line.gone && known.is_none() {
            let reason = format!("there is no machine {id}");
            return Err((reason, "name one that an earlier line brought".to_owned()));
        }
        let state = match (line.gone, &line.state) {
            (true, _) => "destroyed".to_owned(),
            (false, Some(state)) => state.clone(),
            (false, None) => known.map_or_else(|| "started".to_owned(), |row| row.state.clone()),
        };
        Ok(Observation::Machine {
            app: line.app.clone(),
            machine: id.to_owned(),
            outcome: Outcome::Found(machine(line, id, state, at)),
        })
    }

    fn unknown(&self, app: &str) -> Wrong {
        if self.waiting(app).is_some() {
            let reason = format!("{app} is not taken in, for another source has an app of that name");
            return (reason, "groundcrew findings".to_owned());
        }
        let fix = format!(r#"write a line {{"app": "{app}"}} first"#);
        (format!("there is no app {app}"), fix)
    }
}

fn only_for_machines(line: &Simple) -> Result<(), Wrong> {
    let fields =
        [line.region.is_some(), line.image.is_some(), line.metadata.is_some(), line.reason.is_some()];
    if fields.contains(&true) {
        let reason = "`region`, `image`, `metadata` and `reason` are a machine's".to_owned();
        return Err((reason, r#"add "machine", or leave them out"#.to_owned()));
    }
    Ok(())
}

/// A machine with a log of one line, so that its change is told at once and with its reason.
fn machine(line: &Simple, id: &str, state: String, at: Timestamp) -> MachineSeen {
    let entry = LogEntry {
        id: None,
        kind: "line".to_owned(),
        status: state.clone(),
        at,
        reason: line.reason.clone(),
    };
    MachineSeen {
        id: id.to_owned(),
        app: Some(line.app.clone()),
        raw: json!({
            "id": id, "state": state, "region": line.region, "image": line.image, "metadata": line.metadata,
        }),
        state,
        created_at: Some(at),
        updated_at: Some(at),
        region: line.region.clone(),
        instance: None,
        image: line.image.clone(),
        metadata: line.metadata.clone(),
        log: vec![entry],
    }
}

/// A living app as a list would show it.
fn seen(row: &Row) -> AppSeen {
    AppSeen {
        id: row.uid.platform_id().to_owned(),
        name: row.path.app_name().to_owned(),
        org_id: None,
        org_slug: Some(row.path.org().to_owned()),
        status: Some(row.state.clone()),
        network: row.labels.get("network").and_then(Value::as_str).map(str::to_owned),
        raw: row.raw.clone().unwrap_or_default(),
    }
}

#[cfg(test)]
mod tests;
