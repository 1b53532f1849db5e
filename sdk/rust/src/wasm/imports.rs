//! The host's functions, answered by the component's imports.

use super::convert::failed;
use super::{config, fleet, http, kv, log};
use crate::host::fleet::{Page, RunningTime};
use crate::host::log::Level;
use crate::{Request, Response, Result, Subject};

pub(crate) fn send(request: Request) -> Result<Response> {
    let Request { method, url, headers, body, seal } = request;
    let http::Response { status, headers, body } =
        http::send(&http::Request { method, url, headers, body, seal }).map_err(failed)?;
    Ok(Response { status, headers, body })
}

pub(crate) fn config() -> String {
    config::get()
}

pub(crate) fn secret(name: &str) -> Result<String> {
    config::secret(name).map_err(failed)
}

pub(crate) fn log(level: Level, message: &str) {
    let level = match level {
        Level::Debug => log::Level::Debug,
        Level::Info => log::Level::Info,
        Level::Warn => log::Level::Warn,
        Level::Error => log::Level::Error,
    };
    log::log(level, message);
}

/// The component's wall clock, which the host derives from the run: a replay sees the same.
#[cfg(feature = "audit")]
#[expect(clippy::disallowed_methods, reason = "the host makes this clock, and it is no machine's")]
pub(crate) fn now_ms() -> i64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    since.map_or(0, |since| i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
}

pub(crate) fn subject(path: &str) -> Result<Option<Subject>> {
    fleet::get(path).map(TryInto::try_into).transpose()
}

pub(crate) fn below(path: &str, cursor: Option<&str>) -> Result<Page> {
    let page = fleet::below(path, cursor);
    let subjects = page.subjects.into_iter().map(TryInto::try_into).collect::<Result<_>>()?;
    Ok(Page { subjects, next: page.next })
}

pub(crate) fn running(app: &str, month: &str) -> Result<Vec<RunningTime>> {
    let time = |time: fleet::RunningTime| {
        let fleet::RunningTime { guest, region, seconds, unseen } = time;
        Ok(RunningTime { guest: serde_json::from_str(&guest)?, region, seconds, unseen })
    };
    fleet::running(app, month).into_iter().map(time).collect()
}

pub(crate) fn kv_get(key: &str) -> Result<Option<Vec<u8>>> {
    kv::get(key).map_err(failed)
}

pub(crate) fn kv_set(key: &str, value: &[u8]) -> Result<()> {
    kv::set(key, value).map_err(failed)
}

pub(crate) fn kv_delete(key: &str) -> Result<()> {
    kv::delete(key).map_err(failed)
}
