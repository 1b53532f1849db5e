//! One HTTP exchange with whole bodies. No redirects are followed.

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::host::backend;
use crate::{Failure, Result};

/// What is sent.
///
/// GET, HEAD and OPTIONS are reads; everything else is a write, and the host notes it before it leaves.
#[derive(Clone, Debug, PartialEq)]
pub struct Request {
    /// Upper case.
    pub method: String,
    /// Absolute; what the stanza's grants allow.
    pub url: String,
    /// Names in any case.
    pub headers: Vec<(String, String)>,
    /// At most 4 MiB.
    pub body: Vec<u8>,
    /// JSON pointers into the answer: the host keeps these strings and shows tokens instead.
    pub seal: Vec<String>,
}

impl Request {
    /// A request without headers and body.
    pub fn new(method: &str, url: impl Into<String>) -> Self {
        Self {
            method: method.into(),
            url: url.into(),
            headers: Vec::new(),
            body: Vec::new(),
            seal: Vec::new(),
        }
    }

    /// A GET request.
    pub fn get(url: impl Into<String>) -> Self {
        Self::new("GET", url)
    }

    /// A POST request.
    pub fn post(url: impl Into<String>) -> Self {
        Self::new("POST", url)
    }

    /// A PUT request.
    pub fn put(url: impl Into<String>) -> Self {
        Self::new("PUT", url)
    }

    /// A PATCH request.
    pub fn patch(url: impl Into<String>) -> Self {
        Self::new("PATCH", url)
    }

    /// A DELETE request.
    pub fn delete(url: impl Into<String>) -> Self {
        Self::new("DELETE", url)
    }

    /// Adds a header.
    #[must_use]
    pub fn header(mut self, name: &str, value: impl Into<String>) -> Self {
        self.headers.push((name.into(), value.into()));
        self
    }

    /// Adds a query parameter, percent-encoded.
    #[must_use]
    pub fn query(mut self, name: &str, value: &str) -> Self {
        let first = if self.url.contains('?') { '&' } else { '?' };
        self.url = format!("{}{first}{}={}", self.url, encode(name), encode(value));
        self
    }

    /// Sets body and content type to this JSON.
    ///
    /// # Panics
    /// If the value is no JSON: a map whose keys are no strings.
    #[must_use]
    pub fn json(mut self, body: &impl Serialize) -> Self {
        self.body = serde_json::to_vec(body).expect("invariant: a hook's own types serialise");
        self.header("content-type", "application/json")
    }

    /// Sets the body.
    #[must_use]
    pub fn bytes(mut self, body: impl Into<Vec<u8>>) -> Self {
        self.body = body.into();
        self
    }

    /// Keeps a string of the answer in the host: the hook sees a token in its place.
    #[must_use]
    pub fn seal(mut self, pointer: &str) -> Self {
        self.seal.push(pointer.into());
        self
    }

    /// Sends it. Any status is an answer.
    ///
    /// # Errors
    /// With `retry` when no answer came (it may have taken effect); without when a grant is missing.
    pub fn send(self) -> Result<Response> {
        backend::send(self)
    }

    /// Sends it once for each page of a listing, and gives the rows of all.
    ///
    /// `rows` and `next` are JSON pointers into each answer; what `next` shows, a string or a number, is the parameter
    /// `cursor` of the next request. The last page shows none, null or an empty string.
    ///
    /// ```no_run
    /// # use groundcrew_hook::{Request, Result, Value};
    /// # fn all() -> Result<Vec<Value>> {
    /// Request::get("https://api.example/things").query("name", "web").pages("after", "/items", "/next")
    /// # }
    /// ```
    ///
    /// # Errors
    /// Those of [`send`](Self::send), [`success`](Response::success) and [`json`](Response::json); with `retry` of a page
    /// without its rows, as that is not a listing without any, and of one that shows itself as the next.
    pub fn pages<T: DeserializeOwned>(&self, cursor: &str, rows: &str, next: &str) -> Result<Vec<T>> {
        let (mut all, mut at) = (Vec::new(), None);
        loop {
            let request = self.clone();
            let request = at.iter().fold(request, |request, at: &String| request.query(cursor, at));
            let answer = request.send()?.success()?;
            let mut page: Value = answer.json()?;
            let listed = page.pointer_mut(rows).filter(|listed| listed.is_array()).map(Value::take);
            let listed = listed.ok_or_else(|| Failure::passing(format!("a page without its list {rows}")))?;
            all.extend(
                serde_json::from_value::<Vec<T>>(listed).map_err(|error| {
                    Failure::passing(format!("status {}, {rows}: {error}", answer.status))
                })?,
            );
            let shown = match page.pointer(next) {
                Some(Value::String(text)) if !text.is_empty() => text.clone(),
                Some(Value::Number(number)) => number.to_string(),
                _ => return Ok(all),
            };
            if at.as_ref() == Some(&shown) {
                return Err(Failure::passing(format!("page {shown} shows itself as the next at {next}")));
            }
            at = Some(shown);
        }
    }
}

