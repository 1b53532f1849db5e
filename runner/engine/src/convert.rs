//! Between the WIT's records and `core`'s plain data.

pub(crate) mod audit;

use groundcrew_core::duration::Millis;
use groundcrew_core::running::Total;
use groundcrew_core::spec::{Event, Failure, Input, Output, Owner, Spec, Thing, ThingState, View, Want};
use groundcrew_core::subject::Subject;
use groundcrew_core::time::Timestamp;
use serde_json::Value;

use crate::bindings::host::fleet::RunningTime;
use crate::bindings::host::{http, types};
use crate::bindings::{handler, inventory, provision};
use crate::egress::Request;
use crate::limits::{AFTER_MAX, CURSOR_MAX, ID_MAX, KEY_MAX, MESSAGE_MAX, NOTE_MAX, OUTPUT_MAX, OUTPUTS_MAX};

type HandlerEvent = handler::exports::groundcrew::hook::handler::Event;
type WitView = provision::exports::groundcrew::hook::provision::View;
type WitInput = provision::exports::groundcrew::hook::provision::Input;
type WitSpec = provision::exports::groundcrew::hook::provision::Spec;
type WitWant = provision::exports::groundcrew::hook::provision::Want;
type WitListed = inventory::exports::groundcrew::hook::inventory::Listed;

pub(crate) fn failure_out(failure: Failure) -> types::Failure {
    let after_ms = failure.after.map(|after| after.as_i64().clamp(0, i64::from(u32::MAX)) as u32);
    types::Failure { message: failure.message, retry: failure.retry, after_ms }
}

pub(crate) fn failure_in(failure: types::Failure) -> Failure {
    let after = failure.after_ms.map(|millis| Millis::new(i64::from(millis)));
    Failure { message: cut(failure.message, MESSAGE_MAX), retry: failure.retry, after }
}

/// Cuts text at a character boundary.
pub(crate) fn cut(mut text: String, max: usize) -> String {
    if text.len() > max {
        let mut end = max;
        while !text.is_char_boundary(end) {
            end -= 1;
        }
        text.truncate(end);
    }
    text
}

pub(crate) fn request(request: http::Request) -> Request {
    let headers = request.headers.into_iter().map(|(name, value)| (name.to_ascii_lowercase(), value));
    Request {
        method: request.method,
        url: request.url,
        headers: headers.filter(|(name, _)| !is_hosts_own(name)).collect(),
        body: request.body,
        private: false,
    }
}

/// Headers that the host sets by itself.
pub(crate) fn is_hosts_own(name: &str) -> bool {
    matches!(
        name,
        "host"
            | "content-length"
            | "connection"
            | "transfer-encoding"
            | "upgrade"
            | "te"
            | "trailer"
            | "proxy-authorization"
    )
}

pub(crate) fn subject_out(subject: Subject) -> types::Subject {
    types::Subject {
        path: subject.path.to_string(),
        id: subject.uid.to_string(),
        state: subject.state,
        labels: Value::Object(subject.labels).to_string(),
    }
}

pub(crate) fn running_time_out(total: Total) -> RunningTime {
    let seconds = |time: Millis| time.as_i64() as f64 / 1_000.0;
    RunningTime {
        guest: total.size.guest.to_string(),
        region: total.size.region,
        seconds: seconds(total.ran),
        unseen: seconds(total.unseen),
    }
}

pub(crate) fn event_out(event: Event) -> HandlerEvent {
    HandlerEvent {
        id: event.id,
        kind: event.kind,
        time: event.time.to_string(),
        subject: event.subject.map(subject_out),
        data: event.data.to_string(),
    }
}

fn output_out(output: Output) -> types::Output {
    types::Output { name: output.name, value: output.value }
}

pub(crate) fn view_out(view: View) -> WitView {
    let input = |input: Input| WitInput {
        owner: input.owner,
        hook: input.hook,
        kind: input.kind,
        key: input.key,
        output: output_out(input.output),
    };
    WitView {
        owner: subject_out(view.owner),
        app: view.app.map(subject_out),
        members: view.members.into_iter().map(subject_out).collect(),
        inputs: view.inputs.into_iter().map(input).collect(),
    }
}

