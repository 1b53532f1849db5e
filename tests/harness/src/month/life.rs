//! Process after process, to the end of the month.

use groundcrew::control::{self, Became, End, NoHints, PlannedRow, Request};
use groundcrew_core::duration::Millis;
use groundcrew_core::row::State;
use groundcrew_core::time::Timestamp;
use groundcrew_engine::clock::Clock as _;
use groundcrew_store::ends::removal_print;
use groundcrew_store::findings::ClosedToo;
use groundcrew_store::hooks::{HookState, Old, StoredHook};
use groundcrew_store::lanes::{Cause, LaneId};
use groundcrew_store::ledger::StoredRow;
use groundcrew_store::operators::OperatorAct;
use groundcrew_store::sight::LOST;
use groundcrew_store::{Error, HookId, Result};

use super::Pace;
use super::act::{Act, Change, DAY, Disk, HOUR, MINUTE};
use super::lookout;
use super::stage::Stage;
use super::up::{self, Up};

/// Who the operator is, in the operators' record.
const WHO: &str = "month";
/// How long the process is away after a crash, in milliseconds.
const AWAY: i64 = 2_000;
/// Starts that may fail one after the other, each some minutes after the last: longer than any full disk.
const STARTS_MAX: u32 = 2_000;
/// How often label sources look for what is due.
const fn labels_every(pace: Pace) -> i64 {
    match pace {
        Pace::Shipped => 5 * MINUTE,
        Pace::Seldom => 20 * MINUTE,
    }
}
/// Lanes that are worked on before the script and the sources have their turn again.
const LANES: u32 = 16;
/// The same while the disk is full: all of them fail in the same way.
const LANES_IN_VAIN: u32 = 4;

/// How a process ended.
enum Ended {
    Horizon,
    Crashed,
    Restart,
    NotStarted,
}

/// What comes after an act.
enum Next {
    Go,
    Restart,
}

/// Plays a month; false: it does not come to rest, or does not start any more.
pub(super) async fn play(stage: &Stage) -> bool {
    let mut failed = 0;
    loop {
        stage.starts.set(stage.starts.get() + 1);
        let ended = tokio::select! {
            // A crash is seen before anything else that the dead process might have done.
            biased;
            () = stage.fate.crash() => Ended::Crashed,
            ended = Box::pin(life(stage)) => ended,
        };
        failed = if matches!(ended, Ended::NotStarted) { failed + 1 } else { 0 };
        match ended {
            Ended::Horizon => return true,
            Ended::NotStarted if failed > STARTS_MAX => return false,
            // What starts a service again waits longer and longer.
            Ended::NotStarted => pass_time(stage),
            Ended::Crashed | Ended::Restart => stage.clock.pass(AWAY),
        }
        // What the dead process had begun beside its life ends, too.
        tokio::task::yield_now().await;
        stage.fate.revive();
        if stage.works.get() > stage.month.works_max() {
            return false;
        }
    }
}

/// Lets minutes pass in which nobody runs, with what happens in them.
fn pass_time(stage: &Stage) {
    let until = stage.clock.millis() + 5 * MINUTE;
    stage.clock.pass(MINUTE);
    while let Some(at) = stage.next_at().filter(|at| *at <= until) {
        stage.clock.reach(at);
        match stage.due() {
            // Not within these minutes, or it would be taken up here again and again.
            Some(act) if is_operators(&act) => stage.later(until + 1, act),
            Some(act) => stage.happen(&act),
            None => break,
        }
    }
    stage.clock.reach(until);
}

const fn is_operators(act: &Act) -> bool {
    matches!(act, Act::Configure(_) | Act::Round | Act::Pause { .. } | Act::Unpause { .. } | Act::Look)
}

