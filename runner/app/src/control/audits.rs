//! Audits by hand, and findings that may be.

use groundcrew_core::finding::Acknowledgement;
use groundcrew_core::time::Timestamp;

use groundcrew_store::errands::{ERRANDS_MAX, Errand, Kept};
use groundcrew_store::findings::{ClosedToo, Finding};

use super::rows::APPROVAL;
use super::{Desk, Done, Refusal, Result};

/// The number of a finding as it is listed: `f12`.
pub(super) fn finding_number(id: &str) -> Option<i64> {
    id.strip_prefix('f').unwrap_or(id).parse().ok()
}

impl Desk<'_> {
    pub(super) async fn audit(&self, name: &str) -> Result {
        self.hints.may_audit(name)?;
        self.ask(Errand::Audit(name.to_owned()), format!("audit run {name}")).await?;
        let message = format!("audit {name} begins now, unless it is under way: `groundcrew audit history`");
        Ok(Done { message, changed: 1 })
    }

    pub(super) async fn fix(&self, id: &str) -> Result {
        let unknown = || {
            let refusal = Refusal::unknown(format!("no auditor reports an open finding `{id}`"));
            refusal.hint("groundcrew findings")
        };
        let number = finding_number(id).ok_or_else(unknown)?;
        let open = self.store.findings(ClosedToo::No)?;
        let is_it =
            |finding: &&Finding| finding.auditor.is_some() && finding_number(&finding.id) == Some(number);
        let found = open.iter().find(is_it).ok_or_else(unknown)?;
        self.hints.may_mend(number, self.who)?;
        self.ask(Errand::Mend(number), format!("findings fix {id}")).await?;
        let (code, about) = (&found.code, &found.about);
        let message = format!(
            "{code} about {about} is looked at again, and mended if it is still so: `groundcrew findings`"
        );
        Ok(Done { message, changed: 1 })
    }

    /// Puts on record what the runner is asked for: if it ends before, the next one does it.
    async fn ask(&self, errand: Errand, what: String) -> Result<()> {
        match self.store.ask(errand, self.act(what), self.now).await? {
            Kept::Yes => {
                self.hints.asked();
                Ok(())
            }
            Kept::Full => {
                let message = format!("{ERRANDS_MAX} audits and remedies are asked for and not over yet");
                Err(Refusal::conflict(message).hint("groundcrew audit history"))
            }
        }
    }

    /// Lets remedies go that wait for a person.
    pub(super) async fn approve_findings(&self, ids: &[i64]) -> Result {
        let until = self.now + APPROVAL;
        self.store.approve_remedies(ids.to_vec(), self.who, self.now, until).await.map_err(|error| {
            match error {
                groundcrew_store::Error::Missing(_) => {
                    Refusal::conflict("one of these remedies does not wait for approval")
                        .hint("groundcrew approve")
                }
                other => other.into(),
            }
        })?;
        let message =
            format!("approved the remedy of {}, for {APPROVAL}: the audit's next run mends", ids.len());
        Ok(Done { message, changed: ids.len() as u32 })
    }

    pub(super) async fn acknowledge(&self, id: &str, reason: &str, until: Option<Timestamp>) -> Result {
        let unknown = || Refusal::unknown(format!("no finding `{id}` is open")).hint("groundcrew findings");
        let number = finding_number(id).ok_or_else(unknown)?;
        if reason.trim().is_empty() {
            return Err(Refusal::invalid("a reason is needed, for whoever looks at it next"));
        }
        let said =
            Acknowledgement { who: self.who.to_owned(), reason: reason.to_owned(), at: self.now, until };
        let act = self.act(format!("findings ack {id}"));
        let found = self.store.acknowledge(number, said, act).await;
        let (code, about) = found.map_err(|error| match error {
            groundcrew_store::Error::Missing(_) => unknown(),
            other => other.into(),
        })?;
        let until = until.map_or_else(|| "as long as it is so".to_owned(), |until| format!("until {until}"));
        Ok(Done { message: format!("{code} about {about} is acknowledged {until}"), changed: 1 })
    }
}
