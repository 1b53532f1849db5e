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
    mark: Option<String>,
    value: Value,
}

fn url(rest: &str) -> Result<String> {
    let server = config::<Value>()?["server"].as_str().unwrap_or_default().to_owned();
    Ok(format!("{server}/things{rest}"))
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
        let named = Request::get(url("")?).query("name", &want.key);
        let mut rows: Vec<Row> = named.pages("after", "/items", "/next")?;
        rows.retain(|row| want.id.as_ref().is_none_or(|id| *id == row.id));
        Ok(rows.into_iter().map(thing).collect())
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
        Request::delete(url(&format!("/{}", encode(&now.id)))?).send()?.found()?;
        Ok(None)
    }
}

groundcrew_hook::export_provisioner!(Things);