pub(crate) fn owner_out(owner: &Owner) -> types::Owner {
    types::Owner { path: owner.path.to_string(), id: owner.uid.to_string() }
}

pub(crate) fn want_out(want: &Want) -> WitWant {
    WitWant {
        owner: owner_out(&want.owner),
        kind: want.kind.clone(),
        key: want.key.clone(),
        body: want.body.to_string(),
        name: want.name.clone(),
        once: want.once.clone(),
        mark: want.mark.clone(),
        id: want.id.clone(),
    }
}

pub(crate) fn thing_out(thing: &Thing) -> types::Thing {
    types::Thing {
        id: thing.id.clone(),
        state: match thing.state {
            ThingState::Pending => types::ThingState::Pending,
            ThingState::Ready => types::ThingState::Ready,
            ThingState::Removing => types::ThingState::Removing,
            ThingState::Failed => types::ThingState::Failed,
        },
        note: thing.note.clone(),
        poll_ms: thing.poll.map(|poll| poll.as_i64().clamp(0, i64::from(u32::MAX)) as u32),
        body: thing.body.to_string(),
        mark: thing.mark.clone(),
        outputs: thing.outputs.iter().cloned().map(output_out).collect(),
        made: thing.made.map(|made| made.to_string()),
    }
}

/// What a guest answered does not fit the WIT's words.
fn misfit(what: &str, why: &str) -> Failure {
    Failure::final_(format!("the hook's answer does not fit: {what} {why}"))
}

fn short(what: &str, text: Option<&str>, max: usize) -> Result<(), Failure> {
    match text.filter(|text| text.len() > max) {
        Some(_) => Err(misfit(what, &format!("is over {max} bytes"))),
        None => Ok(()),
    }
}

fn json(what: &str, text: &str, max: usize) -> Result<Value, Failure> {
    if text.len() > max {
        return Err(misfit(what, &format!("is over {max} bytes")));
    }
    serde_json::from_str(text).map_err(|error| misfit(what, &format!("is no JSON: {error}")))
}

pub(crate) fn spec_in(spec: WitSpec, max: usize) -> Result<Spec, Failure> {
    let body = json(&format!("`body` of {}/{}", spec.kind, spec.key), &spec.body, max)?;
    if spec.key.is_empty() || spec.key.len() > KEY_MAX {
        return Err(misfit(&format!("`key` of a {}", spec.kind), &format!("must have 1 to {KEY_MAX} bytes")));
    }
    if spec.after.len() > AFTER_MAX {
        return Err(misfit(
            &format!("`after` of {}/{}", spec.kind, spec.key),
            &format!("is more than {AFTER_MAX}"),
        ));
    }
    Ok(Spec { kind: spec.kind, key: spec.key, body, after: spec.after })
}

pub(crate) fn thing_in(thing: types::Thing, max: usize) -> Result<Thing, Failure> {
    let body = json(&format!("`body` of thing `{}`", thing.id), &thing.body, max)?;
    if thing.id.is_empty() || thing.id.len() > ID_MAX {
        return Err(misfit("`id` of a thing", &format!("must have 1 to {ID_MAX} bytes")));
    }
    let id = &thing.id;
    if thing.outputs.len() > OUTPUTS_MAX {
        return Err(misfit(&format!("`outputs` of thing `{id}`"), &format!("are more than {OUTPUTS_MAX}")));
    }
    for output in &thing.outputs {
        let word = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
        if output.name.is_empty() || output.name.len() > ID_MAX || !output.name.chars().all(word) {
            let name: String = output.name.chars().take(80).collect();
            return Err(misfit(&format!("the name of output `{name}` of thing `{id}`"), "is not [a-z0-9_]+"));
        }
        short(&format!("output `{}` of thing `{id}`", output.name), Some(&output.value), OUTPUT_MAX)?;
    }
    let made = match thing.made {
        Some(text) => {
            let parsed = Timestamp::parse_rfc3339(&text);
            Some(parsed.ok_or_else(|| misfit("`made`", &format!("is no RFC 3339 time: `{text}`")))?)
        }
        None => None,
    };
    Ok(Thing {
        id: thing.id,
        state: match thing.state {
            types::ThingState::Pending => ThingState::Pending,
            types::ThingState::Ready => ThingState::Ready,
            types::ThingState::Removing => ThingState::Removing,
            types::ThingState::Failed => ThingState::Failed,
        },
        note: thing.note.map(|note| cut(note, NOTE_MAX)),
        poll: thing.poll_ms.map(|millis| Millis::new(i64::from(millis))),
        body,
        // APIs show an empty text where there is none.
        // One that is longer than ours can be is somebody else's, however it goes on.
        mark: thing.mark.filter(|mark| !mark.is_empty()).map(|mark| cut(mark, ID_MAX)),
        outputs: thing
            .outputs
            .into_iter()
            .map(|output| Output { name: output.name, value: output.value })
            .collect(),
        made,
    })
}

