//! Says what went wrong, from the fakes' own logs and the truth.
//!
//! The ledger is asked for two things only: which events there were, and whether anything waits for ever.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use groundcrew_core::row::State;
use groundcrew_outside::judge::{Told, Verdict, judge, living, told};
use groundcrew_outside::{By, Effect, Purpose, What};
use groundcrew_store::findings::{ClosedToo, Finding};
use groundcrew_store::{Reader, Result};
use serde_json::Value;

use super::act::{Act, Change, HOUR};
use super::edition::{AUDIT, AUDITOR};
use super::stage::Stage;
use super::{Counted, Month};
use crate::pointing::{Dangling, Why, dangling};
use groundcrew::prove::clock::START;

/// Who wanted a thing for so long without a pause is known to want it, whatever was out: labels are asked twice a
/// day, and nothing is out for longer than this less that.
const KNOWN_AFTER: i64 = 36 * HOUR;

/// What became of a month.
#[derive(Debug)]
pub struct Outcome {
    /// The month.
    pub month: Month,
    /// What happened, in numbers.
    pub counted: Counted,
    /// What the judge of the fakes' logs says.
    pub verdict: Verdict,
    /// Things that the runner removed while their living owners wanted them.
    pub torn: Vec<Effect>,
    /// Things that are not as their owners want them at the end.
    pub different: Vec<Purpose>,
    /// What receivers were not told, or not in order.
    pub told: Told,
    /// Living apps of whose creation nobody was told.
    pub unannounced: Vec<String>,
    /// Records that said addresses that their apps did not have.
    pub dangling: Vec<Dangling>,
    /// What the ledger says that nobody resolves: rows in doubt, stuck or held, deliveries that gave up.
    pub unresolved: Vec<String>,
    /// Findings of audits that are not so at the end, and what they do not report.
    pub misreported: Vec<String>,
    /// Answers of the Fly simulator that the vendor's document does not allow.
    pub violations: Vec<String>,
    /// It kept working without end, or did not start any more.
    pub restless: bool,
    story: Story,
}

impl Outcome {
    /// Everything that took effect outside, in order: what, when, by whom.
    pub fn effects(&self) -> &[Effect] {
        &self.story.log
    }
}

/// What people want to know of a month that went wrong.
#[derive(Debug)]
struct Story {
    acts: Vec<(i64, Act)>,
    log: Vec<Effect>,
    findings: Vec<Finding>,
}

impl Outcome {
    /// Whether nothing was doubled, lost, leaked, foreign, untold, misreported or left open, and Fly was played as it is
    /// documented.
    pub fn is_right(&self) -> bool {
        let points_right = self.dangling.iter().all(|it| it.why == Why::Lost && it.until.is_some());
        let complete = self.torn.is_empty() && self.different.is_empty() && self.unresolved.is_empty();
        let told = self.told == Told::default() && self.unannounced.is_empty();
        let played_right = self.violations.is_empty() && !self.restless;
        let reported = self.misreported.is_empty();
        self.verdict.is_clean() && complete && told && points_right && reported && played_right
    }

    /// Things and tellings that should have been there.
    fn lost(&self) -> usize {
        let Told { missing, early, otherwise } = &self.told;
        let untold = missing.len() + early.len() + otherwise.len() + self.unannounced.len();
        self.verdict.lost.len() + self.torn.len() + self.different.len() + untold
    }

    /// The line that sums it up.
    pub fn line(&self) -> String {
        let Counted { events, crashes, outages } = self.counted;
        let Month { seed, days, apps, .. } = self.month;
        let Verdict { doubled, leaked, foreign, .. } = &self.verdict;
        format!(
            "month: seed {seed} days {days} apps {apps} events {events} crashes {crashes} outages {outages} lost {} doubled {} leaked {} foreign {}",
            self.lost(),
            doubled.len(),
            leaked.len() + self.unresolved.len(),
            foreign.len()
        )
    }
}

