//! Requests about rows of the ledger: approve, settle, protect.

use groundcrew_core::duration::Millis;
use groundcrew_core::plan::{HOLDS, Item};
use groundcrew_core::row::{Origin, State};
use groundcrew_core::time::Timestamp;
use groundcrew_store::applied::Taken;
use groundcrew_store::ledger::{RowEffects, StoredRow};

use super::audits::finding_number;
use super::{Became, Desk, Done, Protection, Refusal, Result};

/// How long an approval holds.
pub(crate) const APPROVAL: Millis = Millis::hours(24);

impl Desk<'_> {
    pub(super) async fn approve(&self, ids: &[String]) -> Result {
        // A row's id is longer than any finding's.
        let finding = |id: &String| finding_number(id).filter(|_| id.starts_with('f'));
        let (findings, ids): (Vec<_>, Vec<_>) = ids.iter().partition(|id| finding(id).is_some());
        let held = self.store.held_rows(None)?;
        let (mut rows, mut fought) = (Vec::with_capacity(ids.len()), Vec::new());
        for id in ids {
            let row = self.row(id)?;
            if row.row.is_fought() && row.unwanted.is_none() {
                fought.push(row);
            } else if held.iter().any(|held| held.id == row.id) {
                rows.push(row);
            } else {
                return Err(not_held(&row));
            }
        }
        let (mut said, mut changed) = (Vec::new(), 0);
        if !findings.is_empty() {
            let numbers: Vec<_> = findings.into_iter().filter_map(finding).collect();
            let done = self.approve_findings(&numbers).await?;
            changed += done.changed;
            said.push(done.message);
        }
        if !fought.is_empty() {
            changed += fought.len() as u32;
            said.push(format!("{} repaired again", fought.len()));
            self.store.repair_again(fought, self.who, self.now).await?;
        }
        if !rows.is_empty() {
            changed += rows.len() as u32;
            said.push(format!("approved the removal of {}, as they are now, for {APPROVAL}", rows.len()));
            self.store.approve(rows, self.who, self.now, self.now + APPROVAL).await?;
        }
        Ok(Done { message: said.join("; "), changed })
    }

    /// Allows a plan's items, each if things are as it says.
    pub(super) async fn apply(&self, items: &[Item], until: Timestamp) -> Result {
        if until <= self.now {
            return Err(
                Refusal::conflict(format!("the plan ended at {until}")).hint("groundcrew plan --out FILE")
            );
        }
        if self.store.is_recovering()? {
            let refusal = Refusal::conflict("a recovery is under way: nothing is written outside");
            return Err(refusal.hint("groundcrew recover"));
        }
        // A file says what it likes; nobody approves for longer than a plan holds.
        let until = until.min(self.now + HOLDS);
        let taken = self.store.apply(items.to_vec(), self.who, self.now, until).await?;
        let refused = items.iter().zip(&taken).filter_map(|(item, taken)| match taken {
            Taken::Yes => None,
            Taken::No(why) => Some(format!("{}/{} of {}: {why}", item.kind, item.key, item.owner)),
        });
        let refused: Vec<_> = refused.collect();
        let changed = (items.len() - refused.len()) as u32;
        if changed == 0 {
            let message = format!("nothing was applied: {}", refused.join("; "));
            return Err(Refusal::conflict(message).hint("groundcrew plan --out FILE"));
        }
        let left =
            if refused.is_empty() { String::new() } else { format!("; left out: {}", refused.join("; ")) };
        let waiting = items.iter().zip(&taken).filter(|(item, taken)| {
            **taken == Taken::Yes && item.not_before.is_some_and(|later| later > until)
        });
        let waiting = match waiting.count() {
            0 => String::new(),
            some => format!("; {some} of them go after their grace, which is longer"),
        };
        let message = format!("{changed} of {} applied, until {until}{waiting}{left}", items.len());
        Ok(Done { message, changed })
    }

    pub(super) async fn protect(&self, id: &str, protection: Protection) -> Result {
        let row = self.row(id)?;
        let on = protection == Protection::On;
        if row.protected == on {
            let is = if on { "already protected" } else { "not protected" };
            return Ok(Done { message: format!("{} is {is}", row.about()), changed: 0 });
        }
        self.store.protect(&row, on, self.who, self.now).await?;
        let message = match protection {
            Protection::On => {
                format!("{} is protected: nothing removes it until `groundcrew unprotect {id}`", row.about())
            }
            Protection::Off => format!("{} is not protected any more", row.about()),
        };
        Ok(Done { message, changed: 1 })
    }

    /// What was only shown is done from here on, as the levels say.
    pub(super) async fn finish_recovery(&self, unlisted: bool) -> Result {
        if let Some(recovery) = self.store.recovery(self.now)?
            && !(recovery.is_complete() || unlisted && recovery.is_looked_for())
        {
            let refusal = Refusal::conflict("not everything was looked at yet, or is clear");
            return Err(refusal.hint("groundcrew recover"));
        }
        let what = if unlisted { "recover --finish --unlisted" } else { "recover --finish" };
        let done = self.store.end_recovery(self.act(what.to_owned()), self.now).await;
        done.map_err(|error| match error {
            groundcrew_store::Error::Missing(_) => Refusal::conflict("no recovery is under way"),
            other => other.into(),
        })?;
        self.hints.recovered();
        let message = "the ledger is rebuilt; what is to be done is done as the levels say".to_owned();
        Ok(Done { message, changed: 1 })
    }

    pub(super) async fn settle(&self, id: &str, became: &Became) -> Result {
        let row = self.row(id)?;
        // What was never sent can be one of several things that a recovery found.
        let named = row.row.state == State::Creating && matches!(became, Became::Thing(_));
        if row.row.state != State::InDoubt && !named {
            let message =
                format!("{} is {}; only what is in doubt can be settled by hand", row.about(), row.row.state);
            return Err(Refusal::conflict(message).hint(format!("groundcrew why {id}")));
        }
        let about = row.about();
        let (settled, what) = match became {
            Became::Thing(thing) => (is_thing(row, thing.clone(), self.now), format!("is {thing}")),
            Became::Nothing => (is_nothing(row), "does not exist".to_owned()),
        };
        let settled =
            StoredRow { due_at: Some(self.now), attempts: 0, error: None, waiting: None, ..settled };
        let effects = RowEffects {
            // Its own lane works on it at once.
            readers: vec![settled.lane()],
            close: vec!["resource.ambiguous".to_owned(), "resource.stuck".to_owned()],
            act: Some(self.act(format!("settle {about}: it {what}"))),
            now: self.now,
            ..RowEffects::default()
        };
        self.store.commit_row(settled, effects).await.map_err(|error| match error {
            groundcrew_store::Error::Refused(_) => {
                Refusal::conflict(format!("another row claims this thing already ({error})"))
                    .hint("groundcrew resources --json")
            }
            other => other.into(),
        })?;
        Ok(Done { message: format!("{about} {what}; it is looked at now"), changed: 1 })
    }

    pub(super) fn row(&self, id: &str) -> Result<StoredRow> {
        if let Some(row) = self.store.row_of(id)? {
            return Ok(row);
        }
        let rows = self.store.rows_named(id)?;
        let mut living = rows.iter().filter(|row| row.row.id.as_str() == id || row.row.state != State::Gone);
        match (living.next(), living.next()) {
            (Some(row), None) => Ok(row.clone()),
            (Some(one), Some(_)) => {
                let ids: Vec<_> = rows.iter().map(|row| row.row.id.as_str()).collect();
                let message = format!("`{id}` may mean several rows: {}", ids.join(", "));
                Err(Refusal::invalid(message).hint(format!("groundcrew why {}", one.row.id)))
            }
            (None, _) => Err(Refusal::unknown(format!("no row `{id}`")).hint("groundcrew resources")),
        }
    }
}

fn not_held(row: &StoredRow) -> Refusal {
    let why = match &row.frozen_why {
        _ if row.protected => "it is protected".to_owned(),
        Some(why) => why.clone(),
        None if row.unwanted.is_none() => "somebody wants it".to_owned(),
        None => "nothing holds it".to_owned(),
    };
    let refusal =
        Refusal::conflict(format!("the removal of {} does not wait for approval: {why}", row.about()));
    refusal.hint(format!("groundcrew why {}", row.row.id))
}

/// An operator says which thing it is: it is looked at before anything else is done with it.
fn is_thing(mut row: StoredRow, thing: String, now: Timestamp) -> StoredRow {
    row.row.thing = Some(thing);
    row.row.state = State::Present;
    row.row.origin = Origin::Imported;
    row.row.absent_at = None;
    row.row.look_at = Some(now);
    row
}

/// An operator says that there is nothing: as before the creation, and a look comes first again.
fn is_nothing(mut row: StoredRow) -> StoredRow {
    row.row.thing = None;
    row.row.state = State::Creating;
    row.row.intended_at = None;
    row.row.made_by = None;
    row
}
