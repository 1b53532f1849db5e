//! Provisioners: what an owner wants, and one row after the other brought there.
//!
//! One *look* of a lane asks `desired` if its view changed, commits the wants, and then takes every row that is
//! due through [`groundcrew_core::settle::decide`] until it has to wait. Nothing is kept in memory between
//! looks; a look that is cut off anywhere is simply taken again.

mod answer;
mod calls;
mod failed;
mod forecast;
mod import;
mod intents;
mod learn;
pub mod marks;
mod order;
mod owner;
mod remedy;
mod row;
mod sight;
mod tell;
mod twice;
mod twins;
mod wants;

use std::collections::BTreeSet;
use std::sync::{Arc, OnceLock};

use groundcrew_core::duration::Millis;
use groundcrew_core::may_delete::Level;
use groundcrew_core::row::State;
use groundcrew_core::time::Timestamp;
use groundcrew_store::because::Because;
use groundcrew_store::inherit;
use groundcrew_store::lanes::{Failed, LaneId, LaneLook, Rows};
use groundcrew_store::ledger::{RowEffects, StoredRow};
use groundcrew_store::subjects::StoredSubject;
use groundcrew_store::wants::StoredWant;
use serde_json::Value;
use tracing::Instrument as _;

use super::installed::Installed;
use super::{Error, Runner};
#[cfg(test)]
pub(crate) use forecast::BUDGET;
pub use import::{Candidate, Looked, Wanted};
use order::waits_for_order;
pub(super) use sight::Gate;
pub use sight::{Rounds, SAMPLE};
use wants::Asked;

/// Rounds over a lane's rows in one look: a thing that became ready lets what comes after it go on.
const ROUNDS: usize = 20;

/// While a hook's gate is closed its lanes are looked at again after this; once it opens, everybody is at once.
pub const RESTS: Millis = Millis::minutes(10);

/// Failures in a row after which a person should look.
pub const STUCK_AFTER: u32 = 8;

impl Runner {
    /// Takes one look at a provisioner's lane.
    pub async fn look(&self, installed: &Installed, lane: LaneId) -> Result<(), Error> {
        let (Some(owner), Some(now)) = (self.store.subject(lane.subject)?, self.store.lane(lane)?) else {
            return Ok(());
        };
        let seen = now.dirty;
        let (because, config) = (now.because, OnceLock::new());
        let asking = Asking { installed, owner: &owner, because, config };
        let span =
            tracing::info_span!("look", hook = %installed.hook.name, app = %owner.subject.path.app_name());
        let asked = self.ask(&asking, lane, &now).instrument(span.clone()).await?;
        let (rows, next) = self.settle_rows(&asking, lane).instrument(span).await?;
        let store = &self.store;
        let look = LaneLook { lane, seen, rows, next, now: self.now() };
        match asked {
            Asked::Answered => store.finish_look(look).await?,
            Asked::Postponed { why, until } => {
                let look = LaneLook { next: earlier(next, until), ..look };
                store.postpone_look(look, &why, Failed::No).await?;
            }
            Asked::Failed { why, until } => {
                let look = LaneLook { next: earlier(next, Some(until)), ..look };
                store.postpone_look(look, &why, Failed::Yes).await?;
            }
        }
        Ok(())
    }

    /// Takes every due row of a lane as far as it goes; returns how far they are and when the next one is due.
    async fn settle_rows(
        &self,
        asking: &Asking<'_>,
        lane: LaneId,
    ) -> Result<(Rows, Option<Timestamp>), Error> {
        let installed = asking.installed;
        if self.rests(lane.hook) {
            return Ok((Rows::Behind, Some(self.now() + RESTS)));
        }
        let level = self.paused(lane)?.min(installed.hook.level);
        for _ in 0..ROUNDS {
            let (wants, rows) = self.store.lane_ledger(lane)?;
            let mut worked = false;
            let freed = rows.iter().filter(|row| {
                self.is_freed(installed, row, &wants, &rows)
                    || (level > Level::Observe && learn::is_observed(row))
            });
            let freed: BTreeSet<i64> = freed.map(|row| row.id).collect();
            let now = self.now();
            let is_due =
                |row: &StoredRow| row.due_at.is_some_and(|due| due <= now) || freed.contains(&row.id);
            if !rows.iter().any(is_due) {
                return Ok(standing(&rows, &wants));
            }
            for row in in_order(rows, &wants) {
                if self.draining().is_cancelled() {
                    // The lane stays due, for whoever comes next.
                    worked = false;
                    break;
                }
                if row.due_at.is_some_and(|due| due <= self.now()) || freed.contains(&row.id) {
                    let span = tracing::info_span!("settle", resource = %row.row.id);
                    worked |= self.settle_row(asking, row, &wants).instrument(span).await?;
                }
            }
            if !worked {
                break;
            }
        }
        let (wants, rows) = self.store.lane_ledger(lane)?;
        Ok(standing(&rows, &wants))
    }

