//! Attempts to mend findings: on record before they begin, one at a time, within the window, never after a doubt.

use std::collections::BTreeMap;

use groundcrew_core::duration::Millis;
use groundcrew_core::finding::{Acknowledgement, Coverage, Reported, Severity};
use groundcrew_core::may_delete::{Level, Window};
use groundcrew_core::remedy::{Asked, UNTRUE_REST, Verdict};
use groundcrew_core::spec::Owner;
use groundcrew_core::time::Timestamp;
use groundcrew_store::audits::{AuditEnd, Saw};
use groundcrew_store::findings::ClosedToo;
use groundcrew_store::lanes::LaneId;
use groundcrew_store::operators::OperatorAct;
use groundcrew_store::remedies::{Begun, Enforcement, RemedyEnd, Wish};
use groundcrew_store::{HookId, SubjectId};
use serde_json::json;

use crate::support::{Bench, at, path, uid};

const DAY: i64 = 24 * 3_600;
/// When the findings' grace is over.
const DUE: i64 = 7 * DAY + 1;

struct Mending {
    bench: Bench,
    hook: HookId,
    window: Window,
}

impl Mending {
    async fn new(abouts: &[&str]) -> Self {
        let bench = Bench::new();
        let hook = bench.hook("orphans").await;
        let mending = Self { bench, hook, window: Window::DEFAULT };
        mending.sees(abouts, at(0)).await;
        mending
    }

    async fn sees(&self, abouts: &[&str], now: Timestamp) {
        self.sees_of("volume.unattached", abouts, now).await;
    }

    async fn sees_of(&self, code: &str, abouts: &[&str], now: Timestamp) {
        let store = &self.bench.store;
        let run = store.begin_audit("nightly", None, now).await.unwrap();
        let finding = |about: &&str| Reported {
            code: code.to_owned(),
            subject: about.strip_prefix("of ").map(|app| Owner { path: path(app), uid: uid(app) }),
            about: (*about).to_owned(),
            severity: Severity::Warning,
            message: String::new(),
            cost_cents: None,
            remedy: None,
            data: json!({}),
        };
        let findings = abouts.iter().map(finding).collect();
        let saw = vec![Saw { hook: self.hook, findings, coverage: Coverage::Complete }];
        let (outcome, on_opened, on_resolved) = ("ok".to_owned(), vec![], vec![]);
        let end = AuditEnd { run, tick: None, saw, outcome, summary: None, on_opened, on_resolved, now };
        store.end_audit(end).await.unwrap();
    }

    fn id(&self, about: &str) -> i64 {
        let all = self.bench.store.findings(ClosedToo::Yes).unwrap();
        let found = all.into_iter().find(|finding| finding.about == about).unwrap();
        found.id.trim_start_matches('f').parse().unwrap()
    }

    fn wish(&self, about: &str, now: i64) -> Wish {
        let (codes, grace) = (vec!["volume.unattached".to_owned()], Millis::hours(24 * 7));
        Wish {
            finding: self.id(about),
            asked: Asked::ByAudit,
            asked_by: "nightly".to_owned(),
            enforcement: Enforcement { codes, grace, window: self.window },
            harmless: Vec::new(),
            level: Level::Enforce,
            frozen: None,
            effect_within: Millis::seconds(60),
            now: at(now),
        }
    }

    async fn begins(&self, wish: Wish) -> Result<i64, Verdict> {
        match self.bench.store.begin_remedy(wish).await.unwrap() {
            Begun::Yes(attempt) => Ok(attempt),
            Begun::No(verdict) => Err(verdict),
        }
    }

    async fn tries(&self, about: &str, now: i64) -> Result<i64, Verdict> {
        self.begins(self.wish(about, now)).await
    }

    async fn ends(&self, attempt: i64, outcome: &str, now: i64) {
        let lane = LaneId { hook: self.hook, subject: SubjectId::NONE };
        let end = RemedyEnd {
            attempt,
            outcome: outcome.to_owned(),
            counts: outcome == "fixed",
            effect_by: at(now),
            lane,
            run: self.bench.run(lane, None, at(now)),
            calls: Vec::new(),
            written: BTreeMap::from([("seen".to_owned(), Some(b"1".to_vec()))]),
            now: at(now),
        };
        self.bench.store.end_remedy(end).await.unwrap();
    }

