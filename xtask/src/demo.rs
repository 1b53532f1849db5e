//! `cargo xtask demo`: a fleet on the simulator, its DNS in PowerDNS or a fake of it, the runner killed in the middle.
//!
//! The runner is the shipped binary with a user's TOML; nothing in it knows of the demo. The kill is placed by
//! the simulator, which holds an answer after it took the request. The verdict is asked of the DNS server, of the
//! simulator's own log and of a receiver's receipts; it links neither the runner's core nor its store. Before the runner
//! comes somebody leaves things behind; a scheduled audit finds them, and those whose end is approved go. It fails unless
//! all of that, from its first act on, is over within a minute.

mod act;
pub(crate) mod dns;
mod dns_log;
mod draw;
mod leaks;
pub(crate) mod runner;
pub(crate) mod simulator;
mod teller;

use std::path::PathBuf;
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::Context as _;

use crate::setup::{self, call, say};
use dns::Dns;
use draw::Audience;
use groundcrew_verdict::{Expected, Outside, Verdict};
use simulator::Simulator;

/// Where everything of one demo lies, and what it consists of.
#[derive(Clone)]
pub(crate) struct Stage {
    pub(crate) directory: PathBuf,
    pub(crate) binary: PathBuf,
    /// The platform and the receiver, as a process of their own.
    pub(crate) fakes: PathBuf,
    /// Where the runner's API listens.
    pub(crate) api: String,
    pub(crate) started: Instant,
    pub(crate) audience: Audience,
}

/// Apps of the fleet, and how many of them are deleted in its course.
pub(crate) const APPS: u32 = 12;
pub(crate) const MACHINES: u32 = 40;
pub(crate) const DELETED: [u32; 3] = [2, 5, 11];

/// Runs the demo; fails unless the verdict is good.
pub(crate) fn run(arguments: &[String]) -> anyhow::Result<()> {
    let keep = arguments.iter().any(|argument| argument == "--keep");
    on_stage("demo", keep, act::play)
}

/// Builds the binary, prepares a directory, plays, and tidies up.
pub(crate) fn on_stage(
    name: &str,
    keep: bool,
    play: impl FnOnce(&Stage) -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    setup::wasm_target()?;
    say("building the binary");
    // One after the other: what the fakes need of a library must not end up in the shipped binary.
    call(Command::new("cargo").args(["build", "--quiet", "--locked", "-p", "groundcrew"]))?;
    setup::built("groundcrew-fakes")?;
    let target = setup::workspace("target_directory")?;
    let directory = target.join(name).join(std::process::id().to_string());
    std::fs::create_dir_all(&directory).with_context(|| directory.display().to_string())?;
    let stage = Stage {
        directory,
        binary: target.join("debug/groundcrew"),
        fakes: target.join("debug/groundcrew-fakes"),
        api: format!("127.0.0.1:{}", free_port()?),
        started: now(),
        audience: Audience::present(),
    };
    let result = play(&stage);
    if keep || result.is_err() {
        say(&format!("everything of this run is in {}", stage.directory.display()));
    } else {
        std::fs::remove_dir_all(&stage.directory).context("the run's directory")?;
    }
    result
}

/// Asks the simulator and the DNS server, and judges what they say.
pub(crate) fn verdict(simulator: &Simulator, dns: &Dns, expected: &Expected) -> anyhow::Result<Verdict> {
    let outside = Outside {
        fly: simulator.log()?,
        sets: dns.sets()?,
        changes: dns.changes()?,
        foreign: dns.foreign().to_vec(),
        planted: leaks::names(),
        receipts: simulator.receipts()?,
        violations: simulator.violations()?,
        too_many: simulator.too_many()?,
    };
    Ok(Verdict::of(&outside, expected))
}

#[expect(clippy::disallowed_methods, reason = "the demo runs against the real clock")]
pub(crate) fn now() -> Instant {
    Instant::now()
}

/// Asks again until the answer is there, at most for `limit`.
pub(crate) fn until<T>(
    what: &str,
    limit: Duration,
    mut ask: impl FnMut() -> anyhow::Result<Option<T>>,
) -> anyhow::Result<T> {
    let began = now();
    loop {
        if let Some(answer) = ask()? {
            return Ok(answer);
        }
        anyhow::ensure!(began.elapsed() < limit, "{what}: not within {} s", limit.as_secs());
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// A port of the loopback interface that nobody has just now.
pub(crate) fn free_port() -> anyhow::Result<u16> {
    free_ports().map(|[port]| port)
}

/// Several of them, all different.
pub(crate) fn free_ports<const COUNT: usize>() -> anyhow::Result<[u16; COUNT]> {
    // One that is let go of before the next is asked for may be given out again.
    let held: Vec<_> =
        (0..COUNT).map(|_| std::net::TcpListener::bind("127.0.0.1:0")).collect::<Result<_, _>>()?;
    let mut ports = [0; COUNT];
    for (port, listener) in ports.iter_mut().zip(&held) {
        *port = listener.local_addr()?.port();
    }
    Ok(ports)
}

impl Stage {
    /// One line of the play.
    pub(crate) fn tell(&self, who: &str, what: &str) {
        draw::print(&draw::event(self.seconds(), who, what));
    }

    /// What a command printed that somebody typed.
    fn typed(&self, arguments: &[&str], printed: &str) {
        draw::print(&self.audience.command(self.seconds(), arguments, printed));
    }

    fn seconds(&self) -> f32 {
        self.started.elapsed().as_secs_f32()
    }
}
