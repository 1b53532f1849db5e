//! Components with nothing of ours: an ordinary `wasi:http` server, and one from the WIT and `wit-bindgen` alone.

use groundcrew_engine::run::Ended;
use serde_json::{Value, json};

use crate::support::{Fake, Setup, component, load};

#[tokio::test]
async fn an_ordinary_http_server_relays_events_and_its_status_counts() {
    let hook = load(&component("example-wasi-http")).await;
    assert!(hook.is_handler());
    let seen = std::sync::Arc::new(std::sync::Mutex::new(Vec::new()));
    let fake = |status| {
        let seen = seen.clone();
        Fake::new(move |request| {
            let named = |(name, _): &&(String, String)| name == "idempotency-key";
            let key = request.headers.iter().find(named).map(|(_, key)| key.clone());
            seen.lock().unwrap().push((request.body.clone(), key));
            Ok(groundcrew_engine::egress::Response { status, headers: Vec::new(), body: Vec::new() })
        })
    };
    let grants = || vec!["POST https://chat.example/incoming"];
    let good = Setup { fake: fake(200), grants: grants(), ..Setup::new(Value::Null) };
    assert_eq!(good.handle(&hook).await.outcome, Ok(()));
    assert_eq!(good.fake.trace()[1], "sent POST https://chat.example/incoming");
    let (body, key) = seen.lock().unwrap()[0].clone();
    assert_eq!(key.as_deref(), Some("e1"));
    let relayed: Value = serde_json::from_slice(&body).unwrap();
    assert_eq!((&relayed["id"], &relayed["type"]), (&json!("e1"), &json!("tick")));
    for (status, retry) in [(503, true), (410, false)] {
        let bad = Setup { fake: fake(status), grants: grants(), ..Setup::new(Value::Null) };
        let outcome = bad.handle(&hook).await.outcome;
        let Err(Ended::Failure(failure)) = outcome else { panic!("{outcome:?}") };
        assert_eq!(failure.retry, retry, "{failure:?}");
    }
}

#[tokio::test]
async fn a_component_from_the_wit_alone_tells() {
    let hook = load(&component("example-bare")).await;
    assert!(hook.is_handler());
    let setup = Setup::new(json!({ "server": "http://a.example" }));
    assert_eq!(setup.handle(&hook).await.outcome, Ok(()));
    assert_eq!(setup.fake.trace()[1], "sent POST http://a.example/events");
    let refused =
        Setup { fake: Fake::answering(500, ""), ..Setup::new(json!({ "server": "http://a.example" })) };
    let outcome = refused.handle(&hook).await.outcome;
    let Err(Ended::Failure(failure)) = outcome else { panic!("{outcome:?}") };
    assert_eq!((failure.message.as_str(), failure.retry), ("status 500", true));
}
