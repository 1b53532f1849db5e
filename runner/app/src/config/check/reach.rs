//! What a grant reaches, with the words that are known filled in, so that two ways of writing it compare.

use std::collections::BTreeMap;

use groundcrew_core::egress::Grant;
use url::Url;

use super::super::words::fill_known;

/// What a grant reaches, for any one owner.
pub(super) struct Reach {
    methods: Vec<String>,
    url: Url,
    open_end: bool,
}

impl Reach {
    /// Fills in what is known; none if a word of the configuration itself differs from owner to owner, or if
    /// no URL comes out.
    pub(super) fn of(grant: &Grant, words: &BTreeMap<String, String>) -> Option<Self> {
        let text = grant.to_string();
        let mut parts: Vec<_> =
            text.split_whitespace().filter(|word| !matches!(*word, "READ" | "GRAPHQL" | "private")).collect();
        let pattern = parts.pop()?;
        let methods = parts.pop()?.split(',').map(str::to_owned).collect();
        let filled = fill_known(pattern.trim_end_matches('*'), words);
        // Owners differ, but each run has one: any stand-in does.
        let owners = super::super::words::OWNER.map(|word| (word.to_owned(), format!("one-{word}")));
        let filled = fill_known(&filled, &owners.into());
        let url =
            Some(filled).filter(|filled| !filled.contains('{')).and_then(|filled| Url::parse(&filled).ok());
        let url = url.filter(|url| matches!(url.scheme(), "http" | "https"))?;
        Some(Self { methods, url, open_end: pattern.ends_with('*') })
    }

    /// `host:port`.
    pub(super) fn authority(&self) -> Option<String> {
        super::super::resolve::authority(self.url.as_str())
    }

    /// The methods of another grant that this one does not cover.
    pub(super) fn lacking(&self, other: &Self) -> Vec<String> {
        let fits = if self.open_end {
            other.url.path().starts_with(self.url.path())
        } else {
            other.url.path() == self.url.path()
        };
        let fits = fits && (self.open_end || !other.open_end) && self.authority() == other.authority();
        let scheme = self.url.scheme() == other.url.scheme();
        let covered = |method: &&String| fits && scheme && self.methods.contains(method);
        other.methods.iter().filter(|method| !covered(method)).cloned().collect()
    }

    /// The methods of this grant that none of the others covers.
    pub(super) fn not_covered_by(&self, others: &[Self]) -> Vec<String> {
        others.iter().fold(self.methods.clone(), |rest, other| {
            let lacking = other.lacking(self);
            rest.into_iter().filter(|method| lacking.contains(method)).collect()
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reach(grant: &str) -> Reach {
        let words = [("config.server", "https://a.example:443/"), ("config.zone", "acme.app")];
        let words = words.map(|(word, value)| (word.to_owned(), value.to_owned())).into();
        Reach::of(&grant.parse().unwrap(), &words).unwrap()
    }

    #[test]
    fn grants_compare_however_they_are_written() {
        let asked = reach("GET,PATCH {config.server}/zones/{config.zone}*");
        let lacking = |given: &[&str]| {
            asked.not_covered_by(&given.iter().map(|given| reach(given)).collect::<Vec<_>>())
        };
        let none: [&str; 0] = [];
        assert_eq!(lacking(&["GET,PATCH https://A.example/zones/acme.app*"]), none);
        assert_eq!(lacking(&["GET {config.server}/*", "PATCH {config.server}/zones/acme.app*"]), none);
        assert_eq!(lacking(&["GET {config.server}/*"]), ["PATCH"]);
        assert_eq!(
            lacking(&["GET,PATCH {config.server}/zones/acme.app"]),
            ["GET", "PATCH"],
            "an end is no open end"
        );
        assert_eq!(lacking(&["GET,PATCH http://a.example/*"]), ["GET", "PATCH"], "another scheme");
        assert_eq!(lacking(&["GET,PATCH https://a.example/zones/other*"]), ["GET", "PATCH"]);
    }

    #[test]
    fn owners_stay_apart_from_names() {
        let all = reach("GET https://a.example/apps/*");
        let own = reach("GET https://a.example/apps/{app}/ips*");
        assert!(all.lacking(&own).is_empty());
        assert_eq!(own.lacking(&all), ["GET"]);
    }
}
