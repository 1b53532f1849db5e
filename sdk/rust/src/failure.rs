//! Why a call did not succeed, and whether another try may help.

use std::error::Error;
use std::fmt::{self, Display};

/// What every function of a hook answers with.
pub type Result<T, E = Failure> = std::result::Result<T, E>;

/// Why a call did not succeed. The host's own functions fail with it as well.
///
/// Like `anyhow::Error` it takes every [`std::error::Error`] through `?` and therefore is none itself. What
/// comes that way is worth another try: a host that repeats in vain backs off and reports, a host that gives up
/// too early leaves something undone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// For people; no secrets. The host cuts it at 4 KiB.
    pub message: String,
    /// True: try again with back-off. False: only a person can mend it.
    pub retry: bool,
    /// Not before this many milliseconds.
    pub after_ms: Option<u32>,
}

impl Failure {
    /// Says that another try may help.
    pub fn passing(message: impl Display) -> Self {
        Self { message: message.to_string(), retry: true, after_ms: None }
    }

    /// Says that only a person can mend it; a handler's delivery is dead at once.
    pub fn lasting(message: impl Display) -> Self {
        Self { message: message.to_string(), retry: false, after_ms: None }
    }

    /// Says in [`scan`](crate::Inventory::scan) that with this configuration there is nothing to list by, and why.
    ///
    /// The host treats the hook as one without an inventory then: audits and recoveries say so, nothing has failed.
    pub fn no_inventory(why: impl Display) -> Self {
        Self::lasting(format!("inventory.none: {why}"))
    }

    /// Asks not to be tried again before this many milliseconds.
    #[must_use]
    pub fn after_ms(mut self, ms: u32) -> Self {
        self.after_ms = Some(ms);
        self
    }

    /// Says in front of the message what was being done.
    #[must_use]
    pub fn context(mut self, doing: impl Display) -> Self {
        self.message = format!("{doing}: {}", self.message);
        self
    }
}

impl Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl<E: Error> From<E> for Failure {
    /// Takes the error's text and, after colons, the texts of its sources.
    fn from(error: E) -> Self {
        let mut message = error.to_string();
        let mut source = error.source();
        while let Some(cause) = source {
            message = format!("{message}: {cause}");
            source = cause.source();
        }
        Self::passing(message)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_passes_on_with_its_text() {
        let parse = || -> Result<u8> { Ok("300".parse::<u8>()?) };
        assert_eq!(parse().unwrap_err(), Failure::passing("number too large to fit in target type"));
    }

    #[test]
    fn sources_are_told_once_each() {
        #[derive(Debug)]
        struct Outer(std::num::ParseIntError);
        impl Display for Outer {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("the port is no number")
            }
        }
        impl Error for Outer {
            fn source(&self) -> Option<&(dyn Error + 'static)> {
                Some(&self.0)
            }
        }
        let failure = Failure::from(Outer("x".parse::<u8>().unwrap_err()));
        assert_eq!(failure.message, "the port is no number: invalid digit found in string");
    }

    #[test]
    fn context_comes_first() {
        let failure = Failure::lasting("no such zone").context("acme.app").after_ms(5);
        assert_eq!(
            failure,
            Failure { message: "acme.app: no such zone".into(), retry: false, after_ms: Some(5) }
        );
    }
}
