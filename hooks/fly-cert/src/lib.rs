//! TLS certificates of an app on Fly, one for each host name, issued by Let's Encrypt.
//!
//! A certificate is *pending* until its DNS is right; its outputs say what DNS needs, so that a hook that reads
//! this one can make the records before the certificate is there:
//!
//! - `records`: a JSON list of `{name, type, values}`, which the `dns` hook makes as it is;
//! - `acme_name`, `acme_target`: the challenge CNAME; `ownership_name`, `ownership_value`: the ownership TXT.
//!
//! Looked at before it is asked for: what a repeated request answers is not documented [docs
//! machines/api/certificates-resource], and Let's Encrypt allows five duplicates a week.

use groundcrew_hook::fly::certificates::{self, Certificate, DnsRequirements};
use groundcrew_hook::fly::{Api, failure, is_gone};
use groundcrew_hook::{
    Failure, Inventory, Listed, Owner, Provisioner, Result, Spec, Thing, ThingPage, Value, View, Want, json,
};
use serde::Deserialize;

/// When to look at a pending certificate again, in milliseconds.
const POLL_MS: u32 = 15_000;

/// The hook.
#[derive(Debug)]
pub struct FlyCert;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Config {
    api: Option<String>,
    /// Null without an owner.
    names: Option<Value>,
}

impl Provisioner for FlyCert {
    fn desired(_view: &View) -> Result<Vec<Spec>> {
        let mut names = Vec::new();
        flat(&groundcrew_hook::config::<Config>()?.names.unwrap_or_default(), &mut names)?;
        names.sort();
        names.dedup();
        let spec = |name: String| Spec::new("certificate", &name, json!({ "hostname": name }));
        Ok(names.into_iter().map(spec).collect())
    }

    fn find(want: &Want) -> Result<Vec<Thing>> {
        let (api, app) = (open()?, want.owner.app()?);
        match api.ask(&certificates::show(app, &want.key))? {
            Ok(found) => Ok(vec![thing(found)]),
            // 404 does not say what is missing: a listing that succeeds says that the app is there.
            Err(error) if is_gone(&error) => api.call(&certificates::list(app, None)).map(|_| Vec::new()),
            Err(error) => Err(failure(&error)),
        }
    }

    fn create(want: &Want) -> Result<Thing> {
        Ok(thing(open()?.call(&certificates::request_acme(want.owner.app()?, &want.key))?))
    }

    fn remove(want: &Want, _now: &Thing) -> Result<Option<Thing>> {
        match open()?.ask(&certificates::delete(want.owner.app()?, &want.key))? {
            Err(error) if !is_gone(&error) => Err(failure(&error)),
            _ => Ok(None),
        }
    }
}

impl Inventory for FlyCert {
    fn scan(owner: Option<&Owner>, cursor: Option<&str>) -> Result<ThingPage> {
        let owner = owner.ok_or_else(|| Failure::lasting("certificates are listed app by app"))?;
        let page = open()?.call(&certificates::list(owner.app()?, cursor))?;
        let listed = |certificate: Certificate| Listed {
            kind: "certificate".to_owned(),
            key: Some(certificate.hostname.clone()),
            thing: thing(certificate),
        };
        let next = page.next_cursor.filter(|cursor| !cursor.is_empty());
        Ok(ThingPage { things: page.certificates.into_iter().map(listed).collect(), next })
    }
}

fn open() -> Result<Api> {
    Api::at(groundcrew_hook::config::<Config>()?.api.as_deref())
}

/// A name, a list of names, or a list with lists in it (a template that stands for a list).
fn flat(value: &Value, into: &mut Vec<String>) -> Result<()> {
    match value {
        Value::Null => Ok(()),
        Value::String(name) => {
            into.push(name.trim_end_matches('.').to_ascii_lowercase());
            Ok(())
        }
        Value::Array(values) => values.iter().try_for_each(|value| flat(value, into)),
        other => Err(Failure::lasting(format!("`names`: {other} is no host name"))),
    }
}

fn thing(certificate: Certificate) -> Thing {
    let Certificate { hostname, status, rate_limited_until, dns_requirements, validation_errors, .. } =
        certificate;
    let thing = Thing::new(&hostname, json!({ "hostname": hostname }));
    let thing = if status == "active" { thing } else { thing.pending(POLL_MS, status.replace('_', " ")) };
    let wrong = validation_errors.into_iter().map(|error| error.message);
    let limited = rate_limited_until.filter(|until| !until.is_empty());
    let limited = limited.map(|until| format!("rate limited until {until}"));
    let notes: Vec<_> = thing.note.iter().cloned().chain(wrong).chain(limited).collect();
    let note = (!notes.is_empty()).then(|| notes.join("; "));
    with_requirements(Thing { note, ..thing }, &dns_requirements.unwrap_or_default())
}

fn with_requirements(mut thing: Thing, needs: &DnsRequirements) -> Thing {
    let mut records = Vec::new();
    if let Some(challenge) = needs.acme_challenge.as_ref().filter(|it| !it.name.is_empty()) {
        records.push(json!({ "name": challenge.name, "type": "CNAME", "values": [challenge.target] }));
        thing = thing.output("acme_name", &challenge.name).output("acme_target", &challenge.target);
    }
    if let Some(ownership) = needs.ownership.as_ref().filter(|it| !it.name.is_empty()) {
        // Either value proves ownership; the app's does not outlive the app.
        let value = if ownership.app_value.is_empty() { &ownership.org_value } else { &ownership.app_value };
        records.push(json!({ "name": ownership.name, "type": "TXT", "values": [value] }));
        thing = thing.output("ownership_name", &ownership.name).output("ownership_value", value);
    }
    thing.output("records", Value::from(records).to_string())
}

groundcrew_hook::export_provisioner!(FlyCert);
groundcrew_hook::export_inventory!(FlyCert);
