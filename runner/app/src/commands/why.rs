//! `groundcrew why`: from a thing outside back to the call that made it.

use std::fmt::Write as _;

use groundcrew_core::row::State;
use groundcrew_core::time::Timestamp;
use groundcrew_store::Store;
use groundcrew_store::findings::{ClosedToo, Finding};
use groundcrew_store::ledger::StoredRow;
use groundcrew_store::listing::Claim;
use groundcrew_store::runs::{CallRecord, RunRecord, RunsOf};
use serde::Serialize;

use super::calls::{self, RunShown};
use super::rows::{self, Names, RowShown};
use super::{Answer, Context, Failure, findings};
use crate::show::{Tone, age, ago, paint, tone_of_row};

/// Tell everything about one thing, back to the calls that made it
#[derive(Debug, clap::Args)]
pub struct Args {
    /// A row, a thing's id, `key`, `kind/key`, or with the hook before it: `dns/A/www.cust-7.example`
    name: String,
    /// How many runs at most
    #[arg(long, value_name = "N", default_value_t = 10)]
    runs: u32,
}

#[derive(Serialize)]
struct ClaimShown {
    hook: String,
    owner: String,
    owner_id: String,
    since: String,
}

#[derive(Serialize)]
struct WhyShown {
    #[serde(flatten)]
    row: RowShown,
    wanted_by: Vec<ClaimShown>,
    read_by: Vec<String>,
    findings: Vec<Finding>,
    runs: Vec<RunShown>,
}

/// Everything about one row.
struct Story {
    row: StoredRow,
    claims: Vec<Claim>,
    readers: Vec<String>,
    findings: Vec<Finding>,
    runs: Vec<(RunRecord, Vec<CallRecord>)>,
}

pub(super) fn run(context: &Context, args: &Args) -> Result<Answer, Failure> {
    let (store, now) = (context.reader()?, context.now());
    let names = Names::of(&store)?;
    let rows = named(&store, &names, &args.name)?;
    let (mut text, mut shown) = (String::new(), Vec::new());
    // What lives comes first; of what is gone only the newest is told, unless it is all there is.
    let living = rows.iter().filter(|row| row.row.state != State::Gone).count().max(1);
    for row in rows.iter().take(living) {
        let told = tell(&store, &names, row.clone(), args.runs)?;
        text.push_str(&draw(&told, &names, now)?);
        shown.push(shown_of(&told, &store, &names)?);
    }
    if let Some(more @ 1..) = rows.len().checked_sub(living) {
        let _ = writeln!(
            text,
            "{}",
            paint(Tone::Faint, &format!("{more} earlier of that name: groundcrew resources --all"))
        );
    }
    Ok(Answer::both(text, &shown))
}

/// The rows that a name may mean; the hook may stand before it, as may `kind/`.
fn named(store: &Store, names: &Names<'_>, name: &str) -> Result<Vec<StoredRow>, Failure> {
    let mut rows = store.rows_named(name)?;
    if rows.is_empty()
        && let Some((hook, rest)) = name.split_once('/')
        && let Ok(hook) = names.hook_named(hook)
    {
        rows = store.rows_named(rest)?;
        rows.retain(|row| row.hook == hook);
    }
    if !rows.is_empty() {
        return Ok(rows);
    }
    let rest = name.split_once('/').map_or(name, |(_, rest)| rest);
    let claims = [store.claims_named(name)?, store.claims_named(rest)?].concat();
    Err(match claims.first() {
        Some(claim) => Failure::failed(format!(
            "`{name}` is wanted by {} and has no row: somebody else has its place",
            claim.path
        ))
        .hint("groundcrew findings"),
        None => Failure::failed(format!("nothing outside is known as `{name}`"))
            .hint("groundcrew resources --all"),
    })
}

fn tell(store: &Store, names: &Names<'_>, row: StoredRow, limit: u32) -> Result<Story, Failure> {
    let plain = format!("{}/{}", row.kind, row.key);
    let about = row.about();
    let findings = store.findings(ClosedToo::No)?;
    let findings =
        findings.into_iter().filter(|finding| finding.about == about || finding.about == plain).collect();
    let readers =
        store.readers_of(row.id)?.into_iter().map(|lane| names.lane(lane)).collect::<Result<_, _>>()?;
    let runs = store.runs(RunsOf::Resource(row.id), limit)?;
    let with_calls = runs.into_iter().map(|run| store.run(run.id)).collect::<Result<Vec<_>, _>>()?;
    Ok(Story {
        claims: store.claims_on(&row)?,
        readers,
        findings,
        runs: with_calls.into_iter().flatten().collect(),
        row,
    })
}

