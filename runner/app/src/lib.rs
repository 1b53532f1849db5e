//! Groundcrew: watches apps and machines come and go, and keeps what lies outside of them right.

pub mod config;
pub mod runner;
