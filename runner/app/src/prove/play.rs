//! Plays one scene from beginning to end, with restarts where the process dies.

use std::collections::BTreeMap;
use std::fmt::{self, Write as _};
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use groundcrew_core::time::Timestamp;
use groundcrew_outside::judge::{Told, Verdict, judge};
use groundcrew_outside::{Act, Effect, Outside, Receipt};
use groundcrew_store::Options;
use groundcrew_store::findings::{ClosedToo, Finding};
use serde_json::Value;

use super::audited::{Audited, Looked};
use super::beside::{Beside, Seen};
use super::carrier::{Carrier, Sent, Wire};
use super::clock::{Clock, START};
use super::disk::{Disk, OnFile};
use super::faults::{Laid, Moment, Schedule, Strike};
use super::happening::{Happening, Owed};
use super::records::Kept;
use super::scene::{Doing, Memory, Records, Scene, Tells};
use super::{look, operator, records, source, start};
use crate::runner::Runner;

/// Looks and deliveries in one play; more means that something never comes to rest.
const WORKS_MAX: usize = 2_000;
/// Starts that fail one after the other before a play is given up.
const STARTS_MAX: u32 = 20;

/// What became of one play.
#[derive(Clone, Debug)]
pub struct Played<S> {
    /// The blows that it was dealt.
    pub strikes: Vec<Strike>,
    /// The blows that fell, in words.
    pub dealt: Vec<String>,
    /// Every moment that it met.
    pub moments: Vec<Moment>,
    /// Of each moment, whether a crash there leaves something else than one at the moment before.
    pub fresh: Vec<bool>,
    /// What the judge of the fake's log says.
    pub verdict: Verdict,
    /// What receivers were not told, or not in order.
    pub told: Told,
    /// What they were told, each by the first request under its event's id.
    pub happenings: Vec<Happening>,
    /// What its audits left; none: it has none.
    pub audited: Option<Audited>,
    /// What is wrong with that, with what receivers were told beyond what the scenario says, and, where it was compared,
    /// with what the undisturbed play leaves otherwise; a line each.
    pub otherwise: Vec<String>,
    /// What the fake's listings show at the end, by collection, first pages.
    pub shown: BTreeMap<String, Vec<Value>>,
    /// All findings of the runner, closed ones too.
    pub findings: Vec<Finding>,
    /// What took effect outside.
    pub log: Vec<Effect>,
    /// What receivers were told.
    pub receipts: Vec<Receipt>,
    /// Requests that reached the fakes.
    pub sent: Vec<Sent>,
    /// What is to be judged of what is beside the fake.
    pub beside: S,
    /// The runs and the ledger, if they were asked for.
    pub kept: Option<Kept>,
    /// It kept working without end, or did not start any more.
    pub restless: bool,
    /// Times that the process was started.
    pub starts: u32,
}

impl<S: Seen> Played<S> {
    /// Whether nothing was doubled, lost, leaked, foreign or untold, and what is beside the fake is right.
    pub fn is_right(&self) -> bool {
        let told = self.told == Told::default() && self.otherwise.is_empty();
        self.verdict.is_clean() && told && self.beside.is_right() && !self.restless
    }

    /// Whether a collection shows, at the end, one thing of ours whose field has this value.
    pub fn shows(&self, path: &str, value: u32) -> bool {
        let items = self.shown.get(path).into_iter().flatten();
        items.filter(|item| item["value"] == value).count() == 1
    }

    /// Whether the runner reported this.
    pub fn found(&self, code: &str) -> bool {
        self.findings.iter().any(|finding| finding.code == code)
    }

    /// Whether a finding of this code is open at the end.
    pub fn is_open(&self, code: &str) -> bool {
        self.findings.iter().any(|finding| finding.code == code && finding.closed.is_none())
    }
}

