//! A call of the API and its answer, without sockets.

use percent_encoding::percent_decode_str;
use serde_json::Value;

use super::routes::{self, Route};
use crate::direct::Answered;
use crate::refusal::{Refusal, Shape};
use crate::world::MachineFilter;

/// The body of a call.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Sent {
    Nothing,
    Json(Value),
    Garbage,
}

/// One call of the API.
#[derive(Debug, Clone)]
pub(crate) struct Call {
    pub(crate) method: String,
    pub(crate) path: String,
    pub(crate) query: Vec<(String, String)>,
    pub(crate) authorization: Option<String>,
    pub(crate) nonce: Option<String>,
    pub(crate) sent: Sent,
    pub(crate) request_id: String,
    pub(crate) route: Option<&'static Route>,
    params: Vec<(&'static str, String)>,
}

/// What a call needs from its HTTP request.
#[derive(Debug, Default)]
pub(crate) struct Parts<'a> {
    pub(crate) method: &'a str,
    pub(crate) path: &'a str,
    pub(crate) query: &'a str,
    pub(crate) authorization: Option<&'a str>,
    pub(crate) nonce: Option<&'a str>,
    pub(crate) body: &'a [u8],
}

impl Call {
    pub(crate) fn new(parts: &Parts<'_>) -> Self {
        let (route, params) = routes::find(parts.method, parts.path).unzip();
        let sent = match parts.body {
            [] => Sent::Nothing,
            body => serde_json::from_slice(body).map_or(Sent::Garbage, Sent::Json),
        };
        Self {
            method: parts.method.to_owned(),
            path: parts.path.to_owned(),
            query: parse_query(parts.query),
            authorization: parts.authorization.map(str::to_owned),
            nonce: parts.nonce.map(str::to_owned),
            sent,
            request_id: String::new(),
            route,
            params: params.unwrap_or_default(),
        }
    }

    /// A segment of the path by its name in the route; empty if the route has none.
    pub(crate) fn param(&self, name: &str) -> &str {
        self.params.iter().find(|(key, _)| *key == name).map_or("", |(_, value)| value)
    }

    pub(crate) fn query(&self, name: &str) -> Option<&str> {
        self.query.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    pub(crate) fn flag(&self, name: &str) -> bool {
        matches!(self.query(name), Some("true" | "1"))
    }

    /// All values of a parameter, repeated ones and comma lists alike.
    pub(crate) fn words(&self, name: &str) -> Vec<String> {
        let all = self.query.iter().filter(|(key, _)| key == name).flat_map(|(_, value)| value.split(','));
        all.filter(|word| !word.is_empty()).map(str::to_owned).collect()
    }

    /// A field of the body; null if there is none.
    pub(crate) fn field(&self, name: &str) -> &Value {
        match &self.sent {
            Sent::Json(body) => &body[name],
            Sent::Nothing | Sent::Garbage => &Value::Null,
        }
    }

    /// A text of the body.
    ///
    /// # Errors
    /// 400 if it is there and is no text.
    pub(crate) fn text(&self, name: &str) -> Result<Option<&str>, Refusal> {
        match self.field(name) {
            Value::Null => Ok(None),
            Value::String(text) => Ok(Some(text)),
            _ => Err(Refusal::bad_request(format!("invalid_argument: {name} must be a string"))),
        }
    }

    /// A text of the body that must be there.
    pub(crate) fn required(&self, name: &str) -> Result<&str, Refusal> {
        let text = self.text(name)?.filter(|text| !text.is_empty());
        text.ok_or_else(|| Refusal::bad_request(format!("invalid_argument: {name} is required")))
    }

    /// The filters that all lists of machines know.
    pub(crate) fn machine_filter(&self) -> MachineFilter {
        let metadata = self.query.iter().filter_map(|(key, value)| {
            key.strip_prefix("metadata.").map(|key| (key.to_owned(), value.clone()))
        });
        MachineFilter {
            include_deleted: self.flag("include_deleted"),
            region: self.query("region").filter(|region| !region.is_empty()).map(str::to_owned),
            states: self.words("state"),
            metadata: metadata.collect(),
        }
    }
}

/// The body of an answer.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Body {
    Nothing,
    Json(Value),
    Text(String),
}

/// The answer to a call.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) body: Body,
    pub(crate) retry_after: Option<String>,
    /// If set, the answer is not ready: this is what it waits for.
    pub(crate) wait: Option<Wait>,
}

/// What a call of `wait` waits for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Wait {
    pub(crate) app_id: String,
    pub(crate) machine: String,
    pub(crate) states: Vec<String>,
    pub(crate) version: Option<String>,
    pub(crate) from_event: Option<String>,
    pub(crate) deadline_ms: i64,
}

impl Answer {
    pub(crate) fn json(status: u16, body: Value) -> Self {
        Self { status, body: Body::Json(body), retry_after: None, wait: None }
    }

    pub(crate) fn ok(body: Value) -> Self {
        Self::json(200, body)
    }

    pub(crate) fn empty(status: u16) -> Self {
        Self { status, body: Body::Nothing, retry_after: None, wait: None }
    }

    pub(crate) fn text(status: u16, text: impl Into<String>) -> Self {
        Self { body: Body::Text(text.into()), ..Self::empty(status) }
    }

    pub(crate) fn refusal(refusal: &Refusal, shape: Shape) -> Self {
        // The vendor's body for 401 has one shape for all routes [docs].
        let shape = if refusal.status == 401 { Shape::Error } else { shape };
        Self::json(refusal.status, refusal.body(shape))
    }

    /// The answer as it goes out.
    pub(crate) fn written(self, request_id: Option<&str>) -> Answered {
        let (kind, body) = match self.body {
            Body::Nothing => (None, Vec::new()),
            Body::Json(body) => (Some("application/json; charset=utf-8"), body.to_string().into_bytes()),
            Body::Text(text) => (Some("text/plain; charset=utf-8"), text.into_bytes()),
        };
        let fields = [
            ("content-type", kind),
            ("fly-request-id", request_id),
            ("retry-after", self.retry_after.as_deref()),
        ];
        let given = fields.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?.to_owned())));
        Answered { status: self.status, headers: given.collect(), body }
    }

    pub(crate) fn later(wait: Wait) -> Self {
        Self { wait: Some(wait), ..Self::empty(200) }
    }
}

pub(crate) fn parse_query(query: &str) -> Vec<(String, String)> {
    query
        .split('&')
        .filter(|pair| !pair.is_empty())
        .map(|pair| pair.split_once('=').unwrap_or((pair, "")))
        .map(|(key, value)| (decode(&key.replace('+', " ")), decode(&value.replace('+', " "))))
        .collect()
}

pub(crate) fn decode(text: &str) -> String {
    percent_decode_str(text).decode_utf8_lossy().into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_knows_its_route_parameters_and_query() {
        let call = Call::new(&Parts {
            method: "GET",
            path: "/v1/apps/a/certificates/%2A.x.example",
            query: "state=started,stopped&state=failed&metadata.k=a+b&summary=true",
            ..Parts::default()
        });
        assert_eq!(call.route.map(|route| route.operation), Some("App_Certificates_show"));
        assert_eq!(call.param("hostname"), "*.x.example");
        assert_eq!(call.words("state"), ["started", "stopped", "failed"]);
        assert_eq!(call.machine_filter().metadata, [("k".to_owned(), "a b".to_owned())]);
        assert!(call.flag("summary") && !call.flag("include_deleted"));
    }
}
