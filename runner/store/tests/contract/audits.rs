//! Runs of audits: each opens and resolves in one transaction, and tells at most one event of each.

use groundcrew_core::finding::{Acknowledgement, Coverage, Reported, Severity, Standing};
use groundcrew_core::time::Timestamp;
use groundcrew_store::audits::{AuditEnd, Changed, Phase, Saw};
use groundcrew_store::findings::{ClosedToo, NewFinding};
use groundcrew_store::lanes::LaneId;
use groundcrew_store::operators::OperatorAct;
use groundcrew_store::told::Listeners;
use groundcrew_store::{Error, HookId, SubjectId};
use serde_json::{Value, json};

use crate::support::{Bench, at};

fn reported(about: &str) -> Reported {
    Reported {
        code: "volume.unattached".to_owned(),
        subject: None,
        about: about.to_owned(),
        severity: Severity::Warning,
        message: format!("{about} is attached to nothing"),
        cost_cents: Some(150),
        remedy: None,
        data: json!({ "size": 10 }),
    }
}

/// An auditor that sees volumes, and a handler that is told.
struct Auditing {
    bench: Bench,
    auditor: HookId,
    handler: HookId,
}

impl Auditing {
    async fn new() -> Self {
        let bench = Bench::new();
        let (auditor, handler) = (bench.hook("orphans").await, bench.hook("notify").await);
        Self { bench, auditor, handler }
    }

    async fn sees(&self, abouts: &[&str], coverage: Coverage, now: Timestamp) -> Changed {
        let store = &self.bench.store;
        let run = store.begin_audit("nightly", Some(now), now).await.unwrap();
        let findings = abouts.iter().map(|about| reported(about)).collect();
        let saw = vec![Saw { hook: self.auditor, findings, coverage }];
        let told = vec![self.handler];
        let (on_opened, on_resolved) = (told.clone(), told);
        let outcome = "ok".to_owned();
        store
            .end_audit(AuditEnd {
                run,
                tick: Some(now),
                saw,
                outcome,
                summary: None,
                on_opened,
                on_resolved,
                now,
            })
            .await
            .unwrap()
    }

    fn open(&self) -> Vec<(String, Standing)> {
        let open = self.bench.store.findings(ClosedToo::No).unwrap();
        open.into_iter().map(|finding| (finding.about, finding.standing)).collect()
    }

    /// What the handler is told, oldest first: kind and how many.
    fn told(&self) -> Vec<(String, Value)> {
        let database = self.bench.database();
        let mut told = database.prepare("SELECT kind, data FROM event ORDER BY seq").unwrap();
        let event = |row: &rusqlite::Row<'_>| Ok((row.get(0)?, row.get::<_, String>(1)?));
        let told = told.query_map([], event).unwrap().map(Result::unwrap);
        let count = |data: String| serde_json::from_str::<Value>(&data).unwrap()["count"].clone();
        told.map(|(kind, data)| (kind, count(data))).collect()
    }
}

#[tokio::test]
async fn a_run_tells_once_and_only_a_complete_one_resolves() {
    let audit = Auditing::new().await;
    let changed = audit.sees(&["v1", "v2"], Coverage::Complete, at(1)).await;
    assert_eq!(changed, Changed { found: 2, opened: 2, resolved: 0 });
    let changed = audit.sees(&["v1"], Coverage::Incomplete, at(2)).await;
    assert_eq!(changed, Changed { found: 1, opened: 0, resolved: 0 });
    assert_eq!(audit.open().len(), 2);
    let changed = audit.sees(&["v1"], Coverage::Complete, at(3)).await;
    assert_eq!(changed, Changed { found: 1, opened: 0, resolved: 1 });
    assert_eq!(audit.open(), [("v1".to_owned(), Standing::Open)]);
    let expected = [("finding.opened", 2), ("finding.resolved", 1)];
    assert_eq!(audit.told(), expected.map(|(kind, count)| (kind.to_owned(), json!(count))));
    let head = audit.bench.store.delivery_head(LaneId { hook: audit.handler, subject: SubjectId::NONE });
    let event = head.unwrap().unwrap().event;
    assert_eq!(event.data["message"], "audit nightly: 2 opened: volume.unattached v1, volume.unattached v2");
    assert_eq!(event.data["findings"][0]["cost_cents"], 150);
}