/// What came back.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Response {
    /// 100 to 599.
    pub status: u16,
    /// Names in lower case.
    pub headers: Vec<(String, String)>,
    /// At most 4 MiB; of more the request fails.
    pub body: Vec<u8>,
}

impl Response {
    /// The first header of this name; any case.
    pub fn header(&self, name: &str) -> Option<&str> {
        let found = self.headers.iter().find(|(header, _)| header.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value.as_str())
    }

    /// Reads the body as JSON.
    ///
    /// # Errors
    /// With `retry`: of what is no JSON with its content type and its first 80 bytes, a dot for each that is no printable
    /// ASCII; of another value than is read with what is wrong with it.
    pub fn json<T: DeserializeOwned>(&self) -> Result<T> {
        serde_json::from_slice(&self.body).map_err(|error| {
            let (status, body) = (self.status, &self.body);
            if error.is_data() {
                return Failure::passing(format!("status {status} with an unreadable body: {error}"));
            }
            let kind = self.header("content-type").unwrap_or("no content-type");
            let shown = |byte: &u8| if matches!(byte, 32..=126) { char::from(*byte) } else { '.' };
            let begin: String = body.iter().take(80).map(shown).collect();
            let what = if body.is_empty() { "it is empty".to_owned() } else { begin };
            Failure::passing(format!("status {status}, {kind}: the answer is no JSON: {what}"))
        })
    }

    /// The body as text; what is no UTF-8 is replaced.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// Whether the status is 200 to 299.
    pub fn is_success(&self) -> bool {
        (200..300).contains(&self.status)
    }

    /// The answer if its status is 200 to 299, else its [`failure`](Self::failure).
    pub fn success(self) -> Result<Self> {
        if self.is_success() { Ok(self) } else { Err(self.failure()) }
    }

    /// The answer if its status is 200 to 299, none if it is 404, else its [`failure`](Self::failure).
    pub fn found(self) -> Result<Option<Self>> {
        if self.status == 404 { Ok(None) } else { self.success().map(Some) }
    }

    /// What this status means as a failure: its status, the API's own words, and whether to try again.
    ///
    /// Worth another try: 401 (the host's breaker waits for a better secret), 408, 409, 412, 423, 425, 429 and
    /// everything from 500. A `Retry-After` in seconds is passed on.
    pub fn failure(&self) -> Failure {
        let retry = matches!(self.status, 401 | 408 | 409 | 412 | 423 | 425 | 429) || self.status >= 500;
        let text = self.text();
        let words = text.trim().chars().take(500).collect::<String>();
        let message = if words.is_empty() {
            format!("status {}", self.status)
        } else {
            format!("status {}: {words}", self.status)
        };
        let seconds = self.header("retry-after").and_then(|value| value.trim().parse::<u32>().ok());
        Failure { message, retry, after_ms: seconds.map(|seconds| seconds.saturating_mul(1000)) }
    }
}

