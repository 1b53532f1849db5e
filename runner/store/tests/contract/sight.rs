//! By which rows it shows whether a changed hook finds its things.

use groundcrew_core::row::State;
use groundcrew_core::subject::Path;
use groundcrew_store::events::Intake;
use groundcrew_store::lanes::LaneId;
use groundcrew_store::ledger::StoredRow;
use groundcrew_store::subjects::SubjectChange;

use crate::support::{Bench, at, change, path};

/// An app with a row of its name, in this state.
async fn owner(bench: &Bench, app: &str, state: State) -> LaneId {
    let hook = bench.hook("things").await;
    let lane = LaneId { hook, subject: bench.app(app, &[hook]).await };
    bench.want(lane, &[app], at(0)).await;
    let mut row = bench.row(app);
    row.row.state = state;
    row.row.thing = (state == State::Present).then(|| format!("id-{app}"));
    bench.commit(row).await.unwrap();
    lane
}

async fn ends(bench: &Bench, app: &str) {
    let ended = SubjectChange { version: 2, gone_at: Some(at(2)), ..change(app) };
    let intake = Intake { subjects: vec![ended], now: at(2), ..Intake::default() };
    bench.store.accept(intake).await.unwrap();
}

fn keys(rows: Vec<StoredRow>) -> Vec<String> {
    rows.into_iter().map(|row| row.key).collect()
}

#[tokio::test]
async fn a_sample_is_of_living_owners_that_are_covered_however_many_are_not() {
    for state in [State::Present, State::InDoubt] {
        let bench = Bench::new();
        let mut hook = None;
        for n in 0..50 {
            hook = Some(owner(&bench, &format!("app-{n}"), state).await.hook);
        }
        for n in (0..50).filter(|n| ![7, 8].contains(n)) {
            ends(&bench, &format!("app-{n}")).await;
        }
        let hook = hook.unwrap();
        let sample = |count: usize, covers: fn(&Path) -> bool| {
            keys(match state {
                State::Present => bench.store.sample_rows(hook, count, covers).unwrap(),
                _ => bench.store.doubted_rows(hook, count, covers).unwrap(),
            })
        };
        let mut all = sample(20, |_| true);
        all.sort();
        assert_eq!(all, ["app-7", "app-8"], "{state}");
        assert_eq!(sample(20, |owner| *owner != path("app-8")), ["app-7"], "{state}");
        assert_eq!(sample(1, |_| true).len(), 1, "{state}");
        assert!(sample(20, |_| false).is_empty(), "{state}");
    }
}
