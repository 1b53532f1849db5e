//! `groundcrew findings`: what a person should look at.

use std::collections::{BTreeMap, BTreeSet};

use groundcrew_core::duration::Millis;
use groundcrew_core::finding::Standing;
use groundcrew_core::remedy::{Outcome, UNTRUE_REST, Verdict};
use groundcrew_core::time::Timestamp;
use groundcrew_store::findings::{ClosedToo, Finding, Mending};

use super::ask::{self, Given};
use super::{Answer, Code, Context, Failure, audit};
use crate::control::Request;
use crate::runner::Runner;
use crate::runner::mend::Mended;
use crate::show::{Cell, Table, Tone, age, ago, length};

/// List what a person should look at, say why it may be, or mend it
#[derive(Debug, clap::Args)]
#[command(args_conflicts_with_subcommands = true)]
pub struct Args {
    /// Those that are no longer so, too
    #[arg(long)]
    all: bool,
    #[command(subcommand)]
    command: Option<FindingsCommand>,
}

#[derive(Debug, clap::Subcommand)]
enum FindingsCommand {
    /// Mend a finding now: whoever reports it looks again, and acts if it is still so
    ///
    /// Neither grace nor the window of its audit is waited for; levels and pauses hold.
    Fix {
        /// The finding, as listed: `f12`
        id: String,
        /// Do not ask
        #[arg(long, short)]
        yes: bool,
    },
    /// Say why a finding may be; it stays listed, and nobody is told of it again
    Ack {
        /// The finding, as listed: `f12`
        id: String,
        /// Why it may be
        #[arg(long)]
        reason: String,
        /// For how long, such as `7d`; without it, as long as it is so
        #[arg(long = "for", value_name = "TIME")]
        time: Option<Millis>,
    },
}

pub(super) fn run(context: &Context, args: &Args) -> Result<Answer, Failure> {
    match &args.command {
        Some(FindingsCommand::Ack { id, reason, time }) => {
            let until = time.map(|time| context.now() + time);
            let (id, reason) = (id.clone(), reason.clone());
            return context.change_and_tell(Request::FindingAck { id, reason, until });
        }
        Some(FindingsCommand::Fix { id, yes }) => return fix(context, id, *yes),
        None => {}
    }
    let closed_too = if args.all { ClosedToo::Yes } else { ClosedToo::No };
    let now = context.now();
    let findings = context.reader()?.findings(closed_too)?.into_iter().map(|finding| finding.as_of(now));
    let findings: Vec<_> = findings.collect();
    let table = table(&findings, now);
    let text = if table.is_empty() { "no findings\n".to_owned() } else { table.draw() };
    Ok(Answer::both(text, &findings))
}

fn fix(context: &Context, id: &str, yes: bool) -> Result<Answer, Failure> {
    let is_it = |finding: &&Finding| finding.id == id && finding.auditor.is_some();
    let missing = || {
        let failure = Failure::failed(format!("no auditor reports an open finding `{id}`"));
        failure.hint("groundcrew findings")
    };
    let open = context.reader()?.findings(ClosedToo::No)?;
    let found = open.iter().find(is_it).ok_or_else(missing)?;
    let number = found.id.trim_start_matches('f').parse().map_err(|_| missing())?;
    let question = format!("Mend {} about {}?", found.code, found.about);
    ask::confirm(&question, Given::from(yes), &format!("groundcrew findings fix {id} --yes"))?;
    let config = context.config()?;
    let who = context.who();
    let here = audit::here(context, &config, "findings fix", async |runner: &Runner| {
        let done = runner.mend_by_hand(number, &who).await;
        done.map_err(|error| Failure::of(&error))?.ok_or_else(missing)
    })?;
    match here {
        None => context.change_and_tell(Request::FindingFix { id: id.to_owned() }),
        Some(Mended::Tried(outcome)) => {
            let told = format!("{} about {}: {outcome}\n", found.code, found.about);
            let well = outcome.parse::<Outcome>().is_ok();
            let answer = Answer::both(told, &serde_json::json!({ "finding": id, "outcome": outcome }));
            Ok(if well { answer } else { answer.code(Code::Failed) })
        }
        Some(Mended::Not(verdict)) => Err(refused(id, &verdict)),
    }
}

fn refused(id: &str, verdict: &Verdict) -> Failure {
    let (why, hint) = match verdict {
        Verdict::Fix => ("nothing holds it".to_owned(), "groundcrew findings"),
        Verdict::Later { why, .. } | Verdict::Never { why } => (why.clone(), "groundcrew findings --all"),
        Verdict::Held { why } => (why.clone(), "groundcrew doctor"),
    };
    Failure::failed(format!("{id} is not mended: {why}")).hint(hint)
}

