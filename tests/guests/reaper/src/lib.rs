//! An auditor that mends: it reports things whose value is `idle`, and deletes those that still are.

use groundcrew_hook::{
    Auditor, Failure, Finding, FindingPage, Outcome, Remedy, Request, Result, Severity, Value, config,
    encode, json,
};
use serde::Deserialize;

/// The hook.
#[derive(Debug)]
pub struct Reaper;

#[derive(Deserialize)]
struct Page {
    items: Vec<Row>,
    next: Option<String>,
}

#[derive(Deserialize)]
struct Row {
    id: String,
    #[serde(default)]
    value: Value,
}

fn collection() -> Result<String> {
    let config = config::<Value>()?;
    let text = |name: &str| config[name].as_str().unwrap_or_default().to_owned();
    Ok(format!("{}/{}", text("server"), text("collection")))
}

impl Auditor for Reaper {
    fn run(cursor: Option<&str>) -> Result<FindingPage> {
        let mut request = Request::get(collection()?);
        if let Some(cursor) = cursor {
            request = request.query("cursor", cursor);
        }
        let page: Page = request.send()?.success()?.json()?;
        let idle = page.items.into_iter().filter(|row| row.value == "idle");
        let finding = |row: Row| Finding {
            code: "thing.idle".to_owned(),
            subject: None,
            about: format!("thing/{}", row.id),
            severity: Severity::Warning,
            message: "nobody uses it".to_owned(),
            cost_cents: None,
            remedy: Some("delete it".to_owned()),
            data: json!({ "id": row.id }),
        };
        Ok(FindingPage { findings: idle.map(finding).collect(), next: page.next })
    }
}

impl Remedy for Reaper {
    fn fix(finding: &Finding) -> Result<Outcome> {
        let id = finding.data["id"].as_str().ok_or_else(|| Failure::lasting("the finding names no thing"))?;
        let url = format!("{}/{}", collection()?, encode(id));
        let answer = Request::get(&url).send()?;
        if answer.status == 404 || answer.success()?.json::<Row>()?.value != "idle" {
            return Ok(Outcome::NoLongerTrue);
        }
        let answer = Request::delete(url).send()?;
        if answer.status != 404 {
            answer.success()?;
        }
        Ok(Outcome::Fixed)
    }
}

groundcrew_hook::export_auditor!(Reaper);
groundcrew_hook::export_remedy!(Reaper);
