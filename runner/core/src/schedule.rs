//! Schedules as in crontab(5): five fields, a time zone, jitter, and what becomes of ticks that were missed.
//!
//! The `cron` crate enumerates; here its dialect is translated: it wants seconds, counts Sunday as 1, and lets
//! day of month *and* day of week match where crontab(5) lets either. It is only ever asked about wall-clock
//! times; what they mean in a zone is decided here, so that on the days on which clocks change
//!
//! - a fixed time that the clock jumps over is ticked once, at the jump,
//! - a fixed time that the clock shows twice is ticked once, the first time,
//! - a schedule whose hour is a wildcard goes by elapsed time, and is ticked in both of the two hours.

mod turn;

use std::fmt;
use std::str::FromStr;

use chrono::{DateTime, NaiveDate, Utc};
use jiff::civil;
use jiff::tz::{AmbiguousOffset, TimeZone, TimeZoneDatabase};
use serde::{Deserialize, Serialize};

use crate::duration::Millis;
use crate::hash::Digest;
use crate::row::words;
use crate::time::Timestamp;

pub use turn::{Move, Turn};

/// Why an expression is none.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ParseError {
    /// Not five fields.
    #[error("{0} fields; crontab(5) has five: minute, hour, day of month, month, day of week")]
    Fields(usize),
    /// An unknown short form.
    #[error("`{0}` is none of @hourly, @daily, @midnight, @weekly, @monthly, @yearly, @annually")]
    Short(String),
    /// A field that cannot be read.
    #[error("`{field}` is no {name}: {why}")]
    Field {
        /// Which.
        name: &'static str,
        /// As written.
        field: String,
        /// What is wrong.
        why: String,
    },
    /// A date that never comes, such as the 31st of February.
    #[error("no such time ever comes")]
    Never,
}

/// The time zone is not in the database.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("no time zone `{0}`; names are those of the IANA database, such as Europe/Zurich")]
pub struct UnknownZone(String);

/// A crontab(5) expression in a time zone.
#[derive(Clone)]
pub struct Schedule {
    text: String,
    zone: TimeZone,
    zone_name: String,
    /// Two where both days are restricted: either counts.
    either: Vec<cron::Schedule>,
    pace: Pace,
}

/// What a schedule goes by on days with more or less than 24 hours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Pace {
    /// Wall-clock times.
    Fixed,
    /// Elapsed time.
    Elapsed,
}

words! {
    /// What becomes of a tick while the run of the last one is still under way.
    Overlap {
        /// It is left out.
        Skip = "skip",
        /// One run follows, however many ticks there were.
        QueueOne = "queue-one",
        /// The run that is under way is ended.
        Cancel = "cancel",
    }
}

/// What becomes of ticks that nobody was there for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Missed {
    /// They are left out.
    #[default]
    Skip,
    /// The last of them is made up for, if it is no older than this.
    Once(Millis),
}

/// What a schedule asks for at one moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Due {
    /// The tick that is to be run now, if one is; times as on the schedule, without jitter.
    pub tick: Option<Timestamp>,
    /// When to ask again.
    pub next: Timestamp,
}

/// What was done, or is to be done, by so much later than it can be was said by a clock that was ahead.
pub const AHEAD: Millis = Millis::hours(24);

/// A tick that came later than this was missed.
pub const LATE: Millis = Millis::minutes(1);

