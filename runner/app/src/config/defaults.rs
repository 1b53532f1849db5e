//! Every default of the configuration, in one table: read by the loader, printed into the documentation.

use std::fmt::Debug;
use std::str::FromStr;

/// A setting and its default.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Setting {
    /// The setting, `table.key`; words in capitals are names that the operator gives.
    pub name: &'static str,
    /// Its value, as it would be written.
    pub value: &'static str,
    /// What it means.
    pub meaning: &'static str,
}

pub(super) const fn entry(name: &'static str, value: &'static str, meaning: &'static str) -> Setting {
    Setting { name, value, meaning }
}

/// The address that `{fly.api}` stands for [docs machines/api/working-with-machines-api].
pub const FLY_API: &str = "https://api.machines.dev";

const TABLE: &[Setting] = &[
    entry("level", "observe", "how much may be done at all: observe, no-deletes, enforce"),
    entry(
        "reconcile",
        "24h",
        "how often everybody is looked at again, beside each start and each jump of the clock",
    ),
    entry(
        "store.path",
        "groundcrew-data",
        "data directory, beside the configuration file: database, key, lock, socket, and the folders `cache` and `components` beside the database",
    ),
    entry(
        "store.keep.runs",
        "30d",
        "how long runs, events and finished deliveries are kept; the ledger stays while a thing exists",
    ),
    entry(
        "store.keep.bodies",
        "7d",
        "how long bodies of requests and answers are kept, with which runs can be replayed",
    ),
    entry(
        "store.keep.acts",
        "365d",
        "how long it is kept what people did, and retirements and backfills that are over",
    ),
    entry(
        "http.listen",
        "127.0.0.1:9430",
        "where /metrics, /healthz, /readyz and /v1/events are served, once [http] is there",
    ),
    entry(
        "source.fly.url",
        FLY_API,
        "the Machines API; the environment's FLY_FLAPS_BASE_URL stands before this default",
    ),
    entry("source.fly.poll", "5s", "time between two readings of the lists of apps and machines"),
    entry(
        "source.fly.hot_every",
        "3s",
        "time between two looks at an app that changed lately or was hinted at",
    ),
    entry("source.fly.hot_for", "2m", "how long an app stays hot"),
    entry(
        "source.fly.rotation",
        "275s",
        "time in which every quiet app is looked at once, if the cap allows",
    ),
    entry("source.fly.rotation_cap", "2/s", "looks at quiet apps at most"),
    entry(
        "source.fly.vanish_max.share",
        "5%",
        "apps gone within the window, as a share, above which the source is not believed",
    ),
    entry("source.fly.vanish_max.floor", "3", "and at least this many"),
    entry("source.fly.vanish_max.within", "10m", "the window"),
    entry(
        "source.ndjson.org",
        "local",
        "the organisation in the paths of what the lines name; another one than that of [source.fly]",
    ),
    entry("labels.NAME.every", "2m", "how often the endpoint is asked about each app"),
    entry("labels.NAME.timeout", "10s", "how long its answer may take"),
    entry("hook.NAME.level", "enforce", "a lower level for this hook alone; the lowest of all levels counts"),
    entry(
        "hook.NAME.gone_adopted",
        "report",
        "what becomes of things that were adopted, imported or presumed",
    ),
    entry(
        "hook.NAME.grace.gone",
        "15m",
        "from the owner's end to the removal; no default where things hold data",
    ),
    entry(
        "hook.NAME.grace.unwanted",
        "15m",
        "from the end of the wish to the removal while the owner lives (a minute of it at most for what is replaced); `never` where things hold data",
    ),
    entry(
        "hook.NAME.adopt",
        "marked",
        "which things that are already there are taken over: never, marked, exact",
    ),
    entry("hook.NAME.drift", "report", "what is done about changes that others made: repair, report, accept"),
    entry(
        "hook.NAME.teardown_wait",
        "1h",
        "how long a reader that fails may delay the removal of what it reads",
    ),
    entry(
        "hook.NAME.limits.deletes.share",
        "10%",
        "deletes within the window, as a share of the hook's things, above which all are held",
    ),
    entry("hook.NAME.limits.deletes.floor", "10", "and at least this many"),
    entry("hook.NAME.limits.deletes.within", "1h", "the window"),
    entry("hook.NAME.limits.parallel", "4", "runs of the hook at once"),
    entry(
        "hook.NAME.limits.rate",
        "20/s",
        "requests of the hook at most; `none`: as many as it likes, also of one host",
    ),
    entry("hook.NAME.timezone", "UTC", "the zone in which `cron` is read: a name of the IANA database"),
    entry("hook.NAME.jitter", "0s", "how much later than `cron` says at most; the same for the same tick"),
    entry(
        "hook.NAME.overlap",
        "skip",
        "what becomes of a tick while the last one has not been told: skip, queue-one, cancel",
    ),
    entry(
        "hook.NAME.missed",
        "skip",
        "what becomes of a tick that nobody was there for: skip, or `{ run = \"once\", within = \"6h\" }`",
    ),
    entry("audit.NAME.timezone", "UTC", "the zone in which `cron` is read: a name of the IANA database"),
    entry("audit.NAME.jitter", "0s", "how much later than `cron` says at most; the same for the same tick"),
    entry(
        "audit.NAME.overlap",
        "skip",
        "what becomes of a tick while the last run is under way: skip, queue-one, cancel",
    ),
    entry(
        "audit.NAME.missed",
        "skip",
        "what becomes of a tick that nobody was there for: skip, or `{ run = \"once\", within = \"6h\" }`",
    ),
    entry("audit.NAME.remedy", "report", "what is done about findings: report, enforce"),
    entry(
        "audit.NAME.deletes.share",
        "10%",
        "findings mended within the window, as a share of the auditor's open findings, above which all are held",
    ),
    entry("audit.NAME.deletes.floor", "10", "and at least this many"),
    entry("audit.NAME.deletes.within", "1h", "the window"),
];

