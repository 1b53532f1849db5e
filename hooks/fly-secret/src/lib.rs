//! Secrets of an app on Fly, one thing each, the key its name.
//!
//! The API takes values and shows digests [docs apps/secrets]. So the manifest says `shown_as`: the host compares what
//! is wanted with what was last written, and takes another digest for somebody else's change. A value may hold tokens
//! of sealed outputs of other hooks; the host exchanges them at `/values/NAME`, where the stanza allows it, so this
//! hook never sees what it writes.

use std::collections::BTreeMap;

use groundcrew_hook::fly::secrets::{self, Secret};
use groundcrew_hook::fly::{Api, failure, is_gone};
use groundcrew_hook::{
    Failure, Inventory, Listed, Owner, Provisioner, Result, Spec, Thing, ThingPage, Value, View, Want, json,
};
use serde::Deserialize;

/// The hook.
#[derive(Debug)]
pub struct FlySecret;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Config {
    api: Option<String>,
    /// Null without an owner.
    values: Option<BTreeMap<String, Value>>,
}

impl Provisioner for FlySecret {
    fn desired(_view: &View) -> Result<Vec<Spec>> {
        let values = groundcrew_hook::config::<Config>()?.values.unwrap_or_default();
        values.iter().map(|(name, value)| wanted(name, value)).collect()
    }

    fn find(want: &Want) -> Result<Vec<Thing>> {
        let app = want.owner.app()?;
        let all = open()?.call(&secrets::list(app))?.secrets;
        Ok(all
            .into_iter()
            .filter(|secret| secret.name == want.key)
            .map(|secret| thing(app, secret))
            .collect())
    }

    fn create(want: &Want) -> Result<Thing> {
        let body: Body = want.body()?;
        let (api, app) = (open()?, want.owner.app()?);
        let written =
            api.call(&secrets::set(app, &[(want.key.as_str(), Some(body.value.as_str()))].into()))?;
        let shown = |secrets: Vec<Secret>| secrets.into_iter().find(|secret| secret.name == want.key);
        // Which secrets the answer lists is not documented [spec: AppSecretsUpdateResp].
        let secret = match shown(written.secrets) {
            Some(secret) => Some(secret),
            None => shown(api.call(&secrets::list(app))?.secrets),
        };
        secret
            .map(|secret| thing(app, secret))
            .ok_or_else(|| Failure::passing(format!("secret {} does not show yet", want.key)))
    }

    fn update(want: &Want, _now: &Thing) -> Result<Thing> {
        Self::create(want)
    }

    fn remove(want: &Want, _now: &Thing) -> Result<Option<Thing>> {
        match open()?.ask(&secrets::set(want.owner.app()?, &[(want.key.as_str(), None)].into()))? {
            Err(error) if !is_gone(&error) => Err(failure(&error)),
            _ => Ok(None),
        }
    }
}

impl Inventory for FlySecret {
    fn scan(owner: Option<&Owner>, _cursor: Option<&str>) -> Result<ThingPage> {
        let owner = owner.ok_or_else(|| Failure::lasting("secrets are listed app by app"))?;
        let app = owner.app()?;
        let listed = |secret: Secret| Listed {
            kind: "secret".to_owned(),
            key: Some(secret.name.clone()),
            thing: thing(app, secret),
        };
        let all = open()?.call(&secrets::list(app))?.secrets;
        Ok(ThingPage { things: all.into_iter().map(listed).collect(), next: None })
    }
}

#[derive(Deserialize)]
struct Body {
    value: String,
}

fn open() -> Result<Api> {
    Api::at(groundcrew_hook::config::<Config>()?.api.as_deref())
}

/// A name that programs can read from their environment, and a text.
fn wanted(name: &str, value: &Value) -> Result<Spec> {
    let fits = |(at, c): (usize, char)| c == '_' || c.is_ascii_alphabetic() || at > 0 && c.is_ascii_digit();
    if name.is_empty() || !name.chars().enumerate().all(fits) {
        let text = format!("`{name}` is no name of a secret: letters, digits and `_`, no digit first");
        return Err(Failure::lasting(text));
    }
    let value = match value {
        Value::String(text) => text.clone(),
        Value::Number(_) | Value::Bool(_) => value.to_string(),
        // Several things have the output that the template names.
        other => return Err(Failure::lasting(format!("`{name}`: {other} is no text"))),
    };
    Ok(Spec::new("secret", name, json!({ "name": name, "value": value })))
}

/// Every app may have a secret of one name, so its id says whose it is.
fn thing(app: &str, secret: Secret) -> Thing {
    let Secret { name, digest, .. } = secret;
    let thing = Thing::new(format!("{app}/{name}"), json!({ "name": name, "digest": digest }));
    thing.output("digest", digest)
}

groundcrew_hook::export_provisioner!(FlySecret);
groundcrew_hook::export_inventory!(FlySecret);
