//! Rules that apply to matching calls: patterns, skips and counts.

use crate::knobs::{Fault, Hold, Late};

/// A rule that counts how often it matched.
pub(crate) trait Rule {
    fn method(&self) -> Option<&str>;
    fn path(&self) -> &str;
    fn left(&mut self) -> (&mut u32, &mut Option<u32>);
}

macro_rules! rule {
    ($($kind:ty),*) => {$(
        impl Rule for $kind {
            fn method(&self) -> Option<&str> {
                self.method.as_deref()
            }
            fn path(&self) -> &str {
                &self.path
            }
            fn left(&mut self) -> (&mut u32, &mut Option<u32>) {
                (&mut self.skip, &mut self.count)
            }
        }
    )*};
}
rule!(Fault, Hold, Late);

/// Finds the first rule that applies to a call, and counts it.
pub(crate) fn applies<'r, R: Rule>(
    rules: &'r mut [R],
    method: &str,
    path: &str,
    which: impl Fn(&R) -> bool,
) -> Option<&'r R> {
    rules.iter_mut().find_map(|rule| {
        let fits = which(rule)
            && rule.method().is_none_or(|m| m.eq_ignore_ascii_case(method))
            && path_matches(rule.path(), path);
        (fits && counts(rule)).then_some(&*rule)
    })
}

fn counts(rule: &mut impl Rule) -> bool {
    let (skip, count) = rule.left();
    match (&mut *skip, count) {
        (_, Some(0)) => false,
        (0, count) => {
            if let Some(left) = count {
                *left -= 1;
            }
            true
        }
        (skip, _) => {
            *skip -= 1;
            false
        }
    }
}

/// Whether a path fits a pattern: `*` is one segment, a last `**` any number of them.
pub(crate) fn path_matches(pattern: &str, path: &str) -> bool {
    let mut segments = path.split('/');
    for want in pattern.split('/') {
        if want == "**" {
            return true;
        }
        match segments.next() {
            Some(got) if want == "*" || want == got => {}
            _ => return false,
        }
    }
    segments.next().is_none()
}

/// Whether a name fits a pattern whose last `*` stands for anything.
pub(crate) fn name_matches(pattern: &str, name: &str) -> bool {
    pattern.strip_suffix('*').map_or(pattern == name, |start| name.starts_with(start))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_match_segments() {
        for (pattern, path, fits) in [
            ("/v1/apps/*/machines", "/v1/apps/a/machines", true),
            ("/v1/apps/*/machines", "/v1/apps/a/machines/1", false),
            ("/v1/apps/**", "/v1/apps/a/machines/1", true),
            ("/v1/apps/a", "/v1/apps/b", false),
            ("/graphql", "/graphql", true),
        ] {
            assert_eq!(path_matches(pattern, path), fits, "{pattern} {path}");
        }
        assert!(
            name_matches("cust-*", "cust-7") && name_matches("*", "x") && !name_matches("cust", "cust-7")
        );
    }

    #[test]
    fn rules_skip_and_then_count_down() {
        let rule = Hold { path: "/x".into(), skip: 1, count: Some(2), ..Hold::default() };
        let mut rules = [rule];
        let hits: Vec<_> = (0..5).map(|_| applies(&mut rules, "GET", "/x", |_| true).is_some()).collect();
        assert_eq!(hits, [false, true, true, false, false]);
    }
}
