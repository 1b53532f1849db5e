//! What is different, in lines for people, and what is alike in differences of many runs.

use std::fmt::Write as _;

use super::{Difference, Question, lines};
use crate::prove::calls::{Compared, compare};

/// The first difference: what it is in, and line by line.
pub fn compared(difference: &Difference) -> (String, Vec<Compared>) {
    let asked = |question: &Option<Question>| {
        question.as_ref().map_or_else(Vec::new, |it| lines::question(&it.op, &it.ask))
    };
    let (title, before, after) = match difference {
        Difference::Call { n, recorded, now } => {
            let title = match (recorded, now) {
                (_, None) => format!("call {n} is no longer made"),
                (None, _) => format!("call {n} is made in addition"),
                _ => format!("call {n} differs"),
            };
            (title, asked(recorded), asked(now))
        }
        Difference::Answer { recorded, now } => {
            let lines = |text: &str| {
                let value = serde_json::from_str(text).unwrap_or_else(|_| serde_json::Value::from(text));
                format!("{value:#}").lines().map(str::to_owned).collect::<Vec<_>>()
            };
            ("its answer differs".to_owned(), lines(recorded), lines(now))
        }
    };
    (title, compare(&before, &after))
}

/// What is alike in differences of one kind: the first lines that differ, without names that have numbers in them.
pub fn sign(difference: &Difference) -> String {
    let (title, lines) = compared(difference);
    let mut sign = unnumbered(&title);
    for line in lines.iter().filter(|line| !line.is_same()).take(2) {
        let (mark, text) = match line {
            Compared::Missing(text) => ('-', text),
            Compared::Unexpected(text) | Compared::Same(text) => ('+', text),
        };
        let _ = write!(sign, "\n{mark} {}", unnumbered(text));
    }
    sign
}

/// A text in which words with digits are one sign: names, ids, counts.
fn unnumbered(text: &str) -> String {
    let is_part = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    let (mut unnumbered, mut rest) = (String::new(), text);
    while let Some(first) = rest.chars().next() {
        let end = rest.find(|c| is_part(c) != is_part(first)).unwrap_or(rest.len());
        let (word, after) = rest.split_at(end);
        let is_name = is_part(first) && word.contains(|c: char| c.is_ascii_digit());
        unnumbered.push_str(if is_name { "#" } else { word });
        rest = after;
    }
    unnumbered
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asks(url: &str) -> Question {
        let ask = format!(r#"{{"method":"GET","url":"{url}","headers":[],"body":{{"text":""}}}}"#);
        Question { op: "http".to_owned(), ask }
    }

    #[test]
    fn what_differs_alike_is_one_group() {
        let call = |n, one, other| Difference::Call { n, recorded: Some(asks(one)), now: Some(asks(other)) };
        let one = sign(&call(0, "http://a/zones/cust-7", "http://a/other/cust-7"));
        let other = sign(&call(3, "http://a/zones/cust-12", "http://a/other/cust-12"));
        assert_eq!(one, other);
        assert_ne!(one, sign(&call(0, "http://a/zones/cust-7", "http://b/zones/cust-7")));
        assert_ne!(
            one,
            sign(&Difference::Call { n: 0, recorded: Some(asks("http://a/zones/cust-7")), now: None })
        );
    }
}
