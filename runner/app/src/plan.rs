//! Makes a plan: a rehearsal of everything that is due, on a copy of the ledger.
//!
//! ```text
//!  database --copy--> runner that writes down instead of writing --> items
//!                     1. every owner is asked
//!                     2. every thing that is not as it should be is decided, once all wants are known
//! ```
//!
//! Nothing outside is changed and nothing in the data directory but the cache of compiled components. Looks
//! are real. Of a new owner only the first round is known: what others read of it comes with its things.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;

use groundcrew_core::duration::Millis;
use groundcrew_core::may_delete::Level;
use groundcrew_core::plan::{Action, FORMAT, HOLDS, Item, Plan, Waits};
use groundcrew_core::row::State;
use groundcrew_core::time::Timestamp;
use groundcrew_engine::clock::{Clock as _, SystemClock};
use groundcrew_store::findings::{ClosedToo, Finding};
use groundcrew_store::lanes::LaneId;
use groundcrew_store::ledger::StoredRow;
use groundcrew_store::recover::OUT_OF_SCOPE;
use groundcrew_store::{HookId, Options, Store, SubjectId};
use tokio::task::JoinSet;

use crate::assembly::{self, Outward};
use crate::config::Config;
use crate::control::{self, Act, Hints, Refusal};
use crate::runner::Runner;
use crate::runner::provisioner::{Looked, Wanted};
use crate::runner::rehearsal::Rehearsal;

/// Lanes that are rehearsed at once.
const IN_FLIGHT: usize = 32;
/// Rounds over all lanes; what could not be looked at is tried again.
const ROUNDS: usize = 64;
/// How long is waited, in all, for what could not be looked at.
const PATIENCE: Millis = Millis::seconds(20);
/// Lanes read from the store at once.
const LANES: u32 = 1_000_000;

