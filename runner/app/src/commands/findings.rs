//! `groundcrew findings`: what a person should look at.

use groundcrew_core::time::Timestamp;
use groundcrew_store::findings::{ClosedToo, Finding};

use super::{Answer, Context, Failure};
use crate::show::{Cell, Table, Tone, age, ago};

/// List what a person should look at
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Those that are no longer so, too
    #[arg(long)]
    all: bool,
}

pub(super) fn run(context: &Context, args: &Args) -> Result<Answer, Failure> {
    let closed_too = if args.all { ClosedToo::Yes } else { ClosedToo::No };
    let findings = context.reader()?.findings(closed_too)?;
    let table = table(&findings, context.now());
    let text = if table.is_empty() { "no findings\n".to_owned() } else { table.draw() };
    Ok(Answer::both(text, &findings))
}

pub(super) fn table(findings: &[Finding], now: Timestamp) -> Table {
    let mut table = Table::new(["SEVERITY", "FINDING", "ABOUT", "FOR", "MESSAGE", "REMEDY"]);
    for finding in findings {
        let tone = match finding.severity.as_str() {
            _ if finding.closed.is_some() => Tone::Faint,
            "critical" => Tone::Bad,
            "warning" => Tone::Waiting,
            _ => Tone::Plain,
        };
        let at = |text: &str| Timestamp::parse_rfc3339(text);
        let since = at(&finding.since).map(|since| age(since, now)).unwrap_or_default();
        let closed =
            finding.closed.as_deref().and_then(at).map(|closed| format!("closed {}; ", ago(closed, now)));
        table.row([
            Cell::toned(tone, finding.severity.clone()),
            finding.code.clone().into(),
            finding.about.clone().into(),
            since.into(),
            format!("{}{}", closed.unwrap_or_default(), super::rows::first_line(&finding.message)).into(),
            Cell::or_nothing(finding.remedy.clone()),
        ]);
    }
    table
}
