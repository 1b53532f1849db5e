//! What is sent for an app that is deleted and made again under its name: nothing new for the old incarnation,
//! and what was sent for it is the next one's to settle.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on says where")]

use groundcrew_core::hash::Digest;
use groundcrew_core::manifest::Class;
use groundcrew_core::may_delete::Cause;
use groundcrew_core::row::State;
use groundcrew_core::spec::Spec;
use groundcrew_core::subject::{Path, Uid};
use groundcrew_core::time::Timestamp;
use groundcrew_store::events::Intake;
use groundcrew_store::lanes::LaneId;
use groundcrew_store::ledger::{RowEffects, StoredRow};
use groundcrew_store::subjects::SubjectChange;
use groundcrew_store::wants::{NewWants, Place};
use groundcrew_store::{Error, HookId, Options, Store, inherit};
use serde_json::{Map, Value, json};

const DAY: i64 = 24 * 3_600 * 1_000;

struct Bench {
    store: Store,
    hook: HookId,
    _disk: tempfile::TempDir,
}

fn at(millis: i64) -> Timestamp {
    Timestamp::from_millis(1_800_000_000_000 + millis)
}

fn uid(incarnation: u32) -> Uid {
    format!("app:a-{incarnation}").parse().unwrap()
}

impl Bench {
    async fn new() -> Self {
        let disk = tempfile::tempdir().unwrap();
        let store = Store::open(&disk.path().join("store.db"), Options::default()).unwrap();
        let hook = store.save_hook("ip", Digest::of(b"ip"), "fly", "{}").await.unwrap();
        Self { store, hook, _disk: disk }
    }

    /// An incarnation of the app is seen, living or ended.
    async fn seen(&self, incarnation: u32, now: Timestamp, gone_at: Option<Timestamp>) -> LaneId {
        let change = SubjectChange {
            path: Path::app("acme", "a").unwrap(),
            uid: uid(incarnation),
            parent: None,
            state: "deployed".to_owned(),
            version: 1 + u64::from(gone_at.is_some()),
            labels: Map::new(),
            raw: Value::Null,
            seen_at: now,
            gone_at,
        };
        let dirty = vec![(self.hook, uid(incarnation))];
        let intake = Intake { subjects: vec![change], dirty, now, ..Intake::default() };
        self.store.accept(intake).await.unwrap();
        let all = self.store.subjects_at(&Path::app("acme", "a").unwrap()).unwrap();
        let subject = all.iter().find(|found| found.subject.uid == uid(incarnation)).unwrap().id;
        LaneId { hook: self.hook, subject }
    }

    /// The lane wants these keys of the anonymous kind `v6`.
    async fn wants(&self, lane: LaneId, incarnation: u32, keys: &[&str], now: Timestamp) {
        let place = Place { inside: uid(incarnation).to_string(), class: Class::Anonymous };
        self.save(lane, incarnation, keys, &place, now).await;
    }

    async fn save(&self, lane: LaneId, incarnation: u32, keys: &[&str], place: &Place, now: Timestamp) {
        let spec = |key: &&str| Spec {
            kind: "v6".to_owned(),
            key: (*key).to_owned(),
            body: json!({}),
            after: Vec::new(),
        };
        let wants = NewWants {
            lane,
            seen: 1,
            target: "fly".to_owned(),
            specs: keys.iter().map(|key| (spec(key), place.clone())).collect(),
            view_hash: "view".to_owned(),
            settings: "component:settings".to_owned(),
            component: Digest::of(b"ip"),
            cause: Cause::ViewChanged,
            reads: Vec::new(),
            close: Vec::new(),
            random: vec![incarnation as u8; 10 * keys.len()],
            now,
        };
        self.store.save_wants(wants).await.unwrap();
    }

    /// The lane wants one thing, which is in that place.
    async fn wants_at(&self, lane: LaneId, inside: &str, class: Class, now: Timestamp) {
        let place = Place { inside: inside.to_owned(), class };
        self.save(lane, 1, &["x"], &place, now).await;
    }

    fn row(&self, lane: LaneId) -> StoredRow {
        let mut rows = self.store.lane_rows(lane).unwrap();
        assert_eq!(rows.len(), 1, "{rows:?}");
        rows.remove(0)
    }

