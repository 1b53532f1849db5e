//! Runs the built binary in a hermetic environment, and compares what it says with golden files.

use std::ffi::OsStr;
use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::Value;

use crate::fixture::Fixture;

/// What a run of the binary left.
#[derive(Debug)]
pub(crate) struct Said {
    pub(crate) code: i32,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Said {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.out).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }
}

impl Fixture {
    /// Runs a command line in the fixture's directory, on its data.
    pub(crate) fn run(&self, line: &str) -> Said {
        self.run_words(line.split_whitespace())
    }

    pub(crate) fn run_words(&self, words: impl IntoIterator<Item = impl AsRef<OsStr>>) -> Said {
        self.run_in(words, &[])
    }

    /// The same line with more in its environment.
    pub(crate) fn run_with(&self, line: &str, environment: &[(&str, &str)]) -> Said {
        self.run_in(line.split_whitespace(), environment)
    }

    fn run_in(
        &self,
        words: impl IntoIterator<Item = impl AsRef<OsStr>>,
        environment: &[(&str, &str)],
    ) -> Said {
        let output = Command::new(env!("CARGO_BIN_EXE_groundcrew"))
            .args(words)
            .current_dir(self.dir.path())
            .env_clear()
            .env("USER", "tester")
            .env("GROUNDCREW_LOG", "off")
            .envs(environment.iter().copied())
            .stdin(Stdio::null())
            .output()
            .unwrap();
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        Said { code: output.status.code().unwrap(), out: text(output.stdout), err: text(output.stderr) }
    }

    /// Runs a command line on the fixture's data and fails the test unless it succeeds.
    pub(crate) fn data_run(&self, line: &str) -> Said {
        let said = self.run(&format!("--data data {line}"));
        assert_eq!(said.code, 0, "{line}: {said:?}");
        said
    }

    /// The command line, its code and what it said, with what changes from run to run taken out.
    pub(crate) fn transcript(&self, line: &str) -> String {
        let said = self.run(&format!("--data data {line}"));
        let text = format!("$ groundcrew {line}   # {}\n{}{}", said.code, said.out, said.err);
        redact(&text.replace(&self.dir.path().display().to_string(), "[dir]"))
    }
}

/// Replaces RFC 3339 times.
pub(crate) fn redact(text: &str) -> String {
    const SHAPE: &str = "0000-00-00T00:00:00.000Z";
    let is_time = |at: usize| {
        let piece = text.get(at..at + SHAPE.len());
        piece.is_some_and(|piece| {
            piece
                .chars()
                .zip(SHAPE.chars())
                .all(|(c, shape)| if shape == '0' { c.is_ascii_digit() } else { c == shape })
        })
    };
    let (mut redacted, mut at) = (String::new(), 0);
    while let Some(c) = text[at..].chars().next() {
        if is_time(at) {
            redacted.push_str("[time]");
            at += SHAPE.len();
        } else {
            redacted.push(c);
            at += c.len_utf8();
        }
    }
    let lines: Vec<_> = redacted.lines().map(str::trim_end).collect();
    format!("{}\n", lines.join("\n"))
}

/// Compares with `tests/commands/golden/NAME`; `GROUNDCREW_GOLDEN=write` writes it instead.
pub(crate) fn golden(name: &str, text: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/commands/golden").join(name);
    if std::env::var_os("GROUNDCREW_GOLDEN").is_some_and(|mode| mode == "write") {
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, text).unwrap();
    }
    let expected = fs::read_to_string(&path).unwrap_or_default();
    assert!(
        expected == text,
        "{} differs; GROUNDCREW_GOLDEN=write writes it anew. Now:\n{text}",
        path.display()
    );
}
