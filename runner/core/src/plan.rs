//! A plan: what would be done about things outside, before anything is done.
//!
//! It is made by a rehearsal of the very steps that the runner takes, on a copy of the ledger; here is what it
//! says and how it is compared with what is there when it is applied. Pure data: it may be kept in a file,
//! reviewed, and applied item by item while its preconditions hold.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::duration::Millis;
use crate::hash::Digest;
use crate::may_delete::Level;
use crate::row::{RowId, words};
use crate::spec::{canonical, differing};
use crate::subject::{Path, Uid};
use crate::time::Timestamp;

/// The version of the file's format.
pub const FORMAT: u32 = 1;

/// How long a plan may be applied.
pub const HOLDS: Millis = Millis::hours(1);

words! {
    /// What would be done about one thing.
    Action {
        /// It does not exist, and is made.
        Create = "create",
        /// Fields of it are changed.
        Update = "update",
        /// It is removed and made again: a field that cannot be changed is to be different.
        Replace = "replace",
        /// It is removed.
        Delete = "delete",
        /// It exists, and is taken over as ours.
        Adopt = "adopt",
        /// It passes to another owner that wants it; nothing outside changes.
        HandOver = "hand over",
        /// It would be removed, and something holds it.
        Held = "held",
        /// Somebody else has it.
        Conflict = "conflict",
        /// Nobody wants it, and it is left where it is.
        Retain = "retain",
    }
}

impl Action {
    /// Whether applying it changes something outside.
    pub const fn writes(self) -> bool {
        matches!(self, Self::Create | Self::Update | Self::Replace | Self::Delete)
    }
}

/// A field that would be different.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Change {
    /// Its name.
    pub field: String,
    /// As it is; null: not there.
    pub from: Value,
    /// As it would be.
    pub to: Value,
}

/// One thing, and what would be done about it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Item {
    /// What.
    pub action: Action,
    /// The hook that would do it.
    pub hook: String,
    /// For whom.
    pub owner: Path,
    /// Its incarnation.
    pub owner_id: Uid,
    /// The thing's kind.
    pub kind: String,
    /// Its key.
    pub key: String,
    /// The ledger row, if one exists already.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub row: Option<RowId>,
    /// The thing's id, if it exists.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub thing: Option<String>,
    /// The body that is wanted; of what goes, the body that it has.
    pub body: Value,
    /// What would be different.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub changes: Vec<Change>,
    /// Why, or what is in the way.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
    /// Not before this: grace.
    #[serde(skip_serializing_if = "Option::is_none", default, with = "crate::time::rfc3339::option")]
    pub not_before: Option<Timestamp>,
}

/// An owner of which nothing can be said yet.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Waits {
    /// The hook.
    pub hook: String,
    /// Whose.
    pub owner: Path,
    /// What for.
    pub why: String,
    /// It is not in scope: nothing will be known of it, and nothing is done about what it has.
    #[serde(default)]
    pub frozen: bool,
}

/// A whole plan.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Plan {
    /// The file's format.
    pub format: u32,
    /// Of which installation.
    pub installation: String,
    /// The level that is configured.
    pub level: Level,
    /// When it was made.
    #[serde(with = "crate::time::rfc3339")]
    pub made_at: Timestamp,
    /// It may be applied until then.
    #[serde(with = "crate::time::rfc3339")]
    pub until: Timestamp,
    /// Component and configuration of each hook, as `COMPONENT:CONFIGURATION`.
    pub hooks: BTreeMap<String, String>,
    /// What would be done.
    pub items: Vec<Item>,
    /// Owners of which nothing can be said before something else is done, or known.
    pub waits: Vec<Waits>,
    /// Things that are as they should be.
    pub unchanged: u32,
}

impl Item {
    /// What an approval of this item is about; another body, thing or action is another approval, and of an update
    /// another change.
    pub fn print(&self) -> String {
        let print = print(self.action, self.thing.as_deref(), &self.body);
        if self.action == Action::Update { changing(&print, &self.changes) } else { print }
    }
}

