//! A provisioner that is right, but for the mistake that its stanza asks for.
//!
//! What an app should have is the label `things`, a list of `KIND/KEY=VALUE`. Collections are `{server}/{kind}`. Each
//! mistake is one that people made in public; who and where is said beside the tests that look for it.

use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher as _, Hasher as _};

use groundcrew_hook::{
    Failure, Provisioner, Request, Result, Spec, State, Thing, View, Want, config, encode, json,
};
use serde::Deserialize;

/// The hook.
#[derive(Debug)]
pub struct Wrong;

#[derive(Deserialize)]
struct Config {
    server: String,
    mistake: Mistake,
}

/// What it does wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Mistake {
    /// Nothing.
    None,
    /// The thing is made first and marked in a second request.
    MarksLater,
    /// The thing is never marked.
    NoMark,
    /// A request that fails is sent again at once.
    SendsAgain,
    /// A search that fails found nothing.
    ErrorsAreAbsence,
    /// Only the first page of a listing is read.
    FirstPage,
    /// Each creation makes up a name of its own.
    OtherName,
    /// Each request makes up an idempotency key of its own.
    OtherKey,
    /// Only what carries its mark is found.
    FiltersByMark,
    /// What is wanted is called otherwise each time.
    RandomDesire,
    /// A change makes a new thing and removes the old one.
    UpdateMakes,
    /// What should become less is made anew, and what was there stays: seen in no scenario in which things only grow.
    ShrinksAnew,
    /// Whatever begins with the name is removed.
    RemovesByPrefix,
    /// Removing is put off, and reported as done.
    NeverRemoves,
    /// Whatever has the name is said to carry its mark.
    ClaimsAny,
    /// Things are said to lie at their names, and are posted where a name may be taken twice.
    PostsNames,
}

/// A thing as the API shows it.
#[derive(Deserialize)]
struct Row {
    id: String,
    state: String,
    #[serde(default)]
    name: Option<String>,
    mark: Option<String>,
    created_at: Option<String>,
    #[serde(default)]
    value: u32,
}

#[derive(Deserialize)]
struct Page {
    items: Vec<Row>,
    next: Option<String>,
}

impl Provisioner for Wrong {
    fn desired(view: &View) -> Result<Vec<Spec>> {
        let Some(listed) = view.owner.labels.get("things") else { return Ok(Vec::new()) };
        let listed = Vec::<String>::deserialize(listed)?;
        listed.iter().map(|text| spec(text)).collect()
    }

    fn find(want: &Want) -> Result<Vec<Thing>> {
        let found = match search(want) {
            Err(_) if mistaken(Mistake::ErrorsAreAbsence)? => Vec::new(),
            found => found?,
        };
        let mut things: Vec<_> = found.into_iter().map(thing).collect();
        if mistaken(Mistake::FiltersByMark)? {
            things.retain(|thing| thing.mark.as_deref() == Some(&want.mark));
        }
        if mistaken(Mistake::ClaimsAny)? {
            for thing in &mut things {
                thing.mark = Some(want.mark.clone());
            }
        }
        Ok(things)
    }

    fn create(want: &Want) -> Result<Thing> {
        let (collection, mistake) = (collection(&want.kind)?, config::<Config>()?.mistake);
        let mut body = json!({ "name": want.key, "mark": want.mark, "value": want.body["value"] });
        if matches!(mistake, Mistake::MarksLater | Mistake::NoMark) {
            body["mark"] = json!(null);
        }
        let request = || match want.kind.as_str() {
            "natural" if mistake == Mistake::PostsNames => Request::post(collection.as_str()),
            "natural" => Request::put(format!("{collection}/{}", encode(&name(want, mistake)))),
            "keyed" => {
                let once = if mistake == Mistake::OtherKey { random() } else { want.once.clone() };
                Request::post(collection.as_str()).header("idempotency-key", &once)
            }
            _ => Request::post(collection.as_str()),
        };
        let sent = match request().json(&body).send() {
            Err(_) if mistake == Mistake::SendsAgain => request().json(&body).send(),
            sent => sent,
        };
        let made: Row = sent?.success()?.json()?;
        if mistake == Mistake::MarksLater {
            return put(want, &made.id);
        }
        Ok(thing(made))
    }

