//! Grants and secrets: which of those that a version asks for another one did not.

use std::collections::BTreeMap;

use serde_json::Value;

use super::{Area, Effect, Found};
use crate::egress::Grant;
use crate::manifest::{AskedSecret, Asks};

/// Under which values of the configuration something is asked for; empty: always.
type Condition = BTreeMap<String, Value>;

/// One thing that is asked for.
struct Ask<'a, T> {
    when: &'a Condition,
    line: &'a str,
    what: T,
}

impl<T> Ask<'_, T> {
    /// Whether it is asked for wherever `other` is.
    fn holds_where<U>(&self, other: &Ask<'_, U>) -> bool {
        self.when.iter().all(|(field, value)| other.when.get(field) == Some(value))
    }

    fn told(&self, what: &str) -> String {
        let when: Vec<_> = self.when.iter().map(|(field, value)| format!("{field} = {value}")).collect();
        let under = if when.is_empty() { String::new() } else { format!(", where {}", when.join(", ")) };
        format!("{what}{under}")
    }
}

/// All lines of a list, each with its condition.
fn lines<'a>(asks: &'a Asks, of: impl Fn(&'a Asks) -> &'a [String], when_of: WhenOf) -> Vec<Line<'a>> {
    static ALWAYS: Condition = BTreeMap::new();
    let always = of(asks).iter().map(|line| (&ALWAYS, line.as_str()));
    let under =
        asks.when.iter().flat_map(|when| when_of(when).iter().map(|line| (&when.config, line.as_str())));
    always.chain(under).collect()
}

type Line<'a> = (&'a Condition, &'a str);
type WhenOf = fn(&crate::manifest::When) -> &[String];

fn asked_grants(asks: &Asks) -> Vec<Ask<'_, Option<Grant>>> {
    let lines = lines(asks, |asks| &asks.allow, |when| &when.allow);
    lines.into_iter().map(|(when, line)| Ask { when, line, what: line.parse().ok() }).collect()
}

pub(super) fn grants(old: &Asks, new: &Asks, found: &mut Found) {
    let (old, new) = (asked_grants(old), asked_grants(new));
    for ask in &new {
        if let Some(more) = lacking(ask, &old) {
            let what = format!("asks for one more {more}: {}", ask.line);
            found.add(Effect::Wider, Area::Grants, ask.told(&what));
        }
    }
    for ask in old.iter().filter(|ask| lacking(ask, &new).is_some()) {
        // Less of a line that goes on being asked for is told with what it is now.
        found.add(
            Effect::Harmless,
            Area::Grants,
            ask.told(&format!("no longer asks for all of: {}", ask.line)),
        );
    }
}

/// What of a grant none of the others has; none: together they have all of it.
fn lacking(ask: &Ask<'_, Option<Grant>>, others: &[Ask<'_, Option<Grant>>]) -> Option<String> {
    let same = |other: &&Ask<'_, _>| other.holds_where(ask);
    let Some(grant) = &ask.what else {
        // No grant that this program can read: it is the same line, or it is more.
        return (!others.iter().filter(same).any(|other| other.line == ask.line)).then(|| "grant".to_owned());
    };
    let at_place = |other: &&Grant| other.place() == grant.place();
    let there: Vec<_> =
        others.iter().filter(same).filter_map(|other| other.what.as_ref()).filter(at_place).collect();
    if there.is_empty() {
        return Some(format!("host, {}", grant.place()));
    }
    let on_path: Vec<_> = there.into_iter().filter(|other| other.reaches_path_of(grant)).collect();
    if on_path.is_empty() {
        return Some("path".to_owned());
    }
    let has = |other: &&&Grant, method: &String| other.methods().contains(method);
    let none_has = |method: &&String| !on_path.iter().any(|other| has(&other, method));
    let methods: Vec<_> = grant.methods().iter().filter(none_has).map(String::as_str).collect();
    if !methods.is_empty() {
        let plural = if methods.len() > 1 { "methods" } else { "method" };
        return Some(format!("{plural}, {}", methods.join(", ")));
    }
    let as_loose = |method: &String| {
        on_path.iter().filter(|other| has(other, method)).any(|other| !grant.is_looser_than(other))
    };
    (!grant.methods().iter().all(as_loose)).then(|| "freedom (reads, or private addresses)".to_owned())
}

fn asked_secrets(asks: &Asks) -> Vec<Ask<'_, (&str, AskedSecret<'_>)>> {
    let lines = lines(asks, |asks| &asks.secrets, |when| &when.secrets);
    lines.into_iter().map(|(when, line)| Ask { when, line, what: AskedSecret::of(line) }).collect()
}

pub(super) fn secrets(old: &Asks, new: &Asks, found: &mut Found) {
    let (old, new) = (asked_secrets(old), asked_secrets(new));
    for ask in &new {
        let (name, placed) = ask.what;
        let known: Vec<_> = old.iter().filter(|other| other.what.0 == name).collect();
        if known.iter().any(|other| other.what.1 == placed && other.holds_where(ask)) {
            continue;
        }
        let what = match known.first() {
            None => format!("asks for one more secret: {}", ask.line),
            Some(other) if other.what.1 == placed => format!("asks for the secret {name} where it did not"),
            Some(other) => format!("asks for the secret {name} {placed}, not only {}", other.what.1),
        };
        found.add(Effect::Wider, Area::Secrets, ask.told(&what));
    }
    let gone = |ask: &&Ask<'_, (&str, AskedSecret<'_>)>| !new.iter().any(|other| other.what.0 == ask.what.0);
    for ask in old.iter().filter(gone) {
        let what = format!("no longer asks for the secret {}", ask.what.0);
        found.add(Effect::Harmless, Area::Secrets, ask.told(&what));
    }
}
