//! Reports apps whose machines ran for more money this month than they may, and suspends them if told to.
//!
//! A look has two parts: it enters what each app spent into a ledger, reckoned from the times that the mirror keeps of
//! its machines, and then compares that with the ceilings. Only running machines count, at published prices: no volumes,
//! addresses, traffic, or stopped machines' root file systems.
//!
//! | finding | its remedy |
//! |---|---|
//! | `budget.nearing` | none |
//! | `budget.exceeded` | cordons, then suspends the machines that ran when it was found, and notes which |
//! | `budget.resume` | starts and uncordons exactly those, once the app is below its ceiling: usually next month |
//! | `budget.unpriced` | none: machines run for a price that is not known, and count nothing |

mod config;
mod held;
mod ledger;
mod mend;

use std::collections::BTreeMap;

use groundcrew_hook::audit::{Pace, apps_after, jiff::Timestamp, now};
use groundcrew_hook::fly::machines::{self, Machine};
use groundcrew_hook::fly::prices::cents_of_pico;
use groundcrew_hook::fly::{Api, failure, is_gone};
use groundcrew_hook::{
    Auditor, Failure, Finding, FindingPage, Outcome, Owner, Remedy, Result, Severity, Subject, fleet, json,
};

use crate::config::{Config, Measure, Standing};
use crate::held::{Held, Note};
use crate::ledger::{Entry, Ledger};

/// The hook.
#[derive(Debug)]
pub struct Budget;

/// The finding whose remedy suspends.
pub(crate) const EXCEEDED: &str = "budget.exceeded";
/// The finding whose remedy resumes.
pub(crate) const RESUME: &str = "budget.resume";

/// How the first part's cursors begin, once it is under way.
const COUNT: &str = "count ";
/// How the second part's cursors begin.
const COMPARE: &str = "compare ";

/// Calls of the host that the whole ledger and the list of apps take, with room for tens of thousands of apps.
const READING: u32 = 150;

/// Seconds of an hour.
const HOUR: u64 = 3_600;

/// Apps of one page about which something is noted; a run writes at most a hundred keys of `kv`.
const NOTES: usize = 90;

impl Auditor for Budget {
    fn run(cursor: Option<&str>) -> Result<FindingPage> {
        let config = Config::read()?;
        match cursor {
            None => count(&config, None),
            Some(cursor) => match (cursor.strip_prefix(COUNT), cursor.strip_prefix(COMPARE)) {
                (Some(after), _) => count(&config, Some(after)),
                (_, Some(after)) => compare(&config, Some(after).filter(|after| !after.is_empty())),
                _ => Err(Failure::lasting(format!("`{cursor}` is no cursor of this hook"))),
            },
        }
    }
}

impl Remedy for Budget {
    fn fix(finding: &Finding) -> Result<Outcome> {
        let config = Config::read()?;
        let owner = finding.subject.as_ref().ok_or_else(|| Failure::lasting("the finding names no app"))?;
        match finding.code.as_str() {
            EXCEEDED => mend::suspend(&config, owner),
            RESUME => mend::resume(&config, owner),
            other => Err(Failure::lasting(format!("`{other}` is not what this hook mends"))),
        }
    }
}

/// Enters what a page of apps spent.
fn count(config: &Config, after: Option<&str>) -> Result<FindingPage> {
    let (prices, mut ledger, mut pace) = (config.prices()?, Ledger::open(now()?), Pace::start());
    pace.spend(READING);
    let mut last = None;
    for app in apps_after(&config.org, after)? {
        let times = fleet::running(&app.path, ledger.month())?;
        ledger.enter(&app.id, Entry::of(&times, &prices))?;
        last = Some(app.path);
        if pace.is_over_after(1) {
            break;
        }
    }
    ledger.save()?;
    let next = last.map_or_else(|| COMPARE.to_owned(), |path| format!("{COUNT}{path}"));
    Ok(FindingPage { findings: Vec::new(), next: Some(next) })
}

/// What apps spent this month, by their id.
pub(crate) struct Spending(BTreeMap<String, Entry>);

impl Spending {
    pub(crate) fn read(now: Timestamp) -> Result<Self> {
        Ok(Self(Ledger::open(now).all()?))
    }

    pub(crate) fn of(&self, app: &Subject) -> u64 {
        self.found(app).spent
    }

    fn found(&self, app: &Subject) -> Entry {
        self.0.get(&app.id).copied().unwrap_or_default()
    }
}

/// All living apps of the organisation.
pub(crate) fn all_apps(config: &Config) -> Result<Vec<Subject>> {
    let mut all: Vec<Subject> = Vec::new();
    loop {
        let page = apps_after(&config.org, all.last().map(|app| app.path.as_str()))?;
        if page.is_empty() {
            return Ok(all);
        }
        all.extend(page);
    }
}

