//! What can be wrong with a configuration: every problem has a stable code, a place, a reason and a remedy.

use std::cell::RefCell;
use std::fmt;
use std::ops::Range;

/// Bytes of the file's text.
pub type Span = Range<usize>;

/// How bad a problem is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Severity {
    /// The configuration is refused.
    Error,
    /// It is taken, but something will not work as it stands.
    Warning,
    /// It is taken; a person may want to know.
    Note,
}

impl Severity {
    /// The word in JSON and for people.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warning => "warning",
            Self::Note => "note",
        }
    }
}

macro_rules! kinds {
    ($($(#[$doc:meta])* $variant:ident = $code:literal $severity:ident,)*) => {
        /// What kind of problem it is; the code never changes its meaning.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum ProblemKind {
            $($(#[$doc])* $variant,)*
        }

        impl ProblemKind {
            /// All of them.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];

            /// The stable code, such as `unknown-scope`.
            pub const fn code(self) -> &'static str {
                match self { $(Self::$variant => $code,)* }
            }

            /// How bad it is.
            pub const fn severity(self) -> Severity {
                match self { $(Self::$variant => Severity::$severity,)* }
            }
        }
    };
}

kinds! {
    /// The file cannot be read.
    Unreadable = "unreadable" Error,
    /// The text is no TOML.
    Syntax = "syntax" Error,
    /// Two things have one name.
    DuplicateName = "duplicate-name" Error,
    /// A key that nothing reads.
    UnknownKey = "unknown-key" Error,
    /// A key that must be there is not.
    MissingKey = "missing-key" Error,
    /// Two keys of which only one may be there.
    ConflictingKeys = "conflicting-keys" Error,
    /// A value of another type.
    WrongType = "wrong-type" Error,
    /// A word that is not one of those to choose from.
    BadChoice = "bad-choice" Error,
    /// A name with characters or a length that names cannot have.
    BadName = "bad-name" Error,
    /// No length of time, or one that makes no sense here.
    BadDuration = "bad-duration" Error,
    /// A schedule or time zone that is none.
    BadSchedule = "bad-schedule" Error,
    /// A number, share or rate that makes no sense.
    BadAmount = "bad-amount" Error,
    /// A pattern for app names that cannot match one.
    BadGlob = "bad-glob" Error,
    /// A pattern for event kinds that is none.
    BadEvent = "bad-event" Error,
    /// A URL or address that is none.
    BadUrl = "bad-url" Error,
    /// A line of `allow` that is no grant.
    BadGrant = "bad-grant" Error,
    /// A place where no secret can be put.
    BadPosition = "bad-position" Error,
    /// Something that other versions may have.
    NotInThisVersion = "not-in-this-version" Error,
    /// A scope that is not defined.
    UnknownScope = "unknown-scope" Error,
    /// A hook that is not defined.
    UnknownHook = "unknown-hook" Error,
    /// A secret that is not defined.
    UnknownSecret = "unknown-secret" Error,
    /// A built-in hook that this binary does not have.
    UnknownBuiltin = "unknown-builtin" Error,
    /// A kind of thing that the hook does not make.
    UnknownThing = "unknown-thing" Error,
    /// A word in braces that never has a value.
    UnknownWord = "unknown-word" Error,
    /// The component or its manifest cannot be read.
    NoManifest = "no-manifest" Error,
    /// A candidate that could not run in the place of its stanza's component.
    CandidateMisfit = "candidate-misfit" Error,
    /// A candidate that asks for more than what runs, and is not granted it.
    CandidateAsks = "candidate-asks" Error,
    /// A manifest file, or the schema in a manifest, is refused.
    BadManifest = "bad-manifest" Error,
    /// The stanza's `config` does not fit the manifest's schema.
    ConfigMismatch = "config-mismatch" Error,
    /// A field that makes up the target changes from owner to owner.
    UnsteadyIdentity = "unsteady-identity" Error,
    /// Hooks read each other in a circle.
    ReadsCycle = "reads-cycle" Error,
    /// A word in braces names a hook that the stanza does not read.
    TemplateNotRead = "template-not-read" Error,
    /// A line of `sealed` names no output of a hook that the stanza reads.
    SealedNotRead = "sealed-not-read" Error,
    /// A hook for apps reads one for machines, whose outputs no app has.
    ReadsMachine = "reads-machine" Error,
    /// Two sources tell of one organisation.
    SameOrg = "same-org" Error,
    /// Two stanzas look after the same things.
    SameTarget = "same-target" Error,
    /// A provisioner does not say what becomes of things whose owner is gone.
    MissingGone = "missing-gone" Error,
    /// A key of provisioners in a handler's stanza, or the reverse.
    WrongKind = "wrong-kind" Error,
    /// A hook whose things hold data does not say how long they stay.
    DataNeedsGrace = "data-needs-grace" Error,
    /// `settle` is shorter than what the hook's author knows of the API.
    SettleLowered = "settle-lowered" Error,
    /// A secret without the place where it is put.
    SecretWithoutPosition = "secret-without-position" Error,
    /// A secret without the host that it may be sent to.
    SecretWithoutHost = "secret-without-host" Error,
    /// A secret for a host that no grant reaches.
    SecretUnreached = "secret-unreached" Error,
    /// A secret without a value at this moment.
    SecretWithoutValue = "secret-without-value" Warning,
    /// An auditor that no audit names.
    NeverAudited = "never-audited" Warning,
    /// Nothing tells the runner of apps and machines.
    NoSource = "no-source" Warning,
    /// A grant that the manifest asks for and the stanza lacks.
    GrantLacking = "grant-lacking" Warning,
    /// A secret that the manifest asks for and the stanza lacks.
    SecretLacking = "secret-lacking" Warning,
    /// A grant that the manifest does not ask for.
    GrantNotAsked = "grant-not-asked" Note,
    /// A secret that the manifest does not ask for.
    SecretNotAsked = "secret-not-asked" Note,
}

impl fmt::Display for ProblemKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}

/// A text to put in place of another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fix {
    /// What is replaced.
    pub at: Span,
    /// By what.
    pub text: String,
}

