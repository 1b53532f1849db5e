//! `groundcrew up`: run.

mod process;

use groundcrew_engine::clock::{Clock as _, SystemClock};
use groundcrew_store::{Options, Store};
use tokio_util::sync::CancellationToken;

use super::answer::{Answer, Failure, Kind};
use super::context::Context;
use crate::assembly::{Outward, Seen};
use crate::config::Config;
use crate::http::Front;
use crate::lock::Approvals;
use crate::reload::Reloads;
use process::Process;

/// Arguments of `up`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Run hooks that `groundcrew.lock` does not approve (never in production)
    #[arg(long)]
    unapproved: bool,
}

/// Runs until a signal.
pub(super) fn perform(context: &Context, args: &Args) -> Result<Answer, Failure> {
    let (config, seen) = read_config(context, args)?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let runtime = runtime.map_err(|error| Failure::of(&error))?;
    let dir = context.data_dir();
    let _held_while_up = dir.lock("up", SystemClock.now())?;
    runtime.block_on(async {
        let store = Store::open(&dir.database(), Options::default())?;
        let outward = Outward::open(&config, dir.path(), store).map_err(|error| Failure::of(&error))?;
        let stop = stop_on_signals().map_err(|error| Failure::of(&error))?;
        let (reloads, asks) = Reloads::new();
        reload_on_hangup(reloads.clone()).map_err(|error| Failure::of(&error))?;
        let (dir, front) = (&dir, Front::default());
        let process = Process { context, args, dir, outward, reloads, stop, front };
        Box::pin(process.run(config, seen, asks)).await
    })?;
    // What still runs on the blocking pool is nothing that must be waited for.
    runtime.shutdown_background();
    Ok(Answer::text(""))
}

/// The configuration as it is now, if it may be run, and what its components are.
fn read_config(context: &Context, args: &Args) -> Result<(Config, Seen), Failure> {
    let config = context.config()?;
    refuse_without_values(&config)?;
    let seen = if args.unapproved { Seen::default() } else { refuse_differences(context, &config)? };
    Ok((config, seen))
}

/// Refuses what is not approved; says what the components were.
pub(super) fn refuse_differences(context: &Context, config: &Config) -> Result<Seen, Failure> {
    let mut seen = Seen::default();
    let path = Approvals::path(context.config_path());
    let approvals = Approvals::read(&path).map_err(|error| Failure::of(&error))?;
    let mut lines = Vec::new();
    for hook in config.hooks.values() {
        let digest = crate::components::digest(&hook.component).map_err(|error| Failure::of(&error))?;
        let candidate = crate::components::candidate(hook).map_err(|error| Failure::of(&error))?;
        seen.note(&hook.component, digest);
        if let (Some(candidate), Some(digest)) = (&hook.candidate, candidate) {
            seen.note(&candidate.hook.component, digest);
        }
        if let Some(difference) = approvals.difference(hook, digest, candidate) {
            lines.push(format!("hook `{}`: {}", difference.hook, difference.lines.join("; ")));
        }
    }
    if lines.is_empty() {
        return Ok(seen);
    }
    let message = format!("not approved in {}: {}", path.display(), lines.join("\n  "));
    Err(Failure::new(Kind::Approval, message).hint("groundcrew add --all"))
}

/// All secrets without a value, at once: a hook or source that lacks one would only fail later.
fn refuse_without_values(config: &Config) -> Result<(), Failure> {
    let read = |name| config.secrets.read(name).err().map(|error| error.to_string());
    let causes: Vec<_> = config.secrets.names().filter_map(read).collect();
    if causes.is_empty() {
        return Ok(());
    }
    let failure = Failure { causes, ..Failure::new(Kind::Configuration, "secrets without a value") };
    Err(failure.hint("give each its value, or take it out of [secrets]; then: groundcrew check"))
}

/// The first signal drains, the second ends the process at once.
fn stop_on_signals() -> std::io::Result<CancellationToken> {
    use tokio::signal::unix::{SignalKind, signal};
    let stop = CancellationToken::new();
    let mut term = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let told = stop.clone();
    let listen = async move {
        for again in [false, true] {
            tokio::select! {
                // Both arms only notice a signal; the other one stays pending.
                _ = term.recv() => {}
                _ = interrupt.recv() => {}
            }
            if again {
                rustix::process::kill_process(rustix::process::getpid(), rustix::process::Signal::KILL).ok();
            }
            told.cancel();
        }
    };
    tokio::runtime::Handle::current().spawn(listen);
    Ok(stop)
}

/// SIGHUP, as supervisors send it, asks for a reload; how that goes is in the log.
fn reload_on_hangup(reloads: Reloads) -> std::io::Result<()> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut hangup = signal(SignalKind::hangup())?;
    let listen = async move {
        while hangup.recv().await.is_some() {
            reloads.nudge("SIGHUP");
        }
    };
    tokio::runtime::Handle::current().spawn(listen);
    Ok(())
}
