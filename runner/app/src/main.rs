//! The `groundcrew` binary.

#![forbid(unsafe_code)]

use std::process::ExitCode;

fn main() -> ExitCode {
    groundcrew::commands::main()
}
