//! The story of one ledger row: what happened to it and for it, in the order of time.
//!
//! It is put together from what is kept anyway: the row's own times, events of its owner, wants, runs, findings, and what
//! people did. Each is read by an index and up to a number, so that a story costs no more than its own runs.

use std::collections::BTreeSet;

use groundcrew_core::duration::Millis;
use groundcrew_core::time::Timestamp;
use groundcrew_store::Store;
use groundcrew_store::because::Because;
use groundcrew_store::findings::Finding;
use groundcrew_store::history::Happened;
use groundcrew_store::ledger::StoredRow;
use groundcrew_store::listing::Claim;
use groundcrew_store::operators::OperatorAct;
use groundcrew_store::runs::{CallRecord, RunRecord, RunsOf};
use serde::Serialize;

use super::calls::Bodies;
use super::ran::{self, RunShown};
use super::rows::{self, Names, first_line};
use super::timeline::{self, Moment};
use super::{Failure, events};
use crate::show::{Tone, columns, length, paint, tone_of_row};

/// Events of an owner that are looked through for those before which something was done.
const EVENTS: u32 = 200;
/// Acts of people that are looked through for those that name the row or its owner.
const ACTS: u32 = 2_000;
/// As many runs in a row that learnt the same are one line.
const FOLDED: usize = 3;
/// What a run taught is committed within so long of its end.
const COMMITTED: Millis = Millis::seconds(1);

/// Everything about one row.
pub(super) struct Story {
    pub(super) row: StoredRow,
    pub(super) claims: Vec<Claim>,
    pub(super) readers: Vec<String>,
    /// Newest first.
    pub(super) runs: Vec<Ran>,
    /// Whether there may be earlier runs.
    runs_cut: bool,
    detail: Detail,
    findings: Vec<Finding>,
    moments: Vec<(Sort, Moment)>,
}

/// How much is told of runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Detail {
    /// A line each, runs that learnt the same are one; only the last has its calls.
    Lines,
    /// All their calls.
    Calls,
}

/// A run with what was learnt from it.
pub(super) struct Ran {
    record: RunRecord,
    calls: Vec<CallRecord>,
    pub(super) shown: RunShown,
}

/// What a moment is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
enum Sort {
    /// An event of its owner.
    Event,
    /// What the ledger says of it.
    Row,
    /// A run, or several that learnt the same.
    Run,
    /// A finding opened, or ended.
    Finding,
    /// A person did something.
    Act,
}

/// A moment in JSON. Times are RFC 3339.
#[derive(Debug, Serialize)]
pub(super) struct Entry {
    at: String,
    sort: Sort,
    /// What names it for commands.
    name: Option<String>,
    what: String,
}

impl Story {
    /// Reads the story of a row, with so many runs at most.
    pub(super) fn of(
        store: &Store,
        names: &Names<'_>,
        row: StoredRow,
        limit: u32,
        detail: Detail,
    ) -> Result<Self, Failure> {
        let records = store.runs(RunsOf::Resource(row.id), limit)?;
        let runs_cut = records.len() == limit as usize;
        let events = happened(store, &row)?;
        let reasons = reasons(store, &records, &events)?;
        let mut runs = Vec::new();
        for record in records {
            let calls = store.run(record.id)?.map(|(_, calls)| calls).unwrap_or_default();
            let before =
                events.iter().filter(|event| event.subject == record.subject && event.at <= record.started);
            let after = before.max_by_key(|event| event.seq);
            let shown = RunShown::of(&record, store, names)?;
            let shown = shown.whole(&record, &calls, store, Some(&row), after)?;
            runs.push(Ran { record, calls, shown });
        }
        let mut findings = store.findings_about(&row.about())?;
        if row.name() != row.about() {
            findings.extend(store.findings_about(&row.name())?);
        }
        findings.retain(|finding| finding.is_at(&row.target));
        let readers =
            store.readers_of(row.id)?.into_iter().map(|lane| names.lane(lane)).collect::<Result<_, _>>()?;
        let (claims, moments) = (store.claims_on(&row)?, Vec::new());
        let mut told = Self { row, claims, readers, runs, runs_cut, detail, findings, moments };
        told.tell_of_row(names)?;
        told.tell_of_runs();
        told.tell_of_findings();
        told.tell_of_acts(store, names)?;
        told.tell_of_events(events, reasons);
        Ok(told)
    }

