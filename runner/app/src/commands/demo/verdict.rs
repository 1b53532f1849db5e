//! How the platform is, judged by its own log alone.

use std::collections::BTreeMap;
use std::fmt;

use groundcrew_flysim::Effect;
use serde::Serialize;

/// Things that every living app should have: a shared address and a dedicated one.
const EACH: usize = 2;

/// How the platform is.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub(super) struct Verdict {
    /// Apps that should live.
    pub(super) living: usize,
    /// Things that they have.
    pub(super) things: usize,
    /// Things of anybody else.
    pub(super) left: usize,
    /// What an app had twice at any moment.
    pub(super) doubled: Vec<String>,
}

impl Verdict {
    /// Reads a log from its beginning.
    pub(super) fn of(log: &[Effect], living: &[String]) -> Self {
        let (mut held, mut doubled) = (BTreeMap::<&str, Vec<&str>>::new(), Vec::new());
        for effect in log {
            let app = held.entry(&effect.app).or_default();
            match effect.what.as_str() {
                "ip.allocated" => {
                    let kind = kind(&effect.subject);
                    if app.iter().any(|other| self::kind(other) == kind) {
                        doubled.push(format!("{kind} of {}", effect.app));
                    }
                    app.push(&effect.subject);
                }
                "ip.released" => app.retain(|held| *held != effect.subject),
                "app.deleted" => app.clear(),
                _ => {}
            }
        }
        let lives = |app: &str| living.iter().any(|name| name == app);
        let count = |of_living: bool| {
            let apps = held.iter().filter(|(app, _)| lives(app) == of_living);
            apps.map(|(_, held)| held.len()).sum()
        };
        Self { living: living.len(), things: count(true), left: count(false), doubled }
    }

    /// Whether nothing is missing, left over, or was ever there twice.
    pub(super) fn is_good(&self) -> bool {
        self.things == self.living * EACH && self.left == 0 && self.doubled.is_empty()
    }
}

fn kind(address: &str) -> &'static str {
    if address.contains(':') { "v6" } else { "v4" }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let whole = self.living * EACH;
        write!(f, "{} living apps have {} of {whole} things; ", self.living, self.things)?;
        write!(f, "deleted apps have {}; ", self.left)?;
        match self.doubled.as_slice() {
            [] => write!(f, "at no moment was anything doubled"),
            doubled => write!(f, "DOUBLED: {}", doubled.join(", ")),
        }
    }
}

#[cfg(test)]
mod tests {
    use groundcrew_flysim::Actor;
    use serde_json::Value;

    use super::*;

    fn log(lines: &[(&str, &str, &str)]) -> Vec<Effect> {
        let effect = |(seq, (what, app, subject)): (u64, &(&str, &str, &str))| Effect {
            seq,
            at_ms: 0,
            what: (*what).to_owned(),
            app_id: String::new(),
            app: (*app).to_owned(),
            subject: (*subject).to_owned(),
            by: Actor::Client,
            request_id: None,
            answered: true,
            detail: Value::Null,
        };
        (1..).zip(lines).map(effect).collect()
    }

    #[test]
    fn loss_leak_and_double_are_found() {
        let living = ["a".to_owned()];
        let good = [("ip.allocated", "a", "1.2.3.4"), ("ip.allocated", "a", "fd::1")];
        let verdict = |more: &[(&str, &str, &str)]| Verdict::of(&log(&[&good, more].concat()), &living);
        assert!(verdict(&[]).is_good());
        assert!(verdict(&[("ip.allocated", "b", "fd::2"), ("app.deleted", "b", "b")]).is_good());
        assert!(!Verdict::of(&log(&good[..1]), &living).is_good(), "lost");
        assert_eq!(verdict(&[("ip.allocated", "b", "fd::2")]).left, 1, "leaked");
        let doubled = verdict(&[("ip.allocated", "a", "fd::2"), ("ip.released", "a", "fd::2")]);
        assert_eq!((doubled.things, doubled.is_good()), (2, false), "{doubled}: once is enough");
    }
}
