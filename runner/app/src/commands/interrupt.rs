//! What a signal does to a command that drives toolchains: they end with it.

use std::io;
use std::process;

use groundcrew_author::end_toolchains;
use tokio::signal::unix::{SignalKind, signal};

use super::Failure;

/// From here on SIGINT and SIGTERM end this process's toolchains, then itself, with the exit code that shells give.
pub(super) fn end_toolchains_on_signals() -> Result<(), Failure> {
    listen().map_err(|error| Failure::of(&error))
}

fn listen() -> io::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build()?;
    // Here and not in the thread: none comes too early.
    let within = runtime.enter();
    let (int, term) = (SignalKind::interrupt(), SignalKind::terminate());
    let (mut interrupt, mut terminate) = (signal(int)?, signal(term)?);
    drop(within);
    let first = async move {
        tokio::select! {
            // Both arms only notice a signal.
            _ = interrupt.recv() => int,
            _ = terminate.recv() => term,
        }
    };
    let thread = std::thread::Builder::new().name("signals".to_owned());
    thread.spawn(move || {
        let signal = runtime.block_on(first);
        let _until_the_end = end_toolchains();
        #[expect(clippy::exit, reason = "the build waits for a toolchain, and must say nothing of its end")]
        process::exit(128 + signal.as_raw_value());
    })?;
    Ok(())
}
