//! Reads CloudEvents from HTTP messages [CloudEvents HTTP protocol binding 1.0.2, 3].
//!
//! The content type tells the form: structured, batched, or binary, where attributes are `ce-` headers and the body is
//! the data as it is.

use axum::http::{HeaderMap, HeaderValue, header};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use groundcrew_core::kind::is_reserved;
use groundcrew_core::time::Timestamp;
use percent_encoding::percent_decode;
use serde_json::{Map, Value, json};

use super::{ATTRIBUTE_MAX, BODY_MAX, CloudEvent, Refusal};

/// The attributes that mean something here; extensions are not kept.
#[derive(Clone, Debug)]
pub(super) struct Attributes {
    pub(super) id: String,
    pub(super) source: String,
    pub(super) kind: String,
    pub(super) subject: Option<String>,
    pub(super) time: Option<Timestamp>,
}

/// Reads the events of a request, in their order.
pub(super) fn read(headers: &HeaderMap, body: &[u8]) -> Result<Vec<CloudEvent>, Refusal> {
    let content_type = headers.get(header::CONTENT_TYPE).map(HeaderValue::as_bytes).unwrap_or_default();
    let content_type = String::from_utf8_lossy(content_type);
    let media = content_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    let has_attributes = headers.keys().any(|name| name.as_str().starts_with("ce-"));
    match media.as_str() {
        "application/cloudevents+json" => Ok(vec![structured(body)?]),
        "application/cloudevents-batch+json" => batch(body),
        media if has_attributes && !media.starts_with("application/cloudevents") => {
            Ok(vec![binary(headers, media, body)?])
        }
        _ => Err(Refusal::NoEvent(content_type.into_owned())),
    }
}

fn structured(body: &[u8]) -> Result<CloudEvent, Refusal> {
    fits(body.len())?;
    event(parsed(body)?)
}

fn batch(body: &[u8]) -> Result<Vec<CloudEvent>, Refusal> {
    let Value::Array(events) = parsed(body)? else {
        return Err(Refusal::invalid("body", "a batch is a JSON array of events"));
    };
    let one = |(at, value): (usize, Value)| {
        event(value).map_err(|why| Refusal::InBatch { at: at + 1, why: Box::new(why) })
    };
    events.into_iter().enumerate().map(one).collect()
}

/// Reads one event that is JSON already.
pub(super) fn event(event: Value) -> Result<CloudEvent, Refusal> {
    fits(event.to_string().len())?;
    let Value::Object(mut fields) = event else {
        return Err(Refusal::invalid("body", "one JSON object is expected"));
    };
    let data = match (fields.remove("data"), fields.remove("data_base64")) {
        (Some(_), Some(_)) => return Err(Refusal::invalid("data", "there is data_base64 as well")),
        (Some(data), None) => data,
        (None, Some(Value::String(text))) if STANDARD.decode(&text).is_ok() => json!({ "data_base64": text }),
        (None, Some(_)) => return Err(Refusal::invalid("data_base64", "text in base64 is expected")),
        (None, None) => Value::Null,
    };
    checked(fields, data)
}

/// Attributes travel as `ce-` headers, percent-encoded.
fn binary(headers: &HeaderMap, media: &str, body: &[u8]) -> Result<CloudEvent, Refusal> {
    fits(body.len())?;
    let mut fields = Map::new();
    for (name, value) in headers {
        let Some(attribute) = name.as_str().strip_prefix("ce-") else { continue };
        let plain = unquoted(value.as_bytes());
        let decoded = percent_decode(&plain).decode_utf8();
        let text = decoded.map_err(|_| Refusal::invalid(attribute, "no UTF-8"))?;
        if fields.insert(attribute.to_owned(), Value::from(text.as_ref())).is_some() {
            return Err(Refusal::invalid(attribute, "it is given twice"));
        }
    }
    checked(fields, binary_data(media, body)?)
}

