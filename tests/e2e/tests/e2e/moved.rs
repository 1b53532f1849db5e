//! Time that passes for the runner and the platform while a test does not wait for it.
//!
//! The platform is asked for its time in this process. The shipped binary has no clock but the machine's: a library of a
//! few lines, loaded before the C library, shows it a wall clock that is ahead.

use std::path::PathBuf;
use std::process::Command;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicI64, Ordering};

use groundcrew_flysim::{Clock, SystemClock};

/// How far a scene's time is ahead of this machine's, in milliseconds.
#[derive(Debug, Default)]
pub(crate) struct Ahead(AtomicI64);

impl Ahead {
    pub(crate) fn pass(&self, time: jiff::SignedDuration) {
        self.0.fetch_add(time.as_millis() as i64, Ordering::SeqCst);
    }

    /// Has a process that is started begin at the scene's time.
    pub(crate) fn show(&self, command: &mut Command) {
        let seconds = self.0.load(Ordering::SeqCst) / 1_000;
        if seconds != 0 {
            command.env("LD_PRELOAD", library()).env("E2E_AHEAD", seconds.to_string());
        }
    }
}

impl Clock for Ahead {
    fn now_ms(&self) -> i64 {
        SystemClock.now_ms() + self.0.load(Ordering::SeqCst)
    }
}

/// The library, built once per run with the compiler that links Rust.
fn library() -> &'static PathBuf {
    static LIBRARY: OnceLock<PathBuf> = OnceLock::new();
    LIBRARY.get_or_init(|| {
        let built = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("moved.so");
        let source = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/e2e/moved.c");
        let mut cc = Command::new("cc");
        let made =
            cc.args(["-shared", "-fPIC", "-O1", "-o"]).arg(&built).arg(source).arg("-ldl").output().unwrap();
        assert!(made.status.success(), "{cc:?}\n{}", String::from_utf8_lossy(&made.stderr));
        built
    })
}
