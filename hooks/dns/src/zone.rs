//! What every dialect can do with the one zone that is worked on.

use groundcrew_hook::{Failure, Result, config};

use crate::cloudflare::Cloudflare;
use crate::config::{Config, Dialect};
use crate::powerdns::PowerDns;
use crate::record::{Found, RecordSet};
use crate::route53::Route53;

/// A zone behind an API.
///
/// *Guarantees.* A set and its mark change together or not at all. A zone that is not there is a failure.
pub(crate) trait Zone {
    /// Looks at one key: its set and its mark.
    fn look(&self, wanted: &RecordSet) -> Result<Found>;
    /// Everything of our types, each with its mark; a mark alone counts as well.
    fn all(&self) -> Result<Vec<Found>>;
    /// Writes a set that was not there, and its mark. Where the API can tell, nothing is written over.
    fn create(&self, set: &RecordSet, mark: &str) -> Result<()>;
    /// Writes a set and its mark, in place of what is there.
    fn replace(&self, set: &RecordSet, mark: &str) -> Result<()>;
    /// Deletes a set and its mark; fine if they are gone already.
    fn erase(&self, set: &RecordSet) -> Result<()>;
}

/// The stanza's zone. Nothing is sent.
pub(crate) fn open() -> Result<Box<dyn Zone>> {
    let config: Config = config()?;
    Ok(match config.dialect {
        Dialect::Powerdns => Box::new(PowerDns::open(&config)?),
        Dialect::Route53 => Box::new(Route53::open(&config)?),
        Dialect::Cloudflare => Box::new(Cloudflare::open(&config)?),
    })
}

/// The zone's id, which these APIs go by.
pub(crate) fn id(config: &Config) -> Result<&str> {
    let id = config.zone_id.as_deref().filter(|id| !id.is_empty());
    id.ok_or_else(|| Failure::lasting("`zone_id` is required: this API goes by ids of zones"))
}
