//! What a command comes back with, and how it is printed.

use std::fmt::Write as _;
use std::io::{self, Write as _};
use std::process::ExitCode;

use serde::Serialize;
use serde_json::{Value, json};

use super::{Colours, Context, recover};
use crate::components;
use crate::config::Report;
use crate::control::{ClientError, Reason, Refusal};
use crate::show::{Tone, paint};
use crate::{data_dir, lock};

/// How answers are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// For people.
    Text,
    /// For programs.
    Json,
}

/// Exit codes; see the [module](super).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Code {
    /// Done.
    Ok = 0,
    /// Failed.
    Failed = 1,
    /// No sensible command line.
    Usage = 2,
    /// The configuration has problems.
    Configuration = 3,
    /// Not complete in time.
    Incomplete = 4,
    /// A person's approval is missing.
    Approval = 5,
}

impl From<Code> for ExitCode {
    fn from(code: Code) -> Self {
        Self::from(code as u8)
    }
}

/// What a command answers.
#[derive(Clone, Debug, PartialEq)]
pub struct Answer {
    /// For people, with its line ends; may hold colours.
    pub text: String,
    /// For programs; none: the text is the only form.
    pub json: Option<Value>,
    /// How it went.
    pub code: Code,
}

impl Answer {
    /// An answer in one form only.
    pub fn text(text: impl Into<String>) -> Self {
        Self { text: text.into(), json: None, code: Code::Ok }
    }

    /// An answer in both forms.
    pub fn both(text: impl Into<String>, json: &impl Serialize) -> Self {
        let json = serde_json::to_value(json).expect("invariant: answers are JSON");
        Self { text: text.into(), json: Some(json), code: Code::Ok }
    }

    /// The same with another exit code.
    #[must_use]
    pub fn code(self, code: Code) -> Self {
        Self { code, ..self }
    }

    pub(super) fn print(self, form: Form) -> ExitCode {
        let text = match (form, self.json) {
            (Form::Json, Some(json)) => format!("{json:#}\n"),
            _ => self.text,
        };
        let mut out = anstream::stdout();
        match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
            // Whoever closed the pipe (`| head`) has seen enough.
            Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Code::Failed.into(),
            _ => self.code.into(),
        }
    }
}

/// What kind of failure it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// It did not work.
    Failed,
    /// The command line makes no sense.
    Usage,
    /// The configuration has problems.
    Configuration,
    /// Not complete in time.
    Incomplete,
    /// A person's approval is missing.
    Approval,
}

impl Kind {
    const fn words(self) -> &'static str {
        match self {
            Self::Failed => "error",
            Self::Usage => "usage error",
            Self::Configuration => "configuration error",
            Self::Incomplete => "not complete",
            Self::Approval => "approval needed",
        }
    }

    /// The exit code that goes with it.
    pub const fn code(self) -> Code {
        match self {
            Self::Failed => Code::Failed,
            Self::Usage => Code::Usage,
            Self::Configuration => Code::Configuration,
            Self::Incomplete => Code::Incomplete,
            Self::Approval => Code::Approval,
        }
    }
}

/// Why a command did not do what was asked: kind, message, causes, hints.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Failure {
    /// What kind.
    pub kind: Kind,
    /// One line, or several.
    pub message: String,
    /// What lies behind it, nearest first.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub causes: Vec<String>,
    /// What would help; commands can be pasted.
    pub hints: Vec<String>,
    /// More for programs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub details: Option<Value>,
}

