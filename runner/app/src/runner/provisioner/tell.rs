//! What people are told of a row: a line of the log, findings.

use groundcrew_core::row::{Origin, State};
use groundcrew_core::settle::{Gone, Problem};
use groundcrew_store::RunId;
use groundcrew_store::findings::{NewFinding, Severity};

use super::learn::Learnt;
use super::row::Work;

/// Tells people what happened to a thing: one line of the log.
pub(super) fn say(work: &Work<'_>, run: Option<RunId>, what: &str) {
    tracing::info!(
        app = %work.owner.subject.path.app_name(),
        hook = %work.installed.hook.name,
        run = run.map(tracing::field::display),
        kind = %work.row.kind,
        key = %work.row.key,
        thing = work.row.row.thing.as_deref().unwrap_or(""),
        row = %work.row.row.id,
        what
    );
}

/// What of it is worth a line of the log.
pub(super) fn news(learnt: &Learnt, state: State) -> Option<&'static str> {
    match learnt {
        Learnt::Made { .. } => Some("created"),
        Learnt::Taken { origin: Origin::Created, .. } => Some("settled: found by its mark; nothing created"),
        Learnt::Taken { origin: Origin::Presumed, .. } if state == State::Creating => {
            Some("taken up: it is there, unmarked and equal; nothing created")
        }
        Learnt::Taken { origin: Origin::Presumed, .. } => {
            Some("settled: found, new since the pre-image; nothing created")
        }
        Learnt::Taken { origin: Origin::Adopted | Origin::Imported, .. } => {
            Some("adopted: it was there, and equal")
        }
        Learnt::Changed { .. } => Some("changed"),
        Learnt::Gone { how: Gone::Removed } => Some("removed"),
        Learnt::Gone { how: Gone::Lost } => Some("lost: somebody else removed it"),
        Learnt::Retained { .. } => Some("retained"),
        Learnt::Seen { .. } | Learnt::Removed { .. } | Learnt::Absent { .. } | Learnt::Gone { .. } => None,
    }
}

/// A finding about a row.
pub(super) fn finding(
    work: &Work<'_>,
    code: &str,
    severity: Severity,
    message: String,
    remedy: Option<String>,
) -> NewFinding {
    NewFinding {
        code: code.to_owned(),
        about: work.row.about(),
        hook: Some(work.installed.id),
        severity,
        message,
        remedy,
    }
}

/// What a problem is called, how bad it is, what it is in words, and what to do about it.
pub(super) fn describe(
    problem: &Problem,
    work: &Work<'_>,
) -> (&'static str, Severity, String, Option<String>) {
    let row = &work.row.row.id;
    match problem {
        Problem::Conflict { thing } => (
            "resource.conflict",
            Severity::Warning,
            format!("somebody else's {} `{thing}` has this key", work.row.kind),
            Some("remove it, or set `adopt = \"exact\"` in the stanza".to_owned()),
        ),
        Problem::Ambiguous { things } => (
            "resource.ambiguous",
            Severity::Critical,
            match work.row.row.state {
                State::Creating => {
                    format!("while the ledger is rebuilt: each of these could be ours: {}", things.join(", "))
                }
                _ => format!("a creation's answer was lost and these could be ours: {}", things.join(", ")),
            },
            Some(format!(
                "groundcrew settle {row} --id {}   (or --none)",
                things.first().map_or("ID", String::as_str)
            )),
        ),
        Problem::Twin { thing } => (
            "resource.twin",
            Severity::Critical,
            format!("a second thing of ours turned up: `{thing}`"),
            Some(format!("look at both, then remove one: groundcrew why {row}")),
        ),
        Problem::Fought { thing, fields } => (
            "resource.fought",
            Severity::Warning,
            format!(
                "somebody else changes `{thing}` back as often as we do ({}); it is not repaired any more",
                fields.join(", ")
            ),
            Some(format!("find out who does; then groundcrew approve {row}")),
        ),
        Problem::Changed { thing, fields } => (
            "resource.changed",
            Severity::Warning,
            format!("`{thing}` is not as it was left ({}); it is not touched", fields.join(", ")),
            Some(format!("groundcrew why {row}")),
        ),
    }
}
