use groundcrew_core::mirror::Config;

use super::super::super::keeper::Position;
use super::super::RULES;
use super::*;

/// A mirror that is told lines, and the story that comes of it.
struct Told {
    mirror: Mirror,
    now: i64,
    ticks: Ticks,
    story: Vec<String>,
}

impl Told {
    fn new() -> Self {
        let config = Config { rules: RULES, ..Config::new("local") };
        let (mirror, ticks) = (Mirror::from_rows(config, [], None), Ticks::default());
        Self { mirror, now: 1_795_000_000_000, ticks, story: Vec::new() }
    }

    fn tell(&mut self, text: &str) -> Result<(), LineError> {
        self.now += 1;
        let now = Timestamp::from_millis(self.now);
        let line = Line { number: 7, text: Ok(text.to_owned()), end: Position::default() };
        for (look, observation) in read(&line, &self.mirror, now, &mut self.ticks)? {
            let delta = self.mirror.observe(&look, &observation);
            self.story
                .extend(delta.events.iter().map(|event| format!("{} {}", event.kind, event.subject.path)));
            self.mirror.apply(delta);
        }
        Ok(())
    }

    /// Tells lines, and takes the story so far.
    fn story(&mut self, lines: &[&str]) -> Vec<String> {
        for line in lines {
            self.tell(line).unwrap();
        }
        std::mem::take(&mut self.story)
    }
}

#[test]
fn lines_are_told_at_once_and_in_order() {
    let mut told = Told::new();
    let story = told.story(&[
        r#"{"app": "web"}"#,
        r#"{"app": "web", "machine": "m1"}"#,
        "# a comment",
        "",
        r#"{"app": "web", "machine": "m1", "state": "stopped", "reason": {"exit_code": 1}}"#,
        r#"{"app": "web", "machine": "m1", "state": "started"}"#,
        r#"{"app": "web", "machine": "m1", "state": "started"}"#,
        r#"{"app": "web", "machine": "m1", "metadata": {"plan": "pro"}}"#,
        r#"{"app": "web", "machine": "m1", "gone": true}"#,
        r#"{"app": "web", "state": "suspended"}"#,
    ]);
    let expected = [
        "app.created fly/local/web",
        "machine.created fly/local/web/m1",
        "machine.started fly/local/web/m1",
        "machine.stopped fly/local/web/m1",
        "machine.started fly/local/web/m1",
        "machine.updated fly/local/web/m1",
        "machine.destroyed fly/local/web/m1",
        "app.updated fly/local/web",
    ];
    assert_eq!(story, expected);
}