impl Schedule {
    /// Reads an expression; the zone is a name of the IANA database.
    pub fn parse(text: &str, zone: &str) -> Result<Self, ScheduleError> {
        let zone_found = TimeZoneDatabase::bundled().get(zone).map_err(|_| UnknownZone(zone.to_owned()))?;
        let fields = fields(text)?;
        let [minute, hour, day, month, weekday] = fields.each_ref().map(String::as_str);
        let weekdays = weekdays(weekday)?;
        let both = !day.starts_with('*') && !weekday.starts_with('*');
        let pairs =
            if both { vec![(day, "*"), ("*", weekdays.as_str())] } else { vec![(day, weekdays.as_str())] };
        let either =
            pairs.into_iter().map(|(day, weekday)| crate_schedule(minute, hour, day, month, weekday));
        let either = either.collect::<Result<Vec<_>, _>>()?;
        let pace = if hour.starts_with('*') { Pace::Elapsed } else { Pace::Fixed };
        let schedule =
            Self { text: text.to_owned(), zone: zone_found, zone_name: zone.to_owned(), either, pace };
        // A leap day comes within eight years, also around 2100.
        let start = Timestamp::from_millis(0);
        if schedule.next_after(start).is_none() {
            return Err(ParseError::Never.into());
        }
        Ok(schedule)
    }

    /// The first tick later than this; none if there is none in the years that can be counted.
    pub fn next_after(&self, after: Timestamp) -> Option<Timestamp> {
        let now = jiff::Timestamp::from_millisecond(after.as_millis()).ok()?.to_zoned(self.zone.clone());
        // Instants of one zone are at most a few hours out of the order of its wall-clock times.
        let from = now.datetime().checked_sub(jiff::Span::new().hours(3)).ok()?;
        let mut first: Option<Timestamp> = None;
        for local in self.local_after(from)? {
            for at in self.instants(local).into_iter().flatten() {
                if at > after && first.is_none_or(|first| at < first) {
                    first = Some(at);
                }
            }
            let beyond = now.datetime().checked_add(jiff::Span::new().hours(3)).ok()?;
            if first.is_some() && local > beyond {
                break;
            }
        }
        first
    }

    /// The next ticks after a time.
    pub fn ticks_after(&self, after: Timestamp) -> impl Iterator<Item = Timestamp> {
        std::iter::successors(self.next_after(after), |last| self.next_after(*last))
    }

    /// What is to be run now, given the last tick that was taken up (none: the schedule is new).
    ///
    /// Ticks that came while nobody was there count as missed. A clock that was put back asks for nothing
    /// twice; one that was put forward is like a while in which nobody was there.
    pub fn due(&self, last: Option<Timestamp>, missed: Missed, now: Timestamp) -> Due {
        self.due_delayed(last, missed, now, |_| Millis::ZERO)
    }

    /// The same where each tick is run so much later than on the schedule, as [`jitter`] says.
    ///
    /// The delay must be shorter than [`Self::gap`], or a tick would be overtaken by the next.
    pub fn due_delayed(
        &self,
        last: Option<Timestamp>,
        missed: Missed,
        now: Timestamp,
        delay: impl Fn(Timestamp) -> Millis,
    ) -> Due {
        let far = now + Millis::hours(24);
        let next = self.next_after(now).map_or(far, |next| next + delay(next));
        let Some(last) = last else { return Due { tick: None, next } };
        let Some(latest) = self.latest_between(last, now) else { return Due { tick: None, next } };
        let due = latest + delay(latest);
        if now < due {
            return Due { tick: None, next: due };
        }
        let late = now.since(due);
        let taken = match missed {
            _ if late <= LATE => true,
            Missed::Skip => false,
            Missed::Once(within) => late <= within,
        };
        Due { tick: taken.then_some(latest), next }
    }

    /// The shortest time between two of the next hundred ticks after a time.
    pub fn gap(&self, after: Timestamp) -> Millis {
        let ticks: Vec<_> = self.ticks_after(after).take(100).collect();
        let gaps = ticks.windows(2).map(|pair| pair[1].since(pair[0]));
        gaps.min().unwrap_or(Millis::hours(24))
    }

    /// The last tick after `last` and not after `now`. A long absence is not walked through tick by tick.
    fn latest_between(&self, last: Timestamp, now: Timestamp) -> Option<Timestamp> {
        if self.next_after(last).is_none_or(|next| next > now) {
            return None;
        }
        // Twice as far back each time, until a tick lies between.
        let mut back = Millis::minutes(1);
        loop {
            let from = if now - back < last { last } else { now - back };
            let ticks = self.ticks_after(from).take_while(|tick| *tick <= now);
            if let Some(latest) = ticks.last() {
                return Some(latest);
            }
            back = back.times(2);
        }
    }

