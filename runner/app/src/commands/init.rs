//! `groundcrew init`: a configuration to start from.

use std::fs::{self, OpenOptions};
use std::io::{self, Write as _};

use super::{Answer, Context, Failure};
use crate::config::{SCHEMA_FILE, schema, template};

/// Write a configuration to start from, with a fresh installation id
///
/// It goes where `--config` says (groundcrew.toml); a file that is there already is never touched.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The installation's id instead of a random one: at most 32 of `[a-z0-9-]`, never used elsewhere
    #[arg(long, value_name = "ID", value_parser = installation)]
    installation: Option<String>,
    /// Put the configuration's JSON schema beside it and name it in the first line, for editors that know it
    #[arg(long)]
    schema: bool,
}

fn installation(text: &str) -> Result<String, String> {
    let legal = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    if !text.is_empty() && text.len() <= groundcrew_core::row::INSTALLATION_MAX && text.chars().all(legal) {
        Ok(text.to_owned())
    } else {
        Err("at most 32 of [a-z0-9-] are expected".to_owned())
    }
}

pub(super) fn run(context: &Context, args: &Args) -> Result<Answer, Failure> {
    let installation = args.installation.clone().map_or_else(random_id, Ok)?;
    let path = context.config_path();
    let cannot = |error: io::Error| {
        if error.kind() == io::ErrorKind::AlreadyExists {
            let there = Failure::failed(format!("{} is there already; it was not touched", path.display()));
            there.hint("groundcrew check").hint("groundcrew --config OTHER.toml init")
        } else {
            Failure {
                causes: vec![error.to_string()],
                ..Failure::failed(format!("cannot write {}", path.display()))
            }
        }
    };
    let mut file = OpenOptions::new().write(true).create_new(true).open(path).map_err(cannot)?;
    let mut text = template(&installation);
    if args.schema {
        let beside = path.with_file_name(SCHEMA_FILE);
        fs::write(&beside, schema()).map_err(cannot)?;
        text.insert_str(0, &format!("#:schema ./{SCHEMA_FILE}\n"));
    }
    file.write_all(text.as_bytes()).map_err(cannot)?;
    let shown = serde_json::json!({"file": path, "installation": installation});
    let text = format!(
        "wrote {}: installation {installation}, level observe\nnext: name your organisation and a token in it, then\n  {}\n",
        path.display(),
        context.typed("groundcrew check")
    );
    Ok(Answer::both(text, &shown))
}

/// Twelve characters nobody else has: 60 random bits.
fn random_id() -> Result<String, Failure> {
    const LETTERS: &[u8; 32] = b"abcdefghijklmnopqrstuvwxyz234567";
    let mut bytes = [0; 12];
    getrandom::fill(&mut bytes)
        .map_err(|error| Failure::failed(format!("no randomness from the system: {error}")))?;
    Ok(bytes.iter().map(|byte| char::from(LETTERS[usize::from(byte % 32)])).collect())
}
