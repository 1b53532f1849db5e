//! Walks over the mirror.

use crate::{Result, Subject, fleet};

/// One page of an organisation's living apps after a path, by path; the host gives 500 at once.
///
/// Empty only at the end.
pub fn apps_after(org: &str, path: Option<&str>) -> Result<Vec<Subject>> {
    let below = format!("fly/{org}");
    let page = fleet::below(&below, path)?;
    // The mirror matches the beginning of the path, in which `acme` also begins `acme-2`.
    let prefix = format!("{below}/");
    let (mut page, mut found) = (page, Vec::new());
    loop {
        found.extend(page.subjects.into_iter().filter(|app| app.path.starts_with(&prefix)));
        match page.next {
            Some(next) if found.is_empty() => page = fleet::below(&below, Some(&next))?,
            _ => return Ok(found),
        }
    }
}

/// An app's living machines, as the mirror has them.
pub fn machines_of(app: &Subject) -> Result<Vec<Subject>> {
    let (mut machines, mut cursor) = (Vec::new(), None);
    loop {
        let page = fleet::below(&app.path, cursor.as_deref())?;
        machines.extend(page.subjects);
        match page.next {
            Some(next) => cursor = Some(next),
            None => return Ok(machines),
        }
    }
}
