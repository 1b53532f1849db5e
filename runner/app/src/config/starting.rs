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
        let config = Config::parse("groundcrew.toml", &text, Path::new("/etc"), &environment, &|_, _| {
            Err(NoManifest::Absent)
        });
        let config = config.unwrap();
        assert_eq!(config.installation, "acme-prod");
        assert_eq!(config.notes.count(Severity::Warning), 0, "{}", config.notes);
        assert_eq!(config.store.database, Path::new("/etc/groundcrew-data/groundcrew.db"));
    }

    /// What a user has who takes the mark of comment from every line that would be configuration.
    fn uncommented(text: &str) -> String {
        let line = |line: &str| match line.strip_prefix("# ") {
            Some(rest) if rest.starts_with('[') || rest.contains(" = ") => rest.to_owned(),
            _ => line.to_owned(),
        };
        text.lines().map(|text| line(text) + "\n").collect()
    }

    #[test]
    fn every_example_that_is_commented_out_fits_the_shipped_manifests() {
        let text = uncommented(&template("acme-prod"));
        let values = ["FLY_API_TOKEN", "EVENTS_TOKEN", "BILLING_TOKEN", "PDNS_KEY"]
            .map(|name| (name.to_owned(), "x".repeat(20)));
        let config = Config::parse(
            "groundcrew.toml",
            &text,
            Path::new("/etc"),
            &Environment::fixed(values),
            &crate::components::manifest,
        );
        let config = config.unwrap_or_else(|report| panic!("{report}"));
        assert_eq!(config.hooks.keys().collect::<Vec<_>>(), ["dns", "ip"], "{text}");
        assert_eq!(config.notes.count(Severity::Warning), 0, "{}", config.notes);
        assert_eq!(config.hooks["ip"].config["api"], "https://api.machines.dev");
        assert_eq!((config.labels.len(), config.sources.fly.is_some()), (1, true));
    }

    #[test]
    fn what_calls_fly_calls_it_where_the_source_does() {
        let text = "installation = \"acme\"\nsecrets.FLY.env = \"T\"\n\
            [source.fly]\norg = \"acme\"\ntoken = \"FLY\"\nurl = \"http://127.0.0.1:4280\"\n\
            [hook.ip]\nuse = \"builtin:fly-ip\"\ngone = \"delete\"\n\
            [hook.cert]\nuse = \"builtin:fly-cert\"\ngone = \"delete\"\nconfig.names = [\"{app}.example\"]\n";
        let environment = Environment::fixed([("T".to_owned(), "x".to_owned())]);
        let config = Config::parse("x.toml", text, Path::new(""), &environment, &crate::components::manifest);
        let config = config.unwrap_or_else(|report| panic!("{report}"));
        for hook in config.hooks.values() {
            assert_eq!(hook.config["api"], "http://127.0.0.1:4280", "{}", hook.name);
        }
    }
}
