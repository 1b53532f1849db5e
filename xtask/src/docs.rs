//! Writes the pages that are made from the code; a test compares them.

use std::process::Command;

use anyhow::ensure;

/// Pages, and the tests that write and compare them.
const PAGES: [(&str, &str, &str); 2] = [
    ("docs/configuration.md, docs/groundcrew.schema.json", "config", "docs_are_as_the_code_says"),
    ("docs/manifest.md, docs/wit.md", "wit", "the_references_are_as_the_code_says"),
];

/// Writes all of them.
pub(crate) fn run() -> anyhow::Result<()> {
    for (pages, test, name) in PAGES {
        let mut cargo = Command::new("cargo");
        cargo.args(["test", "-q", "--workspace", "--test", test, name]);
        let status = cargo.env("UPDATE_DOCS", "1").status()?;
        ensure!(status.success(), "{pages} could not be written");
        println!("wrote {pages}");
    }
    Ok(())
}
