//! Everybody is looked at again: what it costs when nothing changed, and when every want is stale.
//!
//! The runner itself reads the fleet and asks its hook, which wants nothing yet. Three wants of each machine and rows
//! for them are then written through the store, and the configuration is changed to want just these: at its next
//! start every want is stale. After that nothing changes any more.

use std::fmt::Write as _;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context as _, ensure};
use groundcrew_core::hash::Digest;
use groundcrew_core::manifest::Class;
use groundcrew_core::may_delete::Cause;
use groundcrew_core::row::State;
use groundcrew_core::spec::Spec;
use groundcrew_core::time::Timestamp;
use groundcrew_store::hooks::StoredHook;
use groundcrew_store::lanes::LaneId;
use groundcrew_store::ledger::RowEffects;
use groundcrew_store::subjects::StoredSubject;
use groundcrew_store::wants::{NewWants, Place};
use groundcrew_store::{Options, Store};
use serde_json::{Value, json};

use crate::clock::{millis, now, until};
use crate::database::Database;
use crate::latency::{Latency, of_handler, of_provisioner};
use crate::stage::{self, Stage, Up};

/// Things of one machine.
const THINGS: usize = 3;
/// Machines of one app.
const MACHINES: usize = 10;
/// How long a pass over everybody may take.
pub(crate) const PATIENCE: Duration = Duration::from_mins(20);
const SOON: Duration = Duration::from_millis(20);
/// Owners that are seeded together.
const TOGETHER: usize = 500;

/// What looking at everybody costs.
pub(crate) struct Reconciled {
    /// Machines that are looked at.
    pub(crate) machines: usize,
    /// Processor time of the runner when nothing changed, in seconds.
    pub(crate) processor_s: f64,
    /// How long that took.
    pub(crate) took_s: f64,
    /// From the command's start until the first was looked at.
    pub(crate) first_ms: f64,
    /// The most memory that the process had since its start, in megabytes (10^6 bytes).
    pub(crate) peak_mb: f64,
    /// A handler's event's way while everybody is looked at, over its way while nobody is; medians.
    pub(crate) handler: Latency,
    /// The same of a provisioner's own: from somebody's word about an owner until that one was looked at.
    pub(crate) provisioner: Latency,
    /// From the start of a runner whose configuration changed for all until everybody was asked.
    pub(crate) stale_s: f64,
    /// Processor time of that.
    pub(crate) stale_processor_s: f64,
}

/// Looks at so many machines, three things each.
pub(crate) fn measure(
    runtime: &tokio::runtime::Runtime,
    binary: &Path,
    machines: usize,
) -> anyhow::Result<Reconciled> {
    let (stage, Stale { took_s: stale_s, processor_s: stale_processor_s }) =
        stale(runtime, binary, machines, stage::things())?;
    let up = stage.up()?;
    let database = Database::open(&stage.database())?;
    rested(&database)?;
    let (processor_s, took_s, first_ms) = unchanged(&stage, &up, &database)?;
    let handler = of_handler(&stage, &database)?;
    let provisioner = of_provisioner(&stage, &database, machines)?;
    let peak_mb = up.peak_megabytes()?;
    up.stop()?;
    Ok(Reconciled {
        machines,
        processor_s,
        took_s,
        first_ms,
        peak_mb,
        handler,
        provisioner,
        stale_s,
        stale_processor_s,
    })
}

/// What it costs to ask everybody again.
pub(crate) struct Stale {
    /// From the start of a runner whose configuration changed for all until everybody was asked.
    pub(crate) took_s: f64,
    /// Processor time of that.
    pub(crate) processor_s: f64,
}

/// Asks so many machines again, of a component that wants what `guests/things` wants. The stage is left stopped.
pub(crate) fn stale(
    runtime: &tokio::runtime::Runtime,
    binary: &Path,
    machines: usize,
    component: &[u8],
) -> anyhow::Result<(Stage, Stale)> {
    let settings = settings(runtime, binary, component)?;
    let stage = Stage::with(binary, &hooks(0), &fleet(machines), component)?;
    let up = stage.up()?;
    let database = Database::open(&stage.database())?;
    until("the fleet is known", PATIENCE, SOON, || {
        Ok((database.machines()? >= machines as u64 && database.is_rested()?).then_some(()))
    })?;
    drop(database);
    up.stop()?;
    runtime.block_on(seed(&stage.database(), settings))?;
    stage.configure(&hooks(THINGS))?;
    let began = now();
    let up = stage.up()?;
    let database = Database::open(&stage.database())?;
    rested(&database)?;
    let cost = Stale { took_s: began.elapsed().as_secs_f64(), processor_s: up.processor_seconds()? };
    ensure!(database.present()? == (machines * THINGS) as u64, "things were lost or made");
    up.stop()?;
    Ok((stage, cost))
}

/// What the runner calls component and configuration once they are changed, read from one that has no things yet: in
/// the ledger that is measured they are trusted, for there is nobody outside whom a sample could be looked for at.
fn settings(runtime: &tokio::runtime::Runtime, binary: &Path, component: &[u8]) -> anyhow::Result<String> {
    let stage = Stage::with(binary, &hooks(THINGS), "", component)?;
    let up = stage.up()?;
    up.stop()?;
    runtime.block_on(async {
        let store = Store::open(&stage.database(), Options::default())?;
        let hooks = store.hooks()?;
        let hook = hooks.iter().find(|hook| hook.name == "things").context("no hook `things`")?;
        Ok(store.sight(hook.id)?.context("nothing says what the hook is trusted with")?.settings)
    })
}

