//! Runs a toolchain's program.
//!
//! Each runs in a process group of its own, with all that it starts, so that [`end_toolchains`] leaves none of them behind.

use std::io;
use std::os::unix::process::CommandExt as _;
use std::process::{Child, Command, Output, Stdio};
use std::sync::{Mutex, MutexGuard, PoisonError};

use rustix::process::{Pid, Signal, kill_process_group};

use crate::build::Error;

/// Lines of a program's last words that are shown; compilers say the same thing at length.
const LINES: usize = 60;

/// The toolchains that run now. Whoever has it keeps others from being started, and from being heard when they end.
static RUNNING: Mutex<Vec<Pid>> = Mutex::new(Vec::new());

/// What a program left that went well.
pub(crate) struct Said {
    /// Standard output.
    pub(crate) out: String,
    /// Standard error: warnings, usually.
    pub(crate) err: String,
}

/// Runs a program to its end; `tool` is what people call it, `clean` what to show of its words when it fails.
pub(crate) fn run(
    command: &mut Command,
    tool: &'static str,
    clean: fn(&str) -> String,
) -> Result<Said, Error> {
    // Colours would end up in files and in JSON.
    command.env("NO_COLOR", "1").env_remove("FORCE_COLOR").stdin(Stdio::null());
    let output = to_its_end(command).map_err(|source| Error::Start { tool, source })?;
    let out = String::from_utf8_lossy(&output.stdout).into_owned();
    let err = String::from_utf8_lossy(&output.stderr).into_owned();
    if output.status.success() {
        return Ok(Said { out, err });
    }
    let said = format!("{}\n{}", err.trim_end(), out.trim_end());
    Err(Error::Refused { tool, said: last_lines(clean(&said).trim()) })
}

fn to_its_end(command: &mut Command) -> io::Result<Output> {
    command.process_group(0).stdout(Stdio::piped()).stderr(Stdio::piped());
    let (child, group) = start(command)?;
    let output = child.wait_with_output();
    running().retain(|running| *running != group);
    output
}

fn start(command: &mut Command) -> io::Result<(Child, Pid)> {
    let mut running = running();
    let child = command.spawn()?;
    let group = Pid::from_child(&child);
    running.push(group);
    Ok((child, group))
}

fn running() -> MutexGuard<'static, Vec<Pid>> {
    RUNNING.lock().unwrap_or_else(PoisonError::into_inner)
}

/// That all toolchains were ended. While it is held, none is started, and no build goes on after what it waited for.
#[derive(Debug)]
pub struct Ended {
    _running: MutexGuard<'static, Vec<Pid>>,
}

/// Kills every toolchain that a build of this process runs, with all that they started: for a process that is to end.
pub fn end_toolchains() -> Ended {
    let running = running();
    for group in running.iter() {
        // One that ended meanwhile is no error.
        let _gone = kill_process_group(*group, Signal::KILL);
    }
    Ended { _running: running }
}

fn last_lines(text: &str) -> String {
    let lines: Vec<_> = text.lines().collect();
    let more = lines.len().saturating_sub(LINES);
    match more {
        0 => text.to_owned(),
        _ => format!("... {more} lines before\n{}", lines[more..].join("\n")),
    }
}
