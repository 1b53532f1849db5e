//! Hosts that do not answer: a finding each, from when that lasts until somebody is there again.

use std::collections::BTreeMap;

use groundcrew_core::duration::Millis;
use groundcrew_core::time::Timestamp;
use groundcrew_engine::limited::Breaking;
use groundcrew_store::Store;
use groundcrew_store::findings::{ClosedToo, NewFinding, Severity};

/// The finding's code; it is about the host.
const CODE: &str = "host.unreachable";

/// A host that did not answer for so long is told of.
pub const TOLD_AFTER: Millis = Millis::minutes(2);

/// Whom people were told of, and until when that stays so though nobody failed by them in this process: whoever waits
/// for them has not asked again.
#[derive(Debug)]
pub struct Unreachable(BTreeMap<String, Timestamp>);

impl Unreachable {
    /// Goes on where the last process left off.
    pub fn begun(store: &Store, now: Timestamp) -> groundcrew_store::Result<Self> {
        // Whoever waits for a host asks it again within twice the time of its breaker.
        let asked_by = now + Breaking::default().longest.times(2);
        let told = store.findings(ClosedToo::No)?.into_iter().filter(|finding| finding.code == CODE);
        Ok(Self(told.map(|finding| (finding.about, asked_by)).collect()))
    }

    /// Opens and closes findings; `hosts` are those that do not answer, and since when.
    pub async fn tell(
        &mut self,
        hosts: &BTreeMap<String, Timestamp>,
        store: &Store,
        now: Timestamp,
    ) -> groundcrew_store::Result<()> {
        for (host, since) in hosts {
            if now.since(*since) >= TOLD_AFTER && !self.0.contains_key(host) {
                store.open_finding(finding(host, *since), now).await?;
                tracing::warn!(%host, %since, "a host does not answer: what needs it waits");
                self.0.insert(host.clone(), now);
            }
        }
        let back = self.0.iter().filter(|(host, until)| !hosts.contains_key(*host) && **until <= now);
        let back: Vec<_> = back.map(|(host, _)| host.clone()).collect();
        for host in back {
            store.close_finding(CODE, &host, now).await?;
            tracing::info!(%host, "it answers again, or nobody asks it any more");
            self.0.remove(&host);
        }
        Ok(())
    }
}

fn finding(host: &str, since: Timestamp) -> NewFinding {
    NewFinding {
        code: CODE.to_owned(),
        about: host.to_owned(),
        hook: None,
        severity: Severity::Warning,
        message: format!("it has not answered since {since}: what needs it waits, and goes on by itself"),
        remedy: Some("see whether it is up, and whether this machine reaches it".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use groundcrew_store::Options;

    use super::*;

    #[tokio::test]
    async fn a_host_is_told_of_once_and_until_it_answers_also_over_a_restart() {
        let directory = tempfile::tempdir().unwrap();
        let store = Store::open(&directory.path().join("store.db"), Options::default()).unwrap();
        let at = |minutes| Timestamp::from_millis(Millis::minutes(minutes).as_i64());
        let open = || store.findings(ClosedToo::No).unwrap().len();
        let (out, all_well) = (BTreeMap::from([("a.example".to_owned(), at(1))]), BTreeMap::new());
        let mut told = Unreachable::begun(&store, at(1)).unwrap();
        told.tell(&out, &store, at(2)).await.unwrap();
        assert_eq!(open(), 0, "a minute may be chance");
        told.tell(&out, &store, at(3)).await.unwrap();
        assert_eq!(open(), 1);
        // The next process has asked nobody yet.
        let mut told = Unreachable::begun(&store, at(5)).unwrap();
        told.tell(&all_well, &store, at(14)).await.unwrap();
        assert_eq!(open(), 1, "whoever waits for it may not have asked again");
        told.tell(&all_well, &store, at(15)).await.unwrap();
        assert_eq!(open(), 0);
        told.tell(&out, &store, at(16)).await.unwrap();
        told.tell(&all_well, &store, at(16)).await.unwrap();
        assert_eq!(open(), 0, "it answers again");
    }
}
