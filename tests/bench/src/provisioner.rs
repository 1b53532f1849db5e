//! Provisioners: creations a second at the tests' outside, over HTTP, and the same runs played again.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, ensure};
use groundcrew_outside::{Effect, Knobs, Outside, What, serve};
use serde_json::Value;

use crate::clock::{now, until};
use crate::database::Database;
use crate::floors::IN_FLIGHT;
use crate::handler::fleet;
use crate::stage::{PATIENCE, Stage};

const SOON: Duration = Duration::from_millis(50);

/// Lets so many apps appear at once, each of which should have one thing; 64 are worked on at once.
///
/// The rate is the outside's: effects from the first to the last, by its own log. After shutdown the ledger has to
/// hold every one of them as present.
pub(crate) fn creates_per_second(
    runtime: &tokio::runtime::Runtime,
    binary: &Path,
    apps: usize,
) -> anyhow::Result<Made> {
    let began = now();
    let clock = Arc::new(move || i64::try_from(began.elapsed().as_millis()).unwrap_or(i64::MAX));
    let outside = Outside::new(clock).with("/natural", Knobs::natural());
    let listener = runtime.block_on(tokio::net::TcpListener::bind("127.0.0.1:0"))?;
    let port = listener.local_addr()?.port();
    let serving = runtime.spawn(serve(outside.clone(), listener));
    let hooks = format!(
        r#"[hook.things]
use = "things.wasm"
manifest = "things.toml"
gone = "delete"
limits = {{ parallel = {IN_FLIGHT}, rate = "none" }}
allow = ["GET,POST,PUT,DELETE http://127.0.0.1:{port}/*"]
[hook.things.config]
server = "http://127.0.0.1:{port}"
things = [{{ kind = "natural", key = "{{app}}", value = "one" }}]
"#
    );
    let stage = Stage::new(binary, &hooks, &fleet(apps))?;
    let up = stage.up()?;
    // Asked of the outside, in this process: counting the ledger every few milliseconds took a third of a core.
    until("every thing is made", PATIENCE, SOON, || Ok((created(&outside) >= apps).then_some(())))?;
    let database = Database::open(&stage.database())?;
    until("every thing is on record", PATIENCE, SOON, || {
        Ok((database.present()? >= apps as u64).then_some(()))
    })?;
    drop(database);
    let processor_us = up.processor_seconds()? * 1e6 / apps as f64;
    up.stop()?;
    serving.abort();
    let present = Database::open(&stage.database())?.present()?;
    ensure!(present == apps as u64, "{apps} things were wanted and {present} are present");
    Ok(Made { per_second: rate(&outside.log(), apps)?, processor_us, stage })
}

/// What a second makes.
pub(crate) struct Made {
    /// Creations a second.
    pub(crate) per_second: f64,
    /// Processor time of the runner for each, its start included, in microseconds.
    pub(crate) processor_us: f64,
    /// Where its runs are stored.
    pub(crate) stage: Stage,
}

impl Made {
    /// Plays all stored runs again, as `groundcrew backtest` does with the component that ran: how many, and how many a
    /// second by its own clock. Each has to be the same.
    pub(crate) fn replays_per_second(&self) -> anyhow::Result<(f64, f64)> {
        let said = self.stage.says(&["--json", "backtest", "things", "--component", "things.wasm"])?;
        let tally: Value = serde_json::from_str(&said).context("what `backtest` says is no JSON")?;
        let number = |name: &str| tally[name].as_f64().with_context(|| format!("`backtest` says no {name}"));
        let (runs, same) = (number("runs")?, number("same")?);
        ensure!(runs > 0.0 && same >= runs, "of {runs} runs {same} are the same: {tally}");
        Ok((runs, runs / number("seconds")?))
    }
}

fn created(outside: &Outside) -> usize {
    outside.log().iter().filter(|effect| effect.what == What::Created).count()
}

/// Creations a second between the first and the last.
fn rate(log: &[Effect], expected: usize) -> anyhow::Result<f64> {
    let created: Vec<i64> =
        log.iter().filter(|effect| effect.what == What::Created).map(|effect| effect.at).collect();
    ensure!(created.len() == expected, "{expected} things were wanted and {} created", created.len());
    let spent = created.iter().max().zip(created.iter().min()).map_or(0, |(last, first)| last - first);
    ensure!(spent > 0, "too few creations to tell a rate");
    Ok((created.len() - 1) as f64 * 1e3 / spent as f64)
}

#[cfg(test)]
mod tests {
    use groundcrew_outside::By;

    use super::*;

    fn effect(at: i64, what: What) -> Effect {
        Effect {
            at,
            collection: String::new(),
            id: at.to_string(),
            what,
            by: By::Caller,
            name: None,
            mark: None,
            body: serde_json::Value::Null,
            purpose: None,
        }
    }

    #[test]
    fn a_rate_counts_intervals() {
        let log = [effect(100, What::Created), effect(150, What::Updated), effect(200, What::Created)];
        assert!((rate(&log, 2).unwrap() - 10.0).abs() < 1e-9);
        assert!(rate(&log, 3).unwrap_err().to_string().contains("3 things were wanted and 2 created"));
    }
}