impl<S: Seen> fmt::Display for Played<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut story = String::new();
        for strike in &self.strikes {
            let moment =
                self.moments.get(strike.at).map_or_else(|| "never met".to_owned(), ToString::to_string);
            writeln!(story, "  {:?} at moment {} ({moment})", strike.blow, strike.at)?;
        }
        for effect in &self.log {
            let purpose = effect.purpose.as_ref().map(ToString::to_string).unwrap_or_default();
            let at = effect.at - START;
            let name = effect.name.as_deref().unwrap_or_default();
            writeln!(
                story,
                "  {at:>9} ms  {:?} {:?} {}/{} {purpose} {name}",
                effect.by, effect.what, effect.collection, effect.id
            )?;
        }
        self.beside.tell(&mut story)?;
        for line in &self.otherwise {
            writeln!(story, "  {line}")?;
        }
        for finding in &self.findings {
            let closed = if finding.closed.is_some() { "closed" } else { "open" };
            writeln!(story, "  finding {} {} ({closed}): {}", finding.code, finding.about, finding.message)?;
        }
        let restless = if self.restless { ", restless" } else { "" };
        write!(
            f,
            "{}, untold {}, early {}{restless}\n{story}",
            self.verdict,
            self.told.missing.len(),
            self.told.early.len()
        )
    }
}

/// Plays a scene under these blows.
///
/// # Panics
/// If the machine has no room for a database or a thread: then nothing can be said.
pub fn play<B: Beside>(scene: &Scene<B>, strikes: &[Strike]) -> Played<B::Seen> {
    Stage::new(scene, strikes, Disk::empty()).run(strikes)
}

/// The same on a database in a file, in a folder that is there and empty: what a death leaves is what a killed process
/// leaves of its files.
///
/// # Panics
/// As [`play()`]; and if the scene's memory is not durable, for a file forgets nothing.
pub fn play_on_file<B: Beside>(scene: &Scene<B>, strikes: &[Strike], folder: &Path) -> Played<B::Seen> {
    assert_eq!(scene.memory, Memory::Durable, "a file forgets nothing");
    let disk = OnFile::new(folder).expect("invariant: the machine has room for a database");
    Stage::new(scene, strikes, Disk::File(Arc::new(disk))).run(strikes)
}

/// The same on a database in a file, in a folder of its own within this one; a scene that forgets has it in memory, for a
/// file forgets nothing.
///
/// # Panics
/// If the machine has no room there.
pub fn play_within<B: Beside>(scene: &Scene<B>, strikes: &[Strike], folder: &Path) -> Played<B::Seen> {
    match scene.memory {
        Memory::Durable => {
            let folder = tempfile::tempdir_in(folder).expect("invariant: the machine has room for a folder");
            play_on_file(scene, strikes, folder.path())
        }
        Memory::Forgetful => play(scene, strikes),
    }
}

/// What of a stage is not lost with a process, for whoever looks on while it is played.
pub(super) struct Lasting {
    pub(super) clock: Clock,
    pub(super) outside: Outside,
    pub(super) next: Arc<AtomicUsize>,
    pub(super) works: Arc<AtomicUsize>,
    pub(super) starts: Arc<AtomicU32>,
    pub(super) owed: Arc<Mutex<Owed>>,
    pub(super) looked: Arc<Mutex<BTreeMap<usize, Looked>>>,
    pub(super) wire: Wire,
}

/// How a play begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Begins {
    /// With the scene.
    Fresh,
    /// After a death.
    Dead,
}

/// Everything that outlives a process: the script, the fakes, the disk.
pub(super) struct Stage<'a, B: Beside> {
    pub(super) scene: &'a Scene<B>,
    pub(super) clock: Clock,
    pub(super) starts: Arc<AtomicU32>,
    /// What handlers are owed.
    pub(super) owed: Arc<Mutex<Owed>>,
    /// What each look left, by its place in the script.
    pub(super) looked: Arc<Mutex<BTreeMap<usize, Looked>>>,
    /// The scene's, and looks at the end.
    script: Vec<(i64, Doing<B::Act>)>,
    pub(super) outside: Outside,
    beside: B,
    pub(super) schedule: Arc<Schedule>,
    pub(super) wire: Wire,
    pub(super) disk: Disk,
    /// How far the script is.
    pub(super) next: Arc<AtomicUsize>,
    pub(super) works: Arc<AtomicUsize>,
    /// Whether its process is dead when it begins.
    pub(super) begins: Begins,
    restless: AtomicBool,
    unsteady: Mutex<Option<String>>,
}

