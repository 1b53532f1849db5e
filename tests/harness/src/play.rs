//! Plays one scenario from beginning to end, with restarts where the process dies.

use std::collections::BTreeMap;
use std::fmt::{self, Write as _};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use groundcrew::runner::Runner;
use groundcrew_core::time::Timestamp;
use groundcrew_outside::judge::{Told, Verdict, judge, told};
use groundcrew_outside::{Effect, Outside, Purpose, What};
use groundcrew_store::findings::{ClosedToo, Finding};
use groundcrew_store::{Options, Store};
use serde_json::Value;

use crate::carrier::Carrier;
use crate::clock::{Clock, START};
use crate::faults::{Laid, Moment, Schedule, Strike};
use crate::hooks::Shop;
use crate::neighbours::{Neighbours, PDNS, REGISTRY, of_registry};
use crate::operator;
use crate::pointing::{Dangling, Why, canonical, dangling};
use crate::scenario::{Doing, Memory, Scenario};
use crate::source;
use crate::start;

/// How long the process is away after a crash, in milliseconds.
const AWAY: i64 = 700;
/// Looks and deliveries in one play; more means that something never comes to rest.
const WORKS_MAX: usize = 2_000;
/// Starts that fail one after the other before a play is given up.
const STARTS_MAX: u32 = 20;

/// What became of one play.
#[derive(Clone, Debug)]
pub struct Played {
    /// The blows that it was dealt.
    pub strikes: Vec<Strike>,
    /// Every moment that it met.
    pub moments: Vec<Moment>,
    /// Of each moment, whether a crash there leaves something else than one at the moment before.
    pub fresh: Vec<bool>,
    /// What the judge of the fake's log says.
    pub verdict: Verdict,
    /// What receivers were not told, or not in order.
    pub told: Told,
    /// Records that pointed at addresses that their apps did not have.
    pub dangling: Vec<Dangling>,
    /// What the fake's listings show at the end, by collection, first pages.
    pub shown: BTreeMap<String, Vec<Value>>,
    /// Values of the apps' secrets at the end, by `APP/NAME`.
    pub secrets: BTreeMap<String, String>,
    /// All findings of the runner, closed ones too.
    pub findings: Vec<Finding>,
    /// What took effect outside.
    pub log: Vec<Effect>,
    /// Answers of the Fly simulator that the vendor's document does not allow.
    pub violations: Vec<String>,
    /// It kept working without end, or did not start any more.
    pub restless: bool,
    /// Times that the process was started.
    pub starts: u32,
}

impl Played {
    /// Whether nothing was doubled, lost, leaked, foreign or untold, and Fly was played as it is documented.
    pub fn is_right(&self) -> bool {
        let points_right = self.dangling.iter().all(|it| it.why == Why::Lost && it.until.is_some());
        let played_right = self.violations.is_empty() && !self.restless;
        self.verdict.is_clean() && self.told == Told::default() && points_right && played_right
    }

    /// Whether a record set of ours says this at the end.
    pub fn says(&self, key: &str, content: &str) -> bool {
        let last = self.log.iter().rfind(|effect| effect.collection == PDNS && effect.id == key);
        last.is_some_and(|effect| effect.what != What::Deleted && effect.name.as_deref() == Some(content))
    }

    /// The address of this type that an app has at the end; none if it has none, or several.
    pub fn address(&self, app: &str, kind: &str) -> Option<String> {
        let purpose = Purpose::new(format!("fly/acme/{app}"), kind);
        let ours = self.log.iter().filter(|effect| effect.purpose.as_ref() == Some(&purpose));
        let gone = |id: &str| self.log.iter().any(|effect| effect.id == id && effect.what == What::Deleted);
        let mut held = ours.filter(|effect| effect.what == What::Created && !gone(&effect.id));
        held.next().filter(|_| held.next().is_none()).map(|effect| canonical(&effect.id))
    }

    /// Whether a collection shows, at the end, one thing of ours whose field has this value.
    pub fn shows(&self, path: &str, value: u32) -> bool {
        let items = self.shown.get(path).into_iter().flatten();
        items.filter(|item| item["value"] == value).count() == 1
    }

    /// Whether an app's secret has this value at the end.
    pub fn keeps(&self, secret: &str, value: &str) -> bool {
        self.secrets.get(secret).is_some_and(|kept| kept == value)
    }

