//! A configuration's text with other grants of one hook; all else stays as it is, byte by byte.

use std::ops::Range;

use toml::Spanned;
use toml::de::DeTable;

/// The text with each line of `allow` of a hook replaced by these, in the order of what is written there; a line that
/// becomes itself is left alone, with its quotes. None if the text has no such list, or one of another length.
pub fn regrant(text: &str, hook: &str, becomes: &[Option<Vec<String>>]) -> Option<String> {
    let items = items(text, hook).filter(|items| items.len() == becomes.len())?;
    let mut edited = text.to_owned();
    // From the end on, so that places before stay what they are.
    for (at, lines) in items.into_iter().zip(becomes).rev() {
        match lines.as_deref() {
            None => {}
            Some([]) => remove(&mut edited, &at),
            Some(lines) => {
                let between = separator(&edited, at.start);
                let quoted: Vec<_> =
                    lines.iter().map(|line| toml::Value::String(line.clone()).to_string()).collect();
                edited.replace_range(at, &quoted.join(&between));
            }
        }
    }
    Some(edited)
}

/// Where the lines of `allow` of a hook are.
fn items(text: &str, hook: &str) -> Option<Vec<Range<usize>>> {
    let root = DeTable::parse(text).ok()?;
    let stanza = root.get_ref().get("hook")?.get_ref().get(hook)?;
    let allow = stanza.get_ref().get("allow")?.get_ref().as_array()?;
    Some(allow.iter().map(Spanned::span).collect())
}

/// What stands before a place in its line, if that is nothing but space.
fn indent(text: &str, at: usize) -> Option<&str> {
    let line = text[..at].rsplit('\n').next().unwrap_or_default();
    line.chars().all(char::is_whitespace).then_some(line)
}

/// What stands between two lines: a line break, where each has a line of its own.
fn separator(text: &str, at: usize) -> String {
    indent(text, at).map_or_else(|| ", ".to_owned(), |indent| format!(",\n{indent}"))
}

/// Takes out an item with its comma; a comment beside it stays.
fn remove(text: &mut String, at: &Range<usize>) {
    let blank = |text: &str| text.len() - text.trim_start_matches([' ', '\t']).len();
    let (indent, after) = (indent(text, at.start).map(str::len), &text[at.end..]);
    let mut range = at.clone();
    if after[blank(after)..].starts_with(',') {
        range.end += blank(after) + 1;
    } else if indent.is_none() {
        // The last one of a line goes with the comma before it.
        let before = text[..at.start].trim_end_matches([' ', '\t']).strip_suffix(',');
        range.start = before.map_or(at.start, str::len);
    }
    let rest = &text[range.end..];
    let space = blank(rest);
    match indent {
        Some(indent) if rest[space..].starts_with('\n') => {
            range = range.start - indent..range.end + space + 1;
        }
        _ if range.end > at.end => range.end += space,
        _ => {}
    }
    text.replace_range(range, "");
}

#[cfg(test)]
mod tests {
    use super::*;

    fn becomes(lines: &[Option<&[&str]>]) -> Vec<Option<Vec<String>>> {
        let owned = |lines: &[&str]| lines.iter().map(|line| (*line).to_owned()).collect();
        lines.iter().map(|lines| lines.map(owned)).collect()
    }

    const LINES: &str = "# ours\n[hook.dns]\nuse = \"builtin:dns\"\nallow = [\n  'A',  # the zone\n  \"B\", # other\n  \"C\",\n]\n\n[hook.ip]\nallow = [\"A\"]\n";

    #[test]
    fn lines_are_replaced_where_they_stand_and_comments_stay() {
        let edited =
            regrant(LINES, "dns", &becomes(&[None, Some(&["B/1", "B/2"]), Some(&["C\"\\"])])).unwrap();
        let expected = LINES
            .replace("\"B\", # other", "\"B/1\",\n  \"B/2\", # other")
            .replace("\"C\"", &toml::Value::String("C\"\\".to_owned()).to_string());
        assert_eq!(edited, expected);
        assert_eq!(regrant(LINES, "dns", &becomes(&[None, None, None])).unwrap(), LINES);
    }

    #[test]
    fn what_is_left_out_goes_with_its_line_unless_a_comment_stands_there() {
        let edited = regrant(LINES, "dns", &becomes(&[Some(&[]), None, Some(&[])])).unwrap();
        assert_eq!(edited, LINES.replace("  'A',  # the zone\n", "  # the zone\n").replace("  \"C\",\n", ""));
    }

    #[test]
    fn a_list_in_one_line_stays_in_one_line() {
        let text = "hook = { dns = { allow = [\"A\", \"B\", \"C\"] } }\n";
        let with = |lines: &[Option<&[&str]>]| regrant(text, "dns", &becomes(lines)).unwrap();
        assert_eq!(with(&[Some(&["A", "X"]), None, None]), text.replace("\"A\"", "\"A\", \"X\""));
        assert_eq!(with(&[Some(&[]), None, None]), text.replace("\"A\", ", ""));
        assert_eq!(with(&[None, None, Some(&[])]), text.replace(", \"C\"", ""));
        assert_eq!(with(&[Some(&[]), Some(&[]), Some(&[])]), text.replace("\"A\", \"B\", \"C\"", ""));
    }

    #[test]
    fn a_text_without_the_list_is_left_alone() {
        assert_eq!(regrant("[hook.dns]\nuse = \"x\"\n", "dns", &[]), None);
        assert_eq!(regrant(LINES, "nobody", &[]), None);
        assert_eq!(regrant(LINES, "dns", &becomes(&[None])), None, "it has three");
    }
}