fn shown_of(told: &Story, store: &Store, names: &Names<'_>) -> Result<WhyShown, Failure> {
    let claim = |claim: &Claim| ClaimShown {
        hook: names.hook(claim.lane.hook),
        owner: claim.path.clone(),
        owner_id: claim.uid.clone(),
        since: claim.since.to_string(),
    };
    let run = |(run, calls): &(RunRecord, Vec<CallRecord>)| {
        RunShown::of(run, store, names).map(|shown| shown.with_calls(run, calls))
    };
    Ok(WhyShown {
        row: RowShown::of(&told.row, names)?,
        wanted_by: told.claims.iter().map(claim).collect(),
        read_by: told.readers.clone(),
        findings: told.findings.clone(),
        runs: told.runs.iter().map(run).collect::<Result<_, _>>()?,
    })
}

fn draw(story: &Story, names: &Names<'_>, now: Timestamp) -> Result<String, Failure> {
    let row = &story.row;
    let state = paint(tone_of_row(row.row.state), row.row.state.as_str());
    let name = paint(Tone::Strong, &format!("{}/{}", row.kind, row.key));
    let mut text = format!("{name}  {state} for {}\n", age(rows::since(row), now));
    for (fact, value) in facts(story, names, now)? {
        let _ = writeln!(text, "  {fact:<10}{value}");
    }
    if !story.findings.is_empty() {
        let _ = writeln!(text, "\n{}", paint(Tone::Strong, "findings"));
        text.push_str(&findings::table(&story.findings, now).indented(2).draw());
    }
    let _ = writeln!(
        text,
        "\n{}",
        paint(Tone::Strong, if story.runs.is_empty() { "no runs are kept" } else { "runs" })
    );
    for (run, calls) in &story.runs {
        let outcome = run.outcome.as_deref().unwrap_or("under way");
        let tone = if outcome == "ok" { Tone::Good } else { Tone::Bad };
        let outcome = paint(tone, &rows::first_line(outcome));
        let _ = writeln!(
            text,
            "  {}  {}  {}, {}  {outcome}",
            run.id,
            run.op,
            ago(run.started, now),
            calls::took(run, now)
        );
        for call in calls {
            let _ = writeln!(text, "    {}", calls::line(call));
        }
    }
    text.push('\n');
    Ok(text)
}

/// What is known, each with its name.
fn facts(story: &Story, names: &Names<'_>, now: Timestamp) -> Result<Vec<(&'static str, String)>, Failure> {
    let row = &story.row;
    let (path, uid) = names.owner(row.owner)?;
    let mut facts = vec![
        ("row", row.row.id.to_string()),
        ("hook", format!("{} ({})", names.hook(row.hook), row.target)),
        ("owner", format!("{path} ({uid}){}", if row.inside.is_empty() { "" } else { ", dies with it" })),
    ];
    let class = serde_json::to_value(row.class).expect("invariant: a class is a word");
    let made = row.made_at.map(|at| format!(", made {}", ago(at, now))).unwrap_or_default();
    let thing = row.row.thing.as_deref().unwrap_or("(its id is not known)");
    facts.push((
        "thing",
        format!("{thing}, {} ({}){made}", row.row.origin, class.as_str().unwrap_or_default()),
    ));
    for claim in &story.claims {
        let by =
            format!("{} for {}, since {}", names.hook(claim.lane.hook), claim.path, age(claim.since, now));
        facts.push(("wanted by", by));
    }
    if let Some((at, why)) = row.unwanted {
        facts.push(("unwanted", format!("for {}: {why}", age(at, now))));
    }
    let optional = [
        (
            "gone",
            row.gone_at.map(|at| format!("{}: {}", ago(at, now), row.gone_how.as_deref().unwrap_or(""))),
        ),
        ("held", row.frozen_why.clone()),
        ("protected", row.protected.then(|| format!("groundcrew unprotect {}", row.row.id))),
        ("failed", row.error.as_ref().map(|error| format!("{} times: {error}", row.attempts))),
        ("waits", row.waiting.clone()),
        ("next", row.due_at.map(|due| if due <= now { "now".to_owned() } else { age(due, now) })),
        ("note", row.note.clone()),
        ("mark", row.row.mark.clone()),
        ("after", (!row.after.is_empty()).then(|| row.after.join(", "))),
        ("read by", (!story.readers.is_empty()).then(|| story.readers.join(", "))),
    ];
    facts.extend(optional.into_iter().filter_map(|(name, value)| Some((name, value?))));
    facts.push(("spec", row.row.spec.to_string()));
    facts.extend(row.row.observed.as_ref().map(|observed| ("observed", observed.to_string())));
    facts.extend(row.outputs.iter().map(|output| ("output", format!("{} = {}", output.name, output.value))));
    Ok(facts)
}