    /// Whether the registry's document of an app says this at the end.
    pub fn registers(&self, app: &str, field: &str, value: &str) -> bool {
        let mut documents = self.shown.get(REGISTRY).into_iter().flatten();
        documents.any(|document| document["id"] == app && document[field] == value)
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

impl fmt::Display for Played {
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
        for Dangling { record, address, from, until, why } in &self.dangling {
            let until = until.map_or_else(|| "the end".to_owned(), |until| format!("{} ms", until - START));
            writeln!(story, "  {record} points at {address} from {} ms to {until}: {why:?}", from - START)?;
        }
        for finding in &self.findings {
            let closed = if finding.closed.is_some() { "closed" } else { "open" };
            writeln!(story, "  finding {} {} ({closed}): {}", finding.code, finding.about, finding.message)?;
        }
        for violation in &self.violations {
            writeln!(story, "  not as documented: {violation}")?;
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

/// Plays a scenario under these blows.
///
/// # Panics
/// If the machine has no room for a database or a thread: then nothing can be said.
pub fn play(scenario: &Scenario, strikes: &[Strike]) -> Played {
    // Components are compiled before a runtime is entered.
    Shop::of_process();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build();
    runtime
        .expect("invariant: a runtime can be made")
        .block_on(Box::pin(Stage::new(scenario, strikes).play()))
}

/// Everything that outlives a process: the script, the fake, the disk.
pub(crate) struct Stage<'a> {
    pub(crate) scenario: &'a Scenario,
    pub(crate) clock: Clock,
    pub(crate) outside: Outside,
    pub(crate) neighbours: Neighbours,
    pub(crate) schedule: Arc<Schedule>,
    pub(crate) starts: AtomicU32,
    disk: tempfile::TempDir,
    /// How far the script is.
    next: Arc<AtomicUsize>,
    works: AtomicUsize,
    restless: AtomicBool,
    /// Event ids by subject, in order.
    pub(crate) events: Mutex<BTreeMap<String, Vec<String>>>,
}

impl<'a> Stage<'a> {
    fn new(scenario: &'a Scenario, strikes: &[Strike]) -> Self {
        let clock = Clock::default();
        let shown = clock.clone();
        let outside = Outside::new(Arc::new(move || shown.millis()));
        for (path, knobs) in &scenario.collections {
            outside.open(path, knobs.clone());
        }
        let disk = disk();
        let next = Arc::new(AtomicUsize::new(0));
        let (time, script) = (clock.clone(), next.clone());
        let schedule = Schedule::new(strikes, move || (time.millis(), script.load(Ordering::SeqCst)));
        let schedule = match scenario.memory {
            Memory::Durable => schedule,
            Memory::Forgetful => {
                let database = disk.path().to_owned();
                schedule.telling(move |_| keep_copy(&database))
            }
        };
        let neighbours = Neighbours::new(&clock);
        Self {
            scenario,
            clock,
            outside,
            neighbours,
            schedule: Arc::new(schedule),
            starts: AtomicU32::new(0),
            disk,
            next,
            works: AtomicUsize::new(0),
            restless: AtomicBool::new(false),
            events: Mutex::default(),
        }
    }

    async fn play(self) -> Played {
        loop {
            let count = self.starts.fetch_add(1, Ordering::SeqCst);
            let ended = tokio::select! {
                // A crash is seen before anything else that the dead process might have done.
                biased;
                () = self.schedule.crash() => Ended::Crashed,
                ended = Box::pin(self.life()) => ended,
            };
            match ended {
                Ended::Horizon => break,
                Ended::Crashed if self.scenario.memory == Memory::Forgetful => self.forget(),
                Ended::Crashed | Ended::NotStarted => {}
            }
            if count >= STARTS_MAX {
                self.restless.store(true, Ordering::SeqCst);
                break;
            }
            self.clock.pass(AWAY);
            self.schedule.revive();
        }
        self.judge()
    }

    /// One process, from its start to the end of the scenario.
    async fn life(&self) -> Ended {
        let Ok(runner) = self.start().await else { return Ended::NotStarted };
        let end = START + self.scenario.lasts;
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
                let next = runner.store.next_due(Timestamp::from_millis(now)).ok().flatten();
                let next = [next.map(Timestamp::as_millis), self.next_at()].into_iter().flatten().min();
                self.clock.reach(next.unwrap_or(end).min(end));
            }
            if self.works.fetch_add(due.len(), Ordering::SeqCst) > WORKS_MAX {
                self.restless.store(true, Ordering::SeqCst);
                return Ended::Horizon;
            }
        }
        Ended::Horizon
    }

    async fn start(&self) -> Result<Arc<Runner>, groundcrew_store::Error> {
        let faults = Some(Arc::new(Laid(self.schedule.clone())) as _);
        let store = Store::open(&self.database(), Options { faults, ..Options::default() })?;
        let carrier =
            Arc::new(Carrier::new(self.outside.clone(), self.neighbours.clone(), self.clock.clone()));
        start::runner(self, store, carrier).await
    }

    /// Performs what the script has up to now. What a source brings and the store refuses is brought again.
    async fn perform(&self, runner: &Runner) {
        while let Some((at, doing)) = self.scenario.script.get(self.next.load(Ordering::SeqCst)) {
            if START + at > self.clock.millis() {
                return;
            }
            match doing {
                Doing::Act { path, act } => self.outside.script(self.clock.millis(), path, act.clone()),
                Doing::Open { path, knobs } => self.outside.open(path, knobs.clone()),
                Doing::Fault { after, method, fault } => self.outside.after(*after, Some(method), *fault),
                Doing::Fly(action) => self.neighbours.act(action),
                Doing::Turn(turn) => self.neighbours.fly.turn(turn),
                Doing::TurnDns(turn) => self.neighbours.dns.turn(turn),
                Doing::Foreign(set) => self.neighbours.write(set),
                Doing::Sees(sighting) => {
                    let version = self.next.load(Ordering::SeqCst) as u64 + 1;
                    if source::tell(self, runner, sighting, version).await.is_err() {
                        self.clock.pass(250);
                        return;
                    }
                }
                Doing::Operator(operator) => {
                    // Whoever types a command and is told that the disk failed types it again.
                    if operator::intervenes(self, runner, *operator).await.is_err() {
                        self.clock.pass(250);
                        return;
                    }
                }
            }
            self.next.fetch_add(1, Ordering::SeqCst);
        }
    }

    fn next_at(&self) -> Option<i64> {
        self.scenario.script.get(self.next.load(Ordering::SeqCst)).map(|(at, _)| START + at)
    }

    fn database(&self) -> PathBuf {
        self.disk.path().join("groundcrew.db")
    }

    /// The disk comes back as it was before the last intent.
    fn forget(&self) {
        let kept = self.disk.path().join("kept");
        for name in FILES {
            let (from, to) = (kept.join(name), self.disk.path().join(name));
            if from.exists() {
                std::fs::copy(&from, &to).expect("invariant: the disk has room");
            }
        }
        // The index of the log is made anew from the log.
        drop(std::fs::remove_file(self.disk.path().join("groundcrew.db-shm")));
    }

    fn listing(&self, path: &str) -> Vec<Value> {
        let answer = self.outside.handle("GET", path, &[], &[]).answer();
        answer.and_then(|answer| answer.json()["items"].as_array().cloned()).unwrap_or_default()
    }

    fn judge(self) -> Played {
        let mut log: Vec<_> = self.outside.log().into_iter().map(of_registry).collect();
        log.extend(self.neighbours.log());
        log.sort_by_key(|effect| effect.at);
        let events = self.events.lock().unwrap_or_else(PoisonError::into_inner);
        let lanes: Vec<_> = events.values().cloned().collect();
        let told =
            if self.scenario.handler { told(&self.outside.receipts(), &lanes) } else { Told::default() };
        let shown = self
            .scenario
            .collections
            .iter()
            .map(|(path, _)| (path.to_string(), self.listing(path)))
            .collect();
        let reader = groundcrew_store::Reader::open(&self.database());
        let findings = reader.and_then(|store| store.findings(ClosedToo::Yes)).unwrap_or_default();
        Played {
            strikes: Vec::new(),
            moments: self.schedule.moments(),
            fresh: self.schedule.fresh(),
            verdict: judge(&log, &self.scenario.expects),
            told,
            dangling: dangling(&self.neighbours),
            shown,
            secrets: self.neighbours.secrets(),
            findings,
            log,
            violations: self.neighbours.violations(),
            restless: self.restless.load(Ordering::SeqCst),
            starts: self.starts.load(Ordering::SeqCst),
        }
    }
}

enum Ended {
    Horizon,
    Crashed,
    NotStarted,
}

const FILES: [&str; 2] = ["groundcrew.db", "groundcrew.db-wal"];

/// Copies the database as it is; nothing writes while a host call begins.
fn keep_copy(disk: &Path) {
    let kept = disk.join("kept");
    std::fs::create_dir_all(&kept).expect("invariant: the disk has room");
    for name in FILES {
        if disk.join(name).exists() {
            std::fs::copy(disk.join(name), kept.join(name)).expect("invariant: the disk has room");
        }
    }
}

/// A directory in memory, if the machine has one.
pub(crate) fn disk() -> tempfile::TempDir {
    let memory = Path::new("/dev/shm");
    let made = if memory.is_dir() { tempfile::tempdir_in(memory) } else { tempfile::tempdir() };
    made.expect("invariant: a temporary directory can be made")
}
