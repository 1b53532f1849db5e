//! Addresses at which somebody of another source lives.

use super::bench::{Bench, app, machine};
use crate::mirror::{Config, Mirror};
use crate::subject::{Path, Uid};

fn path(app: &str) -> Path {
    Path::app("acme", app).unwrap()
}

fn uid(text: &str) -> Uid {
    text.parse().unwrap()
}

impl Bench {
    /// Somebody of another source lives there; nobody does where no name is given.
    fn beside(&mut self, names: &[&str]) {
        self.mirror.beside(names.iter().map(|name| (path(name), uid("app:x9"))).collect());
    }
}

/// A first list of `web` and `shop`, where `web` is another source's.
fn held() -> Bench {
    let mut bench = Bench::empty(Config::new("acme"));
    bench.beside(&["web"]);
    bench.control();
    bench.apps(&[app("a1", "web"), app("a2", "shop")]);
    assert_eq!(bench.story, ["source.conflict opened"]);
    bench
}

#[test]
fn who_comes_to_a_held_address_is_not_taken_in_and_everybody_else_is() {
    let mut bench = held();
    let delta = bench.last.as_ref().unwrap();
    assert_eq!(
        delta.findings[0].text,
        "app:x9 of another source lives at fly/acme/web: app:a1 and its machines are not taken in there"
    );
    let rows: Vec<_> = delta.rows.iter().map(|row| row.uid.as_str()).collect();
    assert_eq!(rows, ["app:a2"]);
    assert!(bench.mirror.cursor().baseline_at.is_some(), "the first start is over");
    bench.org(&[machine("m1", "started", 10)]);
    bench.own("web", &[machine("m1", "started", 10)]);
    bench.apps(&[app("a1", "web"), app("a2", "shop")]);
    assert!(bench.mirror.row(&uid("machine:m1")).is_none() && bench.mirror.app("web").is_none());
    assert_eq!(bench.story.len(), 1, "it is told once: {:?}", bench.story);

    bench.beside(&[]);
    bench.apps(&[app("a1", "web"), app("a2", "shop")]);
    assert_eq!(bench.story[1..], ["source.conflict resolved", "app.created app:a1"]);
    bench.own("web", &[machine("m1", "started", 10)]);
    assert!(bench.mirror.row(&uid("machine:m1")).is_some());
    assert!(bench.mirror.cursor().conflicts.is_empty());
}

#[test]
fn an_app_that_is_renamed_to_a_held_address_stays_at_its_own() {
    let mut bench = Bench::adopted(crate::mirror::Rules::ALL);
    bench.beside(&["shop"]);
    for _ in 0..2 {
        bench.story.clear();
        bench.apps(&[app("a1", "shop")]);
        assert_eq!(bench.story, ["source.conflict opened"]);
        assert_eq!(bench.mirror.row(&uid("app:a1")).unwrap().path, path("web"));
        bench.apps(&[app("a1", "web")]);
        assert_eq!(bench.story[1..], ["source.conflict resolved"], "it is called as before");
    }
    bench.apps(&[app("a1", "shop")]);
    bench.beside(&[]);
    bench.story.clear();
    bench.apps(&[app("a1", "shop")]);
    assert_eq!(bench.story, ["source.conflict resolved", "app.updated app:a1", "machine.updated machine:m1"]);
    assert_eq!(bench.mirror.row(&uid("app:a1")).unwrap().path, path("shop"));
}

#[test]
fn who_comes_to_the_address_no_more_is_in_no_conflict_also_after_a_restart() {
    let mut bench = held();
    let rows: Vec<_> = bench.mirror.rows().cloned().collect();
    let cursor = serde_json::to_string(bench.mirror.cursor()).unwrap();
    bench.mirror = Mirror::from_rows(Config::new("acme"), rows, Some(serde_json::from_str(&cursor).unwrap()));
    bench.beside(&["web"]);
    bench.apps(&[app("a1", "web"), app("a2", "shop")]);
    assert_eq!(bench.story.len(), 1, "it is told once");
    bench.apps(&[app("a2", "shop")]);
    assert_eq!(bench.story[1..], ["source.conflict resolved"]);
}
