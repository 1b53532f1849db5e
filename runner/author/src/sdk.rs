//! Unpacks what a project is built against into its `.groundcrew/`.
//!
//! A stamp says which contents are there, so another version of this program replaces them and the same one leaves
//! them (and what the toolchains remember of them) alone. The folder ignores itself in git.

use std::fmt::Write as _;
use std::path::Path;
use std::{fs, io};

use groundcrew_core::hash::Digest;

use crate::Language;
use crate::embedded::{SDKS, WORKSPACE};

/// Writes the WIT and a language's SDK into a folder, unless these very ones are there.
pub(crate) fn unpack(own: &Path, language: Language) -> io::Result<()> {
    let files = files(language);
    let stamp = stamp_of(&files).to_string();
    let stamped = own.join("stamp");
    if fs::read_to_string(&stamped).is_ok_and(|found| found == stamp) {
        return Ok(());
    }
    for old in ["sdk", "wit"] {
        match fs::remove_dir_all(own.join(old)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
    }
    for (name, text) in &files {
        let path = own.join(name);
        fs::create_dir_all(path.parent().unwrap_or(own))?;
        fs::write(path, text)?;
    }
    // Last, so that an interrupted unpacking is begun again.
    fs::write(stamped, stamp)
}

/// The digest of what a language's projects are built against.
pub(crate) fn stamp(language: Language) -> Digest {
    stamp_of(&files(language))
}

fn stamp_of(files: &[(&str, String)]) -> Digest {
    Digest::of_parts(files.iter().flat_map(|(name, text)| [name.as_bytes(), text.as_bytes()]))
}

/// Names and contents of what a language's projects need.
fn files(language: Language) -> Vec<(&'static str, String)> {
    let needed =
        |name: &str| name.starts_with("wit/") || language.sdk().iter().any(|sdk| name.starts_with(sdk));
    let mut files = vec![(".gitignore", "*\n".to_owned())];
    files
        .extend(SDKS.iter().filter(|(name, _)| needed(name)).map(|(name, text)| (*name, (*text).to_owned())));
    if language == Language::Rust {
        files.push(("Cargo.toml", cargo_workspace(WORKSPACE)));
    }
    files
}

/// A workspace around the SDK's crates, which take versions and dependencies from that of this repository.
fn cargo_workspace(ours: &str) -> String {
    let mut text = String::from("[workspace]\nresolver = \"3\"\nmembers = [\"sdk/rust\", \"sdk/fly\"]\n");
    let mut wanted = false;
    for line in ours.lines().filter(|line| !line.starts_with('#')) {
        if line.starts_with('[') {
            wanted = ["[workspace.package]", "[workspace.dependencies]"].contains(&line)
                || line.starts_with("[workspace.lints");
        }
        let of_others = line.contains("path = \"") && !line.contains("\"sdk/");
        if wanted && !of_others {
            let _ = writeln!(text, "{line}");
        }
    }
    text
}