/// Judges a month that has ended.
pub(super) fn outcome(stage: &Stage, rested: bool) -> Result<Outcome> {
    let log = log(stage);
    let (fleet, edition) = (stage.fleet.borrow(), stage.edition.borrow());
    let mut expected = fleet.expects(&edition);
    if let Some(moved_at) = stage.moved_at.get().filter(|_| edition.keeps_old_base()) {
        expected.extend(old_base(&log, moved_at));
    }
    let store = Reader::open(&stage.database())?;
    let (mut lanes, mut events) = (Vec::new(), 0);
    for subject in store.mirror_rows()? {
        let mut ids: Vec<_> = store.events_of(subject.id, u32::MAX)?.into_iter().map(|(id, ..)| id).collect();
        ids.reverse();
        events += ids.len();
        lanes.push(ids);
    }
    let taken_over = taken_over(&log);
    let mut verdict = judge(&log, &expected);
    verdict.leaked.retain(|it| !taken_over.contains(&(it.collection.clone(), it.id.clone())));
    let receipts = stage.outside.receipts();
    let acts = stage.told.borrow().clone();
    let outages = acts.iter().filter(|(_, act)| is_outage(act)).count();
    let counted = Counted { events, crashes: stage.fate.crashes() as usize, outages };
    Ok(Outcome {
        month: stage.month.clone(),
        counted,
        verdict,
        torn: torn(stage, &log),
        different: different(stage, &log),
        told: told(&receipts, &lanes),
        unannounced: unannounced(stage, &store)?,
        dangling: dangling(&stage.neighbours),
        unresolved: unresolved(stage, &store)?,
        misreported: misreported(stage, &store)?,
        violations: stage.neighbours.violations(),
        restless: !rested,
        story: Story { acts, log, findings: store.findings(ClosedToo::No)? },
    })
}

const fn is_outage(act: &Act) -> bool {
    matches!(act, Act::Out { .. } | Act::Disk(super::act::Disk::Full))
}

/// All logs as one, with the place at the tests' outside in each purpose: the same key at two places is two things.
fn log(stage: &Stage) -> Vec<Effect> {
    let placed = |mut effect: Effect| {
        let place = effect.collection.split('/').nth(1).unwrap_or_default().to_owned();
        effect.purpose = effect.purpose.map(|it| Purpose::new(format!("{place} {}", it.owner), it.key));
        effect
    };
    let mut log: Vec<_> = stage.outside.log().into_iter().map(placed).collect();
    log.extend(stage.neighbours.log());
    log.sort_by_key(|effect| effect.at);
    log
}

/// What the hook `base` had at its first place when it moved.
fn old_base(log: &[Effect], moved_at: i64) -> Vec<Purpose> {
    let before = log.partition_point(|effect| effect.at <= moved_at);
    let ours = living(&log[..before]).into_iter().filter(|thing| thing.by == By::Caller);
    ours.filter(|thing| thing.collection.starts_with("/two/")).filter_map(|thing| thing.purpose).collect()
}

fn torn(stage: &Stage, log: &[Effect]) -> Vec<Effect> {
    let fleet = stage.fleet.borrow();
    let mut wanted: BTreeMap<&Purpose, Vec<&super::fleet::Wanted>> = BTreeMap::new();
    for it in &fleet.wanted {
        wanted.entry(&it.purpose).or_default().push(it);
    }
    let mut purposes: BTreeMap<(&str, &str), &Purpose> = BTreeMap::new();
    let mut torn = Vec::new();
    for effect in log {
        let place = (effect.collection.as_str(), effect.id.as_str());
        if let Some(purpose) = &effect.purpose {
            purposes.insert(place, purpose);
        }
        let purpose = match (effect.what, effect.by) {
            (What::Deleted, By::Caller) => purposes.get(&place),
            _ => None,
        };
        let Some(purpose) = purpose else { continue };
        let since = |it: &super::fleet::Wanted| {
            it.from + KNOWN_AFTER < effect.at && it.until.is_none_or(|until| until > effect.at)
        };
        if wanted.get(purpose).is_some_and(|all| all.iter().any(|it| since(it))) {
            torn.push(effect.clone());
        }
    }
    torn
}