/// A pass in which nothing changed: processor time, seconds, and milliseconds to the first look.
fn unchanged(stage: &Stage, up: &Up, database: &Database) -> anyhow::Result<(f64, f64, f64)> {
    let (before, done) = (up.processor_seconds()?, database.first_lane_done()?);
    let began = now();
    let mut asking = stage.start(&["reconcile"])?;
    until("the first is looked at", PATIENCE, Duration::from_millis(1), || {
        Ok((database.first_lane_done()? > done).then_some(()))
    })?;
    let first = millis(began.elapsed());
    ensure!(asking.wait()?.success(), "groundcrew reconcile failed");
    rested(database)?;
    let took = began.elapsed().as_secs_f64();
    Ok((up.processor_seconds()? - before, took, first))
}

pub(crate) fn rested(database: &Database) -> anyhow::Result<()> {
    until("everybody was looked at", PATIENCE, SOON, || Ok(database.is_rested()?.then_some(())))
}

/// A hook for machines that wants so many things of each, and the handler that does nothing.
fn hooks(things: usize) -> String {
    let things: Vec<_> = (0..things)
        .map(|n| format!("{{ kind = \"natural\", key = \"{{machine}}-{n}\", value = \"one\" }}"))
        .collect();
    format!(
        r#"[hook.things]
use = "things.wasm"
manifest = "machines.toml"
gone = "report"
limits = {{ parallel = 64 }}
allow = ["GET http://127.0.0.1:9/*"]
[hook.things.config]
server = "http://127.0.0.1:9"
things = [{}]

[hook.noop]
use = "noop.wasm"
manifest = "noop.toml"
on = ["com.example.*"]
"#,
        things.join(", ")
    )
}

fn fleet(machines: usize) -> String {
    let mut lines = crate::handler::fleet(machines.div_ceil(MACHINES));
    for machine in 0..machines {
        let app = machine / MACHINES;
        let _ = writeln!(lines, r#"{{"app": "app-{app}", "machine": "m{machine}", "state": "started"}}"#);
    }
    lines
}

/// Writes wants and rows of every machine, as if they had been made long ago.
async fn seed(path: &Path, settings: String) -> anyhow::Result<()> {
    let store = Store::open(path, Options::default())?;
    let hooks = store.hooks()?;
    let hook = hooks.iter().find(|hook| hook.name == "things").context("no hook `things`")?;
    let subjects = store.mirror_rows()?;
    let machines: Vec<_> = subjects.into_iter().filter(|s| s.subject.path.machine_id().is_some()).collect();
    for some in machines.chunks(TOGETHER) {
        let each = some.iter().map(|machine| seed_one(&store, hook, machine));
        futures_util::future::try_join_all(each).await?;
    }
    store.trust_sight(hook.id, &hook.name, settings, None, now_ms()).await?;
    Ok(())
}

async fn seed_one(store: &Store, hook: &StoredHook, machine: &StoredSubject) -> anyhow::Result<()> {
    let lane = LaneId { hook: hook.id, subject: machine.id };
    let path = &machine.subject.path;
    let id = path.machine_id().unwrap_or_default();
    let specs = (0..THINGS).map(|n| {
        let spec = Spec {
            kind: "natural".to_owned(),
            key: format!("{id}-{n}"),
            body: json!({"value": "one", "shape": null}),
            after: Vec::new(),
        };
        (spec, Place { inside: String::new(), class: Class::Natural })
    });
    let made = machine.id.as_i64().to_be_bytes();
    let random = (0..THINGS).flat_map(|n| [&made[..], &[0, n as u8]].concat()).collect();
    let at = now_ms();
    let wants = NewWants {
        lane,
        seen: 1,
        target: hook.target.clone(),
        specs: specs.collect(),
        view_hash: "seeded".to_owned(),
        settings: "seeded".to_owned(),
        component: Digest::of(b"seeded"),
        cause: Cause::ViewChanged,
        reads: Vec::new(),
        close: Vec::new(),
        random,
        now: at,
    };
    store.save_wants(wants).await?;
    for mut row in store.lane_rows(lane)? {
        let body: Value = row.row.spec.clone();
        row.row.state = State::Present;
        row.row.thing = Some(format!("seeded-{}", row.key));
        row.row.observed = Some(body);
        row.row.mark = Some(row.row.id.mark("bench"));
        row.row.made_by = Some(at);
        row.row.look_at = Some(at + DAY);
        row.made_at = Some(at);
        row.due_at = Some(at + DAY);
        store.commit_row(row, RowEffects { now: at, ..RowEffects::default() }).await?;
    }
    Ok(())
}

const DAY: groundcrew_core::duration::Millis = groundcrew_core::duration::Millis::hours(24);

fn now_ms() -> Timestamp {
    Timestamp::from_millis(crate::clock::wall_ms())
}
