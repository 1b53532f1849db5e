//! Which records apps have, and had twice, by the name server's log.

use std::collections::BTreeMap;

use super::{Change, Set, app_of};

/// The apps' record sets after the last change, and which names led to two places at any moment.
pub(super) struct Records<'a> {
    /// By name and type.
    sets: BTreeMap<(&'a str, &'a str), Vec<&'a str>>,
    pub(super) doubled: Vec<String>,
    /// Of which apps a set went.
    gone: Vec<(u32, String)>,
}

impl<'a> Records<'a> {
    /// Walks along the log.
    pub(super) fn of(changes: &'a [Change]) -> Self {
        let mut records = Self { sets: BTreeMap::new(), doubled: Vec::new(), gone: Vec::new() };
        for change in changes {
            let Some(app) = app_of(&change.name) else { continue };
            if change.contents.is_empty() {
                records.gone.push((app, format!("{} {}", change.kind, change.name)));
            }
            let before = records.at(&change.name);
            let contents = change.contents.iter().map(String::as_str).collect();
            records.sets.insert((&change.name, &change.kind), contents);
            if before <= 1 && records.at(&change.name) > 1 {
                records.doubled.push(format!("{} {}", change.kind, change.name));
            }
        }
        records
    }

    /// What went of apps more often than it may have.
    pub(super) fn torn(&self, most: impl Fn(u32) -> usize) -> Vec<String> {
        let mut times: BTreeMap<_, usize> = BTreeMap::new();
        self.gone.iter().for_each(|gone| *times.entry(gone).or_default() += 1);
        times
            .into_iter()
            .filter(|((app, _), times)| *times > most(*app))
            .map(|((_, what), _)| what.clone())
            .collect()
    }

    /// How many records a name has, of all types.
    fn at(&self, name: &str) -> usize {
        self.sets.iter().filter(|((of, _), _)| *of == name).map(|(_, contents)| contents.len()).sum()
    }

    /// What of the zone is not as the log has it: then the log shows nothing, also of doubles.
    pub(super) fn unlike(&self, zone: &[Set]) -> Vec<String> {
        let shown: BTreeMap<_, _> = zone
            .iter()
            .filter(|set| app_of(&set.name).is_some())
            .map(|set| {
                let contents = set.records.iter().map(|(content, _)| content.as_str());
                ((set.name.as_str(), set.kind.as_str()), sorted(contents))
            })
            .collect();
        let logged: BTreeMap<_, _> = self
            .sets
            .iter()
            .filter(|(_, contents)| !contents.is_empty())
            .map(|(key, contents)| (*key, sorted(contents.iter().copied())))
            .collect();
        let differs = |key: &&(&str, &str)| shown.get(*key) != logged.get(*key);
        let both: std::collections::BTreeSet<_> = shown.keys().chain(logged.keys()).collect();
        both.into_iter().filter(differs).map(|(name, kind)| format!("{kind} {name}")).collect()
    }
}

fn sorted<'a>(contents: impl Iterator<Item = &'a str>) -> Vec<&'a str> {
    let mut contents: Vec<_> = contents.collect();
    contents.sort_unstable();
    contents
}
