//! One step of a scenario: when, and the one thing that happens then.

use groundcrew_core::duration::Millis;
use groundcrew_outside::{Act, Fault, Pick};
use serde::Deserialize;
use serde_json::Value;

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
    },
    /// It is gone.
    Goes {
        /// The app.
        app: String,
        /// The machine; none: the app itself.
        machine: Option<String>,
    },
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

/// A step as it is written: one of `app`, `stranger`, `collection`, `fault` and `audit` says what it is.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Written {
    at: Option<Millis>,
    app: Option<String>,
    machine: Option<String>,
    labels: Option<toml::Table>,
    event: Option<String>,
    gone: bool,
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
            written.stranger.is_some(),
            written.collection.is_some(),
            written.fault.is_some(),
            written.audit,
        ];
        if deeds.iter().filter(|said| **said).count() != 1 {
            return Err("a step says one thing: `app` (with `labels`, or `gone = true`), `stranger`, \
                        `collection`, `fault` or `audit = true`"
                .to_owned());
        }
        let deed = if let Some(app) = written.app.take() {
            written.lives(app)?
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
        let machine = self.machine.take();
        if self.gone {
            return Ok(Deed::Goes { app, machine });
        }
        let labels = json(self.labels.take())?;
        Ok(Deed::Lives { app, machine, labels, event: self.event.take() })
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

fn json(table: Option<toml::Table>) -> Result<Value, String> {
    serde_json::to_value(table.unwrap_or_default()).map_err(|error| error.to_string())
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
