//! The crash harness: the real runner, strategically struck.
//!
//! A [`Scene`] is a script over virtual time: owners come, change their minds and go, strangers interfere,
//! requests meet faults. [`play()`] plays it with the real runner, the real engine, the shipped form of a
//! component and SQLite (in memory, or on a file) against the fake of `groundcrew-outside`. [`explore`] plays it undisturbed,
//! counts the moments around every host call and every commit, and then plays it again for each of them: the
//! call or commit fails, or the process dies there and is started again on the same database; and again for blows
//! in the restart that follows. A proof does not play again what comes before a first death ([`deaths`]).
//!
//! `groundcrew test` and `groundcrew prove` play the scenarios of a hook's project with it, and the project's own
//! tests those of what ships, against more than the one fake ([`beside`]).
//!
//! *Guarantees.* Judged is only what the fakes' own logs and receipts show. The same scenario under the same
//! blows goes the same way, whatever the machine does.
//!
//! It deliberately does not look into the ledger to judge: what the runner believes is no evidence.

pub mod audited;
pub mod beside;
pub mod calls;
pub mod carrier;
pub mod clock;
pub mod deaths;
pub mod faults;
pub mod happening;
pub mod lifecycle;
pub mod loaded;
pub mod ordeal;
pub mod play;
pub mod proof;
pub mod records;
pub mod scenario;
pub mod scene;
pub mod trial;
pub mod why;

mod disk;
mod disturbed;
mod look;
mod operator;
mod shrink;
mod source;
mod start;

pub use beside::{Beside, Nobody, Seen};
pub use faults::{Blow, Moment, Strike};
pub use happening::Happening;
pub use play::{Played, play, play_on_file, play_within};
pub use scene::{AWAY, Cast, Doing, Heard, Looks, Memory, Operator, Records, Scene, Sighting, Tells};
pub use trial::{Pairs, Trial, explore};
