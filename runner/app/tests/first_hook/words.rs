//! Compares what is said with what a page says: sizes, times and the width of columns mean nothing.

/// Stands for any lines.
const ELISION: &str = "...";

/// Whether both say the same.
pub(crate) fn alike(expected: &[String], found: &[String]) -> bool {
    let masked = |lines: &[String]| lines.iter().map(|line| masked(line)).collect::<Vec<_>>();
    masked(expected) == masked(found)
}

/// What was said, with as many lines before and after an elision as the page shows.
pub(crate) fn elided_like(shown: &[String], said: &str) -> Vec<String> {
    let said: Vec<String> = said.lines().map(|line| line.trim_end().to_owned()).collect();
    let Some(before) = shown.iter().position(|line| line == ELISION) else { return said };
    let after = shown.len() - before - 1;
    if said.len() <= before + after {
        return said;
    }
    let mut elided = said[..before].to_vec();
    elided.push(ELISION.to_owned());
    elided.extend_from_slice(&said[said.len() - after..]);
    elided
}

/// A line without what differs from machine to machine.
fn masked(line: &str) -> String {
    let line = unbarred(line);
    let words: Vec<&str> = line.split_whitespace().collect();
    let mut masked = Vec::new();
    for (at, word) in words.iter().enumerate() {
        let unit = words.get(at + 1).is_some_and(|next| is_unit(next));
        masked.push(
            if unit && is_number(word)
                || is_measure(word)
                || at > 0 && is_unit(word) && is_number(words[at - 1])
            {
                "#".to_owned()
            } else if word.strip_prefix("bytes=").is_some_and(is_number) {
                "bytes=#".to_owned()
            } else {
                unnumbered(&untimed(word))
            },
        );
    }
    masked.join(" ")
}

fn is_number(word: &str) -> bool {
    word.trim_start_matches('(').parse::<f64>().is_ok()
}

fn is_unit(word: &str) -> bool {
    ["KB", "MB", "s", "ms", "us", "min"].contains(&word.trim_end_matches([',', '.', ')']))
}

/// `12ms`, `3s`, `1m`.
fn is_measure(word: &str) -> bool {
    let word = word.trim_end_matches([',', '.', ')']);
    let number = word.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    number.len() < word.len() && is_number(number) && ["s", "ms", "m"].contains(&&word[number.len()..])
}

/// When something was under way: `|  ===  |`.
fn unbarred(line: &str) -> String {
    let is_bar = |piece: &str| piece.contains('=') && piece.chars().all(|c| c == ' ' || c == '=');
    let pieces = line.split('|').map(|piece| if is_bar(piece) { "#" } else { piece });
    pieces.collect::<Vec<_>>().join("|")
}

/// RFC 3339 times within a word.
fn untimed(word: &str) -> String {
    const SHAPE: &str = "0000-00-00T00:00:00";
    let fits = |at: usize| {
        let piece = word.get(at..at + SHAPE.len());
        piece.is_some_and(|piece| {
            piece
                .chars()
                .zip(SHAPE.chars())
                .all(|(c, shape)| if shape == '0' { c.is_ascii_digit() } else { c == shape })
        })
    };
    let (mut text, mut at) = (String::new(), 0);
    while let Some(c) = word[at..].chars().next() {
        if fits(at) {
            text.push_str("[time]");
            at += SHAPE.len();
            at += word[at..].find(|c: char| c != '.' && !c.is_ascii_digit()).unwrap_or(word.len() - at);
        } else {
            text.push(c);
            at += c.len_utf8();
        }
    }
    text
}

/// Digests, ids and counts of milliseconds within a word: twelve and more letters and digits, with digits among them.
fn unnumbered(word: &str) -> String {
    let mut text = String::new();
    let mut rest = word;
    while let Some(c) = rest.chars().next() {
        let run = rest.find(|c: char| !c.is_ascii_alphanumeric()).unwrap_or(rest.len());
        let (taken, after) = rest.split_at(run.max(c.len_utf8()));
        let is_id = run >= 12 && taken.contains(|c: char| c.is_ascii_digit());
        text.push_str(if is_id { "[id]" } else { taken });
        rest = after;
    }
    text
}

#[test]
fn sizes_times_and_widths_mean_nothing_and_all_else_does() {
    let lines = |text: &str| vec![text.to_owned()];
    let same = |one, other| alike(&lines(one), &lines(other));
    assert!(same("app-news.wasm  95 KB  handler", "app-news.wasm 101 KB handler"));
    assert!(same("325 points in 3.0 s (268 plays)", "325 points in 11.2 s (268 plays)"));
    assert!(same("\"2026-11-22T00:00:00.123Z\"}", "\"2027-01-01T10:20:30Z\"}"));
    assert!(same("component=5d6215b5abb6 bytes=78459", "component=0d6215b5abb6 bytes=1119366135"));
    assert!(!same("bytes=none", "bytes=78459"));
    assert!(!same("325 points in 3.0 s", "326 points in 3.0 s"));
    assert!(same("+ component a.wasm 5d6215b5abb6406d", "+ component a.wasm 0d6215b5abb6406e"));
    assert!(same("{\"id\":\"l7aht505i5k45a5t\"}", "{\"id\":\"li3og0upi0mcij7j\"}"));
    assert!(same("kept component=4558032bbf64 bytes=78459", "kept component=5d6215b5abb6 bytes=3528661"));
    assert!(same("+1 ms  |  ====  |  0 write", "+12 ms  | =      |  0 write"));
    assert!(!same("+1 ms  |  ====  |  0 write", "+1 ms  |  ????  |  0 write"));
    assert!(!same("95 KB handler", "95 KB auditor"));
    assert!(!same("r1 handle", "r2 handle"));
}

#[test]
fn an_elision_keeps_as_many_lines_as_are_shown() {
    let shown = ["a", "...", "z"].map(str::to_owned);
    assert_eq!(elided_like(&shown, "1\n2\n3\n4\n"), ["1", "...", "4"]);
    assert_eq!(elided_like(&[], "1\n2\n"), ["1", "2"]);
}
