//! Machines that are to leave in order, or to stay after all.

use groundcrew_core::duration::Millis;
use groundcrew_core::retire::{Ending, Patience, Step};
use groundcrew_core::subject::SubjectKind;
use groundcrew_store::Error;
use groundcrew_store::retirements::{NewRetirement, Retirement};
use groundcrew_store::subjects::StoredSubject;

use super::{Desk, Done, Refusal, Result, subject};

impl Desk<'_> {
    pub(super) async fn retire(
        &self,
        name: &str,
        timeout: Millis,
        ending: Ending,
        patience: Patience,
    ) -> Result {
        self.hints.retires(ending)?;
        let machine = self.machine(name)?;
        let (id, path) = (machine.id, machine.subject.path.to_string());
        if machine.gone_at.is_some() {
            return Err(
                Refusal::conflict(format!("{path} is gone")).hint(format!("groundcrew autopsy {name}"))
            );
        }
        if let Some(under_way) = self.store.retirement_of(id)? {
            if let Some(refusal) = not_hurried(&path, &under_way, ending, patience) {
                return Err(refusal);
            }
            self.store
                .hurry_retirement(under_way.id, self.act(format!("retire {path} --force")), self.now)
                .await?;
            return Ok(Done { message: format!("{path} leaves without waiting for handlers"), changed: 1 });
        }
        let act = self.act(format!("retire {path} to {ending}"));
        let new = NewRetirement { subject: id, timeout, ending, patience };
        self.store.retire(new, act, self.now).await?;
        Ok(Done { message: format!("{path} leaves: cordon, tell handlers, {}", words(ending)), changed: 1 })
    }

    pub(super) async fn cancel_retirement(&self, name: &str) -> Result {
        let machine = self.machine(name)?;
        let path = machine.subject.path.to_string();
        let unknown = || Refusal::unknown(format!("{path} is not leaving")).hint("groundcrew retire list");
        let under_way = self.store.retirement_of(machine.id)?.ok_or_else(unknown)?;
        let cancelled = self
            .store
            .cancel_retirement(under_way.id, self.act(format!("retire cancel {path}")), self.now)
            .await;
        cancelled.map_err(|error| match error {
            Error::Superseded(_) => {
                Refusal::conflict(format!("{path} is being destroyed; that cannot be taken back"))
                    .hint("groundcrew retire list")
            }
            other => other.into(),
        })?;
        Ok(Done { message: format!("{path} stays; it takes traffic again in a moment"), changed: 1 })
    }

    fn machine(&self, name: &str) -> Result<StoredSubject> {
        let found = subject(self.store, name)?;
        if found.subject.path.kind() == SubjectKind::Machine {
            return Ok(found);
        }
        let message = format!("{} is an app; one machine after the other leaves", found.subject.path);
        Err(Refusal::invalid(message).hint(format!("groundcrew app {name} --json")))
    }
}

/// Why a machine that leaves already does not leave faster, or to another end.
fn not_hurried(path: &str, under_way: &Retirement, ending: Ending, patience: Patience) -> Option<Refusal> {
    if under_way.step == Step::Uncordon {
        let refusal = Refusal::conflict(format!("{path} is just being kept: its retirement was cancelled"));
        return Some(refusal.hint("groundcrew retire list"));
    }
    if under_way.ending != ending {
        let message =
            format!("{path} leaves already, to {}; the end is not changed", words(under_way.ending));
        return Some(Refusal::conflict(message).hint(format!("groundcrew retire cancel {path}")));
    }
    if patience == Patience::Wait || under_way.patience == Patience::None {
        let message = format!("{path} leaves already; it is at `{}`", under_way.step);
        return Some(Refusal::conflict(message).hint("groundcrew retire list"));
    }
    None
}

const fn words(ending: Ending) -> &'static str {
    match ending {
        Ending::Destroy => "stop, destroy",
        Ending::Stop => "stop",
    }
}
