//! What the hook makes of answers that a well-meaning store does not give.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

use groundcrew_hook::testing::{Fake, desired, view, want};
use groundcrew_hook::{Provisioner, Request, Response, State, Thing, Value, Want, json};
use hook_bucket::Buckets;

fn fake(more: &Value, mut answer: impl FnMut(&Request) -> Response + 'static) -> Fake {
    let mut config = json!({ "endpoint": "https://s3:9000/", "prefix": "acme-", "names": "acme-7" });
    for (field, value) in more.as_object().unwrap() {
        config[field] = value.clone();
    }
    Fake::new().config(config).http(move |request| Ok(answer(request)))
}

fn says(status: u16, body: &str) -> Response {
    Response { status, headers: Vec::new(), body: body.as_bytes().to_vec() }
}

fn code(status: u16, code: &str) -> Response {
    says(status, &format!("<?xml version=\"1.0\"?><Error><Code>{code}</Code></Error>"))
}

fn bucket() -> Want {
    want("bucket", "acme-7", json!({ "name": "acme-7" }))
}

const TWO: &str = "<ListVersionsResult><Version><Key>a&amp;b</Key><VersionId>v1</VersionId></Version>\
    <DeleteMarker><Key>c</Key><VersionId>v2</VersionId></DeleteMarker></ListVersionsResult>";

#[test]
fn only_names_with_the_prefix_are_wanted() {
    let names = |names: Value| fake(&json!({ "names": names }), |_| unreachable!());
    let specs = desired::<Buckets>(&names(json!(["acme-b", ["acme-a", "acme-b"]])), &view("cust-7")).unwrap();
    let keys: Vec<_> = specs.iter().map(|spec| spec.key.as_str()).collect();
    assert_eq!(keys, ["acme-a", "acme-b"]);
    for (wrong, said) in [("other", "does not begin with `acme-`"), ("acme-X", "is no name of a bucket")] {
        let failure = desired::<Buckets>(&names(json!(wrong)), &view("cust-7")).unwrap_err();
        assert!(failure.message.contains(said), "{failure}");
    }
}

#[test]
fn what_cannot_be_seen_is_a_failure_not_absence() {
    let denied = fake(&json!({}), |_| code(403, "AccessDenied"));
    let failure = denied.run(|| Buckets::find(&bucket())).unwrap_err();
    assert!(failure.message.contains("of another account, or not for this key"), "{failure}");
    let strange = fake(&json!({}), |_| says(404, "<html>"));
    assert!(strange.run(|| Buckets::find(&bucket())).is_err(), "404 of somebody who is no store");
}

#[test]
fn a_bucket_that_holds_something_stays_and_nothing_is_written() {
    let fake = fake(&json!({}), |_| says(200, TWO));
    let failure = fake.run(|| Buckets::remove(&bucket(), &Thing::default())).unwrap_err();
    assert!(!failure.retry && failure.message.contains("acme-7 is not empty"), "{failure}");
    assert_eq!(fake.writes().len(), 0);
}

#[test]
fn one_page_of_versions_is_deleted_in_a_run() {
    let fake = fake(&json!({ "empty": true }), |request| match request.method.as_str() {
        "GET" => says(200, TWO),
        "POST" => says(200, "<DeleteResult/>"),
        other => panic!("{other}"),
    });
    let now = Thing::new("acme-7", json!({}));
    let left = fake.run(|| Buckets::remove(&bucket(), &now)).unwrap().unwrap();
    assert_eq!((left.state, left.poll_ms.is_some(), fake.writes().len()), (State::Removing, true, 1));
    let body = String::from_utf8(fake.writes()[0].body.clone()).unwrap();
    assert!(body.contains("<Key>a&amp;b</Key><VersionId>v1</VersionId>"), "{body}");
    assert!(body.contains("<Key>c</Key><VersionId>v2</VersionId>"), "{body}");
}

