//! A stanza `[hook.NAME]`, resolved.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;

use groundcrew_core::duration::Millis;
use groundcrew_core::egress::Grant;
use groundcrew_core::hash::Digest;
use groundcrew_core::manifest::Manifest;
use groundcrew_core::may_delete::{Level, OnGone, Window};
use groundcrew_core::pointer::Pointer;
use groundcrew_core::settle::{Adopt, Drift, Policy};
use groundcrew_core::spec::canonical;
use serde_json::{Value, json};

use super::audit::Timing;
use super::settings::{Position, Rate, Scope};
use super::words::fill_known;

/// A hook as the stanza describes it.
#[derive(Clone, Debug, PartialEq)]
pub struct Hook {
    /// The stanza's name.
    pub name: String,
    /// Where its component is.
    pub component: Component,
    /// What its author says of it.
    pub manifest: Manifest,
    /// For which apps it works; none: all.
    pub scope: Option<Scope>,
    /// Its configuration, with the manifest's defaults and `{fly.api}` filled in; other words in braces remain.
    pub config: Value,
    /// Where its things live: the manifest's name and the identity fields.
    pub target: String,
    /// Its own level.
    pub level: Level,
    /// What it may reach.
    pub allow: Vec<Grant>,
    /// What words of its grants stand for, whoever the owner is: `{config.x}`, `{fly.api}`.
    pub words: BTreeMap<String, String>,
    /// Its secrets, by its own names.
    pub secrets: BTreeMap<String, SecretGrant>,
    /// Where sealed outputs may be put, by `HOOK.OUTPUT`.
    pub sealed: BTreeMap<String, SealedGrant>,
    /// Runs at once.
    pub parallel: u32,
    /// Requests at most.
    pub rate: Rate,
    /// What it does, and how.
    pub work: Work,
    /// What may run in its place, if anything may.
    pub candidate: Option<Candidate>,
    pub(super) stanza: Value,
}

/// A component that is compared with the one that runs, and may take its place.
#[derive(Clone, Debug, PartialEq)]
pub struct Candidate {
    /// The same stanza with that component; it has no candidate itself.
    pub hook: Box<Hook>,
    /// After how many equal runs in a row it takes its place by itself; none: never.
    pub promote_after: Option<u32>,
}

/// Where a component is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Component {
    /// Within this binary.
    Builtin(String),
    /// In a file.
    File(PathBuf),
}

impl fmt::Display for Component {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Builtin(name) => write!(f, "builtin:{name}"),
            Self::File(path) => write!(f, "{}", path.display()),
        }
    }
}

/// What a hook does. A manifest with kinds of things makes it a provisioner, one with codes of findings an auditor.
#[derive(Clone, Debug, PartialEq)]
pub enum Work {
    /// It is told of events.
    Handler {
        /// Their kinds; `*` at the end matches the rest.
        on: Vec<String>,
        /// When it is told that it is time; none: never.
        ticks: Option<Timing>,
    },
    /// It makes things.
    Provisioner(Provisioner),
    /// It looks when an audit asks it, and reports findings.
    Auditor,
}

/// How a provisioner's things are made and unmade.
#[derive(Clone, Debug, PartialEq)]
pub struct Provisioner {
    /// What becomes of things whose owner is gone.
    pub gone: OnGone,
    /// What becomes of those that it did not make.
    pub gone_adopted: OnGone,
    /// How long they stay before they go.
    pub grace: Grace,
    /// What is taken over.
    pub adopt: Adopt,
    /// What is done about changes that others made.
    pub drift: Drift,
    /// How often it is looked for such changes in a listing of everything; none: one by one, as the core says.
    pub drift_every: Option<Millis>,
    /// Hooks whose outputs are its inputs.
    pub reads: Vec<String>,
    /// How many deletes are too many.
    pub deletes: Window,
    /// How long the API may hide what it made, by kind of thing: the manifest's, or a longer one.
    pub settle: BTreeMap<String, Millis>,
    /// How long a reader that fails may delay the removal of what it reads.
    pub teardown_wait: Millis,
}

/// How long a thing stays before it goes; none: for ever.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Grace {
    /// After its owner's end.
    pub gone: Option<Millis>,
    /// After the end of the wish, while its owner lives.
    pub unwanted: Option<Millis>,
}

/// A secret that a stanza hands to its hook.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SecretGrant {
    /// The operator's name of it.
    pub from: String,
    /// Where it may be put.
    pub at: Position,
    /// `host:port` it may be sent to; none for [`Position::Url`], which is its own.
    pub to: Option<String>,
    /// How it is written there.
    pub format: Format,
    /// What the host signs with it.
    pub sign: Option<Sign>,
}

