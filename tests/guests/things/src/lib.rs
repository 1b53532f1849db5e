//! A provisioner with one kind of thing per class of creation, for the tests' outside.
//!
//! What an app should have is the label `things`, or else `things` of the stanza's `config`: a list of
//! `{kind, key, value, shape, after}`, or of texts `KIND/KEY=VALUE`. Collections are `{server}/{kind}`; of the kind `inner`, which dies with its
//! app, `{server}/apps/{app}/inner`. Every write says in `x-for` what it is for: `{owner.path} {kind}/{key}`.

use groundcrew_hook::{
    Failure, Inventory, Listed, Owner, Provisioner, Request, Response, Result, Spec, State, Thing, ThingPage,
    Value, View, Want, config, encode, json,
};
use serde::Deserialize;

/// How soon to look again at what takes its time, in milliseconds.
const POLL_MS: u32 = 1_000;

/// The hook.
#[derive(Debug)]
pub struct Things;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Config {
    server: String,
    #[serde(default)]
    things: Option<Vec<Value>>,
    /// What natural keys end with outside: with another one nothing that was made before is found by its key.
    #[serde(default)]
    suffix: String,
    /// How often it asks for something before it creates, as whoever has to look up ids first does.
    #[serde(default)]
    asks: u32,
}

/// One thing that an app should have.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Wanted {
    kind: String,
    key: String,
    #[serde(default)]
    value: Value,
    #[serde(default)]
    shape: Option<String>,
    /// `kind/key`.
    #[serde(default)]
    after: Vec<String>,
}

impl Wanted {
    /// Reads what a list holds.
    fn of(listed: Value) -> Result<Self> {
        let Some(text) = listed.as_str() else { return Ok(Self::deserialize(listed)?) };
        let parts = text.split_once('=').and_then(|(name, value)| {
            let (kind, key) = name.split_once('/')?;
            Some((kind, key, value.parse::<u32>().ok()?))
        });
        let (kind, key, value) =
            parts.ok_or_else(|| Failure::lasting(format!("`{text}` is not KIND/KEY=VALUE")))?;
        let (kind, key) = (kind.to_owned(), key.to_owned());
        Ok(Self { kind, key, value: value.into(), shape: None, after: Vec::new() })
    }
}

/// A thing as the API shows it.
#[derive(Deserialize)]
struct Row {
    id: String,
    state: String,
    mark: Option<String>,
    created_at: Option<String>,
    #[serde(default)]
    value: Value,
    #[serde(default)]
    shape: Value,
}

#[derive(Deserialize)]
struct Page {
    items: Vec<Row>,
    next: Option<String>,
}

impl Provisioner for Things {
    fn desired(view: &View) -> Result<Vec<Spec>> {
        let configured = config::<Config>()?.things;
        let wanted = match view.owner.labels.get("things") {
            Some(labelled) => Vec::<Value>::deserialize(labelled)?,
            None => configured.unwrap_or_default(),
        };
        let wanted = wanted.into_iter().chain(of_this_version(view.owner.app()?));
        let wanted = wanted.map(Wanted::of).collect::<Result<Vec<_>>>()?;
        let spec = |it: Wanted| {
            let body = json!({ "value": it.value, "shape": it.shape });
            Spec { after: it.after, ..Spec::new(it.kind, it.key, body) }
        };
        Ok(wanted.into_iter().map(spec).collect())
    }

    fn find(want: &Want) -> Result<Vec<Thing>> {
        let collection = collection(&want.kind, Some(&want.owner))?;
        let named = if want.kind == "natural" { Some(outside(&want.key)?) } else { None };
        if let Some(id) = want.id.clone().or(named) {
            let answer = Request::get(format!("{collection}/{}", encode(&id))).send()?;
            return if not_found(&answer) {
                Ok(Vec::new())
            } else {
                Ok(vec![thing(answer.success()?.json()?)])
            };
        }
        // Marked things have names as well: whoever has this one could be it. The others tell nothing.
        let name = (want.kind == "marked").then_some(want.key.as_str());
        all(&collection, name)
    }

    fn create(want: &Want) -> Result<Thing> {
        let collection = collection(&want.kind, Some(&want.owner))?;
        for _ in 0..config::<Config>()?.asks {
            Request::get(&collection).send()?.success()?;
        }
        let mut body = want.body.clone();
        let request = match want.kind.as_str() {
            "natural" => {
                body["mark"] = json!(want.mark);
                Request::put(format!("{collection}/{}", encode(&outside(&want.key)?)))
            }
            "marked" => {
                (body["mark"], body["name"]) = (json!(want.mark), json!(want.key));
                Request::post(collection)
            }
            "keyed" => Request::post(collection).header("idempotency-key", &want.once),
            _ => Request::post(collection),
        };
        write(request.json(&body), want)
    }