fn different(stage: &Stage, log: &[Effect]) -> Vec<Purpose> {
    let living: BTreeMap<_, _> =
        living(log).into_iter().filter_map(|thing| Some((thing.purpose.clone()?, thing))).collect();
    let as_wanted = |(purpose, value): &(Purpose, u32)| {
        living.get(purpose).is_none_or(|thing| {
            let target = format!("{}/{}", thing.collection, thing.id);
            let answer = stage.outside.handle("GET", &target, &[], &[]).answer();
            answer.is_some_and(|answer| answer.json()["value"] == *value)
        })
    };
    let values = stage.fleet.borrow().values();
    values.into_iter().filter(|it| !as_wanted(it)).map(|(purpose, _)| purpose).collect()
}

/// Living apps that came after the first listing, and whose `app.created` nobody was told.
fn unannounced(stage: &Stage, store: &groundcrew_store::Store) -> Result<Vec<String>> {
    let told: BTreeSet<String> = stage
        .outside
        .receipts()
        .iter()
        .filter_map(|receipt| serde_json::from_str::<Value>(&receipt.body).ok())
        .filter(|body| body["type"] == "app.created")
        .map(|body| body["data"]["subject"]["id"].as_str().unwrap_or_default().to_owned())
        .collect();
    let mut unannounced = Vec::new();
    for (name, app) in &stage.fleet.borrow().apps {
        let path = format!("fly/acme/{name}");
        let older = stage
            .fleet
            .borrow()
            .wanted
            .iter()
            .any(|it| it.from == START && it.until.is_none() && it.purpose.owner == path);
        let known = store.subjects_named(name)?.iter().any(|subject| subject.gone_at.is_none());
        if !known || !older && !told.contains(&format!("app:{}", app.id)) {
            unannounced.push(name.clone());
        }
    }
    Ok(unannounced)
}

/// What strangers wrote over last: it is not as it was left, so it is a person's to remove, and a finding says so.
fn taken_over(log: &[Effect]) -> BTreeSet<(String, String)> {
    let mut by: BTreeMap<(String, String), (By, What)> = BTreeMap::new();
    for effect in log {
        by.insert((effect.collection.clone(), effect.id.clone()), (effect.by, effect.what));
    }
    by.into_iter()
        .filter(|(_, last)| *last == (By::Stranger, What::Updated))
        .map(|(place, _)| place)
        .collect()
}

/// Findings that are open although what they tell of has gone.
fn stale(stage: &Stage, store: &groundcrew_store::Store, findings: &[Finding]) -> Result<Vec<String>> {
    let rows = store.living_rows()?;
    let held = |about: &str| rows.iter().any(|row| row.frozen_why.is_some() && row.about() == about);
    let fleet = stage.fleet.borrow();
    let lives = |about: &str| about.rsplit('/').next().is_some_and(|name| fleet.apps.contains_key(name));
    let is_stale = |it: &&Finding| match it.code.as_str() {
        "resource.held" => !held(&it.about),
        "labels.lost" | "labels.mistyped" => !lives(&it.about),
        _ => false,
    };
    Ok(findings.iter().filter(is_stale).map(|it| format!("{} of {} is stale", it.code, it.about)).collect())
}

fn unresolved(stage: &Stage, store: &groundcrew_store::Store) -> Result<Vec<String>> {
    let findings = store.findings(ClosedToo::No)?;
    let persons = |about: &str| findings.iter().any(|it| it.code == "resource.changed" && it.about == about);
    let mut all = stale(stage, store, &findings)?;
    let whole = stage.month.until == 1_000 && !stage.month.is_without("removal");
    if whole && !stage.edition.borrow().has(Change::MachinesRemoved) {
        all.push("the machines' hook could not be removed".to_owned());
    }
    for row in store.living_rows()?.iter().filter(|row| row.row.state == State::InDoubt) {
        all.push(format!("{} is in doubt", row.about()));
    }
    for row in store.held_rows(None)?.iter().filter(|row| !persons(&row.about())) {
        all.push(format!("the removal of {} is held", row.about()));
    }
    for stuck in findings.iter().filter(|it| it.code == "resource.stuck" && !persons(&it.about)) {
        all.push(format!("{} is stuck", stuck.about));
    }
    for dead in store.dead()? {
        all.push(format!("a delivery gave up: {dead:?}"));
    }
    Ok(all)
}

