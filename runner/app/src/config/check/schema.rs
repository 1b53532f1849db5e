//! A stanza's `config` against the JSON schema in the manifest.

use groundcrew_core::manifest::Manifest;
use groundcrew_core::template::words_in;
use jsonschema::ValidationError;
use jsonschema::error::ValidationErrorKind;
use serde_json::Value;

use super::super::problem::{Problem, ProblemKind, Quote, Span};
use super::super::read::{Section, Written};

/// Whether `config` fits; tells where not; texts with words in braces are judged when they are filled in.
pub(in crate::config) fn check(
    section: &Section<'_>,
    written: Option<Written<'_>>,
    config: &Value,
    manifest: &Manifest,
) -> bool {
    let schema = match &manifest.config {
        Some(schema) => schema.clone(),
        None => serde_json::json!({"additionalProperties": false}),
    };
    let validator = match jsonschema::validator_for(&schema) {
        Ok(validator) => validator,
        Err(error) => {
            let message = format!("the schema in the manifest of `{}` is none: {error}", manifest.name);
            section.problem(
                Problem::new(ProblemKind::BadManifest, section.at.clone(), message).label("used here"),
            );
            return false;
        }
    };
    let mut fits = true;
    for error in validator.iter_errors(config) {
        if words_in(error.instance()).is_empty() || !about_texts(error.kind()) {
            report(section, written, manifest, &schema, &error);
            fits = false;
        }
    }
    fits
}

/// Whether filling in a text may mend it.
const fn about_texts(kind: &ValidationErrorKind) -> bool {
    !matches!(kind, ValidationErrorKind::Required { .. } | ValidationErrorKind::AdditionalProperties { .. })
}

fn report(
    section: &Section<'_>,
    written: Option<Written<'_>>,
    manifest: &Manifest,
    schema: &Value,
    error: &ValidationError<'_>,
) {
    let pointer = error.instance_path().to_string();
    let place = written.map(|written| Place::of(written, &pointer));
    let at = place.as_ref().map_or_else(|| section.at.clone(), |place| place.value.clone());
    let name = format!("config{}", pointer.replace('/', "."));
    let new = |at: Span, message: String| {
        Problem::new(ProblemKind::ConfigMismatch, at, message)
            .label(format!("the hook `{}` cannot take this", manifest.name))
    };
    match error.kind() {
        ValidationErrorKind::AdditionalProperties { unexpected } => {
            let properties = properties_at(schema, error);
            for field in unexpected {
                let at = written
                    .map_or(at.clone(), |written| Place::of(written, &format!("{pointer}/{field}")).key);
                let problem = new(at.clone(), format!("`{name}` has no field `{field}`"));
                section.problem(problem.meant(field, properties.iter().map(String::as_str), at, Quote::Bare));
            }
        }
        ValidationErrorKind::Required { property } => {
            let field = property.as_str().unwrap_or_default();
            let problem = new(place.map_or(at, |place| place.key), format!("`{name}` lacks `{field}`"));
            section.problem(problem.help(format!(
                "add `{field} = ...` to `{name}`; see `groundcrew inspect` for what it takes"
            )));
        }
        _ => section.problem(new(at, format!("`{name}`: {error}"))),
    }
}

/// The fields that the schema knows where the error is.
fn properties_at(schema: &Value, error: &ValidationError<'_>) -> Vec<String> {
    let path = error.schema_path().to_string();
    let parent = path.rsplit_once('/').map_or("", |(parent, _)| parent);
    let properties = schema.pointer(parent).and_then(|schema| schema.get("properties")?.as_object());
    properties.map(|properties| properties.keys().cloned().collect()).unwrap_or_default()
}

/// Where a value stands, and the key that it belongs to.
pub(super) struct Place {
    pub(super) key: Span,
    pub(super) value: Span,
}

impl Place {
    /// Follows a JSON pointer as far as the text goes.
    pub(super) fn of(written: Written<'_>, pointer: &str) -> Self {
        let mut at = written;
        let mut place = Self { key: written.span(), value: written.span() };
        for part in pointer.split('/').skip(1) {
            let part = part.replace("~1", "/").replace("~0", "~");
            let next = if let Some(table) = at.get_ref().as_table() {
                table
                    .iter()
                    .find(|(name, _)| *name.get_ref() == part)
                    .map(|(name, value)| (name.span(), value))
            } else {
                let index = part.parse::<usize>().ok();
                let item = at.get_ref().as_array().and_then(|items| items.get(index?));
                item.map(|item| (item.span(), item))
            };
            let Some((key, value)) = next else { break };
            (place, at) = (Self { key, value: value.span() }, value);
        }
        place
    }
}

/// Where a text first holds a part; the whole value if it is written in another way.
pub(super) fn place_of_text(written: Written<'_>, part: &str) -> Span {
    find_text(written, part).unwrap_or_else(|| written.span())
}

fn find_text(written: Written<'_>, part: &str) -> Option<Span> {
    if let Some(text) = written.get_ref().as_str() {
        let at = text.find(part)?;
        // One quotation mark before the text, if nothing in it is escaped.
        let plain = written.span().len() == text.len() + 2;
        let start = written.span().start + 1 + at;
        return Some(if plain { start..start + part.len() } else { written.span() });
    }
    if let Some(items) = written.get_ref().as_array() {
        return items.iter().find_map(|item| find_text(item, part));
    }
    written.get_ref().as_table()?.values().find_map(|value| find_text(value, part))
}
