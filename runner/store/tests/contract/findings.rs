//! Findings: one a code and thing, open since it was first seen, until it is no longer so.

use std::collections::BTreeMap;

use groundcrew_core::finding::{Acknowledgement, Standing};
use groundcrew_core::schedule::Overlap;
use groundcrew_core::spec::Event;
use groundcrew_store::deliveries::{Ending, Turn};
use groundcrew_store::events::{Intake, NewTick};
use groundcrew_store::findings::{ClosedToo, Finding, NewFinding, Severity};
use groundcrew_store::lanes::LaneId;
use groundcrew_store::operators::OperatorAct;
use groundcrew_store::subjects::SubjectChange;
use groundcrew_store::told::{Listeners, ROUND};
use groundcrew_store::{HookId, SubjectId};
use serde_json::Value;

use crate::support::{Bench, at, change, path};

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
    let muted = |now| {
        let found = bench.store.findings(ClosedToo::Yes).unwrap().remove(0);
        found.as_of(now).muted
    };
    assert!(muted(at(20)) && !muted(at(30 * 86_400)), "whoever lists it sees why");
    bench.store.open_finding(finding("resource.stuck", "a month later"), at(30 * 86_400)).await.unwrap();
    assert_eq!(told(&bench).last().unwrap().1, "a month later");
}

/// Everything that is owed, in order: kind, how many findings, and how many of them are shown.
fn owed(bench: &Bench) -> Vec<(String, u64, usize)> {
    let database = bench.database();
    let text = "SELECT kind, data FROM delivery JOIN event USING (seq) ORDER BY seq";
    let mut told = database.prepare(text).unwrap();
    let event = |row: &rusqlite::Row<'_>| {
        let data: Value = serde_json::from_str(&row.get::<_, String>(1)?).unwrap();
        let shown = data["findings"].as_array().unwrap().len();
        Ok((row.get(0)?, data["count"].as_u64().unwrap(), shown))
    };
    told.query_map([], event).unwrap().map(Result::unwrap).collect()
}

fn stuck(thing: u32, hook: HookId) -> NewFinding {
    NewFinding { about: format!("thing/{thing}"), hook: Some(hook), ..finding("resource.stuck", "it fails") }
}

#[tokio::test]
async fn a_thousand_findings_of_one_kind_are_told_by_two_events() {
    let bench = Bench::new();
    let (ops, dns) = (bench.hook("ops").await, bench.hook("dns").await);
    let store = &bench.store;
    store.tell_findings_to(Listeners { opened: vec![ops], resolved: vec![ops] }).await.unwrap();
    let lane = LaneId { hook: ops, subject: SubjectId::NONE };
    let tells = async |now| {
        let head = store.delivery_head(lane).unwrap().unwrap();
        let run = bench.run(lane, Some(head.seq), now);
        let ending = Ending::Told { written: BTreeMap::new() };
        store.settle_delivery(lane, head.seq, run, Vec::new(), ending, Turn::Ends, now).await.unwrap();
        head.event
    };
    store.open_finding(stuck(0, dns), at(1)).await.unwrap();
    assert_eq!(store.due_lanes(at(1), 9).unwrap(), [lane], "the first is told at once");
    tells(at(1)).await;
    for thing in 1..1_000 {
        store.open_finding(stuck(thing, dns), at(2)).await.unwrap();
    }
    assert_eq!(owed(&bench), [("finding.opened".to_owned(), 999, 10)]);
    assert!(store.due_lanes(at(31), 9).unwrap().is_empty());
    assert_eq!(store.due_lanes(at(2) + ROUND, 9).unwrap(), [lane]);
    // Something else is told at once, and all before it.
    store.open_finding(finding("source.vanish", "gone"), at(3)).await.unwrap();
    assert_eq!(store.due_lanes(at(3), 9).unwrap(), [lane]);
    let together = tells(at(3)).await.data;
    let expected = "999 resource.stuck: thing/1, thing/2, thing/3, thing/4, thing/5 and 994 more";
    assert_eq!((&together["message"], &together["hook"]), (&expected.into(), &"dns".into()));
    assert_eq!(tells(at(3)).await.data["code"], "source.vanish");

    // Their ends, too; and what opens after its end was told of is told after it.
    for thing in 0..1_000 {
        store.close_finding("resource.stuck", &format!("thing/{thing}"), at(100)).await.unwrap();
    }
    store.open_finding(stuck(7, dns), at(101)).await.unwrap();
    let (resolved, opened) = ("finding.resolved".to_owned(), "finding.opened".to_owned());
    assert_eq!(owed(&bench), [(resolved.clone(), 1, 1), (resolved, 999, 10), (opened, 1, 1)]);
}

