//! One step of a scenario: when, and the one thing that happens then.

use groundcrew_core::duration::Millis;
use groundcrew_core::kind::{OWN, is_reserved};
use groundcrew_outside::{Act, Fault, Pick};
use serde::Deserialize;
use serde_json::Value;

use crate::prove::happening::Happening;
use crate::prove::scene::Heard;
use crate::source;

/// What happens, and when after the beginning.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(try_from = "Written")]
pub struct Step {
    /// When.
    pub at: Millis,
    /// What.
    pub deed: Deed,
}

/// What happens in a step.
#[derive(Clone, Debug, PartialEq)]
pub enum Deed {
    /// An app or a machine is there, or is otherwise.
    Lives {
        /// The app.
        app: String,
        /// The machine; none: the app itself.
        machine: Option<String>,
        /// Its labels.
        labels: Value,
        /// The kind of the event; none: `created`, then `updated`.
        event: Option<String>,
        /// What the event says beside its kind.
        data: Value,
    },
    /// It is gone.
    Goes {
        /// The app.
        app: String,
        /// The machine; none: the app itself.
        machine: Option<String>,
        /// What the event says beside its kind.
        data: Value,
    },
    /// An event comes that changes nobody: from elsewhere, or a finding's.
    Hears(Heard),
    /// A handler with `cron` is told that it is time.
    Ticks,
    /// Something happens to a collection that no request did.
    Act {
        /// Its path.
        path: String,
        /// What.
        act: Act,
    },
    /// The audit is run.
    Looks,
    /// A collection begins anew, empty.
    Opens {
        /// Its path.
        path: String,
    },
    /// A fault meets a request.
    Fault {
        /// Of which method; none: any.
        method: Option<String>,
        /// How many of them go well before.
        after: u32,
        /// What it is.
        fault: Fault,
    },
}

/// A step as it is written: one of `app`, `event`, `tick`, `stranger`, `collection`, `fault` and `audit` says what it is.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Written {
    at: Option<Millis>,
    app: Option<String>,
    machine: Option<String>,
    labels: Option<toml::Table>,
    event: Option<String>,
    about: Option<String>,
    data: Option<toml::Value>,
    gone: bool,
    tick: bool,
    stranger: Option<Stranger>,
    #[serde(rename = "in")]
    within: Option<String>,
    id: Option<String>,
    name: Option<String>,
    mark: Option<String>,
    body: Option<toml::Table>,
    collection: Option<String>,
    becomes: Option<Becomes>,
    fault: Option<String>,
    method: Option<String>,
    after: u32,
    audit: bool,
}

#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Stranger {
    Makes,
    Changes,
    Takes,
}

#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Becomes {
    Vanished,
    There,
    Ended,
    Empty,
}

impl TryFrom<Written> for Step {
    type Error = String;

    fn try_from(mut written: Written) -> Result<Self, String> {
        let at = written.at.ok_or("a step says when: at = \"10s\"")?;
        let deeds = [
            written.app.is_some(),
            written.event.is_some() && written.app.is_none(),
            written.tick,
            written.stranger.is_some(),
            written.collection.is_some(),
            written.fault.is_some(),
            written.audit,
        ];
        if deeds.iter().filter(|said| **said).count() != 1 {
            return Err(
                "a step says one thing: `app` (with `labels`, or `gone = true`), `event`, `tick = true`, \
                        `stranger`, `collection`, `fault` or `audit = true`"
                    .to_owned(),
            );
        }
        written.no_strays()?;
        let deed = if let Some(app) = written.app.take() {
            written.lives(app)?
        } else if let Some(kind) = written.event.take() {
            written.heard(kind)?
        } else if written.tick {
            Deed::Ticks
        } else if let Some(stranger) = written.stranger {
            written.foreign(stranger)?
        } else if let Some(path) = written.collection.take() {
            written.becomes(path)?
        } else if written.audit {
            Deed::Looks
        } else {
            let fault = fault(written.fault.as_deref().unwrap_or_default())?;
            Deed::Fault { method: written.method.clone(), after: written.after, fault }
        };
        Ok(Self { at, deed })
    }
}

