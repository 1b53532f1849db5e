//! From the file as written to a [`Config`], gathering problems on the way.

mod audits;
mod candidate;
mod host;
mod labels;
mod policy;
mod sealed;
mod secret;
mod sources;
mod stanza;
mod timing;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use groundcrew_core::may_delete::Level;
use groundcrew_core::row::INSTALLATION_MAX;
use toml::Spanned;
use toml::de::DeTable;

use super::origin::Origin;
use super::problem::{Problem, ProblemKind, Problems, Quote, Severity, Span};
use super::read::Section;
use super::secrets::{Environment, SecretSource, Secrets};
use super::settings::Scope;
use super::{Config, Manifests, Report, check};

pub(super) use host::authority;
pub(super) use stanza::Stanza;

/// What a configuration is made from.
pub(super) struct Source<'a> {
    pub(super) file: &'a str,
    pub(super) text: &'a str,
    pub(super) dir: &'a Path,
    pub(super) environment: &'a Environment,
    pub(super) manifests: Manifests<'a>,
}

/// Names that stanzas refer to, and what they mean.
struct Names<'a> {
    secrets: BTreeMap<&'a str, SecretSource>,
    scopes: BTreeMap<&'a str, Scope>,
    fly_api: String,
}

pub(super) fn resolve(source: &Source<'_>) -> Result<Config, Report> {
    let problems = Problems::default();
    let (document, errors) = DeTable::parse_recoverable(source.text);
    if !errors.is_empty() {
        return Err(Report::new(source.file, source.text, syntax(&errors, source.text)));
    }
    let config = resolve_document(source, &document, &problems);
    let notes = Report::new(source.file, source.text, problems.into_sorted());
    match config {
        Some(config) if notes.count(Severity::Error) == 0 => Ok(Config { notes, ..config }),
        _ => Err(notes),
    }
}

impl super::Store {
    /// Where things are kept, as a configuration's text says it, whatever else is wrong with that text.
    pub fn of(text: &str, dir: &Path) -> Self {
        let (document, _) = DeTable::parse_recoverable(text);
        host::store(&Section::root(&document, &Problems::default()), dir)
    }
}

fn syntax(errors: &[toml::de::Error], text: &str) -> Vec<Problem> {
    // A table that is there twice repeats its keys: they are not told again.
    let mut twice: Vec<usize> = Vec::new();
    let mut problems = Vec::new();
    for error in errors {
        let at = error.span().unwrap_or(text.len()..text.len());
        if !error.message().starts_with("duplicate key") {
            let message = format!("this is no TOML: {}", error.message());
            problems.push(Problem::new(ProblemKind::Syntax, at, message).label("here"));
            continue;
        }
        let header = header_of(text, at.start);
        if header.is_some_and(|header| twice.contains(&header)) {
            continue;
        }
        twice.extend(header.filter(|header| !text[*header..at.start].contains('\n')));
        let name = text.get(at.clone()).unwrap_or_default();
        let problem = Problem::new(ProblemKind::DuplicateName, at, format!("`{name}` is there twice"));
        problems.push(problem.label("the second one").help("rename one of them, or make one of both"));
    }
    problems
}

/// Where the table header begins below which a place is, or in which it is.
fn header_of(text: &str, at: usize) -> Option<usize> {
    let before = &text[..at];
    before.rfind("\n[").map(|at| at + 1).or_else(|| before.starts_with('[').then_some(0))
}

fn resolve_document(
    source: &Source<'_>,
    document: &Spanned<DeTable<'_>>,
    problems: &Problems,
) -> Option<Config> {
    let root = Section::root(document, problems);
    let installation = installation(&root);
    let level = root.choice_or_default("level", &words(Level::ALL, Level::as_str));
    let reconcile = root.duration("reconcile");
    let store = host::store(&root, source.dir);
    let secrets = secrets(&root, source);
    let sources = sources::sources(&root, source, &secrets);
    let names = Names { fly_api: sources.fly_api, secrets, scopes: scopes(&root) };
    let http = host::http(&root, &names);
    let labels = labels::labels(&root, &names);
    let stanzas = stanza::stanzas(&root, source, &names);
    check::all(&stanzas, &names.fly_api, problems);
    let audits = audits::audits(&root, &stanzas, problems);
    root.end();
    Some(Config {
        installation: installation?,
        level,
        reconcile,
        store,
        http,
        secrets: Secrets::new(owned(names.secrets), source.environment.clone()),
        sources: sources.sources,
        fly_api: names.fly_api,
        labels,
        scopes: owned(names.scopes),
        hooks: stanzas
            .into_iter()
            .filter_map(|stanza| Some((stanza.name.to_owned(), stanza.hook?)))
            .collect(),
        audits,
        notes: Report::new("", "", Vec::new()),
        origin: Origin::of(source),
    })
}

fn installation(root: &Section<'_>) -> Option<String> {
    let text = root.required_text("installation", "installation = \"acme-prod\"")?;
    let legal = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    let name = *text.get_ref();
    if name.is_empty() || name.len() > INSTALLATION_MAX || !name.chars().all(legal) {
        let message = format!("`{name}` cannot be an installation's id");
        let problem = Problem::new(ProblemKind::BadName, text.span(), message);
        root.problem(problem.label(format!("1 to {INSTALLATION_MAX} characters of [a-z0-9-] are expected")));
        return None;
    }
    Some(name.to_owned())
}

