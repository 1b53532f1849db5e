//! The organisation-wide lists: sorted by `updated_at`, lagging, paged without promises.

use serde_json::{Map, Value, json};

use super::{MachineFilter, State};
use crate::clock::{parse_rfc3339, rfc3339};
use crate::refusal::Refusal;

/// One past appearance of a machine, which a lagging list may still show.
#[derive(Debug, Clone)]
pub(crate) struct Row {
    pub(crate) changed_ms: i64,
    pub(crate) updated_ms: i64,
    pub(crate) state: &'static str,
    pub(crate) version: String,
    pub(crate) config: Value,
}

/// What an organisation-wide list is asked for.
#[derive(Debug, Default)]
pub(crate) struct ListQuery {
    pub(crate) filter: MachineFilter,
    pub(crate) summary: bool,
    pub(crate) updated_after: Option<String>,
    pub(crate) cursor: Option<String>,
    pub(crate) limit: Option<String>,
}

/// The most rows of a page (OpenAPI Machines_org_list limit).
const PAGE_MAX: usize = 1000;
/// Older appearances than this are forgotten; a longer lag would show the oldest kept one.
const ROWS_KEPT_MS: i64 = 3_600_000;

/// Where a page starts: behind a row, after some empty pages.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Cursor {
    since_ms: Option<i64>,
    after: Option<(i64, String)>,
    empty_left: u32,
}

impl Cursor {
    fn text(&self) -> String {
        let since = self.since_ms.map(|ms| ms.to_string()).unwrap_or_default();
        let (at, id) = self.after.clone().map(|(at, id)| (at.to_string(), id)).unwrap_or_default();
        format!("{since}.{at}.{id}.{}", self.empty_left)
    }

    fn parse(text: &str) -> Option<Self> {
        let parts: Vec<&str> = text.split('.').collect();
        let [since, at, id, empty] = parts.as_slice() else { return None };
        let number = |text: &str| if text.is_empty() { Some(None) } else { text.parse().ok().map(Some) };
        let after = number(at)?.map(|at| (at, (*id).to_owned()));
        Some(Self { since_ms: number(since)?, after, empty_left: empty.parse().ok()? })
    }
}

/// A page of rows, sorted by second and id.
struct Page {
    rows: Vec<(i64, String, Value)>,
    next: Option<String>,
}

impl State {
    /// Remembers how a machine looks now, for the list that lags.
    pub(crate) fn machine_changed(&mut self, id: &str) {
        let now = self.now;
        let Some(machine) = self.machines.get_mut(id) else { return };
        let row = Row {
            changed_ms: now,
            updated_ms: machine.updated_ms,
            state: machine.state,
            version: machine.instance_id.clone(),
            config: overview(&machine.config),
        };
        let fresh = machine.rows.iter().rposition(|row| row.changed_ms + ROWS_KEPT_MS <= now);
        machine.rows.drain(..fresh.unwrap_or(0));
        machine.rows.push(row);
    }

    /// Answers `GET /v1/orgs/{org}/machines`.
    pub(crate) fn org_machines(&self, org: &str, query: &ListQuery) -> Result<Value, Refusal> {
        let seen = self.now - self.knobs.org_list_lag_ms as i64;
        let mut rows = Vec::new();
        for machine in self.machines.values() {
            let Some(app) = self.apps.get(&machine.app_id).filter(|app| app.org == org) else { continue };
            let Some(row) = machine.rows.iter().rev().find(|row| row.changed_ms <= seen) else { continue };
            let lost = self.knobs.error_regions.contains(&machine.region) || self.is_pruned(machine);
            if lost || !self.in_reach(app) || !query.filter.fits_row(row.state, &machine.region) {
                continue;
            }
            let mut body = json!({
                "id": machine.id,
                "name": machine.name,
                "app_name": app.name,
                "state": row.state,
                "region": machine.region,
                "private_ip": machine.private_ip,
                "instance_id": row.version,
                "version": row.version,
                "created_at": rfc3339(machine.created_ms),
                "updated_at": rfc3339(row.updated_ms),
            });
            if !query.summary {
                body["config"] = row.config.clone();
            }
            rows.push((row.updated_ms.div_euclid(1000) * 1000, machine.id.clone(), body));
        }
        let page = self.page(rows, query)?;
        let mut body = page.body("machines", "last_machine_id");
        body["error_regions"] = json!(self.knobs.error_regions);
        Ok(body)
    }

