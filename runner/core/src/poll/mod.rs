//! When to look at what: requests within the platform's limits, so that nobody is unseen for long.
//!
//! ```text
//!   every tick      apps, organisation's machines
//!   asked           what the mirror wants to know, at once
//!   hot apps        own list every few seconds
//!   all other apps  own list in rotation, the one unseen for longest first
//! ```
//!
//! # Guarantees
//! - No action is asked more often than its documented limit allows, by action and id.
//! - The rotation never exceeds its own cap; where that is too slow, [`Schedule::oldest_look`] says how old the
//!   oldest true look is.
//! - A request that failed is not repeated before its back-off, or `Retry-After`, is over.
//!
//! It deliberately knows neither clock nor randomness: time and jitter are arguments.

mod backoff;
mod bucket;
mod schedule;

#[cfg(test)]
mod tests;

pub use backoff::{FIRST, Jitter, LONGEST};
pub use bucket::Rate;
pub use schedule::{Done, Fetch, Pace, Schedule};
