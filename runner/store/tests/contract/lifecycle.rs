//! Retirements, backfills and sights: each step is taken from where it was read, or not at all.

use groundcrew_core::backfill::Kinds;
use groundcrew_core::duration::Millis;
use groundcrew_core::retire::{Ending, Heard, Patience, Step};
use groundcrew_core::spec::Event;
use groundcrew_store::backfills::Stride;
use groundcrew_store::deliveries::{Ending as DeliveryEnd, Turn};
use groundcrew_store::events::{Intake, NewEvent};
use groundcrew_store::lanes::LaneId;
use groundcrew_store::operators::OperatorAct;
use groundcrew_store::retirements::{NewRetirement, Progress, Retirement};
use groundcrew_store::subjects::{StoredSubject, SubjectChange};
use groundcrew_store::{Error, SubjectId};
use serde_json::json;

use crate::support::{Bench, at, change};

fn act(what: &str) -> OperatorAct {
    OperatorAct { who: "ann".to_owned(), what: what.to_owned() }
}

impl Bench {
    async fn retire(&self, subject: SubjectId) -> Result<Retirement, Error> {
        let (ending, patience) = (Ending::Destroy, Patience::Wait);
        let new = NewRetirement { subject, timeout: Millis::minutes(5), ending, patience };
        self.store.retire(new, act("retire"), at(1)).await
    }
}

#[tokio::test]
async fn one_retirement_at_a_time_and_handlers_are_told_once() {
    let bench = Bench::new();
    let hook = bench.hook("tell").await;
    let subject = bench.app("web", &[]).await;
    let leaves = bench.retire(subject).await.unwrap();
    assert!(matches!(bench.retire(subject).await, Err(Error::Superseded(_))));
    let of = bench.store.subject(subject).unwrap().unwrap().subject;
    let tell = async || {
        let event = leaves.event(of.clone(), &json!({"state": "started"}), at(2));
        bench.store.tell_retirement(&leaves, event, vec![hook], at(2)).await
    };
    tell().await.unwrap();
    assert!(matches!(tell().await, Err(Error::Superseded(_))), "it is told already");
    assert_eq!((bench.count("event"), bench.count("delivery")), (1, 1));
    let told = bench.store.retirement(leaves.id).unwrap().unwrap();
    assert_eq!((told.step, told.until), (Step::Tell, Some(at(302))));
    let heard = bench.store.retirement_told(&told).unwrap();
    assert_eq!((heard[0].hook.as_str(), heard[0].heard), ("tell", Heard::Owed));
    // What was read before somebody moved it moves nothing.
    let on = |step| Progress::At { step, outcome: None };
    assert!(bench.store.move_retirement(&leaves, on(Step::Stop), at(3)).await.is_err());
    bench.store.renew_retirements(None, at(100)).await.unwrap();
    let until = || bench.store.retirement(leaves.id).unwrap().unwrap().until;
    assert_eq!(until(), Some(at(400)));
    // Who refused, and is asked again by a person, is waited for as long as the first time.
    let (lane, seq) = (LaneId { hook, subject }, told.seq.unwrap());
    let (run, dead) =
        (bench.run(lane, Some(seq), at(450)), DeliveryEnd::Dead { error: "no".to_owned(), in_doubt: None });
    bench.store.settle_delivery(lane, seq, run, Vec::new(), dead, Turn::Ends, at(450)).await.unwrap();
    assert_eq!(bench.store.retirement_told(&told).unwrap()[0].heard, Heard::Refused);
    bench.store.retry_dead(hook, seq, act("retry"), at(500)).await.unwrap();
    assert_eq!(until(), Some(at(800)));
    assert_eq!(bench.store.retirement_told(&told).unwrap()[0].heard, Heard::Owed);
    bench.store.move_retirement(&told, on(Step::Destroy), at(3)).await.unwrap();
    let refused = bench.store.cancel_retirement(leaves.id, act("cancel"), at(4)).await;
    assert!(matches!(refused, Err(Error::Superseded(_))), "what is being destroyed cannot be taken back");
    let destroyed = bench.store.retirement(leaves.id).unwrap().unwrap();
    bench.store.move_retirement(&destroyed, on(Step::Done), at(5)).await.unwrap();
    assert!(bench.store.due_retirements(at(999)).unwrap().is_empty());
    bench.retire(subject).await.unwrap();
}

