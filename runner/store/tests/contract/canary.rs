//! How candidates compare: counted once, kept by kind, begun anew with another component; and what they lead to.

use groundcrew_core::hash::Digest;
use groundcrew_store::canary::{BY_ITSELF, CASES_MAX, Canary, Compared, Comparison, Pair};
use groundcrew_store::findings::{ClosedToo, NewFinding, Severity};
use groundcrew_store::hooks::HookState;
use groundcrew_store::lanes::LaneId;
use groundcrew_store::operators::OperatorAct;
use groundcrew_store::promotions::{PROMOTED, Promotion};
use groundcrew_store::prune::Keep;
use groundcrew_store::runs::{CallRecord, RunRecord};
use groundcrew_store::upgrades::{MORE, Version, Waiting};
use groundcrew_store::{RunId, SubjectId};

use crate::support::{Bench, at};

impl Bench {
    async fn pair(&self, current: &str, candidate: &str) -> Pair {
        let (current, candidate) = (Digest::of(current.as_bytes()), Digest::of(candidate.as_bytes()));
        let pair = Pair { hook: self.hook("tell").await, current, candidate };
        self.store.begin_canaries(vec![pair], at(0)).await.unwrap();
        pair
    }

    async fn compares(
        &self,
        pair: Pair,
        run: i64,
        result: Compared,
        after: Option<u32>,
    ) -> Option<Promotion> {
        let comparison = Comparison { run: RunId(run), op: "handle".to_owned(), wrote: false, result };
        self.store.count_comparison(pair, comparison, after, at(run)).await.unwrap()
    }

    /// The same of a run that wrote.
    async fn compares_write(&self, pair: Pair, run: i64, result: Compared, after: u32) -> Option<Promotion> {
        let comparison = Comparison { run: RunId(run), op: "handle".to_owned(), wrote: true, result };
        self.store.count_comparison(pair, comparison, Some(after), at(run)).await.unwrap()
    }

    /// A run of the hook `tell` with one request is stored.
    async fn asks(&self, access: &str) {
        let lane = LaneId { hook: self.hook("tell").await, subject: SubjectId::NONE };
        let call = CallRecord {
            n: 0,
            op: "http".to_owned(),
            access: access.to_owned(),
            print: Digest::of(b"print"),
            ask: b"{}".to_vec(),
            answer: Some(b"{}".to_vec()),
            sent_at: at(0),
            back_at: Some(at(0)),
        };
        let run = RunRecord { subject: None, ..self.run(lane, None, at(0)) };
        self.store.save_run(run, vec![call]).await.unwrap();
    }

    fn canary(&self) -> Canary {
        self.store.canaries().unwrap().remove(0)
    }

    fn told(&self) -> usize {
        let open = self.store.findings(ClosedToo::No).unwrap();
        open.into_iter().filter(|found| found.code == PROMOTED && found.about == "tell").count()
    }
}

fn differs(sign: &str) -> Compared {
    Compared::Differs { sign: sign.to_owned(), difference: Some("{}".to_owned()) }
}

#[tokio::test]
async fn comparisons_are_counted_and_kept_by_kind() {
    let bench = Bench::new();
    let pair = bench.pair("old", "new").await;
    let unclear = Compared::CannotTell { why: "pruned".to_owned() };
    for (run, result) in [
        (1, Compared::Equal),
        (2, differs("a")),
        (3, Compared::Equal),
        (4, differs("a")),
        (5, differs("b")),
        (6, Compared::Equal),
        (7, Compared::CutShort),
        (8, unclear),
        (9, Compared::Equal),
    ] {
        assert_eq!(bench.compares(pair, run, result, None).await, None);
    }
    bench.store.count_skipped(pair, 3).await.unwrap();
    let canary = bench.canary();
    let counts = (canary.equal, canary.differed, canary.unclear, canary.skipped, canary.in_a_row);
    assert_eq!(counts, (5, 3, 1, 3, 2), "what was cut short proves nothing in a row");
    let cases: Vec<_> =
        canary.cases.iter().map(|it| (it.sign.as_str(), it.count, it.run.0, it.differs)).collect();
    assert_eq!(cases, [("a", 2, 2, true), ("b", 1, 5, true), ("pruned", 1, 8, false)]);
    let counted = bench.store.counts(at(9)).unwrap().canary;
    assert!(counted.contains(&("tell".to_owned(), "differs".to_owned(), 3)), "{counted:?}");

    // A hundred ways to differ are counted, and some of them shown.
    for run in 10..110 {
        bench.compares(pair, run, differs(&format!("way {run}")), None).await;
    }
    let canary = bench.canary();
    assert_eq!((canary.differed, canary.cases.len()), (103, CASES_MAX as usize));
}

