//! Makes a month that goes wrong small: fewer apps, an earlier end, fewer kinds of disturbance.

use super::{Month, Outcome, play};

/// Kinds of disturbance that a month can do without.
pub const KINDS: [&str; 11] = [
    "outages",
    "disk",
    "troubles",
    "crashes",
    "clock",
    "changes",
    "removal",
    "operator",
    "strangers",
    "audits",
    "weather",
];

/// Plays smaller months, at most so many, and returns the smallest that goes wrong as well.
pub fn shrink(first: Outcome, tries: u32) -> Outcome {
    let (mut smallest, mut left) = (first, tries);
    loop {
        let candidates = smaller(&smallest.month);
        let wrong = candidates.into_iter().find_map(|month| {
            left = left.checked_sub(1)?;
            Some(play(&month)).filter(|outcome| !outcome.is_right())
        });
        match wrong {
            Some(outcome) => smallest = outcome,
            None => return smallest,
        }
    }
}

/// Months that are smaller in one respect, those first that save most.
fn smaller(month: &Month) -> Vec<Month> {
    let mut months = Vec::new();
    for apps in [month.apps / 4, month.apps / 2, month.apps.saturating_sub(1)] {
        if apps > 0 && apps < month.apps {
            months.push(Month { apps, ..month.clone() });
        }
    }
    for percent in [25, 50, 75, 90] {
        let until = month.until * percent / 100;
        if until > 0 && until < month.until {
            months.push(Month { until, ..month.clone() });
        }
    }
    for kind in KINDS.iter().filter(|kind| !month.is_without(kind)) {
        let without = month.without.iter().cloned().chain([(*kind).to_owned()]).collect();
        months.push(Month { without, ..month.clone() });
    }
    months
}
