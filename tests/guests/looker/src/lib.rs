//! An auditor that is right, and so is what mends, but for the mistake that its stanza asks for.
//!
//! It reports things whose value is `idle`; before it deletes one it makes a snapshot of it, named like the thing.

use std::time::{SystemTime, UNIX_EPOCH};

use groundcrew_hook::{
    Auditor, Failure, Finding, FindingPage, Outcome, Remedy, Request, Result, Severity, Value, config,
    encode, json, kv,
};
use serde::Deserialize;

/// The hook.
#[derive(Debug)]
pub struct Looker;

#[derive(Deserialize)]
struct Config {
    server: String,
    mistake: Mistake,
}

/// What it does wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Mistake {
    /// Nothing.
    None,
    /// What cannot be read is empty.
    Swallows,
    /// It reads one page.
    FirstPage,
    /// It deletes while it looks.
    Acts,
    /// Each look calls the same thing something else.
    Stamped,
    /// It reports what it has not reported before.
    OnlyNews,
    /// Snapshots have no names, and it does not look whether there is one.
    Unnamed,
}

#[derive(Default, Deserialize)]
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

impl Auditor for Looker {
    fn run(cursor: Option<&str>) -> Result<FindingPage> {
        let Config { server, mistake } = config()?;
        let mut request = Request::get(format!("{server}/things"));
        if let Some(cursor) = cursor {
            request = request.query("cursor", cursor);
        }
        let page = || -> Result<Page> { request.send()?.success()?.json() };
        let page = match (page(), mistake) {
            (Err(_), Mistake::Swallows) => Page::default(),
            (page, _) => page?,
        };
        let mut idle: Vec<_> = page.items.into_iter().filter(|row| row.value == "idle").collect();
        if let (Mistake::Acts, Some(row)) = (mistake, idle.first()) {
            Request::delete(format!("{server}/things/{}", encode(&row.id))).send()?;
        }
        if mistake == Mistake::OnlyNews {
            let known = kv::read("known")?.unwrap_or_default();
            let mut known = String::from_utf8_lossy(&known).into_owned();
            idle.retain(|row| !known.contains(&row.id));
            known.extend(idle.iter().map(|row| format!("{} ", row.id)));
            kv::write("known", known.as_bytes())?;
        }
        let next = page.next.filter(|_| mistake != Mistake::FirstPage);
        Ok(FindingPage { findings: idle.iter().map(|row| finding(row, mistake)).collect(), next })
    }
}

fn finding(row: &Row, mistake: Mistake) -> Finding {
    let mut about = format!("thing/{}", row.id);
    if mistake == Mistake::Stamped {
        #[expect(clippy::disallowed_methods, reason = "that is its mistake")]
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        about = format!("{about} at {}", now.as_millis());
    }
    Finding {
        code: "thing.idle".to_owned(),
        subject: None,
        about,
        severity: Severity::Warning,
        message: "nobody uses it".to_owned(),
        cost_cents: None,
        remedy: Some("delete it, after a snapshot".to_owned()),
        data: json!({ "id": row.id }),
    }
}

impl Remedy for Looker {
    fn fix(finding: &Finding) -> Result<Outcome> {
        let Config { server, mistake } = config()?;
        let id = finding.data["id"].as_str().ok_or_else(|| Failure::lasting("the finding names no thing"))?;
        let thing = format!("{server}/things/{}", encode(id));
        let answer = Request::get(&thing).send()?;
        if answer.status == 404 || answer.success()?.json::<Row>()?.value != "idle" {
            return Ok(Outcome::NoLongerTrue);
        }
        let snapshots = format!("{server}/snapshots");
        if mistake == Mistake::Unnamed {
            Request::post(snapshots).json(&json!({ "of": id })).send()?.success()?;
        } else {
            let there: Page = Request::get(&snapshots).query("name", id).send()?.success()?.json()?;
            if there.items.is_empty() {
                Request::post(snapshots).json(&json!({ "name": id })).send()?.success()?;
            }
        }
        let answer = Request::delete(thing).send()?;
        if answer.status != 404 {
            answer.success()?;
        }
        Ok(Outcome::Fixed)
    }
}

groundcrew_hook::export_auditor!(Looker);
groundcrew_hook::export_remedy!(Looker);
