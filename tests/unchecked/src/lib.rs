//! Says aloud what a test could not check on this machine.
//!
//! A test that needs a program which is not installed passes, or nobody could work without all of them; but it must
//! not pass silently. [`not_checked`] goes past the capture of the tests' output, and leaves a line for
//! `cargo xtask test`, which lists them all at its end.
//!
//! *Guarantees.* What cannot be written fails the test.

#![forbid(unsafe_code)]

use std::fs::File;
use std::io::Write as _;
use std::path::Path;

/// Names the file to which a line is added for each; `cargo xtask test` sets it and reads it.
pub const LIST: &str = "GROUNDCREW_NOT_CHECKED";

/// Says what was not checked and what would mend that: `not_checked("a full disk", "mount as root")`.
///
/// # Panics
/// If it cannot be said.
pub fn not_checked(what: &str, mend: &str) {
    let list = std::env::var_os(LIST);
    note(list.as_ref().map(Path::new), what, mend);
}

/// What the lines begin with that say so of a language.
pub const OF_A_LANGUAGE: &str = "NOT CHECKED: a language: ";

/// The same of hooks in a language, of which [`xtask test`](LIST) wants every one:
/// `language_not_checked("hooks in Go", "apt-get install golang-go")`.
///
/// # Panics
/// If it cannot be said.
pub fn language_not_checked(what: &str, mend: &str) {
    not_checked(&of_a_language(what), mend);
}

fn of_a_language(what: &str) -> String {
    format!("a language: {what}")
}

/// Says what was not checked, with the list that is to get the line.
///
/// # Panics
/// If it cannot be said.
pub fn note(list: Option<&Path>, what: &str, mend: &str) {
    let line = format!("NOT CHECKED: {what} ({mend})\n");
    let said = std::io::stderr().write_all(format!("\n{line}\n").as_bytes());
    said.expect("what was not checked must be said");
    if let Some(list) = list {
        let added = File::options().create(true).append(true).open(list);
        let added = added.and_then(|mut file| file.write_all(line.as_bytes()));
        added.unwrap_or_else(|error| panic!("{}: {error}", list.display()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_added_for_each_and_that_of_a_language_is_known_by_how_it_begins() {
        let list = std::env::temp_dir().join(format!("groundcrew-not-checked-{}", std::process::id()));
        note(Some(&list), "a full disk", "mount as root");
        note(Some(&list), &of_a_language("hooks in Go"), "install go");
        let lines = std::fs::read_to_string(&list).unwrap();
        std::fs::remove_file(list).unwrap();
        let lines: Vec<_> = lines.lines().collect();
        assert_eq!(lines[0], "NOT CHECKED: a full disk (mount as root)");
        assert_eq!(lines[1].strip_prefix(OF_A_LANGUAGE), Some("hooks in Go (install go)"));
        assert_eq!((lines[0].starts_with(OF_A_LANGUAGE), lines.len()), (false, 2));
    }
}
