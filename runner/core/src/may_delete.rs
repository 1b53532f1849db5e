//! Whether a thing that nobody wants may be removed: one pure function, asked in the transaction of the
//! delete's intent.
//!
//! Every condition is a line of [`may_delete`]; a freeze beats every other rule.

use serde::{Deserialize, Serialize};

use crate::duration::Millis;
use crate::row::{Origin, words};
use crate::settle::Leave;
use crate::time::Timestamp;

words! {
    /// What becomes of things that nobody wants any more.
    OnGone {
        /// They are removed, after grace and within the window.
        Delete = "delete",
        /// They stay, and nothing is said.
        Retain = "retain",
        /// They stay, and a finding says so.
        Report = "report",
    }
}

words! {
    /// Why a thing is unwanted.
    Cause {
        /// Its owner's end is confirmed.
        OwnerEnded = "owner ended",
        /// Its owner lives and `desired` no longer asks for it, because the view changed.
        ViewChanged = "view changed",
        /// The component changed, and with it the answer.
        ComponentChanged = "component changed",
        /// The configuration, the grants or a secret changed, and with it the answer.
        ConfigurationChanged = "configuration changed",
        /// The want goes on, with fields that cannot be changed in place: it goes, and is made anew.
        Replacement = "replacement",
        /// Nobody's answer changed: an operator asked for its end, or for its hook's.
        Asked = "asked for",
    }
}

words! {
    /// Whether an operator asked for the removal of a thing as it is now.
    Asked {
        /// Nobody did.
        No = "no",
        /// With its whole hook: what the hook made goes, what it took over is left.
        WithHook = "hook",
        /// For this very thing, however it came to be ours.
        ForRow = "row",
    }
}

words! {
    /// How much may be done, of the installation, a hook, an owner: the lowest wins.
    Level {
        /// Plan and report.
        Observe = "observe",
        /// Make and change, remove nothing.
        NoDeletes = "no-deletes",
        /// Everything.
        Enforce = "enforce",
    }
}

/// How many deletes a hook may do in a while.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Window {
    /// In hundredths of the hook's rows.
    pub share_percent: u32,
    /// At least this many.
    pub floor: u32,
    /// The while.
    pub within: Millis,
}

impl Window {
    /// A tenth of the rows or ten, within an hour.
    pub const DEFAULT: Self = Self { share_percent: 10, floor: 10, within: Millis::hours(1) };

    /// How many of `rows` may go.
    pub const fn allows(self, rows: u32) -> u32 {
        let share = (rows as u64 * self.share_percent as u64 / 100) as u32;
        if share > self.floor { share } else { self.floor }
    }
}

/// Whether anybody living wants the thing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wanted {
    /// Nobody does.
    Nobody,
    /// Somebody does, as it is.
    AsItIs,
    /// Somebody does, with immutable fields that differ.
    Replaced,
}

/// What reads the thing's outputs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Readers {
    /// Nothing is left that was made from a view with its outputs.
    Done,
    /// Something is; a reader that fails delays no longer than this, unless the address is reused.
    Until(Timestamp),
    /// Something is, and it is paused, held or detached, or the address is reused.
    Waiting,
}

/// Everything that the verdict is a function of.
#[derive(Clone, Debug)]
pub struct Facts<'a> {
    /// The present.
    pub now: Timestamp,
    /// Whether somebody living wants it.
    pub wanted: Wanted,
    /// A living subject at its owner's path has not been asked yet.
    pub unasked: bool,
    /// Why it is not known now who lives: the source was not read lately.
    pub unread: Option<&'a str>,
    /// Why nothing may remove it for now: level, pause, scope, detached hook, source, protection.
    pub frozen: Option<&'a str>,
    /// How it came to be ours.
    pub origin: Origin,
    /// The stanza's `gone`.
    pub on_gone: OnGone,
    /// The stanza's `gone_adopted`, for what we did not make.
    pub on_gone_adopted: OnGone,
    /// Why it is unwanted.
    pub cause: Cause,
    /// Whether things of its kind hold data.
    pub data: bool,
    /// Of a replacement: the component or configuration that changed what is wanted; none: the view did.
    pub replaced_by: Option<Cause>,
    /// Since when it is unwanted.
    pub unwanted_at: Timestamp,
    /// Time spent frozen since then; it does not count as grace.
    pub frozen_for: Millis,
    /// The grace of this cause's clock; none: never.
    pub grace: Option<Millis>,
    /// What reads it.
    pub readers: Readers,
    /// Deletes of the last window and rows due within the next one, this one included.
    pub due: u32,
    /// The hook's rows that are not gone.
    pub rows: u32,
    /// The hook's window.
    pub window: Window,
    /// Whether this row, with this spec, was approved.
    pub approved: bool,
    /// Whether an operator asked for its removal.
    pub asked: Asked,
}

