//! The command line: one file a command, each with its arguments and one function.
//!
//! A command computes an [`Answer`] (text for people, JSON for programs, an exit code) or a [`Failure`] (kind,
//! message, hints); only [`main`] prints. So every command can be tested as a function and as a process alike.
//!
//! | exit code | means |
//! |---|---|
//! | 0 | done; for `app`, `check`, `doctor`: and nothing is wrong |
//! | 1 | it failed, `doctor` found what must be mended, or `diff` what asks for more or breaks |
//! | 2 | the command line makes no sense |
//! | 3 | the configuration has problems |
//! | 4 | not complete in time (`wait`) |
//! | 5 | a person's approval is missing (`add`, `approve`, `up`) |

mod absent;
mod add;
mod answer;
mod app;
mod apply;
mod approve;
mod ask;
mod audit;
mod autopsy;
mod backfill;
mod backtest;
mod backup;
mod blame;
mod build;
mod calls;
mod canary;
mod check;
mod compile;
mod completions;
mod context;
mod dead;
mod demo;
mod diff;
mod doctor;
mod events;
mod findings;
mod hook;
mod init;
mod inspect;
mod interrupt;
mod label;
mod learn;
mod learnt;
mod new;
mod pause;
mod plan;
mod project;
mod promote;
mod protect;
mod prove;
mod ran;
mod reconcile;
mod recover;
mod reload;
mod replay;
mod resources;
mod restore;
mod retire;
mod rows;
mod run;
mod runs;
mod settle;
mod sim;
mod story;
mod test;
mod timeline;
mod touch;
mod typed;
mod unpause;
mod up;
mod versions;
mod wait;
mod why;

use std::ffi::OsString;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, CommandFactory as _, Parser, Subcommand};

pub use answer::{Answer, Code, Failure, Kind};
pub use context::Context;

use crate::config::Environment;
use crate::logging::{self, LogFormat};

/// Ground crew for Fly Machines: watches apps and machines come and go, and keeps what lies outside of them right.
#[derive(Debug, Parser)]
#[command(name = "groundcrew", version, propagate_version = true, disable_help_subcommand = true)]
pub struct Cli {
    /// What every command takes.
    #[command(flatten)]
    pub global: Global,
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// The configuration file where none is named.
const CONFIG_FILE: &str = "groundcrew.toml";

/// What every command takes.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Everywhere")]
pub struct Global {
    /// The configuration file
    #[arg(
        long,
        global = true,
        value_name = "FILE",
        env = "GROUNDCREW_CONFIG",
        default_value = CONFIG_FILE,
        hide_env_values = true
    )]
    pub config: PathBuf,
    /// The data directory; without this, the one that the configuration names
    #[arg(long, global = true, value_name = "DIR")]
    pub data: Option<PathBuf>,
    /// Answer in JSON; field names are stable, times are RFC 3339
    #[arg(long, global = true)]
    pub json: bool,
    /// When to use colours; `auto` respects NO_COLOR and pipes
    #[arg(long, global = true, value_name = "WHEN", default_value = "auto")]
    pub color: Colours,
    /// How log lines on standard error look; GROUNDCREW_LOG says which there are (`debug`, `warn,groundcrew=trace`)
    #[arg(long, global = true, value_name = "FORMAT", default_value = "human")]
    pub log: LogFormat,
}

/// When colours are used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Colours {
    /// On terminals, unless NO_COLOR is set.
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

