//! `groundcrew inspect`: what a component is, without running it.

use std::fmt::Write as _;
use std::path::PathBuf;

use groundcrew_core::manifest::Manifest;
use groundcrew_engine::inspect::{Export, Inspected};
use serde_json::{Value, json};

use super::rows::first_line;
use super::{Answer, Context, Failure};
use crate::builtin;
use crate::components;
use crate::config::Component;
use crate::show::{Tone, paint};

/// Look into a hook's component: kind, imports, manifest, what it asks for
#[derive(Debug, clap::Args)]
pub struct Args {
    /// A file, or `builtin:NAME`; without it, the built-in hooks are listed
    component: Option<String>,
}

pub(super) fn run(_context: &Context, args: &Args) -> Result<Answer, Failure> {
    let Some(name) = &args.component else {
        let names: Vec<_> = builtin::names().iter().map(|name| format!("builtin:{name}")).collect();
        return Ok(Answer::both(format!("{}\n", names.join("\n")), &names));
    };
    let inspected = components::look_into(&component(name))?;
    Ok(Answer::both(draw(name, &inspected), &shown(name, &inspected)))
}

/// A component as it is named on a command line.
pub(super) fn component(name: &str) -> Component {
    name.strip_prefix("builtin:").map_or_else(
        || Component::File(PathBuf::from(name)),
        |builtin| Component::Builtin(builtin.to_owned()),
    )
}

/// What the host calls such a component, from what it exports.
pub(super) fn kind(inspected: &Inspected) -> &'static str {
    let has = |export| inspected.exports.contains(&export);
    if has(Export::Provision) {
        "provisioner"
    } else if has(Export::Handler) || has(Export::IncomingHandler) {
        "handler"
    } else {
        "auditor"
    }
}

fn shown(name: &str, inspected: &Inspected) -> Value {
    json!({
        "component": name,
        "digest": inspected.digest.to_string(),
        "bytes": inspected.size,
        "kind": kind(inspected),
        "exports": inspected.exports,
        "imports": inspected.imports,
        "missing": inspected.missing,
        "manifest": inspected.manifest,
    })
}

fn draw(name: &str, inspected: &Inspected) -> String {
    let title = inspected.manifest.as_ref().map_or(name, |manifest| &manifest.name);
    let mut text = format!("{}  {}\n", paint(Tone::Strong, title), kind(inspected));
    if let Some(about) = inspected.manifest.as_ref().and_then(|manifest| manifest.about.as_ref()) {
        let _ = writeln!(text, "  {about}");
    }
    let _ = writeln!(
        text,
        "  component  {name}, {} KiB, {}",
        inspected.size.div_ceil(1024),
        inspected.digest.short()
    );
    for import in &inspected.imports {
        let note = if inspected.missing.contains(import) {
            paint(Tone::Bad, "  not offered by this host")
        } else {
            String::new()
        };
        let _ = writeln!(text, "  import     {import}{note}");
    }
    if let Some(manifest) = &inspected.manifest {
        text.push_str(&draw_manifest(manifest));
    } else {
        let none = paint(Tone::Bad, "it carries no manifest; a stanza needs `manifest = \"hook.toml\"`");
        let _ = writeln!(text, "  {none}");
    }
    text
}

fn draw_manifest(manifest: &Manifest) -> String {
    let mut text = format!("  owner      {}\n", word(&manifest.owner));
    if !manifest.watches.is_empty() {
        let watches: Vec<_> = manifest.watches.iter().map(word).collect();
        let _ = writeln!(text, "  watches    {}", watches.join(", "));
    }
    if !manifest.on.is_empty() {
        let _ = writeln!(text, "  on         {}", manifest.on.join(", "));
    }
    if manifest.is_auditor() {
        let _ = writeln!(text, "  reports    {}", manifest.reports.join(", "));
    }
    if !manifest.harmless.is_empty() {
        let _ = writeln!(text, "  harmless   {}", manifest.harmless.join(", "));
    }
    for (name, kind) in &manifest.kind {
        let _ = writeln!(
            text,
            "  kind       {name}: {}, settles in {}, lives {}",
            word(&kind.create),
            kind.settle,
            word(&kind.lives)
        );
    }
    if let Some(schema) = &manifest.config {
        draw_fields(&mut text, schema, "");
    }
    draw_asks(&mut text, &manifest.asks.allow, &manifest.asks.secrets);
    for when in &manifest.asks.when {
        let fields: Vec<_> = when.config.iter().map(|(field, value)| format!("{field} = {value}")).collect();
        let _ = writeln!(text, "  where      {}", fields.join(", "));
        draw_asks(&mut text, &when.allow, &when.secrets);
    }
    let identity = manifest.identity_fields();
    if !identity.is_empty() {
        let _ = writeln!(text, "  identity   {}", identity.join(", "));
    }
    text
}

