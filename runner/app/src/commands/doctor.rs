//! `groundcrew doctor`: what is wrong with this installation, and how to mend it.
//!
//! Each check is a function that looks at one thing and adds what it found; none changes anything. One of them asks the
//! platform what the source's token reaches; the others look at what is here.

mod installation;
mod ledger;

use std::fmt::Write as _;

use serde::Serialize;

use super::{Answer, Code, Context, Failure};
use crate::config::{defaults, fixed};
use crate::show::{Cell, Table, Tone, paint};

/// Tell what is wrong with this installation, and how to mend it
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Instead, list every default of the configuration
    #[arg(long)]
    defaults: bool,
}

/// How bad something is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
enum Grade {
    /// As it should be.
    Good,
    /// Good to know.
    Note,
    /// To be mended.
    Bad,
}

/// What one check found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
struct Diagnosis {
    check: &'static str,
    grade: Grade,
    message: String,
    /// Commands that can be pasted, or words.
    remedies: Vec<String>,
}

/// All that was found.
#[derive(Debug, Default)]
struct Chart(Vec<Diagnosis>);

impl Chart {
    fn good(&mut self, check: &'static str, message: impl Into<String>) {
        self.add(check, Grade::Good, message, &[]);
    }

    fn note(&mut self, check: &'static str, message: impl Into<String>, remedies: &[&str]) {
        self.add(check, Grade::Note, message, remedies);
    }

    fn bad(&mut self, check: &'static str, message: impl Into<String>, remedies: &[&str]) {
        self.add(check, Grade::Bad, message, remedies);
    }

    fn add(&mut self, check: &'static str, grade: Grade, message: impl Into<String>, remedies: &[&str]) {
        let remedies = remedies.iter().map(ToString::to_string).collect();
        self.0.push(Diagnosis { check, grade, message: message.into(), remedies });
    }
}

pub(super) fn run(context: &Context, args: &Args) -> Result<Answer, Failure> {
    if args.defaults {
        return Ok(list_defaults());
    }
    let mut chart = Chart::default();
    let config = installation::configuration(context, &mut chart);
    if let Some(config) = &config {
        installation::secrets(config, &mut chart);
        installation::approvals(context, config, &mut chart);
        installation::levels(config, &mut chart);
        installation::token(context, config, &mut chart)?;
    }
    let dir = context.data_dir();
    installation::holder(context, &dir, &mut chart)?;
    installation::disk(&dir, &mut chart);
    ledger::check(context, &dir, config.as_ref(), &mut chart);
    let bad = chart.0.iter().any(|found| found.grade == Grade::Bad);
    for found in &mut chart.0 {
        found.remedies = found.remedies.iter().map(|remedy| context.typed(remedy)).collect();
    }
    let answer = Answer::both(draw(&chart.0), &chart.0);
    Ok(answer.code(if bad { Code::Failed } else { Code::Ok }))
}

fn draw(found: &[Diagnosis]) -> String {
    let mut text = String::new();
    for found in found {
        let (tone, word) = match found.grade {
            Grade::Good => (Tone::Good, "ok  "),
            Grade::Note => (Tone::Waiting, "note"),
            Grade::Bad => (Tone::Bad, "BAD "),
        };
        let _ = writeln!(text, "{}  {:<14} {}", paint(tone, word), found.check, found.message);
        for remedy in &found.remedies {
            let _ = writeln!(text, "{:21}{} {remedy}", "", paint(Tone::Waiting, "->"));
        }
    }
    let count = |grade| found.iter().filter(|found| found.grade == grade).count();
    let _ = writeln!(text, "\n{} to be mended, {} to know", count(Grade::Bad), count(Grade::Note));
    text
}

#[derive(Serialize)]
struct DefaultShown {
    name: &'static str,
    value: &'static str,
    meaning: &'static str,
}

fn list_defaults() -> Answer {
    let mut table = Table::new(["SETTING", "DEFAULT", "MEANS"]);
    for default in defaults().iter().chain(fixed()) {
        table.row([default.name.into(), Cell::toned(Tone::Strong, default.value), default.meaning.into()]);
    }
    let shown = defaults().iter().chain(fixed()).map(|default| DefaultShown {
        name: default.name,
        value: default.value,
        meaning: default.meaning,
    });
    Answer::both(table.draw(), &shown.collect::<Vec<_>>())
}
