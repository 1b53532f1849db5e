//! Reports things that nobody uses at a plain JSON REST API: `{config.server}/things?after=CURSOR`.

use groundcrew_hook::{Auditor, Finding, FindingPage, Request, Result, Severity, config, json};
use serde::Deserialize;

/// The stanza's `config`, as hook.toml describes it.
#[derive(Deserialize)]
struct Config {
    server: String,
}

#[derive(Deserialize)]
struct Page {
    items: Vec<Row>,
    next: Option<String>,
}

/// A thing as the API shows it.
#[derive(Deserialize)]
struct Row {
    id: String,
    used: bool,
    cents: Option<u32>,
}

/// A finding is known from day to day by `code` and `about`; one that a run no longer reports resolves itself.
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

/// The hook. It holds nothing: every call is a fresh instance.
#[derive(Debug)]
pub struct Hook;

impl Auditor for Hook {
    /// One page; `cursor` is none at the start. Reads only.
    fn run(cursor: Option<&str>) -> Result<FindingPage> {
        let config: Config = config()?;
        let mut request = Request::get(format!("{}/things", config.server));
        if let Some(cursor) = cursor {
            request = request.query("after", cursor);
        }
        let page: Page = request.send()?.success()?.json()?;
        let idle = page.items.iter().filter(|row| !row.used);
        Ok(FindingPage { findings: idle.map(finding).collect(), next: page.next })
    }
}

groundcrew_hook::export_auditor!(Hook);
