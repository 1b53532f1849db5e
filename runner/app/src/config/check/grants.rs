//! What a stanza grants against what its manifest asks for, and secrets against grants.

use std::collections::BTreeMap;

use groundcrew_core::egress::{BindError, Grant};
use groundcrew_core::manifest::{AskedSecret, Asks, Manifest, SecretPlace};

use super::super::problem::{Problem, ProblemKind, Problems};
use super::super::resolve::Stanza;
use super::super::settings::Position;
use super::super::words::grant_words;
use super::reach::Reach;

pub(super) fn check(stanza: &Stanza<'_>, fly_api: &str, problems: &Problems) {
    let Some(manifest) = &stanza.manifest else { return };
    let words = grant_words(&stanza.config.value, fly_api);
    binding(stanza, &words, problems);
    let reached: Vec<_> =
        stanza.allow.iter().filter_map(|grant| Reach::of(grant.get_ref(), &words)).collect();
    // A missing field of `config` would be told again as missing grants.
    if stanza.config.fits {
        let asks = manifest.asks.under(&stanza.config.value);
        asked(stanza, manifest, &asks, &words, &reached, problems);
        candidate(stanza, &asks, fly_api, problems);
    }
    secrets(stanza, &words, &reached, problems);
}

/// Every grant must become a URL once its words are filled in.
fn binding(stanza: &Stanza<'_>, words: &BTreeMap<String, String>, problems: &Problems) {
    let mut values = words.clone();
    values.extend(stanza.granted_words().map(|word| (word.to_owned(), format!("one-{word}"))));
    for grant in &stanza.allow {
        let Err(error) = grant.get_ref().bind(&values) else { continue };
        let help = match &error {
            BindError::Unbound { .. } => {
                "to choose from: {app}, {org}, for machines {machine}, {fly.api}, {config.NAME} of a text or number"
            }
            BindError::Url { .. } => "write METHODS scheme://host[:port]/path*",
        };
        problems.add(
            Problem::new(ProblemKind::BadGrant, grant.span(), error.to_string()).label("no grant").help(help),
        );
    }
}

fn asked(
    stanza: &Stanza<'_>,
    manifest: &Manifest,
    asks: &Asks,
    words: &BTreeMap<String, String>,
    given: &[Reach],
    problems: &Problems,
) {
    let grants: Vec<(&String, Grant)> =
        asks.allow.iter().filter_map(|line| Some((line, line.parse().ok()?))).collect();
    let (mut asked, mut unknown) = (Vec::new(), Vec::new());
    for (line, grant) in &grants {
        // What an optional field of `config` would name is not asked for without it.
        if grant.words().iter().any(|word| word.starts_with("config.") && !words.contains_key(*word)) {
            continue;
        }
        let lacking = if let Some(reach) = Reach::of(grant, words) {
            let lacking = reach.not_covered_by(given);
            asked.push(reach);
            lacking
        } else {
            unknown.push(grant);
            let given = stanza.allow.iter().any(|given| given.get_ref() == grant);
            if given { Vec::new() } else { vec!["everything".to_owned()] }
        };
        if !lacking.is_empty() {
            let message = format!("[hook.{}] does not grant what its hook asks for: {line}", stanza.name);
            let problem = Problem::new(ProblemKind::GrantLacking, stanza.at.clone(), message);
            let problem = problem.label(format!("lacking: {}", lacking.join(", ")));
            problems.add(problem.help(format!("add to `allow`, if you agree: \"{line}\"")));
        }
    }
    beyond(stanza, manifest, words, &asked, &unknown, problems);
    asked_secrets(stanza, manifest, asks, problems);
}

/// A candidate asks for no more than what runs, or for what the stanza grants: it would be refused what it needs.
fn candidate(stanza: &Stanza<'_>, now: &Asks, fly_api: &str, problems: &Problems) {
    let candidate = stanza.hook.as_ref().and_then(|hook| hook.candidate.as_ref());
    let (Some(at), Some(candidate)) = (&stanza.candidate_at, candidate) else { return };
    let hook = &candidate.hook;
    let words = grant_words(&hook.config, fly_api);
    let given: Vec<_> = hook.allow.iter().filter_map(|grant| Reach::of(grant, &words)).collect();
    let asks = hook.manifest.asks.under(&hook.config);
    let tell = |what: String, help: String| {
        let message = format!("{} asks for more than what runs: {what}", hook.component);
        let problem = Problem::new(ProblemKind::CandidateAsks, at.clone(), message);
        problems.add(problem.label("not granted by this stanza").help(help));
    };
    for line in asks.allow.iter().filter(|line| !now.allow.contains(line)) {
        let Ok(grant) = line.parse::<Grant>() else { continue };
        let optional = |word: &&str| word.starts_with("config.") && !words.contains_key(*word);
        let lacks = match Reach::of(&grant, &words) {
            Some(reach) => !reach.not_covered_by(&given).is_empty(),
            None => !hook.allow.contains(&grant),
        };
        if lacks && !grant.words().iter().any(optional) {
            tell(line.clone(), format!("add to `allow`, if you agree: \"{line}\""));
        }
    }
    for line in asks.secrets.iter().filter(|line| !now.secrets.contains(line)) {
        let (name, ask) = AskedSecret::of(line);
        if !stanza.secrets.contains_key(name) {
            tell(line.clone(), format!("add, if you agree: {}", stanza_line(name, &ask)));
        }
    }
}

