//! What goes wrong in one play, as a file keeps it: blows, faults of requests, owners that go too soon.

use std::collections::BTreeSet;

use groundcrew_outside::Fault;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::beside::{Beside, Nobody};
use super::faults::Strike;
use super::lifecycle::{Turn, live};
use super::scene::{Doing, Scene, Sighting};

/// Everything that goes wrong in one play. The same scenario under the same ordeal goes the same way.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Ordeal {
    /// Only so many steps of the scenario happen; none: all of them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub steps: Option<usize>,
    /// Steps of the scenario that do not happen, in order of time, counted from one.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub without: Vec<usize>,
    /// Calls and commits that fail, and deaths of the runner.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub blow: Vec<Strike>,
    /// Requests that meet a fault.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub fault: Vec<Met>,
    /// Times in which the API answers no reads.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub outage: Vec<Outage>,
    /// Owners that end before the scenario lets them.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub end: Vec<Ends>,
    /// How its owners live, instead of how the scenario says.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub life: Vec<Turn>,
}

/// A fault of one request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Met {
    /// Upper case.
    pub method: String,
    /// How many requests of this method go well before.
    pub after: u32,
    /// What happens to it: `answer-lost`, `{ late = 3000 }`.
    pub fault: Fault,
}

/// A time in which the API answers every read with 503.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Outage {
    /// When it begins, in milliseconds after the beginning.
    pub from: i64,
    /// For how many milliseconds.
    pub lasts: i64,
}

/// An owner's end.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Ends {
    /// When, in milliseconds after the beginning.
    pub at: i64,
    /// Its app.
    pub app: String,
    /// The machine; none: the app itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub machine: Option<String>,
    /// Which subject of its name it is.
    pub incarnation: u32,
}

impl Ends {
    fn is_of(&self, sighting: &Sighting) -> bool {
        sighting.app == self.app && sighting.machine == self.machine
    }
}

impl Ordeal {
    /// One of blows alone.
    pub fn of_blows(blow: &[Strike]) -> Self {
        Self { blow: blow.to_vec(), ..Self::default() }
    }

    /// How many things go wrong in it.
    pub fn len(&self) -> usize {
        self.blow.len() + self.fault.len() + self.outage.len() + self.end.len()
    }

    /// Whether nothing does, however long the scenario is and however its owners live.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Whether another thing is to live at the end than the scenario says.
    pub fn changes_the_end(&self) -> bool {
        self.steps.is_some() || !self.without.is_empty() || !self.end.is_empty() || !self.life.is_empty()
    }

    /// The scene in which its owners end and its steps are left out, and no more than that goes wrong.
    pub fn shortened(&self, scene: &Scene<Nobody>) -> Scene<Nobody> {
        let kept = Scene { script: self.kept(&scene.script), ..scene.clone() };
        let scene = if self.life.is_empty() {
            kept
        } else {
            Scene { lasts: live(scene, &self.life).lasts, ..live(&kept, &self.life) }
        };
        let mut script = scene.script.clone();
        for end in &self.end {
            script.retain(|(at, doing)| {
                *at < end.at || !matches!(doing, Doing::Sees(sighting) if end.is_of(sighting))
            });
            let (app, machine) = (end.app.clone(), end.machine.clone());
            let event = machine.is_some().then(|| "machine.destroyed".to_owned());
            let incarnation = end.incarnation;
            let gone = Sighting { app, machine, incarnation, labels: None, event, data: Value::Null };
            insert(&mut script, end.at, Doing::Sees(gone));
        }
        Scene { script, ..scene }
    }

    /// The steps that happen. Who was not there cannot go, and is new when it comes.
    fn kept<A: Clone>(&self, script: &[(i64, Doing<A>)]) -> Vec<(i64, Doing<A>)> {
        let steps = script.iter().take(self.steps.unwrap_or(script.len())).enumerate();
        let mut kept: Vec<_> =
            steps.filter(|(n, _)| !self.without.contains(&(n + 1))).map(|(_, step)| step.clone()).collect();
        let mut living = BTreeSet::new();
        kept.retain_mut(|(_, doing)| {
            let Doing::Sees(sighting) = doing else { return true };
            let who = (sighting.app.clone(), sighting.machine.clone());
            if sighting.labels.is_none() {
                return living.remove(&who);
            }
            let word = if sighting.machine.is_some() { "machine" } else { "app" };
            let updated =
                sighting.event.as_deref().and_then(|event| event.strip_prefix(word)) == Some(".updated");
            if living.insert(who) && updated {
                sighting.event = Some(format!("{word}.created"));
            }
            true
        });
        kept
    }

