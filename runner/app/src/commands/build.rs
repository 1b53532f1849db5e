//! `groundcrew build`: a project's component.

use std::fmt::Write as _;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use groundcrew_author::{Built, Error, Project, ProjectError, Sources, Tools, build};

use super::{Answer, Context, Failure, interrupt};
use crate::show::{Tone, paint};

/// How often `--watch` looks whether a source changed.
const LOOK: Duration = Duration::from_millis(300);

/// Build the hook of this folder into one component, with its manifest inside
///
/// Drives the toolchain of the project's language. Installs nothing: what is missing is named with the command that
/// installs it.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The project; this folder, or the nearest above with a hook.toml
    #[arg(value_name = "DIR")]
    project: Option<PathBuf>,
    /// Build again whenever a source changes, until it is interrupted
    #[arg(long, conflicts_with = "json")]
    watch: bool,
}

pub(super) fn run(context: &Context, args: &Args) -> Result<Answer, Failure> {
    let from = std::path::absolute(args.project.as_deref().unwrap_or(Path::new(".")))
        .map_err(|error| Failure::of(&error))?;
    let tools = Tools::new(|name| context.environment().read(name));
    interrupt::end_toolchains_on_signals()?;
    if args.watch { watch(&from, &tools) } else { once(&from, &tools) }
}

fn once(from: &Path, tools: &Tools) -> Result<Answer, Failure> {
    let project = Project::find(from)?;
    // Progress is for people; that it cannot be written stops nothing.
    let mut say = |text: &str| drop(writeln!(anstream::stderr(), "{}", paint(Tone::Faint, text)));
    let built = build(&project, tools, &mut say)?;
    Ok(Answer::both(draw(&built), &built))
}

fn watch(from: &Path, tools: &Tools) -> Result<Answer, Failure> {
    let root = Project::find(from)?.root;
    loop {
        let before = Sources::look(&root);
        let text = match once(&root, tools) {
            Ok(answer) => answer.text,
            Err(failure) => failure.draw(),
        };
        let mut out = anstream::stdout();
        out.write_all(text.as_bytes()).and_then(|()| out.flush()).map_err(|error| Failure::of(&error))?;
        // What changed while it was built is built at once.
        while Sources::look(&root) == before {
            std::thread::sleep(LOOK);
        }
    }
}

fn draw(built: &Built) -> String {
    let file = built.component.file_name().unwrap_or_default().to_string_lossy();
    let asks = if built.asks.is_empty() { "nothing".to_owned() } else { built.asks.join("; ") };
    let mut text =
        format!("{}  {}  {}  asks: {asks}\n", paint(Tone::Strong, &file), size(built.bytes), built.kind);
    for warning in &built.warnings {
        let _ = writeln!(text, "{} {warning}", paint(Tone::Waiting, "warning:"));
    }
    text
}

/// `18.3 MB`, `49 KB`: what other programs call a file's size.
fn size(bytes: usize) -> String {
    if bytes >= 1_000_000 {
        format!("{:.1} MB", bytes as f64 / 1e6)
    } else {
        format!("{} KB", bytes.div_ceil(1000))
    }
}

impl From<ProjectError> for Failure {
    fn from(error: ProjectError) -> Self {
        let failure = Self::of(&error);
        match error {
            ProjectError::Absent { .. } => {
                failure.hint("groundcrew new NAME --lang python --kind provisioner")
            }
            _ => failure,
        }
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        let failure = Self::of(&error);
        error.hints().into_iter().fold(failure, Self::hint)
    }
}