/// Why no plan could be made.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The copy cannot be made.
    #[error("a copy of the ledger could not be made")]
    Io(#[from] std::io::Error),
    /// The store, or its copy.
    #[error(transparent)]
    Store(#[from] groundcrew_store::Error),
    /// The runner that rehearses.
    #[error(transparent)]
    Assembly(#[from] assembly::Error),
    /// A lane could not be worked on.
    #[error(transparent)]
    Runner(#[from] crate::runner::Error),
    /// What should be rehearsed is refused.
    #[error(transparent)]
    Refused(#[from] Refusal),
}

/// What is rehearsed.
#[derive(Clone, Copy, Debug)]
pub enum Rehearsed<'a> {
    /// What is due, about everything.
    Due,
    /// What follows from an operator's act, about these lanes.
    Act(&'a Act, &'a dyn Hints, &'a BTreeSet<LaneId>),
}

impl Rehearsed<'_> {
    fn is_about(self, lane: LaneId) -> bool {
        match self {
            Self::Due => true,
            Self::Act(_, _, lanes) => lanes.contains(&lane),
        }
    }
}

/// How far things are looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Depth {
    /// Only what is not as it should be.
    Unsettled,
    /// Everything that exists: what others changed shows.
    Everything,
}

/// Tells how far a rehearsal is: lanes done, lanes in all.
pub type Progress = Arc<dyn Fn(u64, u64) + Send + Sync>;

/// Rehearses a configuration against a database that may be in use.
pub async fn make(
    mut config: Config,
    directory: &Path,
    database: &Store,
    rehearsed: Rehearsed<'_>,
    depth: Depth,
    progress: Progress,
) -> Result<Plan, Error> {
    let scratch = tempfile::tempdir()?;
    let copy = scratch.path().join("plan.db");
    database.copy_to(&copy)?;
    let store = Store::open(&copy, Options::default())?;
    let before = Before::of(&store)?;
    if let Rehearsed::Act(act, hints, _) = rehearsed {
        control::perform(&store, hints, act, SystemClock.now()).await?;
    }
    let level = config.level;
    // What would be done, were it allowed; the plan says which level there is.
    config.level = Level::Enforce;
    config.hooks.values_mut().for_each(|hook| hook.level = Level::Enforce);
    let rehearsal = Arc::new(Rehearsal::default());
    let mut setting = Outward::open(&config, directory, store.clone())?.setting;
    setting.rehearsal = Some(rehearsal.clone());
    setting.database = database.path().to_owned();
    let runner = assembly::assemble(&config, setting).await?;
    let now = runner.now();
    rehearse(&runner, rehearsed, depth, now, &progress).await?;
    let noted = rehearsal.items();
    let waits = waits(&runner, &noted, now)?;
    let conflicts = before.conflicts(&runner, &noted)?;
    let mut items: Vec<_> = noted.into_values().chain(conflicts).collect();
    items.extend(before.handed_over(&runner)?);
    sort(&mut items);
    Ok(Plan {
        format: FORMAT,
        installation: config.installation.clone(),
        level,
        made_at: now,
        until: now + HOLDS,
        hooks: runner.registry().all().map(|it| (it.hook.name.clone(), it.settings().to_owned())).collect(),
        waits,
        unchanged: store.settled_rows()?,
        items,
    })
}

/// Looks for existing things that apps want, on a copy of a database that may be in use.
pub async fn look_for(
    config: Config,
    directory: &Path,
    database: &Store,
    wanted: Vec<Wanted>,
) -> Result<Vec<Looked>, Error> {
    let scratch = tempfile::tempdir()?;
    let copy = scratch.path().join("plan.db");
    database.copy_to(&copy)?;
    let store = Store::open(&copy, Options::default())?;
    let mut setting = Outward::open(&config, directory, store)?.setting;
    setting.rehearsal = Some(Arc::default());
    setting.database = database.path().to_owned();
    let runner = assembly::assemble(&config, setting).await?;
    let mut looked = Vec::with_capacity(wanted.len());
    for one in &wanted {
        looked.push(runner.look_for(one).await?);
    }
    Ok(looked)
}

/// Asks everybody, then decides everything once all wants are known: how many deletes there are counts.
async fn rehearse(
    runner: &Arc<Runner>,
    rehearsed: Rehearsed<'_>,
    depth: Depth,
    now: Timestamp,
    progress: &Progress,
) -> Result<(), Error> {
    let (mut done, mut waited) = (BTreeSet::new(), Millis::ZERO);
    for round in 0..ROUNDS {
        match (round, depth) {
            (0, Depth::Everything) => runner.store.wake_everything(now).await?,
            (0, Depth::Unsettled) => runner.store.wake_unsettled(now).await?,
            (1, _) => runner.store.wake_unwanted(now).await?,
            _ => {}
        }
        let due = runner.store.due_lanes(runner.now(), LANES)?;
        let ours = |lane: &LaneId| is_provisioner(runner, lane.hook) && rehearsed.is_about(*lane);
        let due: Vec<_> = due.into_iter().filter(ours).collect();
        if due.is_empty() && round > 1 {
            let Some(again) = next_try(runner, rehearsed)?.filter(|pause| waited + *pause <= PATIENCE) else {
                break;
            };
            tokio::time::sleep(again.to_std()).await;
            waited = waited + again;
        }
        work(runner, due, &mut done, progress).await?;
    }
    Ok(())
}

/// How long until something that could not be looked at is tried again.
fn next_try(runner: &Runner, rehearsed: Rehearsed<'_>) -> Result<Option<Millis>, Error> {
    let rows = runner.store.living_rows()?;
    let failed = rows.iter().filter(|row| row.error.is_some() && rehearsed.is_about(row.lane()));
    let next = failed.filter_map(|row| row.due_at).min();
    Ok(next.map(|at| at.since(runner.now()).max(Millis::new(1))))
}

fn is_provisioner(runner: &Runner, hook: HookId) -> bool {
    runner.registry().hook(hook).is_some_and(|installed| installed.hook.provisioner().is_some())
}

async fn work(
    runner: &Arc<Runner>,
    due: Vec<LaneId>,
    done: &mut BTreeSet<LaneId>,
    progress: &Progress,
) -> Result<(), Error> {
    let total = done.len() + due.iter().filter(|lane| !done.contains(lane)).count();
    let mut running = JoinSet::new();
    let mut due = due.into_iter();
    loop {
        while running.len() < IN_FLIGHT
            && let Some(lane) = due.next()
        {
            let runner = runner.clone();
            running.spawn(async move { (lane, runner.work(lane).await) });
        }
        let Some(ended) = running.join_next().await else { return Ok(()) };
        let (lane, worked) = ended.unwrap_or_else(|error| std::panic::resume_unwind(error.into_panic()));
        worked?;
        done.insert(lane);
        progress(done.len() as u64, total as u64);
    }
}

fn name(runner: &Runner, hook: HookId) -> Option<String> {
    runner.registry().hook(hook).map(|installed| installed.hook.name.clone())
}

/// Owners whose question could not be asked or answered, and things that could not be looked at.
fn waits(runner: &Runner, noted: &BTreeMap<i64, Item>, now: Timestamp) -> Result<Vec<Waits>, Error> {
    let mut all = Vec::new();
    for row in runner.store.living_rows()?.into_iter().filter(|row| !noted.contains_key(&row.id)) {
        let (Some(error), Some(item)) = (&row.error, of_row(runner, &row, Action::Held, None)?) else {
            continue;
        };
        let why = format!("{}/{} could not be looked at: {error}", row.kind, row.key);
        all.push(Waits { hook: item.hook, owner: item.owner, why, frozen: false });
    }
    for lane in runner.store.unanswered_lanes()? {
        let (Some(hook), Some(owner)) = (name(runner, lane.0.hook), runner.store.subject(lane.0.subject)?)
        else {
            continue;
        };
        if owner.gone_at.is_none_or(|gone| gone > now) {
            let frozen = lane.1.starts_with(OUT_OF_SCOPE);
            all.push(Waits { hook, owner: owner.subject.path, why: lane.1, frozen });
        }
    }
    all.sort_by(|one, other| (&one.owner, &one.hook).cmp(&(&other.owner, &other.hook)));
    Ok(all)
}

fn sort(items: &mut [Item]) {
    items.sort_by(|one, other| {
        let place =
            |item: &Item| (item.owner.clone(), item.hook.clone(), item.kind.clone(), item.key.clone());
        place(one).cmp(&place(other))
    });
}

/// The ledger as it was before the rehearsal.
struct Before {
    owners: BTreeMap<i64, SubjectId>,
    /// Ids of findings that were open.
    conflicts: BTreeSet<String>,
}

impl Before {
    fn of(store: &Store) -> Result<Self, Error> {
        let rows = store.living_rows()?;
        let conflicts = conflicts(store)?.into_iter().map(|finding| finding.id).collect();
        Ok(Self { owners: rows.into_iter().map(|row| (row.id, row.owner)).collect(), conflicts })
    }

    /// Rows that passed to another owner.
    fn handed_over(&self, runner: &Runner) -> Result<Vec<Item>, Error> {
        let mut items = Vec::new();
        for row in runner.store.living_rows()? {
            let Some(was) = self.owners.get(&row.id).filter(|was| **was != row.owner) else { continue };
            let from = runner.store.subject(*was)?.map(|from| from.subject.path.to_string());
            let why = from.map(|from| format!("from {from}"));
            items.extend(of_row(runner, &row, Action::HandOver, why)?);
        }
        Ok(items)
    }

    /// Wants that found another owner at their place; rows that found somebody else's thing are noted already.
    fn conflicts(&self, runner: &Runner, noted: &BTreeMap<i64, Item>) -> Result<Vec<Item>, Error> {
        let is_noted =
            |row: &StoredRow| noted.get(&row.id).is_some_and(|item| item.action == Action::Conflict);
        let mut items = Vec::new();
        for finding in conflicts(&runner.store)? {
            if self.conflicts.contains(&finding.id) {
                continue;
            }
            let rows = runner.store.rows_named(&finding.about)?;
            let row = rows.iter().find(|row| row.row.state != State::Gone && finding.is_at(&row.target));
            if let Some(row) = row.filter(|row| !is_noted(row)) {
                items.extend(of_row(runner, row, Action::Conflict, Some(finding.message))?);
            }
        }
        Ok(items)
    }
}

fn conflicts(store: &Store) -> Result<Vec<Finding>, Error> {
    let mut open = store.findings(ClosedToo::No)?;
    open.retain(|finding| finding.code == "resource.conflict");
    Ok(open)
}

fn of_row(
    runner: &Runner,
    row: &StoredRow,
    action: Action,
    why: Option<String>,
) -> Result<Option<Item>, Error> {
    let Some(owner) = runner.store.subject(row.owner)? else { return Ok(None) };
    let Some(hook) = name(runner, row.hook) else { return Ok(None) };
    Ok(Some(Item {
        action,
        hook,
        owner: owner.subject.path,
        owner_id: owner.subject.uid,
        kind: row.kind.clone(),
        key: row.key.clone(),
        row: Some(row.row.id.clone()),
        thing: row.row.thing.clone(),
        body: row.row.spec.clone(),
        changes: Vec::new(),
        why,
        not_before: None,
    }))
}
