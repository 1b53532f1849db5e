//! What an API hands out reaches no guest, log or journal; its token is exchanged where the stanza says.

use std::sync::Arc;

use groundcrew_engine::egress::Response;
use groundcrew_engine::gate::Answers;
use groundcrew_engine::run::{Ended, Run};
use groundcrew_engine::seal::{Grant, Held, Place, Sealer, Sealing};
use serde_json::json;

use crate::support::{Fake, Kept, Setup, component, load, logged};

const CANARY: &str = "canary-9f2c41";

fn sealer() -> Sealer {
    Sealer::new(&[5; 32])
}

/// What a run has that may put `bucket.key` into this header of requests to `a.example`.
fn sealing(header: &str, held: &[Held], vault: Arc<Kept>) -> Sealing {
    let at = Place::Header(header.to_owned());
    let grant = Grant { output: "bucket.key".to_owned(), at, to: "a.example:80".to_owned() };
    Sealing::new(sealer(), vec![grant], Ok(held.to_vec()), vault)
}

fn held() -> Held {
    Held { sealed: sealer().seal(CANARY), outputs: vec!["bucket.key".to_owned()] }
}

/// Hands the value out, says it in other places, too, and answers a PUT with the key that it got.
fn outside() -> Arc<Fake> {
    Fake::new(|request| {
        let key = request.headers.iter().find(|(name, _)| name == "x-key").map(|(_, value)| value.clone());
        let body = match key {
            None => json!({ "keys": [{ "secret": CANARY }], "url": format!("s3://{CANARY}@x") }).to_string(),
            Some(key) => {
                assert_eq!(key, CANARY, "the outside gets the value");
                format!("stored {key}")
            }
        };
        Ok(Response {
            status: 200,
            headers: vec![("x-echo".to_owned(), CANARY.to_owned())],
            body: body.into_bytes(),
        })
    })
}

fn setup(sealing: Sealing) -> Setup {
    let config = json!({ "does": "seal", "about": "http://a.example/", "back": "http://a.example/copy" });
    Setup { sealing, fake: outside(), ..Setup::new(config) }
}

/// Everything that a run leaves, as text.
fn left(run: &Run<()>) -> String {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let calls = run.journal.calls.iter();
    let calls = calls.map(|call| text(&call.ask) + &text(call.answer.as_deref().unwrap_or_default()));
    format!("{:?} {:?} {:?} {}", calls.collect::<Vec<_>>(), logged(run), run.outcome, run.stderr)
}

#[tokio::test]
async fn a_sealed_value_reaches_its_reader_and_no_guest_log_or_journal() {
    let vault = Arc::new(Kept::default());
    let setup = setup(sealing("x-key", &[held()], vault.clone()));
    let hook = load(&component("guest-unruly")).await;
    let run = setup.handle(&hook).await;
    let token = sealer().seal(CANARY).token;
    let shown = json!({ "keys": [{ "secret": token }], "url": "s3://***@x" }).to_string();
    assert_eq!((run.outcome.clone(), logged(&run)), (Ok(()), vec![shown.as_str(), "stored ***"]));
    assert!(!left(&run).contains(CANARY), "{}", left(&run));
    assert_eq!(*vault.0.lock().unwrap(), [sealer().seal(CANARY)]);
    // A replay needs neither vault nor value: the journal has tokens only.
    let answers = Answers::Journal(run.journal.clone());
    let replay = Setup { answers, ..self::setup(Sealing::default()) };
    assert_eq!(logged(&replay.handle(&hook).await), logged(&run));
    assert!(replay.fake.trace().is_empty(), "nothing left");
}

#[tokio::test]
async fn a_token_leaves_only_where_the_stanza_says_and_for_its_owner() {
    let hook = load(&component("guest-unruly")).await;
    for (header, held, said) in [
        ("x-other", vec![held()], "allows it at header:x-other to a.example:80 only"),
        ("x-key", vec![], "no output of this owner holds it"),
    ] {
        let setup = setup(sealing(header, &held, Arc::default()));
        let run = setup.handle(&hook).await;
        let Err(Ended::Failure(failure)) = &run.outcome else { panic!("it left: {run:?}") };
        assert!(failure.message.contains(said), "{failure}");
        let trace = setup.fake.trace();
        let sent: Vec<_> = trace.iter().filter(|line| line.starts_with("sent")).collect();
        assert_eq!(sent, ["sent GET http://a.example/"], "nothing else left");
        assert!(!left(&run).contains(CANARY), "{}", left(&run));
    }
}

#[tokio::test]
async fn a_run_about_no_row_seals_what_it_reads_and_no_write() {
    let hook = load(&component("guest-unruly")).await;
    let no_row = || Sealing::keeping_nothing(sealer(), Vec::new(), Ok(Vec::new()));
    let reads = json!({ "does": "seal", "about": "http://a.example/" });
    let setup = Setup { sealing: no_row(), fake: outside(), ..Setup::new(reads.clone()) };
    let run = setup.handle(&hook).await;
    assert_eq!(run.outcome, Ok(()));
    assert!(!left(&run).contains(CANARY) && logged(&run)[0].contains(&sealer().seal(CANARY).token));

    let mut writes = reads;
    writes["method"] = json!("POST");
    let setup = Setup { sealing: no_row(), fake: outside(), ..Setup::new(writes.clone()) };
    let run = setup.handle(&hook).await;
    let Err(Ended::Failure(failure)) = &run.outcome else { panic!("it left: {run:?}") };
    assert!(failure.message.contains("kept by nobody") && !failure.retry, "{failure}");
    assert!(setup.fake.trace().iter().all(|line| !line.starts_with("sent")), "{:?}", setup.fake.trace());
    // About a row it is made, and kept.
    let vault = Arc::new(Kept::default());
    let sealing = sealing("x-key", &[], vault.clone());
    let run = Setup { sealing, fake: outside(), ..Setup::new(writes) }.handle(&hook).await;
    assert_eq!((run.outcome, vault.0.lock().unwrap().len()), (Ok(()), 1));
}