/// One process, from its start to its end.
async fn life(stage: &Stage) -> Ended {
    let Ok(mut up) = up::start(stage).await else { return Ended::NotStarted };
    // Who was cut off while they typed looks how far it came, and does the rest.
    if let Some(act) = stage.begun.take() {
        stage.later(stage.clock.millis(), act);
    }
    while stage.clock.millis() < stage.end() && stage.works.get() <= stage.month.works_max() {
        if stage.is_quiet() {
            stage.calm();
        }
        while let Some(act) = stage.due() {
            match perform(stage, &mut up, act).await {
                Next::Go => {}
                Next::Restart => return Ended::Restart,
            }
        }
        turn_sources(stage, &mut up).await;
        step_gates(stage, &mut up).await;
        turn_audits(stage, &mut up).await;
        // What could not be told is told at the next turn.
        drop(up.tell_unreachable().await);
        let Ok(worked) = work(stage, &up).await else { return Ended::NotStarted };
        if stage.fate.disk() == Disk::Full {
            // Whoever fails waits; a round in some minutes shows all that there is to see.
            let wait = stage.clock.millis() + 5 * MINUTE;
            stage.clock.reach(stage.next_at().map_or(wait, |at| at.min(wait)));
        } else if worked == 0 {
            wait(stage, &up);
        }
    }
    Ended::Horizon
}

async fn turn_sources(stage: &Stage, up: &mut Up) {
    if up.fly_at <= stage.clock.millis() {
        let wake = up.fly.turn().await;
        up.fly_at = stage.after(wake);
        // A doubt that could not be followed is followed at the next turn.
        drop(up.follow_belief().await);
    }
    if up.labels_at <= stage.clock.millis() {
        up.labels_at = stage.clock.millis() + labels_every(stage.month.pace);
        up.labels.turn().await;
    }
}

/// Audits what is due. Not while the disk is full: whoever audits then waits until what it saw can be kept.
async fn turn_audits(stage: &Stage, up: &mut Up) {
    if up.audits_at > stage.clock.millis() || stage.fate.disk() == Disk::Full {
        return;
    }
    if let Some(audits) = &mut up.audits {
        let wake = audits.turn().await;
        up.audits_at = stage.after(wake);
    }
}

/// Takes changed hooks on through their gates, as the runner does, but not as often: nobody is there who waits.
async fn step_gates(stage: &Stage, up: &mut Up) {
    if up.gates_at > stage.clock.millis() {
        return;
    }
    let left = up.runner.step_gates(&mut up.gates).await;
    let rests = up.runner.registry().all().any(|installed| up.runner.rests(installed.id));
    let pause = if rests { MINUTE } else { HOUR / 2 };
    up.gates_at = left.map_or(i64::MAX, |_| stage.clock.millis() + pause);
}

/// Works on lanes that are due, hook by hook, as the dispatcher does; says on how many.
async fn work(stage: &Stage, up: &Up) -> Result<usize> {
    // One question for all hooks: mostly nothing is due, for it is a source or the script that has its turn.
    let soonest = up.runner.store.next_due(Timestamp::from_millis(i64::MIN))?;
    if soonest.is_none_or(|at| at > stage.watch.now()) {
        return Ok(0);
    }
    let lanes = if stage.fate.disk() == Disk::Full { LANES_IN_VAIN } else { LANES };
    let mut worked = 0;
    for installed in up.runner.registry().all().filter(|installed| up.runner.is_foreseen(installed.id)) {
        for cause in [Cause::Event, Cause::Sweep] {
            let due = up.runner.store.due_lanes_of(installed.id, cause, stage.watch.now(), lanes)?;
            worked += due.len();
            let may_rest = cause == Cause::Sweep && installed.hook.provisioner().is_some();
            let is_swept = may_rest && !due.is_empty();
            // What cannot be swept is looked at.
            let swept = if is_swept {
                up.runner.clone().sweep(installed.clone(), due.clone()).await.ok()
            } else {
                None
            };
            for lane in swept.unwrap_or(due) {
                work_or_postpone(stage, up, lane).await;
            }
        }
    }
    stage.works.set(stage.works.get() + worked as u64);
    Ok(worked)
}

async fn work_or_postpone(stage: &Stage, up: &Up, lane: LaneId) {
    if up.runner.work(lane).await.is_err() {
        let later = stage.watch.now() + Millis::seconds(1);
        // What cannot be postponed either stays due, as in the dispatcher.
        drop(up.runner.store.postpone_delivery(lane, later).await);
    }
}

