//! The shipped binary's commands, run as processes against a store that the test filled.

#![expect(clippy::unwrap_used, reason = "a test may end anywhere")]

mod autopsy;
mod building;
mod canary;
mod changes;
mod cli;
mod demo;
mod diff;
mod documented;
mod ends;
mod fixture;
mod held;
mod http;
mod key;
mod learn;
mod listings;
mod older;
mod plan;
mod project;
mod records;
mod replay;
mod retarget;
mod setup;
mod timeline;
