//! Names that nobody knows: what is said, and what would help.

use super::Failure;
use crate::config::Config;

/// There is no such hook.
pub(super) fn hook(config: &Config, name: &str) -> Failure {
    let failure = Failure::usage(format!("the configuration has no hook `{name}`"));
    match listed(config.hooks.keys()) {
        Some(known) => failure.hint(format!("write [hook.{name}] into it first; it has: {known}")),
        None => failure.hint(format!(
            "it has no hooks: the stanzas that `groundcrew init` writes are commented out; take the `#` from those that you want, or write [hook.{name}]"
        )),
    }
}

/// There is no such audit.
pub(super) fn audit(config: &Config, name: &str) -> Failure {
    let failure = Failure::usage(format!("the configuration has no audit `{name}`"));
    match listed(config.audits.keys()) {
        Some(known) => failure.hint(format!("it has: {known}")),
        None => {
            failure.hint(format!("it has no audits: `groundcrew init` writes none; write [audit.{name}]"))
        }
    }
}

/// The hooks that the database knows.
pub(super) fn known_hooks<'a>(names: impl Iterator<Item = &'a String>) -> String {
    format!("known hooks: {}", listed(names).unwrap_or_else(|| "none".to_owned()))
}

/// Names one after the other, if there are any.
fn listed<'a>(names: impl Iterator<Item = &'a String>) -> Option<String> {
    let names: Vec<_> = names.map(String::as_str).collect();
    (!names.is_empty()).then(|| names.join(", "))
}