/// Lets time pass until something is due.
fn wait(stage: &Stage, up: &Up) {
    let now = stage.watch.now();
    let lanes = up.runner.store.next_due(now).ok().flatten();
    let lanes = lanes.into_iter().map(|at| stage.watch.truly(at));
    let next = lanes
        .chain([up.fly_at, up.labels_at, up.gates_at, up.audits_at])
        .chain(stage.next_at())
        .chain([stage.end()])
        .min();
    let soonest = stage.clock.millis() + 1;
    stage.clock.reach(next.unwrap_or(soonest).max(soonest));
}

/// Lets something happen. What the operator could not do because the disk is full is done later.
async fn perform(stage: &Stage, up: &mut Up, act: Act) -> Next {
    let done = match &act {
        Act::Configure(change) => configure(stage, up, *change).await,
        Act::Round => round(stage, up).await.map(|()| Next::Go),
        Act::Pause { hook, level } => {
            let id = named(stage, up, hook);
            up.runner.store.pause(id, None, *level, WHO, stage.watch.now()).await.map(|()| Next::Go)
        }
        Act::Unpause { hook } => {
            let id = named(stage, up, hook);
            up.runner.store.unpause(id, None, WHO, stage.watch.now()).await.map(|_| Next::Go)
        }
        Act::Look => {
            let seen = lookout::look(stage, up).await;
            stage.seen.borrow_mut().push(seen);
            Ok(Next::Go)
        }
        worlds => {
            stage.happen(worlds);
            Ok(Next::Go)
        }
    };
    done.unwrap_or_else(|_| {
        stage.later(stage.clock.millis() + HOUR / 2, act);
        Next::Go
    })
}

/// The hook that was called this at first.
fn named(stage: &Stage, up: &Up, hook: &'static str) -> Option<HookId> {
    let called = stage.edition.borrow().called(hook);
    up.runner.registry().named(called).map(|installed| installed.id)
}

/// Writes another configuration and starts the runner anew.
async fn configure(stage: &Stage, up: &Up, change: Change) -> Result<Next> {
    if matches!(change, Change::MachinesRemoved | Change::MachinesKept | Change::MachinesDropped) {
        return end_machines(stage, up, change).await;
    }
    let old = match change {
        Change::BaseRetained => Some(Old::Retained),
        Change::BaseBoth => Some(Old::Kept),
        // Its old things were not let go of yet: they were in doubt.
        Change::BaseBefore if stage.moved_at.get().is_none() => {
            return Err(Error::Superseded("a hook's things"));
        }
        _ => None,
    };
    if let Some(old) = old {
        let store = &up.runner.store;
        let base = store.hooks()?.into_iter().find(|hook| hook.name == "base");
        let base = base.expect("invariant: the hook `base` ran since the beginning");
        let doubted = store.hook_rows(base.id)?;
        if doubted.iter().any(|row| row.row.state == State::InDoubt) {
            return Err(Error::Superseded("a hook's things"));
        }
        let act = OperatorAct { who: WHO.to_owned(), what: "hook retarget base".to_owned() };
        store.retarget(base.id, "base-before", old, act, stage.watch.now()).await?;
        stage.moved_at.set(Some(stage.clock.millis()));
    }
    stage.edition.borrow_mut().change(change);
    Ok(Next::Restart)
}

