//! The configuration's schema: whether what was valid still is.

use std::collections::BTreeSet;

use serde_json::{Map, Value};

use super::{Area, Effect, Found};
use crate::manifest::Manifest;

/// Keywords that say nothing about what is valid.
const NOTES: [&str; 9] =
    ["title", "description", "default", "examples", "identity", "$comment", "deprecated", "$schema", "$id"];
/// Keywords that [`narrower`] understands; any other one that changes may refuse what was valid.
const KNOWN: [&str; 13] = [
    "type",
    "enum",
    "properties",
    "required",
    "additionalProperties",
    "items",
    "minimum",
    "minLength",
    "minItems",
    "maximum",
    "maxLength",
    "maxItems",
    "format",
];

pub(super) fn config(old: &Manifest, new: &Manifest, found: &mut Found) {
    let mut add = |effect, what: String| found.add(effect, Area::Config, what);
    let (was, is) = (properties(old.config.as_ref()), properties(new.config.as_ref()));
    let (needed, needs) = (required(old.config.as_ref()), required(new.config.as_ref()));
    let closed = is_closed(new.config.as_ref());
    for (name, property) in &is {
        let given = property.get("default").is_some();
        let newly_needed = needs.contains(name.as_str()) && !needed.contains(name.as_str()) && !given;
        let Some(before) = was.get(name) else {
            if newly_needed {
                add(Effect::Breaking, format!("`{name}` is new, and required"));
            } else {
                add(Effect::Harmless, format!("`{name}` is new"));
            }
            continue;
        };
        if newly_needed {
            add(Effect::Breaking, format!("`{name}` is required now"));
        }
        if let Some(why) = narrower(before, property) {
            add(Effect::Breaking, format!("`{name}` {why}"));
        } else if notes_apart(before) != notes_apart(property) {
            add(Effect::Harmless, format!("`{name}` takes more than before"));
        }
        if before.get("default") != property.get("default") {
            let shown = |value: Option<&Value>| value.map_or_else(|| "none".to_owned(), Value::to_string);
            let (from, to) = (shown(before.get("default")), shown(property.get("default")));
            add(Effect::Harmless, format!("`{name}` has the default {to} instead of {from}"));
        }
    }
    for name in was.keys().filter(|name| !is.contains_key(*name)) {
        if closed {
            add(Effect::Breaking, format!("`{name}` is no longer known: a stanza that names it is refused"));
        } else {
            add(Effect::Harmless, format!("`{name}` is no longer described"));
        }
    }
    if closed && !is_closed(old.config.as_ref()) {
        add(Effect::Breaking, "fields that are not described are refused now".to_owned());
    }
    if let Some(name) = others(old.config.as_ref(), new.config.as_ref()) {
        add(Effect::Breaking, format!("its schema has another `{name}`: what was valid may be refused"));
    }
    let (was, is) = (old.identity_fields(), new.identity_fields());
    if was != is {
        let what =
            format!("its things' place is told by [{}] instead of [{}]", is.join(", "), was.join(", "));
        add(Effect::Breaking, what);
    }
}

/// A keyword of the whole schema that is new or another one, and that is not compared by itself.
fn others<'a>(old: Option<&Value>, new: Option<&'a Value>) -> Option<&'a str> {
    const COMPARED: [&str; 4] = ["type", "properties", "required", "additionalProperties"];
    let fields = new.and_then(Value::as_object).into_iter().flatten();
    let mut fields =
        fields.filter(|(name, _)| !NOTES.contains(&name.as_str()) && !COMPARED.contains(&name.as_str()));
    let differs = |name: &str, value| old.and_then(|old| old.get(name)) != Some(value);
    fields.find(|(name, value)| differs(name, *value)).map(|(name, _)| name.as_str())
}

fn properties(schema: Option<&Value>) -> Map<String, Value> {
    let properties = schema.and_then(|schema| schema.get("properties")).and_then(Value::as_object);
    properties.cloned().unwrap_or_default()
}

fn required(schema: Option<&Value>) -> BTreeSet<&str> {
    let required = schema.and_then(|schema| schema.get("required")).and_then(Value::as_array);
    required.into_iter().flatten().filter_map(Value::as_str).collect()
}

fn is_closed(schema: Option<&Value>) -> bool {
    schema.and_then(|schema| schema.get("additionalProperties")) == Some(&Value::Bool(false))
}

