//! How much longer an event takes while everybody is looked at again.

use std::time::Duration;

use anyhow::ensure;
use serde_json::json;

use crate::clock::{millis, now, until};
use crate::database::Database;
use crate::handler::settle_one;
use crate::reconcile::{PATIENCE, rested};
use crate::samples::Samples;
use crate::stage::{Stage, request};

/// Events whose way is measured while nobody is looked at, and at most while everybody is.
const ALONE: usize = 500;
const MEANWHILE: usize = 2_000;
/// As few tell something; everybody is looked at again until there are that many.
const ENOUGH: usize = 200;
/// But no more often than this.
const PASSES: usize = 50;
/// Steps from one machine to the next: neighbours are swept together, so events come from all over the fleet.
const STRIDE: usize = 7_919;
const OFTEN: Duration = Duration::from_micros(100);

/// An event's way, in milliseconds.
pub(crate) struct Latency {
    /// While nobody is looked at.
    alone: Samples,
    /// Of those that came while somebody was yet to be looked at.
    meanwhile: Samples,
}

impl Latency {
    /// How much longer it is while everybody is looked at; medians.
    pub(crate) fn ratio(&self) -> f64 {
        self.meanwhile.median() / self.alone.median()
    }

    /// What it was made of, for people.
    pub(crate) fn said(&self) -> String {
        let rounded = |samples: &Samples, at| crate::results::rounded(samples.percentile(at));
        let each = |samples: &Samples| {
            format!(
                "p50 {} ms, p99 {} ms, {} events",
                rounded(samples, 50.0),
                rounded(samples, 99.0),
                samples.count()
            )
        };
        format!("meanwhile {}; before {}", each(&self.meanwhile), each(&self.alone))
    }
}

/// An event for a handler: from the first byte of its POST until it is settled.
pub(crate) fn of_handler(stage: &Stage, database: &Database) -> anyhow::Result<Latency> {
    let mut connection = stage.connect()?;
    compare(stage, database, |number| settle_one(&mut connection, database, number))
}

/// An event for a provisioner: from the first byte of `touch` until that machine was looked at, each time another one.
///
/// Nothing of the machine changes, so it is the look's way through the queue that is measured, and no call outside.
pub(crate) fn of_provisioner(stage: &Stage, database: &Database, machines: usize) -> anyhow::Result<Latency> {
    let mut connection = stage.control()?;
    compare(stage, database, |number| {
        let machine = format!("m{}", number * STRIDE % machines);
        let act = json!({"who": "bench", "request": {"do": "touch", "app": machine}}).to_string();
        let began = now();
        let status = connection.exchange(&request("POST", "/v1/control", "application/json", &act))?;
        ensure!(status == 200, "touch {machine} was answered with {status}");
        until("a machine is looked at", PATIENCE, OFTEN, || {
            Ok((!database.owes_a_look(&machine)?).then_some(()))
        })?;
        Ok(millis(began.elapsed()))
    })
}

fn compare(
    stage: &Stage,
    database: &Database,
    mut one: impl FnMut(usize) -> anyhow::Result<f64>,
) -> anyhow::Result<Latency> {
    let mut number = 0;
    let mut next = || {
        number += 1;
        one(number)
    };
    let alone = (0..ALONE).map(|_| next()).collect::<anyhow::Result<Vec<_>>>()?;
    let mut meanwhile = Vec::new();
    for _ in 0..PASSES {
        let mut asking = stage.start(&["reconcile"])?;
        until("a lane is due", PATIENCE, Duration::from_millis(1), || {
            Ok((!database.is_rested()?).then_some(()))
        })?;
        while meanwhile.len() < MEANWHILE && !database.is_rested()? {
            meanwhile.push(next()?);
        }
        ensure!(asking.wait()?.success(), "groundcrew reconcile failed");
        rested(database)?;
        if meanwhile.len() >= ENOUGH {
            break;
        }
    }
    ensure!(meanwhile.len() >= ENOUGH, "only {} events came while anybody was looked at", meanwhile.len());
    Ok(Latency { alone: Samples::of(alone), meanwhile: Samples::of(meanwhile) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ratio_is_that_of_the_medians() {
        let latency =
            Latency { alone: Samples::of([1.0, 2.0, 90.0]), meanwhile: Samples::of([3.0, 3.0, 500.0]) };
        assert!((latency.ratio() - 1.5).abs() < 1e-9);
        assert_eq!(
            latency.said(),
            "meanwhile p50 3 ms, p99 500 ms, 3 events; before p50 2 ms, p99 90 ms, 3 events"
        );
    }

    #[test]
    fn events_come_from_the_whole_fleet() {
        for machines in [10_000, 100_000] {
            let asked: std::collections::BTreeSet<_> =
                (1..=ALONE + MEANWHILE).map(|number| number * STRIDE % machines).collect();
            assert_eq!(asked.len(), ALONE + MEANWHILE, "no machine is asked about twice");
            assert!(
                asked.iter().any(|at| *at < machines / 10) && asked.iter().any(|at| *at > machines / 10 * 9)
            );
        }
    }
}
