//! PowerDNS's record-set API, for machines without `pdns_server`.
//!
//! [`Dns`] holds zones and answers as PowerDNS 4.7 does: reading a zone whole or by name and type, and `PATCH` with
//! `REPLACE` and `DELETE`, comments, and refusals in its own words. What took effect when is in an append-only
//! [log](DnsEffect). [`DnsServer`] puts it on a loopback address; nothing here answers DNS queries.
//!
//! ```text
//! GET   /api/v1/servers/localhost/zones                                        all zones, without records
//! POST  /api/v1/servers/localhost/zones                                        {name, kind, nameservers}: 201, 409
//! GET   /api/v1/servers/localhost/zones/ZONE[?rrset_name=&rrset_type=&rrsets=]  200, 404
//! PATCH /api/v1/servers/localhost/zones/ZONE                                   {rrsets: [...]}: 204, 400, 404, 422
//! ```
//!
//! Its answers are compared with those of the real server by `tests/dns_as_powerdns.rs`, which sends the same requests to
//! both; so are its oddities: a read by name shows no disabled records, but the comments of the whole zone.
//!
//! # Guarantees
//! - One `PATCH` is one transaction: all of it takes effect, or nothing.
//! - An effect is in the log if and only if it took place; the same calls at the same times make the same log.

mod content;
mod effects;
mod patch;
mod server;
mod state;
mod zone;

pub use effects::{DnsEffect, DnsWhat};
pub use server::{DnsServer, DnsServerHandle};
pub use state::{Dns, DnsKnobs};
