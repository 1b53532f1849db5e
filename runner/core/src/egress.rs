//! Which requests a hook may make: grants, bound to one run's owner, and the verdict over a request.
//!
//! A grant is `[READ |GRAPHQL ]METHODS scheme://host[:port]/path[*][ private]`. Words in braces (`{app}`, `{org}`,
//! `{machine}`, `{config.x}`, `{fly.api}`) are bound when a run starts, percent-encoded where they stand in a path, so a run
//! for one app cannot name another app whatever token it holds. The query is free; the path is not.
//!
//! ```text
//!  stanza's text --parse--> Grant --bind(owner, config)--> Bound --judge(request)--> Allowed(read|write) | Denied(line)
//! ```

mod graphql;
pub mod learn;

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use url::Url;

/// Characters that stay as they are when a value is bound into a path.
const PATH_VALUE: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');

/// Methods that are reads by themselves (RFC 9110, safe methods without TRACE).
const READS: [&str; 3] = ["GET", "HEAD", "OPTIONS"];

/// Whether a request changes the outside world.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Access {
    /// It does not; it may be sent at any time, in any mode.
    Read,
    /// It may; its intent is journaled before it leaves.
    Write,
}

/// How a grant tells reads from writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Reads {
    /// By the method.
    ByMethod,
    /// `READ`: all that it grants reads.
    All,
    /// `GRAPHQL`: what a GraphQL document asks, unless it may change something.
    Queries,
}

impl Reads {
    fn word(self) -> Option<&'static str> {
        match self {
            Self::ByMethod => None,
            Self::All => Some("READ"),
            Self::Queries => Some("GRAPHQL"),
        }
    }
}

/// One line of a stanza's `allow`, as written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Grant {
    reads: Reads,
    private: bool,
    methods: Vec<String>,
    pattern: String,
}

/// Why a text is no grant.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ParseError {
    /// Not `METHODS URL`.
    #[error(
        "`{0}` is no grant; write `METHODS scheme://host/path*`, for example `GET,POST https://api.example/v1/zones*`"
    )]
    Shape(String),
    /// A method with other than upper-case letters.
    #[error("`{0}` is no method; methods are upper case and separated by commas")]
    Method(String),
    /// The asterisk stands elsewhere than at the end.
    #[error("`*` may stand only at the end of a grant's path, not in `{0}`")]
    Star(String),
}

/// Why a grant cannot be bound to a run.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BindError {
    /// A word in braces that this run does not have.
    #[error("`{{{word}}}` in grant `{grant}` has no value here")]
    Unbound {
        /// The word.
        word: String,
        /// The grant.
        grant: String,
    },
    /// What came out is no http(s) URL.
    #[error("grant `{grant}` does not make a URL: {reason}")]
    Url {
        /// The grant.
        grant: String,
        /// What is wrong.
        reason: String,
    },
}

/// A grant with all its words bound.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bound {
    reads: Reads,
    private: bool,
    methods: Vec<String>,
    scheme: String,
    host: String,
    port: u16,
    path: String,
    open_end: bool,
}

/// What is to be done with a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It may leave.
    Allowed {
        /// Whether it is a read or a write.
        access: Access,
        /// Whether the name may resolve to a private, loopback or link-local address.
        private: bool,
    },
    /// It may not; `line` is the grant that would allow it.
    Denied {
        /// The line to add to the stanza's `allow`.
        line: String,
    },
}

impl FromStr for Grant {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        let shape = || ParseError::Shape(text.to_owned());
        let mut words: Vec<&str> = text.split_whitespace().collect();
        let mut reads = [Reads::All, Reads::Queries].into_iter();
        let reads = reads.find(|reads| words.len() > 2 && words.first().copied() == reads.word());
        if reads.is_some() {
            words.remove(0);
        }
        let reads = reads.unwrap_or(Reads::ByMethod);
        let private = words.len() > 2 && words.last() == Some(&"private");
        if private {
            words.pop();
        }
        let [methods, pattern] = words[..] else { return Err(shape()) };
        if !pattern.contains("://") && !pattern.starts_with('{') {
            return Err(shape());
        }
        let methods: Vec<String> = methods.split(',').map(str::to_owned).collect();
        let bad = |m: &&String| m.is_empty() || !m.chars().all(|c| c.is_ascii_uppercase());
        if let Some(bad) = methods.iter().find(bad) {
            return Err(ParseError::Method(bad.clone()));
        }
        if pattern.trim_end_matches('*').contains('*') || pattern.ends_with("**") {
            return Err(ParseError::Star(pattern.to_owned()));
        }
        Ok(Self { reads, private, methods, pattern: pattern.to_owned() })
    }
}

