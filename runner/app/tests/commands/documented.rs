//! What README and `docs` tell readers to type and to open is there.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use clap::{Command, CommandFactory as _};
use groundcrew::commands::Cli;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().unwrap()
}

/// Pages that people read, and what they say.
fn pages() -> Vec<(PathBuf, String)> {
    let folders = ["", "docs", "docs/first-hook"].map(|folder| fs::read_dir(root().join(folder)).unwrap());
    let files = folders.into_iter().flatten().map(|file| file.unwrap().path());
    let pages = files.filter(|path| path.extension().is_some_and(|kind| kind == "md"));
    pages.map(|path| (path.clone(), fs::read_to_string(path).unwrap())).collect()
}

/// What a page shows as typed: pieces of code in its text, and lines of its blocks, without comments.
fn typed(page: &str) -> Vec<String> {
    let (mut all, mut block) = (Vec::new(), false);
    let mut text = String::new();
    for line in page.lines() {
        if line.trim_start().starts_with("```") {
            block = !block;
        } else if block {
            all.push(line.trim().trim_start_matches("$ ").split("  #").next().unwrap().to_owned());
        } else {
            text.push_str(line);
            text.push(' ');
        }
    }
    all.extend(text.split('`').skip(1).step_by(2).map(str::to_owned));
    all
}

/// A command line's words, up to where a shell would go on with another.
fn words(line: &str) -> Vec<&str> {
    line.split_whitespace()
        .take_while(|word| !["|", "&&", "&", ">", "<", ";", "..."].contains(word))
        .collect()
}

/// What is wrong with a command line of ours: a command, or a flag of it, that there is not.
fn wrong(whole: &Command, words: &[&str]) -> Option<String> {
    let mut command = whole;
    let mut globals: Vec<_> = whole.get_arguments().collect();
    for word in words {
        if let Some(flag) = word.strip_prefix("--").filter(|flag| !flag.is_empty()) {
            let name = flag.split(['=', ']']).next().unwrap();
            let mut known = command.get_arguments().chain(globals.iter().copied());
            let is =
                |one: &clap::Arg| one.get_long_and_visible_aliases().is_some_and(|all| all.contains(&name));
            if !known.any(is) && !["help", "version"].contains(&name) {
                return Some(format!("`{}` has no --{name}", command.get_name()));
            }
        } else if let Some(found) = command.find_subcommand(word) {
            command = found;
            globals.extend(command.get_arguments().filter(|one| one.is_global_set()));
        } else if command.has_subcommands() && word.starts_with(|c: char| c.is_ascii_lowercase()) {
            // An argument of what takes commands or arguments alike, or the value of a global option.
            let takes = command.get_positionals().next().is_some()
                || command.get_name() == "groundcrew" && words.len() > 2;
            if !takes || command.get_name() == "groundcrew" {
                return Some(format!("`{}` has no command `{word}`", command.get_name()));
            }
        }
    }
    None
}

#[test]
fn every_command_that_is_documented_is_there() {
    let mut whole = Cli::command();
    whole.build();
    let (mut checked, mut all) = (BTreeSet::new(), Vec::new());
    for (path, page) in pages() {
        for line in typed(&page) {
            let Some(line) = line.strip_prefix("groundcrew ") else { continue };
            let words = words(line);
            checked.extend(words.first().map(|word| (*word).to_owned()));
            all.extend(
                wrong(&whole, &words).map(|why| format!("{}: groundcrew {line}: {why}", path.display())),
            );
        }
    }
    assert!(all.is_empty(), "{}", all.join("\n"));
    let shown = |command: &&Command| !command.is_hide_set();
    let missing: Vec<_> = whole
        .get_subcommands()
        .filter(shown)
        .map(Command::get_name)
        .filter(|name| !checked.contains(*name))
        .collect();
    assert!(missing.is_empty(), "no page has a line with {missing:?}");
}

