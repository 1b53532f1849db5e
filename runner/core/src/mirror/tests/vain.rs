//! What is asked again and again in vain is told, and what an outage of the whole platform keeps back is not.

use super::bench::{Bench, app, machine};
use crate::mirror::{Ask, Observation, Outcome, Rules, UNCONTROLLED_AFTER, UNREAD_AFTER};

#[test]
fn a_control_read_that_never_succeeds_is_told_until_it_does() {
    let mut bench = Bench::adopted(Rules::ALL);
    let refused = Observation::Control { outcome: Outcome::Forbidden };
    let wrong = "403 not allowed (request 01X)";
    bench.look.wrong = Some(wrong.to_owned());
    for _ in 0..20 {
        bench.see(&refused);
    }
    assert!(bench.story.is_empty(), "nothing else is answered: the platform is out");
    for n in 2..=UNCONTROLLED_AFTER {
        assert!(bench.story.is_empty(), "{n}");
        bench.pass(5);
        bench.apps(&[app("a1", "web")]);
        assert!(bench.last.as_ref().unwrap().asks.contains(&Ask::Control), "it is asked again");
        bench.see(&refused);
        bench.see(&refused);
    }
    assert_eq!(bench.story, ["source.control opened"]);
    let told = &bench.last.as_ref().unwrap().findings;
    assert!(told.is_empty(), "once");
    bench.pass(5);
    bench.control();
    assert_eq!(bench.story[1..], ["source.control resolved"]);
    bench.pass(5);
    bench.apps(&[app("a1", "web")]);
    assert!(!bench.last.as_ref().unwrap().asks.contains(&Ask::Control));
}

#[test]
fn an_app_whose_list_cannot_be_read_is_told_until_it_can() {
    let mut bench = Bench::adopted(Rules::ALL);
    bench.look.wrong = Some("answer 200 of the API cannot be read (request 01X)".to_owned());
    for _ in 0..20 {
        bench.own_unread("web");
    }
    assert!(bench.story.is_empty(), "nothing else is answered: the platform is out");
    for _ in 1..UNREAD_AFTER {
        assert!(bench.story.is_empty());
        bench.pass(5);
        bench.apps(&[app("a1", "web")]);
        bench.own_unread("web");
    }
    let [told] = &bench.last.as_ref().unwrap().findings[..] else { panic!("{:?}", bench.story) };
    assert_eq!((told.kind, told.about.as_str()), ("source.unread", "app:a1"));
    assert!(told.text.ends_with("8 times in a row: answer 200 of the API cannot be read (request 01X)"));
    let mut ended = bench.clone();
    bench.own("web", &[machine("m1", "started", 10)]);
    assert_eq!(bench.story, ["source.unread opened", "source.unread resolved"]);
    bench.pass(5);
    bench.apps(&[app("a1", "web")]);
    bench.own_unread("web");
    assert_eq!(bench.story.len(), 2, "it counts from the beginning");

    ended.pass(120);
    ended.apps(&[]);
    ended.control();
    ended.app("web", Outcome::NotFound);
    assert!(ended.story.contains(&"source.unread resolved".to_owned()), "{:?}", ended.story);
}

#[test]
fn an_organisations_list_that_cannot_be_read_is_told_until_it_can() {
    let mut bench = Bench::adopted(Rules::ALL);
    for _ in 0..UNREAD_AFTER {
        assert!(bench.story.is_empty());
        bench.pass(5);
        bench.apps(&[app("a1", "web")]);
        let query = bench.mirror.org_query();
        bench.see(&Observation::OrgPage { query, outcome: Outcome::Failed });
    }
    bench.org(&[machine("m1", "started", 10)]);
    assert_eq!(bench.story, ["source.unread opened", "source.unread resolved"]);
}

#[test]
fn a_list_whose_later_pages_cannot_be_read_or_that_is_refused_is_told() {
    for outcome in [Outcome::Failed, Outcome::Forbidden, Outcome::<()>::NotFound] {
        let mut bench = Bench::adopted(Rules::ALL);
        for _ in 0..UNREAD_AFTER {
            assert!(bench.story.is_empty());
            bench.pass(5);
            bench.apps(&[app("a1", "web")]);
            let first = crate::mirror::OrgPage { next: Some("c2".to_owned()), ..Default::default() };
            bench.page(first);
            let query = bench.mirror.org_query();
            assert_eq!(query.cursor.as_deref(), Some("c2"));
            let outcome = match outcome {
                Outcome::Failed => Outcome::Failed,
                Outcome::Forbidden => Outcome::Forbidden,
                _ => Outcome::NotFound,
            };
            bench.see(&Observation::OrgPage { query, outcome });
        }
        assert_eq!(bench.story, ["source.unread opened"]);
        bench.pass(5);
        bench.org(&[machine("m1", "started", 10)]);
        assert_eq!(bench.story[1..], ["source.unread resolved"]);
    }
}

#[test]
fn an_app_whose_list_is_refused_is_told_too() {
    let mut bench = Bench::adopted(Rules::ALL);
    for _ in 0..UNREAD_AFTER {
        assert!(bench.story.is_empty());
        bench.pass(5);
        bench.apps(&[app("a1", "web")]);
        bench.see(&Observation::Machines { app: "web".to_owned(), outcome: Outcome::Forbidden });
    }
    assert_eq!(bench.story, ["source.unread opened"]);
}