impl fmt::Display for Grant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let reads = self.reads.word().map(|word| format!("{word} ")).unwrap_or_default();
        let private = if self.private { " private" } else { "" };
        write!(f, "{reads}{} {}{private}", self.methods.join(","), self.pattern)
    }
}

impl Grant {
    /// The words in braces that must be bound.
    pub fn words(&self) -> Vec<&str> {
        self.pattern
            .split('{')
            .skip(1)
            .filter_map(|rest| rest.split_once('}').map(|(word, _)| word))
            .collect()
    }

    /// Its methods.
    pub fn methods(&self) -> &[String] {
        &self.methods
    }

    /// Its URL as written, with words in braces, and `*` at the end if it is open.
    pub fn pattern(&self) -> &str {
        &self.pattern
    }

    /// The same for other methods and another URL; what it says of reads and of private addresses stays.
    #[must_use]
    pub fn narrowed(&self, methods: Vec<String>, pattern: String) -> Self {
        Self { methods, pattern, ..self.clone() }
    }

    /// Whether a request that this grant lets pass could be read, or sent to private addresses, where `other`'s could not.
    pub(crate) fn is_looser_than(&self, other: &Self) -> bool {
        let rank = |reads| match reads {
            Reads::ByMethod => 0,
            Reads::Queries => 1,
            Reads::All => 2,
        };
        rank(self.reads) > rank(other.reads) || self.private && !other.private
    }

    /// The URL's beginning, up to its path: a host, or the word that stands for it. Compared as written.
    pub(crate) fn place(&self) -> String {
        let (place, _) = self.split();
        let bare = place.strip_suffix(":443").filter(|_| place.starts_with("https://"));
        let bare = bare.or_else(|| place.strip_suffix(":80").filter(|_| place.starts_with("http://")));
        bare.unwrap_or(place).to_ascii_lowercase()
    }

    /// Whether every path of another grant at the same place is one of this one's, as both are written.
    pub(crate) fn reaches_path_of(&self, other: &Self) -> bool {
        let ((_, ours), (_, theirs)) = (self.split(), other.split());
        match (ours.strip_suffix('*'), theirs.strip_suffix('*')) {
            (Some(ours), theirs_open) => theirs_open.unwrap_or(theirs).starts_with(ours),
            (None, Some(_)) => false,
            (None, None) => ours == theirs,
        }
    }

    /// Beginning and path, the path with its slash; one that is left out is the root.
    fn split(&self) -> (&str, &str) {
        let pattern = self.pattern.as_str();
        let from = pattern.find("://").map_or(0, |at| at + 3);
        let path = pattern.get(from..).and_then(|rest| rest.find('/')).map(|at| from + at);
        let end = path.unwrap_or_else(|| pattern.trim_end_matches('*').len());
        let (place, path) = pattern.split_at(end);
        (place, if path.is_empty() { "/" } else { path })
    }

    /// Binds the grant to a run.
    ///
    /// Words that make up the URL's beginning (`{fly.api}`, `{config.server}`) are taken as they are; words
    /// within the path are percent-encoded, so that no value can leave its path segment.
    pub fn bind(&self, values: &BTreeMap<String, String>) -> Result<Bound, BindError> {
        let url_error = |reason: String| BindError::Url { grant: self.to_string(), reason };
        let open_end = self.pattern.ends_with('*');
        let text = self.fill(values)?;
        let url = Url::parse(&text).map_err(|error| url_error(error.to_string()))?;
        if !matches!(url.scheme(), "http" | "https") || !url.username().is_empty() || url.password().is_some()
        {
            return Err(url_error("only http and https without a user are granted".to_owned()));
        }
        let host = url.host_str().ok_or_else(|| url_error("it names no host".to_owned()))?;
        Ok(Bound {
            reads: self.reads,
            private: self.private || literal_private(host),
            methods: self.methods.clone(),
            scheme: url.scheme().to_owned(),
            host: host.to_owned(),
            port: url.port_or_known_default().unwrap_or(443),
            path: url.path().to_owned(),
            open_end,
        })
    }