/// All commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Write a configuration to start from, with a fresh installation id
    Init(init::Args),
    /// Read the configuration and tell everything that is wrong with it
    Check(check::Args),
    /// Make a project for a hook, in a folder of its name
    New(new::Args),
    /// Build the hook of this folder into one component, with its manifest inside
    Build(build::Args),
    /// Play this hook's scenarios in the real engine, and compare its calls
    Test(test::Args),
    /// Play them again, failing and dying at every point: nothing doubled or left
    Prove(prove::Args),
    /// Look into a hook's component: kind, imports, manifest, what it asks for
    Inspect(inspect::Args),
    /// Approve hooks: their components and grants go into groundcrew.lock
    Add(add::Args),
    /// Compare two versions of a hook: what asks for more, what breaks
    ///
    /// `wider` asks for one more host, method, path, secret or kind, and waits for `approve --upgrade`; `breaking` may
    /// refuse configuration that was valid, or leaves things behind. The exit code is 1 if there is either.
    Diff(diff::Args),
    /// Write the tightest grants that a hook's recorded runs would have passed
    ///
    /// They are printed as the stanza's `allow`, and never wider than it is now; `--write` edits the file. What
    /// was never recorded is said, and what no request used stays for that, unless `--tight`.
    Learn(learn::Args),
    /// Run: watch the platform, tell handlers, bring everything outside to what it should be
    Up(up::Args),
    /// Put the configuration in force as it is now, in the process that runs
    Reload(reload::Args),
    /// Play a whole fleet on the simulator, with the runner killed in the middle
    Demo(demo::Args),
    /// The Fly simulator alone
    Sim(sim::Args),
    /// Compile one component (the runner calls itself with this)
    #[command(hide = true)]
    CompileComponent(compile::Args),
    /// Show what should exist outside for an app, what does, and what is under way
    App(app::Args),
    /// Wait until everything outside of an app is as it should be
    Wait(wait::Args),
    /// List, end or take over what the ledger knows of things outside
    Resources(resources::Args),
    /// Tell the story of one thing, or what became of an event
    Why(why::Args),
    /// List runs of hooks, newest first
    Runs(runs::Args),
    /// Show one run with its calls: when each was under way, what was learnt
    Run(run::Args),
    /// Count what each version of a component did, newest first
    Blame(blame::Args),
    /// Play runs again from what is kept of them: offline, call by call
    Replay(replay::Args),
    /// Play a hook's past runs with another component, and count what differs
    Backtest(backtest::Args),
    /// Show how candidates compare with what runs, run by run
    Canary(canary::Args),
    /// Let a hook's candidate take the place of what runs
    Promote(promote::Args),
    /// List what a person should look at, or say why it may be
    Findings(findings::Args),
    /// List audits, run one, or show what they found
    Audit(audit::Args),
    /// List, show, retry or discard deliveries that gave up
    Dead(dead::Args),
    /// Show what would be done about things outside, before anything is done
    Plan(plan::Args),
    /// Do exactly what a plan says, while things are as they were
    Apply(apply::Args),
    /// Allow removals that wait for a person
    Approve(approve::Args),
    /// Stop changing things outside: everything, a hook, or an app
    Pause(pause::Args),
    /// Lift a pause
    Unpause(unpause::Args),
    /// Say what became of a creation whose outcome nobody knows
    Settle(settle::Args),
    /// Forbid that a thing is removed
    Protect(protect::Args),
    /// Allow again what `protect` forbade
    Unprotect(protect::UnprotectArgs),
    /// Let a machine leave in order: cordon, tell handlers and wait for them, stop, destroy
    Retire(retire::Args),
    /// Show what is known of a machine's last days
    Autopsy(autopsy::Args),
    /// Tell a handler that came later of everybody who lives
    Backfill(backfill::Args),
    /// Show, set or unset labels of an app
    Label(label::Args),
    /// Look at an app now
    Touch(touch::Args),
    /// Take back the end of a thing that is not gone yet
    Restore(restore::Args),
    /// Look again at everybody, a hook's owners, or one app
    Reconcile(reconcile::Args),
    /// List hooks, end one, or move it to another place
    Hook(hook::Args),
    /// Copy what is remembered into a file, whoever runs
    Backup(backup::Args),
    /// Rebuild the ledger after its database was lost, or put back from a backup
    Recover(recover::Args),
    /// Tell what is wrong with this installation, and how to mend it
    Doctor(doctor::Args),
    /// Write a completion script for a shell
    Completions(completions::Args),
}

impl Command {
    /// What is logged unless the environment says: a runner that is played a thousand times has nothing to tell.
    const fn logs(&self) -> &'static str {
        match self {
            Self::Test(_) | Self::Prove(_) => "off",
            _ => "warn,groundcrew=info",
        }
    }
}

/// Runs the program: reads the command line and the environment, prints, and says how it went.
pub fn main() -> ExitCode {
    let environment = Environment::of_process();
    match Cli::try_parse_from(std::env::args_os()) {
        Ok(cli) => run(cli, environment),
        Err(error) => {
            // Help and version are no errors, and go to standard output.
            let code = if error.use_stderr() { Code::Usage } else { Code::Ok };
            drop(error.print());
            code.into()
        }
    }
}

