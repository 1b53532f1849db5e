//! A data directory with a little of everything, as a runner leaves it.

use std::path::PathBuf;

use groundcrew_core::duration::Millis;
use groundcrew_core::finding::{Coverage, Reported};
use groundcrew_core::hash::Digest;
use groundcrew_core::manifest::Class;
use groundcrew_core::may_delete::{Cause, Level, Window};
use groundcrew_core::remedy::Asked;
use groundcrew_core::row::State;
use groundcrew_core::spec::{Event, Output, Spec};
use groundcrew_core::subject::{Path, Uid};
use groundcrew_core::time::Timestamp;
use groundcrew_engine::clock::{Clock as _, SystemClock};
use groundcrew_store::audits::{AuditEnd, Saw};
use groundcrew_store::deliveries::{Ending, Turn};
use groundcrew_store::events::{Intake, NewEvent};
use groundcrew_store::findings::{NewFinding, Severity};
use groundcrew_store::lanes::{LaneId, LaneLook, Rows};
use groundcrew_store::ledger::{RowEffects, StoredRow};
use groundcrew_store::remedies::{Begun, Enforcement, RemedyEnd, Wish};
use groundcrew_store::runs::{CallRecord, RunRecord};
use groundcrew_store::subjects::SubjectChange;
use groundcrew_store::wants::{NewWants, Place};
use groundcrew_store::{HookId, Options, RunId, Store, SubjectId};
use serde_json::{Map, Value, json};

/// A data directory that is removed with this.
pub(crate) struct Fixture {
    pub(crate) dir: tempfile::TempDir,
}

const DAY: Millis = Millis::hours(24);

/// Everything that filling needs.
struct Filling {
    store: Store,
    now: Timestamp,
    dns: HookId,
    ip: HookId,
    notify: HookId,
}

impl Fixture {
    /// An empty directory.
    pub(crate) fn empty() -> Self {
        Self { dir: tempfile::tempdir().unwrap() }
    }

    pub(crate) fn data(&self) -> PathBuf {
        self.dir.path().join("data")
    }

    pub(crate) fn store(&self) -> Store {
        Store::open(&self.data().join("groundcrew.db"), Options::default()).unwrap()
    }

    /// One app that is complete, one with something in doubt, one that is gone and leaves something held.
    pub(crate) async fn filled() -> Self {
        let fixture = Self::empty();
        std::fs::create_dir(fixture.data()).unwrap();
        std::fs::write(fixture.data().join("key"), [7; 32]).unwrap();
        let store = fixture.store();
        let hook =
            async |name, target| store.save_hook(name, Digest::of(b"component"), target, "{}").await.unwrap();
        let dns = hook("dns", "dns server=https://pdns zone=example").await;
        let ip = hook("ips", "fly-ip").await;
        let notify = hook("notify", "notify").await;
        let filling = Filling { dns, ip, notify, now: SystemClock.now(), store };
        for (app, labels) in
            [("cust-3", json!({})), ("cust-7", json!({"plan": "pro"})), ("cust-9", json!({}))]
        {
            filling.appears(app, labels).await;
        }
        filling.complete_app().await;
        filling.app_in_doubt().await;
        filling.gone_app().await;
        filling.dead_delivery().await;
        fixture
    }

    /// The same with two runs of an audit.
    pub(crate) async fn audited() -> Self {
        let fixture = Self::filled().await;
        let store = fixture.store();
        let hooks = store.hooks().unwrap();
        let hook = |name: &str| hooks.iter().find(|hook| hook.name == name).unwrap().id;
        let (dns, ip, notify) = (hook("dns"), hook("ips"), hook("notify"));
        Filling { dns, ip, notify, now: SystemClock.now(), store }.audits().await;
        fixture
    }