    /// Whether a row that sleeps for the sake of `after` has nothing left to wait for.
    ///
    /// Asked of the ledger, not of what just happened: whoever it waited for may have moved before a crash.
    fn is_freed(
        &self,
        installed: &Installed,
        row: &StoredRow,
        wants: &[StoredWant],
        rows: &[StoredRow],
    ) -> bool {
        let place = |want: &&StoredWant| row.is_wanted() && want.kind == row.kind && want.key == row.key;
        let want = wants.iter().find(place);
        let ordered = match want {
            Some(_) => row.row.state == State::Creating && !row.after.is_empty(),
            None => row.unwanted.is_some() && row.row.state != State::Retained,
        };
        let sleeps = ordered && row.due_at.is_none();
        sleeps && waits_for_order(row, want, rows, |other| self.is_lost(installed, other)).is_none()
    }

    /// An in-owner thing ended with its owner, without any call; should the app be made again under its name, what
    /// was sent for it may turn up there ([`inherit`]).
    async fn end_with_owner(&self, row: StoredRow) -> Result<(), Error> {
        let now = self.now();
        let mut gone = row;
        inherit::end_with_owner(&mut gone, now);
        let effects = RowEffects { close: vec!["*".to_owned()], now, ..RowEffects::default() };
        self.store.commit_row(gone, effects).await?;
        Ok(())
    }
}

/// Whom a look is about, and the configuration that its calls are given.
pub(super) struct Asking<'a> {
    pub(super) installed: &'a Installed,
    pub(super) owner: &'a StoredSubject,
    /// What made the lane due.
    pub(super) because: Option<Because>,
    /// Filled in when `desired` was asked or would have been; it holds for the whole look.
    config: OnceLock<Arc<Value>>,
}

impl Asking<'_> {
    /// Keeps the configuration that the question was built with. Whoever reads its own hook's outputs may be given
    /// others a moment later, so that it is built anew for each row.
    fn keep(&self, config: Arc<Value>) {
        let hook = &self.installed.hook;
        if !hook.reads().contains(&hook.name) {
            self.config.get_or_init(|| config);
        }
    }
}

/// How far rows are, and when the next of them is due.
fn standing(rows: &[StoredRow], wants: &[StoredWant]) -> (Rows, Option<Timestamp>) {
    let follow = rows.iter().all(|row| follows(row, wants));
    let next = rows.iter().filter_map(|row| row.due_at).min();
    (if follow { Rows::Follow } else { Rows::Behind }, next)
}

/// Whether a row's thing is what the present view wants: nothing of an earlier view is left in it.
///
/// One that is there may still be as an earlier view wanted it, while a pause keeps its change back.
fn follows(row: &StoredRow, wants: &[StoredWant]) -> bool {
    let settled = row.row.state == State::Present && row.unwanted.is_none() && row.error.is_none();
    let is_it = |want: &&StoredWant| want.kind == row.kind && want.key == row.key;
    settled && wants.iter().find(is_it).is_some_and(|want| want.body == row.row.spec)
}

/// Wanted rows in the order of `after`; unwanted ones against it.
fn in_order(rows: Vec<StoredRow>, wants: &[StoredWant]) -> Vec<StoredRow> {
    let named = wants.iter().map(|want| (format!("{}/{}", want.kind, want.key), &want.after[..]));
    let depths = order::depths(&named.collect());
    // What a version of old wanted in a circle comes last.
    let of = |name: &String| depths.get(name).map_or(wants.len(), |depth| depth + 1);
    let depth = |row: &StoredRow| row.after.iter().map(of).max().unwrap_or_default();
    let (mut wanted, mut unwanted): (Vec<_>, Vec<_>) =
        rows.into_iter().partition(|row| row.unwanted.is_none());
    wanted.sort_by_cached_key(|row| (depth(row), row.id));
    unwanted.sort_by_key(|row| std::cmp::Reverse((row.after.len(), row.id)));
    unwanted.extend(wanted);
    unwanted
}

fn earlier(one: Option<Timestamp>, other: Option<Timestamp>) -> Option<Timestamp> {
    [one, other].into_iter().flatten().min()
}
