//! What a source remembers beside its subjects; stored with them.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::Reach;
use crate::subject::{Path, SubjectKind, Uid};
use crate::time::Timestamp;

/// Where a source stands. Part of the transaction that stores rows and events.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Cursor {
    /// When the first whole list of apps was adopted; none: the first start is not over.
    pub baseline_at: Option<Timestamp>,
    /// The organisation, as its apps report it.
    pub org: Option<Org>,
    /// What the token reached when it was last agreed to.
    pub reach: Option<Reach>,
    /// The newest change that a whole reading of the organisation's list has shown, in the platform's time.
    pub updated_after: Option<Timestamp>,
    /// Ends believed within the guard's window.
    pub ends: Vec<End>,
    /// Those whose end is not believed until they return or are approved.
    pub vanished: BTreeSet<Uid>,
    /// Those whose end an operator believes, since when.
    pub approved: BTreeMap<Uid, Timestamp>,
    /// Who is not taken in at an address, for somebody of another source lives there.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub conflicts: BTreeMap<Uid, Path>,
    /// Open findings, as `kind about`.
    pub findings: BTreeSet<String>,
}

/// An organisation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Org {
    /// The platform's id, if its lists tell.
    pub id: Option<String>,
    /// The real slug.
    pub slug: String,
}

/// An end that was believed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct End {
    /// Of what.
    pub kind: SubjectKind,
    /// When.
    pub at: Timestamp,
}

/// How to ask for a page of the organisation's machines.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct OrgQuery {
    /// Only what changed after this; the overlap is in it already.
    pub updated_after: Option<Timestamp>,
    /// Goes on where the last page ended; takes precedence.
    pub cursor: Option<String>,
    /// Whether the destroyed are wanted: not at the first reading, which adopts the living.
    pub include_deleted: bool,
}
