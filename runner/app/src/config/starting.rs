//! The file that `groundcrew init` writes.

/// A commented configuration to start from; it loads without errors.
///
/// `installation` must be one to `INSTALLATION_MAX` characters of `[a-z0-9-]`, as `init` makes them.
pub fn template(installation: &str) -> String {
    TEXT.replace("INSTALLATION", installation)
}

const TEXT: &str = include_str!("starting.toml");

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::config::{Config, Environment, NoManifest, Severity};

    #[test]
    fn the_starting_file_loads() {
        let token = ("FLY_API_TOKEN".to_owned(), "fo1_x".to_owned());
        let environment = Environment::fixed([token]);
        let text = template("acme-prod");
        let config = Config::parse("groundcrew.toml", &text, Path::new("/etc"), &environment, &|_| {
            Err(NoManifest::Absent)
        });
        let config = config.unwrap();
        assert_eq!(config.installation, "acme-prod");
        assert_eq!(config.notes.count(Severity::Warning), 0, "{}", config.notes);
        assert_eq!(config.store.database, Path::new("/etc/groundcrew-data/groundcrew.db"));
    }
}
