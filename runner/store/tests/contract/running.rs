//! How long machines ran: month by month, once, across restarts, and not for ever.

use groundcrew_core::duration::Millis;
use groundcrew_core::running::{Month, Noted, Size, Total};
use groundcrew_core::subject::Path;
use groundcrew_core::time::Timestamp;
use groundcrew_store::events::Intake;
use groundcrew_store::prune::Keep;
use groundcrew_store::subjects::SubjectChange;
use groundcrew_store::{Options, Store, SubjectId};
use serde_json::json;

use crate::support::{Bench, change};

fn time(text: &str) -> Timestamp {
    Timestamp::parse_rfc3339(text).unwrap()
}

fn size(cpus: u32) -> Size {
    Size { guest: json!({"cpus": cpus, "cpu_kind": "shared"}), region: "fra".to_owned() }
}

/// The app `web` with the machine m1, and what is noted with it.
async fn noted(bench: &Bench, noted: Vec<Noted>) -> SubjectId {
    let app = change("web");
    let machine = SubjectChange {
        path: Path::machine(&app.path, "m1").unwrap(),
        uid: "machine:m1".parse().unwrap(),
        parent: Some(app.uid.clone()),
        ..app.clone()
    };
    let intake = Intake { subjects: vec![app.clone(), machine], noted, ..Intake::default() };
    bench.store.accept(intake).await.unwrap();
    bench.store.subject_at(&app.path).unwrap().unwrap().id
}

fn begun(cpus: u32, since: &str) -> Noted {
    Noted::Begun { machine: "machine:m1".parse().unwrap(), size: size(cpus), since: time(since) }
}

fn ended(cpus: u32, since: &str, until: &str) -> Noted {
    let (machine, app) = ("machine:m1".parse().unwrap(), change("web").uid);
    Noted::Ended { machine, app, size: size(cpus), since: time(since), until: time(until) }
}

fn hours(store: &Store, app: SubjectId, month: &str, now: &str) -> Vec<(u64, i64, i64)> {
    let month: Month = month.parse().unwrap();
    let hours = |time: Millis| time.as_i64() / 3_600_000;
    let told =
        |total: Total| (total.size.guest["cpus"].as_u64().unwrap(), hours(total.ran), hours(total.unseen));
    store.ran(app, month, time(now)).unwrap().into_iter().map(told).collect()
}

#[tokio::test]
async fn closed_times_are_parted_by_month_and_open_ones_run_until_now_also_after_a_restart() {
    let bench = Bench::new();
    let app = noted(&bench, vec![begun(1, "2026-10-31T20:00:00Z")]).await;
    assert_eq!(hours(&bench.store, app, "2026-10", "2026-10-31T22:00:00Z"), [(1, 2, 0)]);
    assert_eq!(hours(&bench.store, app, "2026-11", "2026-10-31T22:00:00Z"), []);
    assert_eq!(hours(&bench.store, app, "2026-11", "2026-11-01T03:00:00Z"), [(1, 3, 0)]);
    let all =
        vec![ended(1, "2026-10-31T20:00:00Z", "2026-11-01T05:00:00Z"), begun(4, "2026-11-01T05:00:00Z")];
    noted(&bench, all).await;
    let again = Store::open(bench.store.path(), Options::default()).unwrap();
    assert_eq!(hours(&again, app, "2026-10", "2026-12-01T00:00:00Z"), [(1, 4, 0)]);
    assert_eq!(hours(&again, app, "2026-11", "2026-11-01T06:00:00Z"), [(1, 5, 0), (4, 1, 0)]);
    assert_eq!(hours(&again, app, "2026-11", "2026-12-09T00:00:00Z"), [(1, 5, 0), (4, 30 * 24 - 5, 0)]);

    // What is gone ran, and what nobody saw is said beside it.
    let unseen = Noted::Unseen {
        app: change("web").uid,
        size: size(4),
        since: time("2026-11-01T07:00:00Z"),
        until: time("2026-11-01T09:00:00Z"),
    };
    noted(&bench, vec![ended(4, "2026-11-01T05:00:00Z", "2026-11-01T07:00:00Z"), unseen]).await;
    assert_eq!(hours(&bench.store, app, "2026-11", "2026-11-30T00:00:00Z"), [(1, 5, 0), (4, 2, 2)]);
}

#[tokio::test]
async fn what_is_refused_is_not_counted_and_old_months_are_forgotten() {
    let bench = Bench::new();
    let app = noted(&bench, vec![ended(1, "2025-10-01T00:00:00Z", "2025-12-01T00:00:00Z")]).await;
    // A batch that breaks a rule of the database leaves nothing of it: an address is one living incarnation's.
    let twin = SubjectChange { uid: "app:other".parse().unwrap(), ..change("web") };
    let more = vec![ended(1, "2025-11-01T00:00:00Z", "2025-11-01T09:00:00Z")];
    let refused = Intake { subjects: vec![twin], noted: more, ..Intake::default() };
    bench.store.accept(refused).await.unwrap_err();
    let now = "2026-11-15T00:00:00Z";
    assert_eq!(hours(&bench.store, app, "2025-11", now), [(1, 30 * 24, 0)]);
    assert_eq!(hours(&bench.store, app, "2025-10", now), [(1, 31 * 24, 0)]);
    assert!(bench.store.prune(Keep::DEFAULT, time(now)).await.unwrap());
    assert_eq!(hours(&bench.store, app, "2025-10", now), []);
    assert_eq!(hours(&bench.store, app, "2025-11", now), [(1, 30 * 24, 0)], "a year is kept");
}
