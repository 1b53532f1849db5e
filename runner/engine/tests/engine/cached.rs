//! Compiled components are believed only if this installation wrote them.

use std::collections::BTreeSet;
use std::fs::File;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, UNIX_EPOCH};

use groundcrew_engine::cache::{Bounds, Cache, Compiler, Error, compile_file};
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

/// The names in a directory.
fn names(directory: &Path) -> BTreeSet<String> {
    let entries = std::fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().file_name());
    entries.map(|name| name.into_string().unwrap()).collect()
}

#[tokio::test]
async fn leftovers_and_what_was_not_loaded_for_long_go_and_what_is_in_use_stays() {
    let directory = tempfile::tempdir().unwrap();
    let at = directory.path().join("cache");
    let cache = || Cache::new(at.clone(), [1; 32], Compiler::InProcess);
    let used = component("guest-trap-at-start");
    load(&cache(), &used).await.unwrap();
    let (file, in_use) = (compiled(&at), names(&at));
    // What others compiled: as large as this, but for the last, and last loaded at these days since 1970.
    let old = |name: &str, bytes: usize, day: u64| {
        std::fs::write(at.join(format!("{name}.cwasm")), vec![0; bytes]).unwrap();
        let mac = File::create(at.join(format!("{name}.mac"))).unwrap();
        mac.set_modified(UNIX_EPOCH + Duration::from_hours(24 * day)).unwrap();
    };
    old("a-1", 10, 101);
    old("b-1", 10, 103);
    old("c-1", 1000, 102);
    let with = |others: &[&str]| {
        let others = others.iter().flat_map(|name| [format!("{name}.cwasm"), format!("{name}.mac")]);
        in_use.iter().cloned().chain(others).collect::<BTreeSet<_>>()
    };
    for leftover in ["d-1.77-0.new", "d-1.77-0.wasm", "d-1.mac"] {
        std::fs::write(at.join(leftover), "").unwrap();
    }
    // Somebody compiles: nothing is touched.
    let compiling = File::open(&at).unwrap();
    compiling.lock_shared().unwrap();
    let before = names(&at);
    let reading = cache();
    load(&reading, &used).await.unwrap();
    let ever = Duration::from_hours(24 * 365 * 1000);
    reading.tidy(Bounds { age: Duration::ZERO, bytes: 0 }).unwrap();
    assert_eq!(names(&at), before);
    drop(compiling);

    reading.tidy(Bounds { age: ever, bytes: u64::MAX }).unwrap();
    assert_eq!(names(&at), with(&["a-1", "b-1", "c-1"]), "leftovers alone are gone");
    let size = std::fs::metadata(&file).unwrap().len();
    reading.tidy(Bounds { age: ever, bytes: size + 1015 }).unwrap();
    assert_eq!(names(&at), with(&["b-1", "c-1"]), "the one that was loaded first is too much");
    reading.tidy(Bounds { age: Duration::from_hours(1), bytes: u64::MAX }).unwrap();
    assert_eq!(names(&at), with(&[]), "the others were loaded too long ago");
    let mac = File::options().append(true).open(file.with_extension("mac")).unwrap();
    mac.set_modified(UNIX_EPOCH).unwrap();
    reading.tidy(Bounds { age: Duration::ZERO, bytes: 0 }).unwrap();
    assert_eq!(names(&at), in_use, "this one is in use");

    // To load it says that it is in use, to others as well.
    load(&cache(), &used).await.unwrap();
    cache().tidy(Bounds { age: Duration::from_hours(1), bytes: u64::MAX }).unwrap();
    assert_eq!(names(&at), in_use);
    cache().tidy(Bounds { age: ever, bytes: 0 }).unwrap();
    assert_eq!(names(&at), BTreeSet::new());
    Cache::new(directory.path().join("nowhere"), [1; 32], Compiler::InProcess)
        .tidy(Bounds::default())
        .unwrap();
}

#[tokio::test]
async fn the_standard_input_of_a_child_is_open_while_it_compiles() {
    let bytes = component("guest-trap-at-start");
    let directory = tempfile::tempdir().unwrap();
    let (input, output) = (directory.path().join("in.wasm"), directory.path().join("out.cwasm"));
    std::fs::write(&input, &bytes).unwrap();
    compile_file(&input, &output).unwrap();
    // 124: it was still open when the time was up.
    let waits = "timeout 0.3 cat; [ $? = 124 ] || exit 1";
    let child = program(directory.path(), &format!("{waits}\ncp {} \"$2\"", output.display()));
    load(&Cache::new(directory.path().join("cache"), [1; 32], child), &bytes).await.unwrap();
}
