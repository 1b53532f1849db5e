//! Commands that change something: by themselves, and through the socket of whoever holds the data directory.

use std::sync::{Arc, Mutex};

use groundcrew::control::{self, Act, Doubted, Hints, NoHints, Request};
use groundcrew::data_dir::DataDir;
use groundcrew::http::{Door, State, router, serve_unix};
use groundcrew_core::duration::Millis;
use groundcrew_core::time::Timestamp;
use groundcrew_engine::clock::{Clock as _, SystemClock};
use groundcrew_store::errands::Errand;
use groundcrew_store::events::Intake;
use groundcrew_store::hooks::HookState;
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use crate::fixture::Fixture;
use crate::http::Quiet;

impl Fixture {
    fn row(&self, name: &str) -> Value {
        self.data_run(&format!("why {name} --json")).json()[0].clone()
    }

    fn row_id(&self, name: &str) -> String {
        self.row(name)["row"].as_str().unwrap().to_owned()
    }
}

#[tokio::test]
async fn doctor_tells_of_a_clock_that_was_far_ahead_and_of_detached_hooks_that_have_something() {
    let fixture = Fixture::filled().await;
    let (store, now) = (fixture.store(), SystemClock.now());
    store.save_tick("weekly", now + Millis::hours(23)).await.unwrap();
    store.save_tick("nightly", now + Millis::hours(24 * 30 + 1)).await.unwrap();
    for hook in store.hooks().unwrap() {
        store.save_hook_state(hook.id, HookState::Detached, now).await.unwrap();
    }
    let doctor = fixture.run("--data data doctor --json").json();
    let of = |check: &str| -> Vec<_> {
        let found = doctor.as_array().unwrap().iter().filter(|found| found["check"] == check);
        found.map(|found| found["message"].as_str().unwrap().to_owned()).collect()
    };
    let ahead = "the clock was 30 d ahead when nightly was last taken up: `up` begins it anew";
    assert_eq!(of("schedules"), [ahead]);
    let things = ["dns", "ips"].map(|hook| {
        let count = if hook == "dns" { 2 } else { 1 };
        format!("{hook} is detached: its stanza is gone, its {count} things stay and are not looked after")
    });
    assert_eq!(of("hooks"), things, "notify has nothing");
}

#[tokio::test]
async fn doctor_says_how_far_each_source_was_read() {
    let fixture = Fixture::filled().await;
    let (store, now) = (fixture.store(), SystemClock.now());
    for (source, more) in [
        ("fly", json!({})),
        ("ndjson", json!({"position": {"offset": 80, "line": 17}, "origin": {"path": "/lines", "inode": 4}})),
    ] {
        let mut kept = json!({"mirror": {}});
        kept.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        let cursor = Some((source.to_owned(), kept.to_string()));
        store.accept(Intake { cursor, now, ..Intake::default() }).await.unwrap();
    }
    let doctor = fixture.run("--data data doctor").out;
    let said: Vec<_> = doctor.lines().filter(|line| line.contains("its place last moved")).collect();
    assert!(
        said.len() == 2 && said[0].ends_with(" ago") && said[1].ends_with(": line 17 of /lines"),
        "{said:?}"
    );
}

#[tokio::test]
async fn a_pause_is_laid_over_listed_and_lifted() {
    let fixture = Fixture::filled().await;
    let said = fixture.data_run("pause --deletes --hook dns --app cust-7");
    assert!(said.out.contains("paused hook dns for fly/acme/cust-7: nothing is removed"), "{said:?}");
    let doctor = fixture.run("--data data doctor --json").json();
    let pause = doctor.as_array().unwrap().iter().find(|found| found["check"] == "pauses").unwrap().clone();
    assert_eq!(pause["remedies"], json!(["groundcrew --data data unpause --hook dns --app fly/acme/cust-7"]));
    assert!(pause["message"].as_str().unwrap().contains("by tester"));
    assert_eq!(fixture.data_run("unpause --json").json()["changed"], 0);
    assert_eq!(fixture.data_run("unpause --hook dns --app cust-7 --json").json()["changed"], 1);
    let unknown = fixture.run("--data data pause --hook dsn");
    assert!(unknown.code == 1 && unknown.err.contains("known hooks: dns, ips, notify"), "{unknown:?}");
}