    /// Findings that are not over.
    pub(super) fn open_findings(&self) -> impl Iterator<Item = &Finding> {
        self.findings.iter().filter(|finding| finding.closed.is_none())
    }

    fn add(&mut self, sort: Sort, at: Timestamp, tone: Tone, name: impl Into<String>, what: impl AsRef<str>) {
        let (name, what) = (name.into(), first_line(what.as_ref()));
        self.moments.push((sort, Moment { at, name, what, tone, below: String::new() }));
    }

    /// What the row itself says; what a run that is shown tells better is left to it.
    fn tell_of_row(&mut self, names: &Names<'_>) -> Result<(), Failure> {
        let row = self.row.clone();
        let owner = names.owner(row.owner)?.0;
        let mut told = vec![(
            Some(row.wanted_at),
            Tone::Plain,
            format!("wanted by {} for {owner}", names.hook(row.hook)),
        )];
        for claim in self.claims.iter().filter(|claim| claim.since != row.wanted_at) {
            let what = format!("wanted by {} for {}", names.hook(claim.lane.hook), claim.path);
            told.push((Some(claim.since), Tone::Plain, what));
        }
        if let Some((at, why)) = row.unwanted {
            told.push((Some(at), Tone::Waiting, format!("no longer wanted: {why}")));
        }
        let frozen = row.frozen_why.clone().unwrap_or_else(|| "frozen".to_owned());
        told.push((row.frozen_at, Tone::Waiting, frozen));
        let how = row.gone_how.as_deref().unwrap_or("its end is known");
        told.push((row.gone_at, Tone::Faint, format!("gone: {how}")));
        let thing = row.row.thing.as_deref().unwrap_or("it");
        let absent = "a look did not show it; one more has to";
        let of_runs = [
            (row.row.intended_at, "its creation is sent: in doubt until it is answered or seen".to_owned()),
            (row.made_at, format!("{thing} is known to exist ({})", row.row.origin)),
            (row.row.absent_at, absent.to_owned()),
            (row.delete_at, "its removal is sent".to_owned()),
        ];
        let repairs = row
            .row
            .repairs
            .iter()
            .map(|at| (Some(*at), "its repair is sent: somebody else changed it".to_owned()));
        for (at, what) in of_runs.into_iter().chain(repairs) {
            told.push((at.filter(|at| !self.is_within_run(*at)), Tone::Plain, what));
        }
        for (at, tone, what) in told {
            if let Some(at) = at {
                self.add(Sort::Row, at, tone, "", what);
            }
        }
        Ok(())
    }

    /// Whether a run that is shown was under way then, or had just ended.
    fn is_within_run(&self, at: Timestamp) -> bool {
        self.runs.iter().any(|ran| {
            let ended = ran.record.ended.unwrap_or(at);
            (ran.record.started..=ended + COMMITTED).contains(&at)
        })
    }

    fn tell_of_runs(&mut self) {
        let mut said = Vec::new();
        let alike = |one: &&Ran, other: &&Ran| {
            one.record.op == other.record.op && one.learnt() == other.learnt() && one.wrote() == other.wrote()
        };
        let oldest_first: Vec<&Ran> = self.runs.iter().rev().collect();
        for same in oldest_first.chunk_by(alike) {
            // The last run of all is told by itself, with its calls.
            let last = same
                .last()
                .is_some_and(|ran| self.runs.first().is_some_and(|newest| newest.record.id == ran.record.id));
            let (folded, alone) = same.split_at(if last { same.len().saturating_sub(1) } else { same.len() });
            if folded.len() >= FOLDED && self.detail == Detail::Lines {
                let (first, end) = (&folded[0].record, &folded[folded.len() - 1].record);
                let what = format!(
                    "{} times {}, to {}: {}",
                    folded.len(),
                    first.op,
                    end.started,
                    folded[0].learnt()
                );
                said.push((first.started, tone(first), ran::range(first, end), what));
            } else {
                said.extend(folded.iter().map(|ran| ran.told()));
            }
            said.extend(alone.iter().map(|ran| ran.told()));
        }
        for (at, tone, name, what) in said {
            self.add(Sort::Run, at, tone, name, what);
        }
    }