#[tokio::test]
async fn another_candidate_or_component_begins_anew_and_a_restart_does_not() {
    let bench = Bench::new();
    let pair = bench.pair("old", "new").await;
    bench.compares(pair, 1, differs("a"), None).await;
    bench.pair("old", "new").await;
    assert_eq!(bench.canary().differed, 1, "a restart forgets nothing");
    let other = bench.pair("older", "new").await;
    assert_eq!((bench.canary().differed, bench.count("canary_case")), (0, 0), "it is compared with another");
    bench.compares(pair, 2, Compared::Equal, None).await;
    assert_eq!(bench.canary().equal, 0, "a comparison with what ran before says nothing any more");
    bench.compares(other, 3, Compared::Equal, None).await;
    assert_eq!(bench.canary().equal, 1);
    bench.store.begin_canaries(Vec::new(), at(9)).await.unwrap();
    assert_eq!(bench.store.canaries().unwrap(), []);
}

#[tokio::test]
async fn so_many_equal_runs_in_a_row_promote_once() {
    let bench = Bench::new();
    let pair = bench.pair("old", "new").await;
    for (run, result) in
        [(1, Compared::Equal), (2, differs("a")), (3, Compared::Equal), (4, Compared::CutShort)]
    {
        assert_eq!(bench.compares(pair, run, result, Some(2)).await, None);
    }
    assert_eq!((bench.told(), bench.store.promotions().unwrap().len()), (0, 0));
    let promoted = bench.compares(pair, 5, Compared::Equal, Some(2)).await.unwrap();
    assert_eq!((promoted.component, promoted.who.as_str()), (pair.candidate, BY_ITSELF));
    assert_eq!(bench.compares(pair, 6, Compared::Equal, Some(2)).await, None, "once");
    assert_eq!((bench.told(), bench.store.promotion(pair.hook).unwrap()), (1, Some(promoted)));

    // It runs now, and another one is compared with it: what the stanza names is still the first.
    let third = Pair { current: pair.candidate, candidate: Digest::of(b"third"), ..pair };
    bench.store.begin_canaries(vec![third], at(9)).await.unwrap();
    assert_eq!(
        bench.store.canaries().unwrap().len(),
        2,
        "of what was promoted it is still shown how it compared"
    );
    let promoted = bench.compares(third, 10, Compared::Equal, Some(1)).await.unwrap();
    assert_eq!((promoted.instead_of, promoted.component), (pair.current, third.candidate));

    bench.store.forget_promotion(pair.hook, None, at(11)).await.unwrap();
    assert_eq!((bench.told(), bench.store.promotion(pair.hook).unwrap()), (0, None));
    assert!(bench.store.canaries().unwrap().iter().all(|canary| canary.in_a_row == 0), "it is counted anew");
    assert!(bench.store.forget_promotion(pair.hook, None, at(12)).await.is_err());
}

#[tokio::test]
async fn a_hook_that_writes_is_not_promoted_by_looks_alone() {
    let bench = Bench::new();
    bench.asks("read").await;
    bench.asks("write").await;
    let pair = bench.pair("old", "new").await;
    for run in 1..=4 {
        assert_eq!(bench.compares(pair, run, Compared::Equal, Some(3)).await, None, "run {run}");
    }
    let canary = bench.canary();
    assert_eq!((canary.in_a_row, canary.wrote_in_a_row), (4, 0));
    assert!(canary.waits_for_a_write(3) && !canary.waits_for_a_write(5));
    // A write of which too little is known, or that differed later, is none of those in a row.
    assert_eq!(bench.compares_write(pair, 5, Compared::CutShort, 3).await, None);
    assert_eq!(bench.compares_write(pair, 6, Compared::CannotTell { why: "x".to_owned() }, 3).await, None);
    assert_eq!(bench.canary().wrote_in_a_row, 0);
    assert_eq!(bench.compares_write(pair, 7, Compared::Equal, 9).await, None);
    assert_eq!(bench.canary().wrote_in_a_row, 1);
    bench.compares(pair, 8, differs("a"), Some(3)).await;
    for run in 9..=12 {
        assert_eq!(bench.compares(pair, run, Compared::Equal, Some(3)).await, None, "run {run}");
    }
    let promoted = bench.compares_write(pair, 13, Compared::Equal, 3).await.unwrap();
    assert_eq!(promoted.component, pair.candidate);
    assert!(!bench.canary().waits_for_a_write(3));
}

