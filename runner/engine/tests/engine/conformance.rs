//! Conformance: tables of behaviours, the same provisioner, handler and auditor in five languages, the same calls and
//! the same answers.
//!
//! Every row is a call of the hook against an outside that answers one thing. What is compared is each request as the
//! outside sees it (method, address, body as JSON) and what the host is answered. A golden file holds it; the table says
//! which languages were compared. Where a toolchain is not there, its column says so.

mod auditors;
mod guests;
mod handlers;
mod misbehaving;
mod more;
mod rows;
mod tokens;

use std::fmt::Write as _;
use std::io::Write as _;
use std::path::Path;

use groundcrew_author::Language;
use groundcrew_engine::run::Hook;

use auditors::{LOOKED, auditor};
use guests::{LANGUAGES, guest};
use handlers::{TOLD, handler};
use rows::{Behaviour, ROWS};

#[tokio::test]
async fn every_language_behaves_alike() {
    let mut hooks = Vec::new();
    for language in LANGUAGES {
        hooks.push((language, guest(language).await));
    }
    compare("conformance", ROWS, &hooks).await;
}

#[tokio::test]
async fn handlers_of_every_language_tell_alike() {
    let mut hooks = Vec::new();
    for language in LANGUAGES {
        hooks.push((language, handler(language).await));
    }
    compare("conformance-handlers", TOLD, &hooks).await;
}

#[tokio::test]
async fn auditors_of_every_language_look_alike() {
    let mut hooks = Vec::new();
    for language in LANGUAGES {
        hooks.push((language, auditor(language).await));
    }
    compare("conformance-auditors", LOOKED, &hooks).await;
}

/// Compares what the hooks of all languages do with the golden file, and tells it in a table.
async fn compare<B: Behaviour>(file: &str, rows: &[B], hooks: &[(Language, Option<Hook>)]) {
    let expected = golden(file, rows, hooks[0].1.as_ref()).await;
    let mut table =
        format!("{:<54}{}\n", "", LANGUAGES.map(|language| format!("{:>10}", language.word())).concat());
    let mut differing = String::new();
    for row in rows {
        let expected = section(&expected, row.says());
        let _ = write!(table, "{:<54}", row.says());
        for (language, hook) in hooks {
            let Some(hook) = hook else {
                let _ = write!(table, "{:>10}", "unchecked");
                continue;
            };
            let found = row.happened(hook).await;
            let same = found == expected;
            let _ = write!(table, "{:>10}", if same { "same" } else { "DIFFERS" });
            if !same {
                let (says, language) = (row.says(), language.word());
                let _ = write!(differing, "\n{says}, {language}:\n{found}expected:\n{expected}");
            }
        }
        table.push('\n');
    }
    // Past the test's capture: what was compared is worth seeing where it is run.
    drop(std::io::stderr().write_all(format!("\n{table}\n").as_bytes()));
    assert!(differing.is_empty(), "{differing}");
}

/// What is expected, by row; written from the first language when goldens are written.
async fn golden<B: Behaviour>(file: &str, rows: &[B], first: Option<&Hook>) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/engine/golden/{file}.txt"));
    let write = std::env::var_os("GROUNDCREW_GOLDEN").is_some_and(|mode| mode == "write");
    if let Some(hook) = first.filter(|_| write) {
        let mut text = String::new();
        for row in rows {
            let _ = writeln!(text, "# {}\n{}", row.says(), row.happened(hook).await);
        }
        std::fs::write(&path, text).unwrap();
    }
    std::fs::read_to_string(path).unwrap_or_default()
}

/// The text of one row.
fn section(text: &str, says: &str) -> String {
    let begins = format!("# {says}\n");
    let rest = text.split_once(&begins).map_or("", |(_, rest)| rest);
    format!("{}\n", rest.split("\n\n").next().unwrap_or_default().trim_end())
}
