//! What audits leave: what is open after each look, and what was done to things.
//!
//! An auditor makes nothing of ours, so nothing of it can be doubled or left over. Judged is whether it reports the same
//! whatever goes wrong on its way, and whether what mends does just what it does when nothing goes wrong.

use std::collections::{BTreeMap, BTreeSet};

use groundcrew_outside::{By, Effect, What};

use super::scene::Looks;

/// A finding as it is known from look to look: its code, and what it is about.
pub type Identity = (String, String);

/// What one run of all audits left.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Looked {
    /// What is open after it.
    pub open: BTreeSet<Identity>,
    /// What kept it from seeing everything; none: it saw everything.
    pub wrong: Option<String>,
}

/// What the audits of a play left.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Audited {
    /// Each look, in order.
    looks: Vec<Looked>,
    /// The names of things by their ids: what has a name is the same thing in every play, whatever its id is.
    names: BTreeMap<String, String>,
    /// What requests did, and how often things came of it.
    acts: BTreeMap<String, usize>,
}

impl Audited {
    /// What these looks left, and what the log says was done.
    pub(super) fn of(looks: Vec<Looked>, log: &[Effect]) -> Self {
        let made = log.iter().filter(|effect| effect.what == What::Created);
        let names = made.filter_map(|effect| Some((effect.id.clone(), effect.name.clone()?))).collect();
        let mut acts = BTreeMap::new();
        for effect in log.iter().filter(|effect| effect.by == By::Caller) {
            let times = acts.entry(act(effect, &names)).or_insert(0);
            // What is changed twice in the same way is as it would be.
            *times = if effect.what == What::Created { *times + 1 } else { 1 };
        }
        Self { looks, names, acts }
    }

    /// What a finding is about, things told by their names.
    fn named(&self, (code, about): &Identity) -> Identity {
        let word = |word: &str| {
            let bare = word.trim_end_matches(BETWEEN);
            self.names.get(bare).map_or(word.to_owned(), |name| format!("{name}{}", &word[bare.len()..]))
        };
        (code.clone(), about.split_inclusive(BETWEEN).map(word).collect())
    }

    /// What is open after each look, in those words.
    fn open(&self) -> Vec<BTreeSet<Identity>> {
        self.looks.iter().map(|look| look.open.iter().map(|one| self.named(one)).collect()).collect()
    }

    /// How many looks there were.
    pub const fn count(&self) -> usize {
        self.looks.len()
    }

    /// What is wrong with it by itself, a line each; `opens` is what is to be open at the end.
    pub(super) fn alone(&self, looks: Looks, opens: Option<&BTreeSet<Identity>>) -> Vec<String> {
        let mut lines: Vec<_> = self.incomplete().into_iter().collect();
        if opens.is_some() && self.looks.is_empty() {
            lines.push("unreported: the audit was never run; a step says when: audit = true".to_owned());
        }
        if let (Some(opens), Some(last)) = (opens, self.looks.last()) {
            let told = |what: &str, (code, about): &Identity| format!("{what}: {code} {about} at the end");
            let is_open = |it: &&Identity| last.open.iter().any(|one| one == *it || self.named(one) == **it);
            lines.extend(opens.iter().filter(|it| !is_open(it)).map(|it| told("unreported", it)));
            let expected = |it: &&Identity| opens.contains(*it) || opens.contains(&self.named(it));
            let stray = last.open.iter().filter(|it| !expected(it));
            lines.extend(stray.map(|it| told("reported, and not expected", it)));
        }
        if let [.., before, last] = self.looks.as_slice()
            && looks == Looks::AgainAtTheEnd
        {
            let new = last.open.difference(&before.open);
            lines.extend(new.map(|(code, about)| {
                format!("unsteady: {code} {about} is new in the last look, before which nothing had happened")
            }));
        }
        lines
    }

    /// What differs from the play in which nothing went wrong, a line each.
    pub(super) fn against(&self, whole: &Self) -> Vec<String> {
        let mut lines: Vec<_> = self.incomplete().into_iter().collect();
        let (looks, theirs) = (self.open(), whole.open());
        if looks.len() != theirs.len() {
            let (ours, theirs) = (looks.len(), theirs.len());
            lines.push(format!(
                "unreported: the audit was run {ours} times, and {theirs} times when nothing goes wrong"
            ));
        }
        for (at, open) in looks.iter().enumerate() {
            // What is open on both sides of a look was there to be seen by it, however late it was.
            let around = around(&theirs, at).iter().cloned();
            let surely = around.reduce(|all, open| &all & &open).unwrap_or_default();
            lines.extend(surely.difference(open).map(|(code, about)| {
                format!("unreported: {code} {about} is not open after look {}, and was there", at + 1)
            }));
            let ever: BTreeSet<_> = theirs.iter().take(at + 2).flatten().cloned().collect();
            lines.extend(open.difference(&ever).map(|(code, about)| {
                format!("reported otherwise: {code} {about} is open after look {}, and never is when nothing goes wrong", at + 1)
            }));
        }
        if let (Some(last), Some(theirs)) = (looks.last(), theirs.last()) {
            let still = last.difference(theirs);
            lines.extend(
                still.map(|(code, about)| format!("left over: {code} {about} is still open at the end")),
            );
        }
        let times = |acts: &BTreeMap<String, usize>, act: &str| acts.get(act).copied().unwrap_or_default();
        for act in self.acts.keys().chain(whole.acts.keys()).collect::<BTreeSet<_>>() {
            match (times(&self.acts, act), times(&whole.acts, act)) {
                (0, _) => lines.push(format!("not done: {act}, which is done when nothing goes wrong")),
                (ours, theirs) if ours < theirs && theirs > 0 => {
                    lines.push(format!("not done: {act}, {ours} times instead of {theirs}"));
                }
                (_, 0) => {
                    lines.push(format!("done otherwise: {act}, which is not done when nothing goes wrong"));
                }
                (ours, theirs) if ours > theirs => {
                    lines.push(format!("doubled: {act}, {ours} times instead of {theirs}"));
                }
                _ => {}
            }
        }
        lines.dedup();
        lines
    }

