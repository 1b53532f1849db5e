//! Reports things that nobody uses at a plain JSON REST API: `{config.server}/things?after=CURSOR`.

use groundcrew_hook::{Auditor, Finding, FindingPage, Request, Result, Severity, Value, config, json};
use serde::Deserialize;

/// The hook.
#[derive(Debug)]
pub struct IdleThings;

#[derive(Deserialize)]
struct Page {
    items: Vec<Row>,
    next: Option<String>,
}

#[derive(Deserialize)]
struct Row {
    id: String,
    used: bool,
    cents: Option<u32>,
}

fn finding(row: &Row) -> Finding {
    Finding {
        code: "thing.idle".to_owned(),
        subject: None,
        about: format!("thing/{}", row.id),
        severity: Severity::Warning,
        message: "nobody uses it".to_owned(),
        cost_cents: row.cents,
        remedy: Some("delete it, if nobody misses it".to_owned()),
        data: json!({ "id": row.id }),
    }
}

impl Auditor for IdleThings {
    fn run(cursor: Option<&str>) -> Result<FindingPage> {
        let server = config::<Value>()?["server"].as_str().unwrap_or_default().to_owned();
        let mut request = Request::get(format!("{server}/things"));
        if let Some(cursor) = cursor {
            request = request.query("after", cursor);
        }
        let page: Page = request.send()?.success()?.json()?;
        let idle = page.items.into_iter().filter(|row| !row.used);
        Ok(FindingPage { findings: idle.map(|row| finding(&row)).collect(), next: page.next })
    }
}

groundcrew_hook::export_auditor!(IdleThings);
