//! Logs that were doctored: the judge finds what was done to them, and only that.

use std::collections::BTreeSet;
use std::process::Command;

use serde_json::json;

use super::*;

const EXPECTED: &str = "app 1 lives, app 2 was deleted";

fn fly(what: &str, app: u32, ip: &str) -> Value {
    json!({"what": what, "app": format!("cust-{app}"), "app_id": format!("a{app}"), "subject": ip, "detail": {}})
}

fn by_client(mut effect: Value) -> Value {
    effect["by"] = json!("client");
    effect
}

fn told(kind: &str, app: Option<u32>, number: Option<u64>) -> Receipt {
    Receipt { kind: kind.to_owned(), subject: app.map(|app| format!("app:a{app}")), number }
}

fn set(name: &str, kind: &str, contents: &[&str]) -> Set {
    let records = contents.iter().map(|content| ((*content).to_owned(), Told::Yes)).collect();
    Set { name: name.to_owned(), kind: kind.to_owned(), ttl: 300, records }
}

fn change(name: &str, kind: &str, contents: &[&str]) -> Change {
    let contents = contents.iter().map(|content| (*content).to_owned()).collect();
    Change { name: name.to_owned(), kind: kind.to_owned(), contents }
}

/// App 1 has its three things, app 2 had them, everybody was told of that and of orders, and two foreign record sets
/// are as they were.
fn good() -> Outside {
    let foreign = vec![
        set("mail.example.", "A", &["192.0.2.10"]),
        set("www.cust-3x.example.", "A", &["192.0.2.11", "192.0.2.12"]),
    ];
    let ours =
        [set("www.cust-1.example.", "A", &["6.6.6.1"]), set("_gc-a.www.cust-1.example.", "TXT", &["m1"])];
    Outside {
        fly: vec![
            fly("ip.allocated", 1, "6.6.6.1"),
            fly("ip.allocated", 2, "6.6.6.2"),
            fly("ip.allocated", 1, "fd::1"),
            fly("ip.allocated", 2, "fd::2"),
            fly("ip.released", 2, "fd::2"),
            fly("app.created", 1, ""),
            fly("app.created", 2, ""),
            fly("app.deleted", 2, ""),
        ],
        sets: [foreign.as_slice(), &ours].concat(),
        changes: vec![
            change("_gc-a.www.cust-1.example.", "TXT", &["m1"]),
            change("www.cust-1.example.", "A", &["6.6.6.1"]),
            change("www.cust-2.example.", "A", &["6.6.6.2"]),
            change("example.", "SOA", &["ns.example. 2"]),
            change("www.cust-2.example.", "A", &[]),
        ],
        foreign,
        planted: vec!["shop.cust-2.example".to_owned()],
        receipts: vec![
            told("app.created", Some(1), None),
            told("order.paid", None, Some(1)),
            told("app.created", Some(2), None),
            // The runner was killed before it had noted that this was told.
            told("order.paid", Some(1), Some(3)),
            told("order.paid", Some(1), Some(3)),
            told("order.paid", None, Some(2)),
            told("app.deleted", Some(2), None),
            told("order.paid", Some(1), Some(5)),
        ],
        violations: Vec::new(),
        too_many: 0,
    }
}

fn judged(doctored: impl FnOnce(&mut Outside)) -> Verdict {
    let mut outside = good();
    doctored(&mut outside);
    Verdict::of(&outside, &Expected { living: vec![1], deleted: vec![2], owed: owed() })
}

/// The order with number 4 was posted, but nobody answered.
fn owed() -> Owed {
    Owed { foreign: vec![1, 2, 3, 5], births: Births::All }
}

fn counts(verdict: &Verdict) -> [usize; 4] {
    [verdict.lost(), verdict.doubled(), verdict.leaked(), verdict.foreign()]
}

/// Writes a set both in the zone and in the log.
fn write(outside: &mut Outside, name: &str, kind: &str, contents: &[&str]) {
    outside.sets.retain(|set| set.name != name || set.kind != kind);
    if !contents.is_empty() {
        outside.sets.push(set(name, kind, contents));
    }
    outside.changes.push(change(name, kind, contents));
}

