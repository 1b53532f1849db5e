//! Events as commands show them, and what became of one.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use groundcrew_core::row::State;
use groundcrew_core::time::Timestamp;
use groundcrew_store::history::{Happened, LOOKED_THROUGH, Standing, Untold};
use groundcrew_store::ledger::StoredRow;
use groundcrew_store::listing::LaneStatus;
use groundcrew_store::runs::RunRecord;
use groundcrew_store::subjects::StoredSubject;
use groundcrew_store::{HookId, Store, SubjectId};
use serde::Serialize;
use serde_json::Value;

use super::learnt::{self, Learnt};
use super::ran::{self, RunShown};
use super::rows::{self, Names, RowShown, first_line};
use super::timeline::{self, Moment};
use super::{Failure, app};
use crate::show::{Cell, Table, Tone, ago, columns, cut, length, paint};

/// Runs that are shown of those that followed an event.
const FOLLOWED: u32 = 50;
/// Characters that are shown of what an event carried.
const CARRIED: usize = 160;

/// An event in JSON. Times are RFC 3339.
#[derive(Clone, Debug, Serialize)]
pub(super) struct EventShown {
    /// Names it for commands: `e12`.
    pub(super) event: String,
    /// Its place in the inbox.
    pub(super) seq: i64,
    pub(super) id: String,
    pub(super) kind: String,
    pub(super) subject: Option<String>,
    pub(super) at: String,
}

impl From<Happened> for EventShown {
    fn from(event: Happened) -> Self {
        let at = event.at.to_string();
        Self {
            event: name(event.seq),
            seq: event.seq,
            id: event.id,
            kind: event.kind,
            subject: event.path,
            at,
        }
    }
}

/// How an event is named for commands, by its place in the inbox.
pub(super) fn name(seq: i64) -> String {
    format!("e{seq}")
}

/// `e12 app.created of fly/acme/cust-7`.
pub(super) fn titled(event: &EventShown) -> String {
    let of = event.subject.as_ref().map(|path| format!(" of {path}")).unwrap_or_default();
    format!("{} {}{of}", event.event, event.kind)
}

/// The event that a name means, if it means one: `e12`, its id, or a delivery's `HOOK/12`.
pub(super) fn named(store: &Store, names: &Names<'_>, name: &str) -> Result<Option<Happened>, Failure> {
    if let Some(event) = store.happened_as(name)? {
        return Ok(Some(event));
    }
    let delivery = name.split_once('/').filter(|(hook, _)| names.hook_named(hook).is_ok());
    let number = name.strip_prefix('e').or(delivery.map(|(_, number)| number));
    let seq = number.and_then(|number| number.parse().ok());
    Ok(seq.map(|seq| store.happened(seq)).transpose()?.flatten())
}

/// What became of an event at one handler.
#[derive(Debug, Serialize)]
struct HandlerShown {
    hook: String,
    /// `told`, `shown`, `under way`, `owed`, `dead`, `discarded`.
    standing: &'static str,
    attempts: usize,
    /// When it is owed: the next try.
    due_at: Option<String>,
    error: Option<String>,
    /// Newest first.
    runs: Vec<String>,
}

#[derive(Debug, Serialize)]
struct LaneShown {
    hook: String,
    owner: String,
    done: bool,
    error: Option<String>,
}

/// What became of an event, in JSON.
#[derive(Debug, Serialize)]
pub(super) struct EventStory {
    #[serde(flatten)]
    event: EventShown,
    data: Option<Value>,
    /// Whom it was told to, or is owed to.
    handlers: Vec<HandlerShown>,
    /// Whether its runs were looked for among the last ones of its subject only.
    handlers_cut: bool,
    /// Lanes of provisioners that look at its subject.
    lanes: Vec<LaneShown>,
    /// The next event of its subject: what is listed happened before it.
    next: Option<EventShown>,
    /// What provisioners did for its subject until then, oldest first.
    runs: Vec<RunShown>,
    runs_cut: bool,
    /// What they have, or had then.
    resources: Vec<RowShown>,
}

