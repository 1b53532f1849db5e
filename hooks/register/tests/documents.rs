//! The hook against a small stateful double of a registry.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;

use groundcrew_hook::testing::{Fake, answer, desired, life, view, want};
use groundcrew_hook::{Inventory, Provisioner, Request, Response, Result, Value, Want, json};
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

/// A registry that lists its documents, two pages of them.
fn lists(request: &Request) -> Result<Response> {
    let first = json!({ "data": { "all": [
        { "name": "cust 7", "plan": "pro", "owner": "gc1:test:row", "revision": 3 },
        { "name": 12, "owner": "gc1:test:row" },
    ] }, "next": "c 2" });
    let last = json!({ "data": { "all": [{ "name": "other", "plan": "free" }] }, "next": null });
    match (request.method.as_str(), request.url.as_str()) {
        ("GET", "https://reg.test/v1?after=c%202") => answer(200, &last),
        ("GET", "https://reg.test/v1") => answer(200, &first),
        other => panic!("{other:?}"),
    }
}

fn listing(list: &Value) -> Fake {
    Fake::new().config(config(&json!({ "list": list }))).secret("TOKEN").http(lists)
}

#[test]
fn what_the_registry_lists_is_shown_as_far_as_its_items_say() {
    let pages = json!({ "path": "v1", "items": "/data/all", "id": "/name", "below": "v1/", "next": "/next", "cursor": "after" });
    let fake = listing(&pages);
    let first = fake.run(|| Register::scan(None, None)).unwrap();
    let last = fake.run(|| Register::scan(None, first.next.as_deref())).unwrap();
    assert_eq!((first.next.as_deref(), last.next), (Some("c 2"), None));
    let all: Vec<_> = first.things.into_iter().chain(last.things).collect();
    let keys: Vec<_> = all.iter().map(|listed| listed.key.as_deref().unwrap()).collect();
    assert_eq!(keys, ["v1/cust 7", "v1/12", "v1/other"]);
    // As a look shows it: what the registry adds is left out.
    assert_eq!(all[0].thing.body, document().body);
    let unsaid = json!({ "path": "v1/12", "document": null });
    assert_eq!(all[1].thing.body, unsaid, "it does not say what the document says");
    let marks: Vec<_> = all.iter().map(|listed| listed.thing.mark.as_deref()).collect();
    assert_eq!(marks, [Some("gc1:test:row"), Some("gc1:test:row"), None]);
}

#[test]
fn what_differs_from_owner_to_owner_is_never_as_it_was_in_a_list() {
    let pages = json!({ "path": "v1", "items": "/data/all", "id": "/name", "below": "v1/" });
    // Without an owner the host leaves out fields with words in them.
    let blank = config(&json!({ "list": pages, "path": null, "document": null }));
    let fake = Fake::new().config(blank).secret("TOKEN").http(lists);
    let things = fake.run(|| Register::scan(None, None)).unwrap().things;
    let bodies: Vec<_> = things.into_iter().map(|listed| listed.thing.body).collect();
    let unsaid = |path: &str| json!({ "path": path, "document": null });
    assert_eq!(bodies, [unsaid("v1/cust 7"), unsaid("v1/12")]);
}

#[test]
fn a_slash_before_a_path_of_the_list_is_the_one_after_the_server() {
    let pages = json!({ "path": "/v1", "items": "/data/all", "id": "/name", "below": "/v1/" });
    let things = listing(&pages).run(|| Register::scan(None, None)).unwrap().things;
    let keys: Vec<_> = things.iter().map(|listed| listed.key.as_deref().unwrap()).collect();
    assert_eq!(keys, ["v1/cust 7", "v1/12"]);
    assert!(things.iter().all(|listed| listed.key.as_ref() == Some(&listed.thing.id)));
}

#[test]
fn without_a_listing_it_says_that_there_is_none_and_a_listing_of_another_shape_is_refused() {
    let none = Fake::new().config(config(&json!({}))).secret("TOKEN");
    let failure = none.run(|| Register::scan(None, None)).unwrap_err();
    assert!(!failure.retry && failure.message.starts_with("inventory.none: `list` "), "{failure}");
    for (list, said) in [
        (json!({ "path": "v1" }), "there is no list at ``"),
        (json!({ "path": "v1", "items": "/data/all" }), "an item of the list has no text at `/id`"),
    ] {
        let failure = listing(&list).run(|| Register::scan(None, None)).unwrap_err();
        assert_eq!((failure.message.as_str(), failure.retry), (said, false));
    }
}