    /// What is listed of a finding: when grace ends, why it is held, what became of the last attempt.
    fn listed(&self, about: &str) -> (bool, Option<String>, Option<String>) {
        let all = self.bench.store.findings(ClosedToo::No).unwrap();
        let found = all.into_iter().find(|finding| finding.about == about).unwrap().mending;
        found.map_or((false, None, None), |m| (m.after.is_some(), m.held, m.outcome))
    }
}

#[tokio::test]
async fn an_attempt_is_kept_one_at_a_time_and_shown() {
    let mending = Mending::new(&["v1"]).await;
    assert!(
        matches!(mending.tries("v1", DUE - 2).await, Err(Verdict::Later { until, .. }) if until == at(DUE - 1))
    );
    assert_eq!(mending.listed("v1"), (true, None, None));
    let attempt = mending.tries("v1", DUE).await.unwrap();
    assert!(matches!(mending.tries("v1", DUE).await, Err(Verdict::Later { .. })), "one is under way");
    let by_hand = Wish { asked: Asked::ByHand, ..mending.wish("v1", DUE) };
    assert!(mending.begins(by_hand).await.is_err(), "also for a person");
    mending.ends(attempt, "not-now", DUE + 1).await;
    assert_eq!(mending.listed("v1"), (true, None, Some("not-now".to_owned())));
    let lane = LaneId { hook: mending.hook, subject: SubjectId::NONE };
    assert_eq!(mending.bench.store.kv(lane, "seen").unwrap().as_deref(), Some(b"1".as_slice()));
    let kept = mending.bench.store.remedies(9).unwrap();
    assert_eq!((kept.len(), kept[0].asked_by.as_str(), kept[0].run.is_some()), (1, "nightly", true));
    mending.tries("v1", DUE + 2).await.unwrap();
}

#[tokio::test]
async fn an_attempt_that_was_cut_off_counts_and_is_not_repeated_while_it_may_take_effect() {
    let mut mending = Mending::new(&["v1", "v2"]).await;
    mending.window = Window { share_percent: 0, floor: 2, within: Millis::hours(1) };
    mending.tries("v1", DUE).await.unwrap();
    mending.bench.store.close_broken_remedies(at(DUE + 10)).await.unwrap();
    assert_eq!(mending.listed("v1").2.as_deref(), Some("the runner ended first"));
    let later = mending.tries("v1", DUE + 59).await;
    assert!(matches!(&later, Err(Verdict::Later { until, .. }) if *until == at(DUE + 60)), "{later:?}");
    let attempt = mending.tries("v1", DUE + 60).await.unwrap();
    mending.ends(attempt, "no-longer-true", DUE + 61).await;
    // The one that was cut off counts, with v2 that makes two; a third does not fit.
    mending.sees(&["v1", "v2", "v3"], at(DUE + 62)).await;
    mending.tries("v2", DUE + 62).await.unwrap();
}

#[tokio::test]
async fn an_attempt_whose_end_is_never_recorded_is_over_when_no_run_can_be() {
    let mending = Mending::new(&["v1"]).await;
    mending.tries("v1", DUE).await.unwrap();
    assert!(matches!(mending.tries("v1", DUE + 59).await, Err(Verdict::Later { .. })), "it may be under way");
    let again = mending.tries("v1", DUE + 60).await.unwrap();
    mending.ends(again, "fixed", DUE + 61).await;
    let text = "SELECT count(*) FROM remedy WHERE ended IS NULL";
    let open: i64 = mending.bench.database().query_row(text, [], |row| row.get(0)).unwrap();
    assert_eq!(open, 0);
}