pub(crate) fn cursor_in(next: String) -> Result<String, Failure> {
    if next.len() > CURSOR_MAX {
        return Err(misfit("`next`", &format!("is over {CURSOR_MAX} bytes")));
    }
    Ok(next)
}

pub(crate) fn listed_in(listed: WitListed, max: usize) -> Result<groundcrew_core::spec::Listed, Failure> {
    let thing = thing_in(listed.thing, max)?;
    Ok(groundcrew_core::spec::Listed { kind: listed.kind, key: listed.key, thing })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn thing() -> types::Thing {
        types::Thing {
            id: "t1".to_owned(),
            state: types::ThingState::Ready,
            note: None,
            poll_ms: None,
            body: "{}".to_owned(),
            mark: None,
            outputs: vec![types::Output { name: "v4_1".to_owned(), value: "192.0.2.1".to_owned() }],
            made: None,
        }
    }

    fn refused(change: impl FnOnce(&mut types::Thing)) -> String {
        let mut wrong = thing();
        change(&mut wrong);
        thing_in(wrong, 1 << 20).expect_err("it fits").message
    }

    #[test]
    fn a_thing_that_would_bloat_the_ledger_is_refused() {
        assert!(thing_in(thing(), 1 << 20).is_ok());
        let long = |bytes: usize| "x".repeat(bytes);
        for (told, wrong) in [
            ("`id` of a thing must have 1 to 1024 bytes", refused(|thing| thing.id = long(1_025))),
            (
                "output `v4_1` of thing `t1` is over 65536 bytes",
                refused(|thing| thing.outputs[0].value = long(65_537)),
            ),
            (
                "output `V4` of thing `t1` is not [a-z0-9_]+",
                refused(|thing| thing.outputs[0].name = "V4".to_owned()),
            ),
            (
                "`outputs` of thing `t1` are more than 100",
                refused(|thing| {
                    thing.outputs = vec![thing.outputs[0].clone(); 101];
                }),
            ),
        ] {
            assert!(wrong.contains(told), "{wrong}");
        }
    }

    #[test]
    fn what_somebody_else_wrote_too_long_is_cut_and_keeps_nothing_from_being_found() {
        let wordy = types::Thing { note: Some("ä".repeat(3_000)), mark: Some("m".repeat(2_000)), ..thing() };
        let found = thing_in(wordy, 1 << 20).unwrap();
        assert_eq!((found.note.unwrap().len(), found.mark.unwrap().len()), (NOTE_MAX, ID_MAX));
    }

    #[test]
    fn a_spec_that_comes_after_too_much_is_refused() {
        let spec = |after: usize| WitSpec {
            kind: "a".to_owned(),
            key: "x".to_owned(),
            body: "{}".to_owned(),
            after: vec!["a/y".to_owned(); after],
        };
        assert!(spec_in(spec(AFTER_MAX), 100).is_ok());
        assert!(
            spec_in(spec(AFTER_MAX + 1), 100)
                .unwrap_err()
                .message
                .contains("`after` of a/x is more than 1000")
        );
    }
}
