//! Refuses answers of `desired` that the manifest or the ledger cannot hold.

use std::collections::{BTreeMap, BTreeSet};

use groundcrew_core::spec::{Failure, Spec};
use jsonschema::Validator;

use super::super::installed::Installed;
use super::order::depths;

/// So many mistakes of a body are told.
const WRONG_SHOWN: usize = 5;

pub(super) fn check(installed: &Installed, specs: Vec<Spec>) -> Result<Vec<Spec>, Failure> {
    let mut places = BTreeSet::new();
    for spec in &specs {
        if !installed.hook.manifest.kind.contains_key(&spec.kind) {
            let kinds: Vec<_> = installed.hook.manifest.kind.keys().map(String::as_str).collect();
            let text = format!("`desired` wants a `{}`; the manifest has: {}", spec.kind, kinds.join(", "));
            return Err(Failure::final_(text));
        }
        if !places.insert((&spec.kind, &spec.key)) {
            return Err(Failure::final_(format!("`desired` wants {} twice", name(spec))));
        }
        if let Some(schema) = installed.schema(&spec.kind) {
            body(schema, spec)?;
        }
    }
    order(&specs)?;
    Ok(specs)
}

fn name(spec: &Spec) -> String {
    format!("{}/{}", spec.kind, spec.key)
}

/// A body is as its kind's schema says. What it says instead may be secret, and is not repeated.
fn body(schema: &Result<Validator, String>, spec: &Spec) -> Result<(), Failure> {
    let validator = schema.as_ref().map_err(|why| {
        Failure::final_(format!("the `schema` of kind `{}` in the manifest is none: {why}", spec.kind))
    })?;
    // Some are enough: of a long list all may be wrong.
    let wrong: Vec<_> = validator
        .iter_errors(&spec.body)
        .take(WRONG_SHOWN)
        .map(|error| {
            let at = error.instance_path().to_string();
            let at = if at.is_empty() { "/".to_owned() } else { at };
            format!("{at}: {}", error.masked())
        })
        .collect();
    if wrong.is_empty() {
        return Ok(());
    }
    let text =
        format!("`desired` wants {} with a body that its schema refuses: {}", name(spec), wrong.join("; "));
    Err(Failure::final_(text))
}

/// What something comes after is wanted as well, and not after it: what waits for nothing that comes waits for ever, and
/// neither of two that wait for each other to go ever would.
fn order(specs: &[Spec]) -> Result<(), Failure> {
    if specs.iter().all(|spec| spec.after.is_empty()) {
        return Ok(());
    }
    let names: BTreeMap<String, &[String]> = specs.iter().map(|spec| (name(spec), &spec.after[..])).collect();
    let unknown = |after: &&String| !names.contains_key(*after);
    for spec in specs {
        if let Some(first) = spec.after.iter().find(unknown) {
            let text = format!("`desired` wants {} after {first}, which it does not want", name(spec));
            return Err(Failure::final_(text));
        }
    }
    let depths = depths(&names);
    let circle: Vec<_> = names.into_keys().filter(|name| !depths.contains_key(name)).collect();
    if circle.is_empty() {
        return Ok(());
    }
    Err(Failure::final_(format!(
        "`desired` wants these after each other, in a circle: {}",
        circle.join(", ")
    )))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn wants(specs: &[(&str, &[&str])]) -> Result<(), String> {
        let spec = |(key, after): &(&str, &[&str])| Spec {
            after: after.iter().map(|after| (*after).to_owned()).collect(),
            kind: "a".to_owned(),
            key: (*key).to_owned(),
            body: json!({}),
        };
        order(&specs.iter().map(spec).collect::<Vec<_>>()).map_err(|failure| failure.message)
    }

    #[test]
    fn a_body_is_as_its_schema_says_and_what_it_says_instead_is_not_told() {
        let schema =
            json!({"type": "object", "required": ["ttl"], "properties": {"ttl": {"type": "integer"}}});
        let schema = jsonschema::validator_for(&schema).map_err(|error| error.to_string());
        let spec = |body| Spec { kind: "a".to_owned(), key: "x".to_owned(), body, after: Vec::new() };
        assert!(body(&schema, &spec(json!({"ttl": 60}))).is_ok());
        let wrong = body(&schema, &spec(json!({"ttl": "hunter2"}))).unwrap_err();
        assert!(
            !wrong.retry && wrong.message.contains("wants a/x with a body that its schema refuses: /ttl: ")
        );
        assert!(!wrong.message.contains("hunter2"), "{}", wrong.message);
        assert!(body(&schema, &spec(json!({}))).unwrap_err().message.contains("/: "));
        let none = body(&Err("no type `objekt`".to_owned()), &spec(json!({}))).unwrap_err();
        assert!(
            none.message.contains("the `schema` of kind `a` in the manifest is none"),
            "{}",
            none.message
        );
    }

    #[test]
    fn an_order_has_a_beginning_and_an_end() {
        assert_eq!(wants(&[("x", &["a/y", "a/z"]), ("y", &["a/z"]), ("z", &[])]), Ok(()));
        let unknown = wants(&[("x", &["a/w"])]);
        assert_eq!(unknown.unwrap_err(), "`desired` wants a/x after a/w, which it does not want");
        for circle in [&[("x", &["a/x"][..])][..], &[("x", &["a/y"]), ("y", &["a/x"]), ("z", &[])]] {
            assert!(wants(circle).unwrap_err().contains("in a circle: a/x"), "{circle:?}");
        }
    }
}
