//! Which word was probably meant.

/// The nearest of some words, if it is near enough to be worth a suggestion.
pub(super) fn nearest<'a>(word: &str, among: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let far = (word.chars().count() / 3).max(1);
    let begun = |other: &str| word.len() > 2 && (other.starts_with(word) || word.starts_with(other));
    let measured =
        among.into_iter().map(|other| (if begun(other) { 1 } else { distance(word, other) }, other));
    measured.filter(|(distance, _)| *distance <= far).min().map(|(_, other)| other)
}

/// Insertions, removals, changes and swaps of neighbours that lead from one word to the other.
fn distance(from: &str, to: &str) -> usize {
    let (from, to): (Vec<char>, Vec<char>) = (from.chars().collect(), to.chars().collect());
    let mut rows = vec![(0..=to.len()).collect::<Vec<_>>()];
    for (i, a) in from.iter().enumerate() {
        let mut row = vec![i + 1];
        for (j, b) in to.iter().enumerate() {
            let change = rows[i][j] + usize::from(!a.eq_ignore_ascii_case(b));
            let mut best = change.min(rows[i][j + 1] + 1).min(row[j] + 1);
            if i > 0 && j > 0 && *a == to[j - 1] && from[i - 1] == *b {
                best = best.min(rows[i - 1][j - 1] + 1);
            }
            row.push(best);
        }
        rows.push(row);
    }
    rows[from.len()][to.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn near_words_are_offered_and_far_ones_are_not() {
        let among = ["customers", "internal"];
        assert_eq!(nearest("custmoers", among), Some("customers"));
        assert_eq!(nearest("Internal", among), Some("internal"));
        assert_eq!(nearest("staging", among), None);
        assert_eq!(nearest("cust", among), Some("customers"));
        assert_eq!(nearest("dns", ["dsn", "ip"]), Some("dsn"));
    }
}
