//! Whether a GraphQL request only asks.

use serde::Deserialize;
use serde::de::IgnoredAny;

use super::Asked;

/// What a request may hold besides its document; another field could name a second one.
#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct Body {
    query: String,
    #[serde(default, rename = "variables")]
    _variables: IgnoredAny,
    #[serde(default, rename = "operationName")]
    _operation_name: IgnoredAny,
}

/// Whether a request is one whose document holds no operation that may change something.
///
/// The word alone decides, wherever it stands: a document without it has no mutation (GraphQL, October 2021, 2.3).
/// There must be but one document, read in one way: none in the URL, a body that says it is JSON, no field twice.
/// Servers also take the document from the URL, and read a body as its type says (GraphQL over HTTP, 5.1 and 5.4).
pub(super) fn only_asks(asked: &Asked<'_>) -> bool {
    let names = |text: &str, word: &str| {
        text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_').any(|it| it == word)
    };
    let asks = |body: Body| !names(&body.query, "mutation") && !names(&body.query, "subscription");
    let plain = asked.url.query().is_none_or(str::is_empty) && says_json(asked.headers);
    plain && serde_json::from_slice(asked.body).is_ok_and(asks)
}

/// Whether there is one content type, JSON in UTF-8, and no encoding.
fn says_json(headers: &[(String, String)]) -> bool {
    let all =
        |wanted: &'static str| headers.iter().filter(move |(name, _)| name.eq_ignore_ascii_case(wanted));
    let mut types = all("content-type").map(|(_, value)| value.trim());
    let json = |value: &str| {
        ["application/json", "application/json; charset=utf-8"]
            .iter()
            .any(|it| value.eq_ignore_ascii_case(it))
    };
    types.next().is_some_and(json) && types.next().is_none() && all("content-encoding").next().is_none()
}