#[tokio::test]
async fn a_tick_does_not_wait_for_findings_that_gather() {
    let bench = Bench::new();
    let (ops, dns) = (bench.hook("ops").await, bench.hook("dns").await);
    let store = &bench.store;
    store.tell_findings_to(Listeners { opened: vec![ops], resolved: vec![ops] }).await.unwrap();
    let lane = LaneId { hook: ops, subject: SubjectId::NONE };
    let settles = async |ending: Ending, now| {
        let head = store.delivery_head(lane).unwrap().unwrap();
        let run = bench.run(lane, Some(head.seq), now);
        store.settle_delivery(lane, head.seq, run, Vec::new(), ending, Turn::Ends, now).await.unwrap();
    };
    let told = || Ending::Told { written: BTreeMap::new() };
    let ticks = async |id: &str, now| {
        let data = Value::Null;
        let event = Event { id: id.to_owned(), kind: "tick".to_owned(), time: now, subject: None, data };
        let overlap = Overlap::QueueOne;
        let tick = NewTick { schedule: "ops".to_owned(), tick: now, event, handler: ops, overlap };
        assert!(store.accept_tick(tick, now).await.unwrap());
    };
    store.open_finding(stuck(0, dns), at(1)).await.unwrap();
    settles(told(), at(1)).await;
    store.open_finding(stuck(1, dns), at(2)).await.unwrap();
    assert!(store.due_lanes(at(3), 9).unwrap().is_empty(), "it gathers");
    ticks("first", at(3)).await;
    assert_eq!(store.due_lanes(at(3), 9).unwrap(), [lane], "and goes first, with what is due");

    // A lane that backs off still does: nothing overtakes its head.
    let failure = Ending::Again { at: at(60), error: "503".to_owned(), resumes: None, doubts: Vec::new() };
    settles(failure, at(3)).await;
    ticks("second", at(4)).await;
    assert!(store.due_lanes(at(5), 9).unwrap().is_empty());
}

#[tokio::test]
async fn deliveries_that_gave_up_are_one_finding_of_their_hook_until_none_is_left() {
    let bench = Bench::new();
    let ops = bench.hook("ops").await;
    let store = &bench.store;
    store.tell_findings_to(Listeners { opened: vec![ops], resolved: vec![ops] }).await.unwrap();
    let open = || {
        let findings = store.findings(ClosedToo::No).unwrap();
        findings.into_iter().map(|it| (it.code, it.about, it.message)).collect::<Vec<_>>()
    };
    let web = LaneId { hook: ops, subject: bench.app("web", &[]).await };
    let messages = [
        ("e1", "a delivery gave up and is not tried again: 410 Gone"),
        ("e2", "2 deliveries gave up and are not tried again; the last: 410 Gone"),
    ];
    for (id, message) in messages {
        bench.tell(id, "web", &[ops], at(1)).await;
        let head = store.delivery_head(web).unwrap().unwrap();
        let run = bench.run(web, Some(head.seq), at(2));
        let ending = Ending::Dead { error: "410 Gone".to_owned(), in_doubt: None };
        store.settle_delivery(web, head.seq, run, Vec::new(), ending, Turn::Ends, at(2)).await.unwrap();
        assert_eq!(open(), [("delivery.dead".to_owned(), "ops".to_owned(), message.to_owned())]);
    }
    assert_eq!(owed(&bench), [("finding.opened".to_owned(), 1, 1)], "told once");
    let act = || OperatorAct { who: "ann".to_owned(), what: String::new() };
    let [one, two] = &store.dead().unwrap()[..] else { panic!("two are dead") };
    store.retry_dead(ops, one.seq, act(), at(3)).await.unwrap();
    assert_eq!(open().len(), 1);
    store.discard_dead(ops, two.seq, act(), at(4)).await.unwrap();
    assert!(open().is_empty());
}