#[test]
fn what_is_documented_wrongly_is_noticed() {
    let mut whole = Cli::command();
    whole.build();
    for (line, why) in [
        ("plan --outt p.json", "`plan` has no --outt"),
        ("hook removed dns", "`hook` has no command `removed`"),
        ("plann", "`groundcrew` has no command `plann`"),
    ] {
        assert_eq!(wrong(&whole, &words(line)).as_deref(), Some(why));
    }
    assert_eq!(wrong(&whole, &words("--json plan --app web | jq --raw")), None);
}

/// Packages of the workspace, with their folders.
fn packages(folder: &Path, found: &mut Vec<(String, PathBuf)>) {
    if let Ok(manifest) = fs::read_to_string(folder.join("Cargo.toml"))
        && let Some(name) =
            manifest.lines().find_map(|line| line.strip_prefix("name = \"")?.strip_suffix('"'))
    {
        found.push((name.to_owned(), folder.to_owned()));
    }
    let folders = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    for folder in folders.filter(|path| path.is_dir()) {
        let name = folder.file_name().unwrap().to_string_lossy().into_owned();
        if !name.starts_with('.') && !["target", "node_modules", "templates"].contains(&name.as_str()) {
            packages(&folder, found);
        }
    }
}

#[test]
fn every_test_that_is_named_is_there() {
    let mut all = Vec::new();
    packages(&root(), &mut all);
    let lines: Vec<_> = pages().iter().flat_map(|(_, page)| typed(page)).collect();
    let tests: Vec<_> = lines.iter().filter_map(|line| line.strip_prefix("cargo test ")).collect();
    assert!(tests.len() > 30, "{tests:?}");
    for line in tests {
        let words = words(line);
        let after = |flag: &str| -> Vec<&str> {
            words.windows(2).filter(|two| two[0] == flag).map(|two| two[1]).collect()
        };
        let folders: Vec<_> = after("-p")
            .iter()
            .map(|package| {
                let found = all.iter().find(|(name, _)| name == package);
                found.unwrap_or_else(|| panic!("cargo test {line}: no package {package}")).1.clone()
            })
            .collect();
        for test in after("--test") {
            let places = |folder: &PathBuf| {
                [format!("tests/{test}.rs"), format!("tests/{test}/main.rs")].map(|place| folder.join(place))
            };
            let there = |folder: &PathBuf| {
                let manifest = fs::read_to_string(folder.join("Cargo.toml")).unwrap();
                places(folder).iter().any(|path| path.is_file())
                    || manifest.contains(&format!("name = \"{test}\""))
            };
            assert!(folders.is_empty() || folders.iter().any(there), "cargo test {line}: no test {test}");
        }
    }
    let xtask = fs::read_to_string(root().join("xtask/src/main.rs")).unwrap();
    for line in lines.iter().filter_map(|line| line.strip_prefix("cargo xtask ")) {
        let command = words(line)[0];
        assert!(xtask.contains(&format!("Some(\"{command}\"")), "cargo xtask {line}");
    }
}

/// The anchor of a heading, as GitHub makes it.
fn anchor(heading: &str) -> String {
    let kept = heading.trim().to_lowercase();
    let kept = kept.chars().filter(|c| c.is_alphanumeric() || [' ', '-', '_'].contains(c));
    kept.map(|c| if c == ' ' { '-' } else { c }).collect()
}

#[test]
fn every_link_leads_somewhere() {
    let mut links = 0;
    for (path, page) in pages() {
        for link in page.split("](").skip(1).map(|rest| rest.split(')').next().unwrap()) {
            if link.starts_with("http") || link.contains(char::is_whitespace) {
                continue;
            }
            links += 1;
            let (file, part) = link.split_once('#').unwrap_or((link, ""));
            let target = if file.is_empty() { path.clone() } else { path.parent().unwrap().join(file) };
            assert!(target.exists(), "{}: {link}", path.display());
            if !part.is_empty() {
                let text = fs::read_to_string(&target).unwrap();
                let headings = text.lines().filter_map(|line| {
                    line.strip_prefix('#').map(|rest| anchor(rest.trim_start_matches('#')))
                });
                assert!(headings.into_iter().any(|found| found == part), "{}: {link}", path.display());
            }
        }
    }
    assert!(links > 50, "{links}");
}