    /// The same with an audit that mends: findings in grace, held, due, tried, and with an inventory.
    pub(crate) async fn enforced() -> Self {
        let fixture = Self::audited().await;
        let store = fixture.store();
        let hooks = store.hooks().unwrap();
        let hook = |name: &str| hooks.iter().find(|hook| hook.name == name).unwrap().id;
        let (dns, ip, notify) = (hook("dns"), hook("ips"), hook("notify"));
        Filling { dns, ip, notify, now: SystemClock.now(), store }.enforces(hook("orphans")).await;
        fixture
    }
}

impl Filling {
    /// Of four findings one is in grace; of the others, seen for 9 days, two are too many.
    async fn enforces(&self, orphans: HookId) {
        let found = |code: &str, about: &str| Reported {
            code: code.to_owned(),
            subject: None,
            about: about.to_owned(),
            severity: Severity::Warning,
            message: format!("{about} is of no use"),
            cost_cents: Some(200),
            remedy: Some("delete it".to_owned()),
            data: json!({}),
        };
        let old = ["peer/a", "peer/b"].map(|about| found("peer.unused", about)).to_vec();
        let new = vec![found("addon.orphan", "addon/x")];
        for (ago, findings, summary) in [
            (DAY.times(9), old.clone(), None),
            (DAY.times(2), [old, new].concat(), Some("orphans: 1 waiting, 2 held; ips: 31 ours, 4 unmarked")),
        ] {
            let start = self.ago(ago) - Millis::minutes(1);
            let run = self.store.begin_audit("weekly", None, start).await.unwrap();
            let saw = vec![Saw { hook: orphans, findings, coverage: Coverage::Incomplete }];
            let (outcome, summary) = ("ok".to_owned(), summary.map(str::to_owned));
            let (on_opened, on_resolved, now) = (vec![], vec![], start + Millis::seconds(4));
            let end = AuditEnd { run, tick: None, saw, outcome, summary, on_opened, on_resolved, now };
            self.store.end_audit(end).await.unwrap();
        }
        self.sweep(orphans).await;
        let codes = ["peer.unused", "addon.orphan"].map(str::to_owned).to_vec();
        let window = Window { share_percent: 0, floor: 1, within: Millis::hours(1) };
        let grace = DAY.times(7);
        let mut findings = self.store.mendable(orphans, &codes).unwrap();
        findings.extend(self.store.mendable(orphans, &["volume.unattached".to_owned()]).unwrap());
        for found in findings {
            let by_hand = found.finding.code == "volume.unattached";
            let wish = Wish {
                finding: found.id,
                asked: if by_hand { Asked::ByHand } else { Asked::ByAudit },
                asked_by: "weekly".to_owned(),
                enforcement: Enforcement { codes: codes.clone(), grace, window },
                harmless: Vec::new(),
                level: Level::Enforce,
                frozen: None,
                effect_within: Millis::minutes(1),
                now: self.ago(Millis::hours(3)),
            };
            let begun = self.store.begin_remedy(wish).await.unwrap();
            assert_eq!(matches!(begun, Begun::Yes(_)), by_hand, "{begun:?}");
            if let Begun::Yes(attempt) = begun {
                self.ends(orphans, attempt).await;
            }
        }
    }

    /// A run whose look is over, and which still mends.
    async fn sweep(&self, orphans: HookId) {
        let start = self.ago(Millis::minutes(2));
        let run = self.store.begin_audit("sweep", None, start).await.unwrap();
        let saw = vec![Saw { hook: orphans, findings: vec![], coverage: Coverage::Incomplete }];
        let (outcome, on_opened, on_resolved) = ("ok".to_owned(), vec![], vec![]);
        let now = start + Millis::seconds(4);
        let end = AuditEnd { run, tick: None, saw, outcome, summary: None, on_opened, on_resolved, now };
        self.store.enter_audit(end).await.unwrap();
        self.store.summarize_audit(run, "orphans: 2 fixed".to_owned()).await.unwrap();
    }