/// How long until a row whose owner's path has an unasked subject is asked again.
const UNASKED: Millis = Millis::seconds(5);
/// How long until readers are asked again, should nothing wake the row before: the last of them does.
const READERS: Millis = Millis::seconds(60);

/// How long a thing that is replaced stays at most. Whoever changes what hundreds of owners want changes it one by one;
/// what all of them replace is known, and counted by the window, before the first is gone.
pub const REPLACED: Millis = Millis::minutes(1);

/// Says whether the thing may be removed now.
///
/// # Guarantees
/// [`Leave::Remove`] only if nobody living wants it (in this shape), it is known who lives, nothing freezes it, policy
/// removes what came to be ours this way, its owner's end or a changed view is the cause (else approval), grace has
/// passed without freezes, nothing reads it, and the whole due set fits the window (else approval). A replacement has
/// a grace of [`REPLACED`] at most; it needs approval where policy would keep the thing, or the thing holds data. Being
/// asked for stands for policy and approval, and for nothing else of this.
pub fn may_delete(facts: &Facts<'_>) -> Leave {
    let verdict = as_known(facts);
    // Asked last: whatever else stands against it is what a person is told.
    match (verdict, facts.unread) {
        (Leave::Remove, Some(why)) => Leave::Later { until: facts.now + UNASKED, why: why.to_owned() },
        (verdict, _) => verdict,
    }
}

/// Whether what reads the thing is to let go of it, so that it can go: nothing else but grace stands against its removal.
///
/// What a person must agree to first keeps what was made from it, too. A replacement is withdrawn after its grace, when
/// it is known how many there are; other things at once, so that what reads them passes its own grace at the same time.
pub fn may_withdraw(facts: &Facts<'_>) -> bool {
    if facts.cause == Cause::Replacement {
        return as_known(facts) == Leave::Remove;
    }
    let grace = facts.grace.map(|_| Millis::ZERO);
    let facts = Facts { readers: Readers::Done, grace, frozen_for: Millis::ZERO, ..facts.clone() };
    as_known(&facts) == Leave::Remove
}

