//! Requests, and calls: a request with the way to read its answer.

use std::fmt;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::{Answer, ApiError};

/// What may stand unencoded in a path segment or query value; `*` and `:` may not (`%2A` is what \[docs\] asks for).
const PLAIN: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');

/// An HTTP method.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Method {
    /// Reads.
    Get,
    /// Makes, or starts an action. Never repeated blindly: it is not idempotent.
    Post,
    /// Replaces.
    Put,
    /// Changes in part.
    Patch,
    /// Removes.
    Delete,
}

/// A request without its host and its token.
#[derive(Clone, Debug, PartialEq)]
pub struct Request {
    /// The method.
    pub method: Method,
    /// Path and query, encoded, beginning with `/v1/`; `/graphql` for calls of [`graphql`](crate::graphql).
    pub path_and_query: String,
    /// The JSON body, if one is sent.
    pub body: Option<Value>,
}

/// A request, and how its answer is read.
#[derive(Clone)]
pub struct Call<T> {
    /// What to send.
    pub request: Request,
    read: fn(&Answer) -> Result<T, ApiError>,
}

impl Method {
    /// The word on the wire.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Get => "GET",
            Self::Post => "POST",
            Self::Put => "PUT",
            Self::Patch => "PATCH",
            Self::Delete => "DELETE",
        }
    }
}

impl fmt::Display for Method {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl<T> Call<T> {
    /// Makes one of a request and the function that reads its answer.
    pub(crate) fn new(request: Request, read: fn(&Answer) -> Result<T, ApiError>) -> Self {
        Self { request, read }
    }

    /// Reads the answer to this call.
    pub fn read(&self, answer: &Answer) -> Result<T, ApiError> {
        (self.read)(answer)
    }
}

impl<T: DeserializeOwned> Call<T> {
    /// A call whose answer is JSON of the shape `T`.
    pub(crate) fn json(request: Request) -> Self {
        Self::new(request, Answer::json)
    }
}

impl Call<()> {
    /// A call of whose answer only the success matters.
    pub(crate) fn plain(request: Request) -> Self {
        Self::new(request, Answer::success)
    }
}

impl<T> fmt::Debug for Call<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Call").field("request", &self.request).finish_non_exhaustive()
    }
}

impl Request {
    /// Starts a request to `/v1/` and these segments, each encoded.
    pub(crate) fn to(method: Method, segments: &[&str]) -> Self {
        let encoded = segments.iter().map(|segment| encode(segment));
        let path: Vec<_> = std::iter::once("/v1".to_owned()).chain(encoded).collect();
        Self { method, path_and_query: path.join("/"), body: None }
    }

    /// Adds a query parameter.
    pub(crate) fn with(mut self, name: &str, value: &str) -> Self {
        let mark = if self.path_and_query.contains('?') { '&' } else { '?' };
        let value = utf8_percent_encode(value, PLAIN);
        self.path_and_query = format!("{}{mark}{name}={value}", self.path_and_query);
        self
    }

    /// Adds a query parameter if there is a value.
    pub(crate) fn with_some(self, name: &str, value: Option<&str>) -> Self {
        match value {
            Some(value) => self.with(name, value),
            None => self,
        }
    }

    /// Adds the body.
    pub(crate) fn send(mut self, body: Value) -> Self {
        self.body = Some(body);
        self
    }
}

/// Encodes a path segment.
///
/// An empty one, `.` and `..` would make the URL name something else, encoded or not: `certificates/..` is the
/// app itself. They get a `~` before them, which no name at Fly has, so that the API answers 404.
fn encode(segment: &str) -> String {
    let climbs = segment.chars().all(|c| c == '.');
    let guard = if climbs { "~" } else { "" };
    format!("{guard}{}", utf8_percent_encode(segment, PLAIN))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_segment_climbs_out_of_its_place() {
        for (segment, path) in [
            ("..", "/v1/apps/~.."),
            (".", "/v1/apps/~."),
            ("", "/v1/apps/~"),
            ("%2e%2e", "/v1/apps/%252e%252e"),
        ] {
            assert_eq!(Request::to(Method::Delete, &["apps", segment]).path_and_query, path);
        }
    }

    #[test]
    fn segments_and_values_are_encoded() {
        let request = Request::to(Method::Get, &["apps", "a/b", "certificates", "*.acme.example"])
            .with("cursor", "a=b&c")
            .with_some("filter", None)
            .with_some("limit", Some("5"));
        assert_eq!(
            request.path_and_query,
            "/v1/apps/a%2Fb/certificates/%2A.acme.example?cursor=a%3Db%26c&limit=5"
        );
    }
}
