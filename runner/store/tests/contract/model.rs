//! Random acts on the store and on a simple model in memory: both always say the same.

use std::collections::{BTreeMap, BTreeSet};

use groundcrew_store::deliveries::{Ending, Turn};
use groundcrew_store::findings::ClosedToo;
use groundcrew_store::lanes::LaneId;
use groundcrew_store::operators::OperatorAct;
use proptest::prelude::*;

use crate::support::{Bench, at};

const APPS: [&str; 2] = ["one", "two"];
const KEYS: [&str; 3] = ["a", "b", "c"];

#[derive(Clone, Debug)]
enum Act {
    Tell { app: usize, event: u8 },
    Told { app: usize },
    Dies { app: usize },
    Retry { nth: usize },
    Want { app: usize, keys: u8 },
    Gone { key: usize },
}

fn act() -> impl Strategy<Value = Act> {
    let app = 0..APPS.len();
    prop_oneof![
        3 => (app.clone(), 0..12_u8).prop_map(|(app, event)| Act::Tell { app, event }),
        2 => app.clone().prop_map(|app| Act::Told { app }),
        1 => app.clone().prop_map(|app| Act::Dies { app }),
        1 => (0..3_usize).prop_map(|nth| Act::Retry { nth }),
        3 => (app, 0..8_u8).prop_map(|(app, keys)| Act::Want { app, keys }),
        1 => (0..KEYS.len()).prop_map(|key| Act::Gone { key }),
    ]
}

/// What the store should hold. Events by number of acceptance; wants with the time since when.
#[derive(Default)]
struct Model {
    accepted: Vec<(u8, usize)>,
    /// Event's place -> whether it is dead.
    owed: BTreeMap<usize, bool>,
    wants: BTreeMap<(usize, usize), usize>,
    /// Key -> its row's owner and whether somebody wants it.
    rows: BTreeMap<usize, (usize, bool)>,
    /// Wants that another one's row stood in the way of when they were last said.
    waiting: BTreeSet<(usize, usize)>,
}

impl Model {
    fn head(&self, app: usize) -> Option<usize> {
        let owed = self.owed.iter().filter(|(place, dead)| !**dead && self.accepted[**place].1 == app);
        owed.map(|(place, _)| *place).next()
    }

    fn dead(&self) -> Vec<usize> {
        self.owed.iter().filter(|(_, dead)| **dead).map(|(place, _)| *place).collect()
    }

    /// The owner of the oldest want of a key.
    fn first(&self, key: usize) -> Option<usize> {
        let wants = self.wants.iter().filter(|((_, wanted), _)| *wanted == key);
        wants.map(|((app, _), since)| (*since, *app)).min().map(|(_, app)| app)
    }

    /// The name of what somebody waits for, and the path of who waits.
    fn conflicts(&self) -> Vec<(String, String)> {
        let waits = |(app, key): &(usize, usize)| {
            (format!("thing/{}", KEYS[*key]), format!("fly/acme/{}", APPS[*app]))
        };
        let mut named: Vec<_> = self.waiting.iter().map(waits).collect();
        named.sort_unstable();
        named
    }

    fn want(&mut self, app: usize, keys: &[usize], now: usize) {
        for key in 0..KEYS.len() {
            self.waiting.remove(&(app, key));
            if !keys.contains(&key) {
                self.wants.remove(&(app, key));
            }
        }
        for key in keys {
            self.wants.entry((app, *key)).or_insert(now);
            // A row that its owner does not want any more goes to whoever asks for it; else the owner keeps it.
            let row = self.rows.entry(*key).or_insert((app, true));
            let kept = row.0 == app || !self.wants.contains_key(&(row.0, *key));
            if kept {
                *row = (app, true);
            } else {
                self.waiting.insert((app, *key));
            }
        }
        for key in 0..KEYS.len() {
            if self.rows.get(&key).is_some_and(|row| row.0 == app) && !keys.contains(&key) {
                let first = self.first(key);
                let row = self.rows.get_mut(&key).expect("it is there");
                *row = first.map_or((app, false), |next| (next, true));
                self.waiting.remove(&(row.0, key));
            }
        }
    }
}

