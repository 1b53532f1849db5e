//! What an operator applies of a plan: only while things are as they were, and only once.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on says where")]

use groundcrew_core::duration::Millis;
use groundcrew_core::hash::Digest;
use groundcrew_core::manifest::Class;
use groundcrew_core::may_delete::Cause;
use groundcrew_core::plan::{Action, Item};
use groundcrew_core::row::State;
use groundcrew_core::spec::Spec;
use groundcrew_core::subject::{Path, Uid};
use groundcrew_core::time::Timestamp;
use groundcrew_store::applied::Taken;
use groundcrew_store::events::Intake;
use groundcrew_store::lanes::LaneId;
use groundcrew_store::ledger::{RowEffects, StoredRow};
use groundcrew_store::prune::Keep;
use groundcrew_store::subjects::SubjectChange;
use groundcrew_store::wants::{NewWants, Place};
use groundcrew_store::{Options, Store};
use serde_json::{Map, Value, json};

const NOW: Timestamp = Timestamp::from_millis(1_800_000_000_000);
const UNTIL: Timestamp = Timestamp::from_millis(1_800_003_600_000);

struct Bench {
    store: Store,
    lane: LaneId,
    _disk: tempfile::TempDir,
}

impl Bench {
    /// One app that wants one record with this time to live; nothing: it wants none.
    async fn wanting(ttl: Option<u32>) -> Self {
        let disk = tempfile::tempdir().unwrap();
        let store = Store::open(&disk.path().join("store.db"), Options::default()).unwrap();
        let hook = store.save_hook("dns", Digest::of(b"dns"), "zone", "{}").await.unwrap();
        let uid: Uid = "app:a".parse().unwrap();
        let dirty = vec![(hook, uid)];
        let intake = Intake { subjects: vec![app(None)], dirty, now: NOW, ..Intake::default() };
        store.accept(intake).await.unwrap();
        let subject = store.subject_at(&Path::app("acme", "a").unwrap()).unwrap().unwrap().id;
        let bench = Self { store, lane: LaneId { hook, subject }, _disk: disk };
        bench.wants(ttl).await;
        bench
    }

    async fn ends(&self) {
        let intake = Intake { subjects: vec![app(Some(NOW))], now: NOW, ..Intake::default() };
        self.store.accept(intake).await.unwrap();
    }

    async fn wants(&self, ttl: Option<u32>) {
        let place = Place { inside: String::new(), class: Class::Natural };
        let spec = |ttl| Spec {
            kind: "record".to_owned(),
            key: "A/www".to_owned(),
            body: json!({"ttl": ttl}),
            after: Vec::new(),
        };
        let wants = NewWants {
            lane: self.lane,
            seen: 1,
            target: "zone".to_owned(),
            specs: ttl.into_iter().map(|ttl| (spec(ttl), place.clone())).collect(),
            view_hash: "view".to_owned(),
            settings: "component:settings".to_owned(),
            component: Digest::of(b"dns"),
            cause: Cause::ViewChanged,
            reads: Vec::new(),
            close: Vec::new(),
            random: vec![self.store.rows_named("A/www").unwrap().len() as u8; 10],
            now: NOW,
        };
        self.store.save_wants(wants).await.unwrap();
    }

    fn row(&self) -> StoredRow {
        self.store.lane_rows(self.lane).unwrap().remove(0)
    }

    async fn in_state(&self, state: State, thing: Option<&str>, ttl: u32) -> StoredRow {
        let mut row = self.row();
        row.row.state = state;
        row.row.thing = thing.map(str::to_owned);
        row.row.spec = json!({"ttl": ttl});
        self.store.commit_row(row, RowEffects { now: NOW, ..RowEffects::default() }).await.unwrap()
    }

    async fn apply(&self, item: Item) -> Taken {
        self.store.apply(vec![item], "ann", NOW, UNTIL).await.unwrap().remove(0)
    }

    fn is_applied(&self) -> bool {
        self.store.applied(self.lane, "record", "A/www", NOW).unwrap().is_some()
    }
}

fn app(gone_at: Option<Timestamp>) -> SubjectChange {
    SubjectChange {
        path: Path::app("acme", "a").unwrap(),
        uid: "app:a".parse().unwrap(),
        parent: None,
        state: "deployed".to_owned(),
        version: 1,
        labels: Map::new(),
        raw: Value::Null,
        seen_at: NOW,
        gone_at,
    }
}

fn item(action: Action, thing: Option<&str>, ttl: u32) -> Item {
    Item {
        action,
        hook: "dns".to_owned(),
        owner: Path::app("acme", "a").unwrap(),
        owner_id: "app:a".parse().unwrap(),
        kind: "record".to_owned(),
        key: "A/www".to_owned(),
        row: None,
        thing: thing.map(str::to_owned),
        body: json!({"ttl": ttl}),
        changes: Vec::new(),
        why: None,
        not_before: None,
    }
}

