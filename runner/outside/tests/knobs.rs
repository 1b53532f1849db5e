//! Every knob and fault does what its name says, and nothing while it is off.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use groundcrew_outside::{Act, By, ById, Fault, Keys, Knobs, Outside, Pick, Rate, Reply, Response, What};
use serde_json::{Value, json};

const PATH: &str = "/things";

/// An outside with one collection, and its clock.
struct Bench {
    outside: Outside,
    now: Arc<AtomicI64>,
}

fn bench(knobs: Knobs) -> Bench {
    let now = Arc::new(AtomicI64::new(1_000));
    let clock = Arc::clone(&now);
    let outside = Outside::new(Arc::new(move || clock.load(Ordering::SeqCst))).with(PATH, knobs);
    Bench { outside, now }
}

impl Bench {
    fn pass(&self, ms: i64) {
        self.now.fetch_add(ms, Ordering::SeqCst);
    }

    fn reply(&self, method: &str, target: &str, headers: &[(&str, &str)], body: &Value) -> Reply {
        let headers: Vec<_> =
            headers.iter().map(|(name, value)| (name.to_string(), value.to_string())).collect();
        self.outside.handle(method, target, &headers, body.to_string().as_bytes())
    }

    fn send(&self, method: &str, target: &str, body: &Value) -> Response {
        self.reply(method, target, &[], body).answer().unwrap()
    }

    fn post(&self, body: &Value) -> Response {
        self.send("POST", PATH, body)
    }

    fn listed(&self) -> usize {
        self.send("GET", PATH, &Value::Null).json()["items"].as_array().unwrap().len()
    }

    fn effects(&self) -> Vec<(i64, What, By)> {
        self.outside.log().into_iter().map(|effect| (effect.at, effect.what, effect.by)).collect()
    }
}

#[test]
fn a_kind_api_does_everything_at_once() {
    let bench = bench(Knobs::default());
    let made = bench.post(&json!({ "name": "a", "mark": "m", "value": 7 }));
    let shown = json!({ "id": "t1", "name": "a", "mark": "m", "value": 7, "state": "ready",
                        "created_at": "1970-01-01T00:00:01Z" });
    assert_eq!((made.status, made.json()), (201, shown.clone()));
    assert_eq!(bench.send("GET", "/things?name=a", &Value::Null).json()["items"], json!([shown]));
    assert_eq!(bench.send("GET", "/things?mark=other", &Value::Null).json()["items"], json!([]));
    assert_eq!(bench.send("PUT", "/things/t1", &json!({ "value": 8 })).json()["value"], 8);
    assert_eq!(bench.post(&json!({ "name": "a" })).status, 409);
    assert_eq!(bench.send("DELETE", "/things/t1", &Value::Null).status, 204);
    assert_eq!(bench.send("DELETE", "/things/t1", &Value::Null).status, 404);
    assert_eq!(
        bench.effects().iter().map(|it| it.1).collect::<Vec<_>>(),
        [What::Created, What::Updated, What::Deleted]
    );
}

#[test]
fn lag_hides_what_was_made_and_staleness_shows_what_is_gone() {
    let lagging = bench(Knobs { lag_ms: 500, stale_ms: 300, ..Knobs::marked() });
    lagging.post(&json!({}));
    assert_eq!((lagging.listed(), lagging.send("GET", "/things/t1", &Value::Null).status), (0, 200));
    lagging.pass(500);
    assert_eq!(lagging.listed(), 1);
    lagging.send("DELETE", "/things/t1", &Value::Null);
    lagging.pass(299);
    assert_eq!(lagging.listed(), 1);
    lagging.pass(1);
    assert_eq!(lagging.listed(), 0);

    let blind = bench(Knobs { lag_ms: 500, by_id: ById::Lagging, ..Knobs::marked() });
    blind.post(&json!({}));
    assert_eq!(blind.send("GET", "/things/t1", &Value::Null).status, 404);
}

#[test]
fn names_as_ids_are_made_by_put() {
    let bench = bench(Knobs::natural());
    assert_eq!(bench.send("PUT", "/things/A%2Fwww", &json!({ "mark": "m" })).status, 201);
    assert_eq!(bench.send("PUT", "/things/A%2Fwww", &json!({ "value": 1 })).json()["mark"], "m");
    assert_eq!(bench.effects().len(), 2);
}

