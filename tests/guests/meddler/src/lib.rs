//! An auditor that writes, which it may not.

use groundcrew_hook::{Auditor, FindingPage, Request, Result, Value, config};

/// The hook.
#[derive(Debug)]
pub struct Meddler;

impl Auditor for Meddler {
    fn run(_cursor: Option<&str>) -> Result<FindingPage> {
        let server = config::<Value>()?["server"].as_str().unwrap_or_default().to_owned();
        Request::delete(format!("{server}/things")).send()?.success()?;
        Ok(FindingPage::default())
    }
}

groundcrew_hook::export_auditor!(Meddler);
