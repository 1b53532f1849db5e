//! `groundcrew autopsy`: what is known of a machine's last days.

use std::fmt::Write as _;

use groundcrew_core::subject::SubjectKind;
use groundcrew_core::time::Timestamp;
use groundcrew_store::last_words::LastWords;
use groundcrew_store::subjects::StoredSubject;
use serde::Serialize;
use serde_json::{Map, Value};

use super::{Answer, Context, Failure};
use crate::control;
use crate::show::{Cell, Table, Tone, ago, paint};

/// Show what is known of a machine's last days
///
/// Its last events, how its process ended, and its redacted configuration; for 90 days after its end.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The machine, by its id or path; it may be gone
    machine: String,
}

/// Machines of an app that are offered when an app is named.
const OFFERED: u32 = 5;

#[derive(Serialize)]
struct Shown<'a> {
    machine: &'a str,
    id: &'a str,
    state: &'a str,
    gone_at: Option<String>,
    labels: &'a Map<String, Value>,
    #[serde(flatten)]
    words: &'a LastWords,
}

pub(super) fn run(context: &Context, args: &Args) -> Result<Answer, Failure> {
    let store = context.reader()?;
    let machine = control::subject(&store, &args.machine)?;
    if machine.subject.path.kind() == SubjectKind::App {
        let gone = store.gone_members(machine.id, OFFERED)?;
        let failure = Failure::usage(format!("{} is an app; name one of its machines", machine.subject.path));
        let hint = |gone: &StoredSubject| format!("groundcrew autopsy {}", gone.subject.uid.platform_id());
        return Err(gone.iter().fold(failure, |failure, gone| failure.hint(hint(gone))));
    }
    let words = store.last_words(&machine)?;
    let subject = &machine.subject;
    let shown = Shown {
        machine: subject.path.as_str(),
        id: subject.uid.as_str(),
        state: &subject.state,
        gone_at: machine.gone_at.map(|at| at.to_string()),
        labels: &subject.labels,
        words: &words,
    };
    Ok(Answer::both(draw(&machine, &words, context.now()), &shown))
}

fn draw(machine: &StoredSubject, words: &LastWords, now: Timestamp) -> String {
    let subject = &machine.subject;
    let state = match machine.gone_at {
        Some(at) => paint(Tone::Bad, &format!("gone {}", ago(at, now))),
        None => subject.state.clone(),
    };
    let id = paint(Tone::Strong, subject.uid.platform_id());
    let mut text = format!("{id}  {}  {state}\n", subject.path);
    let exit = match &words.exit {
        Some(exit) => {
            let at = exit.at.as_deref().and_then(Timestamp::parse_rfc3339);
            let at = at.map(|at| format!(", {}", ago(at, now))).unwrap_or_default();
            format!("{}{at}", sentence(&exit.reason))
        }
        None => "nothing is known of how its process ended".to_owned(),
    };
    let _ = writeln!(text, "exit  {exit}\n");
    let mut table = Table::new(["EVENT", "WHEN", "TIME", "REASON"]).indented(2);
    for event in &words.events {
        let at = Timestamp::parse_rfc3339(&event.time);
        table.row([
            event.kind.clone().into(),
            Cell::or_nothing(at.map(|at| ago(at, now))),
            event.time.clone().into(),
            Cell::or_nothing(event.reason.as_ref().map(sentence)),
        ]);
    }
    let events = if table.is_empty() { "  no events are kept of it\n".to_owned() } else { table.draw() };
    let _ = write!(text, "{}\n{events}", paint(Tone::Strong, "last events, newest first"));
    let _ = writeln!(text, "\n{}", paint(Tone::Strong, "configuration, without environment and secrets"));
    match &words.config {
        Some(config) => format!("{config:#}").lines().for_each(|line| {
            let _ = writeln!(text, "  {line}");
        }),
        None => text.push_str("  not known\n"),
    }
    text
}

/// `code 137, killed for want of memory, not asked for`
fn sentence(reason: &Value) -> String {
    let number = |field: &str| reason.get(field).and_then(Value::as_i64);
    let mut parts = Vec::new();
    parts.extend(number("exit_code").map(|code| format!("code {code}")));
    // Some records have -1 for none.
    parts.extend(number("signal").filter(|signal| *signal > 0).map(|signal| format!("signal {signal}")));
    if reason.get("oom_killed") == Some(&Value::Bool(true)) {
        parts.push("killed for want of memory".to_owned());
    }
    match reason.get("requested_stop") {
        Some(Value::Bool(true)) => parts.push("asked for".to_owned()),
        Some(Value::Bool(false)) => parts.push("not asked for".to_owned()),
        _ => {}
    }
    if parts.is_empty() { "for reasons that are not known".to_owned() } else { parts.join(", ") }
}
