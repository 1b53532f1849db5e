//! Addresses at which somebody of another source lives.
//!
//! An address has one living subject. Who comes to one that is held is not taken in there, and neither are its machines,
//! until it is free; whatever else was seen is taken in all the same. The mirror knows no other source: who lives at an
//! address that a delta takes is told to it ([`super::Mirror::beside`]).

use std::collections::BTreeMap;

use super::draft::Draft;
use super::seen::AppSeen;
use crate::subject::{Path, Uid};

const CODE: &str = "source.conflict";

impl Draft<'_> {
    /// Whether nobody of another source lives at an address. If somebody does, who comes to it is remembered, and a
    /// person told.
    pub(super) fn may_take(&mut self, path: &Path, uid: &Uid) -> bool {
        let Some(holder) = self.stranger_at(path) else {
            self.conflict_ends(uid);
            return true;
        };
        let before = self.cursor.conflicts.insert(uid.clone(), path.clone());
        if before.is_some_and(|before| before != *path) {
            self.resolve(CODE, uid.as_str());
        }
        let text = format!(
            "{holder} of another source lives at {path}: {uid} and its machines are not taken in there"
        );
        self.open(CODE, uid.as_str(), text);
        false
    }

    /// Somebody was taken in, or comes to that address no more.
    pub(super) fn conflict_ends(&mut self, uid: &Uid) {
        if self.cursor.conflicts.remove(uid).is_some() {
            self.resolve(CODE, uid.as_str());
        }
    }

    /// A whole list came: only whom it shows at a held address still comes to it.
    pub(super) fn conflicts_stand(&mut self, listed: &[&AppSeen]) {
        if self.cursor.conflicts.is_empty() {
            return;
        }
        let mut shown = BTreeMap::new();
        for app in listed {
            if let (Some(uid), Some(path)) = (self.app_uid(app), self.app_path(app)) {
                shown.insert(uid, path);
            }
        }
        let over = self.cursor.conflicts.iter().filter(|(uid, path)| shown.get(*uid) != Some(*path));
        let over: Vec<_> = over.map(|(uid, _)| uid.clone()).collect();
        for uid in over {
            self.conflict_ends(&uid);
        }
    }
}
