//! Compiles what was approved, so that the next start or reload finds it in the cache.
//!
//! Only where a runner has begun: the first one makes the key that compiled components are signed with, and whoever
//! approves may be somebody else, or on another machine. Who may not read that key is told that nothing is compiled.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{self, ErrorKind, Write as _};
use std::path::Path;

use groundcrew_core::duration::Millis;
use groundcrew_core::hash::Digest;
use groundcrew_engine::cache::Cache;
use groundcrew_engine::inspect::{self, Inspected, inspect};
use groundcrew_engine::limits::Limits;
use groundcrew_engine::run::{Engine, Profile, Reset};
use serde::Serialize;

use crate::assembly;
use crate::commands::{Context, Failure};
use crate::components;
use crate::config::Hook;
use crate::key;
use crate::show;

/// A component that was compiled.
#[derive(Debug, Serialize)]
pub(super) struct Compiled {
    hook: String,
    component: Digest,
    took_ms: i64,
}

/// Compiles the components and candidates of these hooks that the cache does not have, one after the other, and says so.
///
/// # Errors
/// They are approved nevertheless.
pub(super) fn compile(context: &Context, hooks: &[&Hook]) -> Result<Vec<Compiled>, Failure> {
    let approved = |failure: Failure| Failure {
        causes: [vec![failure.message], failure.causes].concat(),
        ..Failure::failed("what is approved could not be compiled").hint("groundcrew doctor")
    };
    let Some(cache) = cache(context).map_err(approved)? else { return Ok(Vec::new()) };
    let candidates = hooks.iter().filter_map(|hook| hook.candidate.as_ref());
    let all = hooks.iter().copied().chain(candidates.map(|candidate| &*candidate.hook));
    let (mut seen, mut compiled) = (BTreeSet::new(), Vec::new());
    for hook in all {
        // What is compiled under a digest is what has it: the file may be written anew meanwhile.
        let bytes = components::read(&hook.component).map_err(|error| approved(Failure::of(&error)))?;
        let refused = |error: inspect::Error| approved(Failure::of(&error));
        let inspected = inspect(&bytes).map_err(refused)?;
        if seen.insert(inspected.digest) {
            compiled.extend(one(context, &cache, &hook.name, &inspected, &bytes).map_err(approved)?);
        }
    }
    Ok(compiled)
}

/// For people; nothing if there was nothing to compile.
pub(super) fn told(compiled: &[Compiled]) -> String {
    if compiled.is_empty() {
        return String::new();
    }
    let took = compiled.iter().map(|one| one.took_ms).sum();
    let took = show::length(Millis::new(took));
    format!("compiled {} in {took}: the next start or reload does not have to\n", compiled.len())
}

/// The cache of the installation; none where no runner has begun, or where what it began may not be read.
fn cache(context: &Context) -> Result<Option<Cache>, Failure> {
    let dir = context.data_dir();
    // The key first: beside one that is closed, the database may not open either, and would not say why.
    for file in [dir.key(), dir.database()] {
        if let Some(why) = denied(&file, File::open(&file).map(drop)) {
            say(&why);
            return Ok(None);
        }
    }
    if !dir.database().exists() {
        return Ok(None);
    }
    let key = key::belonging(&context.reader()?, &dir.key(), &dir.database());
    let Some(key) = key.map_err(|error| Failure::of(&error))? else { return Ok(None) };
    let compiler = assembly::compiler().map_err(|error| Failure::of(&error))?;
    Ok(Some(Cache::new(dir.path().join("cache"), key, compiler)))
}

fn one(
    context: &Context,
    cache: &Cache,
    hook: &str,
    inspected: &Inspected,
    bytes: &[u8],
) -> Result<Option<Compiled>, Failure> {
    let profile = Profile {
        slots: 1,
        core_instances: inspected.core_instances,
        memory: Limits::default().memory,
        reset: Reset::Written,
    };
    let engine = Engine::new(profile).map_err(|error| Failure::of(&error))?;
    let component = inspected.digest;
    if cache.find(&engine, component).map_err(|error| Failure::of(&error))?.is_some() {
        return Ok(None);
    }
    say(&format!("compiling the component of {hook} ({})\n", component.short()));
    let began = context.now();
    let loaded = context.block_on(cache.load(&engine, component, bytes))?;
    loaded.map_err(|error| Failure::of(&error))?;
    let took = context.now().since(began);
    say(&format!("compiled in {}\n", show::length(took)));
    Ok(Some(Compiled { hook: hook.to_owned(), component, took_ms: took.as_i64() }))
}

/// What is said where whoever approves may not read one of the installation's files; of all else whoever needs it says
/// what is wrong.
fn denied(path: &Path, opened: io::Result<()>) -> Option<String> {
    let error = opened.err().filter(|error| error.kind() == ErrorKind::PermissionDenied)?;
    let path = path.display();
    Some(format!(
        "nothing is compiled ahead: cannot read {path}: {error}; the next start or reload compiles\n"
    ))
}

/// How far it is; nobody is left to be told where that cannot be written.
fn say(line: &str) {
    drop(anstream::stderr().write_all(line.as_bytes()));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_may_not_read_what_a_runner_made_is_told_that_nothing_is_compiled() {
        let of = |kind: ErrorKind| denied(Path::new("data/key"), Err(kind.into()));
        let told = "nothing is compiled ahead: cannot read data/key: permission denied; the next start or reload compiles\n";
        assert_eq!(of(ErrorKind::PermissionDenied).as_deref(), Some(told));
        assert_eq!(of(ErrorKind::NotFound), None, "no runner has begun");
        assert_eq!(denied(Path::new("data/key"), Ok(())), None);
    }
}
