//! `groundcrew app`: one app (or machine), one screen.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use groundcrew_core::row::State;
use groundcrew_core::subject::SubjectKind;
use groundcrew_core::time::Timestamp;
use groundcrew_store::findings::{ClosedToo, Finding};
use groundcrew_store::ledger::StoredRow;
use groundcrew_store::listing::{Claim, LaneStatus, RowFilter};
use groundcrew_store::subjects::StoredSubject;
use groundcrew_store::{HookId, Store};
use serde::Serialize;
use serde_json::{Map, Value};

use super::rows::{self, Names, RowShown, first_line};
use super::{Answer, Context, Failure, findings};
use crate::control;
use crate::show::{Cell, Table, Tone, age, ago, paint};

/// Show what should exist outside for an app, what does, and what is under way
#[derive(Debug, clap::Args)]
pub struct Args {
    /// An app or machine: `cust-9`, `acme/cust-9`, `fly/acme/cust-9`, or an id
    name: String,
}

/// One subject with all that is known of its outside.
pub(super) struct Picture {
    pub(super) subject: StoredSubject,
    pub(super) lanes: Vec<LaneStatus>,
    pub(super) rows: Vec<StoredRow>,
    pub(super) claims: Vec<Claim>,
    pub(super) findings: Vec<Finding>,
    pub(super) members: Vec<StoredSubject>,
}

/// What is not as it should be, as a line for people.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(super) struct Missing {
    pub(super) hook: String,
    pub(super) what: String,
}

#[derive(Serialize)]
struct LaneShown {
    hook: String,
    done: bool,
    owed: u32,
    owed_since: Option<String>,
    dead: u32,
    attempts: u32,
    error: Option<String>,
    due_at: Option<String>,
}

#[derive(Serialize)]
struct AppShown<'a> {
    path: &'a str,
    id: &'a str,
    state: &'a str,
    gone_at: Option<String>,
    labels: &'a Map<String, Value>,
    machines: Vec<&'a str>,
    complete: bool,
    missing: Vec<Missing>,
    lanes: Vec<LaneShown>,
    wants: Vec<String>,
    resources: Vec<RowShown>,
    findings: &'a [Finding],
}

impl Picture {
    pub(super) fn of(store: &Store, name: &str) -> Result<Self, Failure> {
        let subject = control::subject(store, name)?;
        let rows = store.rows_where(&RowFilter { owner: Some(subject.id), ..RowFilter::default() })?;
        let path = subject.subject.path.as_str();
        let things: BTreeSet<_> = rows
            .iter()
            .flat_map(|row| [(row.about(), row.target.as_str()), (row.name(), row.target.as_str())])
            .collect();
        let claims = store.claims_of(subject.id)?;
        let concerns = |finding: &Finding| {
            finding.about == path
                || finding.about == subject.subject.uid.as_str()
                || things.iter().any(|(about, target)| *about == finding.about && finding.is_at(target))
                || claims.iter().any(|claim| claim.name == finding.about && finding.is_at(&claim.target))
        };
        let findings = store.findings(ClosedToo::No)?.into_iter().filter(concerns).collect();
        let members = store.members(subject.id)?;
        let lanes = store.lane_statuses(subject.id)?;
        Ok(Self { subject, lanes, rows, claims, findings, members })
    }

    /// Everything that keeps it from being complete; what is merely on its way out does not.
    pub(super) fn missing(&self, names: &Names<'_>) -> Vec<Missing> {
        let lanes = self.lanes.iter().filter(|lane| !lane.is_done());
        let lanes =
            lanes.map(|lane| Missing { hook: names.hook(lane.id.hook), what: still_owes(lane, names) });
        let rows = self.rows.iter().filter(|row| rows::is_under_way(row));
        let rows = rows.map(|row| {
            let failed =
                row.error.as_ref().map(|error| format!(": {}", first_line(error))).unwrap_or_default();
            let what = format!("{}/{} is {}{failed}", row.kind, row.key, row.row.state);
            Missing { hook: names.hook(row.hook), what }
        });
        // Of an app that is gone nothing should be left, but for what policy keeps.
        let gone = self.subject.gone_at.is_some();
        let left = self.rows.iter().filter(|row| gone && row.row.state != State::Retained);
        let left = left.map(|row| Missing {
            hook: names.hook(row.hook),
            what: format!("{}/{} is still there", row.kind, row.key),
        });
        let without = self.claims.iter().filter(|claim| !self.rows.iter().any(|row| covers(row, claim)));
        let without = without.map(|claim| Missing {
            hook: names.hook(claim.lane.hook),
            what: format!("{} is wanted, and somebody else has it", claim.name),
        });
        lanes.chain(rows).chain(left).chain(without).collect()
    }

