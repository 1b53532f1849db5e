//! Reads CloudEvents from HTTP messages [CloudEvents HTTP protocol binding 1.0.2].

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use groundcrew_core::kind::is_reserved;
use percent_encoding::percent_decode_str;
use serde_json::{Map, Value, json};

use super::{ATTRIBUTE_MAX, BODY_MAX, Refusal};

/// The attributes that mean something here; extensions are not kept.
#[derive(Debug, Default)]
pub(super) struct Attributes {
    pub(super) id: String,
    pub(super) source: String,
    pub(super) kind: String,
    pub(super) subject: Option<String>,
    pub(super) time: Option<String>,
}

/// Reads one event: its attributes and its data.
pub(super) fn read(headers: &[(String, String)], body: &[u8]) -> Result<(Attributes, Value), Refusal> {
    let content_type = header(headers, "content-type").unwrap_or_default();
    let media = content_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    let (mut fields, data) = match media.as_str() {
        "application/cloudevents+json" => structured(body)?,
        other if other.starts_with("application/cloudevents") => {
            return Err(Refusal::NotOneEvent(content_type.to_owned()));
        }
        _ if header(headers, "ce-specversion").is_none() => {
            return Err(Refusal::NotOneEvent(content_type.to_owned()));
        }
        media => (binary(headers)?, binary_data(media, body)?),
    };
    checked(&mut fields, data)
}

/// Reads one event that is JSON already.
pub(super) fn event(event: Value) -> Result<(Attributes, Value), Refusal> {
    let (mut fields, data) = fields_and_data(event)?;
    let bytes = data.as_str().map_or_else(|| data.to_string().len(), str::len);
    if bytes > BODY_MAX {
        return Err(Refusal::TooLarge(bytes));
    }
    checked(&mut fields, data)
}

fn checked(fields: &mut Map<String, Value>, data: Value) -> Result<(Attributes, Value), Refusal> {
    refuse_nul("data", &data)?;
    Ok((attributes(fields)?, data))
}

fn header<'a>(headers: &'a [(String, String)], name: &str) -> Option<&'a str> {
    headers.iter().find(|(have, _)| have.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
}

fn structured(body: &[u8]) -> Result<(Map<String, Value>, Value), Refusal> {
    let parsed: Value = serde_json::from_slice(body)
        .map_err(|error| Refusal::invalid("body", format!("no JSON: {error}")))?;
    fields_and_data(parsed)
}

fn fields_and_data(event: Value) -> Result<(Map<String, Value>, Value), Refusal> {
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
    Ok((fields, data))
}

/// Attributes travel as `ce-` headers, percent-encoded.
fn binary(headers: &[(String, String)]) -> Result<Map<String, Value>, Refusal> {
    let mut fields = Map::new();
    for (name, value) in headers {
        let name = name.to_ascii_lowercase();
        let Some(attribute) = name.strip_prefix("ce-") else { continue };
        let decoded = percent_decode_str(value.trim_matches('"')).decode_utf8();
        let text = decoded.map_err(|_| Refusal::invalid(attribute, "no UTF-8"))?;
        if fields.insert(attribute.to_owned(), Value::from(text.as_ref())).is_some() {
            return Err(Refusal::invalid(attribute, "it is given twice"));
        }
    }
    Ok(fields)
}

/// JSON stays JSON, text becomes a string, anything else is kept as base64.
fn binary_data(media: &str, body: &[u8]) -> Result<Value, Refusal> {
    let is_json = media == "application/json" || media == "text/json" || media.ends_with("+json");
    match std::str::from_utf8(body) {
        _ if body.is_empty() => Ok(Value::Null),
        _ if is_json || media.is_empty() => serde_json::from_slice(body)
            .map_err(|error| Refusal::invalid("body", format!("no JSON: {error}"))),
        Ok(text) if media.starts_with("text/") => Ok(Value::from(text)),
        _ => Ok(json!({ "data_base64": STANDARD.encode(body) })),
    }
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
        time: optional(fields, "time")?,
    })
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
