//! The `groundcrew` binary.

use std::process::ExitCode;

fn main() -> ExitCode {
    groundcrew::commands::main()
}
