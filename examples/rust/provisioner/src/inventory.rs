//! All things that the API has, page by page: what `recover`, `plan` and audits of marks go by.

use groundcrew_hook::{Inventory, Listed, Owner, Request, Result, ThingPage};
use serde::Deserialize;

use super::{Row, Things, thing, url};

#[derive(Deserialize)]
struct Page {
    items: Vec<Named>,
    next: Option<String>,
}

#[derive(Deserialize)]
struct Named {
    name: String,
    #[serde(flatten)]
    row: Row,
}

impl Inventory for Things {
    fn scan(_owner: Option<&Owner>, cursor: Option<&str>) -> Result<ThingPage> {
        let mut request = Request::get(url("")?);
        if let Some(cursor) = cursor {
            request = request.query("after", cursor);
        }
        let page: Page = request.send()?.success()?.json()?;
        let listed =
            |Named { name, row }| Listed { kind: "thing".into(), key: Some(name), thing: thing(row) };
        Ok(ThingPage { things: page.items.into_iter().map(listed).collect(), next: page.next })
    }
}

groundcrew_hook::export_inventory!(Things);