/// Every default of the configuration, in the order of the reference.
pub const fn defaults() -> &'static [Setting] {
    TABLE
}

/// The table as Markdown, for the reference.
pub fn defaults_markdown() -> String {
    let rows = TABLE
        .iter()
        .map(|Setting { name, value, meaning }| format!("| `{name}` | `{value}` | {meaning} |\n"));
    std::iter::once("| setting | default | meaning |\n|---|---|---|\n".to_owned()).chain(rows).collect()
}

/// The default of a setting, read the way the file's text is read.
///
/// # Panics
/// If the table lacks the setting or holds nonsense, which a test excludes.
pub(super) fn of<T: FromStr<Err: Debug>>(name: &str) -> T {
    text(name).parse().expect("invariant: the table's values can be read")
}

pub(super) fn text(name: &str) -> &'static str {
    let found = TABLE.iter().find(|default| default.name == name);
    found.expect("invariant: every setting with a default is in the table").value
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use groundcrew_core::duration::Millis;
    use groundcrew_core::may_delete::Window;
    use groundcrew_core::mirror::VanishMax;
    use groundcrew_core::poll::Pace;
    use groundcrew_core::settle::{Adopt, Drift};

    use super::*;
    use crate::config::settings::Rate;

    #[test]
    fn the_reference_has_a_row_for_each() {
        assert_eq!(defaults_markdown().lines().count(), TABLE.len() + 2);
        assert!(defaults_markdown().contains("| `hook.NAME.grace.gone` | `15m` |"));
    }

    #[test]
    fn names_are_unique() {
        let names: BTreeSet<_> = TABLE.iter().map(|default| default.name).collect();
        assert_eq!(names.len(), TABLE.len());
    }

    #[test]
    fn the_table_agrees_with_the_core() {
        let pace = Pace::default();
        assert_eq!(of::<Millis>("source.fly.poll"), pace.tick);
        assert_eq!(of::<Millis>("source.fly.hot_every"), pace.hot_every);
        assert_eq!(of::<Millis>("source.fly.hot_for"), pace.hot_for);
        assert_eq!(of::<Millis>("source.fly.rotation"), pace.rotation);
        assert_eq!(
            groundcrew_core::poll::Rate::from(of::<Rate>("source.fly.rotation_cap")),
            pace.rotation_cap
        );
        let (window, vanish) = (Window::DEFAULT, VanishMax::default());
        assert_eq!(text("hook.NAME.limits.deletes.share"), format!("{}%", window.share_percent));
        assert_eq!(of::<u32>("hook.NAME.limits.deletes.floor"), window.floor);
        assert_eq!(of::<Millis>("hook.NAME.limits.deletes.within"), window.within);
        for key in ["share", "floor", "within"] {
            let of = |table: &str| text(&format!("{table}.deletes.{key}"));
            assert_eq!(of("audit.NAME"), of("hook.NAME.limits"), "one window for all that is destroyed");
        }
        assert_eq!(text("source.fly.vanish_max.share"), format!("{}%", vanish.percent));
        assert_eq!(of::<u32>("source.fly.vanish_max.floor"), vanish.floor);
        assert_eq!(of::<Millis>("source.fly.vanish_max.within"), vanish.within);
        assert_eq!((Adopt::default(), Drift::default()), (Adopt::Marked, Drift::Report));
    }
}