#[tokio::test]
async fn too_many_at_once_are_all_held_until_each_is_approved() {
    let mut mending = Mending::new(&["v1", "v2", "v3"]).await;
    mending.window = Window { share_percent: 0, floor: 2, within: Millis::hours(1) };
    for about in ["v1", "v2", "v3"] {
        assert!(matches!(mending.tries(about, DUE).await, Err(Verdict::Held { .. })), "{about}");
    }
    let held = || mending.bench.store.held_findings(Some(mending.hook)).unwrap();
    assert_eq!(held().len(), 3);
    assert_eq!(mending.listed("v1").1.as_deref(), Some("3 are due within 1h, 2 are allowed"));
    let id = mending.id("v1");
    mending.bench.store.approve_remedies(vec![id], "ann", at(DUE), at(DUE + 2 * DAY)).await.unwrap();
    assert_eq!(held().len(), 2);
    let attempt = mending.tries("v1", DUE).await.unwrap();
    mending.ends(attempt, "fixed", DUE + 1).await;
    assert!(matches!(mending.tries("v2", DUE + 2).await, Err(Verdict::Held { .. })), "it was for v1 alone");
    // What was mended counts once, as an attempt, until the window is over.
    let over = mending.tries("v2", DUE + 3_602).await;
    assert!(matches!(&over, Err(Verdict::Held { why }) if why.starts_with("3 are due")), "{over:?}");
    mending.sees(&["v2", "v3"], at(DUE + 3_603)).await;
    mending.tries("v2", DUE + 3_603).await.unwrap();
}

#[tokio::test]
async fn an_approval_is_for_one_opening_and_lapses() {
    let mut mending = Mending::new(&["v1", "v2"]).await;
    mending.window = Window { share_percent: 0, floor: 1, within: Millis::hours(1) };
    let approve = async |until| {
        mending.bench.store.approve_remedies(vec![mending.id("v1")], "ann", at(DUE), until).await.unwrap();
    };
    assert!(mending.tries("v1", DUE).await.is_err());
    approve(at(DUE + 10)).await;
    assert!(mending.tries("v1", DUE + 10).await.is_err(), "it lapsed");
    approve(at(DUE + 90 * DAY)).await;
    mending.sees(&["v2"], at(DUE + 11)).await;
    mending.sees(&["v1", "v2"], at(DUE + 12)).await;
    let anew = mending.tries("v1", 2 * DUE + 20).await;
    assert!(matches!(anew, Err(Verdict::Held { .. })), "it opened anew: {anew:?}");
}

#[tokio::test]
async fn what_is_acknowledged_resolved_paused_or_not_enforced_is_not_mended() {
    let mending = Mending::new(&["v1", "of web"]).await;
    let store = &mending.bench.store;
    let web = mending.bench.app("web", &[]).await;
    let found = store.mendable(mending.hook, &["volume.unattached".to_owned()]).unwrap();
    assert_eq!(found.iter().map(|found| found.subject).collect::<Vec<_>>(), [None, Some(web)]);
    let low = Wish { level: Level::NoDeletes, ..mending.wish("v1", DUE) };
    assert!(
        matches!(mending.begins(low).await, Err(Verdict::Held { why }) if why == "frozen: level is no-deletes")
    );
    assert!(store.held_findings(None).unwrap().is_empty(), "no approval lifts a freeze");
    store.pause(None, Some(web), Level::NoDeletes, "ann", at(1)).await.unwrap();
    let by_hand = Wish { asked: Asked::ByHand, ..mending.wish("of web", 2) };
    assert!(matches!(mending.begins(by_hand.clone()).await, Err(Verdict::Held { .. })), "its app is paused");
    store.unpause(None, Some(web), "ann", at(3)).await.unwrap();
    let attempt = mending.begins(by_hand).await.unwrap();
    mending.ends(attempt, "fixed", 4).await;
    let said = Acknowledgement { who: "ann".to_owned(), reason: "kept".to_owned(), at: at(5), until: None };
    let act = OperatorAct { who: "ann".to_owned(), what: String::new() };
    store.acknowledge(mending.id("v1"), said, act).await.unwrap();
    for asked in [Asked::ByAudit, Asked::ByHand] {
        let wish = Wish { asked, ..mending.wish("v1", DUE) };
        assert!(matches!(mending.begins(wish).await, Err(Verdict::Never { .. })), "{asked:?}");
    }
    mending.sees(&["v1"], at(DUE)).await;
    assert!(matches!(mending.tries("of web", DUE).await, Err(Verdict::Never { .. })), "it is resolved");
}

#[tokio::test]
async fn an_audit_that_only_reports_forgets_what_was_to_be_mended() {
    let mending = Mending::new(&["v1"]).await;
    assert!(mending.tries("v1", 5).await.is_err());
    assert!(mending.listed("v1").0);
    let codes = vec!["volume.unattached".to_owned()];
    mending.bench.store.forget_mending(mending.hook, codes).await.unwrap();
    assert!(mending.listed("v1").0);
    mending.bench.store.forget_mending(mending.hook, Vec::new()).await.unwrap();
    assert!(!mending.listed("v1").0);
}

