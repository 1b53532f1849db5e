//! The project's own scenarios for the crash harness of `groundcrew::prove`.
//!
//! A [`Scenario`] is written in Rust, for the tests' guest `things` or for what ships. What ships is played as it
//! ships: scenarios of `builtin:fly-ip`, `fly-cert`, `fly-addon`, `fly-secret`, `fly-postgres`, `dns`, `bucket` and
//! `register` talk to the Fly simulator, to a fake of PowerDNS, to a small S3 ([`neighbours`]) and to the fake of
//! `groundcrew-outside`, in process and on the same clock.

pub mod hooks;
pub mod month;
pub mod neighbours;
pub mod pointing;
pub mod points;
pub mod s3;
pub mod scenario;
pub mod shipped;
pub mod stored;

use std::path::PathBuf;

pub use groundcrew::prove::{Blow, Memory, Moment, Pairs, Strike, clock};
pub use scenario::{Scenario, thing};
pub use shipped::Shipped;

use neighbours::Aftermath;

/// What became of one play.
pub type Played = groundcrew::prove::Played<Aftermath>;
/// What was tried of a scenario.
pub type Trial = groundcrew::prove::Trial<Aftermath>;

/// Plays a scenario under these blows; see [`groundcrew::prove::play_within`].
pub fn play(scenario: &Scenario, strikes: &[Strike]) -> Played {
    groundcrew::prove::play_within(&scenario.scene(), strikes, &files())
}

/// Tries every point of a scenario; see [`groundcrew::prove::explore`].
pub fn explore(scenario: &Scenario, pairs: Pairs, right: impl Fn(&Played) -> bool + Sync) -> Trial {
    groundcrew::prove::explore(&scenario.scene(), pairs, &files(), right)
}

/// Where the databases of plays lie: in memory, where the machine has a file system there with a GiB to spare. They are
/// files either way, and no play outlives the machine.
pub(crate) fn files() -> PathBuf {
    const ROOM: u64 = 1 << 30;
    let shared = PathBuf::from("/dev/shm");
    let free = rustix::fs::statvfs(&shared).map_or(0, |about| about.f_bavail.saturating_mul(about.f_frsize));
    if free >= ROOM { shared } else { std::env::temp_dir() }
}
