//! What all answers have in common: unknown fields are kept, `null` is the same as absent.

use serde::{Deserialize, Deserializer};
use serde_json::{Map, Value};

/// Fields of an answer that this crate does not know, as they came.
pub type Rest = Map<String, Value>;

/// Reads `null` as the default: the API is written in Go, where an empty list is `null` now and then.
pub(crate) fn nullable<'de, D, T>(deserializer: D) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de> + Default,
{
    Option::<T>::deserialize(deserializer).map(Option::unwrap_or_default)
}

/// Whether a field says nothing and may be left out when the object is passed on.
pub(crate) fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}