/// One problem.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// What kind it is.
    pub kind: ProblemKind,
    /// What is wrong, in one line.
    pub message: String,
    /// Where; none, where the file itself is the problem.
    pub at: Option<Span>,
    /// The reason, in few words beside the caret.
    pub label: String,
    /// Other places that have to do with it.
    pub also: Vec<(Span, String)>,
    /// What to do about it; lines that can be pasted where possible.
    pub help: Vec<String>,
    /// A replacement that mends it.
    pub fix: Option<Fix>,
}

impl Problem {
    pub(super) fn new(kind: ProblemKind, at: Span, message: impl Into<String>) -> Self {
        let (message, label) = (message.into(), String::new());
        Self { kind, message, at: Some(at), label, also: Vec::new(), help: Vec::new(), fix: None }
    }

    pub(super) fn of_file(kind: ProblemKind, message: impl Into<String>) -> Self {
        Self { at: None, ..Self::new(kind, 0..0, message) }
    }

    pub(super) fn label(mut self, label: impl Into<String>) -> Self {
        self.label = label.into();
        self
    }

    pub(super) fn also(mut self, at: Span, label: impl Into<String>) -> Self {
        self.also.push((at, label.into()));
        self
    }

    pub(super) fn help(mut self, help: impl Into<String>) -> Self {
        self.help.push(help.into());
        self
    }

    pub(super) fn fix(mut self, at: Span, text: impl Into<String>) -> Self {
        self.fix = Some(Fix { at, text: text.into() });
        self
    }

    /// Offers the nearest of the words that could have been meant, or lists them all.
    pub(super) fn meant<'a>(
        self,
        word: &str,
        among: impl IntoIterator<Item = &'a str>,
        at: Span,
        quote: Quote,
    ) -> Self {
        let mut among: Vec<_> = among.into_iter().collect();
        among.sort_unstable();
        let Some(near) = super::near::nearest(word, among.iter().copied()) else {
            let list = if among.is_empty() {
                "nothing else is known here".to_owned()
            } else {
                format!("to choose from: {}", among.join(", "))
            };
            return self.help(list);
        };
        let text = match quote {
            Quote::Bare => near.to_owned(),
            Quote::Text => format!("\"{near}\""),
        };
        self.help(format!("did you mean `{near}`?")).fix(at, text)
    }
}

/// How a suggested word is written in the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Quote {
    /// As a key.
    Bare,
    /// As a text in quotation marks.
    Text,
}

/// Where problems are gathered, so that all of them are told at once.
#[derive(Debug, Default)]
pub(super) struct Problems(RefCell<Vec<Problem>>);

impl Problems {
    pub(super) fn add(&self, problem: Problem) {
        self.0.borrow_mut().push(problem);
    }

    pub(super) fn into_sorted(self) -> Vec<Problem> {
        let mut problems = self.0.into_inner();
        problems.sort_by_key(|problem| (problem.at.as_ref().map_or(0, |at| at.start), problem.kind));
        problems
    }
}
