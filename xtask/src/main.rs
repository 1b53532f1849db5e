//! Automation of the project: `cargo xtask test`, `demo`, `torture`, `month`, `model`, `pairs`, `bench`.
//!
//! Each command does everything by itself on a fresh machine, and says what it installs.
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a command line talks to people")]

mod bench;
mod bindings;
mod demo;
mod docs;
mod model;
mod month;
mod pairs;
mod setup;
mod test;
mod toolchains;
mod torture;

use std::process::ExitCode;

const HELP: &str = "\
cargo xtask COMMAND

  demo [--keep]   a fleet on the simulator and its DNS, the runner killed in the middle, a verdict at the end
  torture [--events N] [--kills K] [--seed S] [--keep]
                  apps come and go while the runner is killed again and again; non-zero on any loss
  month [--apps N] [--days D] [--seed S]
                  a month of a fleet in simulated time: outages, crashes, upgrades, strangers; non-zero on any loss;
                  without a seed it is another one each time, and says which
  model [--full]  settling, explored exhaustively: the states visited; non-zero on a broken promise; --full: two crashes, a
                  late effect, a stranger and a want that goes and returns, all at once: minutes, and a few gigabytes
  pairs [TEST..] [FUNCTION..]
                  the crash harness with every second blow after every crash, for a scenario or all of them: hours
  bench [--json] [--svg FILE] [--only NAME] [--strict]
                  what the shipped binary does, measured from outside, beside the machine's floors and installed peers;
                  --strict: non-zero if an aim is missed
  test [STEP..]   everything that is checked: fmt, spelling, clippy, test, doc, demo, torture, month, deny; or only these
                  steps; what could not be is listed; non-zero if that is a language of hooks, unless
                  GROUNDCREW_UNCHECKED_LANGUAGES=allow
  docs            writes the pages that are made from the code: docs/configuration.md and its schema, docs/manifest.md,
                  docs/wit.md
  bindings        writes the generated code of sdk/c and sdk/go from wit/
  setup           installs what tests and demo need: the wasm target, PowerDNS, dig, promtool, clang, Go, Node.js, curl,
                  Prism, moto
";

fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1);
    let command = arguments.next();
    let rest: Vec<String> = arguments.collect();
    let done = match command.as_deref() {
        Some("demo") => demo::run(&rest),
        Some("torture") => torture::run(&rest),
        Some("month") => month::run(&rest),
        Some("model") => model::run(&rest),
        Some("pairs") => pairs::run(&rest),
        Some("bench") => bench::run(&rest),
        Some("test") => test::run(&rest),
        Some("docs") => docs::run(),
        Some("bindings") => bindings::run(),
        Some("setup") => setup::run(),
        Some("help" | "--help" | "-h") | None => {
            println!("{HELP}");
            return ExitCode::SUCCESS;
        }
        Some(unknown) => {
            eprintln!("unknown command `{unknown}`\n\n{HELP}");
            return ExitCode::from(2);
        }
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}
