//! Where a configuration came from, to read one of its stanzas again as another version of its hook would.

use std::path::PathBuf;

use groundcrew_core::manifest::Manifest;

use super::resolve::Source;
use super::{Component, Config, Environment, Hook, NoManifest, Report};

/// What a configuration was made from.
#[derive(Debug)]
pub(super) struct Origin {
    file: String,
    text: String,
    dir: PathBuf,
    environment: Environment,
}

impl Origin {
    pub(super) fn of(source: &Source<'_>) -> Self {
        Self {
            file: source.file.to_owned(),
            text: source.text.to_owned(),
            dir: source.dir.to_owned(),
            environment: source.environment.clone(),
        }
    }
}

impl Config {
    /// A stanza as it is read with another manifest: that of the version before.
    ///
    /// # Errors
    /// All that is wrong with the configuration then, for example a field that the other version does not know.
    pub fn hook_with(&self, hook: &Hook, manifest: &Manifest) -> Result<Hook, Report> {
        // What its stanza names; what was promoted in the place of that is in no text.
        let own = self.hooks.get(&hook.name).map_or(&hook.component, |own| &own.component);
        let manifests = |component: &Component, brought: Option<&Manifest>| {
            if component == own {
                return Ok(manifest.clone());
            }
            let is_it = |other: &&Hook| other.component == *component;
            let known = || {
                let candidates =
                    self.hooks.values().filter_map(|other| Some(&*other.candidate.as_ref()?.hook));
                self.hooks.values().chain(candidates).find(is_it).map(|other| other.manifest.clone())
            };
            brought.cloned().or_else(known).ok_or(NoManifest::Absent)
        };
        let Origin { file, text, dir, environment } = &self.origin;
        let mut read = Self::parse(file, text, dir, environment, &manifests)?;
        let found = read.hooks.remove(&hook.name);
        Ok(found.expect("invariant: the text has the stanza that was read from it"))
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    const OLD: &str = "name = \"x\"\non = [\"app.*\"]\n[config]\nadditionalProperties = false\n\
        [config.properties]\na = { type = \"string\", default = \"old\" }\n";
    const TEXT: &str = "installation = \"acme\"\nsource.ndjson.path = \"-\"\n[hook.one]\nuse = \"x.wasm\"\n";

    fn parsed(text: &str, manifest: &str) -> Config {
        let manifest = Manifest::parse(manifest).unwrap();
        let manifests = |_: &Component, _: Option<&Manifest>| Ok(manifest.clone());
        let environment = Environment::fixed([]);
        let config = Config::parse("x.toml", text, Path::new(""), &environment, &manifests);
        config.unwrap_or_else(|report| panic!("{report}"))
    }

    #[test]
    fn a_stanza_is_read_with_the_defaults_of_the_version_before_or_refused_by_it() {
        let old = Manifest::parse(OLD).unwrap();
        let next = OLD.replace("\"old\"", "\"new\"") + "b = { type = \"integer\" }\n";
        let config = parsed(TEXT, &next);
        let hook = &config.hooks["one"];
        assert_eq!(hook.config["a"], "new");
        assert_eq!(config.hook_with(hook, &old).unwrap().config["a"], "old");
        let config = parsed(&format!("{TEXT}config = {{ b = 1 }}\n"), &next);
        let refused = config.hook_with(&config.hooks["one"], &old).unwrap_err();
        assert!(refused.problems().iter().any(|problem| problem.message.contains('b')), "{refused}");
    }

    #[test]
    fn a_manifest_of_a_file_of_its_own_is_read_over_too() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("hook.toml"), OLD.replace("\"old\"", "\"new\"")).unwrap();
        let text = format!("{TEXT}manifest = \"hook.toml\"\n");
        let manifests =
            |_: &Component, brought: Option<&Manifest>| brought.cloned().ok_or(NoManifest::Absent);
        let config = Config::parse("x.toml", &text, dir.path(), &Environment::fixed([]), &manifests);
        let config = config.unwrap_or_else(|report| panic!("{report}"));
        let hook = &config.hooks["one"];
        assert_eq!(hook.config["a"], "new");
        let before = config.hook_with(hook, &Manifest::parse(OLD).unwrap()).unwrap();
        assert_eq!((before.config["a"].as_str(), before.manifest.name.as_str()), (Some("old"), "x"));
    }
}
