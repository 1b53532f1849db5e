//! Leaks planted as mistakes would leave them: a scheduled audit finds and prices them, and what is approved goes.
//!
//! What is left behind is made past the runner, with the platform's and the DNS server's own APIs. The audit comes
//! every minute, and lets nothing go by itself: its window is empty, so what it would remove is held for a person. The
//! play begins when a minute of the clock will begin within it, once the runner is up and early enough.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use anyhow::{Context as _, ensure};
use serde_json::{Value, json};

use super::act::LIMIT;
use super::dns::{Dns, ZONE};
use super::draw::Audience;
use super::runner::{self, Runner, show};
use super::simulator::Simulator;
use super::{Stage, now, until};
use groundcrew_verdict::Set;

/// The name that leads to an app which nobody has, and that app.
const DANGLING: (&str, &str) = ("shop.cust-2.example", "cust-2-shop");
/// A name that leads to an app of ours: not a leak.
const LIVING: (&str, &str) = ("status.example", "cust-7");
/// How long after the first act a tick comes at the soonest: the runner must be up by then.
const SOONEST: Duration = Duration::from_secs(5);
/// What is left to do after a tick, or nearly so, takes no longer.
const AFTERWARDS: Duration = Duration::from_secs(10);
/// How often the audit comes.
const EVERY: Duration = Duration::from_mins(1);

/// The names of record sets that are left behind.
pub(super) fn names() -> Vec<String> {
    [DANGLING.0, LIVING.0].map(str::to_owned).to_vec()
}

/// What was left behind.
pub(crate) struct Leaks {
    /// A volume that nobody will miss.
    scratch: String,
    /// A volume with data.
    data: String,
    /// The id of a bucket without an app.
    bucket: String,
}

/// What of the configuration looks for leaks; none of those is so few that it goes without a person.
pub(crate) fn stanzas(simulator: &Simulator, dns: &Dns) -> String {
    let token = |name: &str, to: &str| {
        format!(
            "secret.{name} = {{ from = \"FLY\", at = \"header:authorization\", format = \"fly\", to = \"{to}\" }}"
        )
    };
    let (fly, api) = (&simulator.base, &dns.api);
    let (machines, graphql) = (token("FLY_TOKEN", "{fly.api}"), token("FLY_GRAPHQL_TOKEN", fly));
    format!(
        r#"
[hook.orphans]
use = "builtin:orphans"
scope = "customers"
config = {{ org = "acme", graphql = "{fly}", remove_volumes = true, days = {{ volume = 0, addon = 0 }} }}
{machines}
{graphql}
allow = ["GET {{fly.api}}/v1/*", "DELETE {{fly.api}}/v1/apps/{{app}}/volumes/*", "READ POST {fly}/graphql"]

[hook.dangling]
use = "builtin:dangling"
config = {{ org = "acme", server = "{api}", zone = "{ZONE}", remove = true }}
{machines}
secret.API_TOKEN = {{ from = "PDNS", at = "header:x-api-key", to = "{api}" }}
allow = ["GET {{fly.api}}/v1/apps*", "GET,PATCH {api}/api/v1/servers/localhost/zones/{ZONE}*"]

[audit.leaks]
hooks = ["orphans", "dangling"]
cron = "* * * * *"
missed = {{ run = "once", within = "1m" }}
remedy = "enforce"
codes = ["volume.unattached", "dns.dangling-cname"]
grace = "0s"
deletes = {{ share = "0%", floor = 0 }}
"#
    )
}

impl Leaks {
    /// Leaves things behind, as somebody with a token and the key of the zone would.
    pub(crate) fn plant(stage: &Stage, simulator: &Simulator, dns: &Dns) -> anyhow::Result<Self> {
        let volume = |app: &str, name: &str, size_gb: u32| {
            let body = json!({"name": name, "region": "fra", "size_gb": size_gb});
            text(&simulator.call(&format!("/v1/apps/{app}/volumes"), &body)?, "id")
        };
        let bucket = json!({"do": "create_add_on", "type": "tigris", "name": "cust-1-assets"});
        let leaks = Self {
            scratch: volume("cust-3", "scratch", 10)?,
            data: volume("cust-7", "pgdata", 3)?,
            bucket: text(&simulator.act(&bucket)?, "id")?,
        };
        for (name, app) in [DANGLING, LIVING] {
            dns.put(&format!("{name}."), "CNAME", &format!("{app}.fly.dev."))?;
        }
        let Self { scratch, data, .. } = &leaks;
        stage.tell(
            "somebody",
            &format!("leaves behind: volume {scratch} of cust-3, 10 GB, attached to nothing"),
        );
        stage.tell("somebody", &format!("leaves behind: volume {data} of cust-7, 3 GB, the same, with data"));
        stage.tell("somebody", "leaves behind: bucket cust-1-assets (Tigris), without an app");
        let (name, app) = DANGLING;
        stage.tell(
            "somebody",
            &format!("leaves behind: CNAME {name} to {app}.fly.dev, and no app has that name"),
        );
        Ok(leaks)
    }