/// What audits say at the end, compared with what is so: each name that leads to nobody, and no other.
fn misreported(stage: &Stage, store: &groundcrew_store::Store) -> Result<Vec<String>> {
    if stage.month.is_without("audits") {
        return Ok(Vec::new());
    }
    let last = store.audit_runs(Some(AUDIT), 1)?.pop();
    let Some(last) = last.filter(|run| run.outcome.as_deref() == Some("ok")) else {
        return Ok(vec!["the last audit did not see everything, or there was none".to_owned()]);
    };
    let fleet = stage.fleet.borrow();
    let so: BTreeSet<_> =
        fleet.dangling().into_iter().map(|name| format!("dns.dangling-cname cname/{name}")).collect();
    let findings = store.findings(ClosedToo::No)?;
    let theirs = findings.iter().filter(|it| it.auditor.as_deref() == Some(AUDITOR));
    let told: BTreeSet<_> = theirs.map(|it| format!("{} {}", it.code, it.about)).collect();
    let untold =
        so.difference(&told).map(|it| format!("not reported by the audit of {}: {it}", last.started));
    let untrue = told.difference(&so).map(|it| format!("reported by an audit, and not so: {it}"));
    Ok(untold.chain(untrue).collect())
}

/// Wrong things that are told in full.
const TOLD_MAX: usize = 3;

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Verdict { doubled, lost, leaked, foreign } = &self.verdict;
        let mut wrong: Vec<(&str, Option<&Purpose>, i64)> = Vec::new();
        wrong.extend(doubled.iter().map(|it| ("doubled", Some(&it.purpose), it.from)));
        wrong.extend(lost.iter().map(|it| ("lost", Some(it), i64::MAX)));
        wrong.extend(leaked.iter().map(|it| ("leaked", it.purpose.as_ref(), it.since)));
        wrong.extend(foreign.iter().map(|it| ("foreign", it.purpose.as_ref(), it.at)));
        wrong.extend(self.torn.iter().map(|it| ("torn", it.purpose.as_ref(), it.at)));
        wrong.extend(self.different.iter().map(|it| ("different", Some(it), i64::MAX)));
        for (word, purpose, at) in wrong.iter().take(TOLD_MAX) {
            let about = purpose.map_or_else(|| "nobody".to_owned(), ToString::to_string);
            writeln!(f, "{word}: {about}")?;
            self.story.tell(f, *purpose, *at)?;
        }
        if wrong.len() > TOLD_MAX {
            writeln!(f, "and {} more", wrong.len() - TOLD_MAX)?;
            for (word, purpose, _) in wrong.iter().skip(TOLD_MAX).take(20) {
                let about = purpose.map_or_else(|| "nobody".to_owned(), ToString::to_string);
                writeln!(f, "  {word}: {about}")?;
            }
        }
        for torn in self.torn.iter().take(TOLD_MAX) {
            writeln!(f, "torn at {}: {}/{}", When(torn.at - START), torn.collection, torn.id)?;
        }
        for it in self.dangling.iter().filter(|it| it.why != Why::Lost || it.until.is_none()).take(TOLD_MAX) {
            let Dangling { record, address, from, until, gone, why } = it;
            let when = |at: &Option<i64>| at.map_or("never".to_owned(), |at| When(at - START).to_string());
            let (since, until, gone) = (When(from - START), when(until), when(gone));
            writeln!(
                f,
                "{record} says {address}, {why:?}, from {since}, until {until}; the app lost it {gone}"
            )?;
            self.story.tell_app(f, record.split('.').nth(1).unwrap_or_default(), *from)?;
        }
        for (word, ids) in [
            ("untold", &self.told.missing),
            ("early", &self.told.early),
            ("told otherwise", &self.told.otherwise),
            ("unannounced", &self.unannounced),
        ] {
            if !ids.is_empty() {
                writeln!(f, "{word}: {}", ids.iter().take(5).cloned().collect::<Vec<_>>().join(", "))?;
            }
        }
        for text in self.unresolved.iter().chain(&self.misreported) {
            writeln!(f, "{text}")?;
        }
        for violation in self.violations.iter().take(TOLD_MAX) {
            writeln!(f, "not as documented: {violation}")?;
        }
        for finding in self.story.findings.iter().take(20) {
            writeln!(f, "finding {} {}: {}", finding.code, finding.about, finding.message)?;
        }
        if self.restless { writeln!(f, "it does not come to rest") } else { Ok(()) }
    }
}

