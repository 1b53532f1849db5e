//! Masks known values in what comes back or is kept, however somebody writes them.
//!
//! An API that echoes a secret rarely does so as it was sent: an error quotes it as JSON, a `Location` percent-encodes it, a
//! debug page shows the whole `Authorization` in base 64. Each value is looked for in all of these spellings at once.
//!
//! What is *computed* from a value (a digest, a signature, a cipher) is not it, and passes. So does a value that was cut,
//! or compressed.

use std::collections::BTreeSet;
use std::fmt;

use aho_corasick::{AhoCorasick, AhoCorasickKind, MatchKind};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

/// Spellings of fewer bytes are not masked: they would mask ordinary words.
pub const MASKED_FROM: usize = 8;

/// A longer value is looked for as it is and as JSON quotes it, and in no other spelling: an automaton for all of them takes
/// many times its length.
const SPELT_UP_TO: usize = 8 << 10;

/// What stands in the place of a value.
const MASK: &str = "***";

/// What RFC 3986 (2.3) leaves as it is.
const COMPONENT: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');
/// What a form does (WHATWG URL, 5.2); a space is a plus sign there.
const FORM: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'*');
/// What JavaScript's `encodeURIComponent` does.
const SCRIPTS: &AsciiSet = &COMPONENT.remove(b'!').remove(b'*').remove(b'\'').remove(b'(').remove(b')');
/// What a segment of a path may hold (3.3).
const SEGMENT: &AsciiSet = &SCRIPTS
    .remove(b'$')
    .remove(b'&')
    .remove(b'+')
    .remove(b',')
    .remove(b';')
    .remove(b'=')
    .remove(b':')
    .remove(b'@');
/// What a whole path, or a query, may hold (3.4).
const QUERY: &AsciiSet = &SEGMENT.remove(b'/').remove(b'?');

/// Replaces values by `***`, in one pass.
#[derive(Clone, Default)]
pub(crate) struct Mask(Option<AhoCorasick>);

impl fmt::Debug for Mask {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Mask")
    }
}

impl Mask {
    /// Knows these values, in all their spellings.
    pub(crate) fn of<'a>(values: impl IntoIterator<Item = &'a str>) -> Self {
        let mut all = BTreeSet::new();
        for value in values {
            spell(value, &mut all);
        }
        all.retain(|spelling| spelling.len() >= MASKED_FROM);
        if all.is_empty() {
            return Self(None);
        }
        // Of two that begin at one place the longer is meant. A table of all transitions would take megabytes for one key.
        let built = AhoCorasick::builder()
            .match_kind(MatchKind::LeftmostLongest)
            .kind(Some(AhoCorasickKind::ContiguousNFA))
            .build(&all);
        Self(Some(built.expect("invariant: secrets are no gigabytes")))
    }

    /// Bytes without them.
    pub(crate) fn bytes(&self, bytes: Vec<u8>) -> Vec<u8> {
        match &self.0 {
            Some(known) if known.is_match(&bytes) => {
                let mut masked = Vec::with_capacity(bytes.len());
                known.replace_all_with_bytes(&bytes, &mut masked, |_, _, out| {
                    out.extend_from_slice(MASK.as_bytes());
                    true
                });
                masked
            }
            _ => bytes,
        }
    }

    /// Text without them.
    pub(crate) fn text(&self, text: String) -> String {
        match &self.0 {
            Some(known) if known.is_match(&text) => {
                let mut masked = String::with_capacity(text.len());
                known.replace_all_with(&text, &mut masked, |_, _, out| {
                    out.push_str(MASK);
                    true
                });
                masked
            }
            _ => text,
        }
    }
}

/// All ways in which a value may be written.
fn spell(value: &str, into: &mut BTreeSet<String>) {
    for value in [value, value.trim()] {
        // A long spelling of what is short is an ordinary word, too: four characters are eight digits.
        if value.len() < MASKED_FROM {
            continue;
        }
        into.insert(value.to_owned());
        if value.len() > SPELT_UP_TO {
            into.insert(quoted(value));
            continue;
        }
        into.insert(value.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;"));
        // JSON within JSON is nothing rare.
        for quoted in [quoted(value), quoted(&quoted(value))] {
            into.extend([quoted.replace('/', "\\/"), ascii(&quoted), quoted]);
        }
        for set in [NON_ALPHANUMERIC, COMPONENT, FORM, SCRIPTS, SEGMENT, QUERY] {
            let encoded = utf8_percent_encode(value, set).to_string();
            into.extend([
                lower(&encoded),
                encoded.replace("%20", "+"),
                lower(&encoded).replace("%20", "+"),
                encoded,
            ]);
        }
        let digits = hex::encode(value);
        into.extend([digits.to_uppercase(), digits]);
        for before in 0..3 {
            into.extend(within_base64(value, before));
        }
    }
}

/// As JSON writes it, without the quotes around it.
fn quoted(value: &str) -> String {
    let text = serde_json::Value::from(value).to_string();
    text.get(1..text.len() - 1).unwrap_or_default().to_owned()
}

/// JSON's text with whatever is not ASCII escaped, as some writers do.
fn ascii(quoted: &str) -> String {
    let mut out = String::with_capacity(quoted.len());
    for char in quoted.chars() {
        if char.is_ascii() {
            out.push(char);
        } else {
            let mut units = [0; 2];
            out.extend(char.encode_utf16(&mut units).iter().map(|unit| format!("\\u{unit:04x}")));
        }
    }
    out
}

/// Percent-encoded with small digits.
fn lower(encoded: &str) -> String {
    let mut parts = encoded.split('%');
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |out, part| {
        let (digits, rest) = part.split_at_checked(2).unwrap_or((part, ""));
        format!("{out}%{}{rest}", digits.to_ascii_lowercase())
    })
}

