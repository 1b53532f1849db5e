//! The shipped binary's commands, run as processes against a store that the test filled.

mod changes;
mod cli;
mod fixture;
mod http;
mod listings;
mod setup;
