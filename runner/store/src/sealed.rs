//! Sealed values: kept encrypted with the row of the thing whose API handed them out.

use groundcrew_core::spec::Output;
use rusqlite::params;

use crate::{Result, Store, sql};

/// A sealed value, and who may be given it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredSealed {
    /// What guests and journals see.
    pub token: String,
    /// The value, encrypted.
    pub cipher: Vec<u8>,
    /// The outputs of its row that hold the token, as `HOOK.OUTPUT`.
    pub outputs: Vec<String>,
}

impl Store {
    /// Keeps values of one row: token and cipher. What is there stays.
    pub async fn keep_sealed(&self, resource: i64, sealed: Vec<(String, Vec<u8>)>) -> Result<()> {
        self.write(move |connection| {
            let text = "INSERT OR IGNORE INTO sealed (resource, token, cipher) VALUES (?1, ?2, ?3)";
            let mut insert = connection.prepare_cached(text)?;
            for (token, cipher) in &sealed {
                insert.execute(params![resource, token, cipher])?;
            }
            Ok(())
        })
        .await
    }

    /// What is sealed for the subject at a path, and for its app, present or gone.
    pub fn sealed(&self, path: &str, app: &str) -> Result<Vec<StoredSealed>> {
        self.read(|connection| {
            let any: bool = connection
                .prepare_cached("SELECT EXISTS (SELECT 1 FROM sealed)")?
                .query_row([], |row| row.get(0))?;
            if !any {
                return Ok(Vec::new());
            }
            let text = "SELECT sealed.token, sealed.cipher, hook.name, resource.outputs
                FROM subject
                  JOIN resource ON resource.owner = subject.id
                  JOIN sealed ON sealed.resource = resource.id
                  JOIN hook ON hook.id = resource.hook
                WHERE subject.path IN (?1, ?2)";
            let mut query = connection.prepare_cached(text)?;
            let rows = query.query_map(params![path, app], |row| {
                let (token, hook): (String, String) = (row.get(0)?, row.get(2)?);
                let outputs: Vec<Output> = sql::json(row, 3)?;
                let holds = outputs.iter().filter(|output| output.value.contains(&token));
                let outputs = holds.map(|output| format!("{hook}.{}", output.name)).collect();
                Ok(StoredSealed { token, cipher: row.get(1)?, outputs })
            })?;
            Ok(rows.collect::<rusqlite::Result<_>>()?)
        })
    }
}