/// Whether a name that the operator gives can be one; tells if not.
fn legal_name(section: &Section<'_>, name: &str) -> bool {
    let legal = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
    let fits =
        name.starts_with(|c: char| c.is_ascii_alphabetic()) && name.len() <= 40 && name.chars().all(legal);
    if !fits {
        let problem =
            Problem::new(ProblemKind::BadName, section.at.clone(), format!("`{name}` cannot be a name"));
        section
            .problem(problem.label("at most 40 characters of [A-Za-z0-9_-], a letter first, are expected"));
    }
    fits
}

fn secrets<'a>(root: &Section<'a>, source: &Source<'_>) -> BTreeMap<&'a str, SecretSource> {
    let mut found = BTreeMap::new();
    for (name, section) in root.named("secrets") {
        let fits = legal_name(&section, name);
        let (env, file) = (section.text("env"), section.text("file"));
        section.end();
        let from = match (env, file) {
            (Some(env), None) => SecretSource::Env((*env.get_ref()).to_owned()),
            (None, Some(file)) => SecretSource::File(source.dir.join(file.get_ref())),
            (Some(_), Some(file)) => {
                let problem = Problem::new(
                    ProblemKind::ConflictingKeys,
                    file.span(),
                    format!("secret `{name}` has two sources"),
                );
                section.problem(problem.label("besides `env`").help("keep one of `env` and `file`"));
                continue;
            }
            (None, None) => {
                section.lacks(
                    ProblemKind::MissingKey,
                    "env` or `file",
                    &format!("{name} = {{ env = \"{name}\" }}"),
                );
                continue;
            }
        };
        if fits {
            warn_without_value(&section, name, &from, source.environment);
            found.insert(name, from);
        }
    }
    found
}

fn warn_without_value(section: &Section<'_>, name: &str, from: &SecretSource, environment: &Environment) {
    let there = match from {
        SecretSource::Env(variable) => environment.read(variable).is_some(),
        SecretSource::File(path) => path.metadata().is_ok_and(|metadata| metadata.len() > 0),
    };
    if !there {
        let message = format!("secret `{name}` has no value: {from} is empty or not there");
        let problem = Problem::new(ProblemKind::SecretWithoutValue, section.at.clone(), message)
            .label("looked for at this moment");
        section.problem(problem.help("`groundcrew up` needs it; other commands do not"));
    }
}

fn scopes<'a>(root: &Section<'a>) -> BTreeMap<&'a str, Scope> {
    let mut scopes = BTreeMap::new();
    for (name, section) in root.named("scope") {
        legal_name(&section, name);
        if !section.has("apps") {
            section.lacks(ProblemKind::MissingKey, "apps", "apps = [\"*\"]");
        }
        let globs =
            |key| section.texts(key).into_iter().filter_map(|glob| checked_glob(&section, &glob)).collect();
        scopes.insert(name, Scope { name: name.to_owned(), apps: globs("apps"), except: globs("except") });
        section.end();
    }
    scopes
}

fn checked_glob(section: &Section<'_>, glob: &Spanned<&str>) -> Option<String> {
    let text = *glob.get_ref();
    let legal = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | '*');
    if text.is_empty() || !text.chars().all(legal) {
        let problem =
            Problem::new(ProblemKind::BadGlob, glob.span(), format!("`{text}` can match no app's name"));
        let problem = problem.label("cannot be a pattern");
        section.problem(
            problem.help("write letters, digits, `-`, and `*` for any characters, such as \"cust-*\""),
        );
        return None;
    }
    Some(text.to_owned())
}

impl Names<'_> {
    /// The operator's name of a secret, if it is defined; tells if not.
    fn secret(&self, section: &Section<'_>, name: &Spanned<&str>) -> Option<String> {
        known_secret(&self.secrets, section, name)
    }
}

fn known_secret(
    secrets: &BTreeMap<&str, SecretSource>,
    section: &Section<'_>,
    name: &Spanned<&str>,
) -> Option<String> {
    let text = *name.get_ref();
    if secrets.contains_key(text) {
        return Some(text.to_owned());
    }
    let message = format!("no secret `{text}` is defined in [secrets]");
    let problem = Problem::new(ProblemKind::UnknownSecret, name.span(), message).label("not defined");
    section.problem(problem.meant(text, secrets.keys().copied(), name.span(), Quote::Text));
    None
}

fn not_yet(at: Span, what: &str, help: &str) -> Problem {
    let problem = Problem::new(ProblemKind::NotInThisVersion, at, format!("this version has no {what}"));
    problem.label("not in this version").help(help)
}

fn words<T: Copy>(all: &[T], word: impl Fn(T) -> &'static str) -> Vec<&'static str> {
    all.iter().map(|one| word(*one)).collect()
}

fn owned<T>(names: BTreeMap<&str, T>) -> BTreeMap<String, T> {
    names.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}

/// A path of the file, relative to its directory.
fn path(dir: &Path, text: &str) -> PathBuf {
    dir.join(text)
}