/// A schema without what says nothing about what is valid.
fn notes_apart(schema: &Value) -> Value {
    match schema {
        Value::Object(fields) => fields
            .iter()
            .filter(|(name, _)| !NOTES.contains(&name.as_str()))
            .map(|(n, v)| (n.clone(), v.clone()))
            .collect(),
        other => other.clone(),
    }
}

/// Why a value that fits the old schema may not fit the new one; none: it does.
fn narrower(old: &Value, new: &Value) -> Option<String> {
    let (old, new) = (notes_apart(old), notes_apart(new));
    if old == new || new == Value::Bool(true) || new.as_object().is_some_and(Map::is_empty) {
        return None;
    }
    types(&old, &new)
        .or_else(|| values(&old, &new))
        .or_else(|| bounds(&old, &new))
        .or_else(|| within(&old, &new))
        .or_else(|| {
            let fields = new.as_object().into_iter().flatten();
            let mut others = fields.filter(|(name, _)| !KNOWN.contains(&name.as_str()) || *name == "format");
            let changed = others.find(|(name, value)| old.get(name.as_str()) != Some(value));
            changed.map(|(name, _)| format!("has another `{name}`"))
        })
}

fn types(old: &Value, new: &Value) -> Option<String> {
    let types = |schema: &Value| -> Option<Vec<String>> {
        match schema.get("type")? {
            Value::String(one) => Some(vec![one.clone()]),
            Value::Array(all) => Some(all.iter().filter_map(Value::as_str).map(str::to_owned).collect()),
            _ => Some(Vec::new()),
        }
    };
    let is = types(new)?;
    let takes = |name: &String| is.contains(name) || name == "integer" && is.iter().any(|is| is == "number");
    match types(old) {
        Some(was) if was.iter().all(takes) => None,
        Some(was) => Some(format!("is {} instead of {}", is.join(" or "), was.join(" or "))),
        // An old list of values says of which type they are.
        None if old.get("enum").is_some() => None,
        None => Some(format!("is {} now", is.join(" or "))),
    }
}

fn values(old: &Value, new: &Value) -> Option<String> {
    let is = new.get("enum")?.as_array()?;
    let Some(was) = old.get("enum").and_then(Value::as_array) else {
        return Some("takes listed values only".to_owned());
    };
    let gone: Vec<_> = was.iter().filter(|value| !is.contains(value)).map(Value::to_string).collect();
    (!gone.is_empty()).then(|| format!("no longer takes {}", gone.join(", ")))
}

fn bounds(old: &Value, new: &Value) -> Option<String> {
    let number = |schema: &Value, name: &str| schema.get(name).and_then(Value::as_f64);
    for (name, upper) in [
        ("minimum", false),
        ("minLength", false),
        ("minItems", false),
        ("maximum", true),
        ("maxLength", true),
        ("maxItems", true),
    ] {
        let Some(is) = number(new, name) else { continue };
        let holds = number(old, name).is_some_and(|was| if upper { was <= is } else { was >= is });
        if !holds {
            return Some(format!("has the {name} {is} now"));
        }
    }
    None
}

/// Objects and lists within.
fn within(old: &Value, new: &Value) -> Option<String> {
    let (was, is) = (properties(Some(old)), properties(Some(new)));
    let (needed, needs) = (required(Some(old)), required(Some(new)));
    if let Some(name) = needs.difference(&needed).next() {
        return Some(format!("must have `{name}` now"));
    }
    if is_closed(Some(new)) {
        if !is_closed(Some(old)) {
            return Some("takes no other fields now".to_owned());
        }
        if let Some(name) = was.keys().find(|name| !is.contains_key(*name)) {
            return Some(format!("no longer knows `{name}`"));
        }
    }
    for (name, property) in &is {
        let anything = Value::Bool(true);
        let before = match was.get(name) {
            Some(before) => before,
            None if is_closed(Some(old)) => continue,
            None => &anything,
        };
        if let Some(why) = narrower(before, property) {
            return Some(format!("has a `{name}` that {why}"));
        }
    }
    if let Some(items) = new.get("items") {
        let why = narrower(old.get("items").unwrap_or(&Value::Bool(true)), items)?;
        return Some(format!("has entries of which one {why}"));
    }
    let rest = new.get("additionalProperties").filter(|rest| rest.is_object());
    let changed = rest.is_some() && rest != old.get("additionalProperties");
    changed.then(|| "has another schema of its other fields".to_owned())
}
