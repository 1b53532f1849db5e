//! Keeps the last words of each destroyed machine as one JSON document in an S3-compatible bucket.
//!
//! It remembers what it is told of a machine while that lives (the last events, how its process ended, its
//! redacted configuration), in the memory that the host keeps for each machine, and writes the document when the
//! machine is destroyed. The host signs the request.
//!
//! *Guarantees.* Ids of machines are never used again, so each has its own document; told twice, it writes the
//! same document twice.

mod record;

use groundcrew_hook::{Event, Failure, Handler, Request, Result, Subject, config, encode, kv};
use serde::Deserialize;

pub use record::Record;

/// The hook.
#[derive(Debug)]
pub struct Archive;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Config {
    server: String,
    path: String,
}

/// Where the record of a machine is kept while it lives.
const KEY: &str = "record";

impl Handler for Archive {
    fn handle(event: &Event) -> Result<()> {
        let Some(subject) = event.subject.as_ref().filter(|_| event.kind.starts_with("machine.")) else {
            return Ok(());
        };
        let mut record = match kv::read(KEY)? {
            Some(kept) => serde_json::from_slice(&kept)
                .map_err(|error| Failure::lasting(format!("the record of {}: {error}", subject.path)))?,
            None => Record::default(),
        };
        record.note(event);
        if event.kind != "machine.destroyed" {
            return kv::write(KEY, &record.to_bytes());
        }
        let url = url(&config::<Config>()?, subject)?;
        Request::put(url).json(&record.document(event, subject)).send()?.success()?;
        kv::forget(KEY)
    }
}

/// The document's address: its words filled in, each as one segment.
fn url(config: &Config, subject: &Subject) -> Result<String> {
    let mut parts = subject.path.split('/').skip(1);
    let mut next = || parts.next().filter(|part| !part.is_empty());
    let (Some(org), Some(app), Some(machine)) = (next(), next(), next()) else {
        return Err(Failure::lasting(format!("`{}` names no machine", subject.path)));
    };
    let words = [("{org}", org), ("{app}", app), ("{machine}", machine)];
    let path =
        words.iter().fold(config.path.clone(), |path, (word, value)| path.replace(word, &encode(value)));
    Ok(format!("{}/{}", config.server.trim_end_matches('/'), path.trim_start_matches('/')))
}

groundcrew_hook::export_handler!(Archive);
