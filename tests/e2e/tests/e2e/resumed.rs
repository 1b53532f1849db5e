//! The process is killed in the middle of what a handler does: the next one goes on where that was.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use groundcrew_author::testing::Scratch;
use groundcrew_author::{Kind, Language};
use groundcrew_outside::{Fault, Receipt};
use serde_json::Value;

use crate::scene::{Scene, Up};
use crate::shipped::Shipped;

pub(crate) const WRITES: u32 = 5;

/// A handler that posts five times.
pub(crate) fn stanza(component: &Path, manifest: Option<&Path>) -> String {
    let manifest = manifest.map(|file| format!("manifest = \"{}\"\n", file.display())).unwrap_or_default();
    format!(
        "[hook.five]\nuse = \"{}\"\n{manifest}on = [\"app.created\"]\nconfig = {{ server = \"$SHOP\" }}\n\
         allow = [\"POST {{config.server}}/events\"]\nlimits = {{ rate = \"none\" }}\n",
        component.display()
    )
}

/// What was told of one event: by its key, every time.
pub(crate) fn told(scene: &Scene, event: &str) -> BTreeMap<String, Vec<Receipt>> {
    let mut told: BTreeMap<_, Vec<_>> = BTreeMap::new();
    for receipt in scene.outside.receipts() {
        let body: Value = serde_json::from_str(&receipt.body).unwrap();
        if body["event"] == event {
            told.entry(receipt.id.clone().unwrap()).or_default().push(receipt);
        }
    }
    told
}

fn kill(up: &mut Up) {
    up.0.kill().unwrap();
    up.0.wait().unwrap();
}

/// Lets the process be killed at each write, before it took effect and after; the end is the same each time.
fn ends_the_same(stanza: &str) {
    let scene = Scene::with_apps(0);
    scene.configure(stanza);
    let mut up = scene.up();
    scene.until_ready();
    let mut seen = BTreeSet::new();
    for (n, fault) in (0..WRITES).flat_map(|n| [(n, Fault::Stalled), (n, Fault::Held)]) {
        let asked = scene.outside.requests() + u64::from(n);
        scene.outside.after(n, Some("POST"), fault);
        scene.create_app(&format!("app-{n}-{}", fault == Fault::Held));
        scene.until_so("a post waits for its answer", || scene.outside.requests() > asked);
        kill(&mut up);
        scene.outside.release();
        up = scene.up();
        let event = scene.until("it goes on to its end", || {
            let mut events = scene.outside.receipts().into_iter().filter_map(|receipt| {
                let body: Value = serde_json::from_str(&receipt.body).ok()?;
                let event = body["event"].as_str().filter(|_| body["n"] == WRITES)?.to_owned();
                (!seen.contains(&event)).then_some(event)
            });
            events.next_back()
        });
        let last = scene.until("its run is stored", || {
            let runs = scene.list(&["runs", "--hook", "five", "--limit", "1"]);
            runs.into_iter().find(|run| run["outcome"] == "ok")
        });
        assert!(last["resumes"].is_string(), "{last}");
        let told = told(&scene, &event);
        let times: Vec<_> = told.values().map(Vec::len).collect();
        let mut expected = vec![1; WRITES as usize];
        expected[n as usize] += usize::from(fault == Fault::Held);
        assert_eq!(times, expected, "{fault:?} at write {n}: only what was in doubt is told twice");
        let bodies: BTreeSet<_> = told.values().flatten().map(|receipt| &receipt.body).collect();
        assert_eq!(bodies.len(), WRITES as usize, "{fault:?} at write {n}: in the same words");
        let chances: BTreeSet<_> = bodies
            .iter()
            .map(|body| serde_json::from_str::<Value>(body).unwrap()["chance"].to_string())
            .collect();
        assert_eq!(chances.len(), 1, "{fault:?} at write {n}: as one run");
        let replayed = scene.list(&["replay", last["run"].as_str().unwrap()]);
        assert_eq!(replayed[0]["verdict"], "same", "{fault:?} at write {n}");
        seen.insert(event);
    }
    assert_eq!(seen.len(), 2 * WRITES as usize);
    assert_eq!(scene.list(&["dead", "list"]), Vec::<Value>::new());
    up.end();
}

