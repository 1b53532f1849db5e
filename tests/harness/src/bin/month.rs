//! Plays a month of a fleet: `month [--apps N] [--seed S] [--days D] [--until PER_MILLE] [--without KIND]`.
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a command line talks to people")]

use std::process::ExitCode;

use groundcrew_harness::month::{KINDS, Month, play, shrink};

/// Smaller months that are tried when one went wrong, unless `--tries` says otherwise.
const TRIES: u32 = 24;

fn main() -> ExitCode {
    let (month, tries) = match month() {
        Ok(read) => read,
        Err(why) => {
            eprintln!("error: {why}");
            return ExitCode::from(2);
        }
    };
    let outcome = play(&month);
    let line = outcome.line();
    if outcome.is_right() {
        println!("{line}");
        return ExitCode::SUCCESS;
    }
    println!("{outcome}\nmaking it smaller");
    let small = shrink(outcome, tries);
    println!("{small}{}", small.line());
    println!("again: cargo xtask month {}", arguments(&small.month));
    println!("{line}");
    ExitCode::FAILURE
}

fn month() -> Result<(Month, u32), String> {
    let mut tries = TRIES;
    let mut month = Month::new(1, 200, 30);
    let mut arguments = std::env::args().skip(1);
    while let Some(name) = arguments.next() {
        let value = arguments.next().ok_or_else(|| format!("{name} needs a value"))?;
        let number = || value.parse::<u32>().map_err(|_| format!("{name} needs a number"));
        match name.as_str() {
            "--apps" => month.apps = number()?,
            "--days" => month.days = number()?,
            "--seed" => month.seed = number()?.into(),
            "--until" => month.until = number()?.into(),
            "--tries" => tries = number()?,
            "--without" if KINDS.contains(&value.as_str()) => month.without.push(value),
            "--without" => return Err(format!("--without is one of {}", KINDS.join(", "))),
            unknown => return Err(format!("unknown argument `{unknown}`")),
        }
    }
    Ok((month, tries))
}

fn arguments(month: &Month) -> String {
    let Month { seed, apps, days, until, without, .. } = month;
    let without = without.iter().map(|kind| format!(" --without {kind}"));
    format!("--seed {seed} --apps {apps} --days {days} --until {until}{}", without.collect::<String>())
}
