//! The registry's own listing, where the stanza says where it is and what it looks like.

use groundcrew_hook::{Failure, Inventory, Listed, Owner, Request, Result, Thing, ThingPage, Value, json};
use serde::Deserialize;
use serde_json::Map;

use crate::{Config, Register, Registry};

/// Where the registry lists its documents, and how an item of the list says whose it is.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct List {
    /// Below the server.
    path: String,
    /// JSON pointer to the items in the answer; empty: it is the list.
    #[serde(default)]
    items: String,
    /// JSON pointer to what ends a document's path, within its item.
    #[serde(default = "id")]
    id: String,
    /// What stands before that in a document's path.
    #[serde(default)]
    below: String,
    /// JSON pointer to the cursor of the next page in the answer; none: there is one page.
    next: Option<String>,
    /// The parameter that takes the cursor.
    #[serde(default = "cursor")]
    cursor: String,
}

fn id() -> String {
    "/id".to_owned()
}

fn cursor() -> String {
    "cursor".to_owned()
}

impl Inventory for Register {
    fn scan(_owner: Option<&Owner>, cursor: Option<&str>) -> Result<ThingPage> {
        let registry = Registry::open()?;
        let Some(list) = &registry.config.list else {
            return Err(Failure::no_inventory("`list` does not say where the registry lists its documents"));
        };
        let request = Request::get(registry.url(list.path.trim_start_matches('/')));
        let request = match cursor {
            Some(cursor) => request.query(&list.cursor, cursor),
            None => request,
        };
        let answer: Value = registry.send(request)?.success()?.json()?;
        let items = answer.pointer(&list.items).and_then(Value::as_array);
        let items = items.ok_or_else(|| Failure::lasting(format!("there is no list at `{}`", list.items)))?;
        let things = items.iter().map(|item| listed(item, list, &registry.config));
        let next = list.next.as_ref().and_then(|next| word(answer.pointer(next)?));
        Ok(ThingPage { things: things.collect::<Result<_>>()?, next })
    }
}

fn listed(item: &Value, list: &List, config: &Config) -> Result<Listed> {
    let name = item.pointer(&list.id).and_then(word);
    let name =
        name.ok_or_else(|| Failure::lasting(format!("an item of the list has no text at `{}`", list.id)))?;
    // As a document's own path, which may begin with a slash as well.
    let path = format!("{}{name}", list.below);
    let path = path.trim_start_matches('/');
    // Null is not what a look showed, so the thing is looked at by itself: the item says too little, or what is wanted
    // differs from owner to owner, and nothing is known of that here.
    let document = config.document.as_ref().and_then(|wanted| document(wanted, item));
    let body = json!({ "path": path, "document": document });
    let mark = config.mark.as_ref().and_then(|field| item.get(field)?.as_str().map(str::to_owned));
    let thing = Thing::new(path, body).mark(mark).output("path", path);
    Ok(Listed { kind: "document".to_owned(), key: Some(path.to_owned()), thing })
}

/// What an item shows of a document; nothing, unless it shows all that is wanted of one: a list may say less.
fn document(wanted: &Map<String, Value>, item: &Value) -> Option<Value> {
    let field = |name: &String| Some((name.clone(), item.get(name)?.clone()));
    wanted.keys().map(field).collect::<Option<Map<_, _>>>().map(Value::Object)
}

/// A text that is not empty, or a number as one.
fn word(value: &Value) -> Option<String> {
    match value {
        Value::String(text) if !text.is_empty() => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}
