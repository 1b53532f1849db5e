//! An answer as it came from the wire.

use serde::de::DeserializeOwned;

use crate::error::{ApiError, Refusal};

/// Status, headers and body of an answer.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Answer {
    /// The HTTP status.
    pub status: u16,
    /// Header names, in any case, with their values.
    pub headers: Vec<(String, String)>,
    /// The whole body.
    pub body: Vec<u8>,
}

impl Answer {
    /// Makes one without headers.
    pub fn new(status: u16, body: &[u8]) -> Self {
        Self { status, headers: Vec::new(), body: body.to_vec() }
    }

    /// The same with one more header.
    #[must_use]
    pub fn with_header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// The first value of a header, whatever the case of its name.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(have, _)| have.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }

    /// Succeeds on any 2xx, whatever the body.
    pub fn success(&self) -> Result<(), ApiError> {
        if (200..300).contains(&self.status) { Ok(()) } else { Err(Refusal::read(self).into()) }
    }

    /// Reads the body of a 2xx as JSON.
    pub fn json<T: DeserializeOwned>(&self) -> Result<T, ApiError> {
        self.success()?;
        serde_json::from_slice(&self.body).map_err(|source| ApiError::Unreadable {
            status: self.status,
            request_id: self.header("fly-request-id").map(str::to_owned),
            source,
        })
    }
}
