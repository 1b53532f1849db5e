//! `groundcrew why`: the story of one thing, or what became of one event.

use std::fmt::Write as _;

use groundcrew_core::row::State;
use groundcrew_core::time::Timestamp;
use groundcrew_store::Store;
use groundcrew_store::findings::Finding;
use groundcrew_store::ledger::StoredRow;
use groundcrew_store::listing::Claim;
use serde::Serialize;

use super::ran::RunShown;
use super::rows::{self, Names, RowShown};
use super::story::{Detail, Entry, Story};
use super::{Answer, Context, Failure, events, findings};
use crate::show::{Tone, age, ago, paint, tone_of_row};

/// Tell the story of one thing, or what became of an event
///
/// Of a thing: what is known of it, and how it came to that, from the event before it was wanted to the last run. Of an
/// event: who was told, what was done next, and what its owner has.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// A row, a thing's id, `key`, `kind/key`, or with the hook before it: `dns/A/www.cust-7.example`; an event: `e12`, its id, or a delivery of it: `notify/12`
    name: String,
    /// How many runs at most
    #[arg(long, value_name = "N", default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..))]
    runs: u32,
    /// Show the calls of every run, not only of the last
    #[arg(long)]
    calls: bool,
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
    /// Open ones.
    findings: Vec<Finding>,
    /// Newest first.
    runs: Vec<RunShown>,
    /// Oldest first.
    timeline: Vec<Entry>,
}

pub(super) fn run(context: &Context, args: &Args) -> Result<Answer, Failure> {
    let (store, now) = (context.reader()?, context.now());
    let names = Names::of(&store)?;
    let rows = named(&store, &names, &args.name)?;
    if rows.is_empty() {
        let event = events::named(&store, &names, &args.name)?;
        let event = event.map_or_else(|| Err(unknown(&store, &args.name)), Ok)?;
        let (text, became) = events::tell(&store, &names, event, now)?;
        return Ok(Answer::both(text, &[became]));
    }
    let (mut text, mut shown) = (String::new(), Vec::new());
    // What lives comes first; of what is gone only the newest is told, unless it is all there is.
    let living = rows.iter().filter(|row| row.row.state != State::Gone).count().max(1);
    for row in rows.iter().take(living) {
        let detail = if args.calls { Detail::Calls } else { Detail::Lines };
        let told = Story::of(&store, &names, row.clone(), args.runs, detail)?;
        text.push_str(&draw(&told, &names, now)?);
        text.push_str(&told.draw(now));
        text.push('\n');
        shown.push(shown_of(told, &names)?);
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
pub(super) fn named(store: &Store, names: &Names<'_>, name: &str) -> Result<Vec<StoredRow>, Failure> {
    let mut rows = store.rows_named(name)?;
    if rows.is_empty()
        && let Some((hook, rest)) = name.split_once('/')
        && let Ok(hook) = names.hook_named(hook)
    {
        rows = store.rows_named(rest)?;
        rows.retain(|row| row.hook == hook);
    }
    Ok(rows)
}

/// Why nothing is known by a name.
fn unknown(store: &Store, name: &str) -> Failure {
    let rest = name.split_once('/').map_or(name, |(_, rest)| rest);
    let claims = [name, rest].map(|name| store.claims_named(name));
    let claims: Result<Vec<_>, _> = claims.into_iter().collect();
    match claims.map(|claims| claims.concat().into_iter().next()) {
        Err(error) => error.into(),
        Ok(Some(claim)) => Failure::failed(format!(
            "`{name}` is wanted by {} and has no row: somebody else has its place",
            claim.path
        ))
        .hint("groundcrew findings"),
        Ok(None) => {
            Failure::failed(format!("nothing outside is known as `{name}`, and no event that is kept"))
                .hint("groundcrew resources --all")
        }
    }
}

fn shown_of(story: Story, names: &Names<'_>) -> Result<WhyShown, Failure> {
    let claim = |claim: &Claim| ClaimShown {
        hook: names.hook(claim.lane.hook),
        owner: claim.path.clone(),
        owner_id: claim.uid.clone(),
        since: claim.since.to_string(),
    };
    Ok(WhyShown {
        row: RowShown::of(&story.row, names)?,
        wanted_by: story.claims.iter().map(claim).collect(),
        timeline: story.entries(),
        findings: story.open_findings().cloned().collect(),
        read_by: story.readers,
        runs: story.runs.into_iter().map(|ran| ran.shown).collect(),
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
    let open: Vec<_> = story.open_findings().cloned().collect();
    if !open.is_empty() {
        let _ = writeln!(text, "\n{}", paint(Tone::Strong, "findings"));
        text.push_str(&findings::table(&open, now).indented(2).draw());
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
        ("failed", row.error.as_ref().map(|error| failed(row.attempts, error))),
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

/// A row's last failure; what failed while nobody got through is no attempt.
fn failed(attempts: u32, error: &str) -> String {
    if attempts < 2 { error.to_owned() } else { format!("{attempts} times: {error}") }
}