#[tokio::test]
async fn a_creation_is_applied_once_and_lapses_with_the_plan() {
    let bench = Bench::wanting(Some(60)).await;
    assert_eq!(bench.apply(item(Action::Create, None, 60)).await, Taken::Yes);
    let later = UNTIL + Millis::new(1);
    assert!(
        bench.is_applied() && bench.store.applied(bench.lane, "record", "A/www", later).unwrap().is_none()
    );
    bench.store.prune(Keep::DEFAULT, NOW).await.unwrap();
    bench.in_state(State::InDoubt, None, 60).await;
    assert!(bench.is_applied(), "it may have to be sent again");
    bench.in_state(State::Present, Some("t"), 60).await;
    assert!(!bench.is_applied(), "done is done");
}

#[tokio::test]
async fn a_removal_is_allowed_until_a_day_after_its_grace() {
    let bench = Bench::wanting(Some(60)).await;
    bench.in_state(State::Present, Some("t"), 60).await;
    bench.wants(None).await;
    let not_before = Some(NOW + Millis::hours(30 * 24));
    let delete = Item { not_before, ..item(Action::Delete, Some("t"), 60) };
    assert_eq!(bench.apply(delete.clone()).await, Taken::Yes);
    let applied = |at| bench.store.applied(bench.lane, "record", "A/www", at).unwrap().is_some();
    let over = NOW + Millis::hours(31 * 24);
    assert!(applied(over - Millis::new(1)) && !applied(over));
    bench.wants(Some(60)).await;
    assert!(!applied(NOW), "whoever changed their mind is not held to it");
    bench.wants(None).await;
    assert!(!applied(NOW));
    let not_before = Some(NOW + Millis::hours(91 * 24));
    assert!(matches!(bench.apply(Item { not_before, ..delete }).await, Taken::No(_)));
}

#[tokio::test]
async fn what_lapsed_is_pruned() {
    let bench = Bench::wanting(Some(60)).await;
    assert_eq!(bench.apply(item(Action::Create, None, 60)).await, Taken::Yes);
    bench.store.prune(Keep::DEFAULT, UNTIL + Millis::new(1)).await.unwrap();
    assert!(!bench.is_applied());
}

#[tokio::test]
async fn what_is_no_longer_as_it_was_is_left_out() {
    let bench = Bench::wanting(Some(60)).await;
    let refused = async |item| matches!(bench.apply(item).await, Taken::No(_));
    assert!(refused(item(Action::Create, None, 300)).await, "something else is wanted");
    assert!(refused(item(Action::Update, Some("t"), 60)).await, "no thing yet");
    assert!(refused(item(Action::Delete, None, 60)).await, "it is wanted");
    assert!(refused(Item { hook: "other".to_owned(), ..item(Action::Create, None, 60) }).await);
    assert!(refused(item(Action::Held, None, 60)).await, "nothing to do");
    bench.in_state(State::Present, Some("t"), 60).await;
    assert!(refused(item(Action::Create, None, 60)).await, "it exists by now");
    bench.wants(None).await;
    assert!(refused(item(Action::Delete, Some("t"), 300)).await, "the body is another");
    assert!(refused(item(Action::Delete, Some("u"), 60)).await, "the thing is another");
    assert!(!bench.is_applied());
    assert_eq!(bench.apply(item(Action::Delete, Some("t"), 60)).await, Taken::Yes);
}

#[tokio::test]
async fn nothing_is_made_for_an_owner_that_is_gone() {
    let bench = Bench::wanting(None).await;
    bench.ends().await;
    for action in [Action::Create, Action::Update, Action::Replace] {
        assert_eq!(bench.apply(item(action, None, 60)).await, Taken::No("its owner is gone".to_owned()));
    }
    assert!(!bench.is_applied());
}

#[tokio::test]
async fn a_replacement_is_done_only_once_both_halves_are() {
    let bench = Bench::wanting(Some(60)).await;
    bench.in_state(State::Present, Some("t"), 30).await;
    assert_eq!(bench.apply(item(Action::Replace, Some("t"), 60)).await, Taken::Yes);
    bench.in_state(State::Deleting, Some("t"), 30).await;
    bench.in_state(State::Gone, None, 30).await;
    assert!(bench.is_applied());
    bench.wants(Some(60)).await;
    bench.in_state(State::InDoubt, None, 60).await;
    bench.in_state(State::Present, Some("u"), 60).await;
    assert!(!bench.is_applied());
}
