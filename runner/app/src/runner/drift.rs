//! Drift at scale: one listing instead of a look at each thing.
//!
//! The listing only says which rows to look at. A row that is as its last look showed it rests on; one that is not,
//! or that a complete listing does not show, is owed a look now, in its own lane, where
//! [`groundcrew_core::settle::decide`] says what is to be done. So a listing that shows less than a look, or that is
//! wrong, costs looks and changes nothing.

use std::collections::HashSet;
use std::sync::Arc;

use groundcrew_core::duration::Millis;
use groundcrew_core::inventory::{Compared, Verdict, compare, judge};
use groundcrew_core::row::State;
use groundcrew_core::schedule::AHEAD;
use groundcrew_core::settle::DRIFT_EVERY;
use groundcrew_store::findings::{NewFinding, Severity};
use groundcrew_store::inventory::{KnownThing, Noticed};
use groundcrew_store::ledger::StoredRow;

use super::installed::Installed;
use super::inventory::ROWS;
use super::scan::{Page, Turned};
use super::{Error, Runner};

/// A listing for drift that failed.
const INCOMPLETE: &str = "drift.incomplete";

/// What a listing for drift came to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Drifted {
    /// Things that were listed.
    pub listed: u32,
    /// Rows that are looked at for it.
    pub looked_at: u32,
    /// Why not everything was listed.
    pub wrong: Vec<String>,
    /// Why nothing can be listed in this configuration: things are looked at one by one then.
    pub none: Option<String>,
}

impl Runner {
    /// Lists everything at a provisioner's target, and owes a look to each row that is not as it was. It begins once the
    /// component is compiled.
    pub async fn look_for_drift(&self, hook: &str) -> Result<Drifted, Error> {
        let mut drifted = Drifted::default();
        let installed = self.registry().named(hook).filter(|installed| installed.held().is_none()).cloned();
        let Some(installed) = installed else { return Ok(drifted) };
        installed.component.compiled().await;
        let could_list = installed.has_inventory();
        let mut scan = self.scan(&installed)?;
        let (mut seen, mut listed) = (HashSet::new(), HashSet::new());
        while let Some(turned) = scan.turn().await? {
            let page = match turned {
                Turned::Page(page) => page,
                Turned::Failed(why) => {
                    drifted.wrong.push(why);
                    continue;
                }
                Turned::None(why) => {
                    drifted.none = Some(why);
                    continue;
                }
            };
            drifted.listed += page.things.len() as u32;
            seen.extend(page.things.iter().filter_map(|known| known.row.as_ref()).map(|row| row.id));
            if page.is_last {
                listed.insert(page.owner.as_ref().map(|owner| owner.id));
            }
            drifted.looked_at += self.store.notice(self.noticed(&installed, &page)?, self.now()).await?;
        }
        if drifted.wrong.is_empty() {
            let other = self.missing(&installed, &seen, &listed, scan.began)?;
            let missing = Noticed { other, ..Noticed::default() };
            drifted.looked_at += self.store.notice(missing, self.now()).await?;
        }
        if let Some(why) = drifted.none.as_ref().filter(|_| could_list) {
            tracing::info!(%hook, %why, "no inventory in this configuration: its things are looked at one by one");
            // Until now they waited for listings.
            let waited = Noticed { other: self.resting(&installed)?, ..Noticed::default() };
            drifted.looked_at += self.store.notice(waited, self.now()).await?;
        }
        self.tell_of_listing(&installed, &drifted).await?;
        Ok(drifted)
    }

    /// Gives everything its turn now that would have it later than anything is ever postponed: the clock was ahead when
    /// that was said, and what it said then would hold until it is there again.
    pub async fn hasten_looks(&self) -> groundcrew_store::Result<()> {
        let now = self.now();
        for installed in self.registry().all() {
            let latest = now + look_every(installed) + AHEAD;
            let hastened = self.store.hasten(installed.id, latest, now).await?;
            if hastened > 0 {
                let hook = &installed.hook.name;
                tracing::warn!(%hook, hastened, "the clock was ahead: what was postponed then is due now");
            }
        }
        Ok(())
    }

    fn noticed(&self, installed: &Arc<Installed>, page: &Page) -> Result<Noticed, Error> {
        let kinds = installed.hook.manifest.kind.keys();
        let settle = kinds.map(|kind| (kind.clone(), Page::settle(installed, kind))).collect();
        let mut noticed = Noticed { settle, ..Noticed::default() };
        let until = self.now() + look_every(installed);
        for known in &page.things {
            match known.row.as_ref().filter(|row| row.hook == installed.id && rests(row)) {
                Some(row) => match compare(&row.row, &row.outputs, &known.listed.thing) {
                    Compared::Same => noticed.same.push((row.id, until)),
                    Compared::SaysLess => {}
                    Compared::Differs => noticed.other.push(row.clone()),
                },
                None => noticed.other.extend(self.twin_of(installed, known)?),
            }
        }
        Ok(noticed)
    }

    /// The rows of a hook that are wanted, and at rest.
    fn resting(&self, installed: &Installed) -> Result<Vec<StoredRow>, Error> {
        let (mut resting, mut after) = (Vec::new(), 0);
        loop {
            let rows = self.store.hook_rows_after(installed.id, after, ROWS)?;
            let Some(last) = rows.last() else { return Ok(resting) };
            after = last.id;
            resting.extend(rows.into_iter().filter(rests));
        }
    }

    /// The row for whose place a second thing turned up: its own look says so.
    fn twin_of(&self, installed: &Installed, known: &KnownThing) -> Result<Option<StoredRow>, Error> {
        let settle = Page::settle(installed, &known.listed.kind);
        match judge(&known.listed.thing, &known.record, &self.installation, settle, self.now()) {
            Verdict::Twin(of) => {
                let rows = self.store.rows_named(of.row.as_str())?;
                Ok(rows.into_iter().find(|row| row.hook == installed.id && rests(row)))
            }
            _ => Ok(None),
        }
    }

    async fn tell_of_listing(&self, installed: &Installed, drifted: &Drifted) -> Result<(), Error> {
        let hook = &installed.hook.name;
        let Some(why) = drifted.wrong.first() else {
            return Ok(self.store.close_finding(INCOMPLETE, hook, self.now()).await?);
        };
        let finding = NewFinding {
            code: INCOMPLETE.to_owned(),
            about: hook.clone(),
            hook: Some(installed.id),
            severity: Severity::Warning,
            message: format!(
                "its things could not all be listed; they are looked at daily, one by one: {why}"
            ),
            remedy: Some(format!("groundcrew runs --hook {hook}")),
        };
        Ok(self.store.open_finding(finding, self.now()).await?)
    }
}

/// How long a row that is as it was can wait for a look of its own.
///
/// With listings it is what is left should they fail: twice the time between two of them, at least a day.
pub(super) fn look_every(installed: &Installed) -> Millis {
    let every = installed.hook.provisioner().and_then(|provisioner| provisioner.drift_every);
    match every {
        Some(every) if installed.has_inventory() => every.times(2).max(DRIFT_EVERY),
        Some(every) => every,
        None => DRIFT_EVERY,
    }
}

/// Whether a row is wanted, and at rest: what it waits for, it looks at by itself.
fn rests(row: &StoredRow) -> bool {
    row.row.state == State::Present && row.unwanted.is_none()
}
