//! What the hook sends.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

use groundcrew_hook::testing::{Fake, answer, event};
use groundcrew_hook::{Failure, Handler, Request, Response, Value, json};
use hook_notify::Notify;

fn fake(to: &str) -> Fake {
    Fake::new().config(json!({ "to": to })).secret("URL").http(|_| answer(200, &json!("ok")))
}

fn told(fake: &Fake) -> (Request, Value) {
    fake.run(|| Notify::handle(&event("machine.started"))).unwrap();
    let request = fake.calls().remove(0);
    let body = serde_json::from_slice(&request.body).unwrap();
    (request, body)
}

#[test]
fn slack_gets_a_line() {
    let (request, body) = told(&fake("slack"));
    assert_eq!(request.url, Fake::token("URL"), "the address itself is the secret");
    assert_eq!(body, json!({ "text": "*machine.started* fly/acme/cust-7: deployed" }));
}

#[test]
fn a_service_gets_the_event_with_its_id() {
    let (request, body) = told(&fake("standard-webhooks"));
    let header =
        |name: &str| request.headers.iter().find(|(it, _)| it == name).map(|(_, value)| value.as_str());
    assert_eq!(header("webhook-id"), Some("evt-machine.started"));
    for name in ["webhook-timestamp", "webhook-signature"] {
        assert_eq!(header(name), None, "the host signs, with the time of the attempt");
    }
    assert_eq!(
        (&body["type"], &body["timestamp"]),
        (&json!("machine.started"), &json!("2026-11-21T12:00:03Z"))
    );
    assert_eq!(body["data"]["subject"]["path"], "fly/acme/cust-7");
}

#[test]
fn being_told_to_wait_is_passed_on() {
    let busy = |_: &Request| {
        let headers = vec![("Retry-After".to_owned(), "30".to_owned())];
        Ok(Response { status: 429, headers, body: Vec::new() })
    };
    let fake = fake("slack").http(busy);
    let failure = fake.run(|| Notify::handle(&event("machine.started"))).unwrap_err();
    assert_eq!(failure, Failure { message: "status 429".into(), retry: true, after_ms: Some(30_000) });
}