/// Ends the machines' hook as the command does, takes that back, or drops its stanza once nothing is left of it.
async fn end_machines(stage: &Stage, up: &Up, change: Change) -> Result<Next> {
    let not_yet = || Error::Superseded("the hook `mach`");
    let store = &up.runner.store;
    let mach: StoredHook = store.hooks()?.into_iter().find(|hook| hook.name == "mach").ok_or_else(not_yet)?;
    let is_removed = stage.edition.borrow().has(Change::MachinesRemoved);
    let (fits, end) = match change {
        Change::MachinesRemoved => {
            let rows = store.hook_rows(mach.id)?.into_iter().filter(|row| row.row.state != State::Retained);
            let planned =
                |row: StoredRow| PlannedRow { row: row.row.id.to_string(), print: removal_print(&row) };
            (stage.edition.borrow().has_machines(), Some(End::Cleanup { rows: rows.map(planned).collect() }))
        }
        Change::MachinesKept => (is_removed, Some(End::Abort)),
        _ => (is_removed && mach.state == HookState::Removed, None),
    };
    if !fits {
        return Err(not_yet());
    }
    // What a crash cut off may have been done.
    let is_ending = mach.ending.is_some();
    let is_done = matches!(change, Change::MachinesRemoved) == is_ending;
    let Some(end) = end else {
        stage.edition.borrow_mut().change(change);
        return Ok(Next::Restart);
    };
    if !is_done {
        *stage.begun.borrow_mut() = Some(Act::Configure(change));
        let request = Request::HookRemove { hook: "mach".to_owned(), end };
        let act = control::Act { who: WHO.to_owned(), request };
        let done = control::perform(store, &NoHints, &act, stage.watch.now()).await;
        stage.begun.take();
        done.map_err(|_| not_yet())?;
    }
    stage.edition.borrow_mut().change(change);
    Ok(Next::Go)
}

/// Whoever is told that a creation's answer was lost, and that its thing cannot be told from others, looks it up at the
/// neighbour, and says which one it is.
async fn settle_by_hand(stage: &Stage, up: &Up) -> Result<()> {
    let store = &up.runner.store;
    let findings = store.findings(ClosedToo::No)?;
    let rows = store.living_rows()?;
    let told = |row: &&StoredRow| {
        findings.iter().any(|it| it.code == "resource.ambiguous" && it.about == row.about())
    };
    let doubted = rows.iter().filter(|row| row.row.state == State::InDoubt).filter(told);
    for row in doubted {
        let Some(owner) = store.subject(row.owner)? else { continue };
        let held = |id: &str| rows.iter().any(|other| other.row.thing.as_deref() == Some(id));
        let made = stage.made_for(owner.subject.path.as_str(), &row.kind, &row.key);
        let became = made.into_iter().find(|id| !held(id)).map_or(Became::Nothing, Became::Thing);
        let request = Request::Settle { row: row.row.id.to_string(), became };
        let act = control::Act { who: WHO.to_owned(), request };
        // What is no longer in doubt by then needs nobody.
        drop(control::perform(store, &NoHints, &act, stage.watch.now()).await);
    }
    Ok(())
}

/// Lets hooks write that did not find a thing of the version before: whoever made the version knows that it is right, and
/// that it was a stranger, or a neighbour that was out.
async fn trust_upgrades(stage: &Stage, up: &Up) -> Result<()> {
    let findings = up.runner.store.findings(ClosedToo::No)?;
    for lost in findings.into_iter().filter(|finding| finding.code == LOST) {
        let act = control::Act { who: WHO.to_owned(), request: Request::ApproveUpgrade { hook: lost.about } };
        // One that found everything by then needs nobody.
        drop(control::perform(&up.runner.store, &NoHints, &act, stage.watch.now()).await);
    }
    Ok(())
}

/// Looks at what waits for a person: approves what is held, believes ends that are really so, tries again what gave up.
async fn round(stage: &Stage, up: &mut Up) -> Result<()> {
    let store = up.runner.store.clone();
    let held = store.held_rows(None)?;
    let now = stage.watch.now();
    if !held.is_empty() {
        store.approve(held, WHO, now, now + Millis::new(DAY)).await?;
    }
    settle_by_hand(stage, up).await?;
    trust_upgrades(stage, up).await?;
    if stage.is_quiet() {
        store.unpause(None, None, WHO, now).await?;
        for pause in ["things", "base", "ip", "dns"] {
            let id = named(stage, up, pause);
            store.unpause(id, None, WHO, now).await?;
        }
    }
    if stage.platform_is_well()
        && matches!(up.handle.status().belief, groundcrew::source::Belief::Held { .. })
    {
        let handle = up.handle.clone();
        let shown = groundcrew::source::vanished(&store)?;
        let (believed, wake) = tokio::join!(handle.approve_vanished(shown), up.fly.turn());
        up.fly_at = stage.after(wake);
        believed?;
        up.follow_belief().await?;
    }
    Ok(())
}