    fn incomplete(&self) -> Option<String> {
        let wrong = self.looks.last()?.wrong.as_ref()?;
        Some(format!("incomplete: the last look did not see everything: {wrong}"))
    }
}

/// What stands between the words of what a finding is about.
const BETWEEN: [char; 3] = ['/', ':', ' '];

/// A look, the one before it and the one after it; nothing, if there was no such look.
fn around(looks: &[BTreeSet<Identity>], at: usize) -> &[BTreeSet<Identity>] {
    let until = (at + 2).min(looks.len());
    looks.get(at.saturating_sub(1)..until).unwrap_or_default()
}

/// What an effect did to what: `deleted /things/old`. What has no name of its own is known by its id, if others made it.
/// What is called by another thing's id is called by that thing's name.
fn act(effect: &Effect, names: &BTreeMap<String, String>) -> String {
    let Effect { what, collection, id, name, .. } = effect;
    let what_ = format!("{what:?}").to_lowercase();
    match (name, what) {
        (Some(name), _) => format!("{what_} {collection}/{}", names.get(name).unwrap_or(name)),
        (None, What::Created) => format!("{what_} a thing in {collection}"),
        (None, _) => format!("{what_} {collection}/{id}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn looked(open: &[&str]) -> Looked {
        let open = open.iter().map(|about| ("thing.idle".to_owned(), (*about).to_owned())).collect();
        Looked { open, wrong: None }
    }

    fn audited(looks: &[&[&str]]) -> Audited {
        Audited { looks: looks.iter().map(|open| looked(open)).collect(), ..Audited::default() }
    }

    #[test]
    fn the_same_later_is_right_and_a_gap_is_not() {
        let whole = audited(&[&["a"], &["a", "b"], &["b"], &["b"]]);
        // One look late, both ways.
        let late = audited(&[&["a"], &["a"], &["a", "b"], &["b"]]);
        assert!(late.against(&whole).is_empty(), "{:?}", late.against(&whole));
        let gap = audited(&[&["a"], &["a", "b"], &[], &["b"]]);
        assert_eq!(gap.against(&whole), ["unreported: thing.idle b is not open after look 3, and was there"]);
        let other = audited(&[&["a"], &["a", "b"], &["b", "x"], &["b"]]);
        assert!(other.against(&whole)[0].starts_with("reported otherwise: thing.idle x"));
        let kept = audited(&[&["a"], &["a", "b"], &["b"], &["a", "b"]]);
        assert_eq!(kept.against(&whole), ["left over: thing.idle a is still open at the end"]);
    }

    #[test]
    fn a_thing_is_known_by_its_name_where_it_has_one() {
        let names = |id: &str| BTreeMap::from([(id.to_owned(), "old".to_owned())]);
        let one = Audited { names: names("t2"), ..audited(&[&["thing/t2"]]) };
        let other = Audited { names: names("t7"), ..audited(&[&["thing/t7"]]) };
        assert!(one.against(&other).is_empty());
        assert!(!one.against(&audited(&[&["thing/t7"]])).is_empty());
    }

    #[test]
    fn what_looks_otherwise_each_time_and_what_sees_not_everything_is_told() {
        assert!(audited(&[&["a"], &["a"]]).alone(Looks::AgainAtTheEnd, None).is_empty());
        assert!(audited(&[&["a"], &["b"]]).alone(Looks::AsScripted, None).is_empty());
        assert!(
            audited(&[&["a"], &["b"]]).alone(Looks::AgainAtTheEnd, None)[0]
                .starts_with("unsteady: thing.idle b")
        );
        let opens = BTreeSet::from([("thing.idle".to_owned(), "a".to_owned())]);
        assert_eq!(
            audited(&[&["b"]]).alone(Looks::AsScripted, Some(&opens)),
            ["unreported: thing.idle a at the end", "reported, and not expected: thing.idle b at the end"]
        );
        let mut broken = audited(&[&["a"]]);
        broken.looks[0].wrong = Some("it: no answer".to_owned());
        assert_eq!(
            broken.alone(Looks::AsScripted, None),
            ["incomplete: the last look did not see everything: it: no answer"]
        );
    }

    #[test]
    fn acts_are_those_of_the_whole_play() {
        let deleted = |name: &str| Effect {
            at: 0,
            collection: "/things".to_owned(),
            id: "t1".to_owned(),
            what: What::Deleted,
            by: By::Caller,
            purpose: None,
            name: Some(name.to_owned()),
            mark: None,
            body: serde_json::Value::Null,
        };
        let of = |log: &[Effect]| Audited::of(Vec::new(), log);
        let whole = of(&[deleted("a")]);
        assert!(of(&[deleted("a"), deleted("a")]).against(&whole).is_empty());
        assert_eq!(
            of(&[]).against(&whole),
            ["not done: deleted /things/a, which is done when nothing goes wrong"]
        );
        assert!(
            of(&[deleted("a"), deleted("b")]).against(&whole)[0]
                .starts_with("done otherwise: deleted /things/b")
        );
        let created = |id: &str| Effect { id: id.to_owned(), what: What::Created, name: None, ..deleted("") };
        assert_eq!(
            of(&[created("t1"), created("t2")]).against(&of(&[created("t1")])),
            ["doubled: created a thing in /things, 2 times instead of 1"]
        );
    }
}
