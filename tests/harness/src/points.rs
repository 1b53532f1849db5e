//! The file that keeps how many points were tried of each scenario: fewer than before is a mistake.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use groundcrew::prove::Pairs;

use crate::scenario::Scenario;
use crate::{Played, Trial, explore};

/// One user of the file at a time.
static FILE: Mutex<()> = Mutex::new(());

/// Tries every point of a scenario, prints how many there were, and compares them with the file.
///
/// # Panics
/// If a play went wrong, with the story of the first ones; and as [`keep`] does.
#[expect(clippy::print_stdout, reason = "whoever runs the tests sees how much was tried")]
pub fn tried(scenario: &Scenario, pairs: Pairs, right: impl Fn(&Played) -> bool + Sync) -> Trial {
    // Hours, for all scenarios: `cargo xtask pairs`.
    let all = std::env::var_os("GROUNDCREW_PAIRS").is_some_and(|value| value == "all");
    let trial = explore(scenario, if all { Pairs::All } else { pairs }, right);
    println!("{trial}");
    assert!(trial.wrong.is_empty(), "{trial}");
    let unlike = scenario.unlike_wanted(&trial.whole.log);
    assert!(unlike.is_empty(), "not as it was wanted last: {unlike:?}: {}", trial.whole);
    keep(&trial);
    trial
}

/// Compares a trial with the file; `UPDATE_POINTS` in the environment writes instead.
///
/// # Panics
/// If fewer points or pairs were tried than the file says, or the scenario is not in it.
pub fn keep(trial: &Trial) {
    let _one = FILE.lock().unwrap_or_else(PoisonError::into_inner);
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("points.toml");
    let text = fs::read_to_string(&path).unwrap_or_default();
    let mut kept: BTreeMap<String, [usize; 2]> =
        toml::from_str(&text).expect("points.toml holds NAME = [points, pairs]");
    let tried = [trial.points, trial.pairs];
    if std::env::var_os("UPDATE_POINTS").is_some() {
        kept.insert(trial.name.clone(), tried);
        let lines = kept.iter().map(|(name, [points, pairs])| format!("{name} = [{points}, {pairs}]\n"));
        let header = "# Points and pairs of blows tried of each scenario; UPDATE_POINTS=1 writes it anew.\n";
        fs::write(&path, header.to_owned() + &lines.collect::<String>()).expect("points.toml can be written");
        return;
    }
    let Some(before) = kept.get(&trial.name) else {
        panic!("`{}` is not in points.toml: UPDATE_POINTS=1", trial.name)
    };
    assert!(
        tried.iter().zip(before).all(|(now, before)| now >= before),
        "{}: {tried:?} points and pairs were tried, before they were {before:?}",
        trial.name
    );
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_scenario_of_the_file_is_still_played() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR"));
        let files = fs::read_dir(folder.join("tests")).expect("the tests' folder");
        let files = files.map(|file| file.expect("a file").path()).filter(|path| path.is_file());
        let tests: String = files.map(|path| fs::read_to_string(path).expect("text")).collect();
        let text = fs::read_to_string(folder.join("points.toml")).expect("points.toml");
        let kept: BTreeMap<String, [usize; 2]> = toml::from_str(&text).expect("NAME = [points, pairs]");
        let gone: Vec<_> = kept.keys().filter(|name| !tests.contains(&format!("\"{name}\""))).collect();
        assert!(gone.is_empty(), "no test names these: {gone:?}");
    }
}
