//! `groundcrew test`: the scenarios of a hook's project, undisturbed, against what is expected of them.

use std::fmt::Write as _;
use std::fs;
use std::path::PathBuf;

use serde::Serialize;

use super::project::{Ready, ready};
use super::{Answer, Code, Context, Failure};
use crate::prove::calls::{self, Compared, compare};
use crate::prove::loaded::Loaded;
use crate::prove::scenario::Scenario;
use crate::prove::{Happening, Played, Records, Scene, play};
use crate::show::{Tone, paint};

/// Play this hook's scenarios in the real engine, and compare its calls
///
/// Builds the component first if anything that it is made of changed. The expected calls of scenarios/NAME.toml are in NAME.calls.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Only these scenarios
    scenario: Vec<String>,
    /// The project; this folder, or the nearest above with a hook.toml
    #[arg(long, value_name = "DIR")]
    project: Option<PathBuf>,
    /// Write what came of the scenarios as what is expected
    #[arg(long)]
    update: bool,
}

/// What came of one scenario.
#[derive(Debug, Serialize)]
struct Outcome {
    scenario: String,
    right: bool,
    calls: usize,
    /// What is wrong whatever is expected.
    wrong: Vec<String>,
    /// The comparison; empty if all is as expected, or was just written.
    lines: Vec<Compared>,
    updated: bool,
}

pub(super) fn run(context: &Context, args: &Args) -> Result<Answer, Failure> {
    let Ready { loaded, scenarios, .. } = ready(context, args.project.as_ref(), &args.scenario)?;
    let mode = if args.update { Mode::Update } else { Mode::Compare };
    let outcomes = scenarios.iter().map(|scenario| one(scenario, &loaded, mode));
    let outcomes = outcomes.collect::<Result<Vec<_>, _>>()?;
    let mut text = String::new();
    for outcome in &outcomes {
        outcome.draw(&mut text);
    }
    let right = outcomes.iter().all(|outcome| outcome.right);
    if !right && outcomes.iter().any(|outcome| !outcome.lines.is_empty()) {
        let _ = writeln!(text, "if this is what it should do: groundcrew test --update");
    }
    Ok(Answer::both(text, &outcomes).code(if right { Code::Ok } else { Code::Failed }))
}

/// What is done with the expected calls.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Mode {
    Compare,
    Update,
}

fn one(scenario: &Scenario, loaded: &Loaded, mode: Mode) -> Result<Outcome, Failure> {
    let scene = Scene { records: Records::All, ..scenario.scene(loaded)? };
    let played = play(&scene, &[]);
    let actual = calls::lines(&played, &scene.server);
    let path = scenario.calls_path();
    let expected = fs::read_to_string(&path).ok();
    let unwritten = expected.is_none();
    let expected: Vec<_> = expected.unwrap_or_default().lines().map(str::to_owned).collect();
    let compared = compare(&expected, &actual);
    let differs = unwritten || !compared.iter().all(Compared::is_same);
    let updated = mode == Mode::Update && differs;
    if updated {
        let text = actual.iter().fold(String::new(), |text, line| text + line + "\n");
        fs::write(&path, text).map_err(|error| Failure::of(&error))?;
    }
    let mut wrong = crate::prove::why::told(&played);
    let missing = scenario.expect.findings.iter().filter(|code| !played.found(code));
    wrong.extend(missing.map(|code| format!("the finding `{code}` was not reported")));
    wrong.extend(in_turn(scenario, &played));
    Ok(Outcome {
        scenario: scenario.name.clone(),
        right: wrong.is_empty() && (updated || !differs),
        calls: played.sent.len(),
        wrong,
        lines: if differs && !updated { compared } else { Vec::new() },
        updated,
    })
}

/// Whether what was told, if no more is wrong with it, was told in the order that is expected.
fn in_turn(scenario: &Scenario, played: &Played<()>) -> Option<String> {
    let expected = scenario.expect.told.as_ref()?;
    let sorted = |happenings: &[Happening]| {
        let mut sorted = happenings.to_vec();
        sorted.sort();
        sorted
    };
    let told = &played.happenings;
    let (at, (first, other)) =
        expected.iter().zip(told).enumerate().find(|(_, (one, other))| one != other)?;
    let said = || format!("out of turn: number {} that was told is `{other}`, not `{first}`", at + 1);
    (sorted(expected) == sorted(told)).then(said)
}

impl Outcome {
    fn draw(&self, text: &mut String) {
        let (tone, word) = if self.right { (Tone::Good, "ok") } else { (Tone::Bad, "differs") };
        let updated = if self.updated { ", expected calls written" } else { "" };
        let _ = writeln!(
            text,
            "{} {}  {} calls{updated}",
            paint(tone, &format!("{word:<8}")),
            paint(Tone::Strong, &self.scenario),
            self.calls
        );
        for wrong in &self.wrong {
            let _ = writeln!(text, "  {}", paint(Tone::Bad, wrong));
        }
        for line in &self.lines {
            let _ = match line {
                Compared::Same(line) => writeln!(text, "    {line}"),
                Compared::Missing(line) => writeln!(text, "  {}", paint(Tone::Bad, &format!("- {line}"))),
                Compared::Unexpected(line) => writeln!(text, "  {}", paint(Tone::Good, &format!("+ {line}"))),
            };
        }
    }
}