#[test]
fn apps_go_with_their_machines_and_come_again_as_others() {
    let mut told = Told::new();
    told.story(&[
        r#"{"app": "web", "id": "a1"}"#,
        r#"{"app": "shop"}"#,
        r#"{"app": "web", "machine": "m1"}"#,
    ]);
    let again =
        ["machine.destroyed fly/local/web/m1", "app.deleted fly/local/web", "app.created fly/local/web"];
    assert_eq!(told.story(&[r#"{"app": "web", "id": "a2"}"#]), again);
    assert_eq!(told.story(&[r#"{"app": "web", "gone": true}"#]), ["app.deleted fly/local/web"]);
    assert_eq!(told.story(&[r#"{"app": "web"}"#]), ["app.created fly/local/web"]);
    assert_eq!(told.mirror.app_names().collect::<Vec<_>>(), ["shop", "web"]);
}

#[test]
fn an_app_keeps_its_id_when_it_is_renamed() {
    let mut told = Told::new();
    told.story(&[r#"{"app": "web", "id": "a1"}"#, r#"{"app": "web", "machine": "m1"}"#]);
    let moved = ["app.updated fly/local/shop", "machine.updated fly/local/shop/m1"];
    assert_eq!(told.story(&[r#"{"app": "shop", "id": "a1"}"#]), moved);
}

#[test]
fn whole_observations_are_taken_as_they_are() {
    let mut told = Told::new();
    let list = r#"{"look": "apps", "outcome": {"outcome": "found", "seen": {"extent": "whole", "apps": [{"id": "a1", "name": "web"}]}}}"#;
    assert!(told.story(&[list]).is_empty(), "a first list is adopted silently");
    assert!(told.mirror.app("web").is_some());
    assert_eq!(
        told.story(&[r#"{"app": "web", "gone": true, "at": "2026-11-21T02:39:56Z"}"#]),
        ["app.deleted fly/local/web"]
    );
}

#[test]
fn a_bad_line_says_what_is_wrong_and_what_to_write() {
    let mut told = Told::new();
    told.story(&[
        r#"{"app": "web", "id": "a1"}"#,
        r#"{"app": "web", "machine": "m1"}"#,
        r#"{"app": "web", "machine": "m1", "gone": true}"#,
        r#"{"app": "old", "id": "a0"}"#,
        r#"{"app": "old", "gone": true}"#,
    ]);
    for (line, reason) in [
        ("{", "line 7: no JSON: EOF while parsing an object at line 1 column 1"),
        ("[]", "line 7: "),
        (r#"{"state": "started"}"#, "line 7: there is no `app`"),
        (r#"{"app": "web", "colour": "red"}"#, "line 7: unknown field `colour`"),
        (
            r#"{"app": "web", "region": "fra"}"#,
            "line 7: `region`, `image`, `metadata` and `reason` are a machine's",
        ),
        (r#"{"app": "web", "machine": "m2", "id": "x"}"#, "line 7: `id` and `network` are an app's"),
        (r#"{"app": "shop", "machine": "m2"}"#, "line 7: there is no app shop"),
        (r#"{"app": "shop", "gone": true}"#, "line 7: there is no app shop"),
        (r#"{"app": "web", "machine": "m1"}"#, "line 7: the machine m1 is gone"),
        (r#"{"app": "web", "machine": "m3", "gone": true}"#, "line 7: there is no machine m3"),
        (r#"{"app": "old", "id": "a0"}"#, "line 7: the app a0 is gone"),
        (r#"{"app": "web", "at": "yesterday"}"#, "line 7: `at` is no RFC 3339 time"),
        (r#"{"app": "a b"}"#, "line 7: "),
        (r#"{"look": "stars"}"#, "line 7: unknown variant `stars`"),
    ] {
        let error = told.tell(line).unwrap_err();
        assert!(error.to_string().starts_with(reason), "{line}: {error}");
        assert!(!error.fix.is_empty(), "{line}");
    }
}

/// Of a poller's machine this would be doubted for a minute; nobody looks again at what lines say.
#[test]
fn a_new_machine_that_lines_show_absent_and_not_found_is_gone() {
    let mut told = Told::new();
    let story = told.story(&[
        r#"{"app": "web"}"#,
        r#"{"app": "web", "machine": "m1"}"#,
        r#"{"look": "machines", "app": "web", "outcome": {"outcome": "found", "seen": []}}"#,
        r#"{"look": "machine", "app": "web", "machine": "m1", "outcome": {"outcome": "not-found"}}"#,
    ]);
    assert_eq!(story.last().unwrap(), "machine.destroyed fly/local/web/m1", "{story:?}");
}

#[test]
fn a_line_that_is_nested_too_deeply_is_not_understood() {
    let line = |levels: usize| {
        let (open, close) = (r#"{"a": "#.repeat(levels), "}".repeat(levels));
        format!(r#"{{"app": "web", "machine": "m1", "metadata": {open}1{close}}}"#)
    };
    let mut told = Told::new();
    told.story(&[r#"{"app": "web"}"#, &line(DEPTH_MAX - 1)]);
    let error = told.tell(&line(DEPTH_MAX)).unwrap_err();
    assert_eq!(error.to_string(), "line 7: it is nested deeper than 64 levels");
    // What is stored of the deepest that is taken can be read again.
    let rows: Vec<_> = told.mirror.rows().collect();
    let kept = json!({ "source": "ndjson", "row": rows[1] }).to_string();
    assert!(kept.contains("metadata") && serde_json::from_str::<Value>(&kept).is_ok(), "{kept}");
}

impl Told {
    /// Who is not taken in, and where.
    fn conflicts(&self) -> Vec<String> {
        let conflicts = self.mirror.cursor().conflicts.iter();
        conflicts.map(|(uid, path)| format!("{uid} {path}")).collect()
    }
}

#[test]
fn an_app_whose_name_another_source_has_waits_and_ends_without_a_word() {
    let mut told = Told::new();
    let web = Path::app("local", "web").unwrap();
    told.mirror.beside([(web.clone(), "app:x9".parse().unwrap())].into());
    let lines = [r#"{"app": "web"}"#, r#"{"app": "web", "state": "suspended"}"#, r#"{"app": "shop"}"#];
    assert_eq!(told.story(&lines), ["app.created fly/local/shop"]);
    assert_eq!(told.mirror.cursor().conflicts.len(), 1, "it keeps the id that it was given");
    let error = told.tell(r#"{"app": "web", "machine": "m1"}"#).unwrap_err();
    assert!(error.to_string().starts_with("line 7: web is not taken in"), "{error}");

    let waits = told.conflicts();
    assert_eq!(told.story(&[r#"{"app": "shop", "gone": true}"#]), ["app.deleted fly/local/shop"]);
    assert_eq!(told.conflicts(), waits, "the end of another changes nothing");
    assert_eq!(told.story(&[r#"{"app": "web", "id": "w2"}"#]), Vec::<String>::new());
    assert_eq!(told.conflicts(), ["app:w2 fly/local/web"], "it was made again");
    assert_eq!(told.story(&[r#"{"app": "web", "gone": true}"#]), Vec::<String>::new());
    assert_eq!(told.conflicts(), Vec::<String>::new());

    told.story(&[r#"{"app": "web", "id": "w3"}"#, r#"{"app": "shop"}"#]);
    told.mirror.beside(BTreeMap::new());
    let story = told.story(&[r#"{"app": "shop", "gone": true}"#]);
    assert_eq!(story, ["app.created fly/local/web", "app.deleted fly/local/shop"]);
    assert_eq!(told.conflicts(), Vec::<String>::new());
}

#[test]
fn an_app_that_is_renamed_to_a_name_another_source_has_keeps_its_own_until_it_is_free() {
    let mut told = Told::new();
    told.story(&[r#"{"app": "web", "id": "a1"}"#, r#"{"app": "blog"}"#]);
    told.mirror.beside([(Path::app("local", "shop").unwrap(), "app:x9".parse().unwrap())].into());
    assert_eq!(told.story(&[r#"{"app": "shop", "id": "a1"}"#]), Vec::<String>::new());
    assert_eq!(told.conflicts(), ["app:a1 fly/local/shop"]);
    told.mirror.beside(BTreeMap::new());
    let story = told.story(&[r#"{"app": "blog", "gone": true}"#]);
    assert_eq!(story, ["app.updated fly/local/shop", "app.deleted fly/local/blog"]);

    told.mirror.beside([(Path::app("local", "news").unwrap(), "app:x9".parse().unwrap())].into());
    told.story(&[r#"{"app": "news", "id": "a1"}"#]);
    assert_eq!(told.story(&[r#"{"app": "news", "gone": true}"#]), ["app.deleted fly/local/shop"]);
    assert_eq!(told.conflicts(), Vec::<String>::new());
}
