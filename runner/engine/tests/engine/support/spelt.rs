//! Secrets as somebody else spells them, and the search for them; shared with the end-to-end tests.

use std::collections::BTreeSet;

use aho_corasick::AhoCorasick;
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::Value;

/// What somebody writes who echoes a value.
pub(crate) fn spellings(value: &str) -> Vec<String> {
    let form: String = url::form_urlencoded::byte_serialize(value.as_bytes()).collect();
    let json = Value::from(value).to_string();
    vec![
        value.to_owned(),
        json[1..json.len() - 1].to_owned(),
        form,
        utf8_percent_encode(value, NON_ALPHANUMERIC).to_string(),
        hex::encode(value),
        hex::encode_upper(value),
        STANDARD.encode(value),
        URL_SAFE_NO_PAD.encode(value),
        STANDARD.encode(format!("user:{value}")),
        STANDARD.encode(format!("a{value}b")),
    ]
}

/// Which of these values, in which spelling, is in there. Of a long spelling the middle is looked for: other bytes have a
/// part in the ends of what is base 64.
pub(crate) fn held<'a>(bytes: &[u8], values: &[&'a str]) -> BTreeSet<(&'a str, usize)> {
    let middle = |spelling: String| {
        if spelling.len() > 24 {
            spelling.as_bytes()[8..spelling.len() - 8].to_vec()
        } else {
            spelling.into_bytes()
        }
    };
    let each = |value: &&'a str| {
        let value = *value;
        spellings(value).into_iter().enumerate().map(move |(at, spelling)| ((value, at), middle(spelling)))
    };
    let all: Vec<_> = values.iter().flat_map(each).collect();
    let search = AhoCorasick::new(all.iter().map(|(_, needle)| needle)).unwrap();
    search.find_overlapping_iter(bytes).map(|found| all[found.pattern().as_usize()].0).collect()
}