/// The fields that a configuration has by its schema; those within others by their whole names.
fn draw_fields(text: &mut String, schema: &Value, within: &str) {
    let Some(fields) = schema["properties"].as_object() else { return };
    let required = schema["required"].as_array();
    for (field, described) in fields {
        let is_required = required.is_some_and(|required| required.iter().any(|name| name == field));
        let name = format!("{within}{field}");
        let line = field_line(&name, described, is_required);
        let _ = writeln!(text, "  config     {}", first_line(&line));
        draw_fields(text, described, &format!("{name}."));
        draw_fields(text, &described["items"], &format!("{name}[]."));
    }
}

/// A field: what it takes, whether it must be there, what it is without being written, what it is for.
fn field_line(name: &str, described: &Value, is_required: bool) -> String {
    let mut said = vec![takes(described)];
    if is_required {
        said.push("required".to_owned());
    }
    said.extend(described.get("default").map(|value| format!("default {value}")));
    let about = described["description"].as_str().map(|about| format!("; {about}")).unwrap_or_default();
    format!("{name}: {}{about}", said.join(", "))
}

/// What a field takes: its values where they are listed, else its type.
fn takes(described: &Value) -> String {
    /// What says it in another way than by a type.
    const OTHERWISE: [&str; 5] = ["const", "anyOf", "oneOf", "allOf", "$ref"];
    let any_of = |values: &[Value], between: &str| values.iter().map(plain).collect::<Vec<_>>().join(between);
    if let Some(values) = described["enum"].as_array() {
        return any_of(values, " | ");
    }
    match &described["type"] {
        Value::String(word) if word == "array" && described.get("items").is_some() => {
            format!("array of {}", takes(&described["items"]))
        }
        Value::String(word) => word.clone(),
        Value::Array(words) => any_of(words, " or "),
        _ if OTHERWISE.iter().any(|key| described.get(key).is_some()) => "see --json".to_owned(),
        _ => "anything".to_owned(),
    }
}

/// A text as it is, anything else as JSON.
fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

fn draw_asks(text: &mut String, allow: &[String], secrets: &[String]) {
    for grant in allow {
        let _ = writeln!(text, "  asks for   {grant}");
    }
    for secret in secrets {
        let _ = writeln!(text, "  secret     {secret}");
    }
}

/// The word of a closed set's value.
fn word(value: &impl serde::Serialize) -> String {
    let json = serde_json::to_value(value).unwrap_or_default();
    json.as_str().unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_field_of_a_configuration_is_shown_with_what_it_takes() {
        let schema = json!({"required": ["to", "things"], "properties": {
            "to": {"enum": ["slack", "other"]},
            "ttl": {"type": "integer", "default": 300, "description": "how long\nit is kept"},
            "names": {"type": ["string", "array"]},
            "api": {"type": "string", "default": "{fly.api}"},
            "either": {"oneOf": []},
            "any": true,
            "things": {"type": "array", "items": {
                "type": "object", "required": ["key"], "properties": {"key": {"type": "string"}},
            }},
            "days": {"type": "object", "properties": {"peer": {"type": "integer", "default": 90}}},
        }});
        let mut text = String::new();
        draw_fields(&mut text, &schema, "");
        let mut lines: Vec<_> = text.lines().map(str::trim).collect();
        lines.sort_unstable();
        assert_eq!(
            lines,
            [
                "config     any: anything",
                "config     api: string, default \"{fly.api}\"",
                "config     days.peer: integer, default 90",
                "config     days: object",
                "config     either: see --json",
                "config     names: string or array",
                "config     things: array of object, required",
                "config     things[].key: string, required",
                "config     to: slack | other, required",
                "config     ttl: integer, default 300; how long",
            ]
        );
    }
}