/// Where a stanza allows a sealed output to be put.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SealedGrant {
    /// The place within a request.
    pub at: Place,
    /// `host:port` it may be sent to.
    pub to: String,
}

/// A place within a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// A header of this name, in lower case.
    Header(String),
    /// Texts of a JSON body.
    Json(Pointer),
}

/// How a secret's value is written at its position.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Format {
    /// As it is.
    #[default]
    Plain,
    /// `Bearer ...` or `FlyV1 ...`, as Fly's tokens need it.
    Fly,
}

/// How requests are signed.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Sign {
    /// As the Standard Webhooks specification says.
    StandardWebhooks,
    /// As AWS Signature Version 4 says.
    Sigv4 {
        /// Such as `eu-central-1`.
        region: String,
        /// Such as `s3`.
        service: String,
    },
}

impl Hook {
    /// The stanza as written, as canonical JSON: what was approved, and what a detached hook is kept by.
    pub fn stanza_text(&self) -> String {
        canonical(&self.stanza)
    }

    /// Whether another stanza says the same, apart from which component it names.
    pub fn is_alike(&self, other: &Self) -> bool {
        let mut alike = other.clone();
        alike.component.clone_from(&self.component);
        alike.manifest.clone_from(&self.manifest);
        // The text names the component; all else that it says is in the other fields.
        alike.stanza.clone_from(&self.stanza);
        alike == *self
    }

    /// The digest of what the hook's answers depend on: configuration, grants, secrets, what it reads.
    ///
    /// Levels, limits, grace and other policy are not in it, so changing them never makes *the configuration*
    /// the cause of a delete. The component's digest is added by the runner. Of a secret only its name and place are in it:
    /// values stand nowhere but in headers and URLs, never in what is made, so a new value changes nothing there.
    pub fn settings_digest(&self) -> Digest {
        let secrets: BTreeMap<_, _> =
            self.secrets.iter().map(|(name, grant)| (name, grant.settings())).collect();
        let allow: Vec<_> = self.allow.iter().map(ToString::to_string).collect();
        let mut settings =
            json!({"config": self.config, "allow": allow, "secrets": secrets, "reads": self.reads()});
        if !self.sealed.is_empty() {
            let sealed = self.sealed.iter().map(|(output, grant)| (output, grant.settings()));
            settings["sealed"] = json!(sealed.collect::<BTreeMap<_, _>>());
        }
        Digest::of(canonical(&settings).as_bytes())
    }

    /// What it may reach, a line each; only words of the owner are still in braces.
    pub fn reach(&self) -> impl Iterator<Item = String> {
        self.allow.iter().map(|grant| fill_known(&grant.to_string(), &self.words))
    }

    /// What the stanza says of a provisioner.
    pub const fn provisioner(&self) -> Option<&Provisioner> {
        match &self.work {
            Work::Provisioner(provisioner) => Some(provisioner),
            Work::Handler { .. } | Work::Auditor => None,
        }
    }

    /// How long the API may hide what it made, at most of all its kinds; none if the hook makes nothing.
    pub fn settle_max(&self) -> Option<Millis> {
        let provisioner = self.provisioner()?;
        let kinds = self.manifest.kind.iter();
        kinds.map(|(name, kind)| provisioner.settle.get(name).copied().unwrap_or(kind.settle)).max()
    }

    /// The hooks that it reads; a handler reads none.
    pub fn reads(&self) -> &[String] {
        self.provisioner().map_or(&[], |provisioner| &provisioner.reads)
    }

    /// Whether it works for an app of this name, or for that app's machines.
    pub fn covers(&self, app: &str) -> bool {
        self.scope.as_ref().is_none_or(|scope| scope.contains(app))
    }

    /// How things of a kind are settled; none if the hook makes no such things.
    ///
    /// `window` is how long after its intent a write may still take effect; the engine's limits say it.
    pub fn policy(&self, kind: &str, window: Millis) -> Option<Policy> {
        let (provisioner, of_kind) = (self.provisioner()?, self.manifest.kind.get(kind)?);
        Some(Policy {
            class: of_kind.create,
            settle: provisioner.settle.get(kind).copied().unwrap_or(of_kind.settle),
            window,
            remembers: of_kind.remembers,
            lives: of_kind.lives,
            immutable: of_kind.immutable.clone(),
            shown_as: of_kind.shown_as.clone(),
            adopt: provisioner.adopt,
            lost_at: None,
            drift: provisioner.drift,
        })
    }
}

impl SealedGrant {
    fn settings(&self) -> Value {
        json!([format!("{:?}", self.at), self.to])
    }
}

impl SecretGrant {
    fn settings(&self) -> Value {
        json!([
            self.from,
            format!("{:?}", self.at),
            self.to,
            format!("{:?}", self.format),
            format!("{:?}", self.sign)
        ])
    }
}