/// Percent-encodes a path segment or query value; unreserved characters (RFC 3986) stay as they are.
///
/// ```
/// assert_eq!(groundcrew_hook::encode("*.acme.app/x"), "%2A.acme.app%2Fx");
/// ```
pub fn encode(segment: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
    let one = |byte: u8| if plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") };
    segment.bytes().map(one).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::testing::{Fake, answer};

    #[test]
    fn a_status_says_whether_to_try_again() {
        let retry = |status| Response { status, ..Response::default() }.failure().retry;
        assert_eq!([401, 409, 429, 500, 503].map(retry), [true; 5]);
        assert_eq!([400, 403, 404, 422].map(retry), [false; 4]);
    }

    #[test]
    fn retry_after_is_passed_on() {
        let headers = vec![("Retry-After".to_owned(), "3".to_owned())];
        let response = Response { status: 429, headers, body: b" slow down\n".to_vec() };
        let expected = Failure { message: "status 429: slow down".into(), retry: true, after_ms: Some(3000) };
        assert_eq!(response.success().unwrap_err(), expected);
    }

    #[test]
    fn what_is_no_json_is_shown_by_its_beginning() {
        let said = |body: &[u8], headers: &[(&str, &str)]| {
            let headers = headers.iter().map(|(name, value)| (name.to_string(), value.to_string())).collect();
            let response = Response { status: 200, headers, body: body.to_vec() };
            response.json::<Vec<u32>>().unwrap_err().message
        };
        let html = ["<html>\n".as_bytes(), "ü".repeat(50).as_bytes()].concat();
        let shown = format!("<html>.{}", ".".repeat(73));
        let expected = format!("status 200, text/html: the answer is no JSON: {shown}");
        assert_eq!(said(&html, &[("Content-Type", "text/html")]), expected);
        assert_eq!(said(b"[1] x", &[]), "status 200, no content-type: the answer is no JSON: [1] x");
        assert_eq!(said(b"", &[]), "status 200, no content-type: the answer is no JSON: it is empty");
        assert!(said(b"{}", &[]).starts_with("status 200 with an unreadable body: "));
    }

    #[test]
    fn what_is_not_found_is_none() {
        let found = |status| Response { status, ..Response::default() }.found().map(|found| found.is_some());
        assert_eq!([200, 204, 404].map(|status| found(status).unwrap()), [true, true, false]);
        assert!(found(410).is_err() && found(500).unwrap_err().retry);
    }

    /// What the pages of a listing give, and the addresses that were asked; page 0 has no cursor.
    fn listed(page: impl Fn(usize) -> Value + Send + 'static) -> (Result<Vec<u32>>, Vec<String>) {
        let number = |url: &str| url.split_once("from=").map_or(0, |(_, number)| number.parse().unwrap());
        let fake = Fake::new().http(move |request| answer(200, &page(number(&request.url))));
        let all = fake.run(|| Request::get("https://x/y?a=b").pages("from", "/data/rows", "/next"));
        (all, fake.calls().into_iter().map(|call| call.url).collect())
    }

    #[test]
    fn every_page_is_read() {
        for end in [json!(null), json!("")] {
            let (all, asked) = listed(move |page| {
                let next = [json!(1), json!("2"), end.clone()];
                json!({ "data": { "rows": [page * 2, page * 2 + 1] }, "next": next[page] })
            });
            assert_eq!(all, Ok(vec![0, 1, 2, 3, 4, 5]));
            assert_eq!(asked, ["https://x/y?a=b", "https://x/y?a=b&from=1", "https://x/y?a=b&from=2"]);
        }
        assert_eq!(listed(|_| json!({ "data": { "rows": [] } })).0, Ok(Vec::new()));
    }

    #[test]
    fn what_is_no_page_is_a_failure() {
        let said = |page: fn(usize) -> Value| listed(page).0.unwrap_err();
        let without = said(|_| json!({ "data": { "rows": null } }));
        assert_eq!((without.message.as_str(), without.retry), ("a page without its list /data/rows", true));
        let other = said(|_| json!({ "data": { "rows": [1, "x"] } }));
        assert!(
            other.message.starts_with("status 200, /data/rows: invalid type: string"),
            "{}",
            other.message
        );
        let circle = said(|_| json!({ "data": { "rows": [1] }, "next": 7 }));
        assert_eq!(circle.message, "page 7 shows itself as the next at /next");
    }

    #[test]
    fn queries_are_encoded() {
        let request = Request::get("https://x/y").query("a", "1&2").query("b", "c d");
        assert_eq!(request.url, "https://x/y?a=1%262&b=c%20d");
    }
}