    /// The scene in which all of it happens but the blows, which are dealt while it is played.
    pub fn staged(&self, scene: &Scene<Nobody>) -> Scene<Nobody> {
        let mut scene = self.shortened(scene);
        let faults = self.fault.iter().map(|met| {
            let Met { method, after, fault } = met.clone();
            (0, Doing::Fault { after, method: Some(method), fault })
        });
        let outages = self.outage.iter().map(|&Outage { from, lasts }| (0, Doing::Unread { from, lasts }));
        scene.script.splice(0..0, faults.chain(outages));
        scene
    }
}

fn insert<A>(script: &mut Vec<(i64, Doing<A>)>, at: i64, doing: Doing<A>) {
    let place = script.partition_point(|(before, _)| *before <= at);
    script.insert(place, (at, doing));
}

/// The sightings of owners that live when something is sent for them, by path.
pub(super) fn living_at<'a, B: Beside>(scene: &'a Scene<B>, path: &str, at: i64) -> Option<&'a Sighting> {
    let of = |sighting: &&Sighting| {
        let machine = sighting.machine.as_ref().map(|machine| format!("/{machine}")).unwrap_or_default();
        path == format!("fly/acme/{}{machine}", sighting.app)
    };
    let before = scene.script.iter().take_while(|(when, _)| *when <= at);
    let sightings = before.filter_map(|(_, doing)| match doing {
        Doing::Sees(sighting) => Some(sighting),
        _ => None,
    });
    sightings.filter(of).last().filter(|sighting| sighting.labels.is_some())
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use serde_json::json;

    use super::super::faults::Blow;
    use super::*;

    #[test]
    fn an_ordeal_is_read_as_it_was_written() {
        let ordeal = Ordeal {
            steps: Some(4),
            without: vec![2, 3],
            blow: vec![Strike { at: 17, blow: Blow::Crash }],
            fault: vec![Met { method: "POST".to_owned(), after: 1, fault: Fault::Late(3_000) }],
            outage: vec![Outage { from: 1_022, lasts: 37_000 }],
            end: vec![Ends { at: 10_021, app: "a".to_owned(), machine: None, incarnation: 1 }],
            life: vec![Turn {
                at: 1,
                app: "a".to_owned(),
                machine: None,
                labels: Some(json!({"plan": "x"})),
            }],
        };
        let text = toml::to_string(&ordeal).expect("it is TOML");
        assert_eq!(toml::from_str::<Ordeal>(&text).expect("it is read"), ordeal, "{text}");
        assert_eq!(ordeal.len(), 4);
    }

    #[test]
    fn steps_that_are_left_out_leave_a_life_that_can_be() {
        let sees = |at, app: &str, labels, event: Option<&str>| {
            let (app, event) = (app.to_owned(), event.map(str::to_owned));
            let sighting = Sighting { app, machine: None, incarnation: 1, labels, event, data: Value::Null };
            (at, Doing::<Infallible>::Sees(sighting))
        };
        let script = [
            sees(0, "a", Some(json!({"plan": "x"})), Some("app.created")),
            sees(1, "b", Some(json!({})), Some("app.created")),
            sees(2, "a", Some(json!({"plan": "y"})), Some("app.updated")),
            sees(3, "b", None, None),
            sees(4, "a", None, None),
        ];
        let told = |steps, without: &[usize]| {
            let ordeal = Ordeal { steps, without: without.to_vec(), ..Ordeal::default() };
            let kept = ordeal.kept(&script).into_iter().map(|(at, doing)| match doing {
                Doing::Sees(sighting) => (at, sighting.event),
                other => panic!("{other:?}"),
            });
            kept.collect::<Vec<_>>()
        };
        let (created, updated) = (|| Some("app.created".to_owned()), || Some("app.updated".to_owned()));
        assert_eq!(told(Some(3), &[]), [(0, created()), (1, created()), (2, updated())]);
        assert_eq!(told(None, &[1, 2]), [(2, created()), (4, None)]);
        assert_eq!(told(None, &[1, 3]), [(1, created()), (3, None)]);
    }
}