/// Whether an update that was applied is the one that would be done now: of this thing to this body, by these changes.
///
/// Once it was sent (`under_way`), what is to be changed may be half done: then the changes are not compared.
pub fn is_update(
    applied: &str,
    thing: Option<&str>,
    body: &Value,
    changes: &[Change],
    under_way: bool,
) -> bool {
    let print = print(Action::Update, thing, body);
    if under_way {
        applied.split('+').next() == Some(print.as_str())
    } else {
        applied == changing(&print, changes)
    }
}

fn changing(print: &str, changes: &[Change]) -> String {
    let parts: Vec<_> =
        changes.iter().flat_map(|it| [it.field.clone(), canonical(&it.from), canonical(&it.to)]).collect();
    format!("{print}+{}", Digest::of_parts(parts.iter().map(String::as_bytes)))
}

/// The digest of one thing that is to be done.
pub fn print(action: Action, thing: Option<&str>, body: &Value) -> String {
    // What is created has no id yet, and what is replaced gets another one.
    let thing = if matches!(action, Action::Create | Action::Replace) { None } else { thing };
    let parts = [action.as_str(), thing.unwrap_or_default(), &canonical(body)];
    Digest::of_parts(parts.map(str::as_bytes)).to_string()
}

/// What an update would change of a thing as it is seen; what its API does not show is compared with what was sent.
pub fn updates(seen: &Value, sent: &Value, wanted: &Value) -> Vec<Change> {
    let shown = changes(seen, wanted);
    if shown.is_empty() { changes(sent, wanted) } else { shown }
}

/// The fields in which a body would differ, of those that both name.
pub fn changes(from: &Value, to: &Value) -> Vec<Change> {
    let fields = differing(to, from);
    let change = |field: &str| Change {
        field: field.to_owned(),
        from: from.get(field).cloned().unwrap_or_default(),
        to: to.get(field).cloned().unwrap_or_default(),
    };
    fields.into_iter().map(change).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn an_approval_is_of_one_body_thing_and_action() {
        let body = json!({"ttl": 60, "values": ["a"]});
        let same = json!({"values": ["a"], "ttl": 60});
        assert_eq!(print(Action::Delete, Some("t"), &body), print(Action::Delete, Some("t"), &same));
        assert_ne!(print(Action::Delete, Some("t"), &body), print(Action::Delete, Some("u"), &body));
        assert_ne!(print(Action::Delete, Some("t"), &body), print(Action::Update, Some("t"), &body));
        assert_ne!(
            print(Action::Update, Some("t"), &body),
            print(Action::Update, Some("t"), &json!({"ttl": 61}))
        );
        assert_eq!(print(Action::Create, None, &body), print(Action::Create, Some("t"), &body));
    }

    #[test]
    fn an_update_is_applied_to_a_thing_as_it_was_seen() {
        let (sent, wanted) = (json!({"ttl": 60, "values": ["a"]}), json!({"ttl": 300, "values": ["a"]}));
        let item = Item {
            action: Action::Update,
            hook: "dns".to_owned(),
            owner: "fly/acme/cust-1".parse().unwrap(),
            owner_id: "app:a".parse().unwrap(),
            kind: "record".to_owned(),
            key: "k".to_owned(),
            row: None,
            thing: Some("t".to_owned()),
            body: wanted.clone(),
            changes: updates(&sent, &sent, &wanted),
            why: None,
            not_before: None,
        };
        let applied = item.print();
        let now = |seen: &Value, under_way: bool| {
            is_update(&applied, Some("t"), &wanted, &updates(seen, &sent, &wanted), under_way)
        };
        assert!(now(&sent, false));
        let changed = json!({"ttl": 60, "values": ["theirs"]});
        assert!(!now(&changed, false), "it would overwrite what nobody was shown");
        assert!(now(&changed, true), "a half-done update is finished");
        assert!(!is_update(&applied, Some("u"), &wanted, &item.changes, true), "another thing");
        assert!(!is_update(&applied, Some("t"), &sent, &item.changes, true), "another body");
    }

    #[test]
    fn changes_are_of_fields_that_both_name() {
        let from = json!({"ttl": 60, "etag": "x", "values": ["a"]});
        let to = json!({"ttl": 300, "values": ["a"], "note": "n"});
        let expected = Change { field: "ttl".to_owned(), from: json!(60), to: json!(300) };
        assert_eq!(changes(&from, &to), [expected]);
    }
}
