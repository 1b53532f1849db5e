//! The runner as a user runs it: a TOML file, two secrets, `groundcrew up`.

use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::{Context as _, ensure};
use serde_json::{Value, json};

use super::dns::{Dns, KEY, ZONE};
use super::simulator::Simulator;
use super::teller::Teller;
use super::{Stage, until};

/// The bearer token of `POST /v1/events`.
const EVENTS: &str = "demo-token-of-the-events";
/// What events are signed with.
const WEBHOOK: &str = "whsec_ZGVtby1rZXktb2YtdGhlLXdlYmhvb2tz";
/// How long the runner has to take an event.
const TAKEN_WITHIN: Duration = Duration::from_secs(5);

/// A running runner; its log lines go to the audience.
pub(crate) struct Runner {
    child: Child,
    reader: Option<std::thread::JoinHandle<()>>,
}

/// How careful the configuration is about many ends at once.
#[derive(Clone, Copy)]
pub(crate) enum Caution {
    /// As the defaults are.
    Usual,
    /// A fleet that comes and goes all the time needs wider windows, and listings that lag a longer `settle`.
    Wide,
}

/// What of the runner's log the audience sees.
#[derive(Clone, Copy)]
pub(crate) enum Tell {
    /// What happened to things, and what went wrong.
    Everything,
    /// Nothing; it is in the file.
    Nothing,
}

/// Writes the configuration, with `more` at its end, and approves it, as its user would.
///
/// PowerDNS with SQLite answers 500, "database is locked", to some of the changes that come at once. Whether such a
/// change takes effect later nobody can tell, so its row would rest for as long as it might.
pub(crate) fn configure(
    stage: &Stage,
    simulator: &Simulator,
    dns: &Dns,
    caution: Caution,
    more: &str,
) -> anyhow::Result<()> {
    let (vanish, settle, limits) = match caution {
        Caution::Usual => ("", "", "limits = { parallel = 1 }\n"),
        Caution::Wide => (
            "vanish_max = { share = \"100%\", floor = 1000, within = \"10m\" }\n",
            // Listings lag, by less than this.
            "settle = \"20s\"\n",
            "limits = { deletes = { share = \"100%\", floor = 100000, within = \"1h\" } }\n",
        ),
    };
    let text = format!(
        r#"installation = "demo"
level = "enforce"

[store]
path = "data"

[http]
listen = "{listen}"
token = "EVENTS"

[secrets]
FLY = {{ env = "DEMO_FLY_TOKEN" }}
PDNS = {{ env = "DEMO_PDNS_KEY" }}
EVENTS = {{ env = "DEMO_EVENTS_TOKEN" }}
RECEIVER = {{ file = "receiver" }}
WEBHOOK = {{ env = "DEMO_WEBHOOK_KEY" }}

[source.fly]
org = "acme"
token = "FLY"
url = "{fly}"
{vanish}
[scope.customers]
apps = ["cust-*"]

[hook.ip]
use = "builtin:fly-ip"
scope = "customers"
config = {{ v4 = "shared", v6 = "dedicated" }}
gone = "delete"
{settle}secret.FLY_TOKEN = {{ from = "FLY", at = "header:authorization", format = "fly", to = "{{fly.api}}" }}
allow = ["GET,POST,DELETE {{fly.api}}/v1/apps/{{app}}/ip_assignments*"]

[hook.dns]
use = "builtin:dns"
scope = "customers"
reads = ["ip"]
config = {{ server = "{api}", zone = "{ZONE}", ttl = 60, records = [
  {{ name = "www.{{app}}.{ZONE}", type = "A", values = ["{{ip.v4}}"] }},
] }}
gone = "delete"
grace = {{ gone = "2s", unwanted = "2s" }}
{limits}secret.API_TOKEN = {{ from = "PDNS", at = "header:x-api-key", to = "{api}" }}
allow = ["GET,PATCH {api}/api/v1/servers/localhost/zones/{ZONE}*"]

[hook.tell]
use = "builtin:notify"
on = ["app.*", "order.paid"]
config = {{ to = "standard-webhooks" }}
limits = {{ rate = "1000/s" }}
secret.URL = {{ from = "RECEIVER", at = "url" }}
secret.KEY = {{ from = "WEBHOOK", sign = "standard-webhooks", to = "{receiver}" }}
{more}"#,
        fly = simulator.base,
        api = dns.api,
        listen = stage.api,
        receiver = simulator.receiver.trim_end_matches("/events"),
    );
    std::fs::write(stage.directory.join("groundcrew.toml"), text)?;
    std::fs::write(stage.directory.join("receiver"), &simulator.receiver)?;
    groundcrew(stage, &["check"])?;
    groundcrew(stage, &["add", "--all", "--yes"])
}

/// Runs one command to its end.
pub(crate) fn groundcrew(stage: &Stage, arguments: &[&str]) -> anyhow::Result<()> {
    output(stage, arguments).map(drop)
}

/// What a command prints; fails with it.
fn output(stage: &Stage, arguments: &[&str]) -> anyhow::Result<String> {
    let output = command(stage).args(arguments).output()?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let said = || text.clone() + &String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "groundcrew {}: {}\n{}", arguments.join(" "), output.status, said());
    Ok(text)
}