    /// Answers `GET /v1/orgs/{org}/volumes`, which shows fresh ones at once (measured by
    /// formae-plugin-fly, 2026-08).
    pub(crate) fn org_volumes(&self, org: &str, query: &ListQuery) -> Result<Value, Refusal> {
        let mut rows = Vec::new();
        for volume in self.volumes.values() {
            let Some(app) = self.apps.get(&volume.app_id).filter(|app| app.org == org) else { continue };
            let gone = volume.deleted_ms.is_some();
            let blind = self.blind(volume.created_ms, self.knobs.blind_volumes_ms);
            let fits = query.filter.fits_row(volume.state, &volume.region);
            if !self.in_reach(app) || blind || !fits || (gone && !query.filter.include_deleted) {
                continue;
            }
            let mut body = self.volume_in_list(volume);
            body["app_name"] = json!(app.name);
            body["updated_at"] = json!(rfc3339(volume.updated_ms));
            rows.push((volume.updated_ms.div_euclid(1000) * 1000, volume.id.clone(), body));
        }
        Ok(self.page(rows, query)?.body("volumes", "last_volume_id"))
    }

    fn page(&self, mut rows: Vec<(i64, String, Value)>, query: &ListQuery) -> Result<Page, Refusal> {
        let mut cursor = self.start(query)?;
        let limit = match query.limit.as_deref() {
            None => PAGE_MAX,
            Some(text) => text.parse().map_err(|_| Refusal::bad_request("invalid_argument: limit"))?,
        };
        let limit = limit.clamp(1, PAGE_MAX).min(self.knobs.org_list_page_max.map_or(PAGE_MAX, |n| n as usize));
        rows.sort_by(|a, b| (a.0, &a.1).cmp(&(b.0, &b.1)));
        rows.retain(|row| cursor.since_ms.is_none_or(|since| row.0 > since));
        if self.knobs.org_list_unsorted && rows.len() > 1 {
            // The second half first: a page may then hold rows older than the last one.
            let middle = rows.len() / 2;
            rows.rotate_left(middle);
        }
        if cursor.empty_left > 0 {
            cursor.empty_left -= 1;
            return Ok(Page { rows: Vec::new(), next: Some(cursor.text()) });
        }
        let start = match &cursor.after {
            None => 0,
            Some((at, id)) if self.knobs.org_list_unsorted => {
                rows.iter().position(|row| row.1 == *id).map_or_else(|| behind(&rows, *at, id), |n| n + 1)
            }
            Some((at, id)) => behind(&rows, *at, id),
        };
        let end = (start + limit.max(1)).min(rows.len());
        let next = (end < rows.len()).then(|| {
            let last = &rows[end - 1];
            let after = Some((last.0, last.1.clone()));
            Cursor { after, empty_left: self.knobs.org_list_empty_pages, ..cursor }.text()
        });
        rows.truncate(end);
        rows.drain(..start);
        Ok(Page { rows, next })
    }

    fn start(&self, query: &ListQuery) -> Result<Cursor, Refusal> {
        if let Some(text) = &query.cursor {
            return Cursor::parse(text).ok_or_else(|| Refusal::bad_request("invalid_argument: cursor"));
        }
        let since_ms = match &query.updated_after {
            None => None,
            Some(text) => Some(
                parse_rfc3339(text).ok_or_else(|| Refusal::bad_request("invalid_argument: updated_after"))?,
            ),
        };
        Ok(Cursor { since_ms, after: None, empty_left: self.knobs.org_list_empty_pages })
    }
}

impl Page {
    fn body(self, rows_key: &str, last_key: &str) -> Value {
        let mut body = Map::new();
        if let Some((at, id, _)) = self.rows.last() {
            body.insert("last_updated_at".into(), json!(rfc3339(*at)));
            body.insert(last_key.into(), json!(id));
        }
        if let Some(next) = self.next {
            body.insert("next_cursor".into(), json!(next));
        }
        let rows: Vec<_> = self.rows.into_iter().map(|(_, _, row)| row).collect();
        body.insert(rows_key.into(), json!(rows));
        Value::Object(body)
    }
}

/// The first place behind a row that may itself have moved since.
fn behind(rows: &[(i64, String, Value)], at: i64, id: &str) -> usize {
    rows.iter().position(|row| (row.0, row.1.as_str()) > (at, id)).unwrap_or(rows.len())
}

/// The part of a configuration that the organisation-wide list shows: no mounts, no services.
fn overview(config: &Value) -> Value {
    let keys = ["image", "guest", "metadata"];
    let part = keys.iter().filter_map(|key| config.get(key).map(|v| ((*key).to_owned(), v.clone())));
    Value::Object(part.collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cursors_survive_the_way_through_text() {
        for cursor in [
            Cursor { since_ms: None, after: None, empty_left: 3 },
            Cursor { since_ms: Some(1), after: Some((5, "abc".into())), empty_left: 0 },
        ] {
            assert_eq!(Cursor::parse(&cursor.text()), Some(cursor));
        }
        assert_eq!(Cursor::parse("nonsense"), None);
    }
}