    fn update(want: &Want, now: &Thing) -> Result<Thing> {
        if mistaken(Mistake::UpdateMakes)? {
            let made = Self::create(want)?;
            Self::remove(want, now)?;
            return Ok(made);
        }
        if mistaken(Mistake::ShrinksAnew)? && want.body["value"].as_u64() < now.body["value"].as_u64() {
            return Self::create(want);
        }
        put(want, &now.id)
    }

    fn remove(want: &Want, now: &Thing) -> Result<Option<Thing>> {
        let ids = match config::<Config>()?.mistake {
            Mistake::NeverRemoves => Vec::new(),
            Mistake::RemovesByPrefix => {
                let page: Page = Request::get(collection(&want.kind)?).send()?.success()?.json()?;
                let begins = |row: &Row| row.name.as_ref().is_some_and(|name| name.starts_with(&want.key));
                page.items.into_iter().filter(begins).map(|row| row.id).collect()
            }
            _ => vec![now.id.clone()],
        };
        for id in ids {
            let answer = Request::delete(format!("{}/{}", collection(&want.kind)?, encode(&id))).send()?;
            if answer.status != 404 {
                answer.success()?;
            }
        }
        Ok(None)
    }
}

fn mistaken(mistake: Mistake) -> Result<bool> {
    Ok(config::<Config>()?.mistake == mistake)
}

fn spec(text: &str) -> Result<Spec> {
    let parts = text.split_once('=').and_then(|(name, value)| {
        let (kind, key) = name.split_once('/')?;
        Some((kind, key, value.parse::<u32>().ok()?))
    });
    let (kind, key, value) =
        parts.ok_or_else(|| Failure::lasting(format!("`{text}` is not KIND/KEY=VALUE")))?;
    let key = if mistaken(Mistake::RandomDesire)? { format!("{key}-{}", random()) } else { key.to_owned() };
    Ok(Spec::new(kind, key, json!({ "value": value })))
}

/// Everything that the API shows that could be it.
fn search(want: &Want) -> Result<Vec<Row>> {
    let collection = collection(&want.kind)?;
    let mistake = config::<Config>()?.mistake;
    let named = (want.kind == "natural" && mistake != Mistake::PostsNames).then(|| name(want, mistake));
    if let Some(id) = want.id.clone().or(named) {
        let answer = Request::get(format!("{collection}/{}", encode(&id))).send()?;
        if answer.status == 404 && !answer.text().contains("no such container") {
            return Ok(Vec::new());
        }
        return Ok(vec![answer.success()?.json()?]);
    }
    let (mut rows, mut cursor) = (Vec::new(), None::<String>);
    loop {
        let mut request = Request::get(collection.as_str());
        if let Some(cursor) = &cursor {
            request = request.query("cursor", cursor);
        }
        let page: Page = request.send()?.success()?.json()?;
        rows.extend(page.items);
        cursor = page.next.filter(|_| mistake != Mistake::FirstPage);
        if cursor.is_none() {
            // Keyed things have no names.
            rows.retain(|row| row.name.is_none() || row.name.as_ref() == Some(&want.key));
            return Ok(rows);
        }
    }
}

fn put(want: &Want, id: &str) -> Result<Thing> {
    let body = json!({ "mark": want.mark, "value": want.body["value"] });
    let url = format!("{}/{}", collection(&want.kind)?, encode(id));
    Ok(thing(Request::put(url).json(&body).send()?.success()?.json()?))
}

fn name(want: &Want, mistake: Mistake) -> String {
    if mistake == Mistake::OtherName { format!("{}-{}", want.key, random()) } else { want.key.clone() }
}

fn collection(kind: &str) -> Result<String> {
    Ok(format!("{}/{kind}", config::<Config>()?.server))
}

fn thing(row: Row) -> Thing {
    let state = match row.state.as_str() {
        "pending" => State::Pending,
        "removing" => State::Removing,
        _ => State::Ready,
    };
    let thing = Thing::new(&row.id, json!({ "value": row.value })).mark(row.mark).made(row.created_at);
    Thing { state, ..thing }
}

/// Sixteen characters that nobody can know.
fn random() -> String {
    format!("{:016x}", RandomState::new().build_hasher().finish())
}

groundcrew_hook::export_provisioner!(Wrong);
