//! Findings: one a code and thing, open since it was first seen, until it is no longer so.

use groundcrew_store::findings::{ClosedToo, NewFinding, Severity};

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
