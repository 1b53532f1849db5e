//! The auditors that ship, as they ship, over weeks; and the registry's hook beside them.

use std::collections::BTreeMap;

use groundcrew_flysim::{Action, Hold};
use groundcrew_outside::What;
use jiff::{SignedDuration, ToSpan as _, tz::TimeZone};
use serde_json::{Value, json};

use crate::scene::Scene;

const STANZAS: &str = r#"
[hook.budget]
use    = "builtin:budget"
config = { org = "acme", ceilings = [{ usd = 0.5 }] }
secret.FLY_TOKEN = { from = "FLY", at = "header:authorization", format = "fly", to = "{fly.api}" }
allow  = ["GET {fly.api}/v1/*", "POST {fly.api}/v1/apps/{app}/machines/*"]

[hook.reaper]
use    = "builtin:volume-reaper"
config = { org = "acme", names = ["data_<machine>"], days = 7 }
secret.FLY_TOKEN = { from = "FLY", at = "header:authorization", format = "fly", to = "{fly.api}" }
allow  = ["GET {fly.api}/v1/*", "DELETE {fly.api}/v1/apps/{app}/volumes/*"]

[hook.idle]
use    = "builtin:idle"
config = { org = "acme", days = 7 }
secret.FLY_TOKEN = { from = "FLY", at = "header:authorization", format = "fly", to = "{fly.api}" }
allow  = ["GET {fly.api}/v1/apps/*"]

[hook.router]
use    = "builtin:register"
config = { server = "$SHOP", path = "natural/{app}", document = { value = 7 }, mark = "mark", auth = "none" }
gone   = "delete"
allow  = ["GET,PUT,DELETE {config.server}/natural/*"]

[audit.budget]
hooks  = ["budget"]
cron   = "0 3 31 1 *"
missed = "skip"
remedy = "enforce"
codes  = ["budget.exceeded", "budget.resume"]
grace  = "1m"

[audit.volumes]
hooks  = ["reaper"]
cron   = "0 3 31 1 *"
missed = "skip"
remedy = "enforce"
codes  = ["volume.reapable"]
grace  = "1m"

[audit.idle]
hooks  = ["idle"]
cron   = "0 3 31 1 *"
missed = "skip"
"#;

/// The machines of `cust-1`, and what is attached to none of them.
struct Fleet {
    runs: [String; 2],
    stopped: String,
    /// The volume of a machine that was destroyed.
    loose: String,
}

impl Scene {
    fn does(&self, action: Action) -> String {
        self.world().act(action).unwrap()["id"].as_str().unwrap_or_default().to_owned()
    }

    fn has_machine(&self, app: &str) -> String {
        self.does(Action::CreateMachine { app: app.to_owned(), name: None, region: None, config: None })
    }

    fn has_volume(&self, machine: &str) -> String {
        self.does(Action::CreateVolume { app: "cust-1".to_owned(), name: format!("data_{machine}") })
    }

    fn fleet(&self) -> Fleet {
        let [one, other, stopped, destroyed] = [(); 4].map(|()| self.has_machine("cust-1"));
        self.has_volume(&one);
        let loose = self.has_volume(&destroyed);
        self.does(Action::StopMachine { machine: stopped.clone() });
        self.does(Action::DestroyMachine { machine: destroyed });
        let machine = self.has_machine("cust-2");
        self.does(Action::StopMachine { machine });
        Fleet { runs: [one, other], stopped, loose }
    }

    /// How often something took effect, by whom it happened to.
    fn happened(&self, what: &str) -> BTreeMap<String, usize> {
        let mut counts = BTreeMap::new();
        for effect in self.world().log().into_iter().filter(|effect| effect.what == what) {
            *counts.entry(effect.subject).or_default() += 1;
        }
        counts
    }

    /// Time passes until noon of a day of the month so many months on.
    fn passes_to(&self, months: i64, day: i8) {
        let now = jiff::Timestamp::from_millisecond(self.now_ms()).unwrap().to_zoned(TimeZone::UTC);
        let month = now.date().first_of_month().checked_add(months.months()).unwrap();
        let then = month.with().day(day).build().unwrap().at(12, 0, 0, 0).to_zoned(TimeZone::UTC).unwrap();
        self.passes(then.timestamp().duration_since(now.timestamp()));
    }
}

/// Each of these once.
fn once(of: &[String]) -> BTreeMap<String, usize> {
    of.iter().map(|one| (one.clone(), 1)).collect()
}