/// What a listing holds.
pub(crate) fn list(stage: &Stage, arguments: &[&str]) -> anyhow::Result<Vec<Value>> {
    let text = output(stage, &[arguments, &["--json"]].concat())?;
    serde_json::from_str(&text).with_context(|| format!("groundcrew {}: {text}", arguments.join(" ")))
}

/// Types a command before the audience, and shows a person what it prints; fails with it.
pub(crate) fn show(stage: &Stage, arguments: &[&str]) -> anyhow::Result<()> {
    stage.typed(arguments, &output(stage, arguments)?);
    Ok(())
}

/// What the runner's metrics say, once it answers.
pub(crate) fn metrics(stage: &Stage) -> anyhow::Result<String> {
    let url = format!("http://{}/metrics", stage.api);
    let ask =
        || Ok(ureq::get(&url).call().ok().and_then(|mut answer| answer.body_mut().read_to_string().ok()));
    until("the runner answers", Duration::from_secs(10), ask)
}

/// How many rows the runner says are in doubt.
pub(crate) fn in_doubt(stage: &Stage) -> anyhow::Result<u64> {
    const NAME: &str = "groundcrew_rows_in_doubt";
    let metrics = metrics(stage)?;
    let line =
        metrics.lines().find_map(|line| line.strip_prefix(NAME)).with_context(|| format!("no {NAME}"))?;
    line.split_whitespace()
        .next_back()
        .and_then(|count| count.parse().ok())
        .with_context(|| format!("{NAME}: {line}"))
}

fn command(stage: &Stage) -> Command {
    let mut command = Command::new(&stage.binary);
    command.current_dir(&stage.directory).env("DEMO_FLY_TOKEN", "fo1_demo").env("DEMO_PDNS_KEY", KEY);
    command.env("DEMO_EVENTS_TOKEN", EVENTS).env("DEMO_WEBHOOK_KEY", WEBHOOK).stdin(Stdio::null());
    command
}

impl Runner {
    /// Starts it.
    pub(crate) fn start(stage: &Stage, telling: Tell) -> anyhow::Result<Self> {
        let mut child = command(stage)
            .args(["--log", "json", "up"])
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .context("groundcrew up")?;
        let lines = BufReader::new(child.stderr.take().context("no standard error")?).lines();
        let keep =
            std::fs::File::options().create(true).append(true).open(stage.directory.join("runner.log"))?;
        let teller = matches!(telling, Tell::Everything).then(|| Teller::new(stage));
        let began = stage.started;
        let reader = std::thread::spawn(move || {
            for line in lines.map_while(Result::ok) {
                use std::io::Write as _;
                drop(writeln!(&keep, "{line}"));
                if let Some(teller) = &teller {
                    teller.take(began.elapsed().as_secs_f32(), &line);
                }
            }
        });
        Ok(Self { child, reader: Some(reader) })
    }

    /// SIGKILL: no handler, no farewell.
    pub(crate) fn kill(mut self) -> anyhow::Result<()> {
        self.child.kill()?;
        self.child.wait()?;
        self.join();
        Ok(())
    }

    /// Whether it still runs.
    pub(crate) fn lives(&mut self) -> anyhow::Result<bool> {
        Ok(self.child.try_wait()?.is_none())
    }

    fn join(&mut self) {
        if let Some(reader) = self.reader.take() {
            drop(reader.join());
        }
    }
}

impl Drop for Runner {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
        self.join();
    }
}

/// Waits until the runner knows the platform: what comes from then on, comes before its eyes.
pub(crate) fn ready(stage: &Stage) -> anyhow::Result<()> {
    let url = format!("http://{}/readyz", stage.api);
    until("the runner is ready", Duration::from_secs(30), || Ok(ureq::get(&url).call().ok().map(drop)))
}

/// What became of a foreign event that was posted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Posted {
    /// Its acceptance was answered.
    Accepted,
    /// Nobody was there to take it.
    Nowhere,
    /// Nobody knows, or it was refused.
    Unknown,
}

/// Posts a foreign event of this number, about an app or nobody.
pub(crate) fn post(stage: &Stage, number: u64, app: Option<&str>) -> Posted {
    let mut event = json!({"specversion": "1.0", "id": number.to_string(), "source": "/torture",
        "type": "order.paid", "data": {"number": number}});
    if let Some(app) = app {
        event["subject"] = format!("fly/acme/{app}").into();
    }
    let answer = ureq::post(format!("http://{}/v1/events", stage.api))
        .config()
        .timeout_global(Some(TAKEN_WITHIN))
        .build()
        .header("authorization", format!("Bearer {EVENTS}"))
        .header("content-type", "application/cloudevents+json")
        .send(event.to_string());
    match answer {
        Ok(answer) if answer.status() == 202 => Posted::Accepted,
        Err(ureq::Error::Io(error)) if error.kind() == std::io::ErrorKind::ConnectionRefused => {
            Posted::Nowhere
        }
        Ok(_) | Err(_) => Posted::Unknown,
    }
}

/// Whether the runner said of an app's thing what begins so, in all its lives.
pub(crate) fn has_told(stage: &Stage, app: &str, what: &str) -> anyhow::Result<bool> {
    let log = std::fs::read_to_string(stage.directory.join("runner.log")).context("the runner's log")?;
    let told = |line: &str| {
        let Ok(event) = serde_json::from_str::<Value>(line) else { return false };
        event["app"] == app && event["what"].as_str().is_some_and(|said| said.starts_with(what))
    };
    Ok(log.lines().any(told))
}
