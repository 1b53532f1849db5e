//! Audits by hand, and findings that may be.

use groundcrew_core::finding::Acknowledgement;
use groundcrew_core::time::Timestamp;

use super::{Desk, Done, Refusal, Result};

impl Desk<'_> {
    pub(super) async fn audit(&self, name: &str) -> Result {
        self.hints.audit(name)?;
        self.store.touch(Vec::new(), self.act(format!("audit run {name}")), self.now).await?;
        let message = format!("audit {name} begins now, unless it is under way: `groundcrew audit history`");
        Ok(Done { message, changed: 1 })
    }

    pub(super) async fn acknowledge(&self, id: &str, reason: &str, until: Option<Timestamp>) -> Result {
        let unknown = || Refusal::unknown(format!("no finding `{id}` is open")).hint("groundcrew findings");
        let number = id.strip_prefix('f').unwrap_or(id).parse().map_err(|_| unknown())?;
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