#[tokio::test]
async fn a_backfill_goes_over_those_who_live_and_no_stride_counts_twice() {
    let bench = Bench::new();
    let hook = bench.hook("tell").await;
    for name in ["a", "b", "c"] {
        bench.app(name, &[]).await;
    }
    let start = async || bench.store.start_backfill(hook, Kinds::App, Millis::ZERO, act("b"), at(1)).await;
    start().await.unwrap();
    assert!(matches!(start().await, Err(Error::Superseded(_))));
    bench.app("later", &[]).await;
    let begun = bench.store.due_backfills(at(1)).unwrap().remove(0);
    assert_eq!((begun.told, begun.left), (0, 3), "who comes later tells by itself");
    let next = bench.store.backfill_next(&begun, 2).unwrap();
    assert_eq!(next.len(), 2);
    let stride = || {
        let last = next[1].id.as_i64();
        Stride { events: Vec::new(), last, due_at: Some(at(2)), outcome: None }
    };
    bench.store.stride_backfill(&begun, stride(), at(1)).await.unwrap();
    assert!(matches!(bench.store.stride_backfill(&begun, stride(), at(1)).await, Err(Error::Superseded(_))));
    let went = bench.store.due_backfills(at(2)).unwrap().remove(0);
    assert_eq!((went.left, bench.store.backfill_next(&went, 9).unwrap().len()), (1, 1));
    bench.store.cancel_backfill(hook, act("cancel"), at(3)).await.unwrap();
    assert!(matches!(bench.store.stride_backfill(&went, stride(), at(3)).await, Err(Error::Superseded(_))));
    start().await.unwrap();
    let machines = bench.store.cancel_backfill(hook, act("cancel"), at(3)).await.unwrap();
    assert_eq!(machines, 0);
}

#[tokio::test]
async fn who_ended_since_it_was_read_is_not_told_to_exist() {
    let bench = Bench::new();
    let hook = bench.hook("tell").await;
    for name in ["a", "b"] {
        bench.app(name, &[]).await;
    }
    bench.store.start_backfill(hook, Kinds::App, Millis::ZERO, act("b"), at(1)).await.unwrap();
    let begun = bench.store.due_backfills(at(1)).unwrap().remove(0);
    let next = bench.store.backfill_next(&begun, 9).unwrap();
    let ended = SubjectChange { gone_at: Some(at(2)), version: 2, ..change("a") };
    bench.store.accept(Intake { subjects: vec![ended], now: at(2), ..Intake::default() }).await.unwrap();
    let event = |subject: &StoredSubject| {
        let event = Event {
            id: format!("present-{}", subject.id.as_i64()),
            kind: "app.present".to_owned(),
            time: at(2),
            subject: Some(subject.subject.clone()),
            data: json!({}),
        };
        NewEvent { event, handlers: vec![hook] }
    };
    let events = next.iter().map(event).collect();
    let stride = Stride { events, last: next[1].id.as_i64(), due_at: None, outcome: None };
    bench.store.stride_backfill(&begun, stride, at(2)).await.unwrap();
    let told = |subject: &StoredSubject| bench.store.events_of(subject.id, 9).unwrap().len();
    assert_eq!((told(&next[0]), told(&next[1])), (0, 1));
}

#[tokio::test]
async fn a_sample_takes_one_row_of_each_owner_first() {
    let bench = Bench::new();
    let hook = bench.hook("make").await;
    for app in ["a", "b", "c"] {
        let subject = bench.app(app, &[hook]).await;
        let keys: Vec<_> = (0..4).map(|n| format!("{app}{n}")).collect();
        let keys: Vec<_> = keys.iter().map(String::as_str).collect();
        bench.want(LaneId { hook, subject }, &keys, at(1)).await;
        for key in keys {
            let mut row = bench.row(key);
            row.row.state = groundcrew_core::row::State::Present;
            row.row.thing = Some(key.to_owned());
            bench.commit(row).await.unwrap();
        }
    }
    let sample = bench.store.sample_rows(hook, 3, |_| true).unwrap();
    let owners: std::collections::BTreeSet<_> = sample.iter().map(|row| row.owner).collect();
    assert_eq!((sample.len(), owners.len()), (3, 3));
    assert_eq!(bench.store.sample_rows(hook, 99, |_| true).unwrap().len(), 12);
}
