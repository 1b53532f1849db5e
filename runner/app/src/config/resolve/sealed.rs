//! Sealed outputs of a stanza: which output of a hook that it reads, and where its value may go.

use std::collections::BTreeMap;

use serde_json::Value;
use toml::Spanned;

use super::Names;
use super::secret::{header, host_of};
use crate::config::hook::{Place, SealedGrant};
use crate::config::problem::{Problem, ProblemKind};
use crate::config::read::Section;
use crate::config::words::grant_words;

/// A line of a stanza, and where it stands.
pub(in crate::config) struct Line {
    /// None if it has errors of its own.
    pub(in crate::config) grant: Option<SealedGrant>,
    pub(in crate::config) at: std::ops::Range<usize>,
}

pub(super) fn sealed(
    stanza: &Section<'_>,
    names: &Names<'_>,
    config: &Value,
    reads: &[Spanned<&str>],
) -> BTreeMap<String, Line> {
    let words = grant_words(config, &names.fly_api);
    let sections = stanza.named("sealed");
    let read = sections.iter().map(|(output, section)| {
        let known = is_read(section, output, reads);
        let grant = line(section, &words);
        section.end();
        ((*output).to_owned(), Line { grant: grant.filter(|_| known), at: section.at.clone() })
    });
    read.collect()
}

fn line(section: &Section<'_>, words: &BTreeMap<String, String>) -> Option<SealedGrant> {
    let at = section.text("at");
    if at.is_none() && !section.has("at") {
        section.lacks(ProblemKind::SecretWithoutPosition, "at", "at = \"json:/values/*\"");
    }
    let at = at.and_then(|at| place(section, &at));
    let to = section.text("to");
    if to.is_none() && !section.has("to") {
        section.lacks(ProblemKind::SecretWithoutHost, "to", "to = \"{fly.api}\"");
    }
    let to = to.and_then(|to| host_of(section, &to, words));
    Some(SealedGrant { at: at?, to: to? })
}

/// Whether the name is that of an output of a hook that this one reads; tells if not.
fn is_read(section: &Section<'_>, output: &str, reads: &[Spanned<&str>]) -> bool {
    let hook = output.split_once('.').filter(|(hook, name)| !hook.is_empty() && !name.is_empty());
    let is_read = hook.is_some_and(|(hook, _)| reads.iter().any(|read| *read.get_ref() == hook));
    if !is_read {
        let at = section.at.clone();
        let (message, help) = match hook {
            Some((hook, _)) => (
                format!("`{output}` is an output of `{hook}`, which this hook does not read"),
                format!("add \"{hook}\" to `reads`"),
            ),
            None => (format!("`{output}` names no output"), "write \"HOOK.OUTPUT\"".to_owned()),
        };
        section.problem(Problem::new(ProblemKind::SealedNotRead, at, message).label("not read").help(help));
    }
    is_read
}

/// A place as written: `header:NAME` or `json:POINTER`.
fn place(section: &Section<'_>, at: &Spanned<&str>) -> Option<Place> {
    let text = *at.get_ref();
    if let Some(name) = header(text) {
        return Some(Place::Header(name));
    }
    if let Some(pointer) = text.strip_prefix("json:").and_then(|pointer| pointer.parse().ok()) {
        return Some(Place::Json(pointer));
    }
    let message = format!("a sealed value cannot be put at `{text}`");
    let problem = Problem::new(ProblemKind::BadPosition, at.span(), message).label("no position");
    let help = "to choose from: \"header:NAME\"; \"json:POINTER\", such as \"json:/values/*\"";
    section.problem(problem.help(help));
    None
}
