//! When something is done again and again: `cron` and what belongs to it.

use std::str::FromStr;

use groundcrew_core::duration::Millis;
use groundcrew_core::schedule::{Missed, Overlap, Schedule, ScheduleError};
use groundcrew_core::time::Timestamp;
use toml::Spanned;

use super::words;
use crate::config::audit::Timing;
use crate::config::defaults;
use crate::config::problem::{Problem, ProblemKind};
use crate::config::read::Section;

/// Keys that mean something beside `cron` only.
pub(super) const KEYS: [&str; 4] = ["timezone", "jitter", "overlap", "missed"];

/// Reads `cron` and what belongs to it; `table` is under which its defaults are listed. None: it cannot be read, or
/// is not there.
pub(super) fn timing(section: &Section<'_>, table: &str) -> Option<Timing> {
    let schedule = schedule(section, table);
    let jitter = jitter(section, schedule.as_ref());
    let overlap = section.choice_or_default::<Overlap>("overlap", &words(Overlap::ALL, Overlap::as_str));
    let missed = missed(section, table);
    Some(Timing { schedule: schedule?, jitter, overlap, missed })
}

fn schedule(section: &Section<'_>, table: &str) -> Option<Schedule> {
    let cron = section.text("cron");
    let zone = section.text("timezone");
    let zone_name =
        zone.as_ref().map_or_else(|| defaults::text(&format!("{table}.timezone")), |zone| zone.get_ref());
    let cron = cron?;
    let refused = |at: Spanned<&str>, error: String, help: &str| {
        let problem = Problem::new(ProblemKind::BadSchedule, at.span(), error);
        section.problem(problem.label("cannot be read").help(help));
    };
    match Schedule::parse(cron.get_ref(), zone_name) {
        Ok(schedule) => Some(schedule),
        Err(ScheduleError::Zone(error)) => {
            refused(zone.unwrap_or(cron), error.to_string(), "timezone = \"Europe/Zurich\"");
            None
        }
        Err(ScheduleError::Parse(error)) => {
            refused(cron, error.to_string(), "such as \"0 3 * * *\": every day at three");
            None
        }
    }
}

/// Gaps are looked for from here on: a year with a leap day.
const SOME_DAY: Timestamp = Timestamp::from_millis(1_700_000_000_000);

fn jitter(section: &Section<'_>, schedule: Option<&Schedule>) -> Millis {
    let jitter: Millis = section.setting("jitter", ProblemKind::BadDuration);
    if let (Some(schedule), Some(text)) = (schedule, section.text("jitter")) {
        let gap = schedule.gap(SOME_DAY);
        if jitter >= gap {
            let message = format!("`jitter` of {jitter} is not shorter than the {gap} between two ticks");
            let problem = Problem::new(ProblemKind::BadDuration, text.span(), message);
            section.problem(problem.label("too long").help("a tick would be overtaken by the next"));
        }
    }
    jitter
}

fn missed(section: &Section<'_>, table: &str) -> Missed {
    let default = || defaults::of::<MissedWord>(&format!("{table}.missed")).0;
    let Some(value) = section.raw("missed") else { return default() };
    if !value.get_ref().is_table() {
        return section
            .choose::<MissedWord>("`missed`", value, &["skip"])
            .map_or_else(default, |word| word.0);
    }
    let Some(table) = section.section("missed") else { return default() };
    table.choice::<MissedWord>("run", &["once"]);
    for (key, example) in [("run", "run = \"once\""), ("within", "within = \"6h\"")] {
        if !table.has(key) {
            table.lacks(ProblemKind::MissingKey, key, example);
        }
    }
    let within = table.parsed::<Millis>("within", ProblemKind::BadDuration).map(Spanned::into_inner);
    table.end();
    within.map_or_else(default, Missed::Once)
}

/// The words of [`Missed`] that need no more than themselves.
#[derive(Debug)]
struct MissedWord(Missed);

impl FromStr for MissedWord {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        match text {
            "skip" => Ok(Self(Missed::Skip)),
            // Of the table: how long it is made up for stands beside it.
            "once" => Ok(Self(Missed::Once(Millis::ZERO))),
            _ => Err(()),
        }
    }
}
