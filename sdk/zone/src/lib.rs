//! One DNS zone behind the API of whoever serves it: PowerDNS, Route 53, Cloudflare.
//!
//! Record sets have one shape here, whatever the API: what `dns` makes, and what `dangling` looks through. Requests
//! go through the hook's own `http`, so a grant and a secret of the stanza decide what is reached.
//!
//! A set's ownership mark lies in a TXT record beside it, `_gc-a.www.acme.app`. It deliberately judges no mark: the
//! host does.

#![forbid(unsafe_code)]

mod cloudflare;
mod powerdns;
mod record;
mod route53;
mod text;

use groundcrew_hook::{Failure, Result};
use serde::Deserialize;

pub use crate::record::{Found, Kind, RecordSet, canonical_name};

use crate::cloudflare::Cloudflare;
use crate::powerdns::PowerDns;
use crate::route53::Route53;

/// How the name server's API is spoken to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Dialect {
    /// PowerDNS's HTTP API.
    #[default]
    Powerdns,
    /// Amazon Route 53.
    Route53,
    /// Cloudflare.
    Cloudflare,
}

/// Where a zone is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// Which API.
    pub dialect: Dialect,
    /// Scheme, host and port.
    pub server: String,
    /// What PowerDNS calls its server id.
    pub server_id: String,
    /// The only zone that is touched.
    pub zone: String,
    /// Its id, where the API goes by ids.
    pub zone_id: Option<String>,
}

/// What is deleted with a set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Also {
    /// Its mark.
    Mark,
    /// Nothing else.
    Nothing,
}

/// A zone behind an API.
///
/// *Guarantees.* A set and its mark change together or not at all. A zone that is not there is a failure.
pub trait Zone {
    /// Looks at one key: its set and its mark.
    fn look(&self, wanted: &RecordSet) -> Result<Found>;
    /// Everything of our types in the order of their keys, each with its mark; a mark alone counts as well.
    fn all(&self) -> Result<Vec<Found>>;
    /// Writes a set that was not there, and its mark. Where the API can tell, nothing is written over.
    fn create(&self, set: &RecordSet, mark: &str) -> Result<()>;
    /// Writes a set and its mark, in place of what is there.
    fn replace(&self, set: &RecordSet, mark: &str) -> Result<()>;
    /// Deletes a set, and its mark if told to; fine if they are gone already.
    fn erase(&self, set: &RecordSet, also: Also) -> Result<()>;
}

impl Place {
    /// The zone. Nothing is sent.
    ///
    /// # Errors
    /// A secret that the stanza does not grant; no id where the API goes by ids.
    pub fn open(&self) -> Result<Box<dyn Zone>> {
        Ok(match self.dialect {
            Dialect::Powerdns => Box::new(PowerDns::open(self)?),
            Dialect::Route53 => Box::new(Route53::open(self)?),
            Dialect::Cloudflare => Box::new(Cloudflare::open(self)?),
        })
    }

    /// The zone's id, which these APIs go by.
    fn id(&self) -> Result<&str> {
        let id = self.zone_id.as_deref().filter(|id| !id.is_empty());
        id.ok_or_else(|| Failure::lasting("`zone_id` is required: this API goes by ids of zones"))
    }
}
