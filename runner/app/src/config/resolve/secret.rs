//! Secrets of a stanza: the hook's name for them, the operator's, and where they may go.

use std::collections::BTreeMap;

use serde_json::Value;
use toml::Spanned;

use super::{Names, authority, not_yet};
use crate::config::hook::{Format, SecretGrant, Sign};
use crate::config::problem::{Problem, ProblemKind};
use crate::config::read::Section;
use crate::config::settings::Position;
use crate::config::words::{fill_known, grant_words};

/// A secret of a stanza, and where its parts stand.
pub(in crate::config) struct Granted {
    /// None if it has errors of its own.
    pub(in crate::config) grant: Option<SecretGrant>,
    pub(in crate::config) at: std::ops::Range<usize>,
}

pub(super) fn secrets(stanza: &Section<'_>, names: &Names<'_>, config: &Value) -> BTreeMap<String, Granted> {
    let words = grant_words(config, &names.fly_api);
    let sections = stanza.named("secret");
    let read = sections.iter().map(|(name, section)| {
        let grant = secret(section, names, &words);
        section.end();
        ((*name).to_owned(), Granted { grant, at: section.at.clone() })
    });
    read.collect()
}

fn secret(section: &Section<'_>, names: &Names<'_>, words: &BTreeMap<String, String>) -> Option<SecretGrant> {
    let from = section.required_text("from", "from = \"NAME\"").and_then(|from| names.secret(section, &from));
    let at = section.text("at").map(|at| position(section, &at));
    let format = section
        .raw("format")
        .map_or(Some(Format::Plain), |value| section.choose("`format`", value, &["plain", "fly"]));
    let sign = sign(section);
    let to = section.text("to");
    // The host writes a signature itself; the guest needs no token for it.
    let at = match (at, &sign) {
        (_, Some(Sign::Sigv4 { .. })) => Some(Position::Header("authorization".to_owned())),
        (Some(at), _) => at,
        (None, _) if section.has("sign") => Some(Position::Header("webhook-signature".to_owned())),
        (None, _) => {
            section.lacks(ProblemKind::SecretWithoutPosition, "at", "at = \"header:authorization\"");
            None
        }
    };
    let to = host(section, at.as_ref(), to.as_ref(), words);
    let to = match to? {
        Host::Own => None,
        Host::Named(host) => Some(host),
    };
    Some(SecretGrant { from: from?, at: at?, to, format: format?, sign })
}

/// Where a secret may be sent.
enum Host {
    /// The secret is a URL and names it itself.
    Own,
    /// `host:port`.
    Named(String),
}

/// The host of a secret; tells if it is missing or none.
fn host(
    section: &Section<'_>,
    at: Option<&Position>,
    to: Option<&Spanned<&str>>,
    words: &BTreeMap<String, String>,
) -> Option<Host> {
    match (at?, to) {
        (Position::Url, None) => return Some(Host::Own),
        (Position::Url, Some(to)) => {
            let message = "a secret URL names its host itself";
            let problem =
                Problem::new(ProblemKind::ConflictingKeys, to.span(), message).label("besides at = \"url\"");
            section.problem(problem.help("leave `to` out"));
        }
        (Position::Header(_), None) => {
            section.lacks(ProblemKind::SecretWithoutHost, "to", "to = \"api.example\"");
        }
        (Position::Header(_), Some(to)) => {
            return host_of(section, to, words).map(Host::Named);
        }
    }
    None
}

/// A word for how requests are signed.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Method {
    Sigv4,
    StandardWebhooks,
}

/// `host:port` of a `to`; tells if it is none.
pub(super) fn host_of(
    section: &Section<'_>,
    to: &Spanned<&str>,
    words: &BTreeMap<String, String>,
) -> Option<String> {
    let filled = fill_known(to.get_ref(), words);
    let host = if filled.contains('{') { None } else { authority(&filled) };
    if host.is_none() {
        let message = format!("`to` is no host: `{}`", to.get_ref());
        let problem = Problem::new(ProblemKind::BadUrl, to.span(), message).label("cannot be called");
        section
            .problem(problem.help("write host[:port] or a URL; {fly.api} and {config.NAME} are known here"));
    }
    host
}

/// The header that `header:NAME` names, in lower case.
pub(super) fn header(text: &str) -> Option<String> {
    let legal = |c: char| c.is_ascii_alphanumeric() || "!#$%&'*+-.^_`|~".contains(c); // RFC 9110, token
    let header = text.strip_prefix("header:").filter(|name| !name.is_empty() && name.chars().all(legal));
    header.map(str::to_ascii_lowercase)
}

fn sign(section: &Section<'_>) -> Option<Sign> {
    let words = ["sigv4", "standard-webhooks"];
    let method = section.raw("sign").and_then(|value| section.choose::<Method>("`sign`", value, &words));
    if method == Some(Method::Sigv4) {
        for key in ["at", "format"] {
            besides(section, key, "the host writes the whole signature itself", "besides sign = \"sigv4\"");
        }
        let region = section.required_text("region", "region = \"us-east-1\"");
        let service = section.required_text("service", "service = \"s3\"");
        let (region, service) = (region?.into_inner().to_owned(), service?.into_inner().to_owned());
        return Some(Sign::Sigv4 { region, service });
    }
    for key in ["region", "service"] {
        besides(section, key, &format!("only AWS signatures have a {key}"), "without sign = \"sigv4\"");
    }
    method.map(|_| Sign::StandardWebhooks)
}

/// Tells that a key makes no sense where it stands.
fn besides(section: &Section<'_>, key: &str, message: &str, label: &str) {
    let Some(value) = section.raw(key) else { return };
    let problem = Problem::new(ProblemKind::ConflictingKeys, value.span(), message).label(label);
    section.problem(problem.help(format!("leave `{key}` out")));
}

/// Where a secret is put, as written: `header:NAME` or `url`.
pub(super) fn position(section: &Section<'_>, at: &Spanned<&str>) -> Option<Position> {
    let text = *at.get_ref();
    if text == "url" {
        return Some(Position::Url);
    }
    if text.starts_with("json:") {
        section.problem(not_yet(
            at.span(),
            "secrets within JSON bodies",
            "to choose from: \"header:NAME\", \"url\"",
        ));
        return None;
    }
    let header = header(text);
    if header.is_none() {
        let message = format!("a secret cannot be put at `{text}`");
        let problem = Problem::new(ProblemKind::BadPosition, at.span(), message).label("no position");
        section.problem(
            problem.help("to choose from: \"header:NAME\", such as \"header:authorization\"; \"url\""),
        );
    }
    header.map(Position::Header)
}

impl std::str::FromStr for Format {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        match text {
            "plain" => Ok(Self::Plain),
            "fly" => Ok(Self::Fly),
            _ => Err(()),
        }
    }
}

impl std::str::FromStr for Method {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        match text {
            "sigv4" => Ok(Self::Sigv4),
            "standard-webhooks" => Ok(Self::StandardWebhooks),
            _ => Err(()),
        }
    }
}
