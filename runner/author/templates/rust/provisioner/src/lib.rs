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

#[derive(Deserialize)]
struct Page {
    items: Vec<Row>,
    next: Option<String>,
}

fn url(rest: &str) -> Result<String> {
    let config: Config = config()?;
    Ok(format!("{}/things{rest}", config.server))
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
        let mut listed = page(Some(&want.key), None)?;
        // Page by page: where a name may be taken twice, ours may be on the last one.
        while let Some(cursor) = listed.next {
            let more = page(Some(&want.key), Some(&cursor))?;
            listed.items.extend(more.items);
            listed.next = more.next;
        }
        // With an id: that thing or none.
        listed.items.retain(|row| want.id.as_ref().is_none_or(|id| *id == row.id));
        Ok(listed.items.into_iter().map(thing).collect())
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
        let answer = Request::delete(url(&format!("/{}", encode(&now.id)))?).send()?;
        if answer.status != 404 {
            answer.success()?;
        }
        Ok(None)
    }
}

/// Optional: with it, orphans are found, and a lost ledger can be recovered.
impl Inventory for Hook {
    fn scan(_owner: Option<&Owner>, cursor: Option<&str>) -> Result<ThingPage> {
        let page = page(None, cursor)?;
        let listed = |row: Row| Listed { kind: "thing".into(), key: Some(row.name.clone()), thing: thing(row) };
        Ok(ThingPage { things: page.items.into_iter().map(listed).collect(), next: page.next })
    }
}

groundcrew_hook::export_provisioner!(Hook);
groundcrew_hook::export_inventory!(Hook);
