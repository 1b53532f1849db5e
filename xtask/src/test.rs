//! `cargo xtask test`: everything that is checked, in the order in which it fails fastest.

use std::process::Command;

use anyhow::{bail, ensure};

use crate::setup::{self, call, say};

/// Names a step and performs it.
type Step = (&'static str, fn() -> anyhow::Result<()>);

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
    for (name, step) in
        STEPS.iter().filter(|(step, _)| names.is_empty() || names.iter().any(|name| name == step))
    {
        say(name);
        step()?;
    }
    Ok(())
}

fn cargo(arguments: &[&str]) -> anyhow::Result<()> {
    call(Command::new("cargo").args(arguments))
}

fn fmt() -> anyhow::Result<()> {
    cargo(&["fmt", "--all", "--check"])
}

fn clippy() -> anyhow::Result<()> {
    cargo(&["clippy", "--workspace", "--all-targets", "--locked", "--quiet", "--", "-D", "warnings"])
}

fn test() -> anyhow::Result<()> {
    cargo(&["test", "--workspace", "--locked", "--no-fail-fast"])
}

fn doc() -> anyhow::Result<()> {
    let mut command = Command::new("cargo");
    command
        .args(["doc", "--workspace", "--no-deps", "--locked", "--quiet"])
        .env("RUSTDOCFLAGS", "-D warnings");
    call(&mut command)
}

/// The shipped binary against the simulator and a real PowerDNS, killed in the middle.
fn demo() -> anyhow::Result<()> {
    crate::demo::run(&[])
}

/// A small torture; `cargo xtask torture` is the large one.
fn torture() -> anyhow::Result<()> {
    let arguments = ["--events", "1500", "--kills", "12"].map(str::to_owned);
    crate::torture::run(&arguments)
}

/// A small month; `cargo xtask month` is the large one.
fn month() -> anyhow::Result<()> {
    let arguments = ["--apps", "40", "--days", "10"].map(str::to_owned);
    crate::month::run(&arguments)
}

/// Licences, advisories and duplicates; `cargo-deny` is large, so it is used where it is installed.
fn deny() -> anyhow::Result<()> {
    if !setup::installed("cargo-deny") {
        say("deny: NOT CHECKED, cargo-deny is not installed (cargo install --locked cargo-deny)");
        return Ok(());
    }
    cargo(&["deny", "check", "licenses", "bans", "sources"])?;
    // Advisories come from the network, which a machine that only tests need not have.
    let advisories = Command::new("cargo").args(["deny", "check", "advisories"]).output()?;
    let said = String::from_utf8_lossy(&advisories.stderr);
    if said.contains("failed to fetch advisory database") {
        say("deny: advisories NOT CHECKED, their database cannot be reached");
    } else {
        ensure!(advisories.status.success(), "cargo deny check advisories:\n{said}");
    }
    Ok(())
}
