//! The timeline: when each call of a run was under way, and what happened one after the other.
//!
//! ```text
//!    +2 ms  | =================  |   0  write  PATCH https://pdns/... -> 204, 37 ms
//! ```
//! It is ASCII whatever prints it. On a terminal, which has so many columns, lines are cut to its width; in a pipe only
//! what is very long is.

use std::fmt::Write as _;

use groundcrew_core::duration::Millis;
use groundcrew_core::time::Timestamp;
use groundcrew_store::runs::CallRecord;

use super::calls::{self, Bodies};
use crate::show::{Tone, cut, length, paint, span};

/// Signs of a bar; on a narrow terminal fewer.
const BAR: usize = 20;
const NARROW: (usize, usize) = (90, 10);
/// Stands where the others have a time.
const NOW: &str = "now";

/// Something that happened.
#[derive(Clone, Debug)]
pub(super) struct Moment {
    /// When.
    pub(super) at: Timestamp,
    /// What names it for commands: a run, an event, a finding; empty: nothing does.
    pub(super) name: String,
    /// In one line.
    pub(super) what: String,
    /// How it looks.
    pub(super) tone: Tone,
    /// Lines under it, drawn already.
    pub(super) below: String,
}

/// Draws what happened one after the other, and how it is now.
pub(super) fn moments(moments: &[Moment], now: &(Tone, String), columns: Option<usize>) -> String {
    let gaps: Vec<_> = moments
        .iter()
        .zip(moments.iter().skip(1))
        .map(|(one, next)| format!("+{}", length(next.at.since(one.at))))
        .collect();
    let times: Vec<_> = moments.iter().map(|moment| moment.at.to_string()).collect();
    let widest =
        |texts: &mut dyn Iterator<Item = &String>| texts.map(|text| text.chars().count()).max().unwrap_or(0);
    let at = widest(&mut times.iter()).max(NOW.len());
    let gap = widest(&mut gaps.iter());
    let name = widest(&mut moments.iter().map(|moment| &moment.name));
    // A column in which nobody says anything is left out.
    let cell =
        |text: &str, width: usize| if width == 0 { String::new() } else { format!("{text:<width$}  ") };
    let before =
        2 + [at, gap, name].into_iter().filter(|width| *width > 0).map(|width| width + 2).sum::<usize>();
    let room = columns.map(|columns| columns.saturating_sub(before).max(20));
    let said =
        |tone: Tone, what: &str| paint(tone, &room.map_or_else(|| what.to_owned(), |room| cut(what, room)));
    let mut text = String::new();
    let gaps = std::iter::once(String::new()).chain(gaps);
    for ((moment, time), later) in moments.iter().zip(&times).zip(gaps) {
        let later = format!("{later:>gap$}");
        let _ = writeln!(
            text,
            "  {}{}{}{}",
            cell(time, at),
            cell(&later, gap),
            cell(&moment.name, name),
            said(moment.tone, &moment.what)
        );
        text.push_str(&moment.below);
    }
    let _ = writeln!(text, "  {}{}{}{}", cell(NOW, at), cell("", gap), cell("", name), said(now.0, &now.1));
    text
}

/// Draws the calls of a run that began and ended then: how long after its beginning each left, and when it was under
/// way. A run that has not ended goes on until now.
pub(super) fn of_calls(
    (began, ended): (Timestamp, Timestamp),
    calls: &[CallRecord],
    bodies: Bodies,
    indent: usize,
    columns: Option<usize>,
) -> String {
    let after = |at: Timestamp| at.since(began).max(Millis::ZERO);
    // Whatever came back after the run's end came back.
    let ends = calls.iter().filter_map(|call| call.back_at);
    let whole = ends.chain([ended]).map(after).max().unwrap_or(Millis::ZERO);
    let offsets: Vec<_> = calls.iter().map(|call| format!("+{}", length(after(call.sent_at)))).collect();
    let widest = offsets.iter().map(String::len).max().unwrap_or(0);
    let bar = if columns.is_some_and(|columns| columns < NARROW.0) { NARROW.1 } else { BAR };
    // Gaps, the number and what the call was in a word.
    let before = indent + widest + 2 + (bar + 2) + 2 + 3 + 2 + 6 + 2;
    let room = columns.map(|columns| columns.saturating_sub(before).max(30));
    let mut text = String::new();
    for (call, offset) in calls.iter().zip(offsets) {
        let (access, tone) = calls::access(call);
        let drawn = paint(tone, &span(after(call.sent_at), call.back_at.map(after), whole, bar));
        let padding = " ".repeat(6_usize.saturating_sub(access.len()));
        let _ = writeln!(
            text,
            "{}{offset:>widest$}  {drawn}  {:>3}  {}{padding}  {}",
            " ".repeat(indent),
            call.n,
            paint(tone, access),
            calls::told(call, room)
        );
        // Under the bar.
        text.push_str(&calls::bodies(call, bodies, indent + widest + 2, columns));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use groundcrew_core::hash::Digest;
    use serde_json::json;

    fn at(millis: i64) -> Timestamp {
        Timestamp::from_millis(1_795_000_000_000 + millis)
    }

    fn plain(text: &str) -> String {
        anstream::adapter::strip_str(text).to_string()
    }

    fn moment(millis: i64, name: &str, below: &str) -> Moment {
        let (name, what, below) = (name.to_owned(), "it happened".to_owned(), below.to_owned());
        Moment { at: at(millis), name, what, tone: Tone::Bad, below }
    }

    #[test]
    fn moments_say_when_and_how_long_after_the_one_before() {
        let drawn = moments(
            &[moment(0, "e1", ""), moment(41, "", "    below\n")],
            &(Tone::Good, "present".to_owned()),
            None,
        );
        let expected = "  2026-11-18T11:06:40.000Z          e1  it happened
  2026-11-18T11:06:40.041Z  +41 ms      it happened
    below
  now                                   present
";
        assert_eq!(plain(&drawn), expected);
        assert_eq!(plain(&moments(&[], &(Tone::Plain, "gone".to_owned()), None)), "  now  gone\n");
    }

    #[test]
    fn calls_are_drawn_where_they_were_under_way() {
        let call = |n, access: &str, sent, back: Option<i64>| CallRecord {
            n,
            op: "http".to_owned(),
            access: access.to_owned(),
            print: Digest::of(b"print"),
            ask: json!({"method": "GET", "url": "https://a/"}).to_string().into_bytes(),
            answer: back.map(|_| br#"{"response": {"status": 200}}"#.to_vec()),
            sent_at: at(sent),
            back_at: back.map(at),
        };
        let drawn = of_calls(
            (at(0), at(100)),
            &[call(0, "read", 0, Some(50)), call(1, "write", 50, None)],
            Bodies::None,
            2,
            None,
        );
        let expected = "   +0 ms  |==========          |    0  read    GET https://a/ -> 200, 50 ms
  +50 ms  |          ??????????|    1  write   GET https://a/, no answer
";
        assert_eq!(plain(&drawn), expected);
        let later = of_calls((at(0), at(100)), &[call(0, "read", 100, Some(200))], Bodies::None, 0, None);
        assert!(
            plain(&later).starts_with("+100 ms  |          ==========|"),
            "an answer after the end: {later}"
        );
        let narrow = of_calls((at(0), at(100)), &[call(0, "read", 0, None)], Bodies::None, 0, Some(60));
        assert_eq!(plain(&narrow), "+0 ms  |??????????|    0  read    GET https://a/, no answer\n");
    }
}
