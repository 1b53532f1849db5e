//! Where the host's functions arrive on native targets: at the fake installed on this thread.

use std::cell::RefCell;

use super::fake::Fake;
use crate::host::fleet::{Page, RunningTime};
use crate::host::log::Level;
use crate::{Failure, Request, Response, Result, Subject};

thread_local! {
    static HOST: RefCell<Vec<Fake>> = const { RefCell::new(Vec::new()) };
}

/// Takes the fake off again, also when the hook panics.
struct Installed;

impl Drop for Installed {
    fn drop(&mut self) {
        HOST.with_borrow_mut(Vec::pop);
    }
}

pub(super) fn with<T>(fake: &Fake, run: impl FnOnce() -> T) -> T {
    HOST.with_borrow_mut(|hosts| hosts.push(fake.clone()));
    let _installed = Installed;
    run()
}

fn host() -> Result<Fake> {
    let top = HOST.with_borrow(|hosts| hosts.last().cloned());
    top.ok_or_else(|| Failure::lasting("no host is here: call the hook inside `testing::Fake::run`"))
}

pub(crate) fn send(request: Request) -> Result<Response> {
    host()?.send(request)
}

pub(crate) fn config() -> String {
    host().map_or_else(|_| "null".into(), |fake| fake.config_text())
}

pub(crate) fn secret(name: &str) -> Result<String> {
    host()?.secret_token(name)
}

pub(crate) fn log(level: Level, message: &str) {
    if let Ok(fake) = host() {
        fake.note(level, message);
    }
}

#[cfg(feature = "audit")]
pub(crate) fn now_ms() -> i64 {
    host().map_or(0, |fake| fake.now_ms())
}

pub(crate) fn subject(path: &str) -> Result<Option<Subject>> {
    Ok(host()?.subject(path))
}

pub(crate) fn below(path: &str, cursor: Option<&str>) -> Result<Page> {
    Ok(host()?.below(path, cursor))
}

pub(crate) fn running(app: &str, month: &str) -> Result<Vec<RunningTime>> {
    Ok(host()?.running_times(app, month))
}

pub(crate) fn kv_get(key: &str) -> Result<Option<Vec<u8>>> {
    Ok(host()?.kv_get(key))
}

pub(crate) fn kv_set(key: &str, value: &[u8]) -> Result<()> {
    host()?.kv_set(key, Some(value))
}

pub(crate) fn kv_delete(key: &str) -> Result<()> {
    host()?.kv_set(key, None)
}
