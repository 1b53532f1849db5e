use groundcrew_core::hash::Digest;
use groundcrew_core::may_delete::Cause;
use groundcrew_core::spec::Spec;
use groundcrew_core::subject::{Path, Uid};
use groundcrew_engine::clock::{Clock as _, SystemClock};
use groundcrew_engine::journal::{CallAccess, Recorded, Schedule};
use groundcrew_store::Options;
use groundcrew_store::events::Intake;
use groundcrew_store::lanes::LaneId;
use groundcrew_store::operators::OperatorAct;
use groundcrew_store::subjects::SubjectChange;
use groundcrew_store::wants::{NewWants, Place};
use serde_json::{Value, json};
use tempfile::TempDir;

use super::*;

/// A store in which an app wants one thing that is there.
struct Bench {
    store: Store,
    lane: LaneId,
    path: Path,
    uid: Uid,
    _disk: TempDir,
}

impl Bench {
    async fn new() -> Self {
        let disk = tempfile::tempdir().unwrap();
        let store = Store::open(&disk.path().join("groundcrew.db"), Options::default()).unwrap();
        let component = Digest::of(b"component");
        let hook = store.save_hook("make", component, "target", "").await.unwrap();
        let (path, uid): (Path, Uid) = ("fly/acme/web".parse().unwrap(), "app:web".parse().unwrap());
        let now = SystemClock.now();
        let web = SubjectChange {
            path: path.clone(),
            uid: uid.clone(),
            parent: None,
            state: "deployed".to_owned(),
            version: 1,
            labels: serde_json::Map::new(),
            raw: Value::Null,
            seen_at: now,
            gone_at: None,
        };
        let dirty = vec![(hook, uid.clone())];
        store.accept(Intake { subjects: vec![web], dirty, now, ..Intake::default() }).await.unwrap();
        let lane = LaneId { hook, subject: store.subject_at(&path).unwrap().unwrap().id };
        let spec = Spec { kind: "a".to_owned(), key: "x".to_owned(), body: json!({}), after: Vec::new() };
        let wants = NewWants {
            lane,
            seen: 1,
            target: "target".to_owned(),
            specs: vec![(spec, Place { inside: String::new(), class: Class::Natural })],
            view_hash: "v".to_owned(),
            settings: "s".to_owned(),
            component,
            cause: Cause::ViewChanged,
            reads: Vec::new(),
            close: Vec::new(),
            random: vec![7; 10],
            now,
        };
        store.save_wants(wants).await.unwrap();
        let bench = Self { store, lane, path, uid, _disk: disk };
        let mut row = bench.row();
        (row.row.state, row.row.thing) = (State::Present, Some("x".to_owned()));
        bench.store.commit_row(row, RowEffects { now, ..RowEffects::default() }).await.unwrap();
        bench
    }

    fn row(&self) -> StoredRow {
        self.store.lane_ledger(self.lane).unwrap().1.pop().unwrap()
    }

    /// The intents of a run that changes the thing.
    fn run(&self) -> Arc<RowIntents> {
        let kept = Keepers {
            store: self.store.clone(),
            clock: ClockKeeper::new(Arc::new(SystemClock), self.store.clone()),
            beliefs: Arc::default(),
            whose: Whose { path: self.path.clone(), owner: self.uid.clone(), app: None },
        };
        let run = RunRecord {
            id: self.store.next_run(),
            hook: self.lane.hook,
            subject: Some(self.lane.subject),
            seq: None,
            resource: Some(self.row().id),
            op: "update".to_owned(),
            component: Digest::of(b"component"),
            seed: [0; 32],
            schedule: None,
            started: SystemClock.now(),
            ended: None,
            outcome: None,
            log: None,
            settings: None,
            input: None,
            answer: None,
            resumes: None,
            because: None,
        };
        RowIntents::new(kept, Purpose::Update { spec: json!({"v": 2}) }, self.row(), run, Vec::new())
    }
}

async fn writes(intents: &RowIntents, n: u32) -> Result<(), IntentError> {
    let sent_at = SystemClock.now();
    let call = Recorded {
        n,
        op: "http".to_owned(),
        access: CallAccess::Write,
        print: Digest::of(&n.to_le_bytes()),
        ask: b"{}".to_vec(),
        answer: None,
        sent_at,
        back_at: None,
    };
    let effect_by = sent_at + Millis::seconds(17 - i64::from(n));
    intents.intend(Intent { call: &call, earlier: &[], schedule: &Schedule::default(), effect_by }).await
}

#[tokio::test]
async fn writes_side_by_side_are_intended_one_after_the_other() {
    let bench = Bench::new().await;
    let intents = bench.run();
    let all = futures_util::future::join_all((0..5).map(|n| writes(&intents, n))).await;
    assert!(all.iter().all(Result::is_ok), "{all:?}");
    let (outcome, row) = (intents.outcome(), bench.row());
    assert_eq!((row.row.state, row.version), (State::Updating, outcome.row.version));
    // The first of them may take effect for the longest.
    assert!(row.row.made_by.is_some_and(|by| by > SystemClock.now() + Millis::seconds(15)));
    assert_eq!(outcome.intended_by, row.row.made_by);
}

#[tokio::test]
async fn a_run_that_has_ended_intends_nothing() {
    let bench = Bench::new().await;
    let intents = bench.run();
    writes(&intents, 0).await.unwrap();
    intents.close().await;
    let before = bench.row().version;
    let refused = writes(&intents, 1).await.unwrap_err();
    assert!(matches!(&refused, IntentError::Refused(why) if why == "the run has ended"), "{refused:?}");
    assert_eq!(bench.row().version, before);
}

#[tokio::test]
async fn what_is_paused_meanwhile_is_not_written_be_it_the_first_write_or_another() {
    let bench = Bench::new().await;
    let (first, later) = (bench.run(), bench.run());
    let now = SystemClock.now();
    bench.store.pause(None, None, Level::NoDeletes, "tester", now).await.unwrap();
    writes(&first, 0).await.unwrap();
    bench.store.pause(None, None, Level::Observe, "tester", now).await.unwrap();
    for (intents, n) in [(&first, 1), (&later, 0)] {
        let refused = writes(intents, n).await.unwrap_err();
        assert!(matches!(&refused, IntentError::Refused(_)), "{refused:?}");
    }
    bench.store.unpause(None, None, "tester", now).await.unwrap();
    writes(&first, 2).await.unwrap();
    let who = OperatorAct { who: "tester".to_owned(), what: "pause observe".to_owned() };
    assert!(bench.store.acts(9).unwrap().iter().any(|(_, act)| *act == who));
}
