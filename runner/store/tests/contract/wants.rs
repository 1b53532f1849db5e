//! Wants: the oldest living one has the row; it is handed over when that one goes.

use groundcrew_core::row::State;
use groundcrew_core::time::Timestamp;
use groundcrew_store::SubjectId;
use groundcrew_store::findings::{ClosedToo, NewFinding, Severity};
use groundcrew_store::lanes::LaneId;
use groundcrew_store::ledger::RowEffects;
use groundcrew_store::told::Listeners;

use crate::support::{Bench, at};

/// Another server than the bench's.
const ELSEWHERE: &str = "things server=https://b.example";

#[tokio::test]
async fn the_older_want_has_it_and_the_younger_gets_it_when_that_goes() {
    let bench = Bench::new();
    let hook = bench.hook("make").await;
    let old = LaneId { hook, subject: bench.app("old", &[hook]).await };
    let young = LaneId { hook, subject: bench.app("young", &[hook]).await };
    bench.want(old, &["a"], at(1)).await;
    bench.want(young, &["a"], at(2)).await;
    assert_eq!(bench.row("a").lane(), old);
    let open = || bench.store.findings(ClosedToo::No).unwrap();
    assert_eq!(open().iter().map(|finding| finding.code.as_str()).collect::<Vec<_>>(), ["resource.conflict"]);
    let id = bench.row("a").row.id.clone();
    bench.want(old, &[], at(3)).await;
    let row = bench.row("a");
    assert_eq!((row.lane(), row.row.id, row.unwanted), (young, id, None), "the same row");
    assert_eq!(row.row.look_at, Some(at(3)), "and it is looked at again first");
    assert!(open().is_empty());
    assert!(bench.store.lane(young).unwrap().unwrap().dirty > 0);
}

#[tokio::test]
async fn what_nobody_wants_says_since_when_and_what_is_wanted_again_does_not() {
    let bench = Bench::new();
    let hook = bench.hook("make").await;
    let lane = LaneId { hook, subject: bench.app("web", &[hook]).await };
    bench.want(lane, &["a"], at(1)).await;
    bench.want(lane, &[], at(2)).await;
    assert_eq!(bench.row("a").unwanted.map(|(since, _)| since), Some(at(2)));
    bench.want(lane, &[], at(3)).await;
    assert_eq!(bench.row("a").unwanted.map(|(since, _)| since), Some(at(2)), "the clock is not set anew");
    bench.want(lane, &["a"], at(4)).await;
    assert_eq!(bench.row("a").unwanted, None);
}

#[tokio::test]
async fn a_key_gets_a_new_row_only_once_the_last_is_gone() {
    let bench = Bench::new();
    let hook = bench.hook("make").await;
    let lane = LaneId { hook, subject: bench.app("web", &[hook]).await };
    bench.want(lane, &["a"], at(1)).await;
    let first = bench.row("a").row.id.clone();
    bench.gone("a", at(2)).await;
    assert_eq!(
        bench.store.lane(lane).unwrap().unwrap().view_hash,
        None,
        "whoever wants its place is asked again"
    );
    bench.want(lane, &["a"], at(3)).await;
    assert_ne!(bench.row("a").row.id, first);
    assert_eq!(bench.row("a").row.state, State::Creating);
}

#[tokio::test]
async fn of_three_owners_that_want_one_name_each_has_its_own_conflict() {
    let bench = Bench::new();
    let hook = bench.hook("make").await;
    let [mut one, mut two, mut three] = [LaneId { hook, subject: SubjectId::NONE }; 3];
    for (lane, name, second) in [(&mut one, "one", 1), (&mut two, "two", 2), (&mut three, "three", 3)] {
        lane.subject = bench.app(name, &[hook]).await;
        bench.want(*lane, &["a"], at(second)).await;
    }
    let open = || -> Vec<_> {
        bench.store.findings(ClosedToo::No).unwrap().into_iter().map(|it| (it.about, it.message)).collect()
    };
    let conflict = |younger: &str, has: &str| {
        let message = format!(
            "fly/acme/{younger} wants it too; fly/acme/{has} wanted it first and has it; it passes to the next when that want goes"
        );
        ("thing/a".to_owned(), message)
    };
    assert_eq!(open(), [conflict("two", "one"), conflict("three", "one")]);
    bench.want(two, &[], at(4)).await;
    assert_eq!(open(), [conflict("three", "one")], "who lets go ends its own");
    bench.want(two, &["a"], at(5)).await;
    bench.want(one, &[], at(6)).await;
    assert_eq!(bench.row("a").lane(), three);
    assert_eq!(open(), [conflict("two", "three")], "and it says who has it now");
    bench.want(three, &[], at(7)).await;
    assert_eq!((bench.row("a").lane(), open()), (two, Vec::new()));
}

#[tokio::test]
async fn things_of_one_name_at_two_servers_have_findings_of_their_own() {
    let bench = Bench::new();
    let (int, ext, ops) = (bench.hook("int").await, bench.hook("ext").await, bench.hook("ops").await);
    let (web, other) = (bench.app("web", &[int, ext]).await, bench.app("other", &[int]).await);
    let inside = LaneId { hook: int, subject: web };
    let outside = LaneId { hook: ext, subject: web };
    bench.want(inside, &["a"], at(1)).await;
    bench.want(LaneId { hook: int, subject: other }, &["a"], at(2)).await;
    bench.want_at(ELSEWHERE, outside, &["a"], at(3)).await;
    let open = || {
        let open = bench.store.findings(ClosedToo::No).unwrap();
        open.into_iter().map(|it| (it.code, it.hook.unwrap())).collect::<Vec<_>>()
    };
    let told = |code: &str, hook: &str| (code.to_owned(), hook.to_owned());
    let conflict = || told("resource.conflict", "int");
    assert_eq!(open(), [conflict()], "one server says nothing of the other");

    bench.store.tell_findings_to(Listeners { opened: vec![ops], resolved: Vec::new() }).await.unwrap();
    let changes = async |lane: LaneId, open: &[&str], close: &[&str], now: Timestamp| {
        let row = bench.store.lane_rows(lane).unwrap().remove(0);
        let finding = |code: &&str| NewFinding {
            code: (*code).to_owned(),
            about: row.about(),
            hook: Some(lane.hook),
            severity: Severity::Warning,
            message: "it fails".to_owned(),
            remedy: None,
        };
        let open = open.iter().map(finding).collect();
        let close = close.iter().map(|code| (*code).to_owned()).collect();
        bench.store.commit_row(row, RowEffects { open, close, now, ..RowEffects::default() }).await.unwrap();
    };
    changes(inside, &["resource.stuck"], &[], at(4)).await;
    changes(outside, &["resource.stuck"], &[], at(4)).await;
    assert_eq!(bench.count("event"), 2, "each is told");
    let stuck = |hook| told("resource.stuck", hook);
    let mut both = open();
    both.sort();
    assert_eq!(both, [conflict(), stuck("ext"), stuck("int")]);
    let at_b = bench.store.findings(ClosedToo::No).unwrap().into_iter().filter(|it| it.is_at(ELSEWHERE));
    assert_eq!(at_b.map(|it| it.hook).collect::<Vec<_>>(), [Some("ext".to_owned())]);
    changes(outside, &[], &["resource.*"], at(5)).await;
    assert_eq!(open(), [conflict(), stuck("int")]);
    changes(inside, &[], &["resource.stuck"], at(6)).await;
    assert_eq!(open(), [conflict()], "a thing in good order says nothing of who else wants it");
}