#[test]
fn an_object_that_cannot_be_deleted_is_told() {
    let locked = "<DeleteResult><Error><Key>c</Key><Code>AccessDenied</Code><Message>locked</Message></Error></DeleteResult>";
    let fake = fake(&json!({ "empty": true }), move |request| {
        says(200, if request.method == "GET" { TWO } else { locked })
    });
    let failure = fake.run(|| Buckets::remove(&bucket(), &Thing::default())).unwrap_err();
    assert_eq!(failure.message, "bucket acme-7: object `c` stays: AccessDenied: locked");
}

#[test]
fn a_store_without_versions_and_tags_is_served() {
    let more = json!({ "empty": true, "mark": "none" });
    let fake = fake(&more, |request| match (request.method.as_str(), request.url.as_str()) {
        ("GET", url) if url.contains("?versions") => code(501, "NotImplemented"),
        ("GET", url) if url.contains("?list-type=2") => {
            says(200, "<ListBucketResult><Contents><Key>a</Key></Contents></ListBucketResult>")
        }
        ("GET", url) => {
            assert!(url.ends_with("/acme-7?location"), "{url}");
            says(200, "<LocationConstraint/>")
        }
        ("PUT", url) => {
            assert!(url.ends_with("/acme-7"), "{url}");
            says(200, "")
        }
        _ => says(200, ""),
    });
    let made = fake.run(|| Buckets::create(&bucket())).unwrap();
    assert_eq!((made.mark.clone(), fake.writes().len()), (None, 1));
    assert_eq!(fake.run(|| Buckets::find(&bucket())).unwrap(), [made]);
    // The answer to the page's deletion is no XML.
    assert!(fake.run(|| Buckets::remove(&bucket(), &Thing::default())).is_err());
}

/// A store with one bucket and these tags, which it replaces as a whole.
fn tagged(tags: &str) -> Fake {
    let mut tags = tags.to_owned();
    fake(&json!({}), move |request| match (request.method.as_str(), request.url.as_str()) {
        ("PUT", "https://s3:9000/acme-7?tagging") => {
            tags = String::from_utf8(request.body.clone()).unwrap();
            says(204, "")
        }
        ("GET", "https://s3:9000/acme-7?tagging") if tags.is_empty() => code(404, "NoSuchTagSet"),
        ("GET", "https://s3:9000/acme-7?tagging") => says(200, &tags),
        other => panic!("{other:?}"),
    })
}

fn known() -> Want {
    let body = json!({ "name": "acme-7", "tagged": true });
    Want { id: Some("acme-7".to_owned()), ..want("bucket", "acme-7", body) }
}

#[test]
fn a_bucket_that_was_made_and_not_marked_is_marked_by_an_update() {
    let fake = tagged("<Tagging><TagSet><Tag><Key>team</Key><Value>a&amp;b</Value></Tag></TagSet></Tagging>");
    let specs = desired::<Buckets>(&fake, &view("cust-7")).unwrap();
    assert_eq!(specs[0].body, known().body);
    let unknown = Want { id: None, ..known() };
    assert_eq!(fake.run(|| Buckets::find(&unknown)).unwrap()[0].body, json!({ "name": "acme-7" }));
    let now = fake.run(|| Buckets::find(&known())).unwrap().remove(0);
    assert_eq!((&now.body["tagged"], &now.mark), (&json!(false), &None));
    let made = fake.run(|| Buckets::update(&known(), &now)).unwrap();
    assert_eq!((&made.body, made.mark.as_ref()), (&known().body, Some(&known().mark)));
    assert_eq!(fake.run(|| Buckets::find(&known())).unwrap(), [made]);
    let body = String::from_utf8(fake.writes()[0].body.clone()).unwrap();
    assert!(body.contains("<Key>team</Key><Value>a&amp;b</Value>"), "the tags of others stay: {body}");
}

#[test]
fn a_mark_is_not_written_over() {
    let fake = tagged(
        "<Tagging><TagSet><Tag><Key>groundcrew</Key><Value>gc1:other:x</Value></Tag></TagSet></Tagging>",
    );
    let failure = fake.run(|| Buckets::update(&known(), &Thing::default())).unwrap_err();
    assert!(failure.message.contains("another's") && fake.writes().is_empty(), "{failure}");
}
