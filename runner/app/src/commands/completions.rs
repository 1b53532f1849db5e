//! `groundcrew completions`.

use clap_complete::{Shell, generate};

use super::Answer;

/// Write a completion script for a shell
#[derive(Debug, clap::Args)]
pub struct Args {
    /// For which shell
    shell: Shell,
}

pub(super) fn run(args: &Args, command: &mut clap::Command) -> Answer {
    let mut script = Vec::new();
    generate(args.shell, command, "groundcrew", &mut script);
    Answer::text(String::from_utf8_lossy(&script))
}
