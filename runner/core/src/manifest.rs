//! A hook's manifest: what its author says of it, in `hook.toml`.
//!
//! The text travels verbatim in the component's custom section [`SECTION`], so that it can be read without
//! compiling. It is accepted as it is or refused with the place, the reason and the fix.

mod asked_secret;
mod asks;
mod reference;

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::duration::Millis;
use crate::subject::SubjectKind;

pub use asked_secret::{AskedSecret, SecretPlace};
pub use asks::{Asks, Error as AsksError, When};
pub use reference::reference;

/// The custom section that holds the manifest's text.
pub const SECTION: &str = "groundcrew:manifest";

/// How the outside API tells one creation from the next.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Class {
    /// The key names the thing: a second create is refused or does nothing (DNS record set, host name, PUT).
    Natural,
    /// The API honours an idempotency key and repeats its answer for `remembers`.
    Keyed,
    /// The thing carries our mark from the moment it exists (tag, metadata, host-made unique name).
    Marked,
    /// Nothing tells ours from another (dedicated address, volume).
    Anonymous,
}

/// Where a thing lives.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Lives {
    /// It dies with its owner: an app's addresses, certificates, secrets.
    InOwner,
    /// It outlives its owner until it is removed.
    Outside,
}

/// What of the world a provisioner's `desired` looks at; the rest of the view stays empty.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Watch {
    /// The owner's labels.
    Labels,
    /// The owner's state.
    State,
    /// An app's living machines.
    Members,
    /// Outputs of the hooks it reads.
    Inputs,
}

/// One kind of thing that a provisioner makes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Kind {
    /// Its class of creation.
    pub create: Class,
    /// How long the API may hide what it made.
    pub settle: Millis,
    /// Where it lives.
    pub lives: Lives,
    /// How long an idempotency key holds; only for class `keyed`, and required there.
    #[serde(default)]
    pub remembers: Option<Millis>,
    /// Fields of the body that cannot change: a change means replacement.
    #[serde(default)]
    pub immutable: Vec<String>,
    /// Fields of the body that the API never shows, each with the field that it shows instead: a digest, a version.
    #[serde(default)]
    pub shown_as: BTreeMap<String, String>,
    /// Its address is given to others afterwards, so it waits for all readers before it goes.
    #[serde(default)]
    pub reused: bool,
    /// It holds data: the operator must say `grace.gone`.
    #[serde(default)]
    pub data: bool,
    /// Outputs that cannot be read again: a lost answer means replacement.
    #[serde(default)]
    pub outputs_once: Vec<String>,
    /// The JSON Schema of `spec.body`.
    #[serde(default)]
    pub schema: Option<serde_json::Value>,
}

/// A hook's manifest.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// `[a-z][a-z0-9-]*`, at most 40 characters.
    pub name: String,
    /// One line for people.
    #[serde(default)]
    pub about: Option<String>,
    /// For whom it works.
    #[serde(default = "app")]
    pub owner: SubjectKind,
    /// What `desired` looks at.
    #[serde(default)]
    pub watches: BTreeSet<Watch>,
    /// Event kinds that a handler wants unless the stanza says otherwise; `*` at the end matches the rest.
    #[serde(default)]
    pub on: Vec<String>,
    /// An auditor's codes of findings, such as `volume.unattached`.
    #[serde(default)]
    pub reports: Vec<String>,
    /// Those of them whose remedy takes nothing away, such as `budget.resume`: neither grace nor window is for them.
    #[serde(default)]
    pub harmless: Vec<String>,
    /// A provisioner's kinds of things.
    #[serde(default)]
    pub kind: BTreeMap<String, Kind>,
    /// The JSON Schema of the stanza's `config`; a property may say `identity = true`.
    #[serde(default)]
    pub config: Option<serde_json::Value>,
    /// What it asks to be granted.
    #[serde(default)]
    pub asks: Asks,
}

const fn app() -> SubjectKind {
    SubjectKind::App
}

/// Why a text is no manifest.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Not TOML of the manifest's shape; the message has line and caret.
    #[error("the manifest does not fit its shape: {0}")]
    Shape(#[from] Box<toml::de::Error>),
    /// A name outside `[a-z][a-z0-9-]*` or too long.
    #[error("`{0}` is no name; at most 40 characters of [a-z0-9-], a letter first, are expected")]
    Name(String),
    /// A keyed kind that does not say how long the key holds, or another that does.
    #[error("kind `{0}`: `remembers` is for class `keyed`, and required there")]
    Remembers(String),
    /// A code of findings that is none.
    #[error(
        "`{0}` is no code of findings; two or more words of [a-z0-9-] with dots between, at most 64 characters, are expected: `volume.unattached`"
    )]
    Code(String),
    /// A harmless code that is never reported.
    #[error("`harmless` names `{0}`, which `reports` does not")]
    Harmless(String),
    /// Codes of findings beside kinds of things or events.
    #[error("`reports` makes it an auditor, which has neither `kind` nor `on`: make two hooks of it")]
    Mixed,
    /// A condition of `asks` that can never hold.
    #[error(transparent)]
    Asks(#[from] AsksError),
    /// `settle` of zero or below.
    #[error("kind `{0}`: `settle` must be longer than nothing; say how long the API may hide what it made")]
    Settle(String),
}

