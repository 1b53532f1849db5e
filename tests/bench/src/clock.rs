//! The machine's clock: what is measured here is real time.

use std::time::{Duration, Instant};

/// The present.
#[expect(clippy::disallowed_methods, reason = "a bench measures real time")]
pub(crate) fn now() -> Instant {
    Instant::now()
}

/// Milliseconds, for people and results.
pub(crate) fn millis(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}

/// Microseconds.
pub(crate) fn micros(time: Duration) -> f64 {
    time.as_secs_f64() * 1e6
}

/// Asks again until the answer is there, at most for `limit`.
pub(crate) fn until<T>(
    what: &str,
    limit: Duration,
    pause: Duration,
    mut ask: impl FnMut() -> anyhow::Result<Option<T>>,
) -> anyhow::Result<T> {
    let began = now();
    loop {
        if let Some(answer) = ask()? {
            return Ok(answer);
        }
        anyhow::ensure!(began.elapsed() < limit, "{what}: not within {} s", limit.as_secs());
        std::thread::sleep(pause);
    }
}

/// Milliseconds since the Unix epoch, as the runner's database has them.
#[expect(clippy::disallowed_methods, reason = "the database holds real times")]
pub(crate) fn wall_ms() -> i64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    since.map_or(0, |since| i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
}
