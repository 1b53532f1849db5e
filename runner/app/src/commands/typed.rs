//! Commands as they are to be typed again, where a configuration file or a data directory was named.

use std::path::Path;

/// The flags that name a configuration file and a data directory, each with a space behind it.
pub(super) fn places(config: Option<&Path>, data: Option<&Path>) -> String {
    let flags = [("--config", config), ("--data", data)];
    let named = flags.into_iter().filter_map(|(flag, path)| Some((flag, path?)));
    let typed = named.map(|(flag, path)| format!("{flag} {} ", quoted(&path.display().to_string())));
    typed.collect::<Vec<_>>().concat()
}

/// A hint with these after each `groundcrew`; what is no command, or names a place itself, stays as it is.
pub(super) fn with(hint: &str, places: &str) -> String {
    if hint.starts_with("groundcrew ") && !hint.contains("--config") && !hint.contains("--data") {
        hint.replace("groundcrew ", &format!("groundcrew {places}"))
    } else {
        hint.to_owned()
    }
}

/// A sentence with these in the commands that it has in backticks.
pub(super) fn within(sentence: &str, places: &str) -> String {
    sentence.replace("`groundcrew ", &format!("`groundcrew {places}"))
}

/// A word of a shell's line, in quotes if it needs them.
fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "_-./:@%+=,".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', r"'\''"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_names_the_places_that_were_named() {
        for (hint, config, data, typed) in [
            ("groundcrew add dns", None, None, "groundcrew add dns"),
            (
                "groundcrew add dns",
                Some("/etc/prod.toml"),
                None,
                "groundcrew --config /etc/prod.toml add dns",
            ),
            ("groundcrew up", Some("my file.toml"), None, "groundcrew --config 'my file.toml' up"),
            ("groundcrew up", Some("it's.toml"), None, r"groundcrew --config 'it'\''s.toml' up"),
            ("groundcrew up", None, Some("/var/gc"), "groundcrew --data /var/gc up"),
            ("groundcrew up", Some("a"), Some("b"), "groundcrew --config a --data b up"),
            (
                "groundcrew plan, then groundcrew up",
                Some("a"),
                None,
                "groundcrew --config a plan, then groundcrew --config a up",
            ),
            ("groundcrew --config OTHER.toml init", Some("a"), None, "groundcrew --config OTHER.toml init"),
            ("groundcrew.toml is elsewhere", Some("a"), None, "groundcrew.toml is elsewhere"),
            ("write level = \"enforce\"", Some("a"), None, "write level = \"enforce\""),
        ] {
            assert_eq!(with(hint, &places(config.map(Path::new), data.map(Path::new))), typed);
        }
    }

    #[test]
    fn so_does_one_in_a_sentence() {
        let said =
            within("paused: until `groundcrew unpause --app a`", &places(Some(Path::new("b.toml")), None));
        assert_eq!(said, "paused: until `groundcrew --config b.toml unpause --app a`");
    }
}