impl Manifest {
    /// Reads a manifest's text and checks what its shape cannot say.
    pub fn parse(text: &str) -> Result<Self, Error> {
        let manifest: Self = toml::from_str(text).map_err(Box::new)?;
        let names = manifest.kind.keys().chain([&manifest.name]);
        if let Some(bad) = names.into_iter().find(|name| !legal_name(name)) {
            return Err(Error::Name(bad.clone()));
        }
        if let Some(bad) = manifest.reports.iter().find(|code| !legal_code(code)) {
            return Err(Error::Code(bad.clone()));
        }
        if let Some(stray) = manifest.harmless.iter().find(|code| !manifest.reports.contains(code)) {
            return Err(Error::Harmless(stray.clone()));
        }
        if manifest.is_auditor() && !(manifest.kind.is_empty() && manifest.on.is_empty()) {
            return Err(Error::Mixed);
        }
        for (name, kind) in &manifest.kind {
            if (kind.create == Class::Keyed) != kind.remembers.is_some() {
                return Err(Error::Remembers(name.clone()));
            }
            if kind.settle <= Millis::ZERO {
                return Err(Error::Settle(name.clone()));
            }
        }
        manifest.asks.check(manifest.config.as_ref(), text)?;
        Ok(manifest)
    }

    /// Whether it is of an auditor.
    pub const fn is_auditor(&self) -> bool {
        !self.reports.is_empty()
    }

    /// The names of the configuration's identity fields, sorted: they make up the target.
    pub fn identity_fields(&self) -> Vec<&str> {
        let properties = self.config.as_ref().and_then(|schema| schema.get("properties")?.as_object());
        let identity =
            |schema: &serde_json::Value| schema.get("identity").and_then(serde_json::Value::as_bool);
        let named = properties.into_iter().flatten().filter(|(_, schema)| identity(schema) == Some(true));
        named.map(|(name, _)| name.as_str()).collect()
    }

    /// The target of a stanza with this configuration: manifest name and identity fields.
    ///
    /// A field that the configuration leaves out names no place: a manifest may gain one without moving anybody.
    pub fn target(&self, config: &serde_json::Value) -> String {
        let given = self.identity_fields().into_iter().filter_map(|field| Some((field, config.get(field)?)));
        let fields = given.filter(|(_, value)| !value.is_null()).map(|(field, value)| {
            format!(" {field}={}", value.as_str().map_or_else(|| value.to_string(), str::to_owned))
        });
        std::iter::once(self.name.clone()).chain(fields).collect()
    }
}

fn legal_name(name: &str) -> bool {
    name.starts_with(|c: char| c.is_ascii_lowercase())
        && name.len() <= 40
        && name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-')
}

fn legal_code(code: &str) -> bool {
    let word = |word: &str| {
        !word.is_empty() && word.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-')
    };
    code.len() <= 64 && code.contains('.') && code.split('.').all(word)
}

#[cfg(test)]
mod tests {
    use super::*;

    const DNS: &str = r#"
        name = "dns"
        watches = ["labels", "inputs"]
        [kind.record]
        create = "natural"
        settle = "30s"
        lives = "outside"
        immutable = ["type"]
        [config]
        required = ["server", "zone"]
        [config.properties]
        server = { type = "string", identity = true }
        zone = { type = "string", identity = true }
        ttl = { type = "integer" }
    "#;

    #[test]
    fn the_target_is_the_name_and_the_identity_fields() {
        let manifest = Manifest::parse(DNS).unwrap();
        let config = serde_json::json!({"zone": "acme.app", "server": "https://pdns", "ttl": 60});
        assert_eq!(manifest.target(&config), "dns server=https://pdns zone=acme.app");
        let with = DNS.replace("[config.properties]", "[config.properties]\nid = { identity = true }");
        assert_eq!(Manifest::parse(&with).unwrap().target(&config), manifest.target(&config));
        assert_eq!(manifest.kind["record"].create, Class::Natural);
    }

    #[test]
    fn what_the_shape_cannot_say_is_checked() {
        let with = |from: &str, to: &str| Manifest::parse(&DNS.replace(from, to)).unwrap_err().to_string();
        assert!(with("\"natural\"", "\"keyed\"").contains("`remembers` is for class `keyed`"));
        assert!(with("\"30s\"", "\"0s\"").contains("longer than nothing"));
        assert!(with("name = \"dns\"", "name = \"DNS\"").contains("is no name"));
        assert!(with("lives = \"outside\"", "").contains("missing field `lives`"));
        let reports = |codes: &str| with("watches =", &format!("reports = [{codes}]\nwatches ="));
        assert!(reports("\"dns.odd\"").contains("make two hooks of it"));
        for code in ["dns", "Dns.odd", "dns..odd", "dns.odd*"] {
            assert!(reports(&format!("\"{code}\"")).contains("is no code of findings"), "{code}");
        }
        let harmless = with("watches =", "harmless = [\"dns.odd\"]\nwatches =");
        assert!(harmless.contains("`harmless` names `dns.odd`"), "{harmless}");
    }
}
