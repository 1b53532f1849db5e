//! `groundcrew prove`: the scenarios of a hook's project, struck at every point.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Instant;

use serde::{Deserialize, Serialize};

use super::project::{Ready, ready};
use super::{Answer, Code, Context, Failure};
use crate::prove::Pairs;
use crate::prove::ordeal::Ordeal;
use crate::prove::proof::{self, Extent, Proof, Replayed, Watch, prove, replay};
use crate::show::{Tone, paint};

/// Second blows that are tried of each scenario, unless `--pairs` says otherwise.
const PAIRS: usize = 200;

/// Play them again, failing and dying at every point: nothing doubled or left
///
/// Plays every scenario of this folder's hook again and again; each time another call or commit fails, or the runner
/// dies there and is started again, or a request meets a fault, or an owner goes while its thing is made. What goes
/// wrong is written to .groundcrew/failures, in its shortest form.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Only these scenarios
    scenario: Vec<String>,
    /// The project; this folder, or the nearest above with a hook.toml
    #[arg(long, value_name = "DIR")]
    project: Option<PathBuf>,
    /// How many second blows, while the runner recovers from a first, are tried of each scenario: a number, or `all`
    #[arg(long, value_name = "N", default_value_t = Second::Some(PAIRS))]
    pairs: Second,
    /// How many lives of each scenario's owners are drawn: they come, change and go as nobody wrote down
    #[arg(long, value_name = "N", default_value_t = 0)]
    random: usize,
    /// Which second blows are tried, and which lives are drawn
    #[arg(long, value_name = "SEED", default_value_t = 1)]
    seed: u64,
    /// Play one failure again, and tell it
    #[arg(long, value_name = "FILE", conflicts_with_all = ["scenario", "pairs", "random", "seed"])]
    replay: Option<PathBuf>,
}

/// How many second blows are tried.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Second {
    All,
    Some(usize),
}

impl std::str::FromStr for Second {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "all" => Ok(Self::All),
            _ => text.parse().map(Self::Some).map_err(|_| "a number, or `all`".to_owned()),
        }
    }
}

impl std::fmt::Display for Second {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::All => f.write_str("all"),
            Self::Some(count) => write!(f, "{count}"),
        }
    }
}

/// A failure as it is kept.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Kept {
    scenario: String,
    /// What was struck when it went wrong, in words; none: that was not known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    dealt: Option<Vec<String>>,
    ordeal: Ordeal,
}

/// All that was tried.
#[derive(Debug, Serialize)]
struct Proofs {
    proven: bool,
    seconds: f64,
    scenarios: Vec<Proof>,
    /// Where failures were written.
    files: Vec<PathBuf>,
}

pub(super) fn run(context: &Context, args: &Args) -> Result<Answer, Failure> {
    match &args.replay {
        Some(file) => again(context, args, file),
        None => all(context, args),
    }
}

fn all(context: &Context, args: &Args) -> Result<Answer, Failure> {
    let Ready { project, loaded, scenarios } = ready(context, args.project.as_ref(), &args.scenario)?;
    let bar = Bar::new(context);
    let begun = now();
    let pairs = match args.pairs {
        Second::All => Pairs::All,
        Second::Some(count) => Pairs::Sample { count, seed: args.seed },
    };
    let extent = Extent { pairs, lives: args.random, seed: args.seed };
    let mut proofs = Vec::new();
    for scenario in &scenarios {
        let scene = scenario.scene(&loaded)?;
        bar.0.set_message(scenario.name.clone());
        proofs.push(prove(&scene, extent, &bar));
    }
    bar.0.finish_and_clear();
    let seconds = begun.elapsed().as_secs_f64();
    let folder = project.own().join("failures");
    let mut files = Vec::new();
    for proof in &proofs {
        files.extend(keep(&folder, proof)?);
    }
    let proven = files.is_empty();
    let proofs = Proofs { proven, seconds, scenarios: proofs, files };
    Ok(Answer::both(proofs.draw(), &proofs).code(if proven { Code::Ok } else { Code::Failed }))
}

#[expect(clippy::disallowed_methods, reason = "how long a proof took is told to a person")]
fn now() -> Instant {
    Instant::now()
}

/// Writes a failure down; one that was written before is gone with what caused it.
fn keep(folder: &Path, proof: &Proof) -> Result<Option<PathBuf>, Failure> {
    let path = folder.join(format!("{}.toml", proof.scenario));
    let Some(failure) = &proof.failure else {
        // That there was none is as well.
        drop(fs::remove_file(&path));
        return Ok(None);
    };
    let (scenario, dealt) = (proof.scenario.clone(), failure.dealt.clone());
    let kept = Kept { scenario, dealt, ordeal: failure.ordeal.clone() };
    let body = toml::to_string(&kept).map_err(|error| Failure::of(&error))?;
    let told = failure.happened.iter().chain(&failure.wrong).chain(&failure.why);
    let told = told.fold(String::new(), |told, line| told + "# " + &line.replace('\n', "\n# ") + "\n");
    let written = fs::create_dir_all(folder).and_then(|()| fs::write(&path, format!("{told}{body}")));
    written.map_err(|error| Failure::of(&error))?;
    // As somebody who stands here would type it.
    let here = std::path::absolute(".").map_err(|error| Failure::of(&error))?;
    Ok(Some(path.strip_prefix(here).map(Path::to_owned).unwrap_or(path)))
}

