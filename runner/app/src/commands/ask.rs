//! Asks the person at the terminal.

use std::io::{self, BufRead as _, IsTerminal as _, Write as _};

use super::{Failure, Kind};

/// Asks for a yes; `yes` says that it was given on the command line.
///
/// # Errors
/// An approval is missing: the person said no, or there is nobody to ask.
pub(super) fn confirm(question: &str, yes: Given, command: &str) -> Result<(), Failure> {
    if yes == Given::Yes {
        return Ok(());
    }
    if !io::stdin().is_terminal() || !io::stderr().is_terminal() {
        return Err(
            Failure::new(Kind::Approval, "nothing was changed: nobody is there to be asked").hint(command)
        );
    }
    // If the question cannot be written, the answer will not be a yes.
    drop(write!(anstream::stderr(), "{question} [y/N] "));
    let mut answer = String::new();
    io::stdin().lock().read_line(&mut answer).map_err(|error| Failure::of(&error))?;
    match answer.trim().to_ascii_lowercase().as_str() {
        "y" | "yes" => Ok(()),
        _ => Err(Failure::new(Kind::Approval, "nothing was changed").hint(command)),
    }
}

/// Whether the yes was given beforehand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Given {
    /// It was, with `--yes`.
    Yes,
    /// It must be asked for.
    No,
}

impl From<bool> for Given {
    fn from(yes: bool) -> Self {
        if yes { Self::Yes } else { Self::No }
    }
}
