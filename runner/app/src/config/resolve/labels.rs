//! Operators' endpoints for labels.

use std::collections::BTreeMap;

use toml::Spanned;

use super::host::checked_url;
use super::secret::position;
use super::{Names, legal_name};
use crate::config::problem::{Problem, ProblemKind, Quote};
use crate::config::read::Section;
use crate::config::settings::{LabelSource, LabelType};

/// The words that the URL of an endpoint may hold.
const WORDS: [&str; 2] = ["app", "org"];

pub(super) fn labels(root: &Section<'_>, names: &Names<'_>) -> Vec<LabelSource> {
    let sections = root.named("labels");
    sections.iter().filter_map(|(name, section)| label_source(name, section, names)).collect()
}

fn label_source(name: &str, section: &Section<'_>, names: &Names<'_>) -> Option<LabelSource> {
    let fits = legal_name(section, name);
    let url = section.required_text("url", "url = \"https://billing.example/apps/{app}\"");
    let url = url.filter(|url| legal_url(section, url));
    let secrets = secrets(section, names);
    let (every, timeout) = (section.duration("every"), section.duration("timeout"));
    let values = values(section);
    section.end();
    let url = url?.into_inner().to_owned();
    fits.then(|| LabelSource { name: name.to_owned(), url, secrets, every, timeout, values })
}

fn legal_url(section: &Section<'_>, url: &Spanned<&str>) -> bool {
    let words: BTreeMap<_, _> = WORDS.map(|word| (word.to_owned(), "x".to_owned())).into();
    let filled = crate::config::words::fill_known(url.get_ref(), &words);
    let unknown = groundcrew_core::template::words_in(&filled.as_str().into());
    for word in &unknown {
        let message = format!("`{{{word}}}` has no value in the URL of a label source");
        let problem = Problem::new(ProblemKind::UnknownWord, url.span(), message).label("not known here");
        section.problem(problem.help("to choose from: {app}, {org}"));
    }
    if !url.get_ref().contains("{app}") {
        let problem = Problem::new(ProblemKind::BadUrl, url.span(), "`url` asks the same for every app");
        section.problem(problem.label("`{app}` is missing").help("put {app} where the app's name belongs"));
        return false;
    }
    unknown.is_empty() && checked_url(section, "url", &Spanned::new(url.span(), &filled)).is_some()
}

fn secrets(section: &Section<'_>, names: &Names<'_>) -> Vec<(String, crate::config::settings::Position)> {
    let Some(written) = section.section("secret") else { return Vec::new() };
    let entries: Vec<_> = written.entries().collect();
    let each = entries.into_iter().filter_map(|(name, at)| {
        let secret = names.secret(&written, &name);
        let at = written.text_of("a secret's position", at).and_then(|at| position(&written, &at));
        Some((secret?, at?))
    });
    each.collect()
}

fn values(section: &Section<'_>) -> BTreeMap<String, LabelType> {
    let Some(written) = section.section("values") else {
        section.lacks(
            ProblemKind::MissingKey,
            "values",
            "values = { domains = \"list\", plan = \"string\" }",
        );
        return BTreeMap::new();
    };
    let entries: Vec<_> = written.entries().collect();
    let typed = entries.into_iter().filter_map(|(name, kind)| {
        let what = format!("the type of `{}`", name.get_ref());
        let kind = written.choose(&what, kind, &LabelType::WORDS)?;
        Some((legal_label(&written, &name)?, kind))
    });
    typed.collect()
}

fn legal_label(section: &Section<'_>, name: &Spanned<&str>) -> Option<String> {
    let text = *name.get_ref();
    let legal = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
    if text.is_empty() || !text.chars().all(legal) {
        let problem =
            Problem::new(ProblemKind::BadName, name.span(), format!("`{text}` cannot be a label's name"));
        let problem = problem.label("characters of [A-Za-z0-9_-] are expected");
        section.problem(problem.meant(
            text,
            [text.replace(['.', ' '], "_").as_str()],
            name.span(),
            Quote::Bare,
        ));
        return None;
    }
    Some(text.to_owned())
}
