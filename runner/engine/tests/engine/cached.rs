//! Compiled components are believed only if this installation wrote them.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use groundcrew_engine::cache::{Cache, Compiler, Error, compile_file};
use groundcrew_engine::inspect::inspect;

use crate::support::{component, engine};

/// The compiled file in a directory.
fn compiled(directory: &Path) -> PathBuf {
    let found = std::fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path());
    let mut found: Vec<_> = found.filter(|path| path.extension().is_some_and(|it| it == "cwasm")).collect();
    assert_eq!(found.len(), 1, "{found:?}");
    found.remove(0)
}

async fn load(cache: &Cache, bytes: &[u8]) -> Result<(), Error> {
    cache.load(engine(), inspect(bytes).unwrap().digest, bytes).await.map(drop)
}

/// A program that is no compiler: a line of shell.
fn program(directory: &Path, line: &str) -> Compiler {
    let program = directory.join("compiler");
    std::fs::write(&program, format!("#!/bin/sh\n{line}\n")).unwrap();
    std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755)).unwrap();
    Compiler::Child { program, args: Vec::new() }
}

#[tokio::test]
async fn what_was_tampered_with_or_has_another_key_is_compiled_again() {
    let bytes = component("guest-trap-at-start");
    let directory = tempfile::tempdir().unwrap();
    let at = directory.path().join("cache");
    let cache = Cache::new(at.clone(), [1; 32], Compiler::InProcess);
    load(&cache, &bytes).await.unwrap();
    let good = std::fs::read(compiled(&at)).unwrap();

    // Nobody can compile from here on: what loads comes from the file.
    let broken = program(directory.path(), "echo cannot >&2; exit 1");
    let reading = Cache::new(at.clone(), [1; 32], broken.clone());
    load(&reading, &bytes).await.unwrap();
    let other = Cache::new(at.clone(), [2; 32], broken);
    assert!(matches!(load(&other, &bytes).await, Err(Error::Compile(said)) if said == "cannot"));
    let mut bad = good.clone();
    bad[good.len() / 2] ^= 1;
    std::fs::write(compiled(&at), &bad).unwrap();
    assert!(matches!(load(&reading, &bytes).await, Err(Error::Compile(_))), "not believed");

    load(&cache, &bytes).await.unwrap();
    assert_eq!(std::fs::read(compiled(&at)).unwrap(), good, "compiled again");
}

#[tokio::test]
async fn a_child_writes_what_this_process_would_and_its_failures_are_told() {
    let bytes = component("guest-trap-at-start");
    let directory = tempfile::tempdir().unwrap();
    let (input, output) = (directory.path().join("in.wasm"), directory.path().join("out.cwasm"));
    std::fs::write(&input, &bytes).unwrap();
    compile_file(&input, &output).unwrap();
    let child = program(directory.path(), &format!("cp {} \"$2\"", output.display()));
    let (here, there) = (directory.path().join("here"), directory.path().join("there"));
    load(&Cache::new(here.clone(), [1; 32], Compiler::InProcess), &bytes).await.unwrap();
    load(&Cache::new(there.clone(), [1; 32], child), &bytes).await.unwrap();
    assert_eq!(std::fs::read(compiled(&here)).unwrap(), std::fs::read(compiled(&there)).unwrap());

    let failed = directory.path().join("failed");
    let silent = program(directory.path(), "kill -9 $$");
    let error = load(&Cache::new(failed.clone(), [1; 32], silent), &bytes).await.unwrap_err().to_string();
    assert!(error.contains("signal: 9"), "{error}");
    assert_eq!(std::fs::read_dir(failed).unwrap().count(), 0, "nothing is left behind");
    let missing = Compiler::Child { program: "/nowhere/compiler".into(), args: Vec::new() };
    let cache = Cache::new(directory.path().join("missing"), [1; 32], missing);
    assert!(matches!(load(&cache, &bytes).await, Err(Error::Io { .. })));
}
