//! The last of a build: what was made is looked into, gets its manifest and its name.

use std::collections::BTreeSet;
use std::fs;

use groundcrew_core::manifest::Manifest;
use groundcrew_engine::inspect::{self, Export, embed, inspect};

use crate::build::{Built, Error, Made};
use crate::{Kind, Language, Project};

/// Refuses a manifest whose schemas are none, before anything is built.
pub(crate) fn check_schemas(manifest: &Manifest) -> Result<(), Error> {
    let kinds =
        manifest.kind.iter().map(|(name, kind)| (format!("kind.{name}.schema"), kind.schema.as_ref()));
    let all = kinds.chain([("config".to_owned(), manifest.config.as_ref())]);
    for (at, schema) in all.filter_map(|(at, schema)| Some((at, schema?))) {
        if let Err(error) = jsonschema::validator_for(schema) {
            return Err(Error::Schema { at, reason: error.to_string() });
        }
    }
    Ok(())
}

/// Checks a component against its manifest, embeds that, and writes the file under its name at once.
pub(crate) fn finish(project: &Project, made: &Made) -> Result<Built, Error> {
    let refused = |source| Error::Component { tool: made.tool, source };
    // Last: what other tools do to a component removes the section.
    let bytes = embed(&made.component, &project.manifest_text);
    let kind = project.kind();
    let inspected = match inspect(&bytes) {
        Err(inspect::Error::NoKind(_)) => {
            let found = "the component exports nothing that this host calls".to_owned();
            return Err(Error::WrongKind { kind, found, fix: (made.exporting)(kind).to_owned() });
        }
        inspected => inspected.map_err(refused)?,
    };
    require(kind, &inspected.exports, made)?;
    inspected.require_linkable().map_err(refused)?;
    let (fresh, component) = (project.own().join("fresh.wasm"), project.output());
    fs::write(&fresh, &bytes).map_err(Error::file(&fresh))?;
    fs::rename(&fresh, &component).map_err(Error::file(&component))?;
    Ok(Built {
        component,
        bytes: bytes.len(),
        digest: inspected.digest.to_string(),
        kind: kind.shown(&inspected.exports),
        asks: asks(&project.manifest),
        warnings: warnings(kind, project.language, &project.manifest),
    })
}

fn require(kind: Kind, exports: &BTreeSet<Export>, made: &Made) -> Result<(), Error> {
    if exports.contains(&kind.export())
        && exports.iter().all(|export| kind.may_export().any(|may| may == *export))
    {
        return Ok(());
    }
    let names: Vec<_> = exports.iter().map(|export| export.interface()).collect();
    let found = format!("the component exports {}", names.join(", "));
    Err(Error::WrongKind { kind, found, fix: (made.exporting)(kind).to_owned() })
}

fn asks(manifest: &Manifest) -> Vec<String> {
    let asks = &manifest.asks;
    let mut all: Vec<String> = asks.secrets.iter().chain(&asks.allow).cloned().collect();
    for when in &asks.when {
        let fields: Vec<_> = when.config.iter().map(|(field, value)| format!("{field} = {value}")).collect();
        let fields = fields.join(", ");
        all.extend(when.secrets.iter().chain(&when.allow).map(|ask| format!("{ask} (where {fields})")));
    }
    all
}

/// What is legal and most often a mistake.
fn warnings(kind: Kind, language: Language, manifest: &Manifest) -> Vec<String> {
    if kind != Kind::Handler {
        return Vec::new();
    }
    let whens = manifest.asks.when.iter().flat_map(|when| &when.allow);
    let grants: Vec<_> =
        manifest.asks.allow.iter().chain(whens).filter_map(|grant| Grant::of(grant)).collect();
    let makes = grants.iter().filter(|grant| grant.methods.contains(&"POST"));
    let both: BTreeSet<_> = makes
        .filter(|made| {
            grants.iter().any(|other| other.host == made.host && other.methods.contains(&"DELETE"))
        })
        .map(|grant| grant.host)
        .collect();
    let warn = |host| {
        format!(
            "it asks for POST and DELETE at {host}: a handler that makes things and removes them forgets some of them; `groundcrew new NAME --lang {} --kind provisioner` does not",
            language.word()
        )
    };
    both.into_iter().map(warn).collect()
}

/// The methods of a grant and the host that they are for.
struct Grant<'a> {
    methods: Vec<&'a str>,
    host: &'a str,
}

impl<'a> Grant<'a> {
    fn of(text: &'a str) -> Option<Self> {
        // What reads by POST makes nothing.
        if text.starts_with("READ ") {
            return None;
        }
        let mut words = text.split_whitespace();
        let methods = words.find(|word| *word != "GRAPHQL")?.split(',').collect();
        let url = words.next()?;
        let host_begins = url.find("://").map_or(0, |at| at + 3);
        let host_ends = url[host_begins..].find('/').map_or(url.len(), |at| host_begins + at);
        Some(Self { methods, host: &url[..host_ends] })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn warned(allow: &str) -> Vec<String> {
        let manifest = Manifest::parse(&format!("name = \"x\"\n[asks]\nallow = {allow}\n")).unwrap();
        warnings(Kind::of(&manifest), Language::Go, &manifest)
    }

    #[test]
    fn a_handler_that_makes_and_removes_is_warned_of_by_host() {
        let one = warned(r#"["POST {config.server}/things", "GET,DELETE {config.server}/things/*"]"#);
        assert!(one.len() == 1 && one[0].contains("POST and DELETE at {config.server}"), "{one:?}");
        assert!(one[0].contains("new NAME --lang go --kind provisioner"), "{one:?}");
        assert_eq!(warned(r#"["POST,DELETE https://api.example/v1/*"]"#).len(), 1);
        assert!(warned(r#"["POST https://a.example/x", "DELETE https://b.example/x"]"#).is_empty());
        assert!(warned(r#"["READ POST https://a.example/x", "DELETE https://a.example/x"]"#).is_empty());
    }

    #[test]
    fn a_schema_that_is_none_is_refused_with_its_place() {
        let manifest = Manifest::parse("name = \"x\"\n[config]\ntype = \"objekt\"\n").unwrap();
        let error = check_schemas(&manifest).unwrap_err().to_string();
        assert!(error.starts_with("hook.toml: `config` is no JSON Schema"), "{error}");
    }
}