    /// The time zone's name.
    pub fn zone(&self) -> &str {
        &self.zone_name
    }

    fn local_after(&self, from: civil::DateTime) -> Option<Vec<civil::DateTime>> {
        // So many that the hours around a change of clocks are covered, minute by minute.
        const ENOUGH: usize = 400;
        let start: DateTime<Utc> = chrono_of(from)?;
        let mut all = Vec::new();
        for schedule in &self.either {
            all.extend(schedule.after(&start).take(ENOUGH).filter_map(civil_of));
        }
        all.sort_unstable();
        all.dedup();
        Some(all)
    }

    /// When a wall-clock time is, in this zone.
    fn instants(&self, local: civil::DateTime) -> [Option<Timestamp>; 2] {
        let ambiguous = self.zone.to_ambiguous_timestamp(local);
        let at = |offset: jiff::tz::Offset| {
            let at = offset.to_timestamp(local).ok()?;
            Some(Timestamp::from_millis(at.as_millisecond()))
        };
        match ambiguous.offset() {
            AmbiguousOffset::Unambiguous { offset } => [at(offset), None],
            AmbiguousOffset::Fold { before, after } => match self.pace {
                Pace::Fixed => [at(before), None],
                Pace::Elapsed => [at(before), at(after)],
            },
            AmbiguousOffset::Gap { after, .. } => match self.pace {
                Pace::Fixed => [self.jump(local, after), None],
                Pace::Elapsed => [None, None],
            },
        }
    }

    /// The moment at which the clock jumps over a wall-clock time.
    fn jump(&self, local: civil::DateTime, after: jiff::tz::Offset) -> Option<Timestamp> {
        // Read with the later offset, a time in the gap lies before the jump, by less than the gap.
        let before = after.to_timestamp(local).ok()?;
        let jump = self.zone.following(before).next()?;
        Some(Timestamp::from_millis(jump.timestamp().as_millisecond()))
    }
}

impl fmt::Debug for Schedule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Schedule")
            .field("text", &self.text)
            .field("zone", &self.zone_name)
            .finish_non_exhaustive()
    }
}

impl PartialEq for Schedule {
    fn eq(&self, other: &Self) -> bool {
        (&self.text, &self.zone_name) == (&other.text, &other.zone_name)
    }
}

impl fmt::Display for Schedule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.text, self.zone_name)
    }
}

