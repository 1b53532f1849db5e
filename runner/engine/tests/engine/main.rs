//! Components through the real engine, against a transport that is a fake.
//!
//! One program, so that components are built and compiled once.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on ends")]

mod audit;
mod authors;
mod cached;
mod closed;
mod conformance;
mod denied;
mod determinism;
mod frozen;
mod gate;
mod hooks;
mod inspected;
mod leaks;
mod libraries;
mod limits;
mod plain;
mod pool;
mod posted;
mod reach;
mod sealing;
mod secrets;
mod support;
