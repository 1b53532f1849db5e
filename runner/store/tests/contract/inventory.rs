//! Listed things beside the ledger, and what a listing says of rows that are at rest.

use groundcrew_core::duration::Millis;
use groundcrew_core::row::{Place, RowId, State, named};
use groundcrew_core::settle::REPAIRS_MAX;
use groundcrew_core::spec::{Listed, Thing, ThingState};
use groundcrew_core::subject::SubjectKind;
use groundcrew_store::inventory::{KnownThing, Noticed};
use groundcrew_store::lanes::{LaneId, LaneLook, Rows};
use groundcrew_store::ledger::{RowEffects, StoredRow};
use serde_json::json;

use crate::support::{Bench, TARGET, at};

fn listed(id: &str, mark: Option<String>) -> Listed {
    let thing = Thing {
        id: id.to_owned(),
        state: ThingState::Ready,
        note: None,
        poll: None,
        body: json!({}),
        mark,
        outputs: Vec::new(),
        made: None,
    };
    Listed { kind: "thing".to_owned(), key: None, thing }
}

async fn present(bench: &Bench, key: &str) -> StoredRow {
    let mut row = bench.row(key);
    row.row.state = State::Present;
    row.row.thing = Some(format!("id-{key}"));
    row.row.look_at = Some(at(1_000));
    row.due_at = Some(at(1_000));
    row.made_at = Some(at(1));
    bench.commit(row).await.unwrap()
}

async fn bench(keys: &[&str]) -> (Bench, LaneId) {
    let bench = Bench::new();
    let hook = bench.hook("things").await;
    let lane = LaneId { hook, subject: bench.app("web", &[hook]).await };
    bench.want(lane, keys, at(0)).await;
    bench
        .store
        .finish_look(LaneLook { lane, seen: 1, rows: Rows::Follow, next: None, now: at(0) })
        .await
        .unwrap();
    (bench, lane)
}

fn known(bench: &Bench, listed: Listed) -> KnownThing {
    bench.store.known_things(TARGET, "acme", vec![listed]).unwrap().remove(0)
}

#[tokio::test]
async fn a_listed_thing_is_known_by_its_id_by_its_mark_and_by_its_place() {
    let (bench, _) = bench(&["a", "b", "c"]).await;
    let (a, b) = (present(&bench, "a").await, bench.row("b"));
    let by_id = known(&bench, listed("id-a", None));
    assert_eq!((by_id.row.map(|row| row.id), by_id.record.claimed), (Some(a.id), true));
    let twin = known(&bench, listed("id-z", Some(a.row.id.mark("acme")))).record;
    assert_eq!(twin.place.unwrap().thing.as_deref(), Some("id-a"));
    let under_way = known(&bench, listed("id-z", Some(b.row.id.mark("acme")))).record;
    assert_eq!(under_way.place.unwrap().thing, None);
    let foreign = known(&bench, listed("id-z", Some(a.row.id.mark("staging")))).record;
    assert_eq!((foreign.claimed, foreign.place, foreign.ended_at), (false, None, None));
    let ended = present(&bench, "c").await;
    bench.gone("c", at(7)).await;
    let orphan = known(&bench, listed("id-c", Some(ended.row.id.mark("acme")))).record;
    assert_eq!((orphan.claimed, orphan.place, orphan.ended_at), (false, None, Some(at(7))));
    let elsewhere = bench.store.known_things("another", "acme", vec![listed("id-a", None)]).unwrap();
    assert!(!elsewhere[0].record.claimed, "ids mean something at one target only");
}

#[tokio::test]
async fn a_thing_that_carries_only_a_name_has_the_mark_that_it_stands_for() {
    let (bench, _) = bench(&["a"]).await;
    bench.store.claim_meta("installation", "acme").await.unwrap().unwrap();
    let lost = |installation| {
        let at = Place { installation, target: TARGET, kind: "thing", key: "x", inside: "" };
        RowId::new(&at, [7; 10])
    };
    let by_name = |row: &RowId, key: &str| {
        let listed = Listed { key: Some(key.to_owned()), ..listed("id-z", Some(named(row))) };
        known(&bench, listed)
    };
    let row = bench.row("a").row.id;
    let ours = by_name(&row, "renamed");
    assert_eq!(ours.listed.thing.mark, Some(row.mark("acme")), "the ledger knows it");
    assert_eq!(ours.record.place.map(|at| at.row), Some(row));
    let row = lost("acme");
    assert_eq!(by_name(&row, "x").listed.thing.mark, Some(row.mark("acme")), "of a ledger that was lost");
    for (row, key) in [(lost("staging"), "x"), (lost("acme"), "y")] {
        assert_eq!(by_name(&row, key).listed.thing.mark, Some(named(&row)), "nobody's that we know");
    }
}

