//! A client for the Fly APIs that does no IO.
//!
//! Every call of the API is a function that returns a [`Call`]: the [`Request`] to send (without host) and how
//! to read its [`Answer`]. Who sends it, with which token and how fast, is the caller's affair, so the same
//! code runs in hooks (`wasm32-wasip2`), in the runner and in tests.
//!
//! ```
//! use groundcrew_fly::{Answer, apps};
//!
//! let call = apps::show("cust-7");
//! assert_eq!(call.request.path_and_query, "/v1/apps/cust-7");
//! let answer = Answer::new(200, br#"{"id": "z4k69dxd8r31p5mx", "name": "cust-7", "status": "deployed"}"#);
//! assert_eq!(call.read(&answer)?.id, "z4k69dxd8r31p5mx");
//! # Ok::<(), groundcrew_fly::ApiError>(())
//! ```
//!
//! It guarantees that words and fields that it does not know are kept (`rest`), that `null` reads like an absent
//! field, and that no error holds a token. It deliberately does not retry, sleep or follow pages.
//! What things cost is in [`prices`].
//!
//! Facts carry their source: `[spec]` is the vendor's OpenAPI document of 2026-05, `[docs]` its documentation,
//! `[fly-go]` its own client, `[live]` a third party's conformance run against the real API in 2026-08.

#![forbid(unsafe_code)]

mod answer;
mod auth;
mod call;
mod error;
mod limits;
mod redact;
mod words;

pub mod apps;
pub mod certificates;
pub mod graphql;
pub mod ips;
pub mod machines;
pub mod postgres;
pub mod prices;
pub mod secrets;
pub mod tokens;
pub mod volumes;

pub use answer::Answer;
pub use auth::auth_header;
pub use call::{Call, Method, Request};
pub use error::{ApiError, Class, Refusal, RetryAfter};
pub use limits::{Action, Limit, classify, limit};
pub use redact::redact;
pub use words::Rest;
