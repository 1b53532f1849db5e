//! The crash harness: the real runner, strategically struck.
//!
//! A [`Scenario`] is a script over virtual time: owners come, change their minds and go, strangers interfere,
//! requests meet faults. [`play()`] plays it with the real runner, the real engine, the shipped form of a
//! component and a real SQLite file against the fake of `groundcrew-outside`. [`explore`] plays it undisturbed,
//! counts the moments around every host call and every commit, and then plays it again for each of them: the
//! call or commit fails, or the process dies there and is started again on the same file; and again for blows
//! in the restart that follows.
//!
//! What ships is played as it ships: scenarios of `builtin:fly-ip`, `fly-cert`, `fly-addon`,
//! `fly-secret`, `fly-postgres`, `dns` and `register` talk to the Fly simulator, to a fake of PowerDNS ([`neighbours`])
//! and to the fake of `groundcrew-outside`, in process and on the same clock.
//!
//! *Guarantees.* Judged is only what the fakes' own logs and receipts show. The same scenario under the same
//! blows goes the same way, whatever the machine does.
//!
//! It deliberately does not look into the ledger: what the runner believes is no evidence.

pub mod carrier;
pub mod clock;
pub mod faults;
pub mod hooks;
pub mod month;
pub mod neighbours;
pub mod play;
pub mod pointing;
pub mod points;
pub mod scenario;
pub mod start;
pub mod trial;

mod operator;
mod source;

pub use faults::{Blow, Moment, Strike};
pub use play::{Played, play};
pub use scenario::{Memory, Scenario, thing};
pub use trial::{Pairs, Trial, explore};
