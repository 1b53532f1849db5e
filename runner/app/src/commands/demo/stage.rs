//! Where the play takes place: a directory, a configuration, the runner as a child, lines for the audience.

use std::fs::{self, File};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::Arc;

use groundcrew_core::time::Timestamp;
use groundcrew_engine::clock::Clock;
use groundcrew_flysim::Actor;
use groundcrew_flysim::verdict::app_of;
use tokio::process::{Child, Command};

use super::{Fakes, PATIENCE};
use crate::commands::answer::Failure;
use crate::commands::context::Context;
use crate::show::{Tone, paint};

pub(super) struct Stage {
    directory: PathBuf,
    clock: Arc<dyn Clock>,
    began: Timestamp,
    runner: Option<Child>,
    /// Lines of the simulator's log that were told.
    told: u64,
    /// Lines of the DNS' log that were told.
    told_dns: u64,
}

/// A configuration as a user would write it.
const CONFIGURATION: &str = include_str!("demo.toml");

/// What clients of the fake DNS send.
pub(super) const DNS_KEY: &str = "demo-key-of-dns";

impl Stage {
    /// Writes everything that a user would: a configuration, a token and a key.
    pub(super) fn set(
        context: &Context,
        directory: Option<PathBuf>,
        fly: &str,
        dns: &str,
    ) -> Result<Self, Failure> {
        let of_process = || std::env::temp_dir().join(format!("groundcrew-demo-{}", std::process::id()));
        let directory = directory.unwrap_or_else(of_process);
        let cannot = |error: std::io::Error| Failure {
            causes: vec![error.to_string()],
            ..Failure::failed(format!("cannot write in {}", directory.display()))
        };
        fs::create_dir_all(&directory).map_err(cannot)?;
        let mut file = File::create_new(directory.join("groundcrew.toml")).map_err(cannot)?;
        let text = CONFIGURATION.replace("FLY_URL", fly).replace("DNS_URL", dns);
        file.write_all(text.as_bytes()).map_err(cannot)?;
        fs::write(directory.join("fly-token"), "demo-token\n").map_err(cannot)?;
        fs::write(directory.join("dns-key"), format!("{DNS_KEY}\n")).map_err(cannot)?;
        let clock = context.clock();
        Ok(Self { directory, began: clock.now(), clock, runner: None, told: 0, told_dns: 0 })
    }

    fn configuration(&self) -> PathBuf {
        self.directory.join("groundcrew.toml")
    }

    /// Shows the file that the runner is given.
    pub(super) fn show_configuration(&self) -> Result<(), Failure> {
        let text = fs::read_to_string(self.configuration()).map_err(|error| Failure::of(&error))?;
        let lines: Vec<_> = text.lines().map(|line| format!("         {line}\n")).collect();
        self.tell("file", &self.configuration().display().to_string())?;
        print(&paint(Tone::Faint, &lines.concat()))
    }

    /// One line: seconds since the beginning, who, what.
    pub(super) fn tell(&self, who: &str, what: &str) -> Result<(), Failure> {
        let since = self.clock.now().since(self.began).as_i64();
        print(&format!("{:>4}.{}s  {who:<9} {what}\n", since / 1_000, since % 1_000 / 100))
    }

    fn command(&self) -> Result<Command, Failure> {
        let program = std::env::current_exe().map_err(|error| Failure::of(&error))?;
        let mut command = Command::new(program);
        command.arg("--config").arg(self.configuration()).stdin(Stdio::null()).kill_on_drop(true);
        Ok(command)
    }

    /// Types a command.
    pub(super) async fn groundcrew(&self, arguments: &[&str]) -> Result<(), Failure> {
        let output = self.command()?.args(arguments).output().await.map_err(|error| Failure::of(&error))?;
        if output.status.success() {
            return Ok(());
        }
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        Err(Failure::failed(format!("groundcrew {}: {}\n{said}", arguments.join(" "), output.status)))
    }

    /// Starts `groundcrew up`.
    pub(super) fn start_runner(&mut self) -> Result<(), Failure> {
        let log = File::options().create(true).append(true).open(self.directory.join("runner.log"));
        let log = log.map_err(|error| Failure::of(&error))?;
        let child = self.command()?.arg("up").stdout(Stdio::null()).stderr(log).spawn();
        self.runner = Some(child.map_err(|error| Failure::of(&error))?);
        Ok(())
    }

    /// Ends the runner as a crash would.
    pub(super) async fn stop_runner(&mut self) {
        if let Some(mut runner) = self.runner.take() {
            // One that ended by itself is not there to be killed.
            runner.kill().await.ok();
        }
    }

    /// Tells what took effect outside since the last time.
    fn follow(&mut self, fakes: &Fakes) -> Result<(), Failure> {
        for effect in fakes.dns.log_after(self.told_dns) {
            self.told_dns = effect.seq;
            if let (Some(app), "A", Actor::Client) = (app_of(&effect), effect.kind.as_str(), effect.by) {
                let record = format!("{:<13} A {}", format!("dns.{}", effect.what.as_str()), effect.name);
                let points = effect.contents.iter().map(|content| format!(" -> {content}"));
                self.tell(app, &points.fold(record, |line, to| line + &to))?;
            }
        }
        for effect in fakes.world.log_after(self.told) {
            self.told = effect.seq;
            if effect.what.starts_with("app.") || effect.what.starts_with("ip.") {
                let thing = if effect.subject == effect.app { "" } else { effect.subject.as_str() };
                self.tell(&effect.app, format!("{:<13} {thing}", effect.what).trim_end())?;
            }
        }
        Ok(())
    }

    /// Waits for something outside, telling what happens meanwhile.
    pub(super) async fn until<T, E: std::fmt::Display>(
        &mut self,
        fakes: &Fakes,
        there: impl Fn(&Fakes) -> Result<T, E>,
    ) -> Result<T, Failure> {
        let mut look = tokio::time::interval(std::time::Duration::from_millis(100));
        let end = self.clock.now() + PATIENCE;
        loop {
            look.tick().await;
            self.follow(fakes)?;
            let lacking = match there(fakes) {
                Ok(found) => return Ok(found),
                Err(lacking) => lacking,
            };
            if let Some(status) = self.runner.as_mut().and_then(|runner| runner.try_wait().ok().flatten()) {
                return Err(Failure::failed(format!("the runner ended by itself: {status}")));
            }
            if self.clock.now() > end {
                return Err(Failure::failed(format!("not within {PATIENCE}: {lacking}")));
            }
        }
    }

    /// What could be typed now.
    pub(super) fn suggestions(&self) -> String {
        let command = format!("groundcrew --config {}", self.configuration().display());
        let typed = [
            "app cust-2",
            "why dns/A/www.cust-2.example",
            "resources",
            "runs",
            "findings",
            "doctor",
            "pause",
        ];
        let lines = typed.map(|typed| format!("\n         {command} {typed}"));
        format!("until Ctrl-C; try:{}", lines.concat())
    }

    /// Removes the directory unless it is to stay; says where it is if it stays.
    pub(super) fn leave(&self, stays: bool) -> Option<&Path> {
        if !stays {
            // What cannot be removed lies among temporary files, and goes with them.
            fs::remove_dir_all(&self.directory).ok();
        }
        stays.then_some(self.directory.as_path())
    }
}

fn print(text: &str) -> Result<(), Failure> {
    let mut out = anstream::stdout();
    out.write_all(text.as_bytes()).and_then(|()| out.flush()).map_err(|error| Failure::of(&error))
}
