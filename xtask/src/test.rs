//! `cargo xtask test`: everything that is checked, in the order in which it fails fastest.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, bail, ensure};
use groundcrew_unchecked::{LIST, note};

use crate::setup::{self, call, say};

/// Names a step and performs it; what it cannot check goes into the list.
type Step = (&'static str, fn(&Path) -> anyhow::Result<()>);

const STEPS: [Step; 8] = [
    ("fmt", fmt),
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

/// What could not be checked on this machine, once each, as the last thing that is said.
fn tell(list: &Path) -> anyhow::Result<()> {
    let text = std::fs::read_to_string(list).with_context(|| list.display().to_string())?;
    let lines: BTreeSet<_> = text.lines().collect();
    for line in &lines {
        say(line);
    }
    let count = if lines.is_empty() { "everything".to_owned() } else { format!("all but {}", lines.len()) };
    say(&format!("{count} was checked"));
    Ok(())
}

fn cargo(arguments: &[&str]) -> anyhow::Result<()> {
    call(Command::new("cargo").args(arguments))
}

fn fmt(_: &Path) -> anyhow::Result<()> {
    cargo(&["fmt", "--all", "--check"])
}

fn clippy(_: &Path) -> anyhow::Result<()> {
    cargo(&["clippy", "--workspace", "--all-targets", "--locked", "--quiet", "--", "-D", "warnings"])
}

fn test(list: &Path) -> anyhow::Result<()> {
    let mut command = Command::new("cargo");
    command.args(["test", "--workspace", "--locked", "--no-fail-fast"]);
    call(command.env(LIST, list))
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
