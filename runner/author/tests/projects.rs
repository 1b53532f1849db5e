//! Projects as `new` makes them: complete, legal, and never over what is there.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use groundcrew_author::{Built, CreateError, Error, Kind, Language, Name, Project, Tools, build, create};

fn name() -> Name {
    "cdn-zone".parse().unwrap()
}

#[test]
fn every_language_and_kind_has_a_complete_project() {
    for language in Language::ALL {
        for kind in Kind::ALL {
            let folder = tempfile::tempdir().unwrap();
            let created = create(folder.path(), &name(), language, kind).unwrap();
            let what = format!("{} {}", language.word(), kind.word());
            let scenarios = ["scenarios/life.toml", "scenarios/life.calls"];
            let of_makers = ["scenarios/namesake.toml", "scenarios/namesake.calls"];
            let of_makers = of_makers.into_iter().filter(|_| kind == Kind::Provisioner);
            let needed = ["hook.toml", "README.md", ".gitignore", language.known_by()];
            for needed in needed.into_iter().chain(scenarios).chain(of_makers) {
                assert!(created.files.iter().any(|file| file == needed), "{what} lacks {needed}");
            }
            let is_test = |file: &String| file.starts_with("tests/") || file.ends_with("_test.go");
            assert!(created.files.iter().any(is_test), "{what} lacks a test of its language");
            for file in &created.files {
                let text = fs::read_to_string(created.root.join(file)).unwrap();
                assert!(!text.contains("{{name}}") && !text.contains("{{snake}}"), "{what}: {file}");
                assert!(text.ends_with('\n'), "{what}: {file}");
            }
            let project = Project::find(&created.root.join("src")).unwrap();
            assert_eq!((project.language, project.kind()), (language, kind), "{what}");
            assert_eq!(project.manifest.name, "cdn-zone");
        }
    }
}

#[test]
fn what_is_there_is_not_touched() {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("cdn-zone")).unwrap();
    fs::write(folder.path().join("cdn-zone/hook.toml"), "mine").unwrap();
    let refused = create(folder.path(), &name(), Language::Rust, Kind::Handler).unwrap_err();
    assert!(matches!(refused, CreateError::Exists(_)), "{refused}");
    assert_eq!(fs::read_dir(folder.path().join("cdn-zone")).unwrap().count(), 1);
}

#[test]
fn the_sdk_is_unpacked_once_and_replaced_when_it_is_another() {
    let folder = tempfile::tempdir().unwrap();
    let root = create(folder.path(), &name(), Language::Python, Kind::Handler).unwrap().root;
    let own = root.join(".groundcrew");
    let module = own.join("sdk/python/groundcrew_hook/__init__.py");
    let text = fs::read_to_string(&module).unwrap();
    fs::write(&module, "changed").unwrap();
    missing(&root);
    assert_eq!(fs::read_to_string(&module).unwrap(), "changed");
    fs::write(own.join("stamp"), "of another version").unwrap();
    fs::write(own.join("sdk/python/old.py"), "").unwrap();
    missing(&root);
    assert_eq!(fs::read_to_string(&module).unwrap(), text);
    assert!(!own.join("sdk/python/old.py").exists());
}

/// Tries to build on a machine that has nothing.
fn missing(root: &Path) -> Error {
    let nothing = tempfile::tempdir().unwrap();
    let path = nothing.path().display().to_string();
    let tools = Tools::new(|name| (name == "PATH").then(|| path.clone()));
    let built: Result<Built, Error> = build(&Project::find(root).unwrap(), &tools, &mut |_| {});
    built.unwrap_err()
}

#[test]
fn what_is_missing_is_said_with_what_installs_it() {
    let mut text = String::new();
    for language in Language::ALL {
        let folder = tempfile::tempdir().unwrap();
        let error = missing(&create(folder.path(), &name(), language, Kind::Handler).unwrap().root);
        writeln!(text, "error: {error}").unwrap();
        for hint in error.hints() {
            writeln!(text, "  hint: {hint}").unwrap();
        }
    }
    golden("missing.txt", &text);
}

/// Examples that are no more than what `new` makes, so that they are built and run with the templates.
const EXAMPLES: [(&str, &str, Language, Kind); 15] = [
    ("ts/provisioner", "things-ts", Language::Ts, Kind::Provisioner),
    ("ts/handler", "tell-ts", Language::Ts, Kind::Handler),
    ("ts/auditor", "idle-ts", Language::Ts, Kind::Auditor),
    ("js/provisioner", "things-js", Language::Js, Kind::Provisioner),
    ("js/handler", "tell-js", Language::Js, Kind::Handler),
    ("js/auditor", "idle-js", Language::Js, Kind::Auditor),
    ("go/provisioner", "things-go", Language::Go, Kind::Provisioner),
    ("go/handler", "tell-go", Language::Go, Kind::Handler),
    ("go/auditor", "idle-go", Language::Go, Kind::Auditor),
    ("python/provisioner", "things-py", Language::Python, Kind::Provisioner),
    ("python/handler", "tell-py", Language::Python, Kind::Handler),
    ("python/auditor", "idle-py", Language::Python, Kind::Auditor),
    ("c/provisioner", "things-c", Language::C, Kind::Provisioner),
    ("c/handler", "tell-c", Language::C, Kind::Handler),
    ("c/auditor", "idle-c", Language::C, Kind::Auditor),
];