/// A header's value without its quotes, and without the escapes within them [RFC 7230, 3.2.6].
fn unquoted(value: &[u8]) -> Vec<u8> {
    let quoted = value.strip_prefix(b"\"").and_then(|rest| rest.strip_suffix(b"\""));
    let Some(quoted) = quoted else { return value.to_vec() };
    let (mut bytes, mut plain) = (quoted.iter(), Vec::with_capacity(quoted.len()));
    while let Some(byte) = bytes.next() {
        let escaped = if *byte == b'\\' { bytes.next() } else { None };
        plain.push(*escaped.unwrap_or(byte));
    }
    plain
}

/// JSON stays JSON, text becomes a string, anything else is kept as base64: the media type alone says which, so that
/// nothing looks like text by chance.
fn binary_data(media: &str, body: &[u8]) -> Result<Value, Refusal> {
    let is_json = ["", "application/json", "text/json"].contains(&media) || media.ends_with("+json");
    let is_text = media.starts_with("text/") || media == "application/xml" || media.ends_with("+xml");
    match std::str::from_utf8(body) {
        _ if body.is_empty() => Ok(Value::Null),
        _ if is_json => parsed(body),
        Ok(text) if is_text => Ok(Value::from(text)),
        _ => Ok(json!({ "data_base64": STANDARD.encode(body) })),
    }
}

fn fits(bytes: usize) -> Result<(), Refusal> {
    if bytes > BODY_MAX { Err(Refusal::TooLarge(bytes)) } else { Ok(()) }
}

fn parsed(body: &[u8]) -> Result<Value, Refusal> {
    serde_json::from_slice(body).map_err(|error| Refusal::invalid("body", format!("no JSON: {error}")))
}

fn checked(mut fields: Map<String, Value>, data: Value) -> Result<CloudEvent, Refusal> {
    refuse_nul("data", &data)?;
    Ok(CloudEvent { attributes: attributes(&mut fields)?, data })
}

fn attributes(fields: &mut Map<String, Value>) -> Result<Attributes, Refusal> {
    for (name, value) in fields.iter() {
        let long = value.as_str().is_some_and(|text| text.len() > ATTRIBUTE_MAX);
        if long {
            return Err(Refusal::invalid(name, format!("it has more than {ATTRIBUTE_MAX} bytes")));
        }
        refuse_nul(name, value)?;
    }
    let version = required(fields, "specversion")?;
    if version != "1.0" {
        return Err(Refusal::invalid("specversion", format!("`{version}`; 1.0 is understood")));
    }
    let kind = required(fields, "type")?;
    if is_reserved(&kind) {
        return Err(Refusal::Reserved(kind));
    }
    Ok(Attributes {
        id: required(fields, "id")?,
        source: required(fields, "source")?,
        kind,
        subject: optional(fields, "subject")?,
        time: optional(fields, "time")?.as_deref().map(time).transpose()?,
    })
}

fn time(text: &str) -> Result<Timestamp, Refusal> {
    let bad = || Refusal::invalid("time", format!("`{text}` is no RFC 3339 time"));
    Timestamp::parse_rfc3339(text).ok_or_else(bad)
}

fn required(fields: &mut Map<String, Value>, name: &str) -> Result<String, Refusal> {
    optional(fields, name)?.ok_or_else(|| Refusal::invalid(name, "it is required"))
}

fn optional(fields: &mut Map<String, Value>, name: &str) -> Result<Option<String>, Refusal> {
    match fields.remove(name) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) if !text.is_empty() => Ok(Some(text)),
        Some(_) => Err(Refusal::invalid(name, "text that is not empty is expected")),
    }
}

/// U+0000 cannot be stored everywhere (Postgres refuses it), and no honest sender needs it.
fn refuse_nul(attribute: &str, value: &Value) -> Result<(), Refusal> {
    if has_nul(value) { Err(Refusal::invalid(attribute, "it contains U+0000")) } else { Ok(()) }
}

fn has_nul(value: &Value) -> bool {
    match value {
        Value::String(text) => text.contains('\0'),
        Value::Array(items) => items.iter().any(has_nul),
        Value::Object(fields) => fields.iter().any(|(name, value)| name.contains('\0') || has_nul(value)),
        Value::Null | Value::Bool(_) | Value::Number(_) => false,
    }
}

#[cfg(test)]
mod tests;
