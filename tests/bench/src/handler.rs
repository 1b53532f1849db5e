//! Handlers: durable runs a second, and how long one takes.

use std::fmt::Write as _;
use std::path::Path;
use std::time::Duration;

use anyhow::ensure;
use serde_json::json;

use crate::clock::{millis, now, until};
use crate::database::Database;
use crate::floors::{EVENT_BYTES, IN_FLIGHT};
use crate::samples::Samples;
use crate::stage::{PATIENCE, Stage, noop, request};

const BATCH: &str = "application/cloudevents-batch+json";
const SINGLE: &str = "application/cloudevents+json";

/// Requests under way at once while feeding.
const FEEDERS: usize = 2;
/// Samples of one event's way.
const SAMPLES: usize = 2_000;
const WARM_UP: usize = 200;
const SOON: Duration = Duration::from_millis(2);

/// A stage whose only hook does nothing, for every app, 64 at once.
pub(crate) fn stage(binary: &Path) -> anyhow::Result<Stage> {
    debug_assert!(!noop().is_empty(), "invariant: the guest was built");
    let hooks = format!(
        "[hook.noop]\nuse = \"noop.wasm\"\nmanifest = \"noop.toml\"\non = [\"com.example.*\"]\nlimits = {{ parallel = {IN_FLIGHT} }}\n"
    );
    Stage::new(binary, &hooks, &fleet(IN_FLIGHT))
}

/// Lines for so many apps.
pub(crate) fn fleet(apps: usize) -> String {
    (0..apps).fold(String::new(), |mut lines, app| {
        let _ = writeln!(lines, r#"{{"app": "app-{app}"}}"#);
        lines
    })
}

/// A CloudEvent of exactly 400 bytes about one of the apps.
fn event(number: usize) -> String {
    let bare = |data: &str| {
        json!({
            "specversion": "1.0", "id": number.to_string(), "source": "/bench", "type": "com.example.bench",
            "subject": format!("fly/bench/app-{}", number % IN_FLIGHT), "data": data,
        })
        .to_string()
    };
    bare(&"x".repeat(EVENT_BYTES - bare("").len()))
}

/// What a second holds.
pub(crate) struct Throughput {
    /// Settled rows a second, counted after shutdown.
    pub(crate) runs_per_second: f64,
    /// Processor time of the runner for each of them, in microseconds: what other load disturbs least.
    pub(crate) processor_us: f64,
    /// The directory, with everything that was stored.
    pub(crate) stage: Stage,
}

/// Feeds so many events and waits until all are settled; one run per app is in flight, for 64 apps.
pub(crate) fn throughput(binary: &Path, events: usize) -> anyhow::Result<Throughput> {
    let stage = stage(binary)?;
    let up = stage.up()?;
    let database = Database::open(&stage.database())?;
    until("the apps are known", PATIENCE, SOON, || {
        Ok((database.subjects()? >= IN_FLIGHT as u64).then_some(()))
    })?;
    let batches: Vec<Vec<u8>> = (0..events.div_ceil(IN_FLIGHT))
        .map(|batch| {
            let events: Vec<String> = (batch * IN_FLIGHT..(batch + 1) * IN_FLIGHT).map(event).collect();
            request("POST", "/v1/events", BATCH, &format!("[{}]", events.join(",")))
        })
        .collect();
    let before = up.processor_seconds()?;
    let began = now();
    std::thread::scope(|scope| -> anyhow::Result<()> {
        let feed = |feeder: usize| {
            let mut connection = stage.connect()?;
            for batch in batches.iter().skip(feeder).step_by(FEEDERS) {
                let status = connection.exchange(batch)?;
                ensure!(status == 202, "POST /v1/events was answered with {status}");
            }
            Ok(())
        };
        let feeders: Vec<_> = (0..FEEDERS).map(|feeder| scope.spawn(move || feed(feeder))).collect();
        feeders.into_iter().try_for_each(|feeder| feeder.join().expect("invariant: feeders do not panic"))
    })?;
    until("every event is settled", PATIENCE, SOON, || Ok(database.is_settled()?.then_some(())))?;
    let took = began.elapsed();
    let processor = up.processor_seconds()? - before;
    drop(database);
    up.stop()?;
    let settled = Database::open(&stage.database())?.settled()?;
    let fed = batches.len() * IN_FLIGHT;
    ensure!(settled == fed as u64, "{fed} events were accepted and {settled} are settled");
    let settled = settled as f64;
    Ok(Throughput {
        runs_per_second: settled / took.as_secs_f64(),
        processor_us: processor * 1e6 / settled,
        stage,
    })
}

/// How long one event takes while nothing else happens, in milliseconds.
pub(crate) struct Latency {
    /// From the first byte of its POST until its settled row can be read.
    pub(crate) whole: Samples,
    /// From the answer to its POST, which says that it is durable.
    pub(crate) accepted: Samples,
}

/// Sends one event at a time.
pub(crate) fn latency(binary: &Path) -> anyhow::Result<Latency> {
    let stage = stage(binary)?;
    let up = stage.up()?;
    let database = Database::open(&stage.database())?;
    until("the apps are known", PATIENCE, SOON, || {
        Ok((database.subjects()? >= IN_FLIGHT as u64).then_some(()))
    })?;
    let mut connection = stage.connect()?;
    let (mut whole, mut accepted) = (Vec::new(), Vec::new());
    for number in 0..WARM_UP + SAMPLES {
        let post = request("POST", "/v1/events", SINGLE, &event(number));
        let began = now();
        let status = connection.exchange(&post)?;
        let known = now();
        ensure!(status == 202, "POST /v1/events was answered with {status}");
        while !database.is_settled()? {
            ensure!(began.elapsed() < PATIENCE, "an event was not settled");
            std::thread::yield_now();
        }
        if number >= WARM_UP {
            whole.push(millis(began.elapsed()));
            accepted.push(millis(known.elapsed()));
        }
    }
    drop(database);
    up.stop()?;
    let settled = Database::open(&stage.database())?.settled()?;
    ensure!(settled == (WARM_UP + SAMPLES) as u64, "{settled} events are settled");
    Ok(Latency { whole: Samples::of(whole), accepted: Samples::of(accepted) })
}

/// Sends one event and waits until it is settled; in milliseconds. It shares the cores with what it measures, so it
/// looks now and then.
pub(crate) fn settle_one(
    connection: &mut crate::stage::Connection,
    database: &Database,
    number: usize,
) -> anyhow::Result<f64> {
    let began = now();
    let status = connection.exchange(&request("POST", "/v1/events", SINGLE, &event(number)))?;
    ensure!(status == 202, "POST /v1/events was answered with {status}");
    until("an event is settled", PATIENCE, Duration::from_micros(100), || {
        Ok(database.is_settled()?.then_some(()))
    })?;
    Ok(millis(began.elapsed()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_have_400_bytes_whatever_their_number() {
        for number in [0, 9, 63, 64, 99_999] {
            assert_eq!(event(number).len(), EVENT_BYTES);
        }
    }

    #[test]
    fn sixty_four_events_in_a_row_are_about_sixty_four_apps() {
        let subjects: std::collections::BTreeSet<_> = (64..128)
            .map(|number| {
                serde_json::from_str::<serde_json::Value>(&event(number)).unwrap()["subject"].to_string()
            })
            .collect();
        assert_eq!(subjects.len(), IN_FLIGHT);
    }
}
