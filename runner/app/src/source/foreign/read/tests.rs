use super::*;

fn headers(pairs: &[(&str, &str)]) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for (name, value) in pairs {
        headers.append(name.parse::<header::HeaderName>().unwrap(), value.parse().unwrap());
    }
    headers
}

/// The one event of a request.
fn one(headers: &HeaderMap, body: &[u8]) -> Result<(Attributes, Value), Refusal> {
    let mut events = read(headers, body)?;
    assert_eq!(events.len(), 1);
    let CloudEvent { attributes, data } = events.remove(0);
    Ok((attributes, data))
}

fn deploy() -> Value {
    json!({
        "specversion": "1.0", "id": "1", "source": "/ci", "type": "com.example.deploy",
        "subject": "fly/acme/web", "data": {"a": 1},
    })
}

fn structured_with(change: impl FnOnce(&mut Value)) -> Result<(Attributes, Value), Refusal> {
    let mut event = deploy();
    change(&mut event);
    let headers = headers(&[("Content-Type", "application/cloudevents+json; charset=utf-8")]);
    one(&headers, event.to_string().as_bytes())
}

#[test]
fn all_forms_say_the_same() {
    let (said, data) = structured_with(|_| {}).unwrap();
    let binary = headers(&[
        ("content-type", "application/json"),
        ("CE-SpecVersion", "1.0"),
        ("ce-id", "1"),
        ("ce-source", "%2Fci"),
        ("ce-type", "\"com.example.de\\ploy\""),
        ("ce-subject", "fly/acme/web"),
    ]);
    let binary = one(&binary, br#"{"a": 1}"#).unwrap();
    let batched = headers(&[("content-type", "application/cloudevents-batch+json")]);
    let batched = one(&batched, json!([deploy()]).to_string().as_bytes()).unwrap();
    for (other, same) in [binary, batched] {
        assert_eq!(
            (&said.id, &said.source, &said.kind, &said.subject),
            (&other.id, &other.source, &other.kind, &other.subject)
        );
        assert_eq!(data, same);
    }
}

const BASE: [(&str, &str); 4] =
    [("ce-specversion", "1.0"), ("ce-id", "1"), ("ce-source", "%C3%BC%20x"), ("ce-type", "y")];

#[test]
fn the_media_type_says_what_data_becomes() {
    for (media, body, data) in [
        ("text/plain", &b"hello"[..], json!("hello")),
        ("text/plain", &[0xff, 0][..], json!({"data_base64": "/wA="})),
        ("image/svg+xml", &b"<svg/>"[..], json!("<svg/>")),
        ("image/png", &[0xff, 0][..], json!({"data_base64": "/wA="})),
        ("application/octet-stream", &b"by chance"[..], json!({"data_base64": "YnkgY2hhbmNl"})),
        ("application/vnd.order+json", &b"[1]"[..], json!([1])),
        ("application/json", &b""[..], Value::Null),
    ] {
        let headers = headers(&[&BASE[..], &[("content-type", media)]].concat());
        assert_eq!(one(&headers, body).unwrap().1, data, "{media}");
    }
    let (attributes, data) = one(&headers(&BASE), b"{}").unwrap();
    assert_eq!((attributes.source.as_str(), data), ("\u{fc} x", json!({})));
    let (_, data) = structured_with(|event| {
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
        ("time", json!("noon"), "time: `noon` is no RFC 3339 time"),
        ("id", json!("a\u{0}b"), "id: it contains U+0000"),
        ("data", json!({"deep": [{"a\u{0}": 1}]}), "data: it contains U+0000"),
        ("extension", json!(long), "extension: it has more than 1024 bytes"),
        ("data_base64", json!("/wA="), "data: there is data_base64 as well"),
    ] {
        let refused = structured_with(set(name, value)).unwrap_err();
        assert_eq!((refused.to_string().as_str(), refused.status().as_u16()), (expected, 400));
    }
    for (more, body, expected) in [
        (("ce-id", "2"), "{}", "id: it is given twice"),
        (("ce-subject", "%ff"), "{}", "subject: no UTF-8"),
        (("content-type", "application/json"), "{", "body: no JSON: "),
    ] {
        let refused = one(&headers(&[&BASE[..], &[more]].concat()), body.as_bytes()).unwrap_err();
        assert!(refused.to_string().starts_with(expected), "{refused}");
        assert_eq!(refused.status().as_u16(), 400);
    }
}

#[test]
fn of_a_batch_the_event_is_named_and_all_are_refused() {
    let headers = headers(&[("content-type", "application/cloudevents-batch+json")]);
    let refused = |body: &Value| read(&headers, body.to_string().as_bytes()).unwrap_err();
    let mut own = deploy();
    own["type"] = json!("app.created");
    let why = refused(&json!([deploy(), own]));
    assert!(why.to_string().starts_with("event 2 of the batch: type `app.created` is reserved"), "{why}");
    assert_eq!(why.status().as_u16(), 422);
    let mut large = deploy();
    large["data"] = json!("x".repeat(BODY_MAX));
    assert_eq!(refused(&json!([large])).status().as_u16(), 413);
    assert_eq!(refused(&deploy()).to_string(), "body: a batch is a JSON array of events");
    assert!(read(&headers, b"[]").unwrap().is_empty());
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
        assert_eq!(refused.status().as_u16(), 422);
    }
    for kind in ["application.x", "ticks", "com.example.app.created"] {
        assert!(structured_with(|event| event["type"] = json!(kind)).is_ok(), "{kind}");
    }
}

#[test]
fn what_is_larger_than_the_limit_is_refused() {
    let binary = headers(&[&BASE[..], &[("content-type", "text/plain")]].concat());
    assert!(one(&binary, &vec![b'x'; BODY_MAX]).is_ok());
    assert_eq!(one(&binary, &vec![b'x'; BODY_MAX + 1]).unwrap_err().status().as_u16(), 413);
    let refused = structured_with(|event| event["data"] = json!("x".repeat(BODY_MAX))).unwrap_err();
    assert_eq!(refused.status().as_u16(), 413);
}

#[test]
fn anything_but_events_is_refused() {
    for media in ["application/cloudevents+avro", "application/x-www-form-urlencoded", "application/json", ""]
    {
        let refused =
            read(&headers(&[("content-type", media)]), deploy().to_string().as_bytes()).unwrap_err();
        assert_eq!(refused.status().as_u16(), 415, "{media}");
    }
    let avro = headers(&[&BASE[..], &[("content-type", "application/cloudevents+avro")]].concat());
    assert_eq!(read(&avro, b"[]").unwrap_err().status().as_u16(), 415);
}