    async fn ends(&self, orphans: HookId, attempt: i64) {
        let started = self.ago(Millis::hours(3));
        let run = RunRecord {
            id: self.store.next_run(),
            hook: orphans,
            subject: None,
            seq: None,
            resource: None,
            op: "fix".to_owned(),
            component: Digest::of(b"component"),
            seed: [0; 32],
            schedule: None,
            started,
            ended: Some(started),
            outcome: Some("ok".to_owned()),
            log: None,
            settings: None,
            input: None,
            answer: None,
            resumes: None,
            because: None,
        };
        let lane = LaneId { hook: orphans, subject: SubjectId::NONE };
        let end = RemedyEnd {
            attempt,
            outcome: "not-now".to_owned(),
            counts: false,
            effect_by: started,
            lane,
            run,
            calls: Vec::new(),
            written: std::collections::BTreeMap::new(),
            now: started,
        };
        self.store.end_remedy(end).await.unwrap();
    }

    fn ago(&self, time: Millis) -> Timestamp {
        self.now - time
    }

    fn subject(&self, app: &str) -> SubjectId {
        self.store.subject_at(&path(app)).unwrap().unwrap().id
    }

    async fn appears(&self, app: &str, labels: Value) {
        let at = self.ago(DAY.times(9));
        let labels: Map<_, _> = labels.as_object().unwrap().clone();
        let change = |path: Path, uid: Uid, parent, state: &str| SubjectChange {
            path,
            uid,
            parent,
            state: state.to_owned(),
            version: 1,
            labels: labels.clone(),
            raw: json!({}),
            seen_at: at,
            gone_at: None,
        };
        let app_change = change(path(app), uid(app), None, "deployed");
        let machine = path(app).machine(&format!("m-{app}")).unwrap();
        let machine = change(machine, format!("machine:m-{app}").parse().unwrap(), Some(uid(app)), "started");
        let dirty = vec![(self.dns, uid(app)), (self.ip, uid(app))];
        let intake = Intake { subjects: vec![app_change, machine], dirty, now: at, ..Intake::default() };
        self.store.accept(intake).await.unwrap();
    }

    /// Wants things of a hook, and settles each of them as `shape` says.
    async fn wants(
        &self,
        hook: HookId,
        app: &str,
        since: Timestamp,
        specs: Vec<Spec>,
        class: Class,
    ) -> Vec<StoredRow> {
        let lane = LaneId { hook, subject: self.subject(app) };
        let inside = if class == Class::Anonymous { uid(app).to_string() } else { String::new() };
        let random = vec![7; specs.len() * 10];
        let place = Place { inside, class };
        let wants = NewWants {
            lane,
            seen: 1,
            target: if hook == self.dns { "dns server=https://pdns zone=example" } else { "fly-ip" }
                .to_owned(),
            specs: specs.into_iter().map(|spec| (spec, place.clone())).collect(),
            view_hash: "v".to_owned(),
            settings: "s".to_owned(),
            component: Digest::of(b"component"),
            cause: Cause::ViewChanged,
            reads: Vec::new(),
            close: Vec::new(),
            random,
            now: since,
        };
        self.store.save_wants(wants).await.unwrap();
        self.store
            .finish_look(LaneLook {
                lane,
                seen: 1,
                rows: Rows::Behind,
                next: None,
                now: Timestamp::from_millis(0),
            })
            .await
            .unwrap();
        self.store.lane_rows(lane).unwrap()
    }

    async fn commit(&self, row: StoredRow, effects: RowEffects) -> StoredRow {
        self.store.commit_row(row, RowEffects { now: self.now, ..effects }).await.unwrap()
    }

    async fn complete_app(&self) {
        let since = self.ago(DAY.times(9));
        let rows = self
            .wants(
                self.dns,
                "cust-7",
                since,
                vec![record("A/www.cust-7.example", "66.241.125.7")],
                Class::Natural,
            )
            .await;
        self.wants(self.ip, "cust-7", since, Vec::new(), Class::Anonymous).await;
        for mut row in rows {
            row.row.state = State::Present;
            row.row.thing = Some("www.cust-7.example/A".to_owned());
            row.row.observed = Some(row.row.spec.clone());
            row.row.mark = Some(row.row.id.mark("acme"));
            row.outputs = vec![Output { name: "name".to_owned(), value: "www.cust-7.example".to_owned() }];
            row.made_at = Some(since);
            row.due_at = None;
            let run = self.run(&row, "create", since, "ok");
            self.commit(row, RowEffects { runs: vec![run.into()], ..RowEffects::default() }).await;
        }
    }

