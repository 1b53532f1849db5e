//! Every limit of a run, named and in one place.

use std::time::Duration;

use groundcrew_core::duration::Millis;

/// Longest key of a thing, in bytes.
pub const KEY_MAX: usize = 512;
/// Longest id and mark of a thing, and name of an output, in bytes.
pub const ID_MAX: usize = 1 << 10;
/// Longest note of a thing, in bytes.
pub const NOTE_MAX: usize = 4 << 10;
/// Most outputs of a thing.
pub const OUTPUTS_MAX: usize = 100;
/// Longest value of an output, in bytes.
pub const OUTPUT_MAX: usize = 64 << 10;
/// Most things that another one comes after.
pub const AFTER_MAX: usize = 1_000;
/// Longest key of `kv`, in bytes.
pub const KV_KEY_MAX: usize = 256;
/// Longest message of a failure, in bytes; the rest is cut off.
pub const MESSAGE_MAX: usize = 4 << 10;
/// Longest `about` of a finding, in bytes.
pub const ABOUT_MAX: usize = 512;
/// Longest message and remedy of a finding, in bytes; the rest is cut off.
pub const TEXT_MAX: usize = 1 << 10;
/// Longest place where the next page of a listing begins, in bytes.
pub const CURSOR_MAX: usize = 4 << 10;

/// What one run may use.
#[derive(Clone, Debug)]
pub struct Limits {
    /// Wall-clock time of a whole run, instantiation included.
    pub deadline: Duration,
    /// Wall-clock time of one HTTP exchange.
    pub request: Millis,
    /// A write leaves within this time of its intent's commit, or not at all.
    pub send_within: Millis,
    /// Linear memory of one instance, in bytes.
    pub memory: usize,
    /// Body of a request, in bytes.
    pub request_body: usize,
    /// Body of an answer, in bytes.
    pub response_body: usize,
    /// Host calls of one run.
    pub calls: u32,
    /// Lines of `log`.
    pub log_lines: usize,
    /// Bytes of `log`, all lines together.
    pub log_bytes: usize,
    /// Last bytes of standard error that are kept.
    pub stderr_bytes: usize,
    /// One value in `kv`, in bytes.
    pub kv_value: usize,
    /// Keys that one run may write in `kv`.
    pub kv_keys: usize,
    /// One JSON value that a guest answers with, in bytes.
    pub json: usize,
    /// Specs that one `desired` may answer with, things that one `find` or page of `scan` may, and findings of one
    /// page of an audit.
    pub list: usize,
    /// The evidence of one finding, in bytes.
    pub finding: usize,
    /// Pages of one audit by one hook.
    pub audit_pages: u32,
    /// Pages of one `scan`, of one owner where its kinds live in their owners.
    pub scan_pages: u32,
    /// Findings of one audit of one inventory; more are counted.
    pub scan_findings: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            deadline: Duration::from_mins(1),
            request: Millis::seconds(15),
            send_within: Millis::seconds(2),
            memory: 256 << 20,
            request_body: 4 << 20,
            response_body: 4 << 20,
            calls: 1_000,
            log_lines: 1_000,
            log_bytes: 256 << 10,
            stderr_bytes: 8 << 10,
            kv_value: 64 << 10,
            kv_keys: 100,
            json: 1 << 20,
            list: 1_000,
            finding: 16 << 10,
            audit_pages: 100,
            scan_pages: 1_000,
            scan_findings: 1_000,
        }
    }
}