    /// The hooks that work for it, or have something of it.
    fn hooks(&self) -> BTreeSet<HookId> {
        let lanes = self.lanes.iter().map(|lane| lane.id.hook);
        lanes
            .chain(self.rows.iter().map(|row| row.hook))
            .chain(self.claims.iter().map(|claim| claim.lane.hook))
            .collect()
    }
}

fn covers(row: &StoredRow, claim: &Claim) -> bool {
    row.lane() == claim.lane && claim.name == format!("{}/{}", row.kind, row.key)
}

/// What a lane owes, for people.
pub(super) fn owes(lane: &LaneStatus) -> String {
    let what = match lane.owed {
        0 if lane.is_done() => return "done".to_owned(),
        0 => "a look".to_owned(),
        1 => "1 event".to_owned(),
        more => format!("{more} events"),
    };
    match &lane.lane.error {
        Some(error) if lane.lane.attempts > 0 => {
            format!("owes {what}; failed {} times: {}", lane.lane.attempts, first_line(error))
        }
        Some(error) => format!("owes {what}: {}", first_line(error)),
        None => format!("owes {what}"),
    }
}

/// The same, with what all of the hook's lanes wait for.
fn still_owes(lane: &LaneStatus, names: &Names<'_>) -> String {
    let waits = names.is_compiling(lane.id.hook) && !lane.is_done();
    let why = if waits { ": its component is being compiled" } else { "" };
    format!("{}{why}", owes(lane))
}

pub(super) fn run(context: &Context, args: &Args) -> Result<Answer, Failure> {
    let (store, now) = (context.reader()?, context.now());
    let names = Names::of(&store)?.with_compiling(context.compiling(&store)?);
    let mut picture = Picture::of(&store, &args.name)?;
    picture.findings = picture.findings.into_iter().map(|finding| finding.as_of(now)).collect();
    let missing = picture.missing(&names);
    let text = draw(&picture, &names, &missing, now);
    let subject = &picture.subject.subject;
    let shown = AppShown {
        path: subject.path.as_str(),
        id: subject.uid.as_str(),
        state: &subject.state,
        gone_at: picture.subject.gone_at.map(|at| at.to_string()),
        labels: &subject.labels,
        machines: picture.members.iter().map(|member| member.subject.path.as_str()).collect(),
        complete: missing.is_empty(),
        missing,
        lanes: picture.lanes.iter().map(|lane| lane_shown(lane, &names)).collect(),
        wants: picture.claims.iter().map(|claim| claim.name.clone()).collect(),
        resources: RowShown::all(&picture.rows, &names)?,
        findings: &picture.findings,
    };
    Ok(Answer::both(text, &shown))
}

fn lane_shown(lane: &LaneStatus, names: &Names<'_>) -> LaneShown {
    LaneShown {
        hook: names.hook(lane.id.hook),
        done: lane.is_done(),
        owed: lane.owed,
        owed_since: lane.owed_since.map(|at| at.to_string()),
        dead: lane.dead,
        attempts: lane.lane.attempts,
        error: lane.lane.error.clone(),
        due_at: lane.lane.due_at.map(|at| at.to_string()),
    }
}

