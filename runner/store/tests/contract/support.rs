//! A store on disk, and short words for what is put into it.

use std::sync::atomic::{AtomicU8, Ordering};

use groundcrew_core::duration::Millis;
use groundcrew_core::hash::Digest;
use groundcrew_core::manifest::Class;
use groundcrew_core::may_delete::Cause;
use groundcrew_core::row::State;
use groundcrew_core::spec::{Event, Spec};
use groundcrew_core::subject::{Path, Uid};
use groundcrew_core::time::Timestamp;
use groundcrew_store::because::Because;
use groundcrew_store::events::{Intake, NewEvent};
use groundcrew_store::lanes::LaneId;
use groundcrew_store::ledger::{RowEffects, StoredRow};
use groundcrew_store::runs::RunRecord;
use groundcrew_store::subjects::SubjectChange;
use groundcrew_store::wants::{NewWants, Place};
use groundcrew_store::{Connection, HookId, Options, RunId, Store, SubjectId};
use serde_json::{Map, Value, json};

pub(crate) const TARGET: &str = "things server=https://a.example";

pub(crate) fn at(second: i64) -> Timestamp {
    Timestamp::from_millis(1_795_000_000_000 + second * 1_000)
}

pub(crate) struct Bench {
    pub(crate) dir: tempfile::TempDir,
    pub(crate) store: Store,
    random: AtomicU8,
}

impl Bench {
    pub(crate) fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open(&dir.path().join("groundcrew.db"), Options::default()).unwrap();
        Self { dir, store, random: AtomicU8::new(0) }
    }

    /// Looks at the file itself.
    pub(crate) fn database(&self) -> Connection {
        Connection::open(self.store.path()).unwrap()
    }

    pub(crate) async fn hook(&self, name: &str) -> HookId {
        self.store.save_hook(name, Digest::of(b"component"), TARGET, "{}").await.unwrap()
    }

    pub(crate) async fn app(&self, name: &str, hooks: &[HookId]) -> SubjectId {
        let dirty = hooks.iter().map(|hook| (*hook, uid(name))).collect();
        let intake = Intake { subjects: vec![change(name)], dirty, now: at(0), ..Intake::default() };
        self.store.accept(intake).await.unwrap();
        self.store.subject_at(&path(name)).unwrap().unwrap().id
    }

    /// Tells an event of an app to handlers; the same id is the same event.
    pub(crate) async fn tell(&self, id: &str, app: &str, handlers: &[HookId], now: Timestamp) -> u32 {
        let subject = self.store.subject_at(&path(app)).unwrap().map(|found| found.subject);
        let event =
            Event { id: id.to_owned(), kind: "app.updated".to_owned(), time: now, subject, data: json!({}) };
        let events = vec![NewEvent { event, handlers: handlers.to_vec() }];
        let intake = Intake { events, now, ..Intake::default() };
        self.store.accept(intake).await.unwrap().events
    }

    /// Says what a lane wants; each key is a thing that lives outside.
    pub(crate) async fn want(&self, lane: LaneId, keys: &[&str], now: Timestamp) {
        self.want_at(TARGET, lane, keys, now).await;
    }

    /// Says what a lane wants somewhere.
    pub(crate) async fn want_at(&self, target: &str, lane: LaneId, keys: &[&str], now: Timestamp) {
        self.want_because(Cause::ViewChanged, target, lane, keys, now).await;
    }

    /// The same; what it does not want any more, it does not want for this cause.
    pub(crate) async fn want_because(
        &self,
        cause: Cause,
        target: &str,
        lane: LaneId,
        keys: &[&str],
        now: Timestamp,
    ) {
        let place = Place { inside: String::new(), class: Class::Natural };
        let specs = keys.iter().map(|key| {
            let spec =
                Spec { kind: "thing".to_owned(), key: (*key).to_owned(), body: json!({}), after: vec![] };
            (spec, place.clone())
        });
        let random = keys.iter().flat_map(|_| [self.random.fetch_add(1, Ordering::Relaxed); 10]).collect();
        let wants = NewWants {
            lane,
            seen: self.store.lane(lane).unwrap().map_or(0, |lane| lane.dirty),
            target: target.to_owned(),
            specs: specs.collect(),
            view_hash: "view".to_owned(),
            settings: "settings".to_owned(),
            component: Digest::of(b"component"),
            cause,
            reads: Vec::new(),
            close: Vec::new(),
            random,
            now,
        };
        self.store.save_wants(wants).await.unwrap();
    }

    pub(crate) fn row(&self, key: &str) -> StoredRow {
        self.store.rows_named(key).unwrap().remove(0)
    }

    pub(crate) async fn commit(&self, row: StoredRow) -> groundcrew_store::Result<StoredRow> {
        self.store.commit_row(row, RowEffects { now: at(1), ..RowEffects::default() }).await
    }

    /// Lets a row's thing be known to be gone.
    pub(crate) async fn gone(&self, key: &str, now: Timestamp) {
        let mut row = self.row(key);
        row.row.state = State::Gone;
        row.gone_at = Some(now);
        self.commit(row).await.unwrap();
    }

    pub(crate) fn run(&self, lane: LaneId, seq: Option<i64>, now: Timestamp) -> RunRecord {
        RunRecord {
            id: RunId(self.store.next_run().0),
            hook: lane.hook,
            subject: Some(lane.subject),
            seq,
            resource: None,
            op: "handle".to_owned(),
            component: Digest::of(b"component"),
            seed: [0; 32],
            schedule: None,
            started: now,
            ended: Some(now + Millis::new(5)),
            outcome: Some("ok".to_owned()),
            log: None,
            settings: None,
            input: None,
            answer: None,
            resumes: None,
            because: seq.is_none().then_some(Because::Event(7)),
        }
    }

    pub(crate) fn count(&self, table: &str) -> i64 {
        self.database().query_row(&format!("SELECT count(*) FROM {table}"), [], |row| row.get(0)).unwrap()
    }
}

pub(crate) fn path(app: &str) -> Path {
    Path::app("acme", app).unwrap()
}

pub(crate) fn uid(app: &str) -> Uid {
    format!("app:{app}").parse().unwrap()
}

pub(crate) fn change(app: &str) -> SubjectChange {
    SubjectChange {
        path: path(app),
        uid: uid(app),
        parent: None,
        state: "deployed".to_owned(),
        version: 1,
        labels: Map::new(),
        raw: Value::Null,
        seen_at: at(0),
        gone_at: None,
    }
}