    /// The audit, what it found, approval of two removals, and how the outside is then.
    pub(crate) fn play(
        &self,
        stage: &Stage,
        simulator: &Simulator,
        dns: &Dns,
        runner: &mut Runner,
        tick: Tick,
    ) -> anyhow::Result<()> {
        show(stage, &["audit", "list"])?;
        let run = audited(stage, runner, Asked::BySchedule(tick))?;
        let counts = format!("{} found, {} new", run["found"], run["opened"]);
        stage
            .tell("audit", &format!("leaks, on schedule, {}: {counts}{}", text(&run, "tick")?, became(&run)));
        findings(stage)?;
        show(stage, &["approve"])?;
        let left = Outside::ask(self, simulator, dns)?.approved;
        ensure!(left == 2, "nothing goes before it is approved, and {left} of 2 are left");
        let goes = [format!("volume/{}", self.scratch), format!("cname/{}", DANGLING.0)];
        let [volume, cname] = [finding(stage, &goes[0])?, finding(stage, &goes[1])?];
        show(stage, &["approve", &volume, &cname, "--yes"])?;
        stage.tell("approved", &goes.join(", "));
        // It would come by itself within a minute; what is approved goes with its next run, whoever asks for it.
        show(stage, &["audit", "run", "leaks"])?;
        let run = audited(stage, runner, Asked::ByHand)?;
        stage.tell("audit", &format!("leaks, asked for: {} found{}", run["found"], became(&run)));
        let outside = Outside::ask(self, simulator, dns)?;
        ensure!(outside.approved == 0, "of what was approved {} are left", outside.approved);
        stage.tell("outside", &format!("{} are gone", goes.join(", ")));
        show(stage, &["audit", "history"])?;
        stage.tell("leaks", &outside.to_string());
        ensure!(outside.is_good(), "not as approved");
        Ok(())
    }
}

/// The tick of the audit that falls into the play.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Tick(Instant);

impl Tick {
    /// Waits, seconds at most, until a play that begins now has a tick in the midst of it.
    pub(crate) fn awaited(stage: &Stage) -> anyhow::Result<Self> {
        let wait = before(to_the_minute()?);
        if !wait.is_zero() {
            let seconds = wait.as_secs_f32();
            stage.tell(
                "curtain",
                &format!("in {seconds:.1} s: a minute of the clock is to begin in the play"),
            );
            std::thread::sleep(wait);
        }
        Ok(Self(now() + to_the_minute()?))
    }
}

/// How long a play waits for its beginning where a minute of the clock begins so much later.
fn before(ahead: Duration) -> Duration {
    let latest = LIMIT.saturating_sub(AFTERWARDS);
    // The minute that begins too soon is over by then, and it is the next one that is waited for.
    let next = if ahead < SOONEST { ahead + EVERY } else { ahead };
    next.saturating_sub(latest)
}

/// Why an audit comes.
#[derive(Clone, Copy, Debug)]
enum Asked {
    /// It is time.
    BySchedule(Tick),
    /// Somebody asked for it.
    ByHand,
}

/// Waits until a run of the audit has ended well, with its remedies.
fn audited(stage: &Stage, runner: &mut Runner, asked: Asked) -> anyhow::Result<Value> {
    let scheduled = match asked {
        Asked::BySchedule(Tick(at)) => {
            // Nothing is asked meanwhile: every question is a process.
            std::thread::sleep(at.saturating_duration_since(now()));
            true
        }
        Asked::ByHand => false,
    };
    let well = |run: &Value| {
        run["phase"] == "ended" && run["outcome"] == "ok" && run["tick"].is_string() == scheduled
    };
    until("the audit has come and gone well", Duration::from_secs(20), || {
        ensure!(runner.lives()?, "the runner ended by itself");
        Ok(runner::list(stage, &["audit", "history", "leaks"])?.into_iter().find(well))
    })
}

/// What became of what it would remove.
fn became(run: &Value) -> String {
    run["summary"].as_str().map_or_else(String::new, |summary| format!("; {summary}"))
}

/// How long until the clock shows a whole minute.
#[expect(clippy::disallowed_methods, reason = "schedules follow the real clock")]
fn to_the_minute() -> anyhow::Result<Duration> {
    let now = SystemTime::now().duration_since(UNIX_EPOCH)?;
    Ok(Duration::from_millis(60_000 - (now.as_millis() % 60_000) as u64))
}

