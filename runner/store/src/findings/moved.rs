//! What is open about an address whose app or machine has another one now.

use groundcrew_core::subject::Path;
use groundcrew_core::time::Timestamp;
use rusqlite::Connection;

use crate::Result;

/// Lets the open findings of the runner itself about an address, alone or after a name (`dns fly/acme/web`), be about the
/// one that its subject has now: whoever ends them asks for that.
pub(crate) fn follow(connection: &Connection, from: &Path, to: &Path, now: Timestamp) -> Result<()> {
    // What is open about an earlier subject at the new address is over, and whoever was told of it is told that.
    let text = "SELECT code, about FROM finding INDEXED BY finding_open
        WHERE closed_at IS NULL AND source = 0 AND whose = '' AND (about = ?1 OR substr(about, -length(?1) - 1) = ' ' || ?1)";
    let mut statement = connection.prepare_cached(text)?;
    let earlier = statement.query_map([to.as_str()], |row| Ok((row.get(0)?, row.get(1)?)))?;
    for (code, about) in earlier.collect::<rusqlite::Result<Vec<(String, String)>>>()? {
        super::close(connection, &code, &about, now)?;
    }
    // One that is over may be about an earlier subject at the new address.
    let text = "UPDATE OR REPLACE finding SET about = substr(about, 1, length(about) - length(?1)) || ?2
        WHERE id IN (SELECT id FROM finding INDEXED BY finding_open WHERE closed_at IS NULL AND source = 0 AND whose = ''
          AND (about = ?1 OR substr(about, -length(?1) - 1) = ' ' || ?1))";
    connection.prepare_cached(text)?.execute([from.as_str(), to.as_str()])?;
    Ok(())
}
