//! Patterns for apps' names, in which `*` stands for any characters, none included.

/// Whether a name fits a pattern.
pub(super) fn matches(pattern: &str, name: &str) -> bool {
    let Some((first, rest)) = pattern.split_once('*') else { return pattern == name };
    let Some(mut name) = name.strip_prefix(first) else { return false };
    let mut parts: Vec<_> = rest.split('*').collect();
    let last = parts.pop().unwrap_or_default();
    for part in parts {
        let Some(at) = name.find(part) else { return false };
        name = &name[at + part.len()..];
    }
    name.ends_with(last)
}

/// Whether every name that fits the first pattern fits the second.
pub(super) fn within(inner: &str, outer: &str) -> bool {
    // No name has a `*`, so that of the inner pattern can only be taken by a `*` of the outer one, which would
    // take whatever else stood there.
    matches(outer, inner)
}

/// Whether some name fits both patterns.
pub(super) fn meet(one: &str, other: &str) -> bool {
    let (one, other) = (one.as_bytes(), other.as_bytes());
    let mut known = vec![None; (one.len() + 1) * (other.len() + 1)];
    rests_meet(one, other, other.len() + 1, &mut known)
}

/// The same for what is left of both; `known` remembers the answers, so that no pair is asked twice.
fn rests_meet(one: &[u8], other: &[u8], width: usize, known: &mut [Option<bool>]) -> bool {
    let at = one.len() * width + other.len();
    if let Some(known) = known[at] {
        return known;
    }
    let met = match (one, other) {
        ([], []) => true,
        // A `*` stands for nothing, or for one more of whatever the other pattern goes on with.
        ([b'*', rest @ ..], _) => {
            rests_meet(rest, other, width, known)
                || other.split_first().is_some_and(|(_, less)| rests_meet(one, less, width, known))
        }
        (_, [b'*', rest @ ..]) => {
            rests_meet(one, rest, width, known)
                || one.split_first().is_some_and(|(_, less)| rests_meet(less, other, width, known))
        }
        ([a, one @ ..], [b, other @ ..]) => a == b && rests_meet(one, other, width, known),
        _ => false,
    };
    known[at] = Some(met);
    met
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every text of up to so many of these characters.
    fn texts(of: &str, length: usize) -> Vec<String> {
        let mut all = vec![String::new()];
        let mut last = all.clone();
        for _ in 0..length {
            last = last.iter().flat_map(|text| of.chars().map(move |c| format!("{text}{c}"))).collect();
            all.extend(last.clone());
        }
        all
    }

    #[test]
    fn patterns_meet_and_lie_within_as_their_names_say() {
        let (patterns, names) = (texts("ab*", 3), texts("abc", 6));
        for one in &patterns {
            let of_one: Vec<_> = names.iter().filter(|name| matches(one, name)).collect();
            for other in &patterns {
                let both = of_one.iter().any(|name| matches(other, name));
                assert_eq!(meet(one, other), both, "{one} {other}");
                let all = of_one.iter().all(|name| matches(other, name));
                assert_eq!(within(one, other), all, "{one} {other}");
            }
        }
    }

    #[test]
    fn names_fit_patterns() {
        for (pattern, name, fits) in [
            ("cust-*", "cust-7", true),
            ("cust-*", "cust", false),
            ("*-demo-*", "a-demo-b", true),
            ("a*b*a", "aba", true),
            ("a*a", "a", false),
            ("*", "", true),
        ] {
            assert_eq!(matches(pattern, name), fits, "{pattern} {name}");
        }
    }
}