#[test]
fn anonymous_things_show_neither_name_nor_mark() {
    let bench = bench(Knobs::anonymous());
    let body = json!({ "name": "a", "mark": "m" });
    let made = bench.reply("POST", PATH, &[("x-for", "fly/acme/cust-7 v6/global")], &body).answer().unwrap();
    assert_eq!((&made.json()["name"], &made.json()["mark"]), (&Value::Null, &Value::Null));
    let effect = bench.outside.log().remove(0);
    assert_eq!(
        effect.purpose.unwrap().to_string(),
        "fly/acme/cust-7 v6/global",
        "the judge knows all the same"
    );
}

#[test]
fn an_idempotency_key_is_honoured_for_as_long_as_it_is_remembered() {
    let post =
        |bench: &Bench| bench.reply("POST", PATH, &[("Idempotency-Key", "k")], &json!({})).answer().unwrap();
    let keyed = bench(Knobs { keys: Keys::Honoured { remembers_ms: 100 }, ..Knobs::keyed() });
    assert_eq!(post(&keyed), post(&keyed));
    keyed.pass(100);
    assert_eq!(post(&keyed).json()["id"], "t2");
    let deaf = bench(Knobs::anonymous());
    assert_ne!(post(&deaf), post(&deaf));
}

#[test]
fn building_and_tearing_down_take_their_time() {
    let bench = bench(Knobs { build_ms: 200, demolish_ms: 300, ..Knobs::default() });
    let state = || bench.send("GET", "/things/t1", &Value::Null).json()["state"].clone();
    let made = bench.post(&json!({ "name": "a" }));
    assert_eq!((made.status, state()), (202, json!("pending")));
    bench.pass(200);
    assert_eq!(state(), "ready");
    assert_eq!(bench.send("DELETE", "/things/t1", &Value::Null).status, 202);
    assert_eq!((state(), bench.send("PUT", "/things/t1", &json!({})).status), (json!("removing"), 409));
    assert_eq!(bench.post(&json!({ "name": "a" })).status, 409, "it still has its name");
    bench.pass(300);
    assert_eq!(bench.send("GET", "/things/t1", &Value::Null).status, 404);
    assert_eq!(bench.effects(), [(1_000, What::Created, By::Caller), (1_500, What::Deleted, By::Caller)]);
}

#[test]
fn pages_are_followed_by_cursor() {
    let bench = bench(Knobs { page: 2, ..Knobs::marked() });
    (0..5).for_each(|_| drop(bench.post(&json!({}))));
    let (mut target, mut seen) = (PATH.to_owned(), 0);
    loop {
        let page = bench.send("GET", &target, &Value::Null).json();
        seen += page["items"].as_array().unwrap().len();
        let Some(cursor) = page["next"].as_str() else { break };
        target = format!("{PATH}?cursor={cursor}");
    }
    assert_eq!(seen, 5);
}

#[test]
fn limits_are_kept() {
    let bench =
        bench(Knobs { rate: Some(Rate { per_second: 2, burst: 2 }), things_max: Some(1), ..Knobs::marked() });
    let statuses = [(); 3].map(|()| bench.post(&json!({})).status);
    assert_eq!(statuses, [201, 422, 429]);
    bench.pass(500);
    assert_eq!(bench.listed(), 1);
}

#[test]
fn a_vanished_container_answers_404_and_comes_back_with_its_things() {
    let bench = bench(Knobs::marked());
    bench.post(&json!({}));
    bench.outside.script(1_100, PATH, Act::Vanish);
    bench.outside.script(1_200, PATH, Act::Appear);
    bench.outside.script(1_300, PATH, Act::End);
    bench.pass(100);
    assert_eq!((bench.send("GET", PATH, &Value::Null).status, bench.post(&json!({})).status), (404, 404));
    bench.pass(100);
    assert_eq!(bench.listed(), 1);
    bench.pass(100);
    assert_eq!(bench.send("GET", PATH, &Value::Null).status, 404);
    assert_eq!(bench.effects().last(), Some(&(1_300, What::Deleted, By::Container)));
}