impl Written {
    fn lives(&mut self, app: String) -> Result<Deed, String> {
        let named = |name: &String| {
            groundcrew_core::subject::Path::app("acme", name).map_err(|error| format!("`{name}`: {error}"))
        };
        let path = named(&app)?;
        if let Some(machine) = &self.machine {
            path.machine(machine).map_err(|error| format!("`{machine}`: {error}"))?;
        }
        let (machine, data) = (self.machine.take(), self.data()?);
        if self.gone {
            return Ok(Deed::Goes { app, machine, data });
        }
        let event = self.event.take();
        if let Some(kind) = &event {
            told_of(kind, if machine.is_some() { "machine." } else { "app." })?;
        }
        let labels = json(self.labels.take())?;
        Ok(Deed::Lives { app, machine, labels, event, data })
    }

    /// An event of no app: from elsewhere, as it would be taken there, or of one of the runner's own findings.
    fn heard(&mut self, kind: String) -> Result<Deed, String> {
        let data = self.data()?;
        let heard = Heard { what: Happening { kind, about: self.about.take() }, data };
        let Happening { kind, about } = &heard.what;
        if let Some(about) = about {
            let path = format!("fly/acme/{about}").parse::<groundcrew_core::subject::Path>();
            path.map_err(|_| {
                format!("about = \"{about}\" is no app; write for example \"cust-7\" or \"cust-7/148e21ea\"")
            })?;
        }
        if kind.starts_with("finding.") && about.is_none() {
            return told_of(kind, "finding.").map(|()| Deed::Hears(heard));
        }
        if is_reserved(kind) {
            return Err(format!(
                "`{kind}` is the runner's own: with `app` it happens to one, `tick = true` is a tick, and findings are about \
                 nobody; an event from elsewhere has another type, such as \"com.example.{kind}\""
            ));
        }
        let taken = source::would_take(heard.cloudevent("1"));
        taken.map_err(|refusal| format!("the event would not be taken: {refusal}"))?;
        Ok(Deed::Hears(heard))
    }

    fn data(&mut self) -> Result<Value, String> {
        self.data.take().map_or(Ok(Value::Null), |data| {
            no_times(&data)?;
            serde_json::to_value(data).map_err(|error| error.to_string())
        })
    }

    /// Refuses what means nothing in this step: it was meant otherwise than it would be read.
    fn no_strays(&self) -> Result<(), String> {
        let (deed, means): (_, &[_]) = match self {
            Self { app: Some(_), gone: true, .. } => ("gone = true", &["machine", "gone", "data"]),
            Self { app: Some(_), .. } => ("app", &["machine", "labels", "event", "data"]),
            Self { event: Some(_), .. } => ("event", &["about", "data"]),
            Self { tick: true, .. } => ("tick = true", &[]),
            Self { stranger: Some(_), .. } => ("stranger", &["in", "id", "name", "mark", "body"]),
            Self { collection: Some(_), .. } => ("collection", &["becomes"]),
            Self { fault: Some(_), .. } => ("fault", &["method", "after"]),
            _ => ("audit = true", &[]),
        };
        let said = [
            ("machine", self.machine.is_some()),
            ("labels", self.labels.is_some()),
            ("event", self.event.is_some() && self.app.is_some()),
            ("about", self.about.is_some()),
            ("data", self.data.is_some()),
            ("gone", self.gone),
            ("in", self.within.is_some()),
            ("id", self.id.is_some()),
            ("name", self.name.is_some()),
            ("mark", self.mark.is_some()),
            ("body", self.body.is_some()),
            ("becomes", self.becomes.is_some()),
            ("method", self.method.is_some()),
            ("after", self.after > 0),
        ];
        let Some((stray, _)) = said.into_iter().find(|(key, said)| *said && !means.contains(key)) else {
            return Ok(());
        };
        Err(match means {
            [] => format!("`{stray}` means nothing in a step with `{deed}`: leave it out"),
            means => {
                let means: Vec<_> = means.iter().map(|key| format!("`{key}`")).collect();
                format!("`{stray}` means nothing in a step with `{deed}`, which takes {}", means.join(", "))
            }
        })
    }