/// Compares a page of apps with their ceilings.
fn compare(config: &Config, after: Option<&str>) -> Result<FindingPage> {
    let (api, now) = (config.machines()?, now()?);
    let (spending, apps) = (Spending::read(now)?, all_apps(config)?);
    let (mut pace, mut findings, mut next) = (Pace::start(), Vec::new(), None);
    let totals = config.totals(&apps, &|app| spending.of(app));
    let mut notes = 0;
    pace.spend(READING);
    for app in apps.iter().filter(|app| after.is_none_or(|after| app.path.as_str() > after)) {
        let looked = look(config, &api, app, &spending, &totals);
        let looked = looked.map_err(|failure| failure.context(&app.path))?;
        notes += usize::from(looked.noted == Noted::Changed);
        findings.extend(looked.findings);
        next = Some(app.path.clone());
        if pace.is_over_after(2) || notes == NOTES {
            break;
        }
    }
    let more = next.filter(|next| apps.last().is_some_and(|last| last.path != *next));
    Ok(FindingPage { findings, next: more.map(|next| format!("{COMPARE}{next}")) })
}

/// What was seen of one app.
struct Looked {
    findings: Vec<Finding>,
    noted: Noted,
}

/// Whether what is noted of held machines is another now.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Noted {
    Same,
    Changed,
}

fn look(config: &Config, api: &Api, app: &Subject, spending: &Spending, totals: &[u64]) -> Result<Looked> {
    let mut findings = Vec::new();
    let Entry { spent, unpriced, unseen } = spending.found(app);
    if unpriced > 0 {
        let message = format!(
            "machines of app {} ran for {} at a price that is not known, which counts nothing",
            app.app()?,
            hours(unpriced)
        );
        findings
            .push(Finding { severity: Severity::Info, ..finding("budget.unpriced", app, message, spent) });
    }
    let measure = config.measure(app, spent, totals);
    let standing = measure.map_or(Standing::Fine, |measure| config.standing(&measure));
    if let Some(measure) = measure.filter(|_| standing != Standing::Fine && spent > 0) {
        let code = if standing == Standing::Exceeded { EXCEEDED } else { "budget.nearing" };
        let severity = if standing == Standing::Exceeded { Severity::Critical } else { Severity::Warning };
        let remedy = (standing == Standing::Exceeded)
            .then(|| "cordon and suspend its machines until next month".into());
        let mut message = told(app, &measure)?;
        if unseen >= HOUR {
            message = format!("{message}; {} were not seen and count nothing", hours(unseen));
        }
        findings.push(Finding { severity, remedy, ..finding(code, app, message, spent) });
    }
    let mut held = Held::of(&app.id)?;
    let over = standing == Standing::Exceeded;
    if !over && held.0.is_empty() || over && spent == 0 {
        return Ok(Looked { findings, noted: Noted::Same });
    }
    let before = held.clone();
    let machines = living(api, app.app()?)?;
    if over {
        held.over(&machines);
    } else {
        held.under(&machines);
        if !held.0.is_empty() {
            let message = format!(
                "{} machines of app {} are suspended, and it is below its ceiling",
                held.0.len(),
                app.app()?
            );
            let remedy = Some("start and uncordon exactly those".to_owned());
            findings.push(Finding {
                severity: Severity::Info,
                remedy,
                ..finding(RESUME, app, message, spent)
            });
        }
    }
    let noted = if held == before { Noted::Same } else { Noted::Changed };
    if noted == Noted::Changed {
        held.save(&app.id)?;
    }
    let theirs = held.0.values().filter(|note| **note == Note::Theirs).count();
    if let Some(told) = findings.iter_mut().find(|told| told.code == EXCEEDED).filter(|_| theirs > 0) {
        told.message =
            format!("{}; {theirs} machines were started again by hand and are left alone", told.message);
    }
    Ok(Looked { findings, noted })
}

/// An app's machines that are not destroyed, from its own list, which does not lag; none of an app that is gone.
pub(crate) fn living(api: &Api, app: &str) -> Result<Vec<Machine>> {
    match api.ask(&machines::list(app))? {
        Ok(machines) => Ok(machines),
        Err(error) if is_gone(&error) => Ok(Vec::new()),
        Err(error) => Err(failure(&error).context(app)),
    }
}

fn told(app: &Subject, measure: &Measure) -> Result<String> {
    let dollars = |pico: u64| {
        let cents = cents_of_pico(pico);
        format!("${}.{:02}", cents / 100, cents % 100)
    };
    let who = if measure.shared { "and the apps with which it shares a ceiling" } else { "" };
    let who = format!("machines of app {} {who}", app.app()?);
    Ok(format!(
        "{} ran for {} this month, of {}",
        who.trim_end(),
        dollars(measure.spent),
        dollars(measure.ceiling)
    ))
}

/// Whole hours, rounded up.
fn hours(seconds: u64) -> String {
    format!("{} h", seconds.div_ceil(HOUR))
}

fn finding(code: &str, app: &Subject, message: String, spent: u64) -> Finding {
    Finding {
        code: code.to_owned(),
        subject: Some(Owner { path: app.path.clone(), id: app.id.clone() }),
        about: app.path.clone(),
        severity: Severity::Warning,
        message,
        // What it spent so far: what a whole month will have cost nobody knows.
        cost_cents: Some(cents_of_pico(spent)),
        remedy: None,
        data: json!({ "spent_usd": spent as f64 / 1e12 }),
    }
}

groundcrew_hook::export_auditor!(Budget);
groundcrew_hook::export_remedy!(Budget);
