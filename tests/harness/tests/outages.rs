//! What an operator sees while something is out, and that all is right again by itself: a test and a row of
//! `docs/outages.md` each.

use std::path::Path;
use std::sync::{Mutex, PoisonError};

use groundcrew_harness::month::{Outage, Sighted, day_without};

/// One at a time: all write to the log of this process, and to the page.
static ONE: Mutex<()> = Mutex::new(());

/// Plays it, and compares the page's row with what was seen; `GROUNDCREW_GOLDEN=write` writes it instead.
fn seen_of(outage: Outage) -> Sighted {
    let _one = ONE.lock().unwrap_or_else(PoisonError::into_inner);
    let sighted = day_without(outage);
    let outcome = &sighted.outcome;
    assert!(outcome.is_right(), "{outcome}{}", outcome.line());
    assert!(sighted.before.unready.is_empty(), "{:?}", sighted.before);
    assert!(sighted.after.unready.is_empty(), "{:?}", sighted.after);
    assert_eq!(sighted.after.findings, sighted.before.findings, "nothing is left to say");
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/outages.md");
    let page = std::fs::read_to_string(&path).expect("the page is there");
    let row = outage.row(&sighted);
    let begins = row.split(" | ").next().expect("a row has cells").to_owned() + " |";
    if std::env::var_os("GROUNDCREW_GOLDEN").is_some_and(|value| value == "write") {
        let lines = page.lines().map(|line| if line.starts_with(&begins) { row.as_str() } else { line });
        let page = lines.collect::<Vec<_>>().join("\n") + "\n";
        std::fs::write(&path, page).expect("the page can be written");
    } else {
        let kept = page.lines().find(|line| line.starts_with(&begins)).unwrap_or_default();
        assert_eq!(kept, row, "docs/outages.md says something else; GROUNDCREW_GOLDEN=write");
    }
    sighted
}

#[test]
fn an_outage_of_the_outside_api_is_seen_and_leaves_nothing_behind() {
    let sighted = seen_of(Outage::Outside);
    let findings = &sighted.during.findings;
    assert!(findings.contains("host.unreachable outside.example"), "{findings:?}");
    assert!(
        !findings.iter().any(|finding| finding.starts_with("resource.stuck")),
        "no attempt: {findings:?}"
    );
    // Others go on being served, so it is no reason to take the runner out.
    assert!(sighted.during.unready.is_empty());
    let failures = |(name, count): (&String, &f64)| name.contains("host_failures_total") && *count > 0.0;
    assert!(sighted.during.metrics.iter().any(failures), "{:?}", sighted.during.metrics);
}

#[test]
fn an_outage_of_the_platform_makes_the_runner_unready_and_removes_nothing() {
    let sighted = seen_of(Outage::Fly);
    assert!(sighted.during.unready.iter().any(|why| why.contains("source fly was last read")));
}

#[test]
fn an_outage_of_a_label_endpoint_is_a_finding_and_changes_no_wants() {
    let sighted = seen_of(Outage::Labels);
    assert!(sighted.during.findings.contains("labels.outage billing"), "{:?}", sighted.during.findings);
    assert!(sighted.during.unready.is_empty());
}

#[test]
fn a_full_disk_makes_the_runner_unready_and_loses_nothing() {
    let sighted = seen_of(Outage::Disk);
    assert!(sighted.during.unready.iter().any(|why| why.contains("the database cannot be written")));
    assert!(sighted.during.log.iter().any(|line| line == "ERROR the database cannot be written"));
}
