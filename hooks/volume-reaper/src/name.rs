//! Exact patterns of volume names, and the owner that a name tells.

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

impl Owner {
    /// Whether this machine is the owner, or one of them.
    pub(crate) fn is(&self, id: &str, name: &str) -> bool {
        match self {
            Self::Machine(owner) => id == owner || name.replace('-', "_") == *owner,
            Self::App => true,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