    fn tell_of_findings(&mut self) {
        for finding in self.findings.clone() {
            let at = Timestamp::parse_rfc3339;
            if let Some(since) = at(&finding.since) {
                let what = format!("{}: {}", finding.code, finding.message);
                self.add(Sort::Finding, since, Tone::Bad, finding.id.clone(), what);
            }
            if let Some(closed) = finding.closed.as_deref().and_then(at) {
                self.add(Sort::Finding, closed, Tone::Good, finding.id, format!("{} is over", finding.code));
            }
        }
    }

    /// What people did to it, or to its owner.
    fn tell_of_acts(&mut self, store: &Store, names: &Names<'_>) -> Result<(), Failure> {
        let (path, uid) = names.owner(self.row.owner)?;
        // As it may have been typed: `touch cust-7`.
        let app = path.split('/').nth(2).unwrap_or(&path).to_owned();
        let subjects = [self.row.about(), self.row.row.id.to_string(), path, uid, app];
        for (at, OperatorAct { who, what }) in store.acts(ACTS)? {
            let meant = subjects.iter().any(|subject| mentions(&what, subject));
            if let Some(at) = Timestamp::parse_rfc3339(&at).filter(|at| meant && *at >= self.row.wanted_at) {
                self.add(Sort::Act, at, Tone::Strong, "", format!("{who}: {what}"));
            }
        }
        Ok(())
    }

    /// The events that made its runs due, and of its owner's those after which something was done before the next of
    /// them; and puts all in order.
    fn tell_of_events(&mut self, mut events: Vec<Happened>, reasons: Vec<Happened>) {
        self.moments.sort_by_key(|(sort, moment)| (moment.at, *sort == Sort::Run));
        events.sort_by_key(|event| (event.at, event.seq));
        let done: Vec<_> = self.moments.iter().map(|(_, moment)| moment.at).collect();
        let mut next = events.iter().skip(1).map(|event| Some(event.at)).chain([None]);
        let mut shown = reasons;
        for event in &events {
            let until = next.next().flatten();
            let followed = done.iter().any(|at| *at >= event.at && until.is_none_or(|until| *at < until));
            if followed || self.runs.iter().any(|ran| ran.record.because == Some(Because::Event(event.seq))) {
                shown.push(event.clone());
            }
        }
        for event in shown {
            let of = event.path.map(|path| format!(" of {path}")).unwrap_or_default();
            let what = format!("{}{of}", event.kind);
            self.add(Sort::Event, event.at, Tone::Plain, events::name(event.seq), what);
        }
        // At the same time an event comes first, and a run last.
        self.moments.sort_by_key(|(sort, moment)| (moment.at, *sort != Sort::Event, *sort == Sort::Run));
    }

    /// The same for programs.
    pub(super) fn entries(&self) -> Vec<Entry> {
        let entry = |(sort, moment): &(Sort, Moment)| Entry {
            at: moment.at.to_string(),
            sort: *sort,
            name: Some(moment.name.clone()).filter(|name| !name.is_empty()),
            what: moment.what.clone(),
        };
        self.moments.iter().map(entry).collect()
    }