fn again(context: &Context, args: &Args, file: &Path) -> Result<Answer, Failure> {
    let text = fs::read_to_string(file).map_err(|error| {
        Failure::failed(format!("cannot read {}: {error}", file.display())).hint("groundcrew prove")
    })?;
    let kept: Kept = toml::from_str(&text)
        .map_err(|error| Failure::failed(format!("{}: {error}", file.display())).hint("groundcrew prove"))?;
    let named = std::slice::from_ref(&kept.scenario);
    let Ready { loaded, scenarios, .. } = ready(context, args.project.as_ref(), named)?;
    let scene = scenarios[0].scene(&loaded)?;
    let Replayed { dealt, failure } = replay(&scene, &kept.ordeal);
    let Some(failure) = failure else {
        if let Some(before) = kept.dealt.filter(|before| *before != dealt) {
            let was =
                |dealt: &[String]| if dealt.is_empty() { "nothing".to_owned() } else { dealt.join("; ") };
            let (then, now) = (was(&before), was(&dealt));
            let message = format!(
                "{}: it calls otherwise than when it went wrong: then {then}, now {now}",
                file.display()
            );
            return Err(Failure::failed(message).hint("groundcrew prove"));
        }
        let text = format!("{}  nothing goes wrong any more\n", paint(Tone::Good, &kept.scenario));
        return Ok(Answer::both(text, &serde_json::json!({ "proven": true })));
    };
    let mut text = String::new();
    draw_failure(&kept.scenario, &failure, &mut text);
    Ok(Answer::both(text, &failure).code(Code::Failed))
}

impl Proofs {
    fn draw(&self) -> String {
        let mut text = String::new();
        let sum = |of: fn(&Proof) -> usize| self.scenarios.iter().map(of).sum::<usize>();
        let (calls, things, looks) =
            (sum(|proof| proof.calls), sum(|proof| proof.things), sum(|proof| proof.looks));
        let came = if looks > 0 { format!("{looks} looks") } else { format!("{things} things") };
        let _ = writeln!(text, "  {:<72} {calls} calls, {came}", "undisturbed");
        let told = [
            (sum(|it| it.points), "every call and commit x (fail, crash before, after effect, after record)"),
            (sum(|it| it.pairs), "recovery too: second blows"),
            (sum(|it| it.faults), "every request x (answer lost, late, half, refused; twice; effect late)"),
            (sum(|it| it.outages), "every write x (answer lost, and no read answered until long after)"),
            (sum(|it| it.ends), "destroy during create"),
            (sum(|it| it.lives), "lives that were drawn, undisturbed and under six ordeals each"),
        ];
        for (count, what) in told.into_iter().filter(|(count, _)| *count > 0) {
            let of = if what.starts_with("recovery") {
                format!(" of {}", sum(|it| it.pairs_of))
            } else {
                String::new()
            };
            let _ = writeln!(text, "  {what:<72} {count}{of}");
        }
        for proof in &self.scenarios {
            if let Some(failure) = &proof.failure {
                text.push('\n');
                draw_failure(&proof.scenario, failure, &mut text);
            }
        }
        for file in &self.files {
            let _ = writeln!(text, "again: groundcrew prove --replay {}", file.display());
        }
        let points = sum(|it| it.points + it.pairs + it.faults + it.outages + it.ends + it.lives * 7);
        let plays = sum(|it| it.plays);
        let _ = write!(text, "  {points} points in {:.1} s ({plays} plays)", self.seconds);
        let count = self.scenarios.len();
        let scenarios = if count == 1 { "1 scenario".to_owned() } else { format!("{count} scenarios") };
        if self.proven {
            let nothing = if looks > 0 {
                "unreported 0 \u{b7} reported otherwise 0 \u{b7} done otherwise 0"
            } else {
                "doubled 0 \u{b7} left over 0 \u{b7} foreign touched 0"
            };
            let _ = writeln!(text, "   {nothing}   {}", paint(Tone::Good, &format!("proven on {scenarios}")));
        } else {
            let _ = writeln!(
                text,
                "   {}",
                paint(Tone::Bad, &format!("{} of {scenarios} go wrong", self.files.len()))
            );
        }
        text
    }
}

fn draw_failure(scenario: &str, failure: &proof::Failure, text: &mut String) {
    let count = match failure.ordeal.len() {
        0 => "undisturbed".to_owned(),
        1 => "after one thing that goes wrong".to_owned(),
        many => format!("after {many} things that go wrong"),
    };
    let _ = writeln!(text, "{}  {count}", paint(Tone::Bad, scenario));
    for line in &failure.happened {
        let _ = writeln!(text, "  {}", paint(Tone::Faint, line));
    }
    for line in &failure.wrong {
        let _ = writeln!(text, "  {}", paint(Tone::Bad, line));
    }
    for line in &failure.why {
        let _ = writeln!(text, "  {line}");
    }
}

/// A bar on standard error; nothing where nobody looks.
struct Bar(indicatif::ProgressBar);

impl Bar {
    fn new(context: &Context) -> Self {
        let bar = match context.form() {
            super::answer::Form::Text => indicatif::ProgressBar::new(0),
            super::answer::Form::Json => indicatif::ProgressBar::hidden(),
        };
        let style = indicatif::ProgressStyle::with_template("proving {msg} {bar:30} {pos}/{len}");
        Self(bar.with_style(style.expect("invariant: the template is right")))
    }
}

impl Watch for Bar {
    fn expects(&self, plays: usize) {
        self.0.inc_length(plays as u64);
    }

    fn played(&self) {
        self.0.inc(1);
    }
}
