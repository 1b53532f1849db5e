//! Auditors: they look page by page, and cannot write.

use groundcrew_engine::gate::{Answers, Refusal};
use groundcrew_engine::run::{Ended, Hook};
use serde_json::{Value, json};

use crate::support::{Fake, Setup, component, engine, load};

fn looking(answer: &Value) -> Setup {
    let fake = Fake::answering(200, &answer.to_string());
    Setup { fake, answers: Answers::Observe, ..Setup::new(json!({ "server": "http://a.example" })) }
}

/// Takes an auditor of idle things through one page.
pub(crate) async fn looks(hook: &Hook) {
    assert!(hook.is_auditor() && !hook.is_handler() && !hook.is_provisioner());
    let items = json!([{ "id": "t-1", "used": true }, { "id": "t-2", "used": false, "cents": 150 }]);
    let setup = looking(&json!({ "items": items, "next": "t-2" }));
    let page = engine().audit(hook, &setup.context(), Some("t-0")).await.outcome.unwrap();
    assert_eq!(setup.fake.trace()[0], "sent GET http://a.example/things?after=t-0");
    assert_eq!(page.next.as_deref(), Some("t-2"));
    let [finding] = &page.findings[..] else { panic!("{page:?}") };
    assert_eq!((finding.code.as_str(), finding.about.as_str()), ("thing.idle", "thing/t-2"));
    assert_eq!((finding.cost_cents, &finding.data), (Some(150), &json!({ "id": "t-2" })));
}

#[tokio::test]
async fn a_page_is_read_with_its_cursor() {
    looks(&load(&component("example-auditor")).await).await;
}

#[tokio::test]
async fn what_is_over_a_limit_is_refused_by_name() {
    let hook = load(&component("example-auditor")).await;
    let about = "x".repeat(600);
    let many: Vec<_> = (0..4).map(|id| json!({ "id": id.to_string(), "used": false })).collect();
    let table = [
        (json!({ "items": [{ "id": about, "used": false }] }), "must have 1 to 512 bytes"),
        (json!({ "items": many }), "has 4 findings; at most 3 are taken"),
        (json!({ "items": [], "next": "n".repeat(5000) }), "`next` is over 4096 bytes"),
        (json!({ "items": [{ "id": "i".repeat(400), "used": false }] }), "is over 100 bytes"),
    ];
    for (answer, expected) in table {
        let mut setup = looking(&answer);
        (setup.limits.list, setup.limits.finding) = (3, 100);
        let ended = engine().audit(&hook, &setup.context(), None).await.outcome.unwrap_err();
        assert!(ended.to_string().contains(expected), "{ended}");
    }
}

#[tokio::test]
async fn a_write_ends_the_run_and_does_not_leave() {
    let hook = load(&component("guest-meddler")).await;
    let setup = Setup { fake: Fake::unreachable(), ..looking(&json!({})) };
    let run = engine().audit(&hook, &setup.context(), None).await;
    let Err(Ended::Refused(Refusal::Observed(ask))) = run.outcome else { panic!("{:?}", run.outcome) };
    let ask: Value = serde_json::from_slice(&ask).unwrap();
    assert_eq!((&ask["method"], &ask["url"]), (&"DELETE".into(), &"http://a.example/things".into()));
    assert!(setup.fake.trace().is_empty(), "{:?}", setup.fake.trace());
}