    /// Draws it: each run with its calls, or only the last.
    pub(super) fn draw(&self, now: Timestamp) -> String {
        let mut moments: Vec<_> = self.moments.iter().map(|(_, moment)| moment.clone()).collect();
        for (place, ran) in self.runs.iter().enumerate() {
            let name = ran.record.id.to_string();
            let shown = moments.iter_mut().find(|moment| moment.name == name);
            if let Some(moment) = shown.filter(|_| place == 0 || self.detail == Detail::Calls) {
                let within = (ran.record.started, ran.record.ended.unwrap_or(now));
                moment.below = timeline::of_calls(within, &ran.calls, Bodies::None, 6, columns());
            }
        }
        let mut text = format!("{}\n", paint(Tone::Strong, "timeline"));
        if self.runs_cut {
            let more = self.runs.len().saturating_mul(10);
            let note = format!("  (there may be earlier runs: --runs {more})\n");
            text.push_str(&paint(Tone::Faint, &note));
        }
        if self.runs.is_empty() {
            text.push_str(&paint(Tone::Faint, "  (no runs of it are kept)\n"));
        }
        let (tone, said) = rows::remark(&self.row, now);
        let state = self.row.row.state;
        let said = if said.is_empty() { state.to_string() } else { format!("{state}: {said}") };
        let tone = if tone == Tone::Plain { tone_of_row(state) } else { tone };
        text.push_str(&timeline::moments(&moments, &(tone, said), columns()));
        text
    }
}

impl Ran {
    fn learnt(&self) -> &str {
        self.shown.whole.as_ref().map_or("", |whole| whole.learnt.said.as_str())
    }

    fn wrote(&self) -> bool {
        self.calls.iter().any(|call| call.access == "write")
    }

    fn told(&self) -> (Timestamp, Tone, String, String) {
        let run = &self.record;
        let took =
            run.ended.map(|ended| format!(", {}", length(ended.since(run.started)))).unwrap_or_default();
        let states = self.shown.whole.as_ref().map(|whole| (whole.learnt.before, whole.learnt.after));
        let states = match states {
            Some((Some(before), Some(after))) => format!(" ({before} -> {after})"),
            Some((None, Some(after))) => format!(" (-> {after})"),
            _ => String::new(),
        };
        let what = format!("{}{took}: {}{states}", run.op, self.learnt());
        (run.started, tone(run), run.id.to_string(), what)
    }
}

/// What went well is nothing special.
fn tone(run: &RunRecord) -> Tone {
    match ran::outcome(run).0 {
        Tone::Good => Tone::Plain,
        other => other,
    }
}

/// The last events of a row's owner, and of its app if it is a machine.
fn happened(store: &Store, row: &StoredRow) -> Result<Vec<Happened>, Failure> {
    let mut events = store.happened_to(row.owner, EVENTS)?;
    let owner = store.subject(row.owner)?;
    let app = owner.filter(|owner| owner.subject.path.app_path() != owner.subject.path);
    let app = app.map(|owner| store.subject_at(&owner.subject.path.app_path())).transpose()?.flatten();
    if let Some(app) = app {
        events.extend(store.happened_to(app.id, EVENTS)?);
    }
    Ok(events)
}

/// The events that made runs due and are not among these: of machines of the owner, or old ones.
fn reasons(store: &Store, runs: &[RunRecord], events: &[Happened]) -> Result<Vec<Happened>, Failure> {
    let event = |run: &RunRecord| match run.because {
        Some(Because::Event(seq)) => Some(seq).filter(|seq| events.iter().all(|event| event.seq != *seq)),
        _ => None,
    };
    let seqs: BTreeSet<_> = runs.iter().filter_map(event).collect();
    let found = seqs.into_iter().map(|seq| store.happened(seq)).collect::<Result<Vec<_>, _>>()?;
    Ok(found.into_iter().flatten().collect())
}

/// Whether a text names something, and not merely something that begins or ends alike.
fn mentions(text: &str, name: &str) -> bool {
    let inner = |c: char| c.is_alphanumeric() || matches!(c, '-' | '_' | '/' | '.');
    text.match_indices(name).any(|(at, _)| {
        let before = text[..at].chars().next_back();
        let after = text[at + name.len()..].chars().next();
        !before.is_some_and(inner) && !after.is_some_and(inner)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_only_begins_or_ends_alike_is_not_named() {
        let name = "record/A/www.example";
        assert!(mentions("approve removal of record/A/www.example", name));
        assert!(mentions("resources delete record/A/www.example, record/A/b", name));
        assert!(mentions("restore record/A/www.example of app:x", name));
        assert!(!mentions("protect record/A/www.example.org", name));
        assert!(!mentions("protect other-record/A/www.example", name));
        assert!(mentions("touch cust-7", "cust-7") && !mentions("touch cust-77", "cust-7"));
    }
}