    fn foreign(&mut self, stranger: Stranger) -> Result<Deed, String> {
        let path = self.within.take().ok_or("a stranger's act says where: in = \"/things\"")?;
        let body = json(self.body.take())?;
        let pick = || {
            let name = self.name.clone().map(Pick::Name);
            let pick = self.id.clone().map(Pick::Id).or(name).or(self.mark.clone().map(Pick::Mark));
            pick.ok_or("which thing is meant? say its `name`, `id` or `mark`".to_owned())
        };
        let act = match stranger {
            Stranger::Makes => Act::Plant { name: self.name.clone(), mark: self.mark.clone(), body },
            Stranger::Changes => Act::Change(pick()?, body),
            Stranger::Takes => Act::Take(pick()?),
        };
        Ok(Deed::Act { path, act })
    }

    fn becomes(&self, path: String) -> Result<Deed, String> {
        let becomes = self
            .becomes
            .ok_or("what becomes of it? becomes = \"vanished\", \"there\", \"ended\" or \"empty\"")?;
        Ok(match becomes {
            Becomes::Vanished => Deed::Act { path, act: Act::Vanish },
            Becomes::There => Deed::Act { path, act: Act::Appear },
            Becomes::Ended => Deed::Act { path, act: Act::End },
            Becomes::Empty => Deed::Opens { path },
        })
    }
}

/// Refuses an event that the runner never tells of such a subject.
fn told_of(kind: &str, of: &str) -> Result<(), String> {
    if OWN.contains(&kind) && kind.starts_with(of) {
        return Ok(());
    }
    let known: Vec<_> = OWN.into_iter().filter(|kind| kind.starts_with(of)).collect();
    let elsewhere = match of {
        "finding." => "",
        _ => "; of an event from elsewhere say `about` instead of `app`",
    };
    Err(format!("the runner never tells `{kind}` here; it tells {}{elsewhere}", known.join(", ")))
}

fn json(table: Option<toml::Table>) -> Result<Value, String> {
    let table = toml::Value::Table(table.unwrap_or_default());
    no_times(&table)?;
    serde_json::to_value(table).map_err(|error| error.to_string())
}

/// JSON has no times of its own.
fn no_times(value: &toml::Value) -> Result<(), String> {
    match value {
        toml::Value::Datetime(time) => Err(format!("write the time {time} in quotes: JSON knows text alone")),
        toml::Value::Array(items) => items.iter().try_for_each(no_times),
        toml::Value::Table(fields) => fields.iter().try_for_each(|(_, value)| no_times(value)),
        _ => Ok(()),
    }
}

/// Reads what happens to a request.
pub(super) fn fault(text: &str) -> Result<Fault, String> {
    let late = || text.strip_prefix("late ").and_then(|by| by.parse::<Millis>().ok());
    Ok(match text {
        "answer-lost" => Fault::AnswerLost,
        "timeout" => Fault::Timeout,
        "garbled" => Fault::Garbled,
        "held" => Fault::Held,
        "never-arrived" => Fault::NeverArrived,
        "twice" => Fault::Twice,
        _ => match (text.parse::<u16>(), late()) {
            (Ok(status @ 400..=599), _) => Fault::Refused(status),
            (_, Some(by)) => Fault::Late(by.as_i64()),
            _ => {
                return Err(format!(
                    "`{text}` is no fault; there are: a status such as \"503\", \"answer-lost\", \"timeout\", \
                     \"garbled\", \"held\", \"never-arrived\", \"twice\", \"late 9s\""
                ));
            }
        },
    })
}
