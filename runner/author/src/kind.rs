//! What a hook is for.

use std::collections::BTreeSet;

use groundcrew_core::manifest::Manifest;
use groundcrew_engine::inspect::Export;

/// The three kinds of hooks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// Tells somebody that something happened.
    Handler,
    /// Makes what should exist outside, and removes it again.
    Provisioner,
    /// Looks, and reports what it finds.
    Auditor,
}

impl Kind {
    /// All of them, in the order in which they are asked for.
    pub const ALL: [Self; 3] = [Self::Handler, Self::Provisioner, Self::Auditor];

    /// The word of the command line.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Handler => "handler",
            Self::Provisioner => "provisioner",
            Self::Auditor => "auditor",
        }
    }

    /// What one of its kind does, in a word.
    pub const fn verb(self) -> &'static str {
        match self {
            Self::Handler => "tells",
            Self::Provisioner => "makes",
            Self::Auditor => "looks",
        }
    }

    /// The kind of a word.
    pub fn of_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.word() == word)
    }

    /// The kind that a manifest makes a hook.
    pub fn of(manifest: &Manifest) -> Self {
        if manifest.is_auditor() {
            Self::Auditor
        } else if manifest.kind.is_empty() {
            Self::Handler
        } else {
            Self::Provisioner
        }
    }

    /// What a component of this kind has to export.
    pub const fn export(self) -> Export {
        match self {
            Self::Handler => Export::Handler,
            Self::Provisioner => Export::Provision,
            Self::Auditor => Export::Audit,
        }
    }

    /// What else it may export, and what that is called.
    const fn optional(self) -> Option<(Export, &'static str)> {
        match self {
            Self::Handler => None,
            Self::Provisioner => Some((Export::Inventory, "inventory")),
            Self::Auditor => Some((Export::Remedy, "remedy")),
        }
    }

    /// The line of the manifest that makes a hook one of this kind.
    pub const fn because(self) -> &'static str {
        match self {
            Self::Handler => "it has neither `[kind.*]` nor `reports`",
            Self::Provisioner => "it has things (`[kind.*]`)",
            Self::Auditor => "it has findings (`reports`)",
        }
    }

    /// What a component of this kind is called with what it can besides: `provisioner (+inventory)`.
    pub fn shown(self, exports: &BTreeSet<Export>) -> String {
        match self.optional() {
            Some((export, word)) if exports.contains(&export) => format!("{} (+{word})", self.word()),
            _ => self.word().to_owned(),
        }
    }

    /// The WIT world of a component of this kind that exports these.
    pub fn world(self, exports: &BTreeSet<Export>) -> &'static str {
        let more = self.optional().is_some_and(|(export, _)| exports.contains(&export));
        match (self, more) {
            (Self::Handler, _) => "hook",
            (Self::Provisioner, false) => "provisioner",
            (Self::Provisioner, true) => "provisioner-with-inventory",
            (Self::Auditor, false) => "auditor",
            (Self::Auditor, true) => "auditor-with-remedy",
        }
    }

    /// All that a component of this kind may export of ours.
    pub fn may_export(self) -> impl Iterator<Item = Export> {
        [Some(self.export()), self.optional().map(|(export, _)| export)].into_iter().flatten()
    }
}
