//! Exact patterns of volume names, and the owner that a name tells.

use groundcrew_hook::fly::machines::Machine;

/// A pattern, such as `data_<machine>` or `cache_<app>`; everything else must be equal.
#[derive(Clone, Debug)]
pub(crate) struct Pattern<'a>(pub(crate) &'a str);

/// Whose volume it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Owner {
    /// A machine's, by its id or name.
    Machine(String),
    /// The app's: of all its machines.
    App,
}

impl Pattern<'_> {
    /// Whose a volume of this name is, if the whole name matches; none otherwise.
    ///
    /// Names of volumes have no dashes [docs volumes/overview], so an app's dashes are underscores here.
    pub(crate) fn owner(&self, name: &str, app: &str) -> Option<Owner> {
        let pattern = self.0.replace("<app>", &app.replace('-', "_"));
        let Some((before, after)) = pattern.split_once("<machine>") else {
            return (pattern == name).then_some(Owner::App);
        };
        let machine = name.strip_prefix(before)?.strip_suffix(after)?;
        let word = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
        (!machine.is_empty() && machine.chars().all(word)).then(|| Owner::Machine(machine.to_owned()))
    }
}

/// What is known of an owner's end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// The API shows it, destroyed.
    Seen,
    /// The API does not show it, and it has, or had, an id that is never given again.
    Forgotten,
    /// Nothing: it may never have been there.
    Unknown,
}

impl Owner {
    /// What an app's machines, destroyed ones included, tell of an owner of which none lives.
    pub(crate) fn end(&self, machines: &[Machine]) -> End {
        match self {
            _ if machines.iter().any(|machine| self.is(&machine.id, &machine.name)) => End::Seen,
            Self::Machine(word) if is_machine_id(word) => End::Forgotten,
            Self::Machine(_) | Self::App => End::Unknown,
        }
    }

    /// Whether this machine is the owner, or one of them.
    pub(crate) fn is(&self, id: &str, name: &str) -> bool {
        match self {
            Self::Machine(owner) => id == owner || name.replace('-', "_") == *owner,
            Self::App => true,
        }
    }
}

/// Whether a word looks like a machine's id: 14 hexadecimal digits, such as `5683977ad31768` [docs machines/api].
///
/// One in seven hundred has no letter; those are not taken for ids, since times are written with 14 digits, too.
fn is_machine_id(word: &str) -> bool {
    let hexadecimal = word.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
    let mixed =
        word.bytes().any(|byte| byte.is_ascii_digit()) && word.bytes().any(|byte| byte.is_ascii_alphabetic());
    word.len() == 14 && hexadecimal && mixed
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_looks_like_an_id_is_taken_for_one() {
        assert!(is_machine_id("5683977ad31768"));
        for word in
            ["backup", "148e", "20240101120000", "decadefacedbad", "5683977ad3176g", "5683977ad317680"]
        {
            assert!(!is_machine_id(word), "{word}");
        }
    }

    #[test]
    fn only_whole_names_match() {
        let of = |pattern, name| Pattern(pattern).owner(name, "cust-7");
        let machine = |word: &str| Some(Owner::Machine(word.to_owned()));
        assert_eq!(of("data_<machine>", "data_148e"), machine("148e"));
        assert_eq!(of("data_<machine>_v1", "data_148e_v1"), machine("148e"));
        assert_eq!(of("cache_<app>", "cache_cust_7"), Some(Owner::App));
        assert_eq!(of("data", "data"), Some(Owner::App));
        for (pattern, name) in [
            ("data_<machine>", "data_"),
            ("data_<machine>", "mydata_148e"),
            ("data_<machine>_v1", "data_148e_v2"),
            ("cache_<app>", "cache_cust_70"),
            ("data", "data2"),
            ("data_<machine>", "data_A!"),
        ] {
            assert_eq!(of(pattern, name), None, "{pattern} {name}");
        }
    }
}
