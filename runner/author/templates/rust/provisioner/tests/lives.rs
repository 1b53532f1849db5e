//! The hook, natively, against a double of its API that holds things in memory.

use groundcrew_hook::testing::{Fake, answer, desired, life, view, want};
use groundcrew_hook::{Request, Response, Result, Value, json};
use {{snake}}::Hook;

fn api() -> impl FnMut(&Request) -> Result<Response> + 'static {
    let mut rows: Vec<Value> = Vec::new();
    move |request| match request.method.as_str() {
        "GET" => {
            let name = request.url.rsplit_once("?name=").unwrap().1;
            let found: Vec<_> = rows.iter().filter(|row| row["name"] == name).collect();
            answer(200, &json!({ "items": found }))
        }
        "POST" => {
            let mut row = request.body.clone();
            row.pop();
            row.extend_from_slice(b",\"id\":\"t-1\"}");
            let made = Response { status: 201, headers: Vec::new(), body: row };
            rows.push(made.json()?);
            Ok(made)
        }
        _ => {
            let before = rows.len();
            rows.retain(|row| row["id"] != request.url.rsplit('/').next().unwrap());
            answer(if rows.len() < before { 204 } else { 404 }, &())
        }
    }
}

/// `life` finds nothing, makes, finds, removes and removes again, and says which rule was forgotten.
#[test]
fn a_thing_lives_and_goes() {
    let fake = Fake::new().config(json!({ "server": "https://api.example" })).http(api());
    let mut view = view("cust-7");
    view.owner.labels = json!({ "plan": "pro" });
    let spec = desired::<Hook>(&fake, &view).unwrap().remove(0);
    let made = life::<Hook>(&fake, &want(&spec.kind, &spec.key, spec.body));
    assert_eq!(made.body, json!({ "value": "pro" }));
}