/// Tells what became of an event: text, and the same for programs.
pub(super) fn tell(
    store: &Store,
    names: &Names<'_>,
    event: Happened,
    now: Timestamp,
) -> Result<(String, EventStory), Failure> {
    let subject = event.subject.map(|id| store.subject(id)).transpose()?.flatten();
    let telling = store.telling(&event, FOLLOWED)?;
    let handlers = handlers(&telling.runs, &store.untold(event.seq)?, names);
    let next = event.subject.map(|id| store.happened_after(id, event.seq)).transpose()?.flatten();
    let until = next.as_ref().map_or(now, |next| next.at);
    let lanes = lanes(store, subject.as_ref())?;
    let owners: BTreeSet<_> =
        event.subject.into_iter().chain(lanes.iter().map(|lane| lane.id.subject)).collect();
    let mut runs = Vec::new();
    for owner in &owners {
        runs.extend(store.runs_between(*owner, event.at, until, FOLLOWED)?);
    }
    runs.sort_by_key(|run| std::cmp::Reverse(run.id));
    let runs_cut = runs.len() >= FOLLOWED as usize;
    runs.truncate(FOLLOWED as usize);
    let followed = followed(store, names, runs)?;
    let rows = rows_of(store, &owners, event.at)?;
    let carried = store.event(event.seq)?.map(|event| event.data);
    let mut text = head(&event, subject.as_ref(), carried.as_ref(), now);
    text.push_str(&draw_handlers(&handlers, event.seq, now));
    if telling.cut {
        let note = format!("(its runs were looked for among the last {LOOKED_THROUGH} of its subject)");
        let _ = writeln!(text, "  {}", paint(Tone::Faint, &note));
    }
    if event.subject.is_some() {
        let until = next.as_ref().map_or_else(
            || "since then".to_owned(),
            |next| {
                format!("until {} {}, {} later", name(next.seq), next.kind, length(next.at.since(event.at)))
            },
        );
        text.push_str(&draw_followed(&followed, &lanes, names, &until)?);
        if runs_cut {
            let _ = writeln!(text, "  {}", paint(Tone::Faint, &format!("(the last {FOLLOWED} of them)")));
        }
        text.push_str(&draw_rows(&rows, names, now));
    }
    let lanes = lanes.iter().map(|lane| lane_shown(lane, names)).collect::<Result<_, _>>()?;
    let became = EventStory {
        event: EventShown::from(event),
        data: carried,
        handlers,
        handlers_cut: telling.cut,
        lanes,
        next: next.map(EventShown::from),
        runs: followed.into_iter().map(|(_, shown, _)| shown).collect(),
        runs_cut,
        resources: RowShown::all(&rows, names)?,
    };
    Ok((text, became))
}

fn handlers(runs: &[RunRecord], untold: &[Untold], names: &Names<'_>) -> Vec<HandlerShown> {
    let hooks: BTreeSet<HookId> =
        runs.iter().map(|run| run.hook).chain(untold.iter().map(|one| one.hook)).collect();
    let shown = |hook: HookId| {
        let of_hook: Vec<_> = runs.iter().filter(|run| run.hook == hook).collect();
        let owed = untold.iter().find(|one| one.hook == hook);
        let (standing, due_at) = match (owed.map(|one| one.standing), of_hook.first()) {
            (Some(Standing::Owed { due_at }), _) => ("owed", due_at),
            (Some(Standing::Dead), _) => ("dead", None),
            (None, Some(run)) => (learnt::told(run), None),
            (None, None) => ("discarded", None),
        };
        let error = owed.and_then(|one| one.error.clone());
        let last = of_hook.first().and_then(|run| run.outcome.clone()).filter(|said| said != "ok");
        HandlerShown {
            hook: names.hook(hook),
            standing,
            attempts: owed.map_or(of_hook.len(), |one| one.attempts as usize),
            due_at: due_at.map(|at| at.to_string()),
            error: error.or(last).filter(|_| !matches!(standing, "told" | "shown")),
            runs: of_hook.iter().map(|run| run.id.to_string()).collect(),
        }
    };
    hooks.into_iter().map(shown).collect()
}

fn followed(
    store: &Store,
    names: &Names<'_>,
    runs: Vec<RunRecord>,
) -> Result<Vec<(RunRecord, RunShown, Learnt)>, Failure> {
    let one = |run: RunRecord| {
        let shown = RunShown::of(&run, store, names)?;
        let row = run.resource.map(|id| store.row(id)).transpose()?.flatten();
        let learnt = Learnt::of(store, &run, &[], row.as_ref(), &shown.hook)?;
        Ok((run, shown, learnt))
    };
    runs.into_iter().rev().map(one).collect()
}

/// The provisioners' lanes of a subject, and those of its app, which may look at its machines.
fn lanes(store: &Store, subject: Option<&StoredSubject>) -> Result<Vec<LaneStatus>, Failure> {
    let Some(subject) = subject else { return Ok(Vec::new()) };
    let mut lanes = store.lane_statuses(subject.id)?;
    let app = subject.subject.path.app_path();
    if app != subject.subject.path
        && let Some(app) = store.subject_at(&app)?
    {
        lanes.extend(store.lane_statuses(app.id)?);
    }
    // A handler's lane is never owed a look.
    lanes.retain(|lane| lane.lane.dirty > 0);
    Ok(lanes)
}

fn lane_shown(lane: &LaneStatus, names: &Names<'_>) -> Result<LaneShown, Failure> {
    Ok(LaneShown {
        hook: names.hook(lane.id.hook),
        owner: names.owner(lane.id.subject)?.0,
        done: lane.is_done(),
        error: lane.lane.error.clone(),
    })
}

