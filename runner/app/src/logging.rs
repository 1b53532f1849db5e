//! Logs on standard error: for people, or one JSON object a line.

use std::io::IsTerminal as _;

use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::ParseError;

/// How log lines look.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum LogFormat {
    /// For people.
    #[default]
    Human,
    /// One JSON object a line; fields of spans (event, resource, hook, app) are in it, and the run of what a run did.
    Json,
}

/// Starts writing logs; a second start changes nothing.
///
/// `filter` is written as for `RUST_LOG`: `debug`, `warn,groundcrew::source=trace`.
pub fn start(format: LogFormat, filter: &str) -> Result<(), ParseError> {
    let filter = EnvFilter::try_new(filter)?;
    let lines = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    // A second start is a test's: the first one's format stays.
    let started = match format {
        LogFormat::Human => {
            let colours = std::io::stderr().is_terminal()
                && anstream::AutoStream::choice(&std::io::stderr()) != anstream::ColorChoice::Never;
            lines.with_ansi(colours).with_target(false).try_init()
        }
        LogFormat::Json => {
            lines.json().flatten_event(true).with_current_span(true).with_span_list(true).try_init()
        }
    };
    drop(started);
    Ok(())
}
