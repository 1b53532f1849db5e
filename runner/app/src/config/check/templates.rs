//! Words in braces within a stanza's `config`: each must be able to get a value.

use groundcrew_core::template::words_in;
use serde_json::Value;

use super::super::problem::{Problem, ProblemKind, Problems, Quote, Span};
use super::super::read::json;
use super::super::resolve::Stanza;
use super::schema::{Place, place_of_text};

pub(super) fn check(stanza: &Stanza<'_>, stanzas: &[Stanza<'_>], problems: &Problems) {
    let Some(written) = stanza.config_written else { return };
    let mut words = words_in(&json(written.get_ref()));
    words.sort_unstable();
    words.dedup();
    for word in words {
        let at = place_of_text(written, &format!("{{{word}}}"));
        if let Some(problem) = judge(stanza, stanzas, &word, at) {
            problems.add(problem);
        }
    }
    identity(stanza, written, problems);
}

fn judge(stanza: &Stanza<'_>, stanzas: &[Stanza<'_>], word: &str, at: Span) -> Option<Problem> {
    let known: Vec<_> = stanza.owner_words().chain(["fly.api"]).collect();
    let label = word.strip_prefix("labels.").is_some_and(|label| !label.is_empty());
    if label || known.contains(&word) {
        return None;
    }
    let hook = word.split_once('.').and_then(|(hook, _)| stanzas.iter().find(|other| other.name == hook));
    if let Some(hook) = hook.filter(|hook| hook.name != stanza.name) {
        let read = stanza.reads.iter().any(|read| *read.get_ref() == hook.name);
        return (!read).then(|| {
            let message = format!(
                "`{{{word}}}` is an output of `{}`, which [hook.{}] does not read",
                hook.name, stanza.name
            );
            let problem = Problem::new(ProblemKind::TemplateNotRead, at, message).label("never has a value");
            let mut reads: Vec<_> = stanza.reads.iter().map(|read| format!("{:?}", read.get_ref())).collect();
            reads.push(format!("{:?}", hook.name));
            problem.help(format!("write in [hook.{}]: reads = [{}]", stanza.name, reads.join(", ")))
        });
    }
    let message = format!("`{{{word}}}` never has a value");
    let problem = Problem::new(ProblemKind::UnknownWord, at.clone(), message).label("no such word");
    let text_at = at.start + 1..at.end.saturating_sub(1);
    let near = super::super::near::nearest(word, known.iter().copied());
    Some(if near.is_some() {
        problem.meant(word, known, text_at, Quote::Bare)
    } else {
        let owner: Vec<_> = known.iter().map(|word| format!("{{{word}}}")).collect();
        problem.help(format!(
            "to choose from: {}, {{labels.NAME}}, {{HOOK.OUTPUT}} of hooks that it reads",
            owner.join(", ")
        ))
    })
}

/// A field that makes up the target must be the same for every owner.
fn identity(stanza: &Stanza<'_>, written: super::super::read::Written<'_>, problems: &Problems) {
    let Some(manifest) = &stanza.manifest else { return };
    for field in manifest.identity_fields() {
        let value = stanza.config.value.get(field).unwrap_or(&Value::Null);
        let words = words_in(value);
        if let Some(word) = words.first() {
            let at = Place::of(written, &format!("/{field}")).value;
            let message =
                format!("`config.{field}` says where the things live, and cannot hold `{{{word}}}`");
            let problem =
                Problem::new(ProblemKind::UnsteadyIdentity, at, message).label("differs from owner to owner");
            problems.add(problem.help("write one value, and a stanza for each place"));
        }
    }
}
