//! The API's surface: calls, routes, handlers, and the server on a socket.

mod admin;
mod apps;
mod call;
mod certs;
mod exchange;
mod ips;
mod machine_parts;
mod machines;
mod orgs;
mod routes;
mod secrets;
mod server;
mod volumes;

#[cfg(all(test, feature = "validate"))]
pub(crate) use call::Parts;
pub(crate) use call::{Answer, Call};
#[cfg(feature = "validate")]
pub(crate) use call::{Body, Sent};
#[cfg(all(test, feature = "validate"))]
pub(crate) use exchange::Outcome;
pub(crate) use orgs::REGIONS;
pub use server::{Server, ServerHandle, StartError};
