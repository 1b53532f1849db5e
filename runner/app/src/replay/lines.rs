//! What a call asks and is answered, line by line, as it is shown and compared.

use serde_json::Value;

/// `name: value` of a request or an answer.
pub fn headers(value: &Value) -> Vec<String> {
    let headers = value.get("headers").and_then(Value::as_array);
    let line = |header: &Value| Some(format!("{}: {}", header.get(0)?.as_str()?, header.get(1)?.as_str()?));
    headers.into_iter().flatten().filter_map(line).collect()
}

/// The body of a request or an answer; of what is neither all that there is.
pub fn said(value: &Value) -> Option<Value> {
    match value.get("body") {
        None if value.get("headers").is_none_or(|headers| !headers.is_array()) => Some(value.clone()),
        None => None,
        Some(body) if body.get("dropped").is_some() => {
            Some(Value::from(format!("({} bytes, no longer kept)", body["dropped"])))
        }
        Some(body) => {
            match (body.get("text").and_then(Value::as_str), body.get("base64").and_then(Value::as_str)) {
                (Some(""), _) | (_, Some("")) => None,
                (Some(said), _) => Some(json_of(said.as_bytes())),
                (None, Some(bytes)) => Some(Value::from(format!("(base 64) {bytes}"))),
                (None, None) => Some(body.clone()),
            }
        }
    }
}

/// The same line by line.
pub fn body(value: &Value) -> Vec<String> {
    said(value).iter().flat_map(lines_of).collect()
}

/// A value, line by line.
pub fn lines_of(value: &Value) -> Vec<String> {
    let text = match value {
        Value::String(text) => text.clone(),
        other => format!("{other:#}"),
    };
    text.lines().map(str::to_owned).collect()
}

/// What a call asks, line by line, as it is compared.
pub fn question(op: &str, ask: &str) -> Vec<String> {
    let ask = json_of(ask.as_bytes());
    let field = |name: &str| ask.get(name).and_then(Value::as_str);
    let (Some(method), Some(url)) = (field("method"), field("url")) else {
        return std::iter::once(op.to_owned()).chain(lines_of(&ask)).collect();
    };
    let seal = ask.get("seal").filter(|seal| seal.as_array().is_some_and(|seal| !seal.is_empty()));
    let mut lines = vec![format!("{method} {url}")];
    lines.extend(headers(&ask));
    lines.extend(seal.map(|seal| format!("seal {seal}")));
    lines.extend(body(&ask));
    lines
}

/// JSON as recorded; what is none is shown as text.
pub fn json_of(bytes: &[u8]) -> Value {
    serde_json::from_slice(bytes).unwrap_or_else(|_| Value::from(String::from_utf8_lossy(bytes)))
}
