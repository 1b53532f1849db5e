//! What marks on things say of other installations and other runners.

use std::sync::PoisonError;

use groundcrew_core::inventory::Verdict;
use groundcrew_core::row::{RowId, marked_by};
use groundcrew_core::spec::{Listed, Thing};
use groundcrew_store::findings::{NewFinding, Severity};

use super::super::installed::Installed;
use super::super::{Error, Runner};
use super::row::Work;

/// Things carry this installation's mark and no row of this ledger is about them.
pub const SECOND: &str = "installation.second";
/// Things carry another installation's mark.
pub const OTHER: &str = "installation.other";

impl Runner {
    /// Reports, once, whose marks a look showed beside this ledger's.
    pub(super) async fn note_marks(&self, work: &Work<'_>, things: &[Thing]) -> Result<(), Error> {
        for thing in things {
            let Some((installation, row)) = thing.mark.as_deref().and_then(marked_by) else { continue };
            let at = format!("{} `{}` at {}", work.row.kind, thing.id, work.installed.hook.target);
            if installation != self.installation {
                self.note_other(&at, installation).await?;
            } else if row != work.row.row.id {
                self.note_second(&at, &row).await?;
            }
        }
        Ok(())
    }

    /// The same of a page of a listing, with what is said of each thing: of two runners for different apps, neither looks for
    /// what the other has.
    pub(in crate::runner) async fn note_listed(
        &self,
        installed: &Installed,
        page: &[(&Listed, Verdict)],
    ) -> Result<(), Error> {
        for (listed, verdict) in page {
            let Some((installation, row)) = listed.thing.mark.as_deref().and_then(marked_by) else {
                continue;
            };
            let at = format!("{} `{}` at {}", listed.kind, listed.thing.id, installed.hook.target);
            match verdict {
                // A name says of no installation that it made it.
                Verdict::Foreign if !installation.is_empty() => self.note_other(&at, installation).await?,
                Verdict::Orphan => self.note_second(&at, &row).await?,
                _ => {}
            }
        }
        Ok(())
    }

    async fn note_other(&self, at: &str, installation: &str) -> Result<(), Error> {
        let message = format!("{at} is installation `{installation}`'s: it is left alone");
        self.tell_once(OTHER, Severity::Info, message, None).await
    }

    /// Of a mark of this installation: whether this ledger ever had its row.
    async fn note_second(&self, at: &str, row: &RowId) -> Result<(), Error> {
        if self.is_recovering() || self.store.knows_row(row)? {
            return Ok(());
        }
        let message = format!(
            "{at} carries this installation's mark and row {row}, which this ledger never had: another runner has the \
             same installation id, or the database was lost or is old"
        );
        let remedy = "stop the other runner; if there is none: groundcrew recover".to_owned();
        self.tell_once(SECOND, Severity::Critical, message, Some(remedy)).await
    }

    /// Opens a finding about this installation unless this process did so before.
    async fn tell_once(
        &self,
        code: &'static str,
        severity: Severity,
        message: String,
        remedy: Option<String>,
    ) -> Result<(), Error> {
        let told = self.told.lock().unwrap_or_else(PoisonError::into_inner).insert(code);
        if told {
            let finding = NewFinding {
                code: code.to_owned(),
                about: self.installation.clone(),
                hook: None,
                severity,
                message,
                remedy,
            };
            let opened = self.store.open_finding(finding, self.now()).await;
            if opened.is_err() {
                // It was not told after all.
                self.told.lock().unwrap_or_else(PoisonError::into_inner).remove(code);
            }
            opened?;
        }
        Ok(())
    }
}