/// The verdict if what is known of who lives is so.
fn as_known(facts: &Facts<'_>) -> Leave {
    let held = |why: String| Leave::Held { why };
    if facts.wanted == Wanted::AsItIs {
        return held("somebody wants it".to_owned());
    }
    if let Some(why) = facts.frozen {
        return held(format!("frozen: {why}"));
    }
    if let Some(retained) = retained(facts) {
        return retained;
    }
    if facts.unasked {
        let why = "a subject living at its owner's path has not been asked yet".to_owned();
        return Leave::Later { until: facts.now + UNASKED, why };
    }
    // Before grace: whoever plans an upgrade sees at once what waits for them, and may agree while grace passes.
    let approved = facts.approved || facts.asked != Asked::No;
    if !approved && matches!(facts.cause, Cause::ComponentChanged | Cause::ConfigurationChanged) {
        return held(format!("the {} and asks for less: approve", facts.cause));
    }
    if let (false, Some(why)) = (approved, needs_a_person(facts)) {
        return held(why);
    }
    let grace = match facts.grace {
        Some(grace) => grace,
        // Whoever approved a replacement has seen that.
        None if facts.cause == Cause::Replacement => Millis::ZERO,
        None => return held("its grace is `never`".to_owned()),
    };
    let until = facts.unwanted_at + grace + facts.frozen_for;
    if facts.now < until {
        return Leave::Later { until, why: format!("grace of {grace}") };
    }
    match facts.readers {
        // What reads a thing that is made anew follows it: without its outputs it cannot say what it wants instead.
        _ if facts.cause == Cause::Replacement => {}
        Readers::Done => {}
        Readers::Until(until) if facts.now >= until => {}
        Readers::Until(until) => {
            let until = until.min(facts.now + READERS);
            return Leave::Later { until, why: "something that reads it has not changed yet".to_owned() };
        }
        Readers::Waiting => {
            let why = "something that reads it is paused, held or not changed yet".to_owned();
            return Leave::Later { until: facts.now + READERS, why };
        }
    }
    if approved {
        return Leave::Remove;
    }
    if facts.cause == Cause::Asked {
        return held("its removal was asked for, and not as it is now: approve".to_owned());
    }
    let allowed = facts.window.allows(facts.rows);
    if facts.due > allowed {
        let within = facts.window.within;
        return held(format!(
            "{} deletes are due within {within}, {allowed} are allowed: approve",
            facts.due
        ));
    }
    Leave::Remove
}

/// Why a replacement is not made without a person: it removes after a minute, and what policy would keep.
fn needs_a_person(facts: &Facts<'_>) -> Option<String> {
    if facts.cause != Cause::Replacement {
        return None;
    }
    if let Some(by) = facts.replaced_by {
        return Some(format!("the {by} and asks for a replacement: approve"));
    }
    let why = match (facts.origin, facts.on_gone) {
        _ if facts.data => "it holds data",
        _ if facts.readers == Readers::Waiting => {
            "something that reads it is paused or held, or its address may be somebody else's soon"
        }
        (Origin::Presumed, _) => "it is presumed ours, not known to be",
        (Origin::Adopted, _) => "it was adopted, not made",
        (Origin::Imported, _) => "it was imported, not made",
        (Origin::Created, OnGone::Retain | OnGone::Report) => "the stanza keeps what nobody wants any more",
        (Origin::Created, OnGone::Delete) if facts.grace.is_none() => "its grace is `never`",
        (Origin::Created, OnGone::Delete) => return None,
    };
    Some(format!("{why}, and a replacement removes it: approve"))
}