pub(super) fn table(findings: &[Finding], now: Timestamp) -> Table {
    let mut table =
        Table::new(["ID", "SEVERITY", "CODE", "ABOUT", "SINCE", "COST/MONTH", "MESSAGE", "REMEDY"]);
    let mut hooks: BTreeMap<_, BTreeSet<_>> = BTreeMap::new();
    for finding in findings {
        hooks.entry((&finding.code, &finding.about)).or_default().insert(&finding.hook);
    }
    for finding in findings {
        let about = match &finding.hook {
            // Two hooks may have things of one name, at different places.
            Some(hook)
                if hooks.get(&(&finding.code, &finding.about)).is_some_and(|hooks| hooks.len() > 1) =>
            {
                format!("{} ({hook})", finding.about)
            }
            _ => finding.about.clone(),
        };
        let tone = match finding.severity.as_str() {
            _ if finding.standing != Standing::Open => Tone::Faint,
            "critical" => Tone::Bad,
            "warning" => Tone::Waiting,
            _ => Tone::Plain,
        };
        let since = Timestamp::parse_rfc3339(&finding.since).map(|since| age(since, now));
        table.row([
            finding.id.clone().into(),
            Cell::toned(tone, finding.severity.clone()),
            finding.code.clone().into(),
            about.into(),
            Cell::or_nothing(since),
            Cell::or_nothing(cost(finding)),
            format!("{}{}", standing(finding, now), super::rows::first_line(&finding.message)).into(),
            Cell::or_nothing(remedy(finding, now)),
        ]);
    }
    table
}

/// What is known of the cost; the runner's own findings cost nothing by themselves.
fn cost(finding: &Finding) -> Option<String> {
    finding.auditor.as_ref()?;
    let known = finding.cost_cents.map(|cents| format!("${}.{:02}", cents / 100, cents % 100));
    Some(known.unwrap_or_else(|| "unknown".to_owned()))
}

/// Until when an audit leaves it alone, if there was nothing to mend when it was last tried.
fn rest(mending: &Mending) -> Option<Timestamp> {
    let untrue = mending.outcome.as_deref() == Some(Outcome::NoLongerTrue.as_str());
    let tried = mending.tried.as_deref().filter(|_| untrue).and_then(Timestamp::parse_rfc3339);
    tried.map(|tried| tried + UNTRUE_REST)
}

/// What mends it, and what becomes of that by itself.
fn remedy(finding: &Finding, now: Timestamp) -> Option<String> {
    let Some(mending) = finding.mending.as_ref().filter(|_| finding.standing == Standing::Open) else {
        return finding.remedy.clone();
    };
    let at = |text: &Option<String>| text.as_deref().and_then(Timestamp::parse_rfc3339);
    let of_itself = match (&mending.held, at(&mending.after)) {
        (Some(why), _) if why.starts_with("frozen") => Some(format!("held: {why}")),
        (Some(why), _) => Some(format!("held: {why}: groundcrew approve {}", finding.id)),
        (None, Some(after)) if now < after => {
            Some(format!("after grace ({} left)", length(after.since(now))))
        }
        (None, Some(_)) => Some(match rest(mending).map(|until| until.since(now)) {
            Some(left) if Millis::ZERO < left => format!("after a rest ({} left)", length(left)),
            _ => "by the audit's next run".to_owned(),
        }),
        (None, None) => None,
    };
    let tried = at(&mending.tried).map(|tried| {
        let outcome =
            mending.outcome.as_deref().map_or("under way", |text| text.lines().next().unwrap_or(text));
        format!("{outcome} {}", ago(tried, now))
    });
    let parts: Vec<_> = [tried, of_itself, finding.remedy.clone()].into_iter().flatten().collect();
    Some(parts.join("; "))
}

/// How far it is, before its message, where that is not simply open.
fn standing(finding: &Finding, now: Timestamp) -> String {
    let at = |text: &str| Timestamp::parse_rfc3339(text);
    if let Some(closed) = finding.closed.as_deref().and_then(at) {
        return format!("closed {}; ", ago(closed, now));
    }
    match (&finding.acknowledged, finding.standing) {
        (Some(said), Standing::Acknowledged) => format!("acknowledged by {}: {}; ", said.who, said.reason),
        _ if finding.muted => "muted, for it comes and goes; ".to_owned(),
        _ => String::new(),
    }
}
