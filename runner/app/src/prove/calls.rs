//! What came of a scenario, in lines that a person reads and a file keeps: calls, what lives, the ledger, findings.
//!
//! Whatever differs from play to play without meaning anything is named instead: `{mark}`, `{name}` (also as `once`).
//! JSON is written canonically, so that the order of fields and spaces mean nothing.

use std::fmt::Write as _;

use groundcrew_core::row::State;
use groundcrew_core::spec::canonical;
use groundcrew_engine::egress::{Answer, Ask, Body};
use groundcrew_outside::By;
use groundcrew_outside::judge::living;
use serde_json::{Number, Value};

use super::beside::Seen;
use super::play::Played;
use super::records::{Booked, Called, Kept, Ran};
use super::scenario::INSTALLATION;

/// Headers that a reader of calls wants to see.
const SHOWN: [&str; 2] = ["idempotency-key", "if-match"];

/// What came of a play, line by line; the play must have kept its records.
pub fn lines<S: Seen>(played: &Played<S>, server: &str) -> Vec<String> {
    let Some(kept) = &played.kept else { return Vec::new() };
    let names = Names::of(kept);
    let mut lines: Vec<String> = Vec::new();
    for run in &kept.runs {
        lines.extend(run_lines(run, server, &names));
    }
    let mut lines = counted(lines);
    for receipt in &played.receipts {
        let body = json_text(receipt.body.as_bytes());
        lines.push(format!("told     {} {}", receipt.path, names.masked(&body)));
    }
    for thing in living(&played.log).into_iter().filter(|thing| thing.by == By::Caller) {
        let purpose = thing.purpose.map_or_else(|| "nobody".to_owned(), |it| short(&it.to_string()));
        lines.push(format!("lives    {}/{} for {purpose}", thing.collection, names.masked(&thing.id)));
    }
    lines.extend(kept.ledger.iter().map(|booked| names.masked(&row_line(booked))));
    for finding in &played.findings {
        let closed = if finding.closed.is_some() { " (closed)" } else { "" };
        lines.push(format!("finding  {} {}{closed}", finding.code, names.masked(&finding.about)));
    }
    lines
}

fn run_lines(run: &Ran, server: &str, names: &Names) -> Vec<String> {
    let owner = run.owner.as_deref().map(short).unwrap_or_default();
    let whose =
        [Some(owner.as_str()), run.about.as_deref()].into_iter().flatten().filter(|it| !it.is_empty());
    let whose = whose.collect::<Vec<_>>().join(" ");
    let op = &run.record.op;
    let line = |called: &Called| names.masked(&format!("{op:<8} {whose}  {}", call_line(called, server)));
    let mut lines: Vec<_> = run.calls.iter().map(line).collect();
    let outcome = run.record.outcome.as_deref().unwrap_or("it never ended");
    if outcome != "ok" {
        lines.push(
            names.masked(&format!("{op:<8} {whose}  fails: {}", outcome.lines().next().unwrap_or_default())),
        );
    }
    lines
}

/// A row of the ledger; what is gone has no thing any more.
fn row_line(Booked { purpose, state, thing }: &Booked) -> String {
    let thing = thing.as_ref().filter(|_| *state != State::Gone);
    let thing = thing.map(|thing| format!("  {thing}")).unwrap_or_default();
    format!("row      {}  {state}{thing}", short(&purpose.to_string()))
}

fn call_line(called: &Called, server: &str) -> String {
    let Ask { method, url, headers, body, .. } = &called.ask;
    let target = url.strip_prefix(server).unwrap_or(url);
    let mut line = format!("{method} {target}");
    for (name, value) in headers.iter().filter(|(name, _)| SHOWN.contains(&name.as_str())) {
        let _ = write!(line, " {name}: {value}");
    }
    let body = body_text(body);
    if !body.is_empty() {
        let _ = write!(line, " {body}");
    }
    let answered = match &called.answer {
        Some(Answer::Response { status, .. }) => status.to_string(),
        Some(Answer::Failure(failure)) => failure.message.clone(),
        None => "unknown".to_owned(),
    };
    format!("{line} -> {answered}")
}

/// A body as it is compared.
fn body_text(body: &Body) -> String {
    json_text(&body.clone().into_bytes())
}

fn json_text(bytes: &[u8]) -> String {
    match serde_json::from_slice::<Value>(bytes) {
        Ok(json) => canonical(&by_value(json)),
        Err(_) => String::from_utf8_lossy(bytes).into_owned(),
    }
}

/// The same with every number written one way, however the language of a hook writes it: `1.0` and `1e0` are `1`.
fn by_value(json: Value) -> Value {
    match json {
        Value::Array(items) => items.into_iter().map(by_value).collect(),
        Value::Object(fields) => fields.into_iter().map(|(name, value)| (name, by_value(value))).collect(),
        Value::Number(number) => Value::Number(whole(&number).unwrap_or(number)),
        Value::Null | Value::Bool(_) | Value::String(_) => json,
    }
}

/// A number that is written with a fraction or an exponent and has none; what is written as an integer stays as it is.
fn whole(number: &Number) -> Option<Number> {
    /// The first number beyond those of 64 bits.
    const BEYOND: f64 = 18_446_744_073_709_551_616.0;
    let float = number.as_f64().filter(|float| number.is_f64() && float.fract() == 0.0)?;
    if (0.0..BEYOND).contains(&float) {
        return Some((float as u64).into());
    }
    (-BEYOND / 2.0..0.0).contains(&float).then(|| (float as i64).into())
}

