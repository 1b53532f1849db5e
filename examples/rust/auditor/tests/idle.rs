//! The example, natively, against a double of its API with two pages.

use example_auditor::IdleThings;
use groundcrew_hook::testing::{Fake, answer};
use groundcrew_hook::{Auditor as _, Request, Response, Result, json};

fn api(request: &Request) -> Result<Response> {
    if request.url.ends_with("?after=t-2") {
        return answer(200, &json!({ "items": [{ "id": "t-3", "used": false, "cents": 150 }] }));
    }
    let items = json!([{ "id": "t-1", "used": true }, { "id": "t-2", "used": false }]);
    answer(200, &json!({ "items": items, "next": "t-2" }))
}

#[test]
fn what_nobody_uses_is_reported_page_by_page_and_nothing_is_written() {
    let fake = Fake::new().config(json!({ "server": "https://api.example" })).http(api);
    let first = fake.run(|| IdleThings::run(None)).unwrap();
    let second = fake.run(|| IdleThings::run(first.next.as_deref())).unwrap();
    let told: Vec<_> = first.findings.iter().chain(&second.findings).collect();
    let told: Vec<_> = told.iter().map(|finding| (finding.about.as_str(), finding.cost_cents)).collect();
    assert_eq!(told, [("thing/t-2", None), ("thing/t-3", Some(150))]);
    assert!(second.next.is_none() && fake.writes().is_empty());
}