fn run(cli: Cli, environment: Environment) -> ExitCode {
    answer::choose_colours(cli.global.color);
    let filter = environment.read("GROUNDCREW_LOG").unwrap_or_else(|| cli.command.logs().to_owned());
    let context = Context::new(cli.global, environment);
    let result = logging::start(context.log_format(), &filter)
        .map_err(|error| {
            Failure::usage(format!("GROUNDCREW_LOG: {error}")).hint("GROUNDCREW_LOG=warn,groundcrew=debug")
        })
        .and_then(|()| perform(&context, cli.command));
    match result {
        Ok(answer) => answer.print(context.form()),
        Err(failure) => failure.typed(&context).print(context.form()),
    }
}

fn perform(context: &Context, command: Command) -> Result<Answer, Failure> {
    match command {
        Command::Init(args) => init::run(context, &args),
        Command::Check(args) => check::run(context, &args),
        Command::New(args) => new::run(context, &args),
        Command::Build(args) => build::run(context, &args),
        Command::Test(args) => test::run(context, &args),
        Command::Prove(args) => prove::run(context, &args),
        Command::Inspect(args) => inspect::run(context, &args),
        Command::Add(args) => add::run(context, &args),
        Command::Diff(args) => diff::run(context, &args),
        Command::Learn(args) => learn::run(context, &args),
        Command::Up(args) => up::perform(context, &args),
        Command::Reload(args) => reload::run(context, &args),
        Command::Demo(args) => demo::perform(context, &args),
        Command::Sim(args) => sim::perform(context, &args),
        Command::CompileComponent(args) => compile::perform(&args),
        Command::App(args) => app::run(context, &args),
        Command::Wait(args) => wait::run(context, &args),
        Command::Resources(args) => resources::run(context, &args),
        Command::Why(args) => why::run(context, &args),
        Command::Runs(args) => runs::run(context, &args),
        Command::Run(args) => run::run(context, &args),
        Command::Blame(args) => blame::run(context, &args),
        Command::Replay(args) => replay::run(context, &args),
        Command::Backtest(args) => backtest::run(context, &args),
        Command::Canary(args) => canary::run(context, &args),
        Command::Promote(args) => promote::run(context, args),
        Command::Findings(args) => findings::run(context, &args),
        Command::Audit(args) => audit::run(context, &args),
        Command::Dead(args) => dead::run(context, args),
        Command::Plan(args) => plan::run(context, &args),
        Command::Apply(args) => apply::run(context, &args),
        Command::Approve(args) => approve::run(context, &args),
        Command::Pause(args) => pause::run(context, args),
        Command::Unpause(args) => unpause::run(context, args),
        Command::Settle(args) => settle::run(context, args),
        Command::Protect(args) => protect::run(context, args),
        Command::Unprotect(args) => protect::run_unprotect(context, args),
        Command::Retire(args) => retire::run(context, args),
        Command::Autopsy(args) => autopsy::run(context, &args),
        Command::Backfill(args) => backfill::run(context, &args),
        Command::Label(args) => label::run(context, args),
        Command::Touch(args) => touch::run(context, args),
        Command::Restore(args) => restore::run(context, &args),
        Command::Reconcile(args) => reconcile::run(context, args),
        Command::Hook(args) => hook::run(context, &args),
        Command::Backup(args) => backup::run(context, &args),
        Command::Recover(args) => recover::run(context, &args),
        Command::Doctor(args) => doctor::run(context, &args),
        Command::Completions(args) => Ok(completions::run(&args, &mut Cli::command())),
    }
}

/// Parses a command line; for tests and for documentation.
pub fn parse(line: impl IntoIterator<Item = impl Into<OsString> + Clone>) -> Result<Cli, clap::Error> {
    Cli::try_parse_from(line)
}

#[cfg(test)]
mod tests {
    use groundcrew_store::findings::SUBCOMMANDS;

    use super::*;

    #[test]
    fn the_store_knows_which_commands_have_commands_of_their_own() {
        let names = |command: &clap::Command| -> Vec<String> {
            command.get_subcommands().map(|own| own.get_name().to_owned()).collect()
        };
        let cli = Cli::command();
        let groups = cli.get_subcommands().filter(|command| command.has_subcommands());
        let found: Vec<_> = groups.map(|group| (group.get_name(), names(group))).collect();
        let owned = |own: &[&str]| own.iter().map(|name| (*name).to_owned()).collect();
        let told = SUBCOMMANDS.iter().map(|(group, own)| (*group, owned(own)));
        assert_eq!(found, told.collect::<Vec<_>>());
    }
}
