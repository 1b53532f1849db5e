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
mod postgres;
mod routes;
mod secrets;
mod server;
mod volumes;

pub(crate) use call::{Answer, Call, Parts, parse_query};
#[cfg(feature = "validate")]
pub(crate) use call::{Body, Sent};
pub(crate) use exchange::Outcome;
pub(crate) use orgs::REGIONS;
pub use server::{Server, ServerHandle, StartError};
