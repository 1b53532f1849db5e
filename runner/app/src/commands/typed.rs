//! Commands as they are to be typed again, where a configuration file was named.

use std::path::Path;

/// A hint with `--config` after each `groundcrew`; what is no command, or says it already, stays as it is.
pub(super) fn with_config(hint: &str, config: Option<&Path>) -> String {
    match config {
        Some(config) if hint.starts_with("groundcrew ") && !hint.contains("--config") => {
            let command = format!("groundcrew --config {} ", quoted(&config.display().to_string()));
            hint.replace("groundcrew ", &command)
        }
        _ => hint.to_owned(),
    }
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
    fn a_command_names_the_configuration_that_was_named() {
        for (hint, config, typed) in [
            ("groundcrew add dns", None, "groundcrew add dns"),
            ("groundcrew add dns", Some("/etc/prod.toml"), "groundcrew --config /etc/prod.toml add dns"),
            ("groundcrew up", Some("my file.toml"), "groundcrew --config 'my file.toml' up"),
            ("groundcrew up", Some("it's.toml"), r"groundcrew --config 'it'\''s.toml' up"),
            (
                "groundcrew plan, then groundcrew up",
                Some("a"),
                "groundcrew --config a plan, then groundcrew --config a up",
            ),
            ("groundcrew --config OTHER.toml init", Some("a"), "groundcrew --config OTHER.toml init"),
            ("groundcrew.toml is elsewhere", Some("a"), "groundcrew.toml is elsewhere"),
            ("write level = \"enforce\"", Some("a"), "write level = \"enforce\""),
        ] {
            assert_eq!(with_config(hint, config.map(Path::new)), typed);
        }
    }
}
