//! All things that the API has, page by page: what `recover`, `plan` and audits of marks go by.

use groundcrew_hook::{Inventory, Listed, Owner, Result, ThingPage};

use super::{Row, Things, page, thing};

impl Inventory for Things {
    fn scan(_owner: Option<&Owner>, cursor: Option<&str>) -> Result<ThingPage> {
        let page = page(None, cursor)?;
        let listed =
            |row: Row| Listed { kind: "thing".into(), key: Some(row.name.clone()), thing: thing(row) };
        Ok(ThingPage { things: page.items.into_iter().map(listed).collect(), next: page.next })
    }
}

groundcrew_hook::export_inventory!(Things);
