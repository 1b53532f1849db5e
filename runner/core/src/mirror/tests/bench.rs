//! A mirror to try things on, and short words for what it is shown.

use serde_json::{Map, json};

use crate::mirror::{
    AppSeen, Apps, Config, Delta, FindingStatus, LogEntry, Look, MachineSeen, Mirror, Observation, OrgPage,
    Outcome, Reach, Rules, Whole,
};
use crate::running::Noted;
use crate::time::Timestamp;

/// The first second of every test.
const EPOCH: i64 = 1_795_000_000_000;

pub(super) fn at(second: i64) -> Timestamp {
    Timestamp::from_millis(EPOCH + second * 1_000)
}

pub(super) fn app(id: &str, name: &str) -> AppSeen {
    AppSeen {
        id: id.to_owned(),
        name: name.to_owned(),
        org_id: Some("7".to_owned()),
        org_slug: Some("acme".to_owned()),
        status: Some("deployed".to_owned()),
        network: None,
        raw: json!({"id": id, "name": name}),
    }
}

pub(super) fn machine(id: &str, state: &str, updated: i64) -> MachineSeen {
    let metadata = Map::from_iter([("plan".to_owned(), json!("pro"))]);
    MachineSeen {
        id: id.to_owned(),
        app: Some("web".to_owned()),
        state: state.to_owned(),
        created_at: Some(at(updated)),
        updated_at: Some(at(updated)),
        region: Some("fra".to_owned()),
        instance: Some("01A".to_owned()),
        image: Some("nginx".to_owned()),
        metadata: Some(metadata),
        log: Vec::new(),
        raw: json!({"id": id, "state": state}),
    }
}

pub(super) fn line(kind: &str, status: &str, second: i64) -> LogEntry {
    let reason = (kind == "exit").then(|| json!({"exit_code": 137, "oom_killed": true}));
    LogEntry {
        id: Some(format!("01{kind}{second}")),
        kind: kind.to_owned(),
        status: status.to_owned(),
        at: at(second),
        reason,
    }
}

pub(super) fn reach() -> Reach {
    Reach { orgs: ["7".to_owned()].into(), apps: None }
}

/// A mirror with the story of what it concluded.
#[derive(Clone, Debug)]
pub(super) struct Bench {
    pub(super) mirror: Mirror,
    pub(super) look: Look,
    pub(super) story: Vec<String>,
    pub(super) last: Option<Delta>,
    pub(super) noted: Vec<Noted>,
}

impl Bench {
    /// One that knows nothing.
    pub(super) fn empty(config: Config) -> Self {
        let look = Look { tick: 1, sent_at: at(100), at: at(100), token: "watch".to_owned(), wrong: None };
        Self {
            mirror: Mirror::from_rows(config, [], None),
            look,
            story: Vec::new(),
            last: None,
            noted: Vec::new(),
        }
    }

    /// One that has adopted the app `web` (a1) with the machine m1, started at second 10.
    pub(super) fn adopted(rules: Rules) -> Self {
        let mut bench = Self::empty(Config { rules, ..Config::new("acme") });
        bench.control();
        bench.apps(&[app("a1", "web")]);
        bench.own("web", &[machine("m1", "started", 10)]);
        bench.org(&[machine("m1", "started", 10)]);
        bench.pass(1);
        bench.control();
        bench.apps(&[app("a1", "web")]);
        bench.story.clear();
        bench
    }

    pub(super) fn see(&mut self, observation: &Observation) {
        let delta = self.mirror.observe(&self.look, observation);
        self.take(delta);
    }

    /// Commits a delta, and writes down what it tells.
    pub(super) fn take(&mut self, delta: Delta) {
        for finding in &delta.findings {
            let verb = if finding.status == FindingStatus::Opened { "opened" } else { "resolved" };
            self.story.push(format!("{} {verb}", finding.kind));
        }
        self.story.extend(delta.events.iter().map(|event| format!("{} {}", event.kind, event.subject.uid)));
        self.noted.extend(delta.noted.iter().cloned());
        self.last = Some(delta.clone());
        self.mirror.apply(delta);
    }

    /// Lets time pass, into another tick.
    pub(super) fn pass(&mut self, seconds: i64) {
        self.look.tick += 1;
        self.look.at = self.look.at + crate::duration::Millis::seconds(seconds);
        self.look.sent_at = self.look.at;
    }

    pub(super) fn control(&mut self) {
        self.see(&Observation::Control { outcome: Outcome::Found(reach()) });
    }

    pub(super) fn apps(&mut self, apps: &[AppSeen]) {
        let list = Apps { apps: apps.to_vec(), extent: Whole::Whole };
        self.see(&Observation::Apps { outcome: Outcome::Found(list) });
    }

    pub(super) fn app(&mut self, name: &str, outcome: Outcome<AppSeen>) {
        self.see(&Observation::App { app: name.to_owned(), outcome });
    }

    pub(super) fn own(&mut self, app: &str, machines: &[MachineSeen]) {
        self.see(&Observation::Machines { app: app.to_owned(), outcome: Outcome::Found(machines.to_vec()) });
    }

    /// An app's own list is not found.
    pub(super) fn own_gone(&mut self, app: &str) {
        self.see(&Observation::Machines { app: app.to_owned(), outcome: Outcome::NotFound });
    }

    /// An app's own list cannot be read.
    pub(super) fn own_unread(&mut self, app: &str) {
        self.see(&Observation::Machines { app: app.to_owned(), outcome: Outcome::Failed });
    }

    pub(super) fn shown(&mut self, id: &str, outcome: Outcome<MachineSeen>) {
        self.see(&Observation::Machine { app: "web".to_owned(), machine: id.to_owned(), outcome });
    }

    pub(super) fn log(&mut self, id: &str, outcome: Outcome<Vec<LogEntry>>) {
        self.see(&Observation::Log { machine: id.to_owned(), outcome });
    }

    pub(super) fn org(&mut self, machines: &[MachineSeen]) {
        self.page(OrgPage { machines: machines.to_vec(), ..OrgPage::default() });
    }

    pub(super) fn page(&mut self, page: OrgPage) {
        let query = self.mirror.org_query();
        self.see(&Observation::OrgPage { query, outcome: Outcome::Found(page) });
    }

    /// Answers the next query as the platform would: only what changed after the time asked for.
    pub(super) fn org_from(&mut self, machines: &[MachineSeen]) {
        let after = self.mirror.org_query().updated_after;
        let new: Vec<_> = machines.iter().filter(|machine| machine.updated_at > after).cloned().collect();
        self.org(&new);
    }
}
