//! One thing per app at a plain JSON REST API: `{config.server}/things`, things with names and marks.

use groundcrew_hook::{
    Inventory, Listed, Owner, Provisioner, Request, Result, Spec, Thing, ThingPage, Value, View, Want, config,
    encode, json,
};
use serde::Deserialize;

/// The stanza's `config`, as hook.toml describes it.
#[derive(Deserialize)]
struct Config {
    server: String,
}

/// A thing as the API shows it.
#[derive(Deserialize)]
struct Row {
    id: String,
    name: String,
    mark: Option<String>,
    value: Value,
}

fn url(rest: &str) -> Result<String> {
    let config: Config = config()?;
    Ok(format!("{}/things{rest}", config.server))
}

fn thing(row: Row) -> Thing {
    Thing::new(row.id, json!({ "value": row.value })).mark(row.mark)
}

/// The hook. It holds nothing: every call is a fresh instance, and may be repeated at any time.
#[derive(Debug)]
pub struct Hook;

impl Provisioner for Hook {
    /// What should exist for one app. Pure: no HTTP here. An empty list means that nothing should.
    fn desired(view: &View) -> Result<Vec<Spec>> {
        let plan: Option<String> = view.owner.label("plan");
        Ok(vec![Spec::new("thing", view.owner.app()?, json!({ "value": plan }))])
    }

    /// Everything that could be it, whoever's it is: the host judges. Never filter by mark here.
    fn find(want: &Want) -> Result<Vec<Thing>> {
        let named = Request::get(url("")?).query("name", &want.key);
        // Page by page: where a name may be taken twice, ours may be on the last one.
        let mut rows: Vec<Row> = named.pages("after", "/items", "/next")?;
        // With an id: that thing or none.
        rows.retain(|row| want.id.as_ref().is_none_or(|id| *id == row.id));
        Ok(rows.into_iter().map(thing).collect())
    }

    /// The mark goes into the same request as the thing. If this fails, the host calls `find` and decides.
    fn create(want: &Want) -> Result<Thing> {
        let body = json!({ "name": want.key, "mark": want.mark, "value": want.body["value"] });
        Ok(thing(Request::post(url("")?).json(&body).send()?.success()?.json()?))
    }

    /// `now` was found moments ago.
    fn update(want: &Want, now: &Thing) -> Result<Thing> {
        let body = json!({ "mark": want.mark, "value": want.body["value"] });
        Ok(thing(Request::put(url(&format!("/{}", encode(&now.id)))?).json(&body).send()?.success()?.json()?))
    }

    /// None says that it is gone, also when it was gone before.
    fn remove(_want: &Want, now: &Thing) -> Result<Option<Thing>> {
        Request::delete(url(&format!("/{}", encode(&now.id)))?).send()?.found()?;
        Ok(None)
    }
}

/// One page of all things.
#[derive(Deserialize)]
struct Page {
    items: Vec<Row>,
    next: Option<String>,
}

/// Optional: with it, orphans are found, and a lost ledger can be recovered.
impl Inventory for Hook {
    fn scan(_owner: Option<&Owner>, cursor: Option<&str>) -> Result<ThingPage> {
        let mut request = Request::get(url("")?);
        if let Some(cursor) = cursor {
            request = request.query("after", cursor);
        }
        let page: Page = request.send()?.success()?.json()?;
        let listed = |row: Row| Listed { kind: "thing".into(), key: Some(row.name.clone()), thing: thing(row) };
        Ok(ThingPage { things: page.items.into_iter().map(listed).collect(), next: page.next })
    }
}

groundcrew_hook::export_provisioner!(Hook);
groundcrew_hook::export_inventory!(Hook);
