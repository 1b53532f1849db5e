//! Smaller ordeals: what is left when one thing of an ordeal does not happen.

use super::ordeal::Ordeal;
use super::scene::Doing;

/// An ordeal with one thing less, each of them.
pub(super) fn smaller(ordeal: &Ordeal) -> Vec<Ordeal> {
    let mut all = Vec::new();
    if !ordeal.fault.is_empty() {
        all.push(Ordeal { fault: Vec::new(), ..ordeal.clone() });
    }
    if !ordeal.outage.is_empty() {
        all.push(Ordeal { outage: Vec::new(), ..ordeal.clone() });
    }
    for n in 0..ordeal.blow.len() {
        let mut smaller = ordeal.clone();
        smaller.blow.remove(n);
        all.push(smaller);
    }
    // A life without turns is the scenario's.
    for n in (0..ordeal.life.len()).filter(|_| ordeal.life.len() > 1) {
        let mut smaller = ordeal.clone();
        smaller.life.remove(n);
        all.push(smaller);
    }
    all
}

/// An ordeal with one step of the scenario less, each of them, the last first. Where lives are drawn, those of the
/// scenario do not happen anyway.
pub(super) fn less_steps<A>(ordeal: &Ordeal, script: &[(i64, Doing<A>)]) -> Vec<Ordeal> {
    let happen = ordeal.steps.unwrap_or(script.len());
    let steps = script.iter().take(happen).enumerate().rev();
    let happens = |n: usize, doing: &Doing<A>| {
        !ordeal.without.contains(&n) && (ordeal.life.is_empty() || !matches!(doing, Doing::Sees(_)))
    };
    let steps = steps.map(|(n, (_, doing))| (n + 1, doing)).filter(|(n, doing)| happens(*n, doing));
    let without = |(n, _): (usize, &Doing<A>)| {
        let mut without = ordeal.without.clone();
        without.push(n);
        without.sort_unstable();
        Ordeal { without, ..ordeal.clone() }
    };
    steps.map(without).collect()
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use groundcrew_outside::Fault;
    use serde_json::{Value, json};

    use super::super::faults::{Blow, Strike};
    use super::super::lifecycle::Turn;
    use super::super::ordeal::{Met, Outage};
    use super::super::scene::Sighting;
    use super::*;

    fn sees(app: &str) -> (i64, Doing<Infallible>) {
        let (app, labels) = (app.to_owned(), Some(json!({})));
        let sighting =
            Sighting { app, machine: None, incarnation: 1, labels, event: None, data: Value::Null };
        (0, Doing::Sees(sighting))
    }

    #[test]
    fn each_step_that_happens_is_left_out_once_the_last_first() {
        let script = [sees("a"), (1, Doing::Tick), sees("b"), sees("c")];
        let left_out = |ordeal: &Ordeal| {
            let all = less_steps(ordeal, &script).into_iter();
            all.map(|smaller| smaller.without).collect::<Vec<_>>()
        };
        let ordeal = Ordeal { steps: Some(3), without: vec![1], ..Ordeal::default() };
        assert_eq!(left_out(&ordeal), [[1, 3], [1, 2]]);
        let turn = Turn { at: 1, app: "a".to_owned(), machine: None, labels: None };
        let drawn = Ordeal { life: vec![turn], ..Ordeal::default() };
        assert_eq!(left_out(&drawn), [[2]]);
    }

    #[test]
    fn each_thing_that_goes_wrong_is_left_out_once() {
        let met = Met { method: "POST".to_owned(), after: 0, fault: Fault::AnswerLost };
        let strike = |at| Strike { at, blow: Blow::Crash };
        let ordeal = Ordeal {
            blow: vec![strike(1), strike(2)],
            fault: vec![met],
            outage: vec![Outage { from: 1, lasts: 2 }],
            ..Ordeal::default()
        };
        let all = smaller(&ordeal);
        assert!(all.iter().all(|smaller| smaller.len() == ordeal.len() - 1), "{all:?}");
        assert_eq!(all.len(), 4);
    }
}
