//! Runs a hook natively against a fake host: `cargo test`, no component, no runner.
//!
//! A [`Fake`] holds what the stanza would: configuration, secrets, and who answers HTTP. Inside [`Fake::run`]
//! (or the functions [`desired`] and [`life`] of this module, which also check what a host checks) every host
//! function that the hook calls is answered by it, on this thread only.
//!
//! ```
//! use groundcrew_hook::testing::{Fake, answer, event};
//! use groundcrew_hook::{Event, Handler, Request, Result, json};
//!
//! struct Tell;
//! impl Handler for Tell {
//!     fn handle(event: &Event) -> Result<()> {
//!         Request::post("https://ops.example/hook").json(&json!({ "kind": event.kind })).send()?.success()?;
//!         Ok(())
//!     }
//! }
//!
//! let fake = Fake::new().http(|_| answer(200, &json!({ "ok": true })));
//! fake.run(|| Tell::handle(&event("machine.started"))).unwrap();
//! assert_eq!(fake.calls()[0].url, "https://ops.example/hook");
//! ```

mod fake;
pub(crate) mod seam;
mod words;

pub use fake::Fake;
pub use words::{answer, desired, event, life, view, want};
