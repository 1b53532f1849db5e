//! The hook, natively, against a double of its API with two pages.

use groundcrew_hook::testing::{Fake, answer};
use groundcrew_hook::{Auditor as _, Request, Response, Result, json};
use {{snake}}::Hook;

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
    let first = fake.run(|| Hook::run(None)).unwrap();
    let second = fake.run(|| Hook::run(first.next.as_deref())).unwrap();
    let told: Vec<_> = first.findings.iter().chain(&second.findings).map(|finding| &finding.about).collect();
    assert_eq!(told, ["thing/t-2", "thing/t-3"]);
    assert!(second.next.is_none() && fake.writes().is_empty());
}
