//! `groundcrew new`: a project for a hook.

use std::fmt::Write as _;
use std::io::{self, BufRead as _, IsTerminal as _, Write as _};
use std::path::PathBuf;

use clap::builder::PossibleValuesParser;
use clap::builder::TypedValueParser as _;
use groundcrew_author::{CreateError, Kind, Language, Name, create};

use super::{Answer, Context, Failure};
use crate::show::{Tone, paint};

/// Make a project for a hook, in a folder of its name
///
/// A handler tells, a provisioner makes, an auditor looks. Nothing that is there is overwritten.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The hook's name, and the folder's
    name: Name,
    /// What it is written in
    #[arg(long, value_name = "LANGUAGE", value_parser = languages())]
    lang: Language,
    /// What it is for; on a terminal it is asked for
    #[arg(long, value_name = "KIND", value_parser = kinds())]
    kind: Option<Kind>,
    /// The folder in which the project's folder is made
    #[arg(long, value_name = "DIR", default_value = ".")]
    within: PathBuf,
}

fn languages() -> impl clap::builder::TypedValueParser<Value = Language> {
    PossibleValuesParser::new(Language::ALL.map(Language::word))
        .map(|word| Language::of_word(&word).expect("invariant: only words of languages are taken"))
}

fn kinds() -> impl clap::builder::TypedValueParser<Value = Kind> {
    PossibleValuesParser::new(Kind::ALL.map(Kind::word))
        .map(|word| Kind::of_word(&word).expect("invariant: only words of kinds are taken"))
}

pub(super) fn run(_context: &Context, args: &Args) -> Result<Answer, Failure> {
    let kind = args.kind.map_or_else(|| ask_kind(args), Ok)?;
    let created = create(&args.within, &args.name, args.lang, kind).map_err(|error| {
        let failure = Failure::of(&error);
        match error {
            CreateError::Exists(_) => failure.hint("take another name, or --within another folder"),
            CreateError::Taken { name, .. } => {
                let (lang, kind) = (args.lang.word(), kind.word());
                failure.hint(format!("groundcrew new my-{name} --lang {lang} --kind {kind}"))
            }
            CreateError::Write { .. } => failure,
        }
    })?;
    let root = created.root.display();
    let mut text =
        format!("{}  {} in {}\n", paint(Tone::Strong, &root.to_string()), kind.word(), args.lang.name());
    for file in &created.files {
        let _ = writeln!(text, "  {file}");
    }
    let _ = writeln!(text, "next:\n  cd {root} && groundcrew build");
    Ok(Answer::both(text, &created))
}

/// The first question, on a terminal; elsewhere the kind must be given.
fn ask_kind(args: &Args) -> Result<Kind, Failure> {
    if !io::stdin().is_terminal() || !io::stderr().is_terminal() {
        let failure =
            Failure::usage("what is it for? a handler tells, a provisioner makes, an auditor looks");
        return Err(Kind::ALL.into_iter().fold(failure, |failure, kind| {
            let (name, lang) = (&args.name, args.lang.word());
            failure.hint(format!("groundcrew new {name} --lang {lang} --kind {}", kind.word()))
        }));
    }
    loop {
        // If the question cannot be written, nobody answers it.
        drop(write!(
            anstream::stderr(),
            "What is it for? A handler tells, a provisioner makes, an auditor looks.\nkind [h/p/a]: "
        ));
        let mut answer = String::new();
        let read = io::stdin().lock().read_line(&mut answer).map_err(|error| Failure::of(&error))?;
        let answer = answer.trim().to_ascii_lowercase();
        let meant = |kind: &Kind| !answer.is_empty() && kind.word().starts_with(&answer);
        if let Some(kind) = Kind::ALL.into_iter().find(meant) {
            return Ok(kind);
        }
        if read == 0 {
            return Err(Failure::usage("nothing was made: the kind was not answered"));
        }
    }
}
