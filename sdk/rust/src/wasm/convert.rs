//! Between the generated records and this crate's plain types: field by field, JSON parsed and written.

use serde_json::Value;

use super::{audit, handler, inventory, provision, remedy, types};
use crate::{
    Event, Failure, Finding, FindingPage, Input, Outcome, Output, Owner, Result, Severity, Spec, State,
    Subject, Thing, ThingPage, View, Want,
};

use audit::exports::groundcrew::hook::audit as wit_audit;
use handler::exports::groundcrew::hook::handler as wit_handler;
use inventory::exports::groundcrew::hook::inventory as wit_inventory;
use provision::exports::groundcrew::hook::provision as wit_provision;
use remedy::exports::groundcrew::hook::remedy as wit_remedy;

fn parsed(text: &str) -> Result<Value> {
    serde_json::from_str(text).map_err(|e| Failure::lasting(format!("the host's JSON cannot be read: {e}")))
}

/// The generated record is an `Error`, so `From` would take its text and forget the rest.
pub(super) fn failed(types::Failure { message, retry, after_ms }: types::Failure) -> Failure {
    Failure { message, retry, after_ms }
}

impl From<Failure> for types::Failure {
    fn from(Failure { message, retry, after_ms }: Failure) -> Self {
        Self { message, retry, after_ms }
    }
}

impl From<types::Owner> for Owner {
    fn from(types::Owner { path, id }: types::Owner) -> Self {
        Self { path, id }
    }
}

impl From<Owner> for types::Owner {
    fn from(Owner { path, id }: Owner) -> Self {
        Self { path, id }
    }
}

impl TryFrom<types::Subject> for Subject {
    type Error = Failure;
    fn try_from(types::Subject { path, id, state, labels }: types::Subject) -> Result<Self> {
        Ok(Self { path, id, state, labels: parsed(&labels)? })
    }
}

impl From<types::Output> for Output {
    fn from(types::Output { name, value }: types::Output) -> Self {
        Self { name, value }
    }
}

impl From<Output> for types::Output {
    fn from(Output { name, value }: Output) -> Self {
        Self { name, value }
    }
}

impl TryFrom<types::Thing> for Thing {
    type Error = Failure;
    fn try_from(thing: types::Thing) -> Result<Self> {
        let types::Thing { id, state, note, poll_ms, body, mark, outputs, made } = thing;
        let state = match state {
            types::ThingState::Pending => State::Pending,
            types::ThingState::Ready => State::Ready,
            types::ThingState::Removing => State::Removing,
            types::ThingState::Failed => State::Failed,
        };
        let outputs = outputs.into_iter().map(Into::into).collect();
        Ok(Self { id, state, note, poll_ms, body: parsed(&body)?, mark, outputs, made })
    }
}

impl From<Thing> for types::Thing {
    fn from(thing: Thing) -> Self {
        let Thing { id, state, note, poll_ms, body, mark, outputs, made } = thing;
        let state = match state {
            State::Pending => types::ThingState::Pending,
            State::Ready => types::ThingState::Ready,
            State::Removing => types::ThingState::Removing,
            State::Failed => types::ThingState::Failed,
        };
        let outputs = outputs.into_iter().map(Into::into).collect();
        Self { id, state, note, poll_ms, body: body.to_string(), mark, outputs, made }
    }
}

impl TryFrom<types::Finding> for Finding {
    type Error = Failure;
    fn try_from(finding: types::Finding) -> Result<Self> {
        let types::Finding { code, subject, about, severity, message, cost_cents, remedy, data } = finding;
        let severity = match severity {
            types::Severity::Info => Severity::Info,
            types::Severity::Warning => Severity::Warning,
            types::Severity::Critical => Severity::Critical,
        };
        let subject = subject.map(Into::into);
        Ok(Self { code, subject, about, severity, message, cost_cents, remedy, data: parsed(&data)? })
    }
}

impl From<Finding> for types::Finding {
    fn from(finding: Finding) -> Self {
        let Finding { code, subject, about, severity, message, cost_cents, remedy, data } = finding;
        let severity = match severity {
            Severity::Info => types::Severity::Info,
            Severity::Warning => types::Severity::Warning,
            Severity::Critical => types::Severity::Critical,
        };
        let subject = subject.map(Into::into);
        Self { code, subject, about, severity, message, cost_cents, remedy, data: data.to_string() }
    }
}

impl TryFrom<wit_handler::Event> for Event {
    type Error = Failure;
    fn try_from(event: wit_handler::Event) -> Result<Self> {
        let wit_handler::Event { id, kind, time, subject, data } = event;
        let subject = subject.map(TryInto::try_into).transpose()?;
        Ok(Self { id, kind, time, subject, data: parsed(&data)? })
    }
}

impl TryFrom<wit_provision::View> for View {
    type Error = Failure;
    fn try_from(wit_provision::View { owner, app, members, inputs }: wit_provision::View) -> Result<Self> {
        Ok(Self {
            owner: owner.try_into()?,
            app: app.map(TryInto::try_into).transpose()?,
            members: members.into_iter().map(TryInto::try_into).collect::<Result<_>>()?,
            inputs: inputs.into_iter().map(Into::into).collect(),
        })
    }
}

impl From<wit_provision::Input> for Input {
    fn from(wit_provision::Input { owner, hook, kind, key, output }: wit_provision::Input) -> Self {
        Self { owner, hook, kind, key, output: output.into() }
    }
}

impl From<Spec> for wit_provision::Spec {
    fn from(Spec { kind, key, body, after }: Spec) -> Self {
        Self { kind, key, body: body.to_string(), after }
    }
}

impl TryFrom<wit_provision::Want> for Want {
    type Error = Failure;
    fn try_from(want: wit_provision::Want) -> Result<Self> {
        let wit_provision::Want { owner, kind, key, body, name, once, mark, id } = want;
        Ok(Self { owner: owner.into(), kind, key, body: parsed(&body)?, name, once, mark, id })
    }
}

impl From<ThingPage> for wit_inventory::Page {
    fn from(ThingPage { things, next }: ThingPage) -> Self {
        let listed =
            |it: crate::Listed| wit_inventory::Listed { kind: it.kind, key: it.key, thing: it.thing.into() };
        Self { things: things.into_iter().map(listed).collect(), next }
    }
}

impl From<FindingPage> for wit_audit::Page {
    fn from(FindingPage { findings, next }: FindingPage) -> Self {
        Self { findings: findings.into_iter().map(Into::into).collect(), next }
    }
}

impl From<Outcome> for wit_remedy::Outcome {
    fn from(outcome: Outcome) -> Self {
        match outcome {
            Outcome::Fixed => Self::Fixed,
            Outcome::NoLongerTrue => Self::NoLongerTrue,
            Outcome::NotNow => Self::NotNow,
        }
    }
}
