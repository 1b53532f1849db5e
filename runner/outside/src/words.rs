//! Fields under the names that an API gives them.

use serde_json::{Map, Value, json};

use crate::knobs::Words;

impl Words {
    /// A body as somebody sends it, without what single things are wrapped in.
    pub(crate) fn unwrapped(&self, body: &Value) -> Map<String, Value> {
        let inner = if self.wrap.is_empty() { body } else { &body[&self.wrap] };
        inner.as_object().cloned().unwrap_or_default()
    }

    /// A single thing as it is answered.
    pub(crate) fn wrapped(&self, thing: Value) -> Value {
        if self.wrap.is_empty() { thing } else { json!({ &self.wrap: thing }) }
    }

    /// A page of a listing.
    pub(crate) fn page(&self, items: Vec<Value>, next: Option<String>) -> Value {
        if self.list.is_empty() {
            return Value::Array(items);
        }
        let mut page = Map::new();
        put(&mut page, &self.list, Value::Array(items));
        put(&mut page, &self.next, next.map_or(Value::Null, Value::String));
        Value::Object(page)
    }
}

/// Puts a value at a dotted path; what is no object on the way becomes one.
pub(crate) fn put(body: &mut Map<String, Value>, path: &str, value: Value) {
    let Some((first, rest)) = path.split_once('.') else {
        body.insert(path.to_owned(), value);
        return;
    };
    let inner = body.entry(first).or_insert_with(|| json!({}));
    if !inner.is_object() {
        *inner = json!({});
    }
    if let Value::Object(inner) = inner {
        put(inner, rest, value);
    }
}

/// Takes a text out from a dotted path.
pub(crate) fn take(body: &mut Map<String, Value>, path: &str) -> Option<String> {
    match path.split_once('.') {
        None => body.remove(path)?.as_str().map(str::to_owned),
        Some((first, rest)) => take(body.get_mut(first)?.as_object_mut()?, rest),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_may_lie_within_objects() {
        let mut body = Map::new();
        put(&mut body, "metadata.mark", json!("m"));
        put(&mut body, "metadata.tags.name", json!("n"));
        assert_eq!(Value::Object(body.clone()), json!({"metadata": {"mark": "m", "tags": {"name": "n"}}}));
        assert_eq!(take(&mut body, "metadata.mark").as_deref(), Some("m"));
        assert_eq!(take(&mut body, "metadata.mark"), None);
        assert_eq!(take(&mut body, "nothing.there"), None);
        let words = Words { wrap: "volume".to_owned(), list: String::new(), ..Words::default() };
        assert_eq!(
            words.unwrapped(&words.wrapped(json!({"id": "1"}))),
            *json!({"id": "1"}).as_object().unwrap()
        );
        assert_eq!(words.page(vec![json!(1)], None), json!([1]));
    }
}
