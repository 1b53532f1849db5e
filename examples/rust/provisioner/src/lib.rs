//! One thing per app at a plain JSON REST API: `{config.server}/things`, things with names and marks.

mod inventory;
use groundcrew_hook::{Provisioner, Request, Result, Spec, Thing, Value, View, Want, config, encode, json};
use serde::Deserialize;

/// The hook.
#[derive(Debug)]
pub struct Things;

#[derive(Deserialize)]
struct Row {
    id: String,
    name: String,
    mark: Option<String>,
    value: Value,
}

#[derive(Deserialize)]
struct Page {
    items: Vec<Row>,
    next: Option<String>,
}

fn url(rest: &str) -> Result<String> {
    let server = config::<Value>()?["server"].as_str().unwrap_or_default().to_owned();
    Ok(format!("{server}/things{rest}"))
}

/// One page of what the API lists: of one name, or all.
fn page(name: Option<&str>, cursor: Option<&str>) -> Result<Page> {
    let mut request = Request::get(url("")?);
    for (query, value) in [("name", name), ("after", cursor)] {
        if let Some(value) = value {
            request = request.query(query, value);
        }
    }
    request.send()?.success()?.json()
}

fn thing(row: Row) -> Thing {
    Thing::new(row.id, json!({ "value": row.value })).mark(row.mark)
}

impl Provisioner for Things {
    fn desired(view: &View) -> Result<Vec<Spec>> {
        let plan: Option<String> = view.owner.label("plan");
        Ok(vec![Spec::new("thing", view.owner.app()?, json!({ "value": plan }))])
    }

    fn find(want: &Want) -> Result<Vec<Thing>> {
        let mut listed = page(Some(&want.key), None)?;
        while let Some(cursor) = listed.next {
            let more = page(Some(&want.key), Some(&cursor))?;
            listed.items.extend(more.items);
            listed.next = more.next;
        }
        listed.items.retain(|row| want.id.as_ref().is_none_or(|id| *id == row.id));
        Ok(listed.items.into_iter().map(thing).collect())
    }

    fn create(want: &Want) -> Result<Thing> {
        let body = json!({ "name": want.key, "mark": want.mark, "value": want.body["value"] });
        Ok(thing(Request::post(url("")?).json(&body).send()?.success()?.json()?))
    }

    fn update(want: &Want, now: &Thing) -> Result<Thing> {
        let body = json!({ "mark": want.mark, "value": want.body["value"] });
        Ok(thing(Request::put(url(&format!("/{}", encode(&now.id)))?).json(&body).send()?.success()?.json()?))
    }

    fn remove(_want: &Want, now: &Thing) -> Result<Option<Thing>> {
        let answer = Request::delete(url(&format!("/{}", encode(&now.id)))?).send()?;
        if answer.status != 404 {
            answer.success()?;
        }
        Ok(None)
    }
}

groundcrew_hook::export_provisioner!(Things);