#[tokio::test]
async fn rows_are_read_in_pages_and_living_subjects_by_kind() {
    let (bench, lane) = bench(&["a", "b", "c"]).await;
    bench.gone("b", at(2)).await;
    let first = bench.store.hook_rows_after(lane.hook, 0, 1).unwrap();
    let rest = bench.store.hook_rows_after(lane.hook, first[0].id, 9).unwrap();
    let keys: Vec<_> = first.iter().chain(&rest).map(|row| row.key.as_str()).collect();
    assert_eq!(keys, ["a", "c"]);
    assert_eq!(bench.store.living(SubjectKind::App).unwrap(), [lane.subject]);
    assert!(bench.store.living(SubjectKind::Machine).unwrap().is_empty());
}

#[tokio::test]
async fn what_is_as_it_was_rests_on_and_what_is_not_is_looked_at() {
    let (bench, lane) = bench(&["a", "b"]).await;
    let (a, b) = (present(&bench, "a").await, present(&bench, "b").await);
    let settle = vec![("thing".to_owned(), Millis::seconds(5))];
    let same = vec![(a.id, at(9_000)), (b.id, at(9_000))];
    let noticed = Noticed { same: same.clone(), other: vec![], settle: settle.clone() };
    bench.store.notice(noticed.clone(), at(50)).await.unwrap();
    assert_eq!(bench.row("a").due_at, Some(at(1_000)), "its second look for twins is still to come");
    bench.store.notice(noticed, at(52)).await.unwrap();
    assert_eq!((bench.row("a").due_at, bench.row("a").row.look_at), (Some(at(9_000)), Some(at(9_000))));
    let stale = Noticed { same: vec![], other: vec![a], settle: settle.clone() };
    assert_eq!(bench.store.notice(stale, at(60)).await.unwrap(), 0, "it changed since it was read");
    let other = vec![bench.row("b")];
    let woken = bench.store.notice(Noticed { same: vec![], other, settle }, at(60)).await.unwrap();
    assert_eq!((woken, bench.row("b").due_at), (1, Some(at(60))));
    let owed = bench.store.lane(lane).unwrap().unwrap();
    assert!(owed.dirty > owed.done && owed.due_at == Some(at(60)));
}

#[tokio::test]
async fn a_row_whose_creation_was_repeated_keeps_its_looks() {
    let (bench, lane) = bench(&["a"]).await;
    let row = present(&bench, "a").await;
    for _ in 0..2 {
        let run = bench.run(lane, None, at(1));
        let run =
            groundcrew_store::runs::RunRecord { op: "create".to_owned(), resource: Some(row.id), ..run };
        bench.store.save_run(run, Vec::new()).await.unwrap();
    }
    let noticed = Noticed { same: vec![(row.id, at(9_000))], ..Noticed::default() };
    bench.store.notice(noticed, at(52)).await.unwrap();
    assert_eq!(bench.row("a").due_at, Some(at(1_000)), "for they look for twins");
}

#[tokio::test]
async fn repairs_are_kept_and_a_person_lets_them_begin_anew() {
    let (bench, lane) = bench(&["a"]).await;
    let mut row = present(&bench, "a").await;
    for second in 0..=REPAIRS_MAX as i64 {
        row.row.repairs_at(at(second));
    }
    let row = bench.store.commit_row(row, RowEffects { now: at(5), ..RowEffects::default() }).await.unwrap();
    assert_eq!(bench.row("a").row.repairs, [at(1), at(2), at(3)]);
    assert_eq!(bench.store.fought_rows(Some(lane.hook)).unwrap().len(), 1);
    bench.store.repair_again(vec![row], "ann", at(6)).await.unwrap();
    assert!(bench.store.fought_rows(None).unwrap().is_empty());
    assert_eq!((bench.row("a").due_at, bench.row("a").row.look_at), (Some(at(6)), Some(at(6))));
}