fn draw(picture: &Picture, names: &Names<'_>, missing: &[Missing], now: Timestamp) -> String {
    let mut text = head(picture, now);
    for hook in picture.hooks() {
        let lane = picture.lanes.iter().find(|lane| lane.id.hook == hook);
        text.push_str(&hook_head(hook, names, lane, now));
        let rows: Vec<_> = picture.rows.iter().filter(|row| row.hook == hook).cloned().collect();
        let mut table = rows::table(&rows, now);
        for claim in picture.claims.iter().filter(|claim| claim.lane.hook == hook) {
            if !rows.iter().any(|row| covers(row, claim)) {
                let wanted = Cell::toned(Tone::Bad, "conflict");
                let remark = Cell::toned(Tone::Bad, "wanted, and somebody else has it");
                table.row([
                    claim.name.clone().into(),
                    wanted,
                    age(claim.since, now).into(),
                    Cell::default(),
                    remark,
                ]);
            }
        }
        text.push_str(&table.draw());
    }
    if !picture.findings.is_empty() {
        let _ = writeln!(text, "\n{}", paint(Tone::Strong, "findings"));
        text.push_str(&findings::table(&picture.findings, now).indented(2).draw());
    }
    let _ = match missing {
        [] => writeln!(text, "\n{}", paint(Tone::Good, "complete: everything outside is as it should be")),
        [one] => writeln!(text, "\n{} {}: {}", paint(Tone::Waiting, "not complete:"), one.hook, one.what),
        more => writeln!(text, "\n{} {} things", paint(Tone::Waiting, "not complete:"), more.len()),
    };
    text
}

fn head(picture: &Picture, now: Timestamp) -> String {
    let subject = &picture.subject.subject;
    let name = subject.path.machine_id().unwrap_or(subject.path.app_name());
    let state = match picture.subject.gone_at {
        Some(at) => paint(Tone::Bad, &format!("gone {}", ago(at, now))),
        None => subject.state.clone(),
    };
    let mut text = format!("{}  {}  {}  {state}\n", paint(Tone::Strong, name), subject.path, subject.uid);
    if !subject.labels.is_empty() {
        let labels: Vec<_> = subject.labels.iter().map(|(key, value)| format!("{key}={value}")).collect();
        let _ = writeln!(text, "labels    {}", labels.join(" "));
    }
    if !picture.members.is_empty() {
        let states: Vec<_> = picture.members.iter().map(|member| member.subject.state.as_str()).collect();
        let _ = writeln!(text, "machines  {}", tally(&states));
    } else if subject.path.kind() == SubjectKind::App {
        text.push_str("machines  none\n");
    }
    text
}

/// `2 started, 1 stopped`.
fn tally(words: &[&str]) -> String {
    let kinds: BTreeSet<_> = words.iter().collect();
    let counted =
        kinds.into_iter().map(|kind| format!("{} {kind}", words.iter().filter(|word| *word == kind).count()));
    counted.collect::<Vec<_>>().join(", ")
}

fn hook_head(hook: HookId, names: &Names<'_>, lane: Option<&LaneStatus>, now: Timestamp) -> String {
    let name = &names.hook(hook);
    let Some(lane) = lane else { return format!("\n{}\n", paint(Tone::Strong, name)) };
    let tone = match (lane.is_done(), lane.lane.error.is_some()) {
        (true, _) => Tone::Good,
        (false, false) => Tone::Waiting,
        (false, true) => Tone::Bad,
    };
    let mut head = format!("\n{}  {}", paint(Tone::Strong, name), paint(tone, &still_owes(lane, names)));
    if let Some(since) = lane.owed_since {
        let _ = write!(head, ", oldest {}", age(since, now));
    }
    if let Some(due) = lane.lane.due_at.filter(|due| *due > now && !lane.is_done()) {
        let _ = write!(head, ", next try {}", age(due, now));
    }
    if lane.dead > 0 {
        let _ = write!(head, ", {}", paint(Tone::Bad, &format!("{} dead (groundcrew dead list)", lane.dead)));
    }
    head.push('\n');
    head
}

/// An unfinished list for `wait`.
pub(super) fn table_of_missing(missing: &[Missing]) -> Table {
    let mut table = Table::new(["HOOK", "MISSING"]).indented(2);
    for missing in missing {
        table.row([missing.hook.clone().into(), missing.what.clone().into()]);
    }
    table
}
