//! The shipped binary, from outside.
//!
//! `groundcrew up` is started as its user would start it; the platform is the simulator, on loopback in this
//! process, and so is the third party. What happened is asked of those, never of the runner's own database.
//! What the runner says to people (findings, messages) is judged where that is the point.
#![expect(clippy::unwrap_used, reason = "tests fail by panicking")]

mod asks_more;
mod auditors;
mod audits;
mod backfill;
mod buckets;
mod canaries;
mod canary;
mod compiling;
mod configuration;
mod disk;
mod ends;
mod golden;
mod handed_out;
mod incarnations;
mod indiscreet;
mod judge;
mod labels;
mod levels;
mod logs;
mod moto;
mod moved;
mod plan;
mod planned;
mod powerdns;
mod prism;
mod recovery;
mod reload;
mod replays;
mod resumed;
mod retire;
mod scene;
mod second;
mod shipped;
mod shutdown;
#[path = "../../../../runner/engine/tests/engine/support/spelt.rs"]
mod spelt;
mod ticks;
mod told;
mod upgrade;
mod vanish;
