//! Time for the runner, and the derived time that guests see.

use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use groundcrew_core::duration::Millis;
use groundcrew_core::steady::{Era, Even, Reading, Steady};
use groundcrew_core::time::Timestamp;
use wasmtime_wasi::{HostMonotonicClock, HostWallClock};

/// Where the runner reads the time.
pub trait Clock: Send + Sync + std::fmt::Debug {
    /// The present.
    fn now(&self) -> Timestamp;

    /// The present, and since when this clock has run evenly.
    fn steadily(&self) -> (Timestamp, Steady) {
        (self.now(), Steady::ALWAYS)
    }

    /// Waits. A clock that others move is moved on by it instead.
    fn sleep(&self, time: Millis) -> Pin<Box<dyn Future<Output = ()> + Send + '_>> {
        Box::pin(tokio::time::sleep(time.to_std()))
    }

    /// What is to be kept before anything that others wait for is stamped with this time, if anything is.
    fn era(&self) -> Option<Era> {
        None
    }
}

/// The machine's clock.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "the one place that reads the machine's clock")]
    fn now(&self) -> Timestamp {
        let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
        Timestamp::from_millis(since.map_or(0, |since| since.as_millis() as i64))
    }
}

/// What a clock that runs evenly reads.
pub trait Dial: Send + Sync + std::fmt::Debug {
    /// Both of the machine's clocks.
    fn read(&self) -> Reading;

    /// Which start of the machine this is; none: that cannot be told.
    fn boot(&self) -> Option<String>;
}

/// The machine's time, with every step of its clock noticed; see [`groundcrew_core::steady`].
#[derive(Debug)]
pub struct EvenClock<D> {
    dial: D,
    even: Mutex<Even>,
}

impl<D: Dial> EvenClock<D> {
    /// Goes on where the last process left off, if it can; `latest` is the latest stamp that is kept anywhere.
    pub fn starting(dial: D, kept: Option<&Era>, latest: Option<Timestamp>) -> Self {
        let even = Mutex::new(Even::starting(dial.read(), dial.boot(), kept, latest));
        Self { dial, even }
    }

    fn even(&self) -> std::sync::MutexGuard<'_, Even> {
        self.even.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<D: Dial> Clock for EvenClock<D> {
    fn now(&self) -> Timestamp {
        self.steadily().0
    }

    fn steadily(&self) -> (Timestamp, Steady) {
        let mut even = self.even();
        even.read(self.dial.read())
    }

    fn era(&self) -> Option<Era> {
        self.even().era()
    }
}

/// The clocks of this machine. Its uptime is read once; from then on time is counted as long as the machine is awake.
#[derive(Clone, Debug)]
pub struct MachineDial {
    began: Instant,
    uptime: Millis,
    boot: Option<String>,
}

impl MachineDial {
    /// Reads the machine's uptime, and which start of it this is, as Linux tells them (`proc(5)`, `random(4)`).
    #[expect(clippy::disallowed_methods, reason = "the one place that reads the machine's clock")]
    pub fn of_system() -> Self {
        let uptime = std::fs::read_to_string("/proc/uptime").ok().and_then(|text| uptime(&text));
        let boot = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").ok();
        let boot = boot.map(|boot| boot.trim().to_owned()).filter(|_| uptime.is_some());
        Self { began: Instant::now(), uptime: uptime.unwrap_or(Millis::ZERO), boot }
    }
}

/// Seconds, with hundredths, of `/proc/uptime`.
fn uptime(text: &str) -> Option<Millis> {
    let (seconds, hundredths) = text.split_whitespace().next()?.split_once('.')?;
    let millis = seconds.parse::<i64>().ok()? * 1_000 + hundredths.parse::<i64>().ok()? * 10;
    Some(Millis::new(millis))
}

impl Dial for MachineDial {
    fn read(&self) -> Reading {
        let awake = Millis::new(self.began.elapsed().as_millis() as i64);
        Reading { uptime: self.uptime + awake, wall: SystemClock.now() }
    }

    fn boot(&self) -> Option<String> {
        self.boot.clone()
    }
}

/// A guest's time: the run's start, moved forward by answered calls and sleeps, and by a microsecond a read.
///
/// It is derived, not read, so that a replay sees the same; the microsecond ends loops that wait for time.
#[derive(Clone, Debug)]
pub(crate) struct GuestTime(Arc<AtomicU64>);

const READ_NANOS: u64 = 1_000;

impl GuestTime {
    pub(crate) fn starting(at: Timestamp) -> Self {
        Self(Arc::new(AtomicU64::new(at.as_millis().max(0) as u64 * 1_000_000)))
    }

    /// Moves the time forward to `at`; never back.
    pub(crate) fn advance_to(&self, at: Timestamp) {
        self.0.fetch_max(at.as_millis().max(0) as u64 * 1_000_000, Ordering::Relaxed);
    }

    /// Moves the time forward to a reading of this clock in nanoseconds; never back.
    pub(crate) fn advance_to_nanos(&self, nanos: u64) {
        self.0.fetch_max(nanos, Ordering::Relaxed);
    }

    /// How much is left until a reading of this clock, in nanoseconds. To ask does not move it.
    pub(crate) fn nanos_until(&self, nanos: u64) -> u64 {
        nanos.saturating_sub(self.0.load(Ordering::Relaxed))
    }

    pub(crate) fn read_nanos(&self) -> u64 {
        self.0.fetch_add(READ_NANOS, Ordering::Relaxed)
    }
}

impl HostWallClock for GuestTime {
    fn resolution(&self) -> Duration {
        Duration::from_nanos(READ_NANOS)
    }

    fn now(&self) -> Duration {
        Duration::from_nanos(self.read_nanos())
    }
}

impl HostMonotonicClock for GuestTime {
    fn resolution(&self) -> u64 {
        READ_NANOS
    }

    fn now(&self) -> u64 {
        self.read_nanos()
    }
}
