//! SIGTERM while a hundred hooks wait for an answer.

use std::collections::BTreeSet;
use std::time::Duration;

use groundcrew_outside::Fault;

use crate::scene::Scene;

const HOOKS: u32 = 100;

/// Far above the promise of 100 ms: a shared machine may be busy elsewhere.
const BOUND: Duration = Duration::from_secs(2);

/// One stanza of a handler that is told of everything about apps.
fn stanza(n: u32) -> String {
    format!(
        "[hook.tell-{n}]\nuse = \"builtin:notify\"\non = [\"app.*\"]\nconfig = {{ to = \"standard-webhooks\" }}\n\
         secret.URL = {{ from = \"TELL\", at = \"url\" }}\nlimits = {{ rate = \"1000/s\" }}\n"
    )
}

#[test]
fn ends_at_once_while_a_hundred_hooks_wait_and_tells_them_all_afterwards() {
    let scene = Scene::with_apps(0);
    scene.configure(&(1..=HOOKS).map(stanza).collect::<String>());
    let mut up = scene.up();
    scene.until_ready();
    for _ in 0..HOOKS {
        scene.outside.once(Some("POST"), Fault::Held);
    }
    scene.create_app("cust-1");
    // Every answer is withheld, so whoever was received waits.
    let waiting = || scene.outside.receipts().len();
    scene.until_so("all that can wait at once wait", || waiting() >= HOOKS as usize);
    let took = up.end();
    println!("shutdown with {} hooks waiting on HTTP: {} ms", waiting(), took.as_millis());
    assert!(took < BOUND, "{took:?}");

    // What was cut off is told again, with the same ids.
    let first: BTreeSet<_> = scene.outside.receipts().into_iter().filter_map(|told| told.id).collect();
    scene.outside.release();
    let mut up = scene.up();
    scene.until_so("all are told again", || waiting() >= 2 * HOOKS as usize);
    let all: BTreeSet<_> = scene.outside.receipts().into_iter().filter_map(|told| told.id).collect();
    assert_eq!(first, all);
    scene.was_polite();
    up.end();
}
