//! `cargo xtask test`: everything that is checked, in the order in which it fails fastest.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, bail, ensure};
use groundcrew_unchecked::{LIST, OF_A_LANGUAGE, note};

use crate::setup::{self, call, say};
use crate::toolchains;

/// Names a step and performs it; what it cannot check goes into the list.
type Step = (&'static str, fn(&Path) -> anyhow::Result<()>);

const STEPS: [Step; 9] = [
    ("fmt", fmt),
    ("spelling", spelling),
    ("clippy", clippy),
    ("test", test),
    ("doc", doc),
    ("demo", demo),
    ("torture", torture),
    ("month", month),
    ("deny", deny),
];

/// Runs all steps, or those that are named.
pub(crate) fn run(names: &[String]) -> anyhow::Result<()> {
    if let Some(unknown) = names.iter().find(|name| !STEPS.iter().any(|(step, _)| step == name)) {
        bail!("unknown step `{unknown}`; there are: {}", STEPS.map(|(step, _)| step).join(", "));
    }
    setup::run()?;
    let list = setup::workspace("target_directory")?.join("tmp/not-checked");
    begin(&list)?;
    for (name, step) in
        STEPS.iter().filter(|(step, _)| names.is_empty() || names.iter().any(|name| name == step))
    {
        say(name);
        step(&list)?;
    }
    tell(&list)
}

/// Nothing of an earlier run is told again.
fn begin(list: &Path) -> anyhow::Result<()> {
    let directory = list.parent().context("the list has a folder")?;
    std::fs::create_dir_all(directory)
        .and_then(|()| std::fs::write(list, ""))
        .with_context(|| list.display().to_string())
}

/// Whoever sets it to `allow` has a machine on which some languages cannot be checked, and knows it.
const ALLOWED: &str = "GROUNDCREW_UNCHECKED_LANGUAGES";

/// What could not be checked on this machine, once each, as the last thing that is said.
fn tell(list: &Path) -> anyhow::Result<()> {
    let text = std::fs::read_to_string(list).with_context(|| list.display().to_string())?;
    let lines: BTreeSet<_> = text.lines().collect();
    for line in &lines {
        say(line);
    }
    let count = if lines.is_empty() { "everything".to_owned() } else { format!("all but {}", lines.len()) };
    say(&format!("{count} was checked"));
    every_language(&lines, std::env::var_os(ALLOWED).is_some_and(|word| word == "allow"))
}

/// A language whose tools are not there is no less promised than the others.
fn every_language(lines: &BTreeSet<&str>, allowed: bool) -> anyhow::Result<()> {
    let languages = lines.iter().filter_map(|line| line.strip_prefix(OF_A_LANGUAGE));
    let languages: Vec<_> = languages.map(|line| line.split(" (").next().unwrap_or(line)).collect();
    ensure!(
        languages.is_empty() || allowed,
        "not checked: {}; install what is missing, or say that it may be: {ALLOWED}=allow",
        languages.join(", ")
    );
    Ok(())
}

fn cargo(arguments: &[&str]) -> anyhow::Result<()> {
    call(Command::new("cargo").args(arguments))
}

fn fmt(_: &Path) -> anyhow::Result<()> {
    cargo(&["fmt", "--all", "--check"])
}

/// The words of code and pages; `typos.toml` has those that are wrong on purpose.
fn spelling(_: &Path) -> anyhow::Result<()> {
    call(&mut Command::new(setup::typos()?))
}

fn clippy(_: &Path) -> anyhow::Result<()> {
    cargo(&["clippy", "--workspace", "--all-targets", "--locked", "--quiet", "--", "-D", "warnings"])
}

/// The tests of the binary as it is shipped: they wait for it and for the clock, so many run at once.
const WAITING: &str = "e2e";
/// How many.
const AT_ONCE: &str = "--test-threads=6";

/// All tests; also the others when some fail. Everything is built for the whole workspace, so nothing is built twice.
fn test(list: &Path) -> anyhow::Result<()> {
    let path = toolchains::path()?;
    let cargo = |arguments: &[&str]| {
        let mut command = Command::new("cargo");
        command.args(["test", "--workspace", "--locked", "--no-fail-fast"]).args(arguments);
        call(command.env(LIST, list).env("PATH", &path))
    };
    let targets = setup::tests()?;
    let mut busy = vec!["--lib", "--bins"];
    for target in targets.iter().filter(|target| *target != WAITING) {
        busy.extend(["--test", target]);
    }
    let all = [cargo(&busy), cargo(&["--test", WAITING, "--", AT_ONCE]), cargo(&["--doc"])];
    all.into_iter().collect()
}

fn doc(_: &Path) -> anyhow::Result<()> {
    let mut command = Command::new("cargo");
    command
        .args(["doc", "--workspace", "--no-deps", "--locked", "--quiet"])
        .env("RUSTDOCFLAGS", "-D warnings");
    call(&mut command)
}

/// The shipped binary against the simulator and a real PowerDNS, killed in the middle; a process of its own, so that what
/// it could not check comes into the list.
fn demo(list: &Path) -> anyhow::Result<()> {
    call(Command::new(std::env::current_exe()?).arg("demo").env(LIST, list))
}

/// A small torture; `cargo xtask torture` is the large one.
fn torture(_: &Path) -> anyhow::Result<()> {
    let arguments = ["--events", "1500", "--kills", "12"].map(str::to_owned);
    crate::torture::run(&arguments)
}

/// A small month, the same for everybody; `cargo xtask month` is the large one, and another one each time.
fn month(_: &Path) -> anyhow::Result<()> {
    let arguments = ["--apps", "40", "--days", "10", "--seed", "1"].map(str::to_owned);
    crate::month::run(&arguments)
}

/// The version of `cargo-deny` that is installed where there is none; three minutes on two cores.
const DENY: &str = "cargo-deny@0.20.2";

/// Licences, advisories and duplicates.
fn deny(list: &Path) -> anyhow::Result<()> {
    if !setup::installed("cargo-deny") {
        setup::say(&format!("installing {DENY}"));
        cargo(&["install", "--locked", "--quiet", DENY])?;
    }
    cargo(&["deny", "check", "licenses", "bans", "sources"])?;
    // Advisories come from the network, which a machine that only tests need not have.
    let advisories = Command::new("cargo").args(["deny", "check", "advisories"]).output()?;
    let said = String::from_utf8_lossy(&advisories.stderr);
    if said.contains("failed to fetch advisory database") {
        note(Some(list), "advisories", "their database cannot be reached");
    } else {
        ensure!(advisories.status.success(), "cargo deny check advisories:\n{said}");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_language_that_was_not_checked_fails_unless_it_is_allowed_and_all_else_does_not() {
        let go = "NOT CHECKED: a language: hooks in Go (install go)";
        let lines = BTreeSet::from([go, "NOT CHECKED: a full disk (mount as root)"]);
        let said = every_language(&lines, false).unwrap_err().to_string();
        assert!(
            said.starts_with("not checked: hooks in Go; ") && said.contains("GROUNDCREW_UNCHECKED"),
            "{said}"
        );
        assert!(every_language(&lines, true).is_ok());
        assert!(every_language(&BTreeSet::from(["NOT CHECKED: a full disk (mount as root)"]), false).is_ok());
    }
}
