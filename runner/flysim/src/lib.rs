//! A stateful simulator of the Fly Machines REST API, with unkind knobs.
//!
//! It answers as `api.machines.dev` does (and as the small part of the GraphQL API that
//! command line tools need), keeps an append-only log of *what took effect when*, and has a
//! named [knob](Knobs) for every unkindness that the real API was seen to show. All knobs
//! are off by default.
//!
//! ```text
//!  HTTP ──> http::server ──> State::exchange ──> knobs, limits ──> route handler ──> Answer
//!                                                   │                   │
//!                            holds, late effects <──┘                   └──> log of effects
//! ```
//!
//! [`World`] is the state machine alone, without sockets and without a clock of its own;
//! [`Server`] puts it on a loopback address. Acting as the platform's own users goes through
//! [`World::act`], the same code that the API's handlers use.
//!
//! ```
//! # tokio::runtime::Runtime::new().unwrap().block_on(async {
//! use std::sync::Arc;
//! use groundcrew_flysim::{Action, Server, SystemClock, World};
//!
//! let world = World::new(1, Arc::new(SystemClock));
//! let server = Server::start(([127, 0, 0, 1], 0).into(), world.clone()).await.unwrap();
//! println!("FLY_FLAPS_BASE_URL={}", server.base_url());
//! world.seed_fleet(12, 40).unwrap();
//! world.turn(|knobs| knobs.org_list_lag_ms = 120_000);
//! world.act(Action::DeleteApp { app: "cust-7".into() }).unwrap();
//! assert_eq!(world.stats().too_many, 0);
//! # server.shutdown().await;
//! # });
//! ```
//!
//! [`World::call`] is the same without a socket. [`dns`] is a fake of PowerDNS beside it, for machines without one.
//!
//! It deliberately does not run anything: a machine is a row with a state.
//!
//! # Guarantees
//! - The same seed, clock and calls give the same identifiers, addresses and log.
//! - An effect is in the log if and only if it took place, with the time it took place.
//! - With the feature `validate`, every answer is checked against the vendor's OpenAPI
//!   document; known differences are one line each in `openapi/deviations.toml`.

#[cfg(all(test, feature = "validate"))]
mod agreement;
mod clock;
mod direct;
pub mod dns;
mod graphql;
mod http;
mod ids;
mod knobs;
mod limits;
mod log;
mod refusal;
mod rules;
#[cfg(feature = "validate")]
mod validate;
pub mod verdict;
mod world;

pub use clock::{Clock, ManualClock, SystemClock};
pub use direct::{Answered, Reply, Request};
pub use http::{Server, ServerHandle, StartError};
pub use knobs::{Fault, Hold, KNOBS, KnobRow, Knobs, Late, RateLimits, RetryAfter};
pub use limits::Stats;
pub use log::{Actor, Effect};
pub use refusal::Refusal;
#[cfg(feature = "validate")]
pub use validate::{Contract, ContractError, Exchange, Violation};
pub use world::{Action, HOME_ORG, HeldAnswer, HoldStatus, OrgThing, World};