/// Why there is no schedule.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ScheduleError {
    /// The expression.
    #[error(transparent)]
    Parse(#[from] ParseError),
    /// The zone.
    #[error(transparent)]
    Zone(#[from] UnknownZone),
}

/// How much later than on the schedule a tick is run: the same for the same installation, name and tick, below `most`.
///
/// So that a thousand installations do not ask one API at three o'clock sharp.
pub fn jitter(installation: &str, name: &str, tick: Timestamp, most: Millis) -> Millis {
    let digest =
        Digest::of_parts([installation.as_bytes(), name.as_bytes(), &tick.as_millis().to_be_bytes()]);
    let number =
        u64::from_be_bytes(digest.as_bytes()[..8].try_into().expect("invariant: a digest has 32 bytes"));
    Millis::new((number % most.as_i64().max(1) as u64) as i64)
}

/// The five fields, short forms written out.
fn fields(text: &str) -> Result<[String; 5], ParseError> {
    let text = text.trim();
    let long = match text {
        "@hourly" => "0 * * * *",
        "@daily" | "@midnight" => "0 0 * * *",
        "@weekly" => "0 0 * * 0",
        "@monthly" => "0 0 1 * *",
        "@yearly" | "@annually" => "0 0 1 1 *",
        short if short.starts_with('@') => return Err(ParseError::Short(short.to_owned())),
        long => long,
    };
    let fields: Vec<_> = long.split_ascii_whitespace().map(str::to_owned).collect();
    let count = fields.len();
    fields.try_into().map_err(|_| ParseError::Fields(count))
}

const WEEKDAYS: [&str; 7] = ["sun", "mon", "tue", "wed", "thu", "fri", "sat"];

/// Days of the week as the crate counts them: a list of numbers from 1, which is Sunday.
fn weekdays(field: &str) -> Result<String, ParseError> {
    let wrong =
        |why: &str| ParseError::Field { name: "day of week", field: field.to_owned(), why: why.to_owned() };
    if field == "*" {
        return Ok(field.to_owned());
    }
    let day = |text: &str| -> Result<u32, ParseError> {
        let named = WEEKDAYS.iter().position(|name| text.eq_ignore_ascii_case(name)).map(|at| at as u32);
        let day = named.or_else(|| u32::from_str(text).ok()).filter(|day| *day <= 7);
        day.ok_or_else(|| wrong("0 to 7 (0 and 7 are Sunday) or sun to sat is expected"))
    };
    let mut days = [false; 7];
    for part in field.split(',') {
        let (range, step) = match part.split_once('/') {
            Some((range, step)) => (
                range,
                step.parse().ok().filter(|step| *step > 0).ok_or_else(|| wrong("a step is a number"))?,
            ),
            None => (part, 1),
        };
        let (from, to) = match range.split_once('-') {
            _ if range == "*" => (0, 6),
            Some((from, to)) => (day(from)?, day(to)?),
            None => (day(range)?, day(range)?),
        };
        if from > to {
            return Err(wrong("a range goes upwards"));
        }
        (from..=to).step_by(step).for_each(|day| days[day as usize % 7] = true);
    }
    let days = days.iter().zip(1..).filter(|(on, _)| **on).map(|(_, number): (_, u32)| number.to_string());
    Ok(days.collect::<Vec<_>>().join(","))
}

fn crate_schedule(
    minute: &str,
    hour: &str,
    day: &str,
    month: &str,
    weekday: &str,
) -> Result<cron::Schedule, ParseError> {
    let named = [("minute", minute), ("hour", hour), ("day of month", day), ("month", month)];
    for (name, field) in named {
        let legal = |c: char| c.is_ascii_alphanumeric() || "*,-/".contains(c);
        // Asked field by field, so that the error names the field.
        let mut alone = ["0", "*", "*", "*", "*", "*"];
        let place = ["minute", "hour", "day of month", "month"].iter().position(|known| *known == name);
        alone[1 + place.expect("invariant: the names are those above")] = field;
        if !field.chars().all(legal) || cron::Schedule::from_str(&alone.join(" ")).is_err() {
            let why = "a number, a range, a list, a step or * is expected".to_owned();
            return Err(ParseError::Field { name, field: field.to_owned(), why });
        }
    }
    let text = format!("0 {minute} {hour} {day} {month} {weekday}");
    cron::Schedule::from_str(&text).map_err(|error| ParseError::Field {
        name: "schedule",
        field: text,
        why: error.to_string(),
    })
}

/// A wall-clock time, dressed as one of UTC for the crate.
fn chrono_of(local: civil::DateTime) -> Option<DateTime<Utc>> {
    let date = NaiveDate::from_ymd_opt(
        i32::from(local.year()),
        u32::try_from(local.month()).ok()?,
        u32::try_from(local.day()).ok()?,
    )?;
    let [hour, minute, second] =
        [local.hour(), local.minute(), local.second()].map(i8::unsigned_abs).map(u32::from);
    Some(date.and_hms_opt(hour, minute, second)?.and_utc())
}

fn civil_of(at: DateTime<Utc>) -> Option<civil::DateTime> {
    let seconds = at.timestamp();
    let at = jiff::Timestamp::from_second(seconds).ok()?;
    Some(at.to_zoned(TimeZone::UTC).datetime())
}

#[cfg(test)]
mod tests;
