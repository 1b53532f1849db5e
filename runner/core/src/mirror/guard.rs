//! The vanish guard: more than a few ends within minutes are more likely a broken source than a deleted fleet.

use std::collections::BTreeSet;

use super::draft::Draft;
use super::rules::Rule;
use super::seen::Ask;
use crate::duration::Millis;
use crate::subject::{SubjectKind, Uid};

/// How long an approval holds.
const APPROVAL_LASTS: Millis = Millis::hours(24);

impl Draft<'_> {
    pub(super) fn hold_apps(&mut self) {
        let missing: BTreeSet<_> = self.pending.missing.keys().cloned().collect();
        self.hold(SubjectKind::App, &missing);
    }

    /// Holds all candidates of a kind, if with the ends believed within the window they are implausibly many.
    ///
    /// Once that is so it stays so until everybody held has returned or is approved.
    pub(super) fn hold(&mut self, kind: SubjectKind, candidates: &BTreeSet<Uid>) {
        if !self.rule(Rule::VanishGuard) {
            return;
        }
        let now = self.now();
        self.cursor.approved.retain(|_, since| now.since(*since) < APPROVAL_LASTS);
        let open: BTreeSet<_> =
            candidates.iter().filter(|uid| !self.cursor.approved.contains_key(*uid)).cloned().collect();
        let holding = self.cursor.vanished.iter().any(|uid| uid.kind() == kind);
        let believed = self.believed(kind);
        if open.is_empty() || (!holding && (open.len() + believed) as u64 <= self.allowance(kind, believed)) {
            return;
        }
        let text = format!(
            "{} of {} {}s seem to be gone at once; none of it is believed until they return or it is approved",
            open.len(),
            self.living(kind).len(),
            if kind == SubjectKind::App { "app" } else { "machine" },
        );
        self.cursor.vanished.extend(open);
        self.open("source.vanish", vanish_about(kind), text);
    }

    /// How many ends of a kind are plausible within the window.
    pub(super) fn allowance(&self, kind: SubjectKind, believed: usize) -> u64 {
        let most = self.config().vanish_max;
        let population = (self.living(kind).len() + believed) as u64;
        (population * u64::from(most.percent) / 100).max(u64::from(most.floor))
    }

    /// Ends of a kind that were believed within the window.
    pub(super) fn believed(&mut self, kind: SubjectKind) -> usize {
        let (now, within) = (self.now(), self.config().vanish_max.within);
        self.cursor.ends.retain(|end| now.since(end.at) < within);
        self.cursor.ends.iter().filter(|end| end.kind == kind).count()
    }

    /// Lets somebody no longer count as vanished: seen again, or at an end that was approved.
    pub(super) fn returned(&mut self, uid: &Uid) {
        self.cursor.approved.remove(uid);
        if self.cursor.vanished.remove(uid)
            && !self.cursor.vanished.iter().any(|other| other.kind() == uid.kind())
        {
            self.resolve("source.vanish", vanish_about(uid.kind()));
        }
    }

    /// Believes, from now on, whatever is proven of those who are held.
    pub(super) fn approve_vanished(&mut self) {
        let now = self.now();
        self.cursor
            .approved
            .extend(std::mem::take(&mut self.cursor.vanished).into_iter().map(|uid| (uid, now)));
        for kind in [SubjectKind::App, SubjectKind::Machine] {
            self.resolve("source.vanish", vanish_about(kind));
        }
        self.ask(Ask::Apps);
        self.believe_apps();
        self.believe_machines();
    }
}

const fn vanish_about(kind: SubjectKind) -> &'static str {
    match kind {
        SubjectKind::App => "apps",
        SubjectKind::Machine => "machines",
    }
}
