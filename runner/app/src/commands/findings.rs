//! `groundcrew findings`: what a person should look at.

use groundcrew_core::duration::Millis;
use groundcrew_core::finding::Standing;
use groundcrew_core::time::Timestamp;
use groundcrew_store::findings::{ClosedToo, Finding};

use super::{Answer, Context, Failure};
use crate::control::Request;
use crate::show::{Cell, Table, Tone, age, ago};

/// List what a person should look at, or say why it may be
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
    if let Some(FindingsCommand::Ack { id, reason, time }) = &args.command {
        let until = time.map(|time| context.now() + time);
        return context.change_and_tell(Request::FindingAck {
            id: id.clone(),
            reason: reason.clone(),
            until,
        });
    }
    let closed_too = if args.all { ClosedToo::Yes } else { ClosedToo::No };
    let findings = context.reader()?.findings(closed_too)?;
    let table = table(&findings, context.now());
    let text = if table.is_empty() { "no findings\n".to_owned() } else { table.draw() };
    Ok(Answer::both(text, &findings))
}

pub(super) fn table(findings: &[Finding], now: Timestamp) -> Table {
    let mut table =
        Table::new(["ID", "SEVERITY", "CODE", "ABOUT", "SINCE", "COST/MONTH", "MESSAGE", "REMEDY"]);
    for finding in findings {
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
            finding.about.clone().into(),
            Cell::or_nothing(since),
            Cell::or_nothing(cost(finding)),
            format!("{}{}", standing(finding, now), super::rows::first_line(&finding.message)).into(),
            Cell::or_nothing(finding.remedy.clone()),
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

/// How far it is, before its message, where that is not simply open.
fn standing(finding: &Finding, now: Timestamp) -> String {
    let at = |text: &str| Timestamp::parse_rfc3339(text);
    if let Some(closed) = finding.closed.as_deref().and_then(at) {
        return format!("closed {}; ", ago(closed, now));
    }
    match (&finding.acknowledged, finding.standing) {
        (Some(said), Standing::Acknowledged) => format!("acknowledged by {}: {}; ", said.who, said.reason),
        _ => String::new(),
    }
}