/// Tells of grants that nobody asked for. What is asked for and differs from owner to owner is compared as it is written,
/// and what differs so itself is not judged.
fn beyond(
    stanza: &Stanza<'_>,
    manifest: &Manifest,
    words: &BTreeMap<String, String>,
    asked: &[Reach],
    unknown: &[&Grant],
    problems: &Problems,
) {
    for grant in stanza.allow.iter().filter(|given| !unknown.contains(&given.get_ref())) {
        let Some(reach) = Reach::of(grant.get_ref(), words) else { continue };
        let beyond = reach.not_covered_by(asked);
        if !beyond.is_empty() {
            let message = format!("the hook `{}` does not ask for this grant", manifest.name);
            let problem = Problem::new(ProblemKind::GrantNotAsked, grant.span(), message);
            problems.add(problem.label(format!("not asked for: {}", beyond.join(", "))));
        }
    }
}

fn asked_secrets(stanza: &Stanza<'_>, manifest: &Manifest, asks: &Asks, problems: &Problems) {
    let asks: BTreeMap<&str, AskedSecret<'_>> =
        asks.secrets.iter().map(|line| AskedSecret::of(line)).collect();
    for (name, ask) in asks.iter().filter(|(name, _)| !stanza.secrets.contains_key(**name)) {
        let message =
            format!("[hook.{}] does not grant a secret that its hook asks for: `{name}`", stanza.name);
        let problem = Problem::new(ProblemKind::SecretLacking, stanza.at.clone(), message).label("lacks it");
        problems.add(problem.help(format!("add, if you agree: {}", stanza_line(name, ask))));
    }
    for (name, granted) in stanza.secrets.iter().filter(|(name, _)| !asks.contains_key(name.as_str())) {
        let message = format!("the hook `{}` does not ask for a secret `{name}`", manifest.name);
        problems.add(
            Problem::new(ProblemKind::SecretNotAsked, granted.at.clone(), message).label("not asked for"),
        );
    }
}

fn stanza_line(name: &str, ask: &AskedSecret<'_>) -> String {
    let to = ask.to.map(|to| format!(", to = \"{to}\"")).unwrap_or_default();
    let place = match ask.place {
        SecretPlace::At(at) => format!("at = \"{at}\""),
        SecretPlace::Signing("sigv4") => "sign = \"sigv4\", region = \"...\", service = \"...\"".to_owned(),
        SecretPlace::Signing(method) => format!("sign = \"{method}\""),
    };
    format!("secret.{name} = {{ from = \"...\", {place}{to} }}")
}

/// A secret for a host that no grant reaches could never be used.
fn secrets(stanza: &Stanza<'_>, words: &BTreeMap<String, String>, reached: &[Reach], problems: &Problems) {
    let grants = || {
        stanza.secrets.iter().filter_map(|(name, granted)| Some((name, granted.grant.as_ref()?, &granted.at)))
    };
    let secret_url = grants().any(|(_, grant, _)| grant.at == Position::Url);
    let differing = stanza.allow.iter().any(|grant| Reach::of(grant.get_ref(), words).is_none());
    let unreached = |what: String, to: &String, at: &std::ops::Range<usize>| {
        if reached.iter().any(|reach| reach.authority().as_ref() == Some(to)) {
            return;
        }
        let hosts: Vec<_> = reached.iter().filter_map(Reach::authority).collect();
        let message = format!("{what} may go to {to}, which no grant reaches");
        let problem =
            Problem::new(ProblemKind::SecretUnreached, at.clone(), message).label("can never be used");
        let reach = if hosts.is_empty() { "nothing".to_owned() } else { hosts.join(", ") };
        problems.add(problem.help(format!("`allow` of this stanza reaches: {reach}")));
    };
    for (name, grant, at) in grants() {
        let Some(to) = &grant.to else { continue };
        // What a secret URL or a word of the owner reaches is not known here.
        let unknown = differing || secret_url && grant.sign.is_some();
        if !unknown {
            unreached(format!("secret `{name}`"), to, at);
        }
    }
    for (output, line) in &stanza.sealed {
        if let Some(grant) = line.grant.as_ref().filter(|_| !differing) {
            unreached(format!("sealed output `{output}`"), &grant.to, &line.at);
        }
    }
}