/// What they have, and what of it ended since then.
fn rows_of(store: &Store, owners: &BTreeSet<SubjectId>, since: Timestamp) -> Result<Vec<StoredRow>, Failure> {
    let mut rows = Vec::new();
    for owner in owners {
        rows.extend(store.subject_rows(*owner)?);
    }
    rows.retain(|row| row.row.state != State::Gone || row.gone_at.is_some_and(|at| at >= since));
    Ok(rows)
}

fn head(
    event: &Happened,
    subject: Option<&StoredSubject>,
    carried: Option<&Value>,
    now: Timestamp,
) -> String {
    let title = format!("{}  {}", name(event.seq), event.kind);
    let of = subject.map(|subject| format!(" of {}", subject.subject.path)).unwrap_or_default();
    let mut text = format!("{}{of}\n", paint(Tone::Strong, &title));
    let mut fact = |name: &str, value: &str| {
        let _ = writeln!(text, "  {name:<10}{value}");
    };
    fact("id", &event.id);
    fact("happened", &format!("{} ({})", ago(event.at, now), event.at));
    if let Some(subject) = subject {
        let gone = subject.gone_at.map(|at| format!(", gone {}", ago(at, now))).unwrap_or_default();
        fact("subject", &format!("{}{gone}", subject.subject.uid));
    }
    let data = carried.filter(|data| data.as_object().is_none_or(|data| !data.is_empty()) && !data.is_null());
    if let Some(data) = data {
        fact("data", &cut(&data.to_string(), CARRIED));
    }
    text
}

fn draw_handlers(handlers: &[HandlerShown], seq: i64, now: Timestamp) -> String {
    let mut text = format!("\n{}\n", paint(Tone::Strong, "handlers"));
    let mut table = Table::new(["HANDLER", "IS", "TRIED", "RUNS", ""]).indented(2);
    for handler in handlers {
        let tone = match handler.standing {
            "told" | "shown" => Tone::Good,
            "owed" | "under way" => Tone::Waiting,
            _ => Tone::Bad,
        };
        let due = handler.due_at.as_deref().and_then(Timestamp::parse_rfc3339);
        let due =
            due.map(|at| if at <= now { "again now".to_owned() } else { format!("again {}", ago(at, now)) });
        let show =
            (handler.standing == "dead").then(|| format!("groundcrew dead show {}/{seq}", handler.hook));
        let error = handler.error.as_deref().map(first_line);
        let said: Vec<_> = due.into_iter().chain(error).chain(show).collect();
        table.row([
            handler.hook.clone().into(),
            Cell::toned(tone, handler.standing),
            handler.attempts.to_string().into(),
            Cell::or_nothing((!handler.runs.is_empty()).then(|| handler.runs.join(" "))),
            said.join("; ").into(),
        ]);
    }
    text.push_str(&if table.is_empty() {
        "  no handler is known to have been owed it\n".to_owned()
    } else {
        table.draw()
    });
    text
}

fn draw_followed(
    followed: &[(RunRecord, RunShown, Learnt)],
    lanes: &[LaneStatus],
    names: &Names<'_>,
    until: &str,
) -> Result<String, Failure> {
    let mut text = format!("\n{} {until}\n", paint(Tone::Strong, "what provisioners did"));
    let moments: Vec<_> = followed
        .iter()
        .map(|(run, shown, learnt)| Moment {
            at: run.started,
            name: shown.run.clone(),
            what: format!(
                "{} {} {}: {}",
                shown.hook,
                run.op,
                shown.about.as_deref().unwrap_or_default(),
                learnt.said
            ),
            tone: if run.outcome.as_deref() == Some("ok") { Tone::Plain } else { ran::outcome(run).0 },
            below: String::new(),
        })
        .collect();
    let mut owing = Vec::new();
    for lane in lanes {
        let lane = (names.lane(lane.id)?, app::owes(lane), lane.is_done());
        owing.push(lane);
    }
    let tone = if owing.iter().all(|(_, _, done)| *done) { Tone::Good } else { Tone::Waiting };
    let said: Vec<_> = owing.iter().map(|(lane, owes, _)| format!("{lane}: {owes}")).collect();
    let now = if said.is_empty() {
        (Tone::Plain, "no provisioner looks at it".to_owned())
    } else {
        (tone, said.join("; "))
    };
    text.push_str(&timeline::moments(&moments, &now, columns()));
    Ok(text)
}

fn draw_rows(rows: &[StoredRow], names: &Names<'_>, now: Timestamp) -> String {
    if rows.is_empty() {
        return String::new();
    }
    let mut text = format!("\n{}\n", paint(Tone::Strong, "things of theirs"));
    let mut table = Table::new(["HOOK", "NAME", "STATE", "FOR", "THING", ""]).indented(2);
    for row in rows {
        table.row(std::iter::once(Cell::from(names.hook(row.hook))).chain(rows::cells(row, now)));
    }
    text.push_str(&table.draw());
    text
}