/// The same hook in another language; without its toolchain it is not checked, which is noted.
fn written_in(language: Language, file: &str, text: &str) {
    let target = Path::new(env!("CARGO_TARGET_TMPDIR"));
    let project = Scratch::new(target, language, Kind::Handler);
    project.write(file, text);
    let Some(built) = project.build() else { return };
    let component = built.unwrap().component;
    ends_the_same(&stanza(&component, None));
}

#[test]
fn a_handler_in_rust_ends_the_same_wherever_the_process_is_killed() {
    let shipped = Shipped::get();
    ends_the_same(&stanza(&shipped.five, Some(&shipped.five_manifest)));
}

#[test]
fn a_handler_in_python_ends_the_same_wherever_the_process_is_killed() {
    written_in(Language::Python, "hook.py", include_str!("resumed/hook.py"));
}

#[test]
fn a_handler_in_javascript_ends_the_same_wherever_the_process_is_killed() {
    written_in(Language::Js, "hook.js", include_str!("resumed/hook.js"));
}

/// What ships and tells services.
fn notify(to: &str) -> String {
    format!(
        "[hook.tell]\nuse = \"builtin:notify\"\non = [\"app.created\"]\nconfig = {{ to = \"{to}\" }}\n\
         secret.URL = {{ from = \"TELL\", at = \"url\" }}\n"
    )
}

#[test]
fn notify_is_told_again_what_has_an_id_and_what_has_none_is_shown() {
    for (to, fault) in [("standard-webhooks", Fault::Stalled), ("standard-webhooks", Fault::Held)] {
        let scene = killed_while_telling(to, fault);
        let mut up = scene.up();
        let before = usize::from(fault == Fault::Held);
        scene.until_so("it is told again", || scene.outside.receipts().len() == 1 + before);
        let receipts = scene.outside.receipts();
        let distinct: BTreeSet<_> = receipts.iter().map(|receipt| (&receipt.id, &receipt.body)).collect();
        assert_eq!(distinct.len(), 1, "the same words under the same id: {receipts:?}");
        up.end();
    }
    for fault in [Fault::Stalled, Fault::Held] {
        let scene = killed_while_telling("slack", fault);
        let mut up = scene.up();
        let dead = scene.until("it is dead", || scene.list(&["dead", "list"]).pop());
        assert!(dead["error"].as_str().unwrap().starts_with("unknown outcome: POST "), "{dead}");
        assert_eq!(scene.open_findings("delivery.dead").len(), 1);
        let id = dead["id"].as_str().unwrap();
        let shown = scene.says(&["dead", "show", id]);
        assert!(shown.contains("\"text\":") && shown.contains("cust-1"), "the request is shown: {shown}");
        assert!(!shown.contains("/told"), "but not its secret address: {shown}");
        let before = usize::from(fault == Fault::Held);
        assert_eq!(scene.outside.receipts().len(), before, "it was not sent again");
        scene.says(&["dead", "retry", id]);
        scene.until_so("a person has it told again", || scene.outside.receipts().len() == 1 + before);
        up.end();
    }
}

/// A scene in which the process was killed while its only post waited for an answer.
fn killed_while_telling(to: &str, fault: Fault) -> Scene {
    let scene = Scene::with_apps(0);
    scene.configure(&notify(to));
    let mut up = scene.up();
    scene.until_ready();
    let asked = scene.outside.requests();
    scene.outside.once(Some("POST"), fault);
    scene.create_app("cust-1");
    scene.until_so("the post waits for its answer", || scene.outside.requests() > asked);
    kill(&mut up);
    scene.outside.release();
    scene
}
