//! The hook, natively, against a double of its API.

use groundcrew_hook::testing::{Fake, answer, event};
use groundcrew_hook::{Handler as _, json};
use {{snake}}::Hook;

fn fake() -> Fake {
    Fake::new().config(json!({ "server": "https://api.example" }))
}

#[test]
fn an_event_is_posted_with_its_id() {
    let fake = fake().http(|_| answer(200, &json!({})));
    fake.run(|| Hook::handle(&event("machine.started"))).unwrap();
    assert_eq!(fake.calls()[0].url, "https://api.example/events");
}

#[test]
fn a_server_that_is_busy_is_tried_again() {
    let fake = fake().http(|_| answer(503, &json!({})));
    assert!(fake.run(|| Hook::handle(&event("machine.started"))).unwrap_err().retry);
}