#[test]
fn examples_are_what_new_makes() {
    let examples = examples();
    for (at, name, language, kind) in EXAMPLES {
        let folder = tempfile::tempdir().unwrap();
        let created = create(folder.path(), &name.parse().unwrap(), language, kind).unwrap();
        for file in &created.files {
            same(&created.root.join(file), &examples.join(at).join(file));
        }
    }
}

/// Those of which only the scenarios are what `new` makes: the rest is written by hand.
const BY_HAND: [(&str, Kind, &[&str]); 4] = [
    (
        "rust/provisioner",
        Kind::Provisioner,
        &[
            "scenarios/life.toml",
            "scenarios/life.calls",
            "scenarios/namesake.toml",
            "scenarios/namesake.calls",
        ],
    ),
    ("rust/handler", Kind::Handler, &["scenarios/life.toml", "scenarios/life.calls"]),
    ("rust/auditor", Kind::Auditor, &["scenarios/life.toml", "scenarios/life.calls"]),
    ("plain/bare", Kind::Handler, &["scenarios/life.toml"]),
];

#[test]
fn scenarios_of_other_examples_are_those_that_new_makes() {
    let templates = Path::new(env!("CARGO_MANIFEST_DIR")).join("templates/any");
    for (at, kind, files) in BY_HAND {
        for file in files {
            same(&templates.join(kind.word()).join(file), &examples().join(at).join(file));
        }
    }
}

fn examples() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples")
}

/// Compares a file of an example with what it is a copy of.
fn same(made: &Path, there: &Path) {
    let text = fs::read_to_string(made).unwrap();
    if std::env::var_os("GROUNDCREW_GOLDEN").is_some_and(|mode| mode == "write") {
        fs::create_dir_all(there.parent().unwrap()).unwrap();
        fs::write(there, &text).unwrap();
    }
    let found = fs::read_to_string(there).unwrap_or_default();
    assert!(found == text, "{} is old; GROUNDCREW_GOLDEN=write writes it", there.display());
}

#[test]
fn the_table_of_examples_names_every_one_and_no_other() {
    let examples = examples();
    let there: BTreeSet<_> = folders(&examples)
        .into_iter()
        .flat_map(|language| {
            folders(&examples.join(&language)).into_iter().map(move |it| format!("{language}/{it}"))
        })
        .filter(|example| examples.join(example).join("hook.toml").is_file())
        .collect();
    let table = fs::read_to_string(examples.join("README.md")).unwrap();
    let links = || table.split("](").skip(1).filter_map(|rest| Some(rest.split_once(')')?.0.to_owned()));
    let (pages, named): (BTreeSet<_>, BTreeSet<_>) = links().partition(|link| link.ends_with("README.md"));
    assert_eq!(named, there, "examples/README.md, and the folders with a hook.toml");
    let of_language = |page: &String| page.trim_end_matches("/README.md").to_owned();
    assert_eq!(
        pages.iter().map(of_language).collect::<BTreeSet<_>>(),
        folders(&examples).into_iter().collect()
    );
    // So does the table of each language.
    for page in &pages {
        let language = of_language(page);
        let text = fs::read_to_string(examples.join(page)).unwrap();
        let rows = text.lines().filter_map(|line| line.strip_prefix("| `")?.split_once('`'));
        let rows: BTreeSet<_> = rows.map(|(folder, _)| format!("{language}/{folder}")).collect();
        let of_it: BTreeSet<_> =
            there.iter().filter(|it| it.starts_with(&format!("{language}/"))).cloned().collect();
        assert_eq!(rows, of_it, "examples/{page}");
    }
    // What `new` makes is compared with it.
    let made: BTreeSet<_> = EXAMPLES.iter().map(|(at, ..)| (*at).to_owned()).collect();
    let by_new = |it: &&String| !it.starts_with("rust/") && !it.starts_with("plain/");
    assert_eq!(made, there.iter().filter(by_new).cloned().collect());
}

/// The folders within another, but for what builds leave there.
fn folders(within: &Path) -> Vec<String> {
    let entries = fs::read_dir(within).unwrap().map(|entry| entry.unwrap());
    let folders = entries.filter(|entry| entry.path().is_dir()).map(|entry| entry.file_name());
    folders.map(|name| name.into_string().unwrap()).collect()
}

fn golden(name: &str, text: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(name);
    if std::env::var_os("GROUNDCREW_GOLDEN").is_some_and(|mode| mode == "write") {
        fs::write(&path, text).unwrap();
    }
    let expected = fs::read_to_string(&path).unwrap_or_default();
    assert_eq!(text, expected, "{name}; GROUNDCREW_GOLDEN=write writes it");
}
