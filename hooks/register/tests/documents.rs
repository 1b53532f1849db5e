//! The hook against a small stateful double of a registry.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;

use groundcrew_hook::testing::{Fake, answer, desired, life, view, want};
use groundcrew_hook::{Provisioner, Request, Response, Result, Value, Want, json};
use hook_register::Register;

type Documents = Rc<RefCell<BTreeMap<String, Value>>>;

/// A registry that adds a field of its own and knows `If-None-Match`.
fn registry(documents: &Documents) -> impl FnMut(&Request) -> Result<Response> + 'static {
    let documents = Rc::clone(documents);
    move |request| {
        let path = request.url.strip_prefix("https://reg.test/").unwrap().to_owned();
        let mut documents = documents.borrow_mut();
        match request.method.as_str() {
            "GET" => documents.get(&path).map_or_else(|| answer(404, &json!({})), |found| answer(200, found)),
            "PUT" => {
                if request.headers.iter().any(|(name, _)| name == "if-none-match")
                    && documents.contains_key(&path)
                {
                    return answer(412, &json!({ "error": "it is there" }));
                }
                let mut document: Value = serde_json::from_slice(&request.body)?;
                document["revision"] = json!(documents.len());
                documents.insert(path, document.clone());
                answer(200, &document)
            }
            _ => answer(if documents.remove(&path).is_some() { 204 } else { 410 }, &json!({})),
        }
    }
}

fn config(more: &Value) -> Value {
    let mut config = json!({
        "server": "https://reg.test/", "path": "v1/{x}", "document": { "plan": "pro" }, "mark": "owner",
    });
    config.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    config
}

fn fake(documents: &Documents, more: &Value) -> Fake {
    Fake::new().config(config(more)).secret("TOKEN").http(registry(documents))
}

fn document() -> Want {
    let body = json!({ "path": "v1/cust 7", "document": { "plan": "pro" } });
    want("document", "v1/cust 7", body)
}

#[test]
fn a_document_lives_and_goes_with_its_mark() {
    let documents = Documents::default();
    let fake = fake(&documents, &json!({}));
    let made = life::<Register>(&fake, &document());
    assert_eq!((&made.body, made.mark), (&document().body, Some(document().mark)));
    assert_eq!(fake.calls()[0].url, "https://reg.test/v1/cust%207");
    let bearer = ("authorization".to_owned(), format!("Bearer {}", Fake::token("TOKEN")));
    assert!(fake.calls().iter().all(|call| call.headers.contains(&bearer)));
}

#[test]
fn a_registry_without_marks_and_tokens_is_served() {
    let documents = Documents::default();
    let fake =
        Fake::new().config(config(&json!({ "mark": null, "auth": "none" }))).http(registry(&documents));
    let made = life::<Register>(&fake, &document());
    assert_eq!(made.mark, None);
}

#[test]
fn only_what_is_wanted_is_compared() {
    let documents = Documents::default();
    let fake = fake(&documents, &json!({}));
    fake.run(|| Register::create(&document())).unwrap();
    documents.borrow_mut().get_mut("v1/cust%207").unwrap()["note"] = json!("by hand");
    assert_eq!(fake.run(|| Register::find(&document())).unwrap()[0].body, document().body);
    documents.borrow_mut().get_mut("v1/cust%207").unwrap()["plan"] = json!("free");
    let now = fake.run(|| Register::find(&document())).unwrap().remove(0);
    assert_eq!(now.body["document"], json!({ "plan": "free" }));
    fake.run(|| Register::update(&document(), &now)).unwrap();
    assert_eq!(fake.run(|| Register::find(&document())).unwrap()[0].body, document().body);
}

#[test]
fn what_is_there_is_shown_and_not_written_over() {
    let documents = Documents::default();
    documents.borrow_mut().insert("v1/cust%207".into(), json!({ "plan": "pro", "owner": "gc1:staging:x" }));
    let fake = fake(&documents, &json!({}));
    assert_eq!(fake.run(|| Register::find(&document())).unwrap()[0].mark.as_deref(), Some("gc1:staging:x"));
    let failure = fake.run(|| Register::create(&document())).unwrap_err();
    assert!(failure.retry, "{failure}");
    assert_eq!(documents.borrow()["v1/cust%207"]["owner"], "gc1:staging:x");
}

#[test]
fn what_cannot_be_seen_is_a_failure_not_absence() {
    for status in [401, 403, 500] {
        let fake =
            Fake::new().config(config(&json!({}))).secret("TOKEN").http(move |_| answer(status, &json!({})));
        assert!(fake.run(|| Register::find(&document())).is_err(), "{status}");
        assert!(
            fake.run(|| Register::remove(&document(), &groundcrew_hook::Thing::default())).is_err(),
            "{status}"
        );
    }
}

#[test]
fn what_is_wanted_has_paths_that_stay_where_they_are() {
    let documents = Documents::default();
    let asked = |more: Value| desired::<Register>(&fake(&documents, &more), &view("cust-7"));
    let specs = asked(json!({ "path": ["/v1/b", ["v1/a", "v1/b"]] })).unwrap();
    let keys: Vec<_> = specs.iter().map(|spec| spec.key.as_str()).collect();
    assert_eq!(keys, ["v1/a", "v1/b"]);
    for wrong in ["v1/../admin", "v1//a", "", "v1/."] {
        assert!(asked(json!({ "path": wrong })).unwrap_err().message.contains("is no path"), "{wrong}");
    }
    let failure = asked(json!({ "path": "a", "document": { "owner": "me" } })).unwrap_err();
    assert!(failure.message.contains("which is the mark's"), "{failure}");
    assert!(asked(json!({ "path": null, "document": null })).unwrap().is_empty());
}

#[test]
fn a_sealed_field_is_no_drift_though_it_is_shown_masked() {
    let token = format!("gcs_{}", "0123456789".repeat(4));
    let document = json!({ "plan": "pro", "url": format!("redis://:{token}@cache") });
    let documents = Documents::default();
    let fake = fake(&documents, &json!({ "path": "v1/x", "document": document }));
    let spec = desired::<Register>(&fake, &view("cust-7")).unwrap().remove(0);
    assert_eq!(spec.body["document"], json!({ "plan": "pro" }));
    let want = want("document", &spec.key, spec.body);
    let made = fake.run(|| Register::create(&want)).unwrap();
    assert_eq!(made.body, json!({ "path": "v1/x", "document": { "plan": "pro" } }));
    assert_eq!(documents.borrow()["v1/x"]["url"], document["url"], "it is written, with its token");
    let shown_as = |url: Value| {
        documents.borrow_mut().get_mut("v1/x").unwrap()["url"] = url;
        let found = fake.run(|| Register::find(&want)).unwrap().remove(0);
        assert_eq!(found.body["document"], json!({ "plan": "pro" }));
        assert_eq!(found.body.get("sealed"), None);
        found.body["sealed_as"].clone()
    };
    assert_eq!(shown_as(json!("redis://:***@cache")), json!({ "url": "masked" }), "as the host masks it");
    assert_eq!(shown_as(json!("by hand")), json!({ "url": "other" }), "and never the value");
}
