//! The rules of findings, in tables.

use super::*;

fn at(hour: i64) -> Timestamp {
    Timestamp::from_millis(1_795_000_000_000) + Millis::hours(hour)
}

fn reported(code: &str, about: &str) -> Reported {
    Reported {
        code: code.to_owned(),
        subject: None,
        about: about.to_owned(),
        severity: Severity::Warning,
        message: "it is so".to_owned(),
        cost_cents: None,
        remedy: None,
        data: Value::Null,
    }
}

fn page(findings: &[(&str, &str)], next: Option<&str>) -> Page {
    let findings = findings.iter().map(|(code, about)| reported(code, about)).collect();
    Page { findings, next: next.map(str::to_owned) }
}

/// What happens to one finding, and what people are told.
#[derive(Clone, Copy)]
enum Step {
    Seen,
    Missed(Coverage),
    Acknowledge(Option<i64>),
}
use Step::{Acknowledge, Missed, Seen};

fn live(steps: &[(i64, Step)]) -> Vec<(Standing, Notice)> {
    let mut life: Option<Life> = None;
    let mut told = Vec::new();
    for (hour, step) in steps {
        let now = at(*hour);
        let (next, notice) = match (*step, life.clone()) {
            (Seen, before) => Life::seen(before, now, Flapping::DEFAULT),
            (Missed(coverage), Some(before)) => Life::unseen(before, coverage, now, Flapping::DEFAULT),
            (Acknowledge(until), Some(before)) => {
                let (who, reason) = ("ann".to_owned(), "a copy for the lawyers".to_owned());
                let until = until.map(at);
                let acknowledged = Some(Acknowledgement { who, reason, at: now, until });
                (Life { acknowledged, ..before }, Notice::None)
            }
            (Missed(_) | Acknowledge(_), None) => panic!("there is nothing yet"),
        };
        told.push((next.standing(now), notice));
        life = Some(next);
    }
    told
}

#[test]
fn only_a_complete_run_resolves() {
    use Coverage::{Complete, Incomplete};
    let steps = [(0, Seen), (1, Seen), (2, Missed(Incomplete)), (3, Missed(Complete)), (4, Missed(Complete))];
    let expected = [
        (Standing::Open, Notice::Tell),
        (Standing::Open, Notice::None),
        (Standing::Open, Notice::None),
        (Standing::Resolved, Notice::Tell),
        (Standing::Resolved, Notice::None),
    ];
    assert_eq!(live(&steps), expected);
}

#[test]
fn an_acknowledgement_holds_for_its_time_and_ends_with_what_it_is_about() {
    let complete = Missed(Coverage::Complete);
    let steps = [(0, Seen), (1, Acknowledge(Some(4))), (2, Seen), (4, Seen), (5, Seen)];
    let expected = [
        (Standing::Open, Notice::Tell),
        (Standing::Acknowledged, Notice::None),
        (Standing::Acknowledged, Notice::None),
        (Standing::Open, Notice::Tell),
        (Standing::Open, Notice::None),
    ];
    assert_eq!(live(&steps), expected);
    let steps = [(0, Seen), (1, Acknowledge(None)), (900, Seen), (901, complete), (902, Seen)];
    let standings: Vec<_> = live(&steps).into_iter().map(|(standing, _)| standing).collect();
    let so = Standing::Acknowledged;
    assert_eq!(standings, [Standing::Open, so, so, Standing::Resolved, Standing::Open]);
}

#[test]
fn an_acknowledgement_lapses_once_and_without_being_seen() {
    let (open, _) = Life::seen(None, at(0), Flapping::DEFAULT);
    let (who, reason, until) = ("ann".to_owned(), "until the move".to_owned(), Some(at(4)));
    let said = Life { acknowledged: Some(Acknowledgement { who, reason, at: at(1), until }), ..open.clone() };
    assert_eq!(said.clone().lapsed(at(3), Flapping::DEFAULT), (said.clone(), Notice::None));
    assert_eq!(said.lapsed(at(4), Flapping::DEFAULT), (open.clone(), Notice::Tell), "as it was last seen");
    assert_eq!(open.clone().lapsed(at(4), Flapping::DEFAULT), (open, Notice::None));
}

#[test]
fn what_comes_and_goes_too_often_is_muted_until_it_calms_down() {
    let complete = Missed(Coverage::Complete);
    let mut steps = Vec::new();
    for hour in 0..5 {
        steps.extend([(hour * 2, Seen), (hour * 2 + 1, complete)]);
    }
    // A week later it is told again.
    steps.extend([(24 * 8, Seen), (24 * 8 + 1, complete)]);
    let notices: Vec<_> = live(&steps).into_iter().map(|(_, notice)| notice).collect();
    let expected = [[Notice::Tell; 6].as_slice(), &[Notice::Muted; 4], &[Notice::Tell; 2]].concat();
    assert_eq!(notices, expected);
}

#[test]
fn an_opening_begins_anew_and_the_row_does_not_grow() {
    let mut life = None;
    for hour in 0..40 {
        let (open, _) = Life::seen(life, at(hour * 2), Flapping::DEFAULT);
        assert_eq!((open.first_at, open.openings.len().min(5)), (at(hour * 2), open.openings.len()));
        life = Some(Life::unseen(open, Coverage::Complete, at(hour * 2 + 1), Flapping::DEFAULT).0);
    }
}

#[test]
fn pages_are_gathered_each_finding_once() {
    let codes = ["volume.unattached".to_owned(), "ip.idle".to_owned()];
    let mut gathering = Gathering::of(&codes);
    let next = gathering.take(page(&[("volume.unattached", "v1"), ("ip.idle", "v1")], Some("2"))).unwrap();
    assert_eq!(next.as_deref(), Some("2"));
    let table = [
        (page(&[("ip.idle", "a"), ("ip.idle", "a")], None), "ip.idle about a is there twice"),
        (page(&[("volume.unattached", "v1")], None), "volume.unattached about v1 is there twice"),
        (page(&[("app.ugly", "a")], None), "its manifest does not report `app.ugly`, but volume.unattached"),
        (page(&[("ip.idle", "b")], Some("2")), "the cursor `2` comes again"),
    ];
    for (page, expected) in table {
        let refused = gathering.take(page).unwrap_err();
        assert!(refused.message.contains(expected) && !refused.retry, "{refused}");
    }
    assert_eq!(gathering.findings.len(), 2, "nothing of a refused page is taken");
    assert_eq!(gathering.take(page(&[("ip.idle", "b")], None)).unwrap(), None);
}