#[tokio::test]
async fn a_finding_whose_acknowledgement_is_over_is_open_and_told_again() {
    let bench = Bench::new();
    let ops = bench.hook("ops").await;
    let store = &bench.store;
    store.tell_findings_to(Listeners { opened: vec![ops], resolved: vec![ops] }).await.unwrap();
    store.open_finding(finding("resource.stuck", "it fails"), at(1)).await.unwrap();
    let only = || store.findings(ClosedToo::No).unwrap().remove(0);
    let id = only().id.trim_start_matches('f').parse().unwrap();
    let (who, reason, until) = ("ann".to_owned(), "until the move".to_owned(), Some(at(100)));
    let said = Acknowledgement { who, reason, at: at(2), until };
    let act = OperatorAct { who: "ann".to_owned(), what: "findings ack".to_owned() };
    store.acknowledge(id, said, act).await.unwrap();

    let so = |finding: Finding| (finding.standing, finding.acknowledged.is_some());
    assert_eq!(so(only().as_of(at(99))), (Standing::Acknowledged, true));
    assert_eq!(so(only().as_of(at(100))), (Standing::Open, false), "nobody has looked since");
    assert_eq!(store.lapse_acknowledgements(at(99)).await.unwrap(), 0);
    assert_eq!(told(&bench).len(), 1);
    assert_eq!(store.lapse_acknowledgements(at(100)).await.unwrap(), 1);
    assert_eq!(so(only()), (Standing::Open, false));
    let opened = ("finding.opened".to_owned(), "it fails".to_owned(), 1);
    assert_eq!(told(&bench), [opened.clone(), opened]);
    assert_eq!(only().seen, at(1).to_string(), "nobody saw it");
    assert_eq!(store.lapse_acknowledgements(at(101)).await.unwrap(), 0, "once");
}

#[tokio::test]
async fn a_hook_that_is_renamed_keeps_its_open_findings() {
    let bench = Bench::new();
    let dns = bench.hook("dns").await;
    let of = |code: &str, about: &str, hook, remedy: &str| NewFinding {
        about: about.to_owned(),
        hook,
        remedy: Some(remedy.to_owned()),
        ..finding(code, "it is so")
    };
    let store = &bench.store;
    // An earlier hook of the new name left one behind.
    store.open_finding(of("hook.lost-sight", "names", None, "-"), at(1)).await.unwrap();
    store.close_finding("hook.lost-sight", "names", at(2)).await.unwrap();
    for (code, about, hook, remedy) in [
        ("hook.lost-sight", "dns", Some(dns), "if the dns is right: groundcrew approve --upgrade dns"),
        (
            "resource.stuck",
            "thing/a",
            Some(dns),
            "groundcrew runs --hook dns; groundcrew resources --hook dns-old",
        ),
        ("canary.promoted", "dns", Some(dns), "let `use` of [hook.dns] name it, then: groundcrew add dns"),
        ("source.vanish", "dns", None, "groundcrew doctor"),
    ] {
        store.open_finding(of(code, about, hook, remedy), at(3)).await.unwrap();
    }
    store.rename_hook(dns, "names").await.unwrap();
    let mut found: Vec<_> = store.findings(ClosedToo::Yes).unwrap();
    found.sort_by(|one, other| one.code.cmp(&other.code));
    let found = found.into_iter().map(|it| (it.code, it.about, it.remedy.unwrap()));
    let expected = [
        ("canary.promoted", "names", "let `use` of [hook.names] name it, then: groundcrew add names"),
        ("hook.lost-sight", "names", "if the dns is right: groundcrew approve --upgrade names"),
        ("resource.stuck", "thing/a", "groundcrew runs --hook names; groundcrew resources --hook dns-old"),
        ("source.vanish", "dns", "groundcrew doctor"),
    ];
    let expected =
        expected.map(|(code, about, remedy)| (code.to_owned(), about.to_owned(), remedy.to_owned()));
    assert_eq!(found.collect::<Vec<_>>(), expected);
}

#[tokio::test]
async fn what_is_open_about_an_address_follows_whoever_had_it() {
    let bench = Bench::new();
    bench.app("web", &[]).await;
    let about = |code: &str, about: &str| NewFinding { about: about.to_owned(), ..finding(code, "held") };
    for (code, whom) in [
        ("retire.held", "fly/acme/web"),
        ("hook.failed", "dns fly/acme/web"),
        ("hook.failed", "dns fly/acme/webby"),
        ("hook.failed", "dns fly/acme/shop"),
        ("hook.desired", "dns fly/acme/web"),
        ("hook.desired", "dns fly/acme/shop"),
    ] {
        bench.store.open_finding(about(code, whom), at(1)).await.unwrap();
    }
    // It was about an earlier app of that name.
    bench.store.close_finding("hook.failed", "dns fly/acme/shop", at(2)).await.unwrap();
    let renamed = SubjectChange { path: path("shop"), version: 2, ..change("web") };
    let intake = Intake { subjects: vec![renamed], now: at(3), ..Intake::default() };
    bench.store.accept(intake).await.unwrap();
    let mut open: Vec<_> =
        bench.store.findings(ClosedToo::No).unwrap().into_iter().map(|open| open.about).collect();
    open.sort();
    assert_eq!(open, ["dns fly/acme/shop", "dns fly/acme/shop", "dns fly/acme/webby", "fly/acme/shop"]);
}
