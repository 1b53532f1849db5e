//! `POST /v1/events`: foreign CloudEvents 1.0 over HTTP, structured, batched or binary.
//!
//! The three forms are those of the CloudEvents HTTP protocol binding 1.0.2, section 3.

use axum::Json;
use axum::body::Bytes;
use axum::extract::State as Extract;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use percent_encoding::percent_decode;
use serde_json::{Map, Value, json};

use super::State;
use super::live::{Inbox, InboxError};
use super::token;

pub(super) async fn from_network(
    Extract(state): Extract<State>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let Some(inbox) = state.inbox else { return off() };
    match inbox.token() {
        Ok(token) if token::shows(&headers, &token) => take(inbox.as_ref(), &headers, &body).await,
        Ok(_) => refuse(StatusCode::UNAUTHORIZED, "show the token: Authorization: Bearer ..."),
        Err(error) => {
            tracing::error!(%error, "the token of POST /v1/events cannot be read");
            refuse(StatusCode::SERVICE_UNAVAILABLE, "the token cannot be read; the runner's log says why")
        }
    }
}

pub(super) async fn from_socket(Extract(state): Extract<State>, headers: HeaderMap, body: Bytes) -> Response {
    match state.inbox {
        Some(inbox) => take(inbox.as_ref(), &headers, &body).await,
        None => off(),
    }
}

async fn take(inbox: &dyn Inbox, headers: &HeaderMap, body: &[u8]) -> Response {
    let events = match read(headers, body) {
        Ok(events) => events,
        Err(why) => return refuse(StatusCode::BAD_REQUEST, &why),
    };
    match inbox.take(events).await {
        Ok(taken) => (StatusCode::ACCEPTED, Json(taken)).into_response(),
        Err(InboxError::Refused(why)) => refuse(StatusCode::BAD_REQUEST, &why),
        Err(InboxError::Unavailable(why)) => refuse(StatusCode::SERVICE_UNAVAILABLE, &why),
    }
}

fn off() -> Response {
    refuse(StatusCode::NOT_FOUND, "foreign events are off; [http] token turns them on")
}

fn refuse(status: StatusCode, why: &str) -> Response {
    (status, Json(json!({"error": why}))).into_response()
}

/// Reads a request's events in their JSON form.
fn read(headers: &HeaderMap, body: &[u8]) -> Result<Vec<Value>, String> {
    let media = text_of(headers, header::CONTENT_TYPE.as_str()).unwrap_or_default();
    let media = media.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    let json =
        || serde_json::from_slice::<Value>(body).map_err(|error| format!("the body is no JSON: {error}"));
    let events = match media.as_str() {
        "application/cloudevents-batch+json" => match json()? {
            Value::Array(events) => events,
            _ => return Err("a batch is a JSON array of events".to_owned()),
        },
        "application/cloudevents+json" => vec![json()?],
        _ if headers.contains_key("ce-id") => vec![binary(headers, &media, body)?],
        _ => {
            return Err("no CloudEvent: send application/cloudevents+json, application/cloudevents-batch+json, or ce-* headers".to_owned());
        }
    };
    events
        .iter()
        .enumerate()
        .try_for_each(|(at, event)| complete(event).map_err(|why| format!("event {at}: {why}")))?;
    Ok(events)
}

fn binary(headers: &HeaderMap, media: &str, body: &[u8]) -> Result<Value, String> {
    let mut event = Map::new();
    for (name, value) in headers {
        let Some(attribute) = name.as_str().strip_prefix("ce-") else { continue };
        // Percent-encoded, as the HTTP binding says [CloudEvents HTTP protocol binding 1.0.2, 3.1.3.2].
        let bytes = value.as_bytes();
        let bytes = bytes.strip_prefix(b"\"").and_then(|rest| rest.strip_suffix(b"\"")).unwrap_or(bytes);
        let value = percent_decode(bytes).decode_utf8();
        let value = value.map_err(|_| format!("header {name} is no text"))?;
        event.insert(attribute.to_owned(), value.into());
    }
    if !media.is_empty() {
        event.insert("datacontenttype".to_owned(), media.into());
    }
    if media.is_empty() || media == "application/json" || media.ends_with("+json") {
        if !body.is_empty() {
            let data =
                serde_json::from_slice(body).map_err(|error| format!("the data is no JSON: {error}"))?;
            event.insert("data".to_owned(), data);
        }
    } else if let Ok(text) = std::str::from_utf8(body) {
        event.insert("data".to_owned(), text.into());
    } else {
        event.insert("data_base64".to_owned(), STANDARD.encode(body).into());
    }
    Ok(Value::Object(event))
}

/// Says what an event lacks.
fn complete(event: &Value) -> Result<(), String> {
    let text = |name: &str| event.get(name).and_then(Value::as_str).filter(|text| !text.is_empty());
    match ["id", "source", "type"].into_iter().find(|name| text(name).is_none()) {
        Some(missing) => Err(format!("attribute `{missing}` is missing or no text")),
        None if text("specversion") != Some("1.0") => {
            Err("attribute `specversion` must be \"1.0\"".to_owned())
        }
        None => Ok(()),
    }
}

fn text_of<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name).and_then(|value| value.to_str().ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
        pairs.iter().map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap())).collect()
    }

    #[test]
    fn all_three_forms_are_read() {
        let event = json!({"specversion": "1.0", "id": "1", "source": "/shop", "type": "order.paid", "data": {"n": 1}});
        let structured = headers(&[("content-type", "application/cloudevents+json; charset=utf-8")]);
        assert_eq!(read(&structured, event.to_string().as_bytes()).unwrap(), std::slice::from_ref(&event));
        let batch = headers(&[("content-type", "application/cloudevents-batch+json")]);
        assert_eq!(read(&batch, json!([event, event]).to_string().as_bytes()).unwrap().len(), 2);
        let pairs =
            [("ce-specversion", "1.0"), ("ce-id", "1"), ("ce-source", "/shop"), ("ce-type", "order.paid")];
        let binary = headers(&[&pairs[..], &[("content-type", "application/json")]].concat());
        let read = read(&binary, br#"{"n":1}"#).unwrap();
        assert_eq!((&read[0]["type"], &read[0]["data"]), (&event["type"], &event["data"]));
        let pairs = [
            ("ce-specversion", "1.0"),
            ("ce-id", "1"),
            ("ce-source", "%2Fshop%20%C3%BC"),
            ("ce-type", "%22t%22"),
        ];
        let picture = headers(&[&pairs[..], &[("content-type", "image/png")]].concat());
        let read = super::read(&picture, &[0xff, 0]).unwrap();
        assert_eq!((&read[0]["source"], &read[0]["data_base64"]), (&json!("/shop \u{fc}"), &json!("/wA=")));
    }

    #[test]
    fn what_is_no_event_is_refused_with_its_reason() {
        let structured = headers(&[("content-type", "application/cloudevents+json")]);
        let why = |body: &str| read(&structured, body.as_bytes()).unwrap_err();
        assert!(why("{").contains("no JSON"));
        assert!(why("{}").contains("`id` is missing"));
        assert!(why(r#"{"id":"1","source":"s","type":"t","specversion":"0.3"}"#).contains("must be \"1.0\""));
        assert!(read(&headers(&[]), b"{}").unwrap_err().contains("no CloudEvent"));
    }
}
