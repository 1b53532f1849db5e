//! Findings: one a code and thing, open since it was first seen, until it is no longer so.

use groundcrew_store::findings::{ClosedToo, NewFinding, Severity};
use groundcrew_store::told::Listeners;
use serde_json::Value;

use crate::support::{Bench, at};

fn finding(code: &str, message: &str) -> NewFinding {
    NewFinding {
        code: code.to_owned(),
        about: "thing/a".to_owned(),
        hook: None,
        severity: Severity::Warning,
        message: message.to_owned(),
        remedy: None,
    }
}

#[tokio::test]
async fn a_finding_keeps_its_beginning_while_it_is_open_and_begins_anew_after() {
    let bench = Bench::new();
    let since = |all| {
        let findings = bench.store.findings(all).unwrap();
        findings.into_iter().map(|finding| (finding.since, finding.message)).collect::<Vec<_>>()
    };
    bench.store.open_finding(finding("resource.stuck", "one"), at(1)).await.unwrap();
    bench.store.open_finding(finding("resource.stuck", "two"), at(2)).await.unwrap();
    assert_eq!(since(ClosedToo::No), [(at(1).to_string(), "two".to_owned())]);
    bench.store.open_finding(finding("source.vanish", "other"), at(2)).await.unwrap();
    bench.store.close_finding("resource.*", "thing/a", at(3)).await.unwrap();
    assert_eq!(since(ClosedToo::No), [(at(2).to_string(), "other".to_owned())], "only what the pattern says");
    assert_eq!(since(ClosedToo::Yes).len(), 2);
    bench.store.open_finding(finding("resource.stuck", "again"), at(4)).await.unwrap();
    assert!(since(ClosedToo::No).contains(&(at(4).to_string(), "again".to_owned())));
}

/// Kind and message of the events that were told, and to how many.
fn told(bench: &Bench) -> Vec<(String, String, u32)> {
    let database = bench.database();
    let text = "SELECT kind, data, (SELECT count(*) FROM delivery WHERE delivery.seq = event.seq) FROM event ORDER BY seq";
    let mut told = database.prepare(text).unwrap();
    let event = |row: &rusqlite::Row<'_>| {
        let data: Value = serde_json::from_str(&row.get::<_, String>(1)?).unwrap();
        assert_eq!((&data["about"], &data["findings"][0]["code"]), (&"thing/a".into(), &data["code"]));
        Ok((row.get(0)?, data["message"].as_str().unwrap().to_owned(), row.get(2)?))
    };
    told.query_map([], event).unwrap().map(Result::unwrap).collect()
}

#[tokio::test]
async fn whoever_listens_is_told_once_that_a_finding_opened_and_once_that_it_ended() {
    let bench = Bench::new();
    let store = &bench.store;
    store.open_finding(finding("resource.stuck", "nobody listens"), at(1)).await.unwrap();
    let (one, two) = (bench.hook("ops").await, bench.hook("pager").await);
    store.tell_findings_to(Listeners { opened: vec![one, two], resolved: vec![one] }).await.unwrap();
    store.open_finding(finding("resource.stuck", "known before"), at(2)).await.unwrap();
    store.open_finding(finding("source.vanish", "new"), at(3)).await.unwrap();
    store.open_finding(finding("source.vanish", "seen again"), at(4)).await.unwrap();
    store.close_finding("resource.*", "thing/a", at(5)).await.unwrap();
    store.close_finding("resource.*", "thing/a", at(6)).await.unwrap();
    let expected = [("finding.opened", "new", 2), ("finding.resolved", "known before", 1)];
    assert_eq!(told(&bench), expected.map(|(kind, text, count)| (kind.to_owned(), text.to_owned(), count)));
    store.tell_findings_to(Listeners::default()).await.unwrap();
    store.close_finding("*", "thing/a", at(7)).await.unwrap();
    assert_eq!(told(&bench).len(), 2, "nobody listens any more");
}

#[tokio::test]
async fn of_a_finding_that_comes_and_goes_nobody_is_told_after_a_while() {
    let bench = Bench::new();
    let ops = bench.hook("ops").await;
    bench.store.tell_findings_to(Listeners { opened: vec![ops], resolved: vec![ops] }).await.unwrap();
    for turn in 0..9 {
        bench.store.open_finding(finding("resource.stuck", "it flaps"), at(2 * turn)).await.unwrap();
        bench.store.close_finding("resource.stuck", "thing/a", at(2 * turn + 1)).await.unwrap();
    }
    assert_eq!(told(&bench).len(), 6, "three openings, and their ends");
    bench.store.open_finding(finding("resource.stuck", "a month later"), at(30 * 86_400)).await.unwrap();
    assert_eq!(told(&bench).last().unwrap().1, "a month later");
}