#[test]
fn strangers_keep_to_their_script() {
    let bench = bench(Knobs::default());
    let (name, mark) = (Some("a".to_owned()), Some("gc1:other:x".to_owned()));
    bench.outside.script(1_050, PATH, Act::Plant { name, mark, body: json!({ "value": 1 }) });
    bench.outside.script(1_060, PATH, Act::Change(Pick::Name("a".into()), json!({ "value": 2 })));
    bench.outside.script(1_070, PATH, Act::Take(Pick::Mark("gc1:other:x".into())));
    assert_eq!(bench.listed(), 0);
    bench.pass(65);
    assert_eq!(bench.send("GET", PATH, &Value::Null).json()["items"][0]["value"], 2);
    bench.pass(5);
    assert_eq!(bench.listed(), 0);
    assert!(bench.effects().iter().all(|effect| effect.2 == By::Stranger));
}

#[test]
fn an_outage_of_reads_lets_writes_pass_and_ends() {
    let bench = bench(Knobs::default());
    let status = |method: &str| bench.send(method, PATH, &json!({ "name": method })).status;
    bench.outside.unread(1_010, 1_020);
    assert_eq!(status("GET"), 200);
    bench.pass(10);
    assert_eq!((status("GET"), status("POST")), (503, 201));
    bench.pass(10);
    assert_eq!((status("GET"), bench.listed()), (200, 1));
}

#[test]
fn faults_differ_in_what_took_effect_and_what_is_answered() {
    for (fault, status, effects) in [
        (Fault::Refused(503), Some(503), 0),
        (Fault::NeverArrived, None, 0),
        (Fault::AnswerLost, None, 1),
        (Fault::Timeout, Some(504), 1),
        (Fault::Garbled, Some(201), 1),
        (Fault::Held, None, 1),
        (Fault::Stalled, None, 0),
        (Fault::Late(100), Some(504), 0),
        // The second one finds the name taken.
        (Fault::Twice, Some(409), 1),
    ] {
        let bench = bench(Knobs::default());
        bench.outside.after(1, Some("POST"), fault);
        bench.post(&json!({ "name": "first" }));
        bench.send("GET", PATH, &Value::Null);
        let reply = bench.reply("POST", PATH, &[], &json!({ "name": "second" }));
        assert_eq!(reply.answer().map(|answer| answer.status), status, "{fault:?}");
        assert_eq!(bench.outside.log().len() - 1, effects, "{fault:?}");
    }
}

#[test]
fn a_late_effect_lands_by_itself_as_if_it_came_then() {
    let bench = bench(Knobs::natural());
    bench.outside.once(None, Fault::Late(300));
    bench.send("PUT", "/things/a", &json!({ "value": "late" }));
    assert!(!bench.outside.is_quiet());
    bench.send("PUT", "/things/a", &json!({ "value": "early" }));
    bench.pass(300);
    assert_eq!(bench.send("GET", "/things/a", &Value::Null).json()["value"], "late");
    assert_eq!(bench.effects(), [(1_000, What::Created, By::Caller), (1_300, What::Updated, By::Caller)]);
}

#[test]
fn a_request_that_arrives_twice_makes_two_things_unless_a_name_or_a_key_forbids_it() {
    for (knobs, status, made) in
        [(Knobs::marked(), 201, 2), (Knobs::keyed(), 201, 1), (Knobs::default(), 409, 1)]
    {
        let bench = bench(knobs);
        bench.outside.once(Some("POST"), Fault::Twice);
        let reply = bench.reply("POST", PATH, &[("idempotency-key", "k")], &json!({ "name": "a" }));
        assert_eq!(reply.answer().map(|answer| answer.status), Some(status));
        assert_eq!(bench.outside.log().len(), made);
    }
}

#[test]
fn a_late_create_with_a_remembered_key_makes_nothing() {
    let bench = bench(Knobs::keyed());
    bench.outside.once(None, Fault::Late(300));
    for _ in 0..2 {
        bench.reply("POST", PATH, &[("idempotency-key", "k")], &json!({}));
    }
    bench.pass(300);
    assert_eq!(bench.listed(), 1);
}

#[test]
fn receivers_keep_what_they_are_told() {
    let bench = bench(Knobs::default());
    bench.reply("POST", "/events", &[("webhook-id", "e1")], &json!({ "kind": "x" }));
    let receipt = bench.outside.receipts().remove(0);
    assert_eq!(
        (receipt.path.as_str(), receipt.id.as_deref(), receipt.body.as_str()),
        ("/events", Some("e1"), r#"{"kind":"x"}"#)
    );
}