    /// A run with one call that was answered.
    fn run(&self, row: &StoredRow, op: &str, at: Timestamp, outcome: &str) -> (RunRecord, Vec<CallRecord>) {
        let run = RunRecord {
            id: self.store.next_run(),
            hook: row.hook,
            subject: Some(row.owner),
            seq: None,
            resource: Some(row.id),
            op: op.to_owned(),
            component: Digest::of(b"component"),
            seed: [0; 32],
            schedule: None,
            started: at,
            ended: Some(at + Millis::new(41)),
            outcome: Some(outcome.to_owned()),
            log: Some(
                json!({"lines": [{"level": "info", "message": "set"}], "dropped": 0, "stderr": ""})
                    .to_string(),
            ),
            settings: None,
            input: None,
            answer: None,
            resumes: None,
            because: None,
        };
        let body = r#"{"rrsets":[{"name":"www.cust-7.example.","type":"A"}]}"#;
        let ask = json!({"method": "PATCH", "url": "https://pdns/api/v1/servers/localhost/zones/example",
            "headers": [["content-type", "application/json"]], "body": {"text": body}});
        let answer = json!({"response": {"status": 204, "headers": [], "body": {"text": ""}}});
        let call = CallRecord {
            n: 0,
            op: "http".to_owned(),
            access: "write".to_owned(),
            print: Digest::of(b"print"),
            ask: ask.to_string().into_bytes(),
            answer: Some(answer.to_string().into_bytes()),
            sent_at: at + Millis::new(2),
            back_at: Some(at + Millis::new(39)),
        };
        (run, vec![call])
    }

    async fn app_in_doubt(&self) {
        let since = self.ago(Millis::minutes(5));
        self.wants(self.dns, "cust-9", since, Vec::new(), Class::Natural).await;
        let spec = Spec {
            kind: "ip".to_owned(),
            key: "dedicated-v6".to_owned(),
            body: json!({"family": "v6"}),
            after: vec![],
        };
        let rows = self.wants(self.ip, "cust-9", since, vec![spec], Class::Anonymous).await;
        for mut row in rows {
            row.row.state = State::InDoubt;
            row.row.intended_at = Some(since);
            row.row.made_by = Some(since + Millis::seconds(12));
            row.waiting = Some("the API may still hide what was made".to_owned());
            row.due_at = Some(since);
            let stuck = NewFinding {
                code: "resource.ambiguous".to_owned(),
                about: row.about(),
                hook: Some(row.hook),
                severity: Severity::Warning,
                message: "2 addresses could be ours: ip_1, ip_2".to_owned(),
                remedy: Some(format!("groundcrew settle {} --id X | --none", row.row.id)),
            };
            let row = self.commit(row, RowEffects::default()).await;
            self.store.open_finding(stuck, since).await.unwrap();
            assert_eq!(row.row.state, State::InDoubt);
        }
    }

    async fn gone_app(&self) {
        let since = self.ago(DAY.times(9));
        let rows = self
            .wants(
                self.dns,
                "cust-3",
                since,
                vec![record("A/www.cust-3.example", "66.241.125.3")],
                Class::Natural,
            )
            .await;
        for mut row in rows {
            row.row.state = State::Present;
            row.row.thing = Some("www.cust-3.example/A".to_owned());
            row.made_at = Some(since);
            self.commit(row, RowEffects::default()).await;
        }
        self.wants(self.ip, "cust-3", since, Vec::new(), Class::Anonymous).await;
        let gone = self.ago(Millis::hours(3));
        let rows = self.wants(self.dns, "cust-3", gone, Vec::new(), Class::Natural).await;
        for mut row in rows {
            row.frozen_why = Some("41 deletes are due within 1h, 10 are allowed: approve".to_owned());
            self.commit(row, RowEffects::default()).await;
        }
        let change = SubjectChange {
            path: path("cust-3"),
            uid: uid("cust-3"),
            parent: None,
            state: "gone".to_owned(),
            version: 2,
            labels: Map::new(),
            raw: json!({}),
            seen_at: gone,
            gone_at: Some(gone),
        };
        self.store.accept(Intake { subjects: vec![change], now: gone, ..Intake::default() }).await.unwrap();
    }

