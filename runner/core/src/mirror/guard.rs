//! The vanish guard: more than a few ends within minutes are more likely a broken source than a deleted fleet.

use std::collections::BTreeSet;

use super::draft::Draft;
use super::row::Row;
use super::rules::Rule;
use super::seen::Ask;
use crate::duration::Millis;
use crate::subject::{SubjectKind, Uid};

/// How long an approval holds.
pub const APPROVAL_LASTS: Millis = Millis::hours(24);

impl Draft<'_> {
    /// Holds the apps that the list lacks, if they are implausibly many; but for those that are elsewhere: while that is so
    /// they can never be believed gone, and would use up what is plausible for all others.
    pub(super) fn hold_apps(&mut self) {
        self.release(Self::is_elsewhere);
        let missing = self.pending.missing.keys().filter(|uid| !self.is_elsewhere(uid));
        let missing: BTreeSet<_> = missing.cloned().collect();
        self.hold(SubjectKind::App, &missing);
    }

    /// Whether the last look at an app was refused, or showed it in another organisation; known across restarts.
    fn is_elsewhere(&self, uid: &Uid) -> bool {
        self.is_open("source.forbidden", uid.as_str())
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
            self.count_living(kind),
            if kind == SubjectKind::App { "app" } else { "machine" },
        );
        self.cursor.vanished.extend(open);
        self.open("source.vanish", vanish_about(kind), text);
    }

    /// How many ends of a kind are plausible within the window.
    pub(super) fn allowance(&self, kind: SubjectKind, believed: usize) -> u64 {
        let most = self.config().vanish_max;
        let population = (self.count_living(kind) + believed) as u64;
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

    /// Somebody believed gone within the window is listed again while others are held: their end may be one of the
    /// same false ones. They are held too, until a look at the app itself says what is so.
    pub(super) fn doubt_end(&mut self, row: &Row) {
        let within = self.config().vanish_max.within;
        let lately = row.gone_at.is_some_and(|gone| self.now().since(gone) < within);
        if lately && !self.cursor.vanished.is_empty() {
            self.cursor.vanished.insert(row.uid.clone());
        }
    }

    /// A look at an app was conclusive: whoever had the name before, and is gone, is held no more.
    pub(super) fn end_stands(&mut self, name: &str) {
        let gone = |row: &Row| row.gone_at.is_some() && row.path.app_name() == name;
        self.release(|draft, uid| draft.row(uid).is_some_and(gone));
    }

    /// A whole list came: whoever is gone and not in it is held no more.
    pub(super) fn ends_stand(&mut self, listed: &BTreeSet<&str>) {
        self.release(|draft, uid| {
            let lives = draft.row(uid).is_some_and(|row| row.gone_at.is_none());
            uid.kind() == SubjectKind::App && !lives && !listed.contains(uid.platform_id())
        });
    }

    fn release(&mut self, whom: impl Fn(&Self, &Uid) -> bool) {
        let released: Vec<_> = self.cursor.vanished.iter().filter(|uid| whom(self, uid)).cloned().collect();
        for uid in released {
            self.returned(&uid);
        }
    }

    /// Believes, from now on, whatever is proven of those who are held and were shown.
    pub(super) fn approve_vanished(&mut self, shown: &BTreeSet<Uid>) {
        let now = self.now();
        let (approved, held): (BTreeSet<_>, _) =
            std::mem::take(&mut self.cursor.vanished).into_iter().partition(|uid| shown.contains(uid));
        self.cursor.vanished = held;
        self.cursor.approved.extend(approved.into_iter().map(|uid| (uid, now)));
        for kind in [SubjectKind::App, SubjectKind::Machine] {
            if !self.cursor.vanished.iter().any(|uid| uid.kind() == kind) {
                self.resolve("source.vanish", vanish_about(kind));
            }
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
