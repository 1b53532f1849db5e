//! Where things are kept and served, and the hosts that texts name.

use std::net::SocketAddr;
use std::path::Path;

use toml::Spanned;
use url::Url;

use super::{Names, not_yet, path};
use crate::config::defaults;
use crate::config::problem::{Problem, ProblemKind};
use crate::config::read::Section;
use crate::config::settings::{Http, Keep, Store};

pub(super) fn store(root: &Section<'_>, dir: &Path) -> Store {
    let section = root.section("store");
    let keep = section.as_ref().and_then(|section| section.section("keep"));
    let kept = |key: &str| match &keep {
        Some(keep) => keep.duration(key),
        None => defaults::of(&format!("store.keep.{key}")),
    };
    let keep_read = Keep { runs: kept("runs"), bodies: kept("bodies"), acts: kept("acts") };
    if let Some(keep) = &keep {
        keep.end();
    }
    let place = section.as_ref().and_then(|section| {
        let (url, at) = (section.text("url"), section.text("path"));
        section.end();
        written_store(section, dir, url.as_ref(), at.as_ref())
    });
    let (data, database) = place.unwrap_or_else(|| in_dir(&path(dir, defaults::text("store.path"))));
    Store { dir: data, database, keep: keep_read }
}

type Place = (std::path::PathBuf, std::path::PathBuf);

fn in_dir(dir: &Path) -> Place {
    (dir.to_owned(), dir.join("groundcrew.db"))
}

fn written_store(
    section: &Section<'_>,
    dir: &Path,
    url: Option<&Spanned<&str>>,
    at: Option<&Spanned<&str>>,
) -> Option<Place> {
    let url = match (url, at) {
        (Some(_), Some(at)) => {
            let problem = Problem::new(ProblemKind::ConflictingKeys, at.span(), "the store has two places");
            section.problem(problem.label("besides `url`").help("keep one of `url` and `path`"));
            return None;
        }
        (None, Some(at)) => return Some(in_dir(&path(dir, at.get_ref()))),
        (Some(url), None) => url,
        (None, None) => return None,
    };
    let text = *url.get_ref();
    if text.starts_with("postgres") {
        section.problem(not_yet(
            url.span(),
            "Postgres store",
            "keep it in SQLite: url = \"sqlite:groundcrew.db\"",
        ));
        return None;
    }
    let Some(file) = text
        .strip_prefix("sqlite:")
        .map(|file| file.trim_start_matches("//"))
        .filter(|file| !file.is_empty())
    else {
        let problem =
            Problem::new(ProblemKind::BadUrl, url.span(), format!("`{text}` is no address of a store"));
        section.problem(
            problem
                .label("cannot be read")
                .help("write \"sqlite:FILE\", such as \"sqlite:/data/groundcrew.db\""),
        );
        return None;
    };
    let database = path(dir, file);
    Some((database.parent().unwrap_or(dir).to_owned(), database))
}

pub(super) fn http(root: &Section<'_>, names: &Names<'_>) -> Option<Http> {
    let section = root.section("http")?;
    let token = section.text("token").and_then(|token| names.secret(&section, &token));
    let Listen(listen) = section.setting("listen", ProblemKind::BadUrl);
    section.end();
    Some(Http { listen, token })
}

/// An address to listen at.
#[derive(Debug)]
struct Listen(SocketAddr);

impl std::str::FromStr for Listen {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let no_address =
            |_| format!("`{text}` is no address to listen at; write IP:PORT, such as \"127.0.0.1:9430\"");
        text.parse().map(Self).map_err(no_address)
    }
}

/// An http(s) URL with a host and without a user; tells if it is none.
pub(super) fn checked_url(section: &Section<'_>, key: &str, text: &Spanned<&str>) -> Option<Url> {
    let refused = match Url::parse(text.get_ref()) {
        Ok(url) if !matches!(url.scheme(), "http" | "https") => "only http and https are spoken".to_owned(),
        Ok(url) if !url.username().is_empty() || url.password().is_some() => {
            "a secret belongs into [secrets], not into a URL".to_owned()
        }
        Ok(url) if !url.has_host() => "it names no host".to_owned(),
        Ok(url) => return Some(url),
        Err(error) => error.to_string(),
    };
    let problem =
        Problem::new(ProblemKind::BadUrl, text.span(), format!("`{key}` is no URL to call: {refused}"));
    section.problem(problem.label("cannot be called"));
    None
}

/// The `host:port` that a text means: a URL, or a host with or without a port (443).
pub(in crate::config) fn authority(text: &str) -> Option<String> {
    let text = if text.contains("://") { text.to_owned() } else { format!("https://{text}") };
    let url = Url::parse(&text).ok()?;
    let bare = url.username().is_empty() && url.password().is_none();
    let port = url.port_or_known_default()?;
    url.host_str().filter(|_| bare).map(|host| format!("{host}:{port}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_get_their_ports() {
        for (text, host) in [
            ("pdns.acme.example:8081", Some("pdns.acme.example:8081")),
            ("api.fly.io", Some("api.fly.io:443")),
            ("http://127.0.0.1/x", Some("127.0.0.1:80")),
            ("https://a:b@c", None),
            ("a b", None),
        ] {
            assert_eq!(authority(text).as_deref(), host, "{text}");
        }
    }
}