#[tokio::test]
async fn a_hook_that_only_looks_is_promoted_by_looks() {
    let bench = Bench::new();
    bench.asks("read").await;
    let pair = bench.pair("old", "new").await;
    assert_eq!(bench.compares(pair, 1, Compared::Equal, Some(2)).await, None);
    assert!(bench.compares(pair, 2, Compared::Equal, Some(2)).await.is_some());
}

#[tokio::test]
async fn it_is_promoted_over_what_the_stanza_names_whatever_runs() {
    let bench = Bench::new();
    let version = |component: Digest| Version {
        component: component.to_string(),
        exports: ["handle".to_owned()].into(),
        manifest: serde_json::json!({"name": "tell"}),
    };
    let named = Digest::of(b"named");
    // What the stanza names waits, and the one before goes on.
    let pair = bench.pair("old", "new").await;
    let held = version(named);
    let waiting = Waiting { id: held.id(), component: held.component, more: vec!["asks".to_owned()] };
    let finding = NewFinding {
        code: MORE.to_owned(),
        about: "tell".to_owned(),
        hook: Some(pair.hook),
        severity: Severity::Warning,
        message: "it waits".to_owned(),
        remedy: None,
    };
    let active = version(pair.current);
    bench.store.hold_version(pair.hook, active, waiting, named, finding, at(0)).await.unwrap();
    let promoted = bench.compares(pair, 1, Compared::Equal, Some(1)).await.unwrap();
    assert_eq!((promoted.instead_of, promoted.component), (named, pair.candidate));

    // The promoted one runs, that is taken back, and before the next start another one is equal for long enough.
    bench.store.enter_version(pair.hook, "tell", version(pair.candidate), named, at(2)).await.unwrap();
    let third = Pair { current: pair.candidate, candidate: Digest::of(b"third"), ..pair };
    bench.store.begin_canaries(vec![third], at(3)).await.unwrap();
    bench.store.forget_promotion(pair.hook, None, at(4)).await.unwrap();
    assert_eq!(bench.store.named(pair.hook, third.current).unwrap(), named);
    let promoted = bench.compares(third, 5, Compared::Equal, Some(1)).await.unwrap();
    assert_eq!((promoted.instead_of, promoted.component), (named, third.candidate));
}

#[tokio::test]
async fn what_was_promoted_by_hand_is_on_record_and_goes_with_its_hook() {
    let bench = Bench::new();
    let pair = bench.pair("old", "new").await;
    let promotion = Promotion {
        hook: pair.hook,
        instead_of: pair.current,
        component: pair.candidate,
        at: at(1),
        who: "ann".to_owned(),
    };
    let act = OperatorAct { who: "ann".to_owned(), what: "promote tell".to_owned() };
    bench.store.promote(promotion.clone(), act.clone(), at(1)).await.unwrap();
    assert_eq!(bench.store.promotions().unwrap(), [promotion]);
    assert_eq!(bench.store.acts(1).unwrap()[0].1, act);
    bench.compares(pair, 1, differs("a"), None).await;
    bench.store.save_hook_state(pair.hook, HookState::Removed, at(2)).await.unwrap();
    bench.store.prune(Keep::DEFAULT, at(2)).await.unwrap();
    for table in ["canary", "canary_case", "promotion"] {
        assert_eq!(bench.count(table), 0, "{table}");
    }
}

#[tokio::test]
async fn only_runs_that_ended_and_are_stored_are_compared() {
    let bench = Bench::new();
    let hook = bench.hook("tell").await;
    let lane = LaneId { hook, subject: bench.app("web", &[]).await };
    let (ended, other) = (bench.run(lane, None, at(1)), bench.run(lane, None, at(2)));
    let open = RunRecord { ended: None, outcome: None, ..other };
    let ids = [open.id, ended.id, RunId(99)];
    bench.store.save_run(ended.clone(), Vec::new()).await.unwrap();
    bench.store.save_run(open, Vec::new()).await.unwrap();
    assert_eq!(bench.store.ended_runs(&ids).unwrap(), [ended.id]);
}