impl<'a, B: Beside> Stage<'a, B> {
    pub(super) fn new(scene: &'a Scene<B>, strikes: &[Strike], disk: Disk) -> Self {
        let clock = Clock::default();
        let shown = clock.clone();
        let outside = Outside::new(Arc::new(move || shown.millis()));
        for (path, knobs) in &scene.collections {
            outside.open(path, knobs.clone());
        }
        let next = Arc::new(AtomicUsize::new(0));
        let schedule = schedule(strikes, &clock, &next);
        let schedule = match (scene.memory, &disk) {
            (Memory::Forgetful, Disk::Memory(disk)) => {
                let forgetful = disk.clone();
                schedule.telling(move |_| forgetful.keep())
            }
            _ => schedule,
        };
        Self {
            scene,
            beside: B::new(&clock),
            clock,
            outside,
            schedule: Arc::new(schedule),
            wire: Wire::default(),
            starts: Arc::default(),
            disk,
            next,
            works: Arc::default(),
            begins: Begins::Fresh,
            restless: AtomicBool::new(false),
            unsteady: Mutex::default(),
            owed: Arc::default(),
            looked: Arc::default(),
            script: look::script(scene),
        }
    }

    /// What of it is not lost with a process; a clone is the same.
    pub(super) fn lasting(&self) -> Lasting {
        Lasting {
            clock: self.clock.clone(),
            outside: self.outside.clone(),
            next: self.next.clone(),
            works: self.works.clone(),
            starts: self.starts.clone(),
            owed: self.owed.clone(),
            looked: self.looked.clone(),
            wire: self.wire.clone(),
        }
    }