    /// The intent of a creation is committed; it may take effect for ten seconds.
    async fn intend(&self, row: &StoredRow, now: Timestamp) -> Result<StoredRow, Error> {
        let mut row = row.clone();
        row.row.state = State::InDoubt;
        row.row.intended_at = Some(now);
        row.row.made_by = Some(now + groundcrew_core::duration::Millis::seconds(10));
        let since = now - groundcrew_core::duration::Millis::seconds(40);
        let occupied = groundcrew_core::settle::Occupied { since, unknown: None };
        self.store.intend_create(row, occupied, RowEffects { now, ..RowEffects::default() }).await
    }
}

#[tokio::test]
async fn no_intent_is_taken_for_an_owner_whose_end_is_known() {
    let bench = Bench::new().await;
    let old = bench.seen(1, at(0), None).await;
    bench.wants(old, 1, &["x"], at(0)).await;
    let row = bench.row(old);
    bench.seen(1, at(1_000), Some(at(1_000))).await;
    assert!(matches!(bench.intend(&row, at(1_001)).await, Err(Error::Superseded("the owner"))));
    let change = RowEffects { now: at(1_001), ..RowEffects::default() };
    assert!(matches!(bench.store.intend_update(row, change).await, Err(Error::Superseded("the owner"))));
}

#[tokio::test]
async fn nothing_is_made_or_changed_outside_an_owner_either_once_its_end_is_known() {
    let bench = Bench::new().await;
    let lane = bench.seen(1, at(0), None).await;
    bench.wants_at(lane, "", Class::Natural, at(0)).await;
    let change = |now| RowEffects { now, ..RowEffects::default() };
    bench.store.intend_update(bench.row(lane), change(at(100))).await.unwrap();
    bench.seen(1, at(1_000), Some(at(1_000))).await;
    // A look that began before asks for what its view wanted.
    let row = bench.row(lane);
    assert!(row.inside.is_empty());
    assert!(matches!(bench.intend(&row, at(1_001)).await, Err(Error::Superseded("the owner"))));
    let again = bench.store.intend_update(row.clone(), change(at(1_001))).await;
    assert!(matches!(again, Err(Error::Superseded("the owner"))));
    assert_eq!(bench.row(lane), row);
}

#[tokio::test]
async fn what_was_sent_is_in_doubt_for_the_next_incarnation_wanted_or_not() {
    for keys in [&["x"][..], &[]] {
        let bench = Bench::new().await;
        let old = bench.seen(1, at(0), None).await;
        bench.wants(old, 1, &["x"], at(0)).await;
        let sent = bench.intend(&bench.row(old), at(100)).await.unwrap();
        bench.seen(1, at(1_000), Some(at(1_000))).await;
        // Whether its own lane came first makes no difference.
        if keys.is_empty() {
            let mut ended = sent.clone();
            inherit::end_with_owner(&mut ended, at(1_001));
            bench.store.commit_row(ended, RowEffects::default()).await.unwrap();
        }
        let new = bench.seen(2, at(2_000), None).await;
        bench.wants(new, 2, keys, at(2_000)).await;
        let row = bench.row(new);
        assert_eq!((row.id, row.row.state), (sent.id, State::InDoubt));
        assert_eq!((row.inside.as_str(), row.row.inherited_at), ("app:a-2", Some(at(2_000))));
        assert_eq!((&row.row.before, row.row.made_by), (&sent.row.before, sent.row.made_by));
        assert_eq!(row.unwanted.is_some(), keys.is_empty());
        assert!(bench.store.lane_rows(old).unwrap().is_empty());
        // The old incarnation's run comes back with its answer too late.
        assert!(matches!(
            bench.store.commit_row(sent, RowEffects::default()).await,
            Err(Error::Superseded(_))
        ));
    }
}

#[tokio::test]
async fn what_was_never_sent_or_long_ago_stays_with_the_old_incarnation() {
    let bench = Bench::new().await;
    let old = bench.seen(1, at(0), None).await;
    bench.wants(old, 1, &["x"], at(0)).await;
    bench.seen(1, at(1_000), Some(at(1_000))).await;
    let new = bench.seen(2, at(2_000), None).await;
    bench.wants(new, 2, &["x"], at(2_000)).await;
    assert_eq!(bench.row(new).row.state, State::Creating);
    let sent = bench.intend(&bench.row(new), at(3_000)).await.unwrap();
    bench.seen(2, at(2 * DAY), Some(at(2 * DAY))).await;
    let third = bench.seen(3, at(2 * DAY), None).await;
    bench.wants(third, 3, &["x"], at(2 * DAY)).await;
    assert_ne!(bench.row(third).id, sent.id);
    assert_eq!(bench.row(third).row.state, State::Creating);
}
