//! The example, natively, against a double of its API that holds things in memory.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

use example_provisioner::Things;
use groundcrew_hook::testing::{Fake, answer, desired, life, view, want};
use groundcrew_hook::{Inventory as _, Request, Response, Result, Value, json};

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

#[test]
fn the_inventory_goes_on_from_where_a_page_ended() {
    let api = |request: &Request| {
        let (id, next) =
            if request.url.ends_with("?after=t-1") { ("t-2", None) } else { ("t-1", Some("t-1")) };
        let row = json!({ "id": id, "name": format!("of-{id}"), "mark": null, "value": "pro" });
        answer(200, &json!({ "items": [row], "next": next }))
    };
    let fake = Fake::new().config(json!({ "server": "https://api.example" })).http(api);
    let first = fake.run(|| Things::scan(None, None)).unwrap();
    assert_eq!(first.next.as_deref(), Some("t-1"));
    let second = fake.run(|| Things::scan(None, first.next.as_deref())).unwrap();
    assert_eq!(
        (second.things[0].key.as_deref(), second.things[0].thing.id.as_str()),
        (Some("of-t-2"), "t-2")
    );
    assert_eq!(second.next, None);
}