    /// Plays it to its end, on this thread.
    pub(super) fn run(self, strikes: &[Strike]) -> Played<B::Seen> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build();
        let runtime = runtime.expect("invariant: a runtime can be made");
        let played = runtime.block_on(Box::pin(self.play()));
        Played { strikes: strikes.to_vec(), ..played }
    }

    async fn play(self) -> Played<B::Seen> {
        let mut ended = match self.begins {
            Begins::Fresh => self.process().await,
            Begins::Dead => Ended::Crashed,
        };
        while self.starts_again(ended) {
            ended = self.process().await;
        }
        self.judge()
    }

    /// One process, until it dies.
    async fn process(&self) -> Ended {
        self.starts.fetch_add(1, Ordering::SeqCst);
        tokio::select! {
            // A crash is seen before anything else that the dead process might have done.
            biased;
            () = self.death() => Ended::Crashed,
            ended = Box::pin(self.life()) => ended,
        }
    }

    /// It dies. The disk is left as it is at this moment, before the process is taken apart.
    async fn death(&self) {
        self.schedule.crash().await;
        self.disk.abandoned();
    }

    /// Whether another process comes after this one; it is a while until then.
    fn starts_again(&self, ended: Ended) -> bool {
        match (ended, &self.disk) {
            (Ended::Horizon, _) => return false,
            (Ended::Crashed, Disk::Memory(disk)) if self.scene.memory == Memory::Forgetful => disk.forget(),
            (Ended::Crashed | Ended::NotStarted, _) => {}
        }
        if self.starts.load(Ordering::SeqCst) > STARTS_MAX {
            self.restless.store(true, Ordering::SeqCst);
            return false;
        }
        self.clock.pass(self.scene.away);
        self.schedule.revive();
        true
    }

    /// One process, from its start to the end of the scenario.
    async fn life(&self) -> Ended {
        let Ok(runner) = self.start().await else { return Ended::NotStarted };
        let end = START + self.scene.lasts;
        while self.clock.millis() < end {
            self.perform(&runner).await;
            let now = self.clock.millis();
            let Ok(due) = runner.store.due_lanes(Timestamp::from_millis(now), 64) else {
                return Ended::NotStarted;
            };
            for lane in &due {
                if runner.work(*lane).await.is_err() {
                    let later = Timestamp::from_millis(self.clock.millis() + 1_000);
                    // What cannot be postponed either stays due, as in the dispatcher.
                    drop(runner.store.postpone_delivery(*lane, later).await);
                    self.clock.pass(250);
                }
            }
            if due.is_empty() {
                self.ask_twice(&runner).await;
                let next = runner.store.next_due(Timestamp::from_millis(now)).ok().flatten();
                let next = [next.map(Timestamp::as_millis), self.next_at()].into_iter().flatten().min();
                self.clock.reach(next.unwrap_or(end).min(end));
            }
            if self.works.fetch_add(due.len(), Ordering::SeqCst) > WORKS_MAX {
                self.restless.store(true, Ordering::SeqCst);
                break;
            }
        }
        Ended::Horizon
    }

    /// Where a proof's records are kept, `desired` is asked twice whenever all is quiet; until it was seen to differ.
    async fn ask_twice(&self, runner: &Runner) {
        let known = || self.unsteady.lock().unwrap_or_else(PoisonError::into_inner);
        if self.scene.records != Records::All || known().is_some() {
            return;
        }
        // What cannot be read now is asked at the next quiet moment.
        if let Ok(Some(differs)) = runner.differs_when_asked_twice().await {
            *known() = Some(differs);
        }
    }

    async fn start(&self) -> Result<Arc<Runner>, groundcrew_store::Error> {
        let faults = Arc::new(Laid { schedule: self.schedule.clone(), wire: self.wire.clone() });
        let options = Options { faults: Some(faults.clone()), ..Options::default() };
        let store = self.disk.open(options)?;
        let (outside, server) = (self.outside.clone(), self.scene.server.clone());
        let carrier = Carrier::new(outside, server, self.beside.clone(), self.clock.clone());
        start::runner(self, store, Arc::new(carrier.with_wire(self.wire.clone())), faults).await
    }

    /// Performs what the script has up to now. What a source brings and the store refuses is brought again.
    async fn perform(&self, runner: &Runner) {
        while let Some((at, doing)) = self.script.get(self.next.load(Ordering::SeqCst)) {
            if START + at > self.clock.millis() {
                return;
            }
            match doing {
                Doing::Act { path, act } => self.outside.script(self.clock.millis(), path, act.clone()),
                Doing::Open { path, knobs } => {
                    self.outside.script(self.clock.millis(), path, Act::End);
                    self.outside.open(path, (**knobs).clone());
                }
                Doing::Fault { after, method, fault } => {
                    self.outside.after(*after, method.as_deref(), *fault);
                }
                Doing::Unread { from, lasts } => self.outside.unread(START + from, START + from + lasts),
                Doing::Beside(act) => self.beside.perform(act),
                Doing::Sees(sighting) => {
                    let version = self.next.load(Ordering::SeqCst) as u64 + 1;
                    if source::tell(self, runner, sighting, version).await.is_err() {
                        self.clock.pass(250);
                        return;
                    }
                }
                Doing::Hears(heard) => {
                    let version = self.next.load(Ordering::SeqCst) as u64 + 1;
                    if source::hear(self, runner, heard, version).await.is_err() {
                        self.clock.pass(250);
                        return;
                    }
                }
                Doing::Tick => {
                    if source::tick(self, runner, Timestamp::from_millis(START + at)).await.is_err() {
                        self.clock.pass(250);
                        return;
                    }
                }
                Doing::Operator(operator) => {
                    // Whoever types a command and is told that the disk failed types it again.
                    if operator::intervenes(self, runner, operator).await.is_err() {
                        self.clock.pass(250);
                        return;
                    }
                }
                Doing::Look => {
                    // What broke off is run again, as a missed tick is.
                    if look::around(self, runner, self.next.load(Ordering::SeqCst)).await.is_err() {
                        self.clock.pass(250);
                        return;
                    }
                }
            }
            self.next.fetch_add(1, Ordering::SeqCst);
        }
    }

    fn next_at(&self) -> Option<i64> {
        self.script.get(self.next.load(Ordering::SeqCst)).map(|(at, _)| START + at)
    }

    /// Which app of a name was seen last before a step of the script: its machines belong to it.
    pub(super) fn app_before(&self, app: &str, step: u64) -> u32 {
        let before = self.script.iter().take(step as usize).rev();
        let mut apps = before.filter_map(|(_, doing)| match doing {
            Doing::Sees(sighting) if sighting.app == app && sighting.machine.is_none() => {
                Some(sighting.incarnation)
            }
            _ => None,
        });
        apps.next().unwrap_or(1)
    }

    fn listing(&self, path: &str) -> Vec<Value> {
        let answer = self.outside.handle("GET", path, &[], &[]).answer();
        answer.and_then(|answer| answer.json()["items"].as_array().cloned()).unwrap_or_default()
    }

    fn judge(self) -> Played<B::Seen> {
        let log = self.beside.log(self.outside.log());
        let owed = self.owed.lock().unwrap_or_else(PoisonError::into_inner);
        let receipts = self.outside.receipts();
        let happenings = owed.told(&receipts);
        let (told, mut otherwise) = match self.scene.tells {
            Tells::Everything => owed.judge(&receipts, self.scene.told.as_deref()),
            Tells::Nothing => (Told::default(), Vec::new()),
        };
        let shown = self.scene.collections.iter().map(|(path, _)| (path.clone(), self.listing(path)));
        let reader = self.disk.reader().expect("invariant: what was played can be read");
        let findings = reader.findings(ClosedToo::Yes).ok();
        let kept = match self.scene.records {
            Records::None => None,
            Records::All | Records::Whole => records::read(&reader, self.scene.records).ok(),
        };
        let unsteady = self.unsteady.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let kept = kept.map(|kept| Kept { unsteady, ..kept });
        let looked = self.looked.lock().unwrap_or_else(PoisonError::into_inner);
        let audited = self.scene.audits().then(|| Audited::of(looked.values().cloned().collect(), &log));
        let verdict = match audited {
            // What mends acts on what others made: it is judged by what it does when nothing goes wrong.
            Some(_) => Verdict::default(),
            None => judge(&log, &self.scene.expects),
        };
        otherwise.extend(audited.iter().flat_map(|audited| match &self.scene.audited {
            Some(whole) => audited.against(whole),
            None => audited.alone(self.scene.looks, self.scene.opens.as_ref()),
        }));
        Played {
            strikes: Vec::new(),
            dealt: self.schedule.dealt(),
            moments: self.schedule.moments(),
            fresh: self.schedule.fresh(),
            verdict,
            told,
            happenings,
            otherwise,
            shown: shown.collect(),
            findings: findings.unwrap_or_default(),
            log,
            receipts,
            sent: self.wire.sent(),
            beside: self.beside.seen(),
            kept,
            restless: self.restless.load(Ordering::SeqCst),
            starts: self.starts.load(Ordering::SeqCst),
            audited: audited.clone(),
        }
    }
}

/// A schedule of these blows by the time and the script of a play.
pub(super) fn schedule(strikes: &[Strike], clock: &Clock, next: &Arc<AtomicUsize>) -> Schedule {
    let (time, script) = (clock.clone(), next.clone());
    Schedule::new(strikes, move || (time.millis(), script.load(Ordering::SeqCst)))
}

#[derive(Clone, Copy)]
enum Ended {
    Horizon,
    Crashed,
    NotStarted,
}
