//! `groundcrew learn HOOK --write`: what was learnt takes the place of what the stanza allows.
//!
//! # Guarantees
//! - Only lines of the hook's `allow` change; the file as it would be is read again before it takes the place.
//! - The old file stays until the new one is complete.
//! - A file whose stanza is not the one that recorded the runs is left alone.

use std::fmt::Write as _;
use std::fs;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use groundcrew_core::egress::Grant;
use groundcrew_core::egress::learn::Learnt;
use groundcrew_store::Store;
use groundcrew_store::hooks::HookState;
use serde::Serialize;
use tempfile::NamedTempFile;

use crate::commands::{Context, Failure};
use crate::components;
use crate::config::{Config, Hook, Severity, regrant};
use crate::show::{Tone, paint};

/// What was written, in JSON.
#[derive(Debug, Serialize)]
pub(super) struct Written {
    file: String,
    /// Grants that are no longer there.
    removed: Vec<String>,
    /// Grants in their place.
    added: Vec<String>,
    /// What is to be done for them to hold, in this order.
    next: Vec<String>,
}

/// Writes learnt grants into the stanza that they come from.
pub(super) fn write(
    context: &Context,
    store: &Store,
    config: &Config,
    hook: &Hook,
    learnt: &[Learnt],
) -> Result<Written, Failure> {
    let given = context.config_path();
    is_the_one_that_ran(store, hook, given)?;
    let file = editable(given)?;
    let becomes = becoming(&hook.allow, learnt);
    let changed =
        || hook.allow.iter().zip(&becomes).filter_map(|(grant, lines)| Some((grant, lines.as_ref()?)));
    let removed: Vec<_> = changed().map(|(grant, _)| grant.to_string()).collect();
    let added: Vec<_> = changed().flat_map(|(_, lines)| lines.clone()).collect();
    let mut written = Written { file: given.display().to_string(), removed, added, next: Vec::new() };
    if written.is_empty() {
        return Ok(written);
    }
    let text = fs::read_to_string(&file).map_err(|error| unwritten(given, &error))?;
    let cannot = |why: &str| {
        let message =
            format!("`allow` of [hook.{}] cannot be edited in {}: {why}", hook.name, given.display());
        Failure::failed(message).hint(format!("groundcrew learn {}, and paste it", hook.name))
    };
    let edited =
        regrant(&text, &hook.name, &becomes).ok_or_else(|| cannot("it is not there as it was read"))?;
    stays_right(context, config, hook, learnt, &edited).map_err(|why| cannot(&why))?;
    replace(&file, &edited).map_err(|error| unwritten(given, &error))?;
    let add = format!("groundcrew add {}", hook.name);
    written.next = vec![context.typed(&add), context.typed("groundcrew reload")];
    Ok(written)
}

/// Refuses a stanza that recorded runs say nothing of.
fn is_the_one_that_ran(store: &Store, hook: &Hook, file: &Path) -> Result<(), Failure> {
    let stored = store.hooks()?.into_iter().find(|stored| stored.name == hook.name);
    if stored.is_some_and(|it| it.state == HookState::Active && it.stanza == hook.stanza_text()) {
        return Ok(());
    }
    let message = format!(
        "[hook.{}] of {} is not as `groundcrew up` read it last: its runs were another stanza's",
        hook.name,
        file.display()
    );
    Err(Failure::failed(message)
        .hint("groundcrew reload with this file first, or put the stanza back")
        .hint(format!("groundcrew learn {}, which only prints", hook.name)))
}

/// The file itself, where the given one is a link to it.
fn editable(given: &Path) -> Result<PathBuf, Failure> {
    let file = fs::canonicalize(given).map_err(|error| unwritten(given, &error))?;
    if file.is_file() {
        return Ok(file);
    }
    Err(Failure::failed(format!("{} is no file that can be edited", given.display())))
}

/// What becomes of each present grant; none: it stays as it is.
fn becoming(allow: &[Grant], learnt: &[Learnt]) -> Vec<Option<Vec<String>>> {
    // What was learnt is in the order of what it comes from.
    let mut learnt = learnt.iter().peekable();
    let mut of = |grant: &Grant| {
        let mut lines = Vec::new();
        while let Some(line) = learnt.next_if(|line| line.from == *grant) {
            lines.push(line.grant.to_string());
        }
        (lines != [grant.to_string()]).then_some(lines)
    };
    allow.iter().map(&mut of).collect()
}

/// Whether the edited text says exactly this: the learnt grants, and all else as before; else why not.
fn stays_right(
    context: &Context,
    config: &Config,
    hook: &Hook,
    learnt: &[Learnt],
    edited: &str,
) -> Result<(), String> {
    let file = context.config_path();
    let (name, dir) = (file.display().to_string(), file.parent().unwrap_or(Path::new("")));
    let read = Config::parse(&name, edited, dir, context.environment(), &components::manifest);
    let read = read.map_err(|report| {
        let mut problems = report.problems().iter();
        let error = problems.find(|problem| problem.kind.severity() == Severity::Error);
        error.map_or_else(|| report.summary(), |problem| problem.message.clone())
    })?;
    let others = |config: &Config| {
        let others = config.hooks.values().filter(|other| other.name != hook.name);
        others.map(Hook::stanza_text).collect::<Vec<_>>()
    };
    let is_learnt = |now: &Hook| now.allow.iter().eq(learnt.iter().map(|line| &line.grant));
    if read.hooks.get(&hook.name).is_some_and(is_learnt) && others(&read) == others(config) {
        return Ok(());
    }
    Err("it would say something else".to_owned())
}

/// Puts a text in the place of a file, with that one's permissions.
fn replace(file: &Path, text: &str) -> io::Result<()> {
    let mut fresh = NamedTempFile::with_prefix_in(".groundcrew.", file.parent().unwrap_or(Path::new("")))?;
    fresh.write_all(text.as_bytes())?;
    fresh.as_file().set_permissions(fs::metadata(file)?.permissions())?;
    fresh.as_file().sync_all()?;
    fresh.persist(file)?;
    Ok(())
}

fn unwritten(file: &Path, error: &io::Error) -> Failure {
    Failure::failed(format!("{} cannot be edited: {error}", file.display()))
}

impl Written {
    fn is_empty(&self) -> bool {
        self.removed.is_empty() && self.added.is_empty()
    }

    /// What changed, line by line, and what is to be done for it to hold.
    pub(super) fn draw(&self, hook: &str) -> String {
        let file = &self.file;
        if self.is_empty() {
            return format!("nothing to write: [hook.{hook}] of {file} allows no more than that\n");
        }
        let mut text = format!("{file}, [hook.{hook}]\n");
        for (sign, tone, lines) in [('-', Tone::Bad, &self.removed), ('+', Tone::Good, &self.added)] {
            for line in lines {
                let _ = writeln!(text, "{}", paint(tone, &format!("{sign} {line}")));
            }
        }
        let _ = writeln!(text, "written; for it to hold: {}", self.next.join(", then "));
        text
    }
}
