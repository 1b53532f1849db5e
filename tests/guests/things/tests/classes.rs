//! Each class lives and goes at the outside that is made for it; the judge looks on.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

use std::sync::Arc;

use groundcrew_hook::testing::{Fake, desired, life, view, want};
use groundcrew_hook::{Failure, Inventory, Provisioner, Response, json};
use groundcrew_outside::{Act, Knobs, Outside, Purpose, judge::judge};
use guest_things::Things;

fn outside() -> Outside {
    Outside::new(Arc::new(|| 1_000))
        .with("/natural", Knobs::natural())
        .with("/keyed", Knobs::keyed())
        .with("/marked", Knobs { page: 1, ..Knobs::marked() })
        .with("/anonymous", Knobs { page: 1, ..Knobs::anonymous() })
        .with("/apps/cust-7/inner", Knobs::anonymous())
}

fn fake(outside: &Outside) -> Fake {
    let outside = outside.clone();
    Fake::new().config(json!({ "server": "http://outside" })).http(move |request| {
        let target = request.url.strip_prefix("http://outside").unwrap();
        let reply = outside.handle(&request.method, target, &request.headers, &request.body);
        let answer = reply.answer().ok_or_else(|| Failure::passing("no answer"))?;
        Ok(Response { status: answer.status, headers: answer.headers, body: answer.body })
    })
}

#[test]
fn every_class_lives_and_goes() {
    for kind in ["natural", "keyed", "marked", "anonymous", "inner"] {
        let outside = outside();
        let stranger = Act::Plant { name: Some("other".into()), mark: None, body: json!({}) };
        for path in ["/natural", "/marked", "/anonymous"] {
            outside.script(0, path, stranger.clone());
        }
        let want = want(kind, "a/b", json!({ "value": 1, "shape": null }));
        let fake = fake(&outside);
        let made = fake.run(|| Things::create(&want)).unwrap();
        let purpose = Purpose::new("fly/acme/cust-7", format!("{kind}/a/b"));
        assert!(judge(&outside.log(), std::slice::from_ref(&purpose)).is_clean(), "{kind}");
        fake.run(|| Things::remove(&want, &made)).unwrap();
        life::<Things>(&fake, &groundcrew_hook::Want { once: "again".into(), ..want });
        assert!(judge(&outside.log(), &[]).is_clean(), "{kind}");
    }
}

#[test]
fn a_vanished_container_is_a_failure_in_every_class() {
    for (kind, path) in [("natural", "/natural"), ("marked", "/marked"), ("inner", "/apps/cust-7/inner")] {
        let outside = outside();
        outside.script(0, path, Act::Vanish);
        let want = want(kind, "a", json!({}));
        let failure = fake(&outside).run(|| Things::find(&want)).unwrap_err();
        assert!(failure.message.contains("no such container"), "{kind}: {failure}");
    }
}

#[test]
fn labels_win_over_the_stanza() {
    let config = json!({ "server": "x", "things": [{ "kind": "keyed", "key": "c" }] });
    let fake = Fake::new().config(config);
    let mut view = view("cust-7");
    assert_eq!(desired::<Things>(&fake, &view).unwrap()[0].key, "c");
    view.owner.labels = json!({ "things": [] });
    assert_eq!(desired::<Things>(&fake, &view).unwrap(), []);
}

#[test]
fn a_scan_lists_every_class() {
    let outside = outside();
    let fake = fake(&outside);
    for kind in ["natural", "marked", "inner"] {
        fake.run(|| Things::create(&want(kind, "a", json!({})))).unwrap();
    }
    let owner = want("inner", "a", json!({})).owner;
    let listed = |owner| fake.run(|| Things::scan(owner, None)).unwrap().things.len();
    assert_eq!((listed(None), listed(Some(&owner))), (2, 1));
}
