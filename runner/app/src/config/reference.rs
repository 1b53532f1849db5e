//! Every key of the configuration, in one table: the JSON schema for editors and the reference page are made of it.
//!
//! The loader reads the file with places and remedies, which no schema knows; so the schema tells less than
//! `groundcrew check`, and never refuses what the loader takes. Tests compare both, key by key.

mod keys;

use std::fmt::Write as _;

use serde_json::{Map, Value, json};

use super::defaults;

use keys::{KEYS, Key, Must, Shape};

/// Where the schema lies beside a configuration that names it in its first line.
pub const SCHEMA_FILE: &str = "groundcrew.schema.json";

/// The configuration's JSON schema, as text; editors that know TOML and schemas complete and check by it.
pub fn schema() -> String {
    let mut root = object();
    root["$schema"] = json!("http://json-schema.org/draft-07/schema#");
    root["title"] = json!("Groundcrew's configuration");
    for key in KEYS {
        insert(&mut root, key);
    }
    format!("{root:#}\n")
}

fn object() -> Value {
    json!({"type": "object", "properties": {}, "additionalProperties": false})
}

/// Puts a key where its path leads; tables on the way are there already.
fn insert(root: &mut Value, key: &Key) {
    let mut at = root;
    let mut parts: Vec<_> = key.name.split('.').collect();
    let last = parts.pop().expect("invariant: a key has a name");
    for part in parts {
        at = child(at, part);
    }
    if key.must == Must::Be {
        let required = at.as_object_mut().expect("invariant: a table").entry("required").or_insert(json!([]));
        required.as_array_mut().expect("invariant: a list").push(json!(last));
    }
    *child(at, last) = described(key);
}

/// What is below a name; `NAME` stands for all names that an operator gives.
fn child<'a>(at: &'a mut Value, part: &str) -> &'a mut Value {
    let fields = at.as_object_mut().expect("invariant: a table");
    if part == "NAME" {
        fields.entry("additionalProperties").or_insert(Value::Null)
    } else {
        let properties = fields.entry("properties").or_insert(json!({}));
        properties.as_object_mut().expect("invariant: a table").entry(part).or_insert(Value::Null)
    }
}

fn described(key: &Key) -> Value {
    let mut shape = shape(key.shape);
    let fields = shape.as_object_mut().expect("invariant: a shape is a table");
    fields.insert("description".to_owned(), json!(meaning(key)));
    if let Some(default) = default(key) {
        let typed = if matches!(key.shape, Shape::Count(..)) {
            json!(defaults::of::<u32>(key.name))
        } else {
            json!(default)
        };
        fields.insert("default".to_owned(), typed);
    }
    shape
}

fn shape(shape: Shape) -> Value {
    const DURATION: &str = "[0-9]+(ms|s|m|h|d)";
    let text = |pattern: String| json!({"type": "string", "pattern": format!("^{pattern}$")});
    match shape {
        Shape::Text => json!({"type": "string"}),
        Shape::Texts => json!({"type": "array", "items": {"type": "string"}}),
        Shape::Choice(words) => json!({"enum": words}),
        Shape::Duration => text(DURATION.to_owned()),
        Shape::DurationOrNever => text(format!("({DURATION}|never)")),
        Shape::DurationOrByKind => {
            let one = text(DURATION.to_owned());
            json!({"anyOf": [one, {"type": "object", "additionalProperties": one}]})
        }
        Shape::Missed => {
            let within = text(DURATION.to_owned());
            let properties = json!({"run": {"enum": ["once"]}, "within": within});
            let table = json!({"type": "object", "properties": properties, "required": ["run", "within"],
                "additionalProperties": false});
            json!({"anyOf": [{"enum": ["skip"]}, table]})
        }
        Shape::Rate => text("[0-9]+/[smh]".to_owned()),
        Shape::Share => text("[0-9]+%".to_owned()),
        Shape::Position => text("(url|header:.+)".to_owned()),
        Shape::Place => text("(header:.+|json:(/.*)?)".to_owned()),
        Shape::Count(least, most) => json!({"type": "integer", "minimum": least, "maximum": most}),
        Shape::Open => json!({"type": "object"}),
        Shape::Names => json!({"type": "object", "properties": Map::new()}),
        Shape::Table => object(),
    }
}

fn default(key: &Key) -> Option<&'static str> {
    defaults().iter().find(|default| default.name == key.name).map(|default| default.value)
}

/// What a key means; what has a default is told in the table of defaults.
fn meaning(key: &Key) -> &'static str {
    let told = defaults().iter().find(|default| default.name == key.name).map(|default| default.meaning);
    told.unwrap_or(key.meaning)
}

/// The reference page, in Markdown.
pub fn reference() -> String {
    let of_table = |table: &str| {
        rows_of(KEYS.iter().filter(|key| !key.shape.holds_keys() && table_of(key.name) == table))
    };
    let mut page = format!("{INTRODUCTION}{}", of_table(""));
    for key in KEYS.iter().filter(|key| key.shape.is_table()) {
        let _ = write!(page, "\n## `[{}]`\n\n{}.\n{}", key.name, capital(meaning(key)), of_table(key.name));
    }
    let _ = write!(page, "\n## What no key sets\n\n| what | value | meaning |\n|---|---|---|\n");
    for fixed in super::fixed() {
        let _ = writeln!(page, "| {} | `{}` | {} |", fixed.name, fixed.value, fixed.meaning);
    }
    page
}

fn rows_of<'a>(rows: impl Iterator<Item = &'a Key>) -> String {
    let mut table = String::new();
    for key in rows {
        if table.is_empty() {
            table.push_str("\n| key | value | default | meaning |\n|---|---|---|---|\n");
        }
        let name = key.name.rsplit('.').next().unwrap_or(key.name);
        let default = match (default(key), key.must) {
            (Some(default), _) => format!("`{default}`"),
            (None, Must::Be) => "required".to_owned(),
            (None, Must::Not) => String::new(),
        };
        let _ = writeln!(table, "| `{name}` | {} | {default} | {} |", key.shape.words(), meaning(key));
    }
    table
}

/// The table in which a key stands; the file itself is the empty name.
fn table_of(name: &str) -> &str {
    name.rsplit_once('.').map_or("", |(table, _)| table)
}

fn capital(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}

const INTRODUCTION: &str = "# Configuration

One TOML file, `groundcrew.toml` beside you unless `--config` says otherwise. `groundcrew check` tells everything that
is wrong with it at once; `groundcrew check --schema` prints the JSON schema for editors, and `groundcrew init --schema`
puts it beside a new file whose first line names it. This page is made by `cargo xtask docs`.

Lengths of time are a number and `ms`, `s`, `m`, `h` or `d`; rates a number and `/s`, `/m` or `/h`; shares a number
and `%`. `NAME` is a name of your own. Paths are relative to the file.
";
