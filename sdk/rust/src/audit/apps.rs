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

#[cfg(all(test, not(target_arch = "wasm32")))]
mod tests {
    use super::*;
    use crate::json;
    use crate::testing::Fake;

    fn subject(path: &str) -> Subject {
        Subject { path: path.into(), id: format!("id:{path}"), state: String::new(), labels: json!({}) }
    }

    #[test]
    fn all_apps_of_one_organisation_are_walked_and_no_others() {
        let apps = (0..1_200).map(|n| format!("fly/acme/app-{n:04}"));
        let others = ["fly/acme-2/app", "fly/acme/app-0000/m1"].map(str::to_owned);
        let host = apps.chain(others).fold(Fake::new(), |host, path| host.fleet(subject(&path)));
        let walked = host.run(|| {
            let (mut walked, mut last) = (Vec::new(), None::<String>);
            loop {
                let page = apps_after("acme", last.as_deref()).unwrap();
                let Some(end) = page.last() else { return walked };
                last = Some(end.path.clone());
                walked.extend(page.into_iter().map(|app| app.path));
            }
        });
        assert_eq!((walked.len(), walked[1_199].as_str()), (1_200, "fly/acme/app-1199"));
        assert_eq!(host.run(|| machines_of(&subject("fly/acme/app-0000"))).unwrap().len(), 1);
    }
}