/// What was done; how many lost, doubled, leaked, foreign things the judge must find.
type Row = (&'static str, fn(&mut Outside), [usize; 4]);

const LOST_DOUBLED_LEAKED_FOREIGN: &[Row] = &[
    ("nothing", |_| {}, [0, 0, 0, 0]),
    ("an address never came", |it| drop(it.fly.remove(2)), [1, 0, 0, 0]),
    ("an address was released", |it| it.fly.push(fly("ip.released", 1, "fd::1")), [1, 0, 0, 0]),
    ("a record was deleted", |it| write(it, "www.cust-1.example.", "A", &[]), [2, 0, 0, 0]),
    ("a record leads elsewhere", |it| write(it, "www.cust-1.example.", "A", &["9.9.9.9"]), [1, 0, 0, 0]),
    ("a record is disabled", |it| it.sets[2].records[0].1 = Told::No, [1, 0, 0, 0]),
    ("a deleted app has an address", |it| it.fly.push(fly("ip.allocated", 2, "fd::2")), [0, 0, 1, 0]),
    ("an unknown app has an address", |it| it.fly.push(fly("ip.allocated", 7, "fd::7")), [0, 0, 1, 0]),
    (
        "a deleted app's mark is left",
        |it| write(it, "_gc-a.www.cust-2.example.", "TXT", &["m2"]),
        [0, 0, 1, 0],
    ),
    ("an address is there twice", |it| it.fly.push(fly("ip.allocated", 1, "fd::3")), [0, 1, 0, 0]),
    (
        "two addresses for a moment",
        |it| it.fly.extend([fly("ip.allocated", 1, "fd::3"), fly("ip.released", 1, "fd::3")]),
        [0, 1, 0, 0],
    ),
    (
        "an address was exchanged for another one",
        |it| it.fly.extend([by_client(fly("ip.released", 1, "fd::1")), fly("ip.allocated", 1, "fd::3")]),
        [1, 0, 0, 0],
    ),
    (
        "a record was made anew",
        |it| {
            write(it, "www.cust-1.example.", "A", &[]);
            write(it, "www.cust-1.example.", "A", &["6.6.6.1"]);
        },
        [1, 0, 0, 0],
    ),
    ("a mark was removed", |it| write(it, "_gc-a.www.cust-1.example.", "TXT", &[]), [2, 0, 0, 0]),
    (
        "a record of a name that nobody knows",
        |it| write(it, "cust-1.example.", "A", &["6.6.6.1"]),
        [0, 0, 1, 0],
    ),
    ("one of another type", |it| write(it, "_gc-a.mail.example.", "TXT", &["m3"]), [0, 0, 1, 0]),
    ("what the play put there", |it| write(it, "shop.cust-2.example.", "CNAME", &["x."]), [0, 0, 0, 0]),
    ("a double hides no loss", |it| it.fly[2] = fly("ip.allocated", 1, "6.6.6.3"), [1, 1, 0, 0]),
    (
        "two addresses of a name for a moment",
        |it| {
            write(it, "www.cust-1.example.", "A", &["6.6.6.1", "9.9.9.9"]);
            write(it, "www.cust-1.example.", "A", &["6.6.6.1"]);
        },
        [0, 1, 0, 0],
    ),
    (
        "two types of a name for a moment, of an app that is deleted by now",
        |it| {
            write(it, "www.cust-2.example.", "A", &["6.6.6.2"]);
            write(it, "www.cust-2.example.", "AAAA", &["fd::2"]);
            write(it, "www.cust-2.example.", "A", &[]);
            write(it, "www.cust-2.example.", "AAAA", &[]);
        },
        [0, 1, 0, 0],
    ),
    (
        "a mark is there twice for a moment",
        |it| {
            write(it, "_gc-a.www.cust-1.example.", "TXT", &["m1", "m2"]);
            write(it, "_gc-a.www.cust-1.example.", "TXT", &["m1"]);
        },
        [0, 1, 0, 0],
    ),
    ("foreign, removed", |it| write(it, "mail.example.", "A", &[]), [0, 0, 0, 1]),
    (
        "foreign, removed and written again",
        |it| {
            write(it, "mail.example.", "A", &[]);
            write(it, "mail.example.", "A", &["192.0.2.10"]);
        },
        [0, 0, 0, 1],
    ),
    ("foreign, written again as it was", |it| write(it, "mail.example.", "A", &["192.0.2.10"]), [0, 0, 0, 1]),
    (
        "foreign, a value added",
        |it| write(it, "mail.example.", "A", &["192.0.2.10", "9.9.9.9"]),
        [0, 0, 0, 1],
    ),
    ("foreign, a value less", |it| write(it, "www.cust-3x.example.", "A", &["192.0.2.11"]), [0, 0, 0, 1]),
    ("foreign, another type beside it", |it| write(it, "mail.example.", "TXT", &["m"]), [0, 0, 0, 1]),
    ("foreign, kept for another time", |it| it.sets[0].ttl = 60, [0, 0, 0, 1]),
    ("foreign, disabled", |it| it.sets[1].records[1].1 = Told::No, [0, 0, 0, 1]),
    ("an order was not told", |it| drop(it.receipts.remove(1)), [1, 0, 0, 0]),
    ("two orders were not told", |it| it.receipts.retain(|told| told.subject.is_some()), [2, 0, 0, 0]),
    ("an order was told once less", |it| drop(it.receipts.remove(4)), [0, 0, 0, 0]),
    ("the birth of an app that lives was not told", |it| drop(it.receipts.remove(0)), [1, 0, 0, 0]),
    ("an end was not told", |it| drop(it.receipts.remove(6)), [1, 0, 0, 0]),
    (
        "an app came and went unseen",
        |it| it.receipts.retain(|told| told.subject.as_deref() != Some("app:a2")),
        [0, 0, 0, 0],
    ),
    (
        "a birth of an earlier app of this name does not count",
        |it| {
            it.fly.extend([
                fly("app.deleted", 1, ""),
                json!({"what": "app.created", "app": "cust-1", "app_id": "a9"}),
            ]);
        },
        // Nor do the addresses of that one, nor the record that leads to one of them.
        [5, 0, 0, 0],
    ),
    ("nobody was told anything", |it| it.receipts.clear(), [5, 0, 0, 0]),
    ("foreign, both of them", |it| drop(it.sets.drain(..2)), [0, 0, 0, 2]),
];

/// The packages of the workspace that one is built from, tests aside.
fn built_from(package: &str, packages: &[Value]) -> BTreeSet<String> {
    let (mut all, mut next) = (BTreeSet::new(), vec![package.to_owned()]);
    while let Some(name) = next.pop() {
        let of = packages.iter().find(|package| package["name"] == name.as_str());
        let needed = of.and_then(|of| of["dependencies"].as_array()).into_iter().flatten();
        // Without a path it is none of the workspace's.
        let needed = needed.filter(|needed| needed["kind"] != "dev" && needed["path"].is_string());
        for needed in needed.filter_map(|needed| needed["name"].as_str()) {
            if all.insert(needed.to_owned()) {
                next.push(needed.to_owned());
            }
        }
    }
    all
}

#[test]
fn those_who_judge_are_built_from_nothing_that_decides() {
    let metadata =
        Command::new(env!("CARGO")).args(["metadata", "--no-deps", "--format-version", "1"]).output();
    let metadata: Value = serde_json::from_slice(&metadata.unwrap().stdout).unwrap();
    let packages = metadata["packages"].as_array().unwrap();
    for judge in
        ["xtask", "groundcrew-verdict", "groundcrew-outside", "groundcrew-flysim", "groundcrew-fakes"]
    {
        assert!(packages.iter().any(|package| package["name"] == judge), "no package is called {judge}");
        let from = built_from(judge, packages);
        for decides in ["groundcrew-core", "groundcrew-store", "groundcrew-engine", "groundcrew"] {
            assert!(!from.contains(decides), "{judge} is built from {decides}: {from:?}");
        }
    }
    assert!(built_from("groundcrew", packages).contains("groundcrew-core"), "dependencies are seen");
}

#[test]
fn what_was_done_to_the_logs_is_found() {
    for (done, doctor, expected) in LOST_DOUBLED_LEAKED_FOREIGN {
        let verdict = judged(doctor);
        assert_eq!(counts(&verdict), *expected, "{EXPECTED}; {done}: {verdict}");
        assert_eq!(verdict.is_good(), *expected == [0; 4], "{EXPECTED}; {done}: {verdict}");
    }
}

#[test]
fn a_log_that_does_not_explain_the_zone_is_no_evidence() {
    for doctor in [
        (|it| it.changes.clear()) as fn(&mut Outside),
        |it| drop(it.changes.remove(1)),
        |it| drop(it.changes.pop()),
    ] {
        let verdict = judged(doctor);
        assert_eq!(counts(&verdict), [0; 4]);
        assert!(!verdict.is_whole() && verdict.to_string().contains("NOT IN THE LOG"), "{verdict}");
    }
}

#[test]
fn resolvers_must_be_led_to_an_apps_own_address_and_to_none_of_a_deleted_one() {
    let misled = |living: &[&str], deleted: &[&str]| {
        let answers = [(1, living), (2, deleted)]
            .map(|(app, all)| (app, all.iter().map(ToString::to_string).collect::<Vec<_>>()));
        let expected = Expected { living: vec![1], deleted: vec![2], owed: owed() };
        super::misled(&good().fly, &expected, &answers.into())
    };
    assert_eq!(misled(&["6.6.6.1"], &[]), [] as [&str; 0]);
    for (living, deleted) in [
        (&[] as &[&str], &[] as &[&str]),
        (&["9.9.9.9"], &[]),
        (&["6.6.6.2"], &[]),
        (&["6.6.6.1", "6.6.6.2"], &[]),
        (&["6.6.6.1"], &["6.6.6.2"]),
    ] {
        assert_eq!(misled(living, deleted).len(), 1, "{living:?} {deleted:?}");
    }
    assert_eq!(misled(&["9.9.9.9"], &["9.9.9.9"]).len(), 2);
    let nobody = Expected { living: vec![1], deleted: vec![2], owed: owed() };
    assert_eq!(super::misled(&good().fly, &nobody, &[].into()).len(), 2, "who was not asked for is not well");
}

#[test]
fn what_is_told_in_disorder_is_found() {
    let disordered = |doctor: fn(&mut Vec<Receipt>)| judged(|it| doctor(&mut it.receipts));
    for (done, doctor) in [
        ("a later order first", (|it| it.swap(1, 5)) as fn(&mut Vec<Receipt>)),
        ("the same, about an app", |it| it.swap(3, 7)),
        ("the birth after an order", |it| it.swap(0, 3)),
        ("the end before the birth", |it| it.swap(2, 6)),
        ("a change after the end", |it| it.push(told("app.updated", Some(2), None))),
    ] {
        let verdict = disordered(doctor);
        assert_eq!(counts(&verdict), [0; 4], "{done}: {verdict}");
        assert!(!verdict.is_whole() && verdict.to_string().contains("TOLD IN DISORDER"), "{done}: {verdict}");
    }
    let again = disordered(|it| it.push(told("order.paid", None, Some(1))));
    assert!(again.is_good(), "what was told may be told again: {again}");
}

#[test]
fn what_was_there_before_the_runner_is_born_silently_but_does_not_end_so() {
    let silent = |doctor: fn(&mut Outside)| {
        let mut outside = good();
        outside.receipts.retain(|told| told.kind != "app.created");
        doctor(&mut outside);
        let owed = Owed { births: Births::None, ..owed() };
        Verdict::of(&outside, &Expected { living: vec![1], deleted: vec![2], owed })
    };
    assert!(silent(|_| ()).is_good());
    assert_eq!(counts(&silent(|it| it.receipts.retain(|told| told.kind != "app.deleted"))), [1, 0, 0, 0]);
}

#[test]
fn an_answer_that_the_platform_would_not_give_is_not_whole() {
    let verdict = judged(|it| it.violations.push("GET /v1/apps 200: ...".to_owned()));
    assert_eq!(counts(&verdict), [0; 4]);
    assert!(!verdict.is_whole() && verdict.to_string().contains("DOCUMENT SAYS: GET /v1/apps"), "{verdict}");
}

#[test]
fn refused_requests_are_not_good_but_lose_nothing() {
    let verdict = judged(|it| it.too_many = 1);
    assert!(verdict.is_whole() && !verdict.is_good());
}

#[test]
fn it_says_what_it_found() {
    assert_eq!(
        judged(|_| ()).to_string(),
        "1 living apps have 3 of 3 things; 1 deleted apps have 0; foreign records untouched 2 of 2; \
         told 6 of 6; answers 429: 0; at no moment was anything doubled"
    );
    let doubled = judged(|it| it.fly.push(fly("ip.allocated", 1, "fd::3")));
    assert!(doubled.to_string().ends_with("DOUBLED: v6 of cust-1"), "{doubled}");
}

/// A record goes with each end of its app, and not once more.
#[test]
fn a_record_that_goes_more_often_than_its_app_ends_was_torn_down() {
    let again = |goes: usize| {
        judged(|outside| {
            outside.fly.extend([fly("app.deleted", 1, ""), fly("app.created", 1, "")]);
            outside.fly.extend([fly("ip.allocated", 1, "6.6.6.1"), fly("ip.allocated", 1, "fd::1")]);
            for _ in 0..goes {
                outside.changes.push(change("www.cust-1.example.", "A", &[]));
                outside.changes.push(change("www.cust-1.example.", "A", &["6.6.6.1"]));
            }
        })
    };
    assert!(again(1).torn.is_empty(), "{}", again(1));
    let twice = again(2);
    assert_eq!(twice.torn, ["A www.cust-1.example."], "{twice}");
    assert_eq!(twice.lost(), again(1).lost() + 1);
}