#[tokio::test]
async fn findings_of_one_name_are_kept_apart_by_who_reports_them() {
    let audit = Auditing::new().await;
    let own = NewFinding {
        code: "volume.unattached".to_owned(),
        about: "v1".to_owned(),
        hook: None,
        severity: Severity::Info,
        message: "the runner's own".to_owned(),
        remedy: None,
    };
    audit.bench.store.open_finding(own, at(1)).await.unwrap();
    audit.sees(&["v1"], Coverage::Complete, at(1)).await;
    assert_eq!(audit.open().len(), 2);
    audit.bench.store.close_finding("volume.*", "v1", at(2)).await.unwrap();
    let left = audit.bench.store.findings(ClosedToo::No).unwrap();
    assert_eq!((left.len(), left[0].auditor.as_deref()), (1, Some("orphans")));
    audit
        .bench
        .store
        .open_finding(NewFinding { message: "again".to_owned(), ..own_again() }, at(3))
        .await
        .unwrap();
    audit.sees(&[], Coverage::Complete, at(4)).await;
    let left = audit.bench.store.findings(ClosedToo::No).unwrap();
    assert_eq!((left.len(), left[0].auditor.as_deref()), (1, None));
}

fn own_again() -> NewFinding {
    NewFinding {
        code: "volume.unattached".to_owned(),
        about: "v1".to_owned(),
        hook: None,
        severity: Severity::Info,
        message: String::new(),
        remedy: None,
    }
}

#[tokio::test]
async fn an_acknowledged_finding_stays_so_and_a_closed_one_cannot_be() {
    let audit = Auditing::new().await;
    audit.sees(&["v1"], Coverage::Complete, at(1)).await;
    let acknowledge = async |now| {
        let (who, reason) = ("ann".to_owned(), "for the lawyers".to_owned());
        let said = Acknowledgement { who: who.clone(), reason, at: now, until: None };
        let act = OperatorAct { who, what: "findings ack f1".to_owned() };
        audit.bench.store.acknowledge(1, said, act).await
    };
    assert_eq!(acknowledge(at(2)).await.unwrap(), ("volume.unattached".to_owned(), "v1".to_owned()));
    audit.sees(&["v1"], Coverage::Complete, at(3)).await;
    assert_eq!(audit.open(), [("v1".to_owned(), Standing::Acknowledged)]);
    audit.sees(&[], Coverage::Complete, at(4)).await;
    assert!(matches!(acknowledge(at(5)).await, Err(Error::Missing(_))));
    audit.sees(&["v1"], Coverage::Complete, at(6)).await;
    assert_eq!(audit.open(), [("v1".to_owned(), Standing::Open)], "it begins anew");
}

#[tokio::test]
async fn a_schedule_remembers_its_last_tick_and_a_broken_run_takes_none_up() {
    let audit = Auditing::new().await;
    let store = &audit.bench.store;
    assert_eq!(store.last_tick("nightly").unwrap(), None);
    audit.sees(&[], Coverage::Complete, at(10)).await;
    store.begin_audit("nightly", Some(at(20)), at(20)).await.unwrap();
    store.save_tick("nightly", at(5)).await.unwrap();
    store.close_broken_audits(at(30)).await.unwrap();
    assert_eq!(store.last_tick("nightly").unwrap(), Some(at(10)), "never back, and not the broken one");
    let runs = store.audit_runs(Some("nightly"), 10).unwrap();
    let outcomes: Vec<_> = runs.iter().map(|run| run.outcome.as_deref().unwrap()).collect();
    assert_eq!(outcomes, ["the runner ended first", "ok"]);
    assert!(store.audit_runs(Some("weekly"), 10).unwrap().is_empty());
}

