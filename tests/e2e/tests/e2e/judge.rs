//! What the platform and the outside say of what happened: their logs, and nothing else.

use std::collections::BTreeSet;

use groundcrew_outside::judge::{judge, living};
use groundcrew_outside::{By, Effect, Purpose, What};

use crate::scene::Scene;

impl Scene {
    /// The keys (`natural/cust-7`) of our things that live outside.
    pub(crate) fn keys(&self) -> BTreeSet<String> {
        let ours = living(&self.outside.log()).into_iter().filter(|thing| thing.by == By::Caller);
        ours.filter_map(|thing| thing.purpose).map(|purpose| purpose.key).collect()
    }

    /// Waits until exactly these apps have their record.
    pub(crate) fn until_records(&self, apps: impl IntoIterator<Item = u32>) {
        let wanted: BTreeSet<_> = apps.into_iter().map(|n| format!("natural/cust-{n}")).collect();
        let mut last = BTreeSet::new();
        self.until_so(&format!("{} records", wanted.len()), || {
            last = self.keys();
            last == wanted
        });
    }

    /// Waits until the runner knows that it made so many things: one that is stopped before leaves them in doubt.
    pub(crate) fn until_on_record(&self, things: usize) {
        self.until_so("what was made is on record", || {
            let rows = self.list(&["resources"]);
            rows.iter().filter(|row| row["state"] == "present").count() == things
        });
    }

    /// How often something of ours outside was so changed.
    pub(crate) fn times(&self, what: What) -> usize {
        let ours = |effect: &&Effect| effect.what == what && effect.by != By::Stranger;
        self.outside.log().iter().filter(ours).count()
    }

    /// At no moment was anything doubled; these live (by app and `kind/key`), nothing else of ours; nothing
    /// foreign was touched; the platform was asked as its document and its limits allow.
    pub(crate) fn is_clean<'a>(&self, expected: impl IntoIterator<Item = (&'a str, &'a str)>) {
        self.is_left_with(expected);
        self.was_polite();
    }

    /// The same, however often the platform was asked: two runners know nothing of each other's requests.
    pub(crate) fn is_left_with<'a>(&self, expected: impl IntoIterator<Item = (&'a str, &'a str)>) {
        let expected: Vec<_> =
            expected.into_iter().map(|(app, key)| Purpose::new(format!("fly/acme/{app}"), key)).collect();
        let verdict = judge(&self.outside.log(), &expected);
        assert!(verdict.is_clean(), "{verdict}: {verdict:#?}");
    }

    /// The platform answered as its document says, and never 429.
    pub(crate) fn was_polite(&self) {
        let violations = self.world().violations();
        assert!(violations.is_empty(), "{violations:#?}");
        assert_eq!(self.world().stats().too_many, 0, "{:?}", self.world().stats());
    }
}
