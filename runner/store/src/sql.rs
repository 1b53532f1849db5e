//! Reading rows: words, times, JSON, each with an error that names what was found; and how statements are planned.

use std::str::FromStr;

use groundcrew_core::time::Timestamp;
use rusqlite::config::DbConfig;
use rusqlite::types::Type;
use rusqlite::{Connection, Row};
use serde::de::DeserializeOwned;

type SqlResult<T> = rusqlite::Result<T>;

/// A statement is planned once, whatever is bound to it. Otherwise SQLite plans anew with each new limit or pattern, and with
/// each value that the condition of a partial index might be about (*query planner stability guarantee*).
pub(crate) fn plan_once(connection: &Connection) -> SqlResult<()> {
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true).map(drop)
}

fn misfit(column: usize, error: impl std::error::Error + Send + Sync + 'static) -> rusqlite::Error {
    rusqlite::Error::FromSqlConversionFailure(column, Type::Text, Box::new(error))
}

/// A word of a closed set, or a newtype with `FromStr`.
pub(crate) fn word<T>(row: &Row<'_>, column: usize) -> SqlResult<T>
where
    T: FromStr,
    T::Err: std::error::Error + Send + Sync + 'static,
{
    row.get_ref(column)?.as_str()?.parse().map_err(|error| misfit(column, error))
}

/// The same, where it may be absent.
pub(crate) fn word_opt<T>(row: &Row<'_>, column: usize) -> SqlResult<Option<T>>
where
    T: FromStr,
    T::Err: std::error::Error + Send + Sync + 'static,
{
    let text = row.get_ref(column)?.as_str_or_null()?;
    text.map(|text| text.parse().map_err(|error| misfit(column, error))).transpose()
}

/// A word of an open set: none where it is absent, or one that this program does not know.
pub(crate) fn word_known<T: FromStr>(row: &Row<'_>, column: usize) -> SqlResult<Option<T>> {
    Ok(row.get_ref(column)?.as_str_or_null()?.and_then(|text| text.parse().ok()))
}

/// JSON text.
pub(crate) fn json<T: DeserializeOwned>(row: &Row<'_>, column: usize) -> SqlResult<T> {
    serde_json::from_str(row.get_ref(column)?.as_str()?).map_err(|error| misfit(column, error))
}

/// The same, where it may be absent.
pub(crate) fn json_opt<T: DeserializeOwned>(row: &Row<'_>, column: usize) -> SqlResult<Option<T>> {
    let text = row.get_ref(column)?.as_str_or_null()?;
    text.map(|text| serde_json::from_str(text).map_err(|error| misfit(column, error))).transpose()
}

/// A time.
pub(crate) fn time(row: &Row<'_>, column: usize) -> SqlResult<Timestamp> {
    row.get(column).map(Timestamp::from_millis)
}

/// The same, where it may be absent.
pub(crate) fn time_opt(row: &Row<'_>, column: usize) -> SqlResult<Option<Timestamp>> {
    Ok(row.get::<_, Option<i64>>(column)?.map(Timestamp::from_millis))
}

/// JSON text of a value that always is JSON.
pub(crate) fn text_of<T: serde::Serialize>(value: &T) -> String {
    serde_json::to_string(value).expect("invariant: plain data is JSON")
}
