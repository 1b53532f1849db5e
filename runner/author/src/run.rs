//! Runs a toolchain's program.

use std::process::{Command, Stdio};

use crate::build::Error;

/// Lines of a program's last words that are shown; compilers say the same thing at length.
const LINES: usize = 60;

/// What a program left that went well.
pub(crate) struct Said {
    /// Standard output.
    pub(crate) out: String,
    /// Standard error: warnings, usually.
    pub(crate) err: String,
}

/// Runs a program to its end; `tool` is what people call it, `clean` what to show of its words when it fails.
pub(crate) fn run(
    command: &mut Command,
    tool: &'static str,
    clean: fn(&str) -> String,
) -> Result<Said, Error> {
    // Colours would end up in files and in JSON.
    command.env("NO_COLOR", "1").env_remove("FORCE_COLOR").stdin(Stdio::null());
    let output = command.output().map_err(|source| Error::Start { tool, source })?;
    let out = String::from_utf8_lossy(&output.stdout).into_owned();
    let err = String::from_utf8_lossy(&output.stderr).into_owned();
    if output.status.success() {
        return Ok(Said { out, err });
    }
    let said = format!("{}\n{}", err.trim_end(), out.trim_end());
    Err(Error::Refused { tool, said: last_lines(clean(&said).trim()) })
}

fn last_lines(text: &str) -> String {
    let lines: Vec<_> = text.lines().collect();
    let more = lines.len().saturating_sub(LINES);
    match more {
        0 => text.to_owned(),
        _ => format!("... {more} lines before\n{}", lines[more..].join("\n")),
    }
}
