use super::*;

const NOW: Timestamp = Timestamp::from_millis(10_000_000_000);

fn clear() -> Facts<'static> {
    Facts {
        now: NOW,
        asked: Asked::ByAudit,
        effect: Effect::Destroys,
        standing: Standing::Open,
        listed: true,
        frozen: None,
        first_at: NOW - Millis::hours(24 * 8),
        grace: Millis::hours(24 * 7),
        last: Last::None,
        untrue_at: None,
        due: 1,
        open: 20,
        window: Window::DEFAULT,
        approved: false,
    }
}

type Change = fn(&mut Facts<'static>);

const CONDITIONS: [(&str, Change); 10] = [
    ("may be", |f| f.standing = Standing::Acknowledged),
    ("no longer so", |f| f.standing = Standing::Resolved),
    ("not one of those", |f| f.listed = false),
    ("frozen: paused", |f| f.frozen = Some("paused")),
    ("being mended", |f| f.last = Last::UnderWay),
    ("may still take effect", |f| f.last = Last::Ended(NOW + Millis::new(1))),
    ("grace of 168h", |f| f.first_at = NOW - Millis::hours(24 * 7) + Millis::new(1)),
    ("nothing to mend", |f| f.untrue_at = Some(NOW - UNTRUE_REST + Millis::new(1))),
    ("11 are due within 1h, 10 are allowed", |f| f.due = 11),
    ("41 are due within 1h, 40 are allowed", |f| (f.due, f.open) = (41, 400)),
];

#[test]
fn every_condition_alone_stops_an_audit() {
    assert_eq!(may_fix(&clear()), Verdict::Fix);
    for (expected, change) in CONDITIONS {
        let mut facts = clear();
        change(&mut facts);
        let verdict = may_fix(&facts);
        assert_ne!(verdict, Verdict::Fix, "{expected}");
        let why = format!("{verdict:?}").replace("7d", "168h");
        assert!(why.contains(expected), "{expected}: {verdict:?}");
    }
    assert_eq!(may_fix(&Facts { last: Last::Ended(NOW), ..clear() }), Verdict::Fix);
    assert_eq!(
        may_fix(&Facts { untrue_at: Some(NOW - UNTRUE_REST), ..clear() }),
        Verdict::Fix,
        "tried again"
    );
}

#[test]
fn what_is_harmless_waits_for_neither_grace_nor_window_but_for_all_else() {
    let harmless = CONDITIONS.map(|(_, change)| {
        let mut facts = Facts { effect: Effect::Harmless, ..clear() };
        change(&mut facts);
        may_fix(&facts) == Verdict::Fix
    });
    assert_eq!(harmless, [false, false, false, false, false, false, true, false, true, true]);
}

#[test]
fn a_person_lifts_grace_window_and_list_and_an_approval_the_window_alone() {
    let lifted = |base: Facts<'static>| {
        CONDITIONS.map(|(_, change)| {
            let mut facts = base.clone();
            change(&mut facts);
            may_fix(&facts) == Verdict::Fix
        })
    };
    let by_hand = lifted(Facts { asked: Asked::ByHand, ..clear() });
    assert_eq!(by_hand, [false, false, true, false, false, false, true, true, true, true]);
    let approved = lifted(Facts { approved: true, ..clear() });
    assert_eq!(approved, [false, false, false, false, false, false, false, false, true, true]);
}
