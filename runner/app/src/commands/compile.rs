//! `groundcrew compile-component IN OUT`: what the runner calls itself for, so that compiling costs it no memory. It ends
//! when its standard input does, for that is the runner's end, too.

use std::path::PathBuf;

use super::answer::{Answer, Failure};

/// Arguments of `compile-component`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The component
    component: PathBuf,
    /// Where its compiled form goes
    output: PathBuf,
}

/// Compiles one file.
pub(super) fn perform(args: &Args) -> Result<Answer, Failure> {
    groundcrew_engine::cache::end_with_standard_input();
    groundcrew_engine::cache::compile_file(&args.component, &args.output)
        .map_err(|error| Failure::of(&error))?;
    Ok(Answer::text(""))
}