async fn play(acts: &[Act]) {
    let bench = Bench::new();
    let (tell, make) = (bench.hook("tell").await, bench.hook("make").await);
    let mut subjects = Vec::new();
    for app in APPS {
        subjects.push(bench.app(app, &[make]).await);
    }
    let lane = |hook, app: usize| LaneId { hook, subject: subjects[app] };
    let mut model = Model::default();
    for (step, act) in acts.iter().enumerate() {
        let now = at(i64::try_from(step).unwrap() + 1);
        match act {
            Act::Tell { app, event } => {
                let new = bench.tell(&format!("e{event}"), APPS[*app], &[tell], now).await == 1;
                assert_eq!(new, !model.accepted.iter().any(|(known, _)| known == event), "{act:?}");
                if new {
                    model.accepted.push((*event, *app));
                    model.owed.insert(model.accepted.len() - 1, false);
                }
            }
            Act::Told { app } | Act::Dies { app } => {
                let lane = lane(tell, *app);
                let head = bench.store.delivery_head(lane).unwrap();
                let place = model.head(*app);
                assert_eq!(
                    head.as_ref().map(|head| head.event.id.clone()),
                    place.map(|place| format!("e{}", model.accepted[place].0))
                );
                let (Some(head), Some(place)) = (head, place) else { continue };
                let (ending, turn) = if let Act::Told { .. } = act {
                    model.owed.remove(&place);
                    (Ending::Told { written: BTreeMap::new() }, Turn::GoesOn)
                } else {
                    model.owed.insert(place, true);
                    (Ending::Dead { error: "no".to_owned(), in_doubt: None }, Turn::Ends)
                };
                let run = bench.run(lane, Some(head.seq), now);
                let settled = bench.store.settle_delivery(lane, head.seq, run, Vec::new(), ending, turn, now);
                let next = model.head(*app).filter(|_| turn == Turn::GoesOn);
                assert_eq!(
                    settled.await.unwrap().map(|next| next.event.id),
                    next.map(|place| format!("e{}", model.accepted[place].0))
                );
            }
            Act::Retry { nth } => {
                let Some(place) = model.dead().get(*nth).copied() else { continue };
                let seq = bench.store.dead().unwrap()[*nth].seq;
                let act = OperatorAct { who: "tester".to_owned(), what: "retry".to_owned() };
                bench.store.retry_dead(tell, seq, act, now).await.unwrap();
                model.owed.insert(place, false);
            }
            Act::Want { app, keys } => {
                let keys: Vec<_> = (0..KEYS.len()).filter(|key| keys & (1 << key) != 0).collect();
                let names: Vec<_> = keys.iter().map(|key| KEYS[*key]).collect();
                bench.want(lane(make, *app), &names, now).await;
                model.want(*app, &keys, step);
            }
            Act::Gone { key } => {
                if model.rows.remove(key).is_some() {
                    bench.gone(KEYS[*key], now).await;
                }
            }
        }
        let living = bench.store.living_rows().unwrap();
        let mut found: Vec<_> =
            living.iter().map(|row| (row.key.as_str(), row.owner, row.unwanted.is_none())).collect();
        found.sort_unstable();
        let expected: Vec<_> =
            model.rows.iter().map(|(key, (app, wanted))| (KEYS[*key], subjects[*app], *wanted)).collect();
        assert_eq!(found, expected, "after {act:?}");
        assert_eq!(bench.store.dead().unwrap().len(), model.dead().len());
        let owed = bench.store.due_lanes(at(1_000), 99).unwrap();
        for app in 0..APPS.len() {
            let due = owed.contains(&lane(tell, app));
            assert_eq!(due, model.head(app).is_some(), "a lane is due while something is owed");
        }
        let (dead, conflicts): (Vec<_>, Vec<_>) = bench
            .store
            .findings(ClosedToo::Yes)
            .unwrap()
            .into_iter()
            .partition(|it| it.code == "delivery.dead");
        assert!(dead.len() <= 1 && conflicts.len() <= KEYS.len() * APPS.len(), "a finding opens again");
        let told = dead.iter().any(|finding| finding.closed.is_none());
        assert_eq!(told, !model.dead().is_empty(), "a finding of the hook says that something is dead");
        let mut told: Vec<_> = conflicts
            .iter()
            .filter(|finding| finding.closed.is_none())
            .map(|finding| {
                (finding.about.clone(), finding.message.split(" wants it too").next().unwrap().to_owned())
            })
            .collect();
        told.sort_unstable();
        assert_eq!(told, model.conflicts(), "after {act:?}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_store_does_as_the_model(acts in prop::collection::vec(act(), 1..30)) {
        tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(play(&acts));
    }
}
