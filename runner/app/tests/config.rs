//! Golden configurations: every kind of problem as it is told, and good files as they are taken.
//!
//! `tests/config/CODE.toml` (or `CODE--VARIANT.toml`) has its report in `CODE.err` beside it. With the variable
//! `UPDATE_GOLDEN` set, reports are written instead of compared.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use groundcrew::config::{Component, Config, Environment, NoManifest, Paint, ProblemKind, Report, Severity};
use groundcrew_core::manifest::Manifest;

fn dir() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/config")
}

fn environment() -> Environment {
    let names = ["FLY_READ_TOKEN", "FLY_API_TOKEN", "BILLING_TOKEN", "SLACK_WEBHOOK", "PDNS_KEY"];
    Environment::fixed(names.map(|name| (name.to_owned(), format!("value of {name}"))))
}

fn manifest(component: &Component) -> Result<Manifest, NoManifest> {
    match component {
        Component::Builtin(name) => {
            let known = || ["dns", "fly-cert", "fly-ip", "notify"].map(str::to_owned).to_vec();
            let text = fs::read_to_string(dir().join("hooks").join(format!("{name}.toml")));
            let text = text.map_err(|_| NoManifest::UnknownBuiltin { known: known() })?;
            Ok(Manifest::parse(&text).unwrap())
        }
        Component::File(path) if path.ends_with("plain.wasm") => Err(NoManifest::Absent),
        Component::File(_) => Err(NoManifest::Refused("this is no WebAssembly: it does not begin with `\\0asm`".to_owned())),
    }
}

fn load(name: &str) -> Result<Config, Report> {
    let file = format!("{name}.toml");
    match fs::read_to_string(dir().join(&file)) {
        Ok(text) => Config::parse(&file, &text, Path::new("tests/config"), &environment(), &manifest),
        Err(_) => Config::load(Path::new(&file), &environment(), &manifest),
    }
}

fn report(name: &str) -> Report {
    load(name).map_or_else(|report| report, |config| config.notes)
}

fn goldens() -> BTreeSet<String> {
    let names = fs::read_dir(dir()).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    names.filter_map(|name| name.strip_suffix(".err").or(name.strip_suffix(".toml")).map(str::to_owned)).collect()
}

#[test]
fn every_problem_is_told_as_its_golden_file_says() {
    let update = std::env::var_os("UPDATE_GOLDEN").is_some();
    let mut differing = Vec::new();
    let codes = ProblemKind::ALL.iter().map(|kind| kind.code().to_owned());
    for name in goldens().into_iter().chain(codes).filter(|name| !name.starts_with("good-")) {
        let golden = dir().join(format!("{name}.err"));
        let drawn = report(&name).draw(Paint::Plain);
        if update {
            fs::write(&golden, &drawn).unwrap();
        }
        if fs::read_to_string(&golden).unwrap_or_default() != drawn {
            differing.push(format!("{}:\n{drawn}", golden.display()));
        }
    }
    assert!(differing.is_empty(), "these differ:\n{}", differing.join("\n"));
}

#[test]
fn every_kind_of_problem_has_a_golden_file() {
    for kind in ProblemKind::ALL {
        let golden = fs::read_to_string(dir().join(format!("{kind}.err"))).unwrap_or_default();
        assert!(golden.contains(&format!("{}[{kind}]: ", kind.severity().as_str())), "no golden file shows `{kind}`");
        assert!(report(kind.code()).has(*kind), "{kind}");
    }
}

#[test]
fn codes_are_unique_and_errors_refuse() {
    let codes: BTreeSet<_> = ProblemKind::ALL.iter().map(|kind| kind.code()).collect();
    assert_eq!(codes.len(), ProblemKind::ALL.len());
    for kind in ProblemKind::ALL {
        let refused = load(kind.code()).is_err();
        assert_eq!(refused, kind.severity() == Severity::Error, "{kind}");
    }
}

#[test]
fn the_test_directory_is_where_relative_paths_begin() {
    let config = Config::load(&dir().join("no-source.toml"), &environment(), &manifest).unwrap();
    assert_eq!(config.store.dir, dir().join("groundcrew-data"));
}