fn retained(facts: &Facts<'_>) -> Option<Leave> {
    let asked = match facts.asked {
        Asked::No => false,
        Asked::WithHook => facts.origin == Origin::Created,
        Asked::ForRow => true,
    };
    if facts.cause == Cause::Replacement || asked {
        return None;
    }
    let (policy, why) = match facts.origin {
        Origin::Created => (facts.on_gone, "the stanza keeps what nobody wants any more"),
        Origin::Presumed => (facts.on_gone_adopted, "it is presumed ours, not known to be"),
        Origin::Adopted => (facts.on_gone_adopted, "it was adopted, not made"),
        Origin::Imported => (facts.on_gone_adopted, "it was imported, not made"),
    };
    (policy != OnGone::Delete).then(|| Leave::Retain { why: why.to_owned() })
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_millis(10_000_000);

    fn clear() -> Facts<'static> {
        Facts {
            now: NOW,
            wanted: Wanted::Nobody,
            unasked: false,
            unread: None,
            frozen: None,
            origin: Origin::Created,
            on_gone: OnGone::Delete,
            on_gone_adopted: OnGone::Report,
            cause: Cause::OwnerEnded,
            data: false,
            replaced_by: None,
            unwanted_at: NOW - Millis::minutes(20),
            frozen_for: Millis::ZERO,
            grace: Some(Millis::minutes(15)),
            readers: Readers::Done,
            due: 1,
            rows: 100,
            window: Window::DEFAULT,
            approved: false,
            asked: Asked::No,
        }
    }

    type Change = fn(&mut Facts<'static>);

    #[test]
    fn every_condition_alone_stops_a_delete() {
        let table: [(&str, Change); 19] = [
            ("somebody wants it", |f| f.wanted = Wanted::AsItIs),
            ("frozen: paused", |f| f.frozen = Some("paused")),
            ("the stanza keeps", |f| f.on_gone = OnGone::Retain),
            ("the stanza keeps", |f| f.on_gone = OnGone::Report),
            ("presumed ours", |f| f.origin = Origin::Presumed),
            ("it was adopted", |f| f.origin = Origin::Adopted),
            ("it was imported", |f| f.origin = Origin::Imported),
            ("has not been asked yet", |f| f.unasked = true),
            ("not read", |f| f.unread = Some("the list of apps was not read")),
            ("grace is `never`", |f| f.grace = None),
            ("grace of 15m", |f| f.unwanted_at = NOW - Millis::minutes(14)),
            ("grace of 15m", |f| f.frozen_for = Millis::minutes(6)),
            ("not changed yet", |f| f.readers = Readers::Until(NOW + Millis::seconds(1))),
            ("paused, held", |f| f.readers = Readers::Waiting),
            ("component changed", |f| f.cause = Cause::ComponentChanged),
            ("configuration changed", |f| f.cause = Cause::ConfigurationChanged),
            ("not as it is now", |f| f.cause = Cause::Asked),
            ("11 deletes are due within 1h, 10 are allowed", |f| f.due = 11),
            ("40 deletes are due within 1h, 30 are allowed", |f| (f.due, f.rows) = (40, 300)),
        ];
        assert_eq!(may_delete(&clear()), Leave::Remove);
        for (expected, change) in table {
            let mut facts = clear();
            change(&mut facts);
            let verdict = may_delete(&facts);
            assert_ne!(verdict, Leave::Remove, "{expected}");
            assert!(format!("{verdict:?}").contains(expected), "{expected}: {verdict:?}");
        }
        let held = Facts { unread: Some("the list of apps was not read"), due: 11, ..clear() };
        assert!(matches!(may_delete(&held), Leave::Held { .. }), "what is held stays held");
    }

    #[test]
    fn approval_lifts_windows_and_causes_but_no_freeze_grace_or_reader() {
        let approved = |change: Change| {
            let mut facts = Facts { approved: true, ..clear() };
            change(&mut facts);
            may_delete(&facts) == Leave::Remove
        };
        assert!(approved(|f| f.due = 400));
        assert!(approved(|f| f.cause = Cause::ComponentChanged));
        assert!(approved(|f| {
            f.cause = Cause::Replacement;
            f.replaced_by = Some(Cause::ConfigurationChanged);
        }));
        assert!(!approved(|f| f.frozen = Some("protected")));
        assert!(!approved(|f| f.unread = Some("the list of apps was not read")));
        assert!(!approved(|f| f.unwanted_at = NOW));
        assert!(!approved(|f| f.readers = Readers::Waiting));
        assert!(!approved(|f| f.wanted = Wanted::AsItIs));
    }

    #[test]
    fn being_asked_for_lifts_policy_and_windows_but_no_freeze_grace_or_reader() {
        let asked = |asked: Asked, change: Change| {
            let mut facts = Facts { asked, cause: Cause::Asked, ..clear() };
            change(&mut facts);
            may_delete(&facts) == Leave::Remove
        };
        let both: [Change; 3] =
            [|f| f.due = 400, |f| f.on_gone = OnGone::Retain, |f| f.on_gone = OnGone::Report];
        for change in both {
            assert!(asked(Asked::WithHook, change) && asked(Asked::ForRow, change));
        }
        let taken_over: [Change; 3] = [
            |f| f.origin = Origin::Adopted,
            |f| f.origin = Origin::Imported,
            |f| f.origin = Origin::Presumed,
        ];
        for change in taken_over {
            assert!(!asked(Asked::WithHook, change) && asked(Asked::ForRow, change));
        }
        let never: [Change; 6] = [
            |f| f.frozen = Some("paused"),
            |f| f.wanted = Wanted::AsItIs,
            |f| f.unasked = true,
            |f| f.grace = None,
            |f| f.unwanted_at = NOW,
            |f| f.readers = Readers::Waiting,
        ];
        for change in never {
            assert!(!asked(Asked::ForRow, change));
        }
    }

    #[test]
    fn a_failing_reader_delays_only_so_long_and_a_replacement_needs_a_person_where_policy_keeps() {
        let late = Facts { readers: Readers::Until(NOW), ..clear() };
        assert_eq!(may_delete(&late), Leave::Remove);
        let replaced = Facts {
            cause: Cause::Replacement,
            wanted: Wanted::Replaced,
            grace: Some(REPLACED),
            unwanted_at: NOW - REPLACED,
            ..clear()
        };
        assert_eq!(may_delete(&replaced), Leave::Remove);
        let early = may_delete(&Facts { unwanted_at: NOW, ..replaced.clone() });
        assert!(matches!(early, Leave::Later { .. }), "{early:?}");
        let followed = Facts { readers: Readers::Until(NOW + Millis::hours(1)), ..replaced.clone() };
        assert_eq!(may_delete(&followed), Leave::Remove, "what reads it follows");
        let kept: [(&str, Change); 8] = [
            ("its address may be", |f| f.readers = Readers::Waiting),
            ("its grace is `never`", |f| f.grace = None),
            ("it holds data", |f| f.data = true),
            ("it was adopted", |f| f.origin = Origin::Adopted),
            ("it was imported", |f| f.origin = Origin::Imported),
            ("it is presumed ours", |f| f.origin = Origin::Presumed),
            ("the stanza keeps", |f| f.on_gone = OnGone::Retain),
            ("the stanza keeps", |f| f.on_gone = OnGone::Report),
        ];
        for (expected, change) in kept {
            let mut facts = replaced.clone();
            change(&mut facts);
            let verdict = format!("{:?}", may_delete(&facts));
            assert!(verdict.starts_with("Held") && verdict.contains(expected), "{expected}: {verdict}");
            assert_eq!(may_delete(&Facts { approved: true, ..facts }), Leave::Remove, "{expected}");
        }
        for by in [Cause::ComponentChanged, Cause::ConfigurationChanged] {
            let why = format!("the {by} and asks for a replacement: approve");
            assert_eq!(may_delete(&Facts { replaced_by: Some(by), ..replaced.clone() }), Leave::Held { why });
        }
    }

    #[test]
    fn outputs_are_withdrawn_when_only_time_and_their_readers_keep_a_thing() {
        let reading = Facts { readers: Readers::Waiting, ..clear() };
        assert!(may_withdraw(&reading));
        let kept: [Change; 7] = [
            |f| f.wanted = Wanted::AsItIs,
            |f| f.frozen = Some("paused"),
            |f| f.on_gone = OnGone::Retain,
            |f| f.unasked = true,
            |f| f.cause = Cause::ConfigurationChanged,
            |f| f.grace = None,
            |f| f.due = 11,
        ];
        for change in kept {
            let mut facts = reading.clone();
            change(&mut facts);
            assert!(!may_withdraw(&facts), "{facts:?}");
        }
        let fresh = Facts { unwanted_at: NOW, ..reading.clone() };
        assert!(may_withdraw(&fresh), "what reads it passes its grace at the same time");
        let replaced = Facts {
            cause: Cause::Replacement,
            wanted: Wanted::Replaced,
            grace: Some(REPLACED),
            readers: Readers::Until(NOW),
            ..fresh
        };
        assert!(!may_withdraw(&replaced), "it is not known yet how many are");
        let over = Facts { unwanted_at: NOW - REPLACED, ..replaced };
        assert!(may_withdraw(&over));
        assert!(!may_withdraw(&Facts { readers: Readers::Waiting, ..over }), "a person is asked first");
    }

    #[test]
    fn the_lowest_level_wins() {
        assert!(Level::Observe < Level::NoDeletes && Level::NoDeletes < Level::Enforce);
    }
}