#[tokio::test]
async fn a_run_that_mends_is_ended_when_its_remedies_are() {
    let audit = Auditing::new().await;
    let store = &audit.bench.store;
    let begin = async |tick| {
        let run = store.begin_audit("sweep", Some(at(tick)), at(tick)).await.unwrap();
        let saw =
            vec![Saw { hook: audit.auditor, findings: vec![reported("v1")], coverage: Coverage::Complete }];
        let (outcome, on_opened, on_resolved) = ("ok".to_owned(), vec![], vec![]);
        let (tick, now) = (Some(at(tick)), at(tick + 1));
        let end = AuditEnd { run, tick, saw, outcome, summary: None, on_opened, on_resolved, now };
        assert_eq!(store.audit_runs(None, 1).unwrap()[0].phase, Phase::Looking);
        store.enter_audit(end).await.unwrap();
        run
    };
    let newest = || store.audit_runs(None, 1).unwrap().remove(0);
    let run = begin(10).await;
    let open = newest();
    assert_eq!((open.phase, open.ended, open.outcome.as_deref()), (Phase::Mending, None, Some("ok")));
    assert_eq!((open.changed.found, audit.open().len()), (1, 1), "what was seen is entered before");
    assert_eq!(store.last_tick("sweep").unwrap(), Some(at(10)));
    store.summarize_audit(run, "orphans: 1 fixed".to_owned()).await.unwrap();
    store.finish_audit(run, None, at(15)).await.unwrap();
    let ended = newest();
    assert_eq!((ended.phase, ended.ended), (Phase::Ended, Some(at(15).to_string())));
    assert_eq!((ended.outcome.as_deref(), ended.summary.as_deref()), (Some("ok"), Some("orphans: 1 fixed")));

    let run = begin(20).await;
    store.finish_audit(run, Some("its remedies were ended early".to_owned()), at(25)).await.unwrap();
    assert_eq!(newest().outcome.as_deref(), Some("ok; its remedies were ended early"));

    begin(30).await;
    store.close_broken_audits(at(40)).await.unwrap();
    let broken = newest();
    assert_eq!((broken.phase, broken.ended), (Phase::Ended, Some(at(40).to_string())));
    assert_eq!(broken.outcome.as_deref(), Some("ok; the runner ended before its remedies"));
    assert_eq!(store.last_tick("sweep").unwrap(), Some(at(30)), "what it saw is entered: no tick was missed");
}

#[tokio::test]
async fn what_an_auditor_reported_that_looks_no_more_is_resolved_and_says_why() {
    let audit = Auditing::new().await;
    let (store, handler) = (&audit.bench.store, audit.handler);
    store.tell_findings_to(Listeners { opened: vec![handler], resolved: vec![handler] }).await.unwrap();
    audit.sees(&["v1", "v2"], Coverage::Complete, at(1)).await;
    audit.sees(&["v1"], Coverage::Complete, at(2)).await;
    assert_eq!(store.resolve_reported(handler, "it is gone", at(3)).await.unwrap(), 0, "it reported nothing");
    assert_eq!(store.resolve_reported(audit.auditor, "its stanza is gone", at(3)).await.unwrap(), 1);
    assert!(audit.open().is_empty());
    let all = store.findings(ClosedToo::Yes).unwrap();
    let v1 = all.iter().find(|finding| finding.about == "v1").unwrap();
    let message = "its stanza is gone; last seen: v1 is attached to nothing";
    assert_eq!((v1.message.as_str(), v1.closed.as_deref()), (message, Some(at(3).to_string().as_str())));
    let kinds: Vec<_> = audit.told().into_iter().map(|(kind, _)| kind).collect();
    assert_eq!(kinds, ["finding.opened", "finding.resolved", "finding.resolved"]);
    assert_eq!(store.resolve_reported(audit.auditor, "again", at(4)).await.unwrap(), 0);
    // Written back, it reports as ever.
    audit.sees(&["v1"], Coverage::Complete, at(5)).await;
    let back = store.findings(ClosedToo::No).unwrap().remove(0);
    assert_eq!((back.about.as_str(), back.message.as_str()), ("v1", "v1 is attached to nothing"));
}

#[tokio::test]
async fn a_renamed_hook_takes_its_schedules_along_and_nobody_elses() {
    let bench = Bench::new();
    let hook = bench.hook("old").await;
    for (name, second) in [("tick:old", 1), ("drift:old", 2), ("old", 3), ("tick:older", 4), ("tick:new", 9)]
    {
        bench.store.begin_schedule(name, at(second)).await.unwrap();
    }
    bench.store.rename_hook(hook, "new").await.unwrap();
    let expected = [("drift:new", 2), ("old", 3), ("tick:new", 1), ("tick:older", 4)];
    let expected = expected.map(|(name, second)| (name.to_owned(), at(second)));
    assert_eq!(bench.store.schedules().unwrap(), expected, "the audit `old` keeps its own");
}