#[tokio::test]
async fn what_had_nothing_to_mend_rests_and_does_not_hold_the_others() {
    let mut mending = Mending::new(&["v1", "v2", "v3"]).await;
    mending.window = Window { share_percent: 0, floor: 3, within: Millis::hours(1) };
    for about in ["v1", "v2"] {
        let attempt = mending.tries(about, DUE).await.unwrap();
        mending.ends(attempt, "no-longer-true", DUE + 1).await;
    }
    let resting = mending.tries("v1", DUE + 2).await;
    let until = at(DUE) + UNTRUE_REST;
    assert!(matches!(&resting, Err(Verdict::Later { until: is, .. }) if *is == until), "{resting:?}");
    let by_hand = Wish { asked: Asked::ByHand, ..mending.wish("v2", DUE + 2) };
    let attempt = mending.begins(by_hand).await.unwrap();
    mending.ends(attempt, "no-longer-true", DUE + 3).await;
    // Of five that are open two rest: the others fit.
    mending.sees(&["v1", "v2", "v3", "v4", "v5"], at(4)).await;
    mending.tries("v3", DUE + 4).await.unwrap();
    // A rest is over at last; what is tried then counts itself.
    let rested = DUE + UNTRUE_REST.as_i64() / 1_000;
    let held = mending.tries("v1", rested).await;
    assert!(matches!(&held, Err(Verdict::Held { why }) if why.starts_with("4 are due")), "{held:?}");
    mending.sees(&["v1", "v2", "v3", "v4"], at(rested)).await;
    mending.tries("v1", rested).await.unwrap();
}

#[tokio::test]
async fn a_finding_that_opens_anew_does_not_rest() {
    let mending = Mending::new(&["v1"]).await;
    let attempt = mending.tries("v1", DUE).await.unwrap();
    mending.ends(attempt, "no-longer-true", DUE + 1).await;
    mending.sees(&[], at(DUE + 2)).await;
    mending.sees(&["v1"], at(DUE + 3)).await;
    let no_grace = |now| {
        let wish = mending.wish("v1", now);
        Wish { enforcement: Enforcement { grace: Millis::ZERO, ..wish.enforcement.clone() }, ..wish }
    };
    mending.begins(no_grace(DUE + 4)).await.unwrap();
}

#[tokio::test]
async fn what_gives_back_is_held_by_no_window_and_holds_nobody() {
    let names = |start: &str| (1..=11).map(|n| format!("{start} {n}")).collect::<Vec<_>>();
    let (apps, others) = (names("app"), names("other"));
    let [apps, others] = [&apps, &others].map(|names| names.iter().map(String::as_str).collect::<Vec<_>>());
    let mending = Mending::new(&[]).await;
    let wish = |about: &str, harmless: &[&str], now: i64| {
        let wish = mending.wish(about, now);
        let codes = vec!["budget.exceeded".to_owned(), "budget.resume".to_owned()];
        let harmless = harmless.iter().map(|&code| code.to_owned()).collect();
        Wish { enforcement: Enforcement { codes, ..wish.enforcement.clone() }, harmless, ..wish }
    };
    mending.sees_of("budget.resume", &apps, at(0)).await;
    for about in &apps {
        let held = mending.begins(wish(about, &[], DUE)).await;
        assert!(matches!(&held, Err(Verdict::Held { why }) if why.starts_with("11 are due")), "{held:?}");
    }
    // The first look of a month: no grace, and all of them at once.
    for about in &apps {
        let attempt = mending.begins(wish(about, &["budget.resume"], 1)).await.unwrap();
        mending.ends(attempt, "fixed", 1).await;
    }
    // Eleven that were resumed leave the window to those that are suspended.
    mending.sees_of("budget.exceeded", &others[..10], at(2)).await;
    let wished = |about: &str| {
        let mut wish = wish(about, &["budget.resume"], 3);
        wish.enforcement.grace = Millis::ZERO;
        wish
    };
    mending.begins(wished("other 1")).await.unwrap();
    mending.sees_of("budget.exceeded", &others, at(4)).await;
    let held = mending.begins(wished("other 2")).await;
    assert!(matches!(&held, Err(Verdict::Held { why }) if why.starts_with("11 are due")), "{held:?}");
}
