//! What tells the runner of apps and machines.

use std::collections::BTreeMap;

use groundcrew_core::poll::Pace;
use toml::Spanned;

use super::host::checked_url;
use super::{Source, known_secret, path};
use crate::config::defaults;
use crate::config::problem::{Problem, ProblemKind};
use crate::config::read::Section;
use crate::config::secrets::SecretSource;
use crate::config::settings::{FlySource, Ndjson, Rate, Sources};

/// The variable that stands before the default of `source.fly.url`, as for the vendor's own client.
const FLY_API_VARIABLE: &str = "FLY_FLAPS_BASE_URL";

pub(super) struct Resolved {
    pub(super) sources: Sources,
    pub(super) fly_api: String,
}

pub(super) fn sources(root: &Section<'_>, source: &Source<'_>, secrets: &BTreeMap<&str, SecretSource>) -> Resolved {
    let section = root.section("source");
    let below = |key: &str| section.as_ref().and_then(|section| section.section(key));
    let fly = below("fly");
    let url = fly.as_ref().and_then(|fly| fly.text("url").map(|url| (fly, url)));
    let default = source.environment.read(FLY_API_VARIABLE).unwrap_or_else(|| defaults::FLY_API.to_owned());
    let (written, checked) = match &url {
        Some((fly, url)) => ((*url.get_ref()).to_owned(), checked_url(fly, "url", url)),
        None => {
            let at = Spanned::new(fly.as_ref().map_or(0..0, |fly| fly.at.clone()), default.as_str());
            let checked = checked_url(fly.as_ref().unwrap_or(root), FLY_API_VARIABLE, &at);
            (default.clone(), checked)
        }
    };
    let fly_api = written.trim_end_matches('/').to_owned();
    let read = fly.as_ref().map(|fly| (fly, fly_source(fly, secrets)));
    let fly = read.and_then(|(fly, rest)| {
        fly.end();
        let url = checked.clone()?;
        rest.map(|(org, token)| FlySource { org, token, url, pace: pace(fly), vanish_max: fly.allowance("vanish_max").into() })
    });
    let ndjson = below("ndjson").and_then(|section| ndjson(&section, source));
    match &section {
        Some(section) if !(section.has("fly") || section.has("ndjson")) => no_source(root),
        None => no_source(root),
        Some(_) => {}
    }
    if let Some(section) = section {
        section.end();
    }
    Resolved { sources: Sources { fly, ndjson }, fly_api }
}
