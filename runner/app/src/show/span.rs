//! Spans of time within a whole one, in ASCII.

use groundcrew_core::duration::Millis;

/// Draws when something was under way within a whole: `|  ====    |`; what never ended is `|  ????????|`.
///
/// Whatever took place has at least one sign, however short it was. Both ends count from the whole's beginning.
pub fn span(from: Millis, until: Option<Millis>, whole: Millis, width: usize) -> String {
    let whole = whole.as_i64().max(1);
    let column = |at: i64, round_up: i64| {
        let at = at.clamp(0, whole).saturating_mul(width as i64).saturating_add(round_up) / whole;
        usize::try_from(at).unwrap_or(0)
    };
    let first = column(from.as_i64(), 0).min(width.saturating_sub(1));
    let end =
        until.map_or(width, |until| column(until.as_i64(), whole - 1)).clamp(first + 1, width.max(first + 1));
    let sign = if until.is_some() { "=" } else { "?" };
    format!("|{}{}{}|", " ".repeat(first), sign.repeat(end - first), " ".repeat(width.saturating_sub(end)))
}

/// How many columns the terminal has that answers are printed on; none: it is a pipe or a file.
pub fn columns() -> Option<usize> {
    let size = rustix::termios::tcgetwinsize(std::io::stdout()).ok()?;
    (size.ws_col > 0).then_some(usize::from(size.ws_col))
}

/// Cuts a text to so many characters, and says that it did.
pub fn cut(text: &str, width: usize) -> String {
    if text.chars().count() <= width {
        return text.to_owned();
    }
    text.chars().take(width.saturating_sub(1)).chain(['…']).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_span_is_where_it_was_in_the_whole() {
        let drawn = |from, until: Option<i64>, whole| {
            span(Millis::new(from), until.map(Millis::new), Millis::new(whole), 10)
        };
        assert_eq!(drawn(0, Some(100), 100), "|==========|");
        assert_eq!(drawn(20, Some(50), 100), "|  ===     |");
        assert_eq!(drawn(20, Some(20), 100), "|  =       |", "what took no time took place");
        assert_eq!(drawn(100, Some(100), 100), "|         =|");
        assert_eq!(drawn(40, None, 100), "|    ??????|");
        assert_eq!(drawn(0, Some(0), 0), "|=         |");
        assert_eq!(drawn(-5, Some(900), 100), "|==========|", "a clock that was set draws nothing outside");
        assert_eq!(drawn(i64::MAX, Some(i64::MAX), i64::MAX).len(), 12);
    }

    #[test]
    fn what_is_cut_says_so() {
        assert_eq!(
            (cut("abc", 3).as_str(), cut("abcd", 3).as_str(), cut("äöü!", 3).as_str()),
            ("abc", "ab…", "äö…")
        );
    }
}
