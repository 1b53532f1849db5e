//! `cargo xtask month`: a month of a fleet in simulated time, drawn from a seed.

use std::hash::{BuildHasher as _, Hasher as _, RandomState};
use std::process::Command;

use crate::setup::{self, call, say};

/// The name of the argument that repeats a month.
const SEED: &str = "--seed";

/// Builds and plays; arguments are those of the month: `--apps`, `--days`, `--seed`, `--until`, `--without`.
///
/// Without a seed it is another month each time. The whole command is said before it begins, so that also one that does
/// not come to its end can be repeated.
pub(crate) fn run(arguments: &[String]) -> anyhow::Result<()> {
    let arguments = with_seed(arguments);
    say(&format!("month {}", arguments.join(" ")));
    setup::wasm_target()?;
    call(Command::new(setup::built("month")?).args(arguments))
}

/// The arguments, with a seed of chance unless they have one.
fn with_seed(arguments: &[String]) -> Vec<String> {
    let mut all = arguments.to_vec();
    if !all.iter().any(|argument| argument == SEED) {
        // Each is made with keys of chance; the month takes 32 bits.
        let seed = RandomState::new().build_hasher().finish() as u32;
        all.extend([SEED.to_owned(), seed.to_string()]);
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_a_seed_it_is_another_month_each_time() {
        let arguments = ["--apps", "40"].map(str::to_owned);
        let drawn: std::collections::BTreeSet<_> = (0..8).map(|_| with_seed(&arguments)).collect();
        assert!(drawn.len() > 1, "{drawn:?}");
        for one in drawn {
            assert_eq!(one[..3], ["--apps", "40", "--seed"]);
            one[3].parse::<u32>().unwrap();
        }
    }

    #[test]
    fn a_seed_that_is_given_is_kept() {
        let arguments = ["--seed", "7", "--apps", "40"].map(str::to_owned);
        assert_eq!(with_seed(&arguments), arguments);
    }
}
