//! Ready-made arguments, and calls with the checks that a host makes.

use std::collections::BTreeSet;

use serde::Serialize;
use serde_json::Value;

use super::Fake;
use crate::{Event, Owner, Provisioner, Response, Result, Spec, State, Subject, Thing, View, Want, json};

/// An answer with this status and JSON body.
pub fn answer(status: u16, body: &impl Serialize) -> Result<Response> {
    Ok(Response { status, headers: Vec::new(), body: serde_json::to_vec(body)? })
}

/// An event of this kind about the app `fly/acme/cust-7`.
pub fn event(kind: &str) -> Event {
    Event {
        id: format!("evt-{kind}"),
        kind: kind.to_owned(),
        time: "2026-11-21T12:00:03Z".to_owned(),
        subject: Some(view("cust-7").owner),
        data: json!({}),
    }
}

/// The view of the living app `fly/acme/{app}`, without labels, members and inputs.
pub fn view(app: &str) -> View {
    let owner = Subject {
        path: format!("fly/acme/{app}"),
        id: format!("app:{app}-1"),
        state: "deployed".to_owned(),
        labels: json!({}),
    };
    View { owner, app: None, members: Vec::new(), inputs: Vec::new() }
}

/// A want of the app `fly/acme/cust-7`; name, `once` and mark follow from kind and key.
pub fn want(kind: &str, key: &str, body: Value) -> Want {
    // FNV-1a, twice with different beginnings: names need to differ, nothing more.
    let hash = |seed: u64| {
        let fold = |hash: u64, byte: u8| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
        format!("{kind}/{key}").bytes().fold(seed, fold)
    };
    let row = format!("{:016x}{:010x}", hash(0xcbf2_9ce4_8422_2325), hash(7) & 0xff_ffff_ffff);
    Want {
        owner: Owner { path: "fly/acme/cust-7".to_owned(), id: "app:cust-7-1".to_owned() },
        kind: kind.to_owned(),
        key: key.to_owned(),
        body,
        once: format!("once-{row}"),
        mark: format!("gc1:test:{row}"),
        name: row,
        id: None,
    }
}

/// Asks what should exist, as the host does: without network, and the same answer for the same view.
///
/// # Panics
/// If two answers differ, a thing stands there twice, or `after` names none of them.
pub fn desired<H: Provisioner>(fake: &Fake, view: &View) -> Result<Vec<Spec>> {
    let specs = fake.run_pure(|| H::desired(view))?;
    assert_eq!(
        Ok(&specs),
        fake.run_pure(|| H::desired(view)).as_ref(),
        "`desired` answers the same to the same"
    );
    let mut names = BTreeSet::new();
    for spec in &specs {
        assert!(
            names.insert(format!("{}/{}", spec.kind, spec.key)),
            "{}/{} is wanted twice",
            spec.kind,
            spec.key
        );
    }
    for name in specs.iter().flat_map(|spec| &spec.after) {
        assert!(names.contains(name), "`after` names {name}, which is not in the answer");
    }
    Ok(specs)
}

/// Leads one thing through its life: nothing, created, found by key and by id, removed, gone, removed again.
///
/// The outside must answer at once: no lag, nothing pending on the way out. Returns the thing as created.
///
/// # Panics
/// With the step that went wrong.
pub fn life<H: Provisioner>(fake: &Fake, want: &Want) -> Thing {
    let find = |want: &Want| fake.run(|| H::find(want)).expect("find answers");
    let ours = |things: &[Thing], id: &str| things.iter().filter(|thing| thing.id == id).count();

    let before = find(want);
    let made = fake.run(|| H::create(want)).expect("create answers");
    assert_eq!(ours(&before, &made.id), 0, "a thing with the new id was there before");
    assert_eq!(ours(&find(want), &made.id), 1, "find shows what create made, once");

    let known = Want { id: Some(made.id.clone()), ..want.clone() };
    let found = find(&known);
    assert_eq!(found.len(), 1, "find by id shows that thing or none");
    let now = found.into_iter().next().expect("invariant: one was counted");
    assert_eq!((&now.id, &now.mark), (&made.id, &made.mark), "find shows the id and mark that create told");

    let writes = fake.writes().len();
    find(&known);
    assert_eq!(fake.writes().len(), writes, "find only reads");

    let left = fake.run(|| H::remove(&known, &now)).expect("remove answers");
    assert!(
        left.is_none_or(|left| left.state == State::Removing),
        "remove leaves none, or a thing on its way out"
    );
    assert_eq!(find(&known), [], "what was removed is not found");
    let again = fake.run(|| H::remove(&known, &now)).expect("remove may be repeated");
    assert_eq!(again, None, "what is gone is gone");
    made
}