#[tokio::test]
async fn a_remedy_that_is_held_goes_only_with_a_yes() {
    let fixture = Fixture::enforced().await;
    let held = |fixture: &Fixture| {
        let held = fixture.store().held_findings(None).unwrap();
        held.into_iter().map(|found| found.about).collect::<Vec<_>>()
    };
    assert_eq!(held(&fixture), ["peer/a", "peer/b"]);
    let asked = fixture.run("--data data approve --hook orphans --all");
    assert!(asked.code == 5 && asked.err.contains("peer/b"), "nobody is there to be asked: {asked:?}");
    assert_eq!(held(&fixture).len(), 2);
    let id = fixture.store().held_findings(None).unwrap().remove(0).id;
    let said = fixture.data_run(&format!("approve {id} --yes"));
    assert!(said.out.contains("approved the remedy of 1, for 1d"), "{}", said.out);
    assert_eq!(held(&fixture), ["peer/b"]);
    let again = fixture.run(&format!("--data data approve {id} --yes"));
    assert!(again.code == 1 && again.err.contains("nothing of"), "it does not wait any more: {again:?}");
}

#[tokio::test]
async fn what_is_held_goes_only_with_a_yes() {
    let fixture = Fixture::filled().await;
    let asked = fixture.run("--data data approve --hook dns --all");
    assert!(asked.code == 5 && asked.err.contains("record/A/www.cust-3.example"), "{asked:?}");
    let said = fixture.data_run("approve --hook dns --all --yes");
    assert!(said.out.contains("approved the removal of 1"), "{said:?}");
    let wanted = fixture.run("--data data approve record/A/www.cust-7.example --yes");
    assert!(
        wanted.code == 1 && wanted.err.contains("nothing of `record/A/www.cust-7.example` waits"),
        "{wanted:?}"
    );
    assert!(wanted.err.contains("groundcrew --data data why record/A/www.cust-7.example"), "{wanted:?}");
    let run = fixture.run("--data data approve r1 --yes");
    assert!(run.code == 1 && run.err.contains("groundcrew --data data run r1"), "{run:?}");
    let finding = fixture.run("--data data approve f999 --yes");
    assert!(
        finding.code == 1 && finding.err.contains("hint: groundcrew --data data findings\n"),
        "{finding:?}"
    );
}

#[tokio::test]
async fn what_is_in_doubt_is_settled_by_hand() {
    let fixture = Fixture::filled().await;
    let row = fixture.row_id("dedicated-v6");
    let refused = fixture.run("--data data settle A/www.cust-7.example --none");
    assert!(refused.code == 1 && refused.err.contains("only what is in doubt"), "{refused:?}");
    fixture.data_run(&format!("settle {row} --id ip_2"));
    let settled = fixture.row(&row);
    assert_eq!(
        (&settled["state"], &settled["thing"], &settled["origin"]),
        (&json!("present"), &json!("ip_2"), &json!("imported"))
    );
    let findings = fixture.data_run("findings").out;
    assert!(!findings.contains("resource."), "{findings}");

    let fixture = Fixture::filled().await;
    fixture.data_run(&format!("settle {row} --none"));
    let settled = fixture.row(&row);
    assert_eq!((&settled["state"], &settled["thing"]), (&json!("creating"), &Value::Null));
}

#[tokio::test]
async fn a_touch_with_no_runner_up_says_that_nobody_looks_yet() {
    let fixture = Fixture::filled().await;
    let said = fixture.data_run("touch cust-7").out;
    assert!(
        said.contains(
            "no runner is up: cust-7 is looked at when `groundcrew --data data up` begins (2 lanes)"
        ),
        "{said}"
    );
    let said = fixture.data_run("touch cust-99").out;
    assert!(said.contains("no runner is up: `groundcrew --data data up` looks for it"), "{said}");
}