    fn update(want: &Want, now: &Thing) -> Result<Thing> {
        let mut body = want.body.clone();
        if matches!(want.kind.as_str(), "natural" | "marked") {
            body["mark"] = json!(want.mark);
        }
        let url = format!("{}/{}", collection(&want.kind, Some(&want.owner))?, encode(&now.id));
        write(Request::put(url).json(&body), want)
    }

    fn remove(want: &Want, now: &Thing) -> Result<Option<Thing>> {
        let url = format!("{}/{}", collection(&want.kind, Some(&want.owner))?, encode(&now.id));
        let answer = Request::delete(url).header("x-for", purpose(want)).send()?;
        match answer.status {
            202 => Ok(Some(thing(answer.json()?))),
            404 => Ok(None),
            _ => answer.success().map(|_| None),
        }
    }
}

impl Inventory for Things {
    fn scan(owner: Option<&Owner>, _cursor: Option<&str>) -> Result<ThingPage> {
        let kinds: &[&str] =
            if owner.is_some() { &["inner"] } else { &["natural", "keyed", "marked", "anonymous"] };
        let mut page = ThingPage::default();
        for kind in kinds {
            for thing in all(&collection(kind, owner)?, None)? {
                let key = (*kind == "natural").then(|| thing.id.clone());
                page.things.push(Listed { kind: (*kind).to_owned(), key, thing });
            }
        }
        Ok(page)
    }
}

/// What the next version wants beside what it is told to; the first one wants nothing of its own.
fn of_this_version(app: &str) -> Option<Value> {
    cfg!(feature = "next").then(|| json!(format!("natural/{app}-extra=1")))
}

/// What a natural key is called outside.
fn outside(key: &str) -> Result<String> {
    let version = if cfg!(feature = "elsewhere") { "-elsewhere" } else { "" };
    Ok(format!("{key}{}{version}", config::<Config>()?.suffix))
}

/// Where things of a kind are.
fn collection(kind: &str, owner: Option<&Owner>) -> Result<String> {
    let server = config::<Config>()?.server;
    if kind != "inner" {
        return Ok(format!("{server}/{kind}"));
    }
    let owner = owner.ok_or_else(|| Failure::lasting("things inside an app are listed app by app"))?;
    Ok(format!("{server}/apps/{}/inner", owner.app()?))
}

/// A listing, all pages of it.
fn all(collection: &str, name: Option<&str>) -> Result<Vec<Thing>> {
    let (mut things, mut cursor) = (Vec::new(), None::<String>);
    loop {
        let asked = [("name", name), ("cursor", cursor.as_deref())];
        let ask = |request: Request, (field, value): (&str, Option<&str>)| match value {
            Some(value) => request.query(field, value),
            None => request,
        };
        let page: Page = asked.into_iter().fold(Request::get(collection), ask).send()?.success()?.json()?;
        things.extend(page.items.into_iter().map(thing));
        match page.next {
            Some(next) => cursor = Some(next),
            None => return Ok(things),
        }
    }
}

fn write(request: Request, want: &Want) -> Result<Thing> {
    Ok(thing(request.header("x-for", purpose(want)).send()?.success()?.json()?))
}

fn purpose(want: &Want) -> String {
    format!("{} {}/{}", want.owner.path, want.kind, want.key)
}

/// The thing is missing. When its whole collection is, the API says so in the same status.
fn not_found(answer: &Response) -> bool {
    answer.status == 404 && !answer.text().contains("no such container")
}

fn thing(row: Row) -> Thing {
    let state = match row.state.as_str() {
        "pending" => State::Pending,
        "removing" => State::Removing,
        _ => State::Ready,
    };
    let value = row.value.as_str().map_or_else(|| row.value.to_string(), str::to_owned);
    Thing {
        state,
        poll_ms: (state != State::Ready).then_some(POLL_MS),
        ..Thing::new(&row.id, json!({ "value": row.value, "shape": row.shape }))
            .mark(row.mark)
            .made(row.created_at)
            .output("id", &row.id)
            .output("value", value)
    }
}

groundcrew_hook::export_provisioner!(Things);
groundcrew_hook::export_inventory!(Things);
