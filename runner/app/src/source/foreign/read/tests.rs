use super::*;

fn headers(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
    pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

fn structured_with(change: impl FnOnce(&mut Value)) -> Result<(Attributes, Value), Refusal> {
    let mut event = json!({
        "specversion": "1.0", "id": "1", "source": "/ci", "type": "com.example.deploy",
        "subject": "fly/acme/web", "data": {"a": 1},
    });
    change(&mut event);
    let headers = headers(&[("Content-Type", "application/cloudevents+json; charset=utf-8")]);
    read(&headers, event.to_string().as_bytes())
}

#[test]
fn both_modes_say_the_same() {
    let (one, data) = structured_with(|_| {}).unwrap();
    let binary = headers(&[
        ("content-type", "application/json"),
        ("CE-SpecVersion", "1.0"),
        ("ce-id", "1"),
        ("ce-source", "%2Fci"),
        ("ce-type", "com.example.deploy"),
        ("ce-subject", "fly/acme/web"),
    ]);
    let (other, same) = read(&binary, br#"{"a": 1}"#).unwrap();
    assert_eq!(
        (&one.id, &one.source, &one.kind, &one.subject),
        (&other.id, &other.source, &other.kind, &other.subject)
    );
    assert_eq!(data, same);
}

#[test]
fn data_that_is_no_json_is_kept() {
    let base = [("ce-specversion", "1.0"), ("ce-id", "1"), ("ce-source", "x"), ("ce-type", "y")];
    for (media, body, data) in [
        ("text/plain", &b"hello"[..], json!("hello")),
        ("image/png", &[0xff, 0][..], json!({"data_base64": "/wA="})),
        ("application/json", &b""[..], Value::Null),
    ] {
        let headers = headers(&[&base[..], &[("content-type", media)]].concat());
        assert_eq!(read(&headers, body).unwrap().1, data, "{media}");
    }
    let (_, data) = structured_with(|event| {
        event["data"].take();
        event.as_object_mut().unwrap().remove("data");
        event["data_base64"] = json!("/wA=");
    })
    .unwrap();
    assert_eq!(data, json!({"data_base64": "/wA="}));
}

#[test]
fn what_is_wrong_is_named() {
    let set = |name: &'static str, value: Value| move |event: &mut Value| event[name] = value;
    let long = "x".repeat(ATTRIBUTE_MAX + 1);
    for (name, value, expected) in [
        ("specversion", json!("0.3"), "specversion: `0.3`; 1.0 is understood"),
        ("id", json!(""), "id: text that is not empty is expected"),
        ("id", Value::Null, "id: it is required"),
        ("source", json!(5), "source: text that is not empty is expected"),
        ("id", json!("a\u{0}b"), "id: it contains U+0000"),
        ("data", json!({"deep": [{"a\u{0}": 1}]}), "data: it contains U+0000"),
        ("extension", json!(long), "extension: it has more than 1024 bytes"),
        ("data_base64", json!("/wA="), "data: there is data_base64 as well"),
    ] {
        let refused = structured_with(set(name, value)).unwrap_err();
        assert_eq!((refused.to_string().as_str(), refused.status()), (expected, 400));
    }
}

#[test]
fn the_runners_own_types_are_refused() {
    for kind in [
        "app.created",
        "machine.x",
        "resource.gone",
        "finding.opened",
        "delivery.dead",
        "source.x",
        "held.x",
        "tick",
    ] {
        let refused = structured_with(|event| event["type"] = json!(kind)).unwrap_err();
        assert!(matches!(refused, Refusal::Reserved(_)), "{kind}");
        assert_eq!(refused.status(), 422);
    }
    for kind in ["application.x", "ticks", "com.example.app.created"] {
        assert!(structured_with(|event| event["type"] = json!(kind)).is_ok(), "{kind}");
    }
}

#[test]
fn anything_but_one_event_is_refused() {
    for media in
        ["application/cloudevents-batch+json", "application/cloudevents+avro", "application/json", ""]
    {
        let refused = read(&headers(&[("content-type", media)]), b"[]").unwrap_err();
        assert_eq!(refused.status(), 415, "{media}");
    }
}