/// Lines that follow each other and are the same, once with their number.
fn counted(lines: Vec<String>) -> Vec<String> {
    let mut counted: Vec<(String, usize)> = Vec::new();
    for line in lines {
        match counted.last_mut() {
            Some((last, times)) if *last == line => *times += 1,
            _ => counted.push((line, 1)),
        }
    }
    let told = |(line, times): (String, usize)| {
        if times == 1 { line } else { format!("{line} ({times} times)") }
    };
    counted.into_iter().map(told).collect()
}

/// An owner without what all owners of scenarios have in common.
pub(super) fn short(text: &str) -> String {
    text.replace("fly/acme/", "")
}

/// What the host made up for rows.
struct Names(Vec<String>);

impl Names {
    fn of(kept: &Kept) -> Self {
        Self(kept.rows.iter().map(|row| row.row.id.to_string()).collect())
    }

    fn masked(&self, text: &str) -> String {
        self.0.iter().fold(text.to_owned(), |text, name| {
            text.replace(&format!("gc1:{INSTALLATION}:{name}"), "{mark}")
                .replace(&format!("gc1%3A{INSTALLATION}%3A{name}"), "{mark}")
                .replace(name.as_str(), "{name}")
        })
    }
}

/// A line of a comparison.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Compared {
    /// It is as expected.
    Same(String),
    /// It was expected, and is not there.
    Missing(String),
    /// It is there, and was not expected.
    Unexpected(String),
}

impl Compared {
    /// Whether it is as expected.
    pub const fn is_same(&self) -> bool {
        matches!(self, Self::Same(_))
    }
}

/// Compares lines: those that both have in the same order are the same (a longest common subsequence).
pub fn compare(expected: &[String], actual: &[String]) -> Vec<Compared> {
    let (rows, columns) = (expected.len(), actual.len());
    let mut longest = vec![vec![0_usize; columns + 1]; rows + 1];
    for row in (0..rows).rev() {
        for column in (0..columns).rev() {
            longest[row][column] = if expected[row] == actual[column] {
                longest[row + 1][column + 1] + 1
            } else {
                longest[row + 1][column].max(longest[row][column + 1])
            };
        }
    }
    let (mut row, mut column, mut compared) = (0, 0, Vec::new());
    while row < rows || column < columns {
        if row < rows && column < columns && expected[row] == actual[column] {
            compared.push(Compared::Same(expected[row].clone()));
            (row, column) = (row + 1, column + 1);
        } else if column == columns || row < rows && longest[row + 1][column] >= longest[row][column + 1] {
            compared.push(Compared::Missing(expected[row].clone()));
            row += 1;
        } else {
            compared.push(Compared::Unexpected(actual[column].clone()));
            column += 1;
        }
    }
    compared
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(lines: &[&str]) -> Vec<String> {
        lines.iter().map(|line| (*line).to_owned()).collect()
    }

    #[test]
    fn what_is_missing_and_what_is_new_is_told_in_place() {
        let compared = compare(&texts(&["a", "b", "c"]), &texts(&["a", "x", "c", "d"]));
        let told: Vec<_> = compared
            .iter()
            .map(|line| match line {
                Compared::Same(text) => format!("  {text}"),
                Compared::Missing(text) => format!("- {text}"),
                Compared::Unexpected(text) => format!("+ {text}"),
            })
            .collect();
        assert_eq!(told, ["  a", "- b", "+ x", "  c", "+ d"]);
        assert!(compare(&texts(&["a"]), &texts(&["a"])).iter().all(Compared::is_same));
    }

    #[test]
    fn a_row_is_told_with_its_thing_as_long_as_there_is_one() {
        let booked = |state| Booked {
            purpose: groundcrew_outside::Purpose::new("fly/acme/cust-7", "thing/cust-7"),
            state,
            thing: Some("t4".to_owned()),
        };
        assert_eq!(row_line(&booked(State::Present)), "row      cust-7 thing/cust-7  present  t4");
        assert_eq!(row_line(&booked(State::Gone)), "row      cust-7 thing/cust-7  gone");
    }

    #[test]
    fn repeated_lines_are_counted_and_json_is_written_one_way() {
        assert_eq!(counted(texts(&["a", "a", "b", "a"])), texts(&["a (2 times)", "b", "a"]));
        assert_eq!(json_text(br#"{ "b": 1,  "a": [1] }"#), r#"{"a":[1],"b":1}"#);
    }

    #[test]
    fn numbers_are_compared_by_value_and_large_integers_stay_exact() {
        let text = |json: &str| json_text(json.as_bytes());
        for same in ["[1]", "[1.0]", "[1e0]", "[10E-1]"] {
            assert_eq!(text(same), "[1]", "{same}");
        }
        assert_eq!(text(r#"{"a":[{"b":-0.0},-2.0,2.50]}"#), r#"{"a":[{"b":0},-2,2.5]}"#);
        assert_eq!((text("1e16"), text("-1e3")), ("10000000000000000".to_owned(), "-1000".to_owned()));
        // Beyond 2^53 neighbours are one number to whoever reads them as a float.
        for exact in ["9007199254740992", "9007199254740993", "18446744073709551615", "-9223372036854775808"]
        {
            assert_eq!(text(exact), exact);
        }
        assert_ne!(text("18446744073709551615"), text("18446744073709551616"));
        assert_eq!(text(r#""1.0""#), r#""1.0""#);
    }
}