#[test]
fn over_a_month_exactly_what_is_over_is_suspended_reaped_and_resumed_whenever_the_runner_is_killed() {
    let scene = Scene::with_apps(2);
    scene.passes_to(1, 15);
    let Fleet { runs, stopped, loose } = scene.fleet();
    scene.configure(STANZAS);
    let up = scene.up();
    scene.until_ready();
    scene.until_so("the registry has both documents", || scene.times(What::Created) == 2);
    assert_eq!(
        scene.audited("volumes")["found"],
        2,
        "the loose one and that of a living machine are withheld"
    );
    assert_eq!(scene.audited("idle")["found"], 0);
    drop(up);

    // Ten days at 0.08 $ for each machine that runs.
    scene.passes(SignedDuration::from_hours(240));
    let up = scene.up();
    scene.until_ready();
    let idle = scene.audited("idle");
    assert_eq!(scene.open_findings("app.idle")[0]["about"], "fly/acme/cust-2", "{idle}");
    assert_eq!(scene.audited("volumes")["summary"], "reaper: 1 waiting");
    let looked = scene.audited("budget");
    assert_eq!(looked["summary"], "budget: 1 waiting", "{looked}");
    assert_eq!(scene.open_findings("budget.exceeded")[0]["about"], "fly/acme/cust-1");
    // Killed between the look and the remedy.
    drop(up);
    assert_eq!(scene.happened("machine.suspended"), once(&[]));

    // Killed between the effect of a command and its answer.
    scene.passes(SignedDuration::from_mins(10));
    scene.turn(|knobs| {
        let (method, path) = (Some("POST".to_owned()), "/v1/apps/*/machines/*/suspend".to_owned());
        knobs.holds = vec![Hold { method, path, count: Some(1), ..Hold::default() }];
    });
    let up = scene.up();
    scene.until_ready();
    scene.says(&["audit", "run", "budget"]);
    scene.until_so("a machine is being suspended", || !scene.world().holds().is_empty());
    drop(up);
    let newest = || scene.list(&["audit", "history", "budget"])[0].clone();
    let killed = newest()["id"].clone();
    scene.passes(SignedDuration::from_mins(10));
    let up = scene.up();
    scene.until_ready();
    // What the killed one was asked for, this one does by itself. The source's look and that may be too many at once for
    // the platform (429): then the next audit tries.
    scene.until_so("it is done", || {
        let run = newest();
        run["id"] != killed && !run["ended"].is_null()
    });
    scene.until_so("the rest is suspended", || {
        let all = scene.happened("machine.suspended").len() == runs.len();
        all || scene.audited("budget").is_null()
    });
    assert_eq!(scene.happened("machine.suspended"), once(&runs));
    scene.until_so("the volume goes", || scene.audited("volumes")["summary"] == "reaper: 1 fixed");
    drop(up);

    // A new month: what was suspended runs again, at the first look and without grace.
    scene.passes_to(1, 2);
    let before = scene.happened("machine.started");
    let mut up = scene.up();
    scene.until_ready();
    scene.until_so("they are resumed", || scene.audited("budget")["summary"] == "budget: 1 fixed");
    scene.until_so("they run", || {
        scene.happened("machine.started").values().sum::<usize>() == before.values().sum::<usize>() + 2
    });
    let mut after = before;
    for machine in &runs {
        *after.entry(machine.clone()).or_default() += 1;
    }
    assert_eq!(scene.happened("machine.started"), after, "{stopped} was stopped by its owner");
    assert_eq!(scene.happened("machine.suspended"), once(&runs));
    assert_eq!(scene.audited("budget")["found"], 0, "nothing is left to resume");
    assert_eq!(scene.happened("volume.pending_destroy"), once(&[loose]));

    // The registry's documents were written once, and say what they should.
    let shown = scene.outside.handle("GET", "/natural/cust-1", &[], &[]).answer().unwrap().json();
    assert_eq!(
        (&shown["value"], shown["mark"].as_str().map(|mark| &mark[..8])),
        (&json!(7), Some("gc1:e2e:"))
    );
    assert_eq!((scene.times(What::Created), scene.times(What::Updated)), (2, 0));
    let documents: Vec<Value> = scene.list(&["resources", "--hook", "router"]);
    assert_eq!(documents.len(), 2, "{documents:?}");
    up.end();
}
