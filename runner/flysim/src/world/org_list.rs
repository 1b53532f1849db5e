//! The organisation-wide lists: sorted by `updated_at`, lagging, paged without promises.

use serde_json::{Map, Value, json};

use super::{Machine, MachineFilter, State};
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

/// A row's place: its whole second and its id.
type Place<'a> = (i64, &'a str);

/// The places of a page, and where the next one starts.
struct Page<'a> {
    places: Vec<Place<'a>>,
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
        let places = self.machines.values().filter_map(|machine| {
            self.apps.get(&machine.app_id).filter(|app| app.org == org && self.in_reach(app))?;
            let fits =
                |row: &&Row| query.filter.fits_row(row.state, self.state_word(row.state), &machine.region);
            let row = self.seen_row(machine).filter(fits)?;
            let lost = self.is_pruned(machine) || self.knobs.error_regions.contains(&machine.region);
            (!lost).then(|| (whole_seconds(row.updated_ms), machine.id.as_str()))
        });
        let page = self.page(places.collect(), query)?;
        let mut body = page.body("last_machine_id");
        let rows = page.places.iter().filter_map(|(_, id)| self.org_machine(id, query));
        body["machines"] = rows.collect();
        body["error_regions"] = json!(self.knobs.error_regions);
        Ok(body)
    }

    /// The appearance of a machine that the lagging list shows.
    fn seen_row<'a>(&self, machine: &'a Machine) -> Option<&'a Row> {
        let seen = self.now - self.knobs.org_list_lag_ms as i64;
        machine.rows.iter().rev().find(|row| row.changed_ms <= seen)
    }

    fn org_machine(&self, id: &str, query: &ListQuery) -> Option<Value> {
        let machine = self.machines.get(id)?;
        let row = self.seen_row(machine)?;
        let mut body = json!({
            "id": machine.id,
            "name": machine.name,
            "app_name": self.apps.get(&machine.app_id)?.name,
            "state": self.state_word(row.state),
            "region": machine.region,
            "private_ip": machine.private_ip,
            "version": row.version,
            "created_at": rfc3339(machine.created_ms),
            "updated_at": rfc3339(row.updated_ms),
        });
        if !self.knobs.org_list_instance_absent {
            body["instance_id"] = json!(row.version);
        }
        if !query.summary {
            body["config"] = row.config.clone();
        }
        Some(body)
    }

    /// Answers `GET /v1/orgs/{org}/volumes`, which shows fresh ones at once (measured by
    /// formae-plugin-fly, 2026-08).
    pub(crate) fn org_volumes(&self, org: &str, query: &ListQuery) -> Result<Value, Refusal> {
        let places = self.volumes.values().filter_map(|volume| {
            self.apps.get(&volume.app_id).filter(|app| app.org == org && self.in_reach(app))?;
            let hidden = self.volume_is_pruned(volume)
                || !query.filter.fits_row(volume.state, self.volume_state(volume), &volume.region)
                || (volume.deleted_ms.is_some()
                    && !query.filter.include_deleted
                    && self.knobs.volume_going_state.is_none());
            (!hidden).then(|| (whole_seconds(volume.updated_ms), volume.id.as_str()))
        });
        let page = self.page(places.collect(), query)?;
        let mut body = page.body("last_volume_id");
        let rows = page.places.iter().filter_map(|(_, id)| self.org_volume(id));
        body["volumes"] = rows.collect();
        Ok(body)
    }

    fn org_volume(&self, id: &str) -> Option<Value> {
        let volume = self.volumes.get(id)?;
        let mut body = self.volume_in_list(volume);
        body["app_name"] = json!(self.apps.get(&volume.app_id)?.name);
        body["updated_at"] = json!(rfc3339(volume.updated_ms));
        Some(body)
    }

    fn page<'a>(&self, mut places: Vec<Place<'a>>, query: &ListQuery) -> Result<Page<'a>, Refusal> {
        let mut cursor = self.start(query)?;
        let limit = query.limit.as_deref().map_or(Ok(PAGE_MAX), str::parse);
        let limit = limit.map_err(|_| Refusal::bad_request("invalid_argument: limit"))?;
        let allowed = self.knobs.org_list_page_max.map_or(PAGE_MAX, |max| max as usize);
        let limit = limit.min(allowed).clamp(1, PAGE_MAX);
        places.retain(|place| cursor.since_ms.is_none_or(|since| place.0 > since));
        places.sort_unstable();
        if self.knobs.org_list_unsorted && places.len() > 1 {
            // The second half first: a page may then hold rows older than the last one.
            let middle = places.len() / 2;
            places.rotate_left(middle);
        }
        if cursor.empty_left > 0 {
            cursor.empty_left -= 1;
            return Ok(Page { places: Vec::new(), next: Some(cursor.text()) });
        }
        let start = match &cursor.after {
            None => 0,
            Some((at, id)) => {
                let same = places.iter().position(|place| place.1 == id && place.0 == *at);
                // The row may have moved since; then its old place decides.
                let behind = || places.iter().position(|place| *place > (*at, id)).unwrap_or(places.len());
                same.map_or_else(behind, |place| place + 1)
            }
        };
        let end = (start + limit).min(places.len());
        let next = (end < places.len()).then(|| {
            let after = Some((places[end - 1].0, places[end - 1].1.to_owned()));
            Cursor { after, empty_left: self.knobs.org_list_empty_pages, ..cursor }.text()
        });
        Ok(Page { places: places[start..end].to_vec(), next })
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

impl Page<'_> {
    fn body(&self, last_key: &str) -> Value {
        let mut body = Map::new();
        if let Some((at, id)) = self.places.last() {
            body.insert("last_updated_at".into(), json!(rfc3339(*at)));
            body.insert(last_key.into(), json!(id));
        }
        if let Some(next) = &self.next {
            body.insert("next_cursor".into(), json!(next));
        }
        Value::Object(body)
    }
}

fn whole_seconds(ms: i64) -> i64 {
    ms.div_euclid(1000) * 1000
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
