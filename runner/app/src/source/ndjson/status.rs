//! How a source of lines is.

use groundcrew_core::time::Timestamp;

/// How a source of lines is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LinesStatus {
    /// When this process began to read.
    pub begun_at: Timestamp,
    /// When lines were last taken in, or when there were last none to take; none: not since the start.
    pub heard_at: Option<Timestamp>,
    /// The number of the last line that was taken in, also before the start.
    pub line: u64,
    /// Why those after it could not be committed.
    pub error: Option<String>,
    /// Whether there may be more.
    pub flow: Flow,
}

/// Whether there may be more lines.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Flow {
    /// Whoever writes them may go on.
    #[default]
    Open,
    /// Standard input has come to its end.
    Ended,
}