    /// Two runs of an audit: the first finds two volumes, the second one of them, and then its API fails.
    async fn audits(&self) {
        let orphans =
            self.store.save_hook("orphans", Digest::of(b"component"), "orphans", "{}").await.unwrap();
        let volume = |id: &str, cost_cents| Reported {
            code: "volume.unattached".to_owned(),
            subject: None,
            about: format!("volume/{id}"),
            severity: Severity::Warning,
            message: format!("{id} of cust-3 is attached to no machine"),
            cost_cents,
            remedy: Some("attach it, or delete it".to_owned()),
            data: json!({}),
        };
        let outage = "orphans: api.machines.dev answered 503";
        for (ago, findings, coverage, outcome) in [
            (DAY.times(9), vec![volume("vol_1", Some(150)), volume("vol_2", None)], Coverage::Complete, "ok"),
            (DAY, vec![volume("vol_1", Some(150))], Coverage::Incomplete, outage),
        ] {
            let (start, outcome) = (self.ago(ago), outcome.to_owned());
            let run = self.store.begin_audit("nightly", Some(start), start).await.unwrap();
            let saw = vec![Saw { hook: orphans, findings, coverage }];
            let now = start + Millis::seconds(4);
            let (on_opened, on_resolved) = (vec![], vec![]);
            let tick = Some(start);
            let end = AuditEnd { run, tick, saw, outcome, summary: None, on_opened, on_resolved, now };
            self.store.end_audit(end).await.unwrap();
        }
    }

    async fn dead_delivery(&self) {
        let at = self.ago(Millis::hours(3));
        let subject = self.store.subject(self.subject("cust-7")).unwrap().unwrap().subject;
        let event = Event {
            id: "e1".to_owned(),
            kind: "app.updated".to_owned(),
            time: at,
            subject: Some(subject),
            data: json!({}),
        };
        let events = vec![NewEvent { event, handlers: vec![self.notify] }];
        self.store.accept(Intake { events, now: at, ..Intake::default() }).await.unwrap();
        let lane = LaneId { hook: self.notify, subject: self.subject("cust-7") };
        let head = self.store.delivery_head(lane).unwrap().unwrap();
        let run = RunRecord {
            id: RunId(self.store.next_run().0),
            hook: self.notify,
            subject: Some(lane.subject),
            seq: Some(head.seq),
            resource: None,
            op: "handle".to_owned(),
            component: Digest::of(b"component"),
            seed: [0; 32],
            schedule: None,
            started: at,
            ended: Some(at + Millis::seconds(10)),
            outcome: Some("hooks.slack.example answered 410: channel is archived".to_owned()),
            log: None,
            settings: None,
            input: None,
            answer: None,
            resumes: None,
            because: None,
        };
        let ending = Ending::Dead {
            error: "hooks.slack.example answered 410: channel is archived".to_owned(),
            in_doubt: None,
        };
        self.store.settle_delivery(lane, head.seq, run, Vec::new(), ending, Turn::Ends, at).await.unwrap();
    }
}

fn path(app: &str) -> Path {
    Path::app("acme", app).unwrap()
}

fn uid(app: &str) -> Uid {
    format!("app:{app}-1").parse().unwrap()
}

fn record(key: &str, value: &str) -> Spec {
    let body = json!({"ttl": 60, "values": [value]});
    Spec { kind: "record".to_owned(), key: key.to_owned(), body, after: vec![] }
}