/// Shows what was found: a table for a person, a line each in a pipe.
fn findings(stage: &Stage) -> anyhow::Result<()> {
    show(stage, &["findings"])?;
    if stage.audience == Audience::Pipe {
        for found in runner::list(stage, &["findings"])? {
            stage.tell("finding", &found_line(&found)?);
        }
    }
    Ok(())
}

/// What was found, what it is about, what it costs, and why it waits.
fn found_line(found: &Value) -> anyhow::Result<String> {
    let cost = found["cost_cents"].as_u64();
    let cost = cost.map_or_else(
        || "cost unknown".to_owned(),
        |cents| format!("${}.{:02} a month", cents / 100, cents % 100),
    );
    let held = found["mending"]["held"].as_str().map_or_else(String::new, |why| format!(", held: {why}"));
    Ok(format!("{:<19} {}, {cost}{held}", text(found, "code")?, text(found, "about")?))
}

/// The number of the open finding about something.
fn finding(stage: &Stage, about: &str) -> anyhow::Result<String> {
    let found = runner::list(stage, &["findings"])?.into_iter().find(|found| found["about"] == about);
    text(&found.with_context(|| format!("nothing is found about {about}"))?, "id")
}

fn text(value: &Value, field: &str) -> anyhow::Result<String> {
    value[field].as_str().map(str::to_owned).with_context(|| format!("no `{field}`: {value}"))
}

/// What is there of what was left behind.
#[derive(Debug)]
struct Outside {
    /// Of what was approved.
    approved: usize,
    /// Of what was not: a volume with data, a bucket.
    kept: usize,
    /// Of what is no leak.
    living: usize,
}

impl Outside {
    fn ask(planted: &Leaks, simulator: &Simulator, dns: &Dns) -> anyhow::Result<Self> {
        let (state, sets) = (simulator.read("/_sim/state")?, dns.sets()?);
        let all = |value: &Value, field: &str| value[field].as_array().cloned().unwrap_or_default();
        let volumes: Vec<_> = all(&state, "apps").iter().flat_map(|app| all(app, "volumes")).collect();
        let volume = |id: &str| volumes.iter().any(|one| one["id"] == id && one["state"] == "created");
        let bucket = all(&state, "add_ons").iter().any(|one| one["id"] == planted.bucket.as_str());
        let points = |(name, app): (&str, &str)| {
            let (name, target) = (format!("{name}."), format!("{app}.fly.dev."));
            let leads = |set: &Set| set.records.iter().any(|(content, _)| *content == target);
            sets.iter().any(|set| set.name == name && set.kind == "CNAME" && leads(set))
        };
        Ok(Self {
            approved: usize::from(volume(&planted.scratch)) + usize::from(points(DANGLING)),
            kept: usize::from(volume(&planted.data)) + usize::from(bucket),
            living: usize::from(points(LIVING)),
        })
    }

    fn is_good(&self) -> bool {
        (self.approved, self.kept, self.living) == (0, 2, 1)
    }
}

impl std::fmt::Display for Outside {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "of 2 approved {} are left; of 2 that hold data {} are left; ", self.approved, self.kept)?;
        write!(f, "the CNAME to an app that lives: {} of 1", self.living)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_finding_is_one_line_with_its_price() {
        let found =
            |cost| found_line(&json!({"code": "a.b", "about": "volume/v1", "cost_cents": cost})).unwrap();
        assert_eq!(found(json!(150)), "a.b                 volume/v1, $1.50 a month");
        assert!(found(Value::Null).ends_with("volume/v1, cost unknown"));
    }

    #[test]
    fn a_finding_that_waits_for_a_person_says_why() {
        let found = json!({"code": "a.b", "about": "volume/v1", "cost_cents": 150,
            "mending": {"held": "2 are due within 1h, 0 are allowed"}});
        assert!(
            found_line(&found).unwrap().ends_with("$1.50 a month, held: 2 are due within 1h, 0 are allowed")
        );
    }

    #[test]
    fn whenever_it_begins_a_minute_begins_in_the_midst_of_the_play() {
        for ahead in (1..=60_000).map(Duration::from_millis) {
            let wait = before(ahead);
            let tick = ahead.checked_sub(wait).unwrap_or_else(|| (ahead + EVERY).saturating_sub(wait));
            assert!(SOONEST <= tick, "{ahead:?}: the runner is not up by then");
            assert!(tick + AFTERWARDS <= LIMIT, "{ahead:?}: nothing can be done about what it finds");
            assert!(wait < SOONEST + AFTERWARDS, "{ahead:?}: {wait:?} is long to wait");
            let fits = SOONEST <= ahead && ahead + AFTERWARDS <= LIMIT;
            assert_eq!(wait.is_zero(), fits, "{ahead:?}: nobody waits without need");
        }
    }
}
