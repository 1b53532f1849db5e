//! A small stateful double of Cloudflare's API, after its published reference.

use std::cell::RefCell;
use std::rc::Rc;

use groundcrew_hook::testing::{Fake, answer};
use groundcrew_hook::{Request, Response, Result, Value, json};

const RECORDS: &str = "https://api.cloudflare.com/client/v4/zones/z1/dns_records";

/// Records, and the number of the next id.
#[derive(Default)]
pub(crate) struct Zone {
    pub(crate) records: Vec<Value>,
    serial: u32,
    /// Records that a page holds at most, whatever was asked for.
    pub(crate) page_max: Option<usize>,
}

pub(crate) type Shared = Rc<RefCell<Zone>>;

impl Zone {
    /// Adds a record as the API would show it; the same again is refused.
    pub(crate) fn post(&mut self, record: &Value) -> std::result::Result<(), u32> {
        let same =
            |other: &&Value| ["name", "type", "content"].iter().all(|field| other[field] == record[field]);
        if self.records.iter().any(|other| same(&other)) {
            return Err(81058);
        }
        self.serial += 1;
        let mut shown = record.clone();
        shown["id"] = json!(format!("r{}", self.serial));
        shown["created_on"] = json!("2026-11-21T12:00:03Z");
        self.records.push(shown);
        Ok(())
    }

    fn batch(&mut self, batch: &Value) -> std::result::Result<(), u32> {
        for delete in batch["deletes"].as_array().unwrap() {
            let before = self.records.len();
            self.records.retain(|record| record["id"] != delete["id"]);
            if self.records.len() == before {
                return Err(81044);
            }
        }
        batch["posts"].as_array().unwrap().iter().try_for_each(|record| self.post(record))
    }
}

fn refused(status: u16, code: u32) -> Result<Response> {
    answer(
        status,
        &json!({ "success": false, "errors": [{ "code": code, "message": "no" }], "result": null }),
    )
}

/// Answers for one zone, `z1`.
pub(crate) fn cloudflare(zone: &Shared) -> impl FnMut(&Request) -> Result<Response> + 'static {
    let zone = Rc::clone(zone);
    move |request| {
        let bearer = format!("Bearer {}", Fake::token("API_TOKEN"));
        assert!(request.headers.contains(&("authorization".into(), bearer)));
        let (url, query) = request.url.split_once('?').unwrap_or((&request.url, ""));
        let mut zone = zone.borrow_mut();
        match (request.method.as_str(), url.strip_prefix(RECORDS)) {
            ("GET", Some("")) => {
                let of =
                    |name: &str| query.split('&').find_map(|pair| pair.strip_prefix(&format!("{name}=")));
                let fits = |record: &&Value| {
                    of("name.exact").is_none_or(|name| record["name"] == name.replace("%2A", "*"))
                        && of("type").is_none_or(|kind| record["type"] == kind)
                };
                let (page, per): (usize, usize) =
                    (of("page").unwrap().parse().unwrap(), of("per_page").unwrap().parse().unwrap());
                let per = zone.page_max.map_or(per, |most| per.min(most));
                let fitting: Vec<_> = zone.records.iter().filter(fits).collect();
                let shown: Vec<_> = fitting.iter().skip((page - 1) * per).take(per).collect();
                let info = json!({ "page": page, "per_page": per, "count": shown.len(),
                    "total_count": fitting.len(), "total_pages": fitting.len().div_ceil(per) });
                answer(200, &json!({ "success": true, "errors": [], "result": shown, "result_info": info }))
            }
            ("POST", Some("/batch")) => {
                let batch = serde_json::from_slice(&request.body)?;
                let before = zone.records.clone();
                // One transaction: nothing of it stays if a part fails.
                zone.batch(&batch).map_or_else(
                    |code| {
                        zone.records = before;
                        refused(400, code)
                    },
                    |()| answer(200, &json!({ "success": true, "errors": [], "result": {} })),
                )
            }
            _ => refused(404, 7003),
        }
    }
}
