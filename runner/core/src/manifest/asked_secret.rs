//! The words in which a manifest asks for a secret.

use std::fmt;

/// What is done with a secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SecretPlace<'a> {
    /// It is put there, such as `header:x-api-key`.
    At(&'a str),
    /// It signs, such as `sigv4`.
    Signing(&'a str),
}

/// `NAME at POSITION to HOST`, or `NAME signing METHOD to HOST`, as manifests ask for secrets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AskedSecret<'a> {
    /// What is done with it.
    pub place: SecretPlace<'a>,
    /// Where it may be sent; none: it is an address itself.
    pub to: Option<&'a str>,
}

impl<'a> AskedSecret<'a> {
    /// Name and ask of a line. Without a position it is `header:authorization`.
    pub fn of(line: &'a str) -> (&'a str, Self) {
        let (line, to) = line.split_once(" to ").map_or((line, None), |(line, to)| (line, Some(to.trim())));
        let (name, place) = match (line.split_once(" signing "), line.split_once(" at ")) {
            (Some((name, method)), _) => (name, SecretPlace::Signing(method.trim())),
            (None, Some((name, at))) => (name, SecretPlace::At(at.trim())),
            (None, None) => (line, SecretPlace::At("header:authorization")),
        };
        (name.trim(), Self { place, to })
    }
}

impl fmt::Display for AskedSecret<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.place {
            SecretPlace::At(at) => write!(f, "at {at}")?,
            SecretPlace::Signing(method) => write!(f, "signing {method}")?,
        }
        self.to.map_or(Ok(()), |to| write!(f, " to {to}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_says_name_place_and_host() {
        for (line, name, shown) in [
            ("KEY at header:x to {config.server}", "KEY", "at header:x to {config.server}"),
            ("KEY signing sigv4 to s3:443", "KEY", "signing sigv4 to s3:443"),
            ("KEY to a.example", "KEY", "at header:authorization to a.example"),
            ("URL at url", "URL", "at url"),
        ] {
            let (found, ask) = AskedSecret::of(line);
            assert_eq!((found, ask.to_string().as_str()), (name, shown));
        }
    }
}
