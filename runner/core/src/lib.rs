//! The pure decisions of Groundcrew.
//!
//! Everything here is a function of its arguments: no IO, no clock, no randomness, no environment, no async.
//! Time comes in as a [`time::Timestamp`], jitter and ids as arguments. So every decision can be tabled,
//! property-tested, explored by a model checker and replayed.
//!
//! It deliberately does not know SQL (`groundcrew-store`), wasmtime (`groundcrew-engine`) or HTTP clients.

#![forbid(unsafe_code)]

pub mod backfill;
pub mod duration;
pub mod egress;
pub mod finding;
pub mod forecast;
pub mod hash;
pub mod inventory;
pub mod kind;
pub mod manifest;
pub mod may_delete;
pub mod may_make;
pub mod mirror;
pub mod plan;
pub mod pointer;
pub mod poll;
pub mod remedy;
pub mod retire;
pub mod retry;
pub mod row;
pub mod running;
pub mod schedule;
pub mod settle;
pub mod spec;
pub mod steady;
pub mod subject;
pub mod template;
pub mod time;
pub mod upgrade;
