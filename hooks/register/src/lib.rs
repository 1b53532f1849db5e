//! A JSON document for each owner in any HTTP registry: one address, which GET shows, PUT writes and DELETE removes.
//!
//! One thing is one document, its key the path below the server. Its mark is a field of the document, where the stanza
//! names one; without, the host takes for its own what it wrote. The registry may add fields: only those that are
//! wanted are compared. Fields that hold a sealed value are shown masked, so they stand apart in what is wanted, as
//! `sealed`: the host compares them with what was last written.
//!
//! A registry need not have a listing; where the stanza says how it lists, this hook has an inventory.

mod inventory;

use groundcrew_hook::{
    Failure, Provisioner, Request, Response, Result, Spec, Thing, Value, View, Want, encode, json,
    sealed_echo, secret,
};
use serde::Deserialize;
use serde_json::Map;

/// The hook.
#[derive(Debug)]
pub struct Register;

/// How the registry knows who asks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Auth {
    /// By a token.
    #[default]
    Bearer,
    /// It does not ask.
    None,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Config {
    server: String,
    /// Null without an owner.
    path: Option<Value>,
    /// Null without an owner.
    document: Option<Map<String, Value>>,
    /// The field that holds the mark.
    mark: Option<String>,
    #[serde(default)]
    auth: Auth,
    /// How it lists its documents, if it does.
    list: Option<inventory::List>,
}

#[derive(Deserialize)]
struct Body {
    /// What can be compared.
    document: Map<String, Value>,
    /// Fields that hold tokens of sealed values.
    #[serde(default)]
    sealed: Map<String, Value>,
}

impl Provisioner for Register {
    fn desired(_view: &View) -> Result<Vec<Spec>> {
        let config: Config = groundcrew_hook::config()?;
        let document = config.document.unwrap_or_default();
        if let Some(mark) = config.mark.filter(|mark| document.contains_key(mark)) {
            return Err(Failure::lasting(format!("`document` has the field `{mark}`, which is the mark's")));
        }
        let mut paths = Vec::new();
        flat(config.path.as_ref().unwrap_or(&Value::Null), &mut paths)?;
        paths.sort();
        paths.dedup();
        let (sealed, document): (Map<_, _>, Map<_, _>) =
            document.into_iter().partition(|(_, value)| sealed_echo(value).is_some());
        let spec = |path: String| {
            let mut body = json!({ "path": path, "document": document });
            if !sealed.is_empty() {
                body["sealed"] = json!(sealed);
            }
            Spec::new("document", &path, body)
        };
        Ok(paths.into_iter().map(spec).collect())
    }

    fn find(want: &Want) -> Result<Vec<Thing>> {
        let registry = Registry::open()?;
        let response = registry.send(Request::get(registry.url(&want.key)))?;
        if is_gone(&response) {
            return Ok(Vec::new());
        }
        let mut shown: Map<String, Value> = response.success()?.json()?;
        let mark =
            registry.config.mark.as_ref().and_then(|field| shown.get(field)?.as_str().map(str::to_owned));
        // What the registry adds is its own affair.
        let wanted: Body = want.body()?;
        let sealed_as = sealed_as(&wanted.sealed, &shown);
        shown.retain(|field, _| wanted.document.contains_key(field));
        let mut found = thing(&want.key, &shown, mark);
        if !wanted.sealed.is_empty() {
            found.body["sealed_as"] = json!(sealed_as);
        }
        Ok(vec![found])
    }

    fn create(want: &Want) -> Result<Thing> {
        // Who knows this header writes over nothing (RFC 9110, 13.1.2); the others do not mind it.
        write(want, |request| request.header("if-none-match", "*"))
    }

    fn update(want: &Want, _now: &Thing) -> Result<Thing> {
        write(want, |request| request)
    }

    fn remove(want: &Want, _now: &Thing) -> Result<Option<Thing>> {
        let registry = Registry::open()?;
        let response = registry.send(Request::delete(registry.url(&want.key)))?;
        if is_gone(&response) { Ok(None) } else { response.success().map(|_| None) }
    }
}

/// The registry.
struct Registry {
    config: Config,
    authorization: Option<String>,
}

impl Registry {
    /// The stanza's registry. Nothing is sent.
    fn open() -> Result<Self> {
        let config: Config = groundcrew_hook::config()?;
        let authorization = match config.auth {
            Auth::Bearer => Some(format!("Bearer {}", secret("TOKEN")?)),
            Auth::None => None,
        };
        Ok(Self { config, authorization })
    }

    fn url(&self, path: &str) -> String {
        let segments: Vec<_> = path.split('/').map(encode).collect();
        format!("{}/{}", self.config.server.trim_end_matches('/'), segments.join("/"))
    }

    fn send(&self, request: Request) -> Result<Response> {
        let request = match &self.authorization {
            Some(authorization) => request.header("authorization", authorization),
            None => request,
        };
        request.send()
    }
}

fn write(want: &Want, how: impl FnOnce(Request) -> Request) -> Result<Thing> {
    let registry = Registry::open()?;
    let wanted: Body = want.body()?;
    let mut document = wanted.document.clone();
    document.extend(wanted.sealed);
    let mark = registry.config.mark.clone().map(|field| {
        document.insert(field, json!(want.mark));
        want.mark.clone()
    });
    registry.send(how(Request::put(registry.url(&want.key)).json(&document)))?.success()?;
    Ok(thing(&want.key, &wanted.document, mark))
}

/// How the registry shows what was sealed. Never as the value itself: the host masks no short one.
fn sealed_as(sealed: &Map<String, Value>, shown: &Map<String, Value>) -> Map<String, Value> {
    let word = |(field, wanted): (&String, &Value)| {
        let here = shown.get(field)?;
        let word = if sealed_echo(wanted).as_ref() == Some(here) { "masked" } else { "other" };
        Some((field.clone(), json!(word)))
    };
    sealed.iter().filter_map(word).collect()
}

fn thing(path: &str, document: &Map<String, Value>, mark: Option<String>) -> Thing {
    Thing::new(path, json!({ "path": path, "document": document })).mark(mark).output("path", path)
}

/// It is not there: 404 or 410. A registry that is not there answers nothing of the kind, or cannot be told apart.
fn is_gone(response: &Response) -> bool {
    matches!(response.status, 404 | 410)
}

/// A path, a list of paths, or a list with lists in it (a template that stands for a list).
fn flat(value: &Value, into: &mut Vec<String>) -> Result<()> {
    match value {
        Value::Null => Ok(()),
        Value::String(path) => {
            let path = path.trim_start_matches('/');
            // An empty segment, `.` and `..` would name another address.
            if path.split('/').any(|segment| segment.chars().all(|c| c == '.')) {
                return Err(Failure::lasting(format!(
                    "`{path}` is no path: no segment may be empty, `.` or `..`"
                )));
            }
            into.push(path.to_owned());
            Ok(())
        }
        Value::Array(values) => values.iter().try_for_each(|value| flat(value, into)),
        other => Err(Failure::lasting(format!("`path`: {other} is no text"))),
    }
}

groundcrew_hook::export_provisioner!(Register);
groundcrew_hook::export_inventory!(Register);