/// A value as it shows in the base 64 of a text in which so many bytes (of three) stand before it: what no other byte
/// has a part in. What is left beside it tells six bits at most.
fn within_base64(value: &str, before: usize) -> [String; 2] {
    let bytes: Vec<u8> = std::iter::repeat_n(0, before).chain(value.bytes()).collect();
    let (from, to) = ((before * 8).div_ceil(6), bytes.len() * 8 / 6);
    let cut = |encoded: String| encoded.get(from..to).unwrap_or_default().to_owned();
    [cut(STANDARD_NO_PAD.encode(&bytes)), cut(URL_SAFE_NO_PAD.encode(&bytes))]
}

#[cfg(test)]
mod tests {
    use base64::engine::general_purpose::STANDARD;

    use super::*;

    const VALUE: &str = "c4n/ry+of-the_one =\"ümlaut\" & <more>";

    #[test]
    fn a_value_is_masked_however_it_is_written() {
        let mask = Mask::of([VALUE]);
        let json = serde_json::json!({ "token": VALUE }).to_string();
        let form: String = url::form_urlencoded::byte_serialize(VALUE.as_bytes()).collect();
        let query = url::Url::parse_with_params("http://a.example/", [("key", VALUE)]).unwrap();
        for (said, masked) in [
            (format!("<{VALUE}>"), "<***>".to_owned()),
            (json.clone(), r#"{"token":"***"}"#.to_owned()),
            (json.replace('/', "\\/"), r#"{"token":"***"}"#.to_owned()),
            (serde_json::Value::from(json.clone()).to_string(), r#""{\"token\":\"***\"}""#.to_owned()),
            (json.replace('ü', "\\u00fc"), r#"{"token":"***"}"#.to_owned()),
            (format!("a={form}&b"), "a=***&b".to_owned()),
            (query.to_string(), "http://a.example/?key=***".to_owned()),
            (lower(&utf8_percent_encode(VALUE, NON_ALPHANUMERIC).to_string()), "***".to_owned()),
            (hex::encode(VALUE), "***".to_owned()),
            (hex::encode_upper(VALUE), "***".to_owned()),
        ] {
            assert_eq!(mask.text(said.clone()), masked, "{said}");
            assert_eq!(mask.bytes(said.clone().into_bytes()), mask.text(said).into_bytes());
        }
    }

    #[test]
    fn base_64_around_a_value_tells_nothing_of_it() {
        let mask = Mask::of([VALUE]);
        for before in ["", "u", "us", "user:", "another one"] {
            for after in ["", "x", "xy", "/rest"] {
                for encoded in [
                    STANDARD.encode(format!("{before}{VALUE}{after}")),
                    URL_SAFE_NO_PAD.encode(format!("{before}{VALUE}{after}")),
                ] {
                    let masked = mask.text(encoded.clone());
                    let left = masked.len() - MASK.len();
                    assert!(masked.contains(MASK), "{before}|{after}: {encoded}");
                    // Its own characters are all but two: one at each end, shared with what is beside.
                    let beside = (before.len() + after.len()) * 4 / 3 + 2 + 4;
                    assert!(left <= beside, "{before}|{after}: {masked}");
                }
            }
        }
    }

    #[test]
    fn what_is_short_and_what_is_like_it_stay() {
        let mask = Mask::of(["short", "longer-value"]);
        let text = "short, longer-valu, c2hvcnQ=".to_owned();
        assert_eq!(mask.text(text.clone()), text);
        assert_eq!(Mask::of([""]).text(text.clone()), text);
    }

    #[test]
    fn the_longest_is_masked() {
        let mask = Mask::of(["AKIDEXAMPLE", "AKIDEXAMPLE:wJalrXUtnFEMI", "wJalrXUtnFEMI"]);
        assert_eq!(mask.text("AKIDEXAMPLE:wJalrXUtnFEMI AKIDEXAMPLE".to_owned()), "*** ***");
    }
}
