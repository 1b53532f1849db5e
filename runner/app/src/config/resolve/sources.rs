//! What tells the runner of apps and machines.

use std::collections::BTreeMap;

use groundcrew_core::poll::Pace;
use toml::Spanned;
use url::Url;

use super::host::checked_url;
use super::{Source, known_secret, path};
use crate::config::defaults::{self, FLY_API};
use crate::config::problem::{Problem, ProblemKind};
use crate::config::read::Section;
use crate::config::secrets::SecretSource;
use crate::config::settings::{FlySource, Ndjson, NdjsonSource, Rate, Sources};

/// The variable that stands before the default of `source.fly.url`, as for the vendor's own client.
const FLY_API_VARIABLE: &str = "FLY_FLAPS_BASE_URL";

pub(super) struct Resolved {
    pub(super) sources: Sources,
    pub(super) fly_api: String,
}

pub(super) fn sources(
    root: &Section<'_>,
    source: &Source<'_>,
    secrets: &BTreeMap<&str, SecretSource>,
) -> Resolved {
    let section = root.section("source");
    let fly = section.as_ref().and_then(|section| section.section("fly"));
    let ndjson = section.as_ref().and_then(|section| section.section("ndjson"));
    if let Some(section) = &section {
        section.end();
    }
    if let (Some(fly), Some(ndjson)) = (&fly, &ndjson) {
        one_of_each_org(fly, ndjson);
    }
    if fly.is_none() && ndjson.is_none() {
        let message = "nothing tells the runner of apps and machines";
        let problem = Problem::of_file(ProblemKind::NoSource, message);
        root.problem(
            problem.help("add a table: [source.fly] with `org` and `token`, or [source.ndjson] with `path`"),
        );
    }
    let url = api_url(root, fly.as_ref(), source);
    let fly_api = url.as_ref().map_or(FLY_API, Url::as_str).trim_end_matches('/').to_owned();
    let fly = fly.and_then(|fly| fly_source(&fly, url, secrets));
    let ndjson = ndjson.and_then(|section| ndjson_source(&section, source));
    Resolved { sources: Sources { fly, ndjson }, fly_api }
}

/// Refuses two sources of one organisation: of two apps of one name only one could be taken in, whichever came first.
fn one_of_each_org(fly: &Section<'_>, ndjson: &Section<'_>) {
    let written = |section: &Section<'_>| {
        let org = section.raw("org")?;
        Some((org.span(), org.get_ref().as_str()?.to_owned()))
    };
    let Some((first, org)) = written(fly) else { return };
    let left_out = || (ndjson.at.clone(), defaults::text("source.ndjson.org").to_owned());
    let (second, other) = written(ndjson).unwrap_or_else(left_out);
    if org == other {
        let message = format!("[source.fly] and [source.ndjson] tell of one organisation: {org}");
        let problem = Problem::new(ProblemKind::SameOrg, second, message).label("the second one");
        let problem = problem.also(first, "the first one");
        let why = "an address, `fly/ORG/APP`, has one app: of two of one name only one could be taken in";
        ndjson.problem(problem.help(why).help("write another `org` in [source.ndjson]"));
    }
}

fn api_url(root: &Section<'_>, fly: Option<&Section<'_>>, source: &Source<'_>) -> Option<Url> {
    if let Some((fly, url)) = fly.and_then(|fly| Some((fly, fly.text("url")?))) {
        return checked_url(fly, "url", &url);
    }
    let Some(of_environment) = source.environment.read(FLY_API_VARIABLE) else {
        return Some(FLY_API.parse().expect("invariant: the default is a URL"));
    };
    let section = fly.unwrap_or(root);
    checked_url(section, FLY_API_VARIABLE, &Spanned::new(section.at.clone(), of_environment.as_str()))
}

fn fly_source(
    section: &Section<'_>,
    url: Option<Url>,
    secrets: &BTreeMap<&str, SecretSource>,
) -> Option<FlySource> {
    let org = section.required_text("org", "org = \"acme\"");
    let token = section.required_text("token", "token = \"FLY_READ\"");
    let token = token.and_then(|token| known_secret(secrets, section, &token));
    let retire_token = section.text("retire_token").map(|token| known_secret(secrets, section, &token));
    let pace = Pace {
        tick: section.duration("poll"),
        hot_every: section.duration("hot_every"),
        hot_for: section.duration("hot_for"),
        rotation: section.duration("rotation"),
        rotation_cap: section.setting::<Rate>("rotation_cap", ProblemKind::BadAmount).into(),
        ..Pace::default()
    };
    let vanish_max = section.allowance("vanish_max").into();
    section.end();
    let org = org.filter(|org| legal_org(section, org))?.into_inner().to_owned();
    let retire_token = match retire_token {
        Some(known) => Some(known?),
        None => None,
    };
    Some(FlySource { org, token: token?, retire_token, url: url?, pace, vanish_max })
}

fn legal_org(section: &Section<'_>, org: &Spanned<&str>) -> bool {
    let name = *org.get_ref();
    let legal = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
    let fits = !name.is_empty() && name.chars().all(legal);
    if !fits {
        let problem = Problem::new(
            ProblemKind::BadName,
            org.span(),
            format!("`{name}` cannot be an organisation's slug"),
        );
        section.problem(problem.label("characters of [A-Za-z0-9_-] are expected; see `fly orgs list`"));
    }
    fits
}

fn ndjson_source(section: &Section<'_>, source: &Source<'_>) -> Option<NdjsonSource> {
    let at = section.required_text("path", "path = \"-\"");
    let org = section.text("org");
    let fits = org.as_ref().is_none_or(|org| legal_org(section, org));
    section.end();
    let from = match *at?.get_ref() {
        "-" => Ndjson::Stdin,
        file => Ndjson::File(path(source.dir, file)),
    };
    let org = org.map_or_else(|| defaults::text("source.ndjson.org"), Spanned::into_inner).to_owned();
    fits.then_some(NdjsonSource { org, from })
}
