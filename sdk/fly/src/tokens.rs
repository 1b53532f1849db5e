//! What a token may do: `/v1/tokens/current`.

use serde::{Deserialize, Serialize};

use crate::call::{Call, Method, Request};
use crate::words::{Rest, is_default, nullable};

/// One of the tokens that a request carries.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Token {
    /// The id; no secret.
    #[serde(deserialize_with = "nullable")]
    pub token_id: String,
    /// The organisation's slug.
    #[serde(deserialize_with = "nullable", skip_serializing_if = "is_default")]
    pub org_slug: String,
    /// The organisation, as the API calls it.
    #[serde(deserialize_with = "nullable", skip_serializing_if = "is_default")]
    pub organization: String,
    /// The apps it is confined to; empty for a token of a whole organisation.
    #[serde(deserialize_with = "nullable", skip_serializing_if = "is_default")]
    pub apps: Vec<String>,
    /// The person it belongs to, if one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
    /// Everything else.
    #[serde(flatten)]
    pub rest: Rest,
}

/// The tokens of a request.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Tokens {
    /// The tokens.
    #[serde(deserialize_with = "nullable")]
    pub tokens: Vec<Token>,
}

/// Asks what the request's own token may do.
pub fn current() -> Call<Tokens> {
    Call::json(Request::to(Method::Get, &["tokens", "current"]))
}