/// A time after the beginning, for people.
struct When(i64);

impl fmt::Display for When {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (days, rest) = (self.0 / (24 * HOUR), self.0 % (24 * HOUR));
        let (hours, rest) = (rest / HOUR, rest % HOUR);
        write!(f, "day {days} {hours:02}:{:02}:{:06.3}", rest / 60_000, (rest % 60_000) as f64 / 1_000.0)
    }
}

impl Story {
    /// What happened to an app, and to everybody, around a time.
    fn tell_app(&self, f: &mut fmt::Formatter<'_>, name: &str, at: i64) -> fmt::Result {
        let near = |when: i64| (at - START - when).abs() < 12 * HOUR;
        for (when, act) in self.acts.iter().filter(|(when, _)| near(*when)) {
            let tells = match act {
                Act::Create { app, .. }
                | Act::Delete { app }
                | Act::Wish { app, .. }
                | Act::Machine { app, .. } => app == name,
                Act::Stranger(foreign) => format!("{foreign:?}").contains(name),
                _ => true,
            };
            if tells {
                writeln!(f, "  {}  {act:?}", When(*when))?;
            }
        }
        Ok(())
    }

    /// What happened to the app of a purpose, and to everybody, around a time.
    fn tell(&self, f: &mut fmt::Formatter<'_>, purpose: Option<&Purpose>, at: i64) -> fmt::Result {
        let Some(purpose) = purpose else { return Ok(()) };
        let effects = self.log.iter().filter(|effect| {
            let ids = self.log.iter().filter(|it| it.purpose.as_ref() == Some(purpose));
            ids.into_iter().any(|it| it.collection == effect.collection && it.id == effect.id)
        });
        let mut lines: Vec<(i64, String)> = effects
            .map(|it| (it.at - START, format!("{:?} {:?} {}/{}", it.by, it.what, it.collection, it.id)))
            .collect();
        let about = |name: &str| {
            let word = |text: &str| {
                text.split(|c: char| !(c.is_ascii_alphanumeric() || c == '-')).any(|part| {
                    part == name
                        || part
                            .strip_prefix(name)
                            .is_some_and(|rest| rest.starts_with("-x") || rest.starts_with("-y"))
                })
            };
            word(&purpose.owner) || word(&purpose.key)
        };
        let near = |when: i64| (at - START - when).abs() < 30 * HOUR || at == i64::MAX;
        for (when, act) in &self.acts {
            let tells = match act {
                Act::Create { app, .. }
                | Act::Delete { app }
                | Act::Wish { app, .. }
                | Act::Machine { app, .. } => about(app),
                Act::Configure(_) | Act::ClockStep(_) => true,
                Act::Round => false,
                Act::Stranger(foreign) => format!("{foreign:?}").contains(&purpose.key),
                _ => near(*when),
            };
            if tells {
                lines.push((*when, format!("{act:?}")));
            }
        }
        lines.sort_by_key(|(when, _)| *when);
        for (when, line) in lines.iter().take(60) {
            writeln!(f, "  {}  {line}", When(*when))?;
        }
        Ok(())
    }
}