    fn fill(&self, values: &BTreeMap<String, String>) -> Result<String, BindError> {
        let mut text = String::new();
        let mut rest = self.pattern.trim_end_matches('*');
        while let Some((before, after)) = rest.split_once('{') {
            text.push_str(before);
            let (word, after) = after.split_once('}').unwrap_or((after, ""));
            let unbound = || BindError::Unbound { word: word.to_owned(), grant: self.to_string() };
            let value = values.get(word).ok_or_else(unbound)?;
            if text.is_empty() {
                text.push_str(value.trim_end_matches('/'));
            } else {
                // A dot segment would be resolved away and could climb out of the granted path.
                if matches!(value.as_str(), "" | "." | "..") {
                    return Err(unbound());
                }
                text.extend(utf8_percent_encode(value, PATH_VALUE));
            }
            rest = after;
        }
        text.push_str(rest);
        Ok(text)
    }
}

impl Bound {
    fn covers(&self, method: &str, url: &Url) -> bool {
        let path = url.path();
        self.methods.iter().any(|m| m == method)
            && self.scheme == url.scheme()
            && url.host_str() == Some(self.host.as_str())
            && url.port_or_known_default() == Some(self.port)
            && (if self.open_end { path.starts_with(&self.path) } else { path == self.path })
    }

    /// What a path has beyond the one that this grant names; none if it does not let it pass.
    pub(crate) fn beyond<'a>(&self, method: &str, url: &'a Url) -> Option<&'a str> {
        self.covers(method, url).then(|| url.path().get(self.path.len()..)).flatten()
    }

    /// The host and port this grant reaches, `host:port`.
    pub fn authority(&self) -> String {
        format!("{}:{}", self.host, self.port)
    }
}

/// A request to be judged.
#[derive(Clone, Copy, Debug)]
pub struct Asked<'a> {
    /// Upper case.
    pub method: &'a str,
    /// Where to.
    pub url: &'a Url,
    /// Names in lower case.
    pub headers: &'a [(String, String)],
    /// The whole body.
    pub body: &'a [u8],
}

/// Judges a request against a run's grants: the first grant that covers it decides.
pub fn judge(grants: &[Bound], asked: &Asked<'_>) -> Verdict {
    let Asked { method, url, .. } = *asked;
    let user = !url.username().is_empty() || url.password().is_some();
    match grants.iter().find(|grant| !user && grant.covers(method, url)) {
        Some(grant) => {
            let reads = READS.contains(&method)
                || match grant.reads {
                    Reads::ByMethod => false,
                    Reads::All => true,
                    Reads::Queries => graphql::only_asks(asked),
                };
            let access = if reads { Access::Read } else { Access::Write };
            Verdict::Allowed { access, private: grant.private }
        }
        None => Verdict::Denied { line: denied_line(method, url) },
    }
}

fn denied_line(method: &str, url: &Url) -> String {
    let port = url.port().map(|port| format!(":{port}")).unwrap_or_default();
    format!("{method} {}://{}{port}{}", url.scheme(), url.host_str().unwrap_or("?"), url.path())
}

/// Whether the operator wrote a private address itself, which is permission enough.
fn literal_private(host: &str) -> bool {
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    bare == "localhost" || bare.parse().is_ok_and(is_private)
}

/// Whether an address is private, loopback, link-local or otherwise not on the public internet.
pub fn is_private(address: std::net::IpAddr) -> bool {
    match address {
        std::net::IpAddr::V4(v4) => {
            let [a, b, ..] = v4.octets();
            v4.is_private()
                || v4.is_loopback()
                || v4.is_link_local()
                || v4.is_broadcast()
                || v4.is_multicast()
                || a == 0
                || (a == 100 && (64..128).contains(&b)) // RFC 6598, carrier-grade NAT
        }
        std::net::IpAddr::V6(v6) => {
            if let Some(v4) = v6.to_ipv4_mapped() {
                return is_private(v4.into());
            }
            let first = v6.segments()[0];
            v6.is_loopback()
                || v6.is_unspecified()
                || v6.is_multicast()
                || first & 0xfe00 == 0xfc00 // RFC 4193, unique local
                || first & 0xffc0 == 0xfe80 // RFC 4291, link-local
                || first == 0x0064 // RFC 6052, an IPv4 address in disguise
        }
    }
}

#[cfg(test)]
mod tests;
