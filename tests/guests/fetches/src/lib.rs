//! A handler that goes out through `wasi:http`, not through `groundcrew:hook/http`.
//!
//! | `does` | |
//! |---|---|
//! | `fetch` | gets all `paths` of `authority` at once; logs the answers in the order in which it saw them, with the time |
//! | `put` | puts to all of them at once, logs as `fetch` does, and does it again |
//! | `gamble` | posts to all of them at once, with `key` and the path as idempotency key if there is one; fails at the first answer that is no success |
//! | `leave` | posts to all `paths`, gets `/last` and returns without waiting for the others |
//! | `flood` | posts 8 MiB to the first path |
//! | `sleep` | sleeps an hour; logs how long that was |
//! | `nap` | sleeps for so many `seconds` and gets a path, so many `times`; logs the time each time |
//! | `roll` | logs random numbers of every kind, does `fetch`, and logs them again |
//! | `spin` | asks whether a moment in the past has come, until it has |

use groundcrew_hook::{Event, Handler, Result, Value, config};

/// The hook.
#[derive(Debug)]
pub struct Fetches;

impl Handler for Fetches {
    fn handle(_event: &Event) -> Result<()> {
        let config: Value = config()?;
        outgoing::run(&config)
    }
}

#[cfg(target_arch = "wasm32")]
mod outgoing;

#[cfg(not(target_arch = "wasm32"))]
mod outgoing {
    use groundcrew_hook::{Failure, Result, Value};

    pub(super) fn run(_: &Value) -> Result<()> {
        Err(Failure::lasting("there is no wasi:http outside a component"))
    }
}

groundcrew_hook::export_handler!(Fetches);