#[tokio::test]
async fn labels_are_set_shown_and_taken_back() {
    let fixture = Fixture::filled().await;
    fixture.data_run(r#"label set cust-7 domains=["a.com"] plan=max seats=3"#);
    let labels = fixture.data_run("label show cust-7 --json").json();
    assert_eq!(labels["labels"], json!({"domains": ["a.com"], "plan": "max", "seats": 3}));
    assert_eq!(labels["from"], json!({"domains": "set", "plan": "set", "seats": "set"}));
    fixture.data_run("label unset cust-7 plan");
    let labels = fixture.data_run("label show cust-7 --json").json();
    assert_eq!(labels["labels"], json!({"domains": ["a.com"], "plan": "pro", "seats": 3}));
    assert_eq!(labels["from"]["plan"], "platform");
    let billed = json!({"tier": 2}).as_object().unwrap().clone();
    let path = "fly/acme/cust-7".parse().unwrap();
    let now = SystemClock.now();
    fixture.store().save_label(&path, "billing", billed, Vec::new(), None, now).await.unwrap();
    let shown = fixture.data_run("label show cust-7").out;
    let sources: Vec<_> = shown.lines().filter_map(|line| line.split_whitespace().last()).collect();
    assert_eq!(sources, ["FROM", "hand", "platform", "hand", "billing"], "{shown}");
    let again = fixture.run("--data data label unset cust-7 plan");
    assert!(again.code == 1 && again.err.contains("was not set by hand"), "{again:?}");
    fixture.data_run("label set fly/acme/cust-10 plan=pro");
    assert_eq!(fixture.data_run("label show fly/acme/cust-10 --json").json()["set"], json!({"plan": "pro"}));
    let owed = fixture.run("--data data wait --app cust-7 --timeout 0s");
    assert!(owed.code == 4 && owed.err.contains("owes a look"), "{owed:?}");
}

#[tokio::test]
async fn the_dead_are_retried_or_forgotten() {
    let fixture = Fixture::filled().await;
    fixture.data_run("dead retry notify/1");
    assert!(fixture.data_run("dead list").out.contains("no dead deliveries"));
    let again = fixture.run("--data data dead discard notify/1");
    assert!(again.code == 1 && again.err.contains("groundcrew --data data dead list"), "{again:?}");
    let fixture = Fixture::filled().await;
    fixture.data_run("dead discard notify/1");
    assert_eq!(fixture.data_run("dead list --json").json(), json!([]));
}

#[tokio::test]
async fn a_protected_row_says_so() {
    let fixture = Fixture::filled().await;
    fixture.data_run("protect A/www.cust-3.example");
    assert_eq!(fixture.row("A/www.cust-3.example")["protected"], true);
    assert!(fixture.data_run("approve").out.contains("nothing waits for approval"));
    fixture.data_run("unprotect A/www.cust-3.example");
    assert_eq!(fixture.row("A/www.cust-3.example")["protected"], false);
}

#[tokio::test]
async fn a_reload_needs_somebody_who_runs() {
    let fixture = Fixture::filled().await;
    let nobody = fixture.run("--data data reload");
    assert!(nobody.code == 1 && nobody.err.contains("no runner is up"), "{nobody:?}");
    assert!(nobody.err.contains("groundcrew --data data up"), "{nobody:?}");
}

#[derive(Debug, Default)]
struct Heard(Mutex<Vec<String>>);

impl Hints for Heard {
    fn may_audit(&self, _: &str) -> control::Result<()> {
        Ok(())
    }

    fn asked(&self) {
        self.0.lock().unwrap().push("asked".to_owned());
    }

    fn touch(&self, app: &str) {
        self.0.lock().unwrap().push(format!("touch {app}"));
    }

    fn wake(&self) {
        self.0.lock().unwrap().push("wake".to_owned());
    }
}

#[tokio::test]
async fn only_those_who_were_shown_as_vanished_are_believed_gone() {
    let fixture = Fixture::filled().await;
    let (store, now) = (fixture.store(), SystemClock.now());
    let kept = json!({"mirror": {"vanished": ["app:cust-3-1", "app:cust-7-1"]}});
    let cursor = Some(("fly".to_owned(), kept.to_string()));
    store.accept(Intake { cursor, now, ..Intake::default() }).await.unwrap();
    let said = fixture.run("--data data approve --source vanished --yes");
    for shown in ["fly/acme/cust-3", "fly/acme/cust-7", "no runner is up"] {
        assert!(said.err.contains(shown), "{said:?}");
    }
    let believe = async |shown: &[&str]| {
        let shown = shown.iter().map(|uid| uid.parse().unwrap()).collect();
        let request = Request::Believe { what: Doubted::Vanished, shown };
        let act = Act { who: "ann".to_owned(), request };
        control::perform(&store, &NoHints, &act, now).await.unwrap_err().message
    };
    assert!(believe(&["app:cust-3-1"]).await.starts_with("1 more have vanished"));
    assert!(believe(&["app:cust-3-1", "app:cust-7-1", "app:back-1"]).await.contains("no runner is up"));
}

#[tokio::test]
async fn an_audit_is_on_record_before_it_is_confirmed_and_needs_somebody_who_runs() {
    let fixture = Fixture::filled().await;
    let (store, heard) = (fixture.store(), Heard::default());
    let act = Act { who: "ann".to_owned(), request: Request::AuditRun { name: "nightly".to_owned() } };
    let nobody = control::perform(&store, &NoHints, &act, SystemClock.now()).await.unwrap_err();
    assert!(nobody.message.contains("no runner is up") && store.errands().unwrap().is_empty());
    control::perform(&store, &heard, &act, SystemClock.now()).await.unwrap();
    assert_eq!(store.errands().unwrap()[0].errand, Errand::Audit("nightly".to_owned()));
    assert!(heard.0.lock().unwrap().iter().any(|hint| hint == "asked"));
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_holds_the_directory_is_asked_over_its_socket() {
    let fixture = Fixture::filled().await;
    let dir = DataDir::new(fixture.data());
    let lock = dir.lock("up", Timestamp::from_millis(0)).unwrap();
    let nobody = fixture.run("--data data pause");
    assert!(nobody.code == 1 && nobody.err.contains("nobody answers at"), "{nobody:?}");

    let (store, heard) = (fixture.store(), Arc::new(Heard::default()));
    let state = State {
        store: store.clone(),
        live: Arc::new(Quiet),
        hints: heard.clone(),
        inbox: None,
        clock: Arc::new(SystemClock),
    };
    let stop = CancellationToken::new();
    let (socket, told) = (dir.socket(), stop.clone());
    let serving = async move { serve_unix(&socket, router(state, Door::Socket), told).await };
    let asking = async {
        let there = async {
            while !dir.socket().exists() {
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(std::time::Duration::from_secs(20), there).await.unwrap();
        let said = tokio::task::spawn_blocking(move || {
            let mode = std::os::unix::fs::PermissionsExt::mode(
                &std::fs::metadata(DataDir::new(fixture.data()).socket()).unwrap().permissions(),
            );
            assert_eq!(mode & 0o777, 0o600);
            let touched = fixture.data_run("touch cust-7");
            let refused = fixture.run("--data data pause --hook dsn");
            assert!(refused.code == 1 && refused.err.contains("known hooks"), "{refused:?}");
            let doctor = fixture.run("--data data doctor").out;
            assert!(
                doctor.contains("`groundcrew up`")
                    && doctor.contains("not ready: source fly has not been read"),
                "{doctor}"
            );
            touched
        });
        let said = said.await.unwrap();
        stop.cancel();
        said
    };
    let (served, said) = tokio::join!(serving, asking);
    served.unwrap();
    assert!(said.out.contains("cust-7 is looked at now (2 lanes)"), "{said:?}");
    assert_eq!(*heard.0.lock().unwrap(), ["touch cust-7", "wake"]);
    assert!(!dir.socket().exists());
    drop(lock);
}