impl Failure {
    /// A failure of a kind.
    pub fn new(kind: Kind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into(), causes: Vec::new(), hints: Vec::new(), details: None }
    }

    /// It did not work.
    pub fn failed(message: impl Into<String>) -> Self {
        Self::new(Kind::Failed, message)
    }

    /// The command line makes no sense.
    pub fn usage(message: impl Into<String>) -> Self {
        Self::new(Kind::Usage, message)
    }

    /// It did not work, because of an error with its causes.
    pub fn of(error: &(dyn std::error::Error + 'static)) -> Self {
        let mut causes = Vec::new();
        let mut next = error.source();
        while let Some(cause) = next {
            causes.push(cause.to_string());
            next = cause.source();
        }
        Self { causes, ..Self::failed(error.to_string()) }
    }

    /// Adds what would help.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hints.push(hint.into());
        self
    }

    /// The same with hints that can be pasted, whichever configuration file was named.
    #[must_use]
    pub(super) fn typed(self, context: &Context) -> Self {
        let hints = self.hints.iter().map(|hint| context.typed(hint)).collect();
        Self { hints, ..self }
    }

    pub(super) fn print(self, form: Form) -> ExitCode {
        let code = self.kind.code();
        let text = match form {
            Form::Json => format!("{:#}\n", json!({"error": self.plain()})),
            Form::Text => self.draw(),
        };
        // Nobody is left to be told that standard error cannot be written.
        drop(anstream::stderr().write_all(text.as_bytes()));
        code.into()
    }

    /// Without colours: programs read it, and within JSON nothing takes them out.
    fn plain(self) -> Self {
        let plain = |text: &String| anstream::adapter::strip_str(text).to_string();
        let all = |texts: &[String]| texts.iter().map(plain).collect();
        Self { message: plain(&self.message), causes: all(&self.causes), hints: all(&self.hints), ..self }
    }

    pub(super) fn draw(&self) -> String {
        let mut text =
            format!("{} {}\n", paint(Tone::Bad, &format!("{}:", self.kind.words())), self.message.trim_end());
        for cause in &self.causes {
            let _ = writeln!(text, "{} {cause}", paint(Tone::Faint, "  because:"));
        }
        for hint in &self.hints {
            let _ = writeln!(text, "{} {hint}", paint(Tone::Waiting, "  hint:"));
        }
        text
    }
}

impl From<Refusal> for Failure {
    fn from(refusal: Refusal) -> Self {
        let kind = match refusal.reason {
            Reason::Invalid => Kind::Usage,
            Reason::Configuration => Kind::Configuration,
            Reason::Approval => Kind::Approval,
            Reason::Unknown | Reason::Conflict | Reason::Failed => Kind::Failed,
        };
        let Refusal { message, causes, hints, details, .. } = refusal;
        Self { kind, message, causes, hints, details }
    }
}

/// For whoever asked over the socket; without colours.
impl From<Failure> for Refusal {
    fn from(failure: Failure) -> Self {
        let Failure { kind, message, causes, hints, details } = failure.plain();
        let reason = match kind {
            Kind::Usage => Reason::Invalid,
            Kind::Configuration => Reason::Configuration,
            Kind::Approval => Reason::Approval,
            Kind::Failed | Kind::Incomplete => Reason::Conflict,
        };
        Self { reason, message, causes, hints, details }
    }
}

impl From<ClientError> for Failure {
    fn from(error: ClientError) -> Self {
        match error {
            ClientError::Refused(refusal) => refusal.into(),
            other => Self::of(&other).hint("groundcrew doctor"),
        }
    }
}

impl From<groundcrew_store::Error> for Failure {
    fn from(error: groundcrew_store::Error) -> Self {
        let failure = Self::of(&error);
        match error {
            broken if broken.is_broken() => failure.hint("groundcrew doctor").hint(recover::FROM_COPY),
            groundcrew_store::Error::Open { .. } => failure
                .hint("groundcrew --config FILE ... or --data DIR, if the data is elsewhere")
                .hint("groundcrew up, if nothing ever ran here"),
            groundcrew_store::Error::Older { .. } => failure
                .hint("TMPDIR=DIR groundcrew ..., where there is room for a copy of it")
                .hint("groundcrew backup FILE, then groundcrew up"),
            _ => failure.hint("groundcrew doctor"),
        }
    }
}

impl From<data_dir::Error> for Failure {
    fn from(error: data_dir::Error) -> Self {
        Self::of(&error)
    }
}

impl From<lock::Error> for Failure {
    fn from(error: lock::Error) -> Self {
        Self::of(&error).hint("groundcrew add --all, after a look at what it says")
    }
}

impl From<components::Error> for Failure {
    fn from(error: components::Error) -> Self {
        Self::of(&error)
    }
}

impl From<Report> for Failure {
    fn from(report: Report) -> Self {
        let message = format!(
            "{}\n\n{}",
            report.summary(),
            report.draw_problems(crate::config::Paint::Colours).trim_end()
        );
        let details = Some(report.to_json());
        Self { details, ..Self::new(Kind::Configuration, message) }
    }
}

/// Applies `--color` to everything that is printed from now on.
pub(super) fn choose_colours(colours: Colours) {
    let choice = match colours {
        Colours::Auto => anstream::ColorChoice::Auto,
        Colours::Always => anstream::ColorChoice::Always,
        Colours::Never => anstream::ColorChoice::Never,
    };
    choice.write_global();
}
