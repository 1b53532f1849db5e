//! The example, natively, against a double of its API that holds things in memory.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

use example_provisioner::Things;
use groundcrew_hook::testing::{Fake, answer, desired, life, view, want};
use groundcrew_hook::{Request, Response, Result, Value, json};

fn api() -> impl FnMut(&Request) -> Result<Response> + 'static {
    let mut rows: Vec<Value> = Vec::new();
    move |request| match request.method.as_str() {
        "GET" => {
            let name = request.url.rsplit_once("?name=").unwrap().1;
            let found: Vec<_> = rows.iter().filter(|row| row["name"] == name).collect();
            answer(200, &json!({ "items": found }))
        }
        "POST" => {
            let mut row: Value = serde_json::from_slice(&request.body)?;
            row["id"] = json!("t-1");
            rows.push(row.clone());
            answer(201, &row)
        }
        _ => {
            let before = rows.len();
            rows.retain(|row| row["id"] != request.url.rsplit('/').next().unwrap());
            answer(if rows.len() < before { 204 } else { 404 }, &())
        }
    }
}

#[test]
fn a_thing_lives_and_goes() {
    let fake = Fake::new().config(json!({ "server": "https://api.example" })).http(api());
    let mut view = view("cust-7");
    view.owner.labels = json!({ "plan": "pro" });
    let spec = desired::<Things>(&fake, &view).unwrap().remove(0);
    let made = life::<Things>(&fake, &want(&spec.kind, &spec.key, spec.body));
    assert_eq!(made.body, json!({ "value": "pro" }));
}
