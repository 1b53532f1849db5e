//! The configuration changes while the process lives: nothing is missed or doubled, and what is wrong changes nothing.

use std::collections::BTreeSet;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::path::PathBuf;
use std::process::Stdio;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use groundcrew_outside::{Fault, What};
use serde_json::{Value, json};

use crate::resumed::{WRITES, stanza, told};
use crate::scene::{EVENTS, RECORDS, Scene, Up, agent, free_port};
use crate::shipped::Shipped;

/// Everybody who is told of orders.
const ORDERS: &str = r#"
[hook.orders]
use = "builtin:notify"
on = ["order.paid"]
config = { to = "standard-webhooks" }
limits = { rate = "1000/s" }
secret.URL = { from = "TELL", at = "url" }
"#;

/// A handler that comes later.
const BIRTHS: &str = r#"
[hook.births]
use = "builtin:notify"
on = ["app.created"]
config = { to = "standard-webhooks" }
secret.URL = { from = "TELL", at = "url" }
"#;

impl Scene {
    fn file(&self) -> PathBuf {
        self.directory.path().join("groundcrew.toml")
    }

    /// Changes the configuration's text, and asks nobody whether it is right.
    fn rewrite(&self, from: &str, to: &str) {
        let text = std::fs::read_to_string(self.file()).unwrap();
        assert!(text.contains(from), "{from}");
        std::fs::write(self.file(), text.replace(from, to)).unwrap();
    }

    /// The bodies of what was told of this type.
    fn told_of(&self, kind: &str) -> Vec<Value> {
        let bodies = self.outside.receipts().into_iter();
        let bodies = bodies.map(|receipt| serde_json::from_str::<Value>(&receipt.body).unwrap());
        bodies.filter(|body| body["type"] == kind).collect()
    }

    /// How many reloads came to this.
    fn reloads(&self, outcome: &str) -> u32 {
        let (_, metrics) = self.ask("/metrics").unwrap();
        let name = format!("groundcrew_reloads_total{{outcome=\"{outcome}\"}} ");
        metrics.lines().find_map(|line| line.strip_prefix(&name)).unwrap().parse().unwrap()
    }
}

/// Sends a foreign event; the status of the answer.
fn send(api: &str, n: u32) -> u16 {
    let data = json!({"n": n});
    let event = json!({"specversion": "1.0", "id": n.to_string(), "source": "/e2e", "type": "order.paid", "data": data});
    let answer = agent()
        .post(format!("http://{api}/v1/events"))
        .header("authorization", format!("Bearer {EVENTS}"))
        .header("content-type", "application/cloudevents+json")
        .send(event.to_string());
    answer.unwrap_or_else(|error| panic!("event {n} is not answered: {error}")).status().as_u16()
}

/// Begins to post a foreign event, and holds back the end of its body.
fn begin_to_send(api: &str) -> (TcpStream, &'static str) {
    let (first, rest) = (r#"{"specversion":"1.0","id":"slow","source":"/e2e","#, r#""type":"order.paid"}"#);
    let mut stream = TcpStream::connect(api).unwrap();
    write!(
        stream,
        "POST /v1/events HTTP/1.1\r\nhost: {api}\r\nconnection: close\r\nauthorization: Bearer {EVENTS}\r\n\
         content-type: application/cloudevents+json\r\ncontent-length: {}\r\n\r\n{first}",
        first.len() + rest.len()
    )
    .unwrap();
    (stream, rest)
}

/// It is the process that was started.
fn lives(up: &mut Up) {
    assert!(up.0.try_wait().unwrap().is_none(), "it has ended");
}

fn hang_up(up: &Up) {
    let pid = rustix::process::Pid::from_child(&up.0);
    rustix::process::kill_process(pid, rustix::process::Signal::HUP).unwrap();
}

#[test]
fn lines_of_standard_input_are_taken_in_over_reloads_and_after_its_end_it_goes_on() {
    let scene = Scene::with_apps(0);
    scene.configure(BIRTHS);
    let text = std::fs::read_to_string(scene.file()).unwrap();
    let (before, rest) = text.split_once("[source.fly]").unwrap();
    let (_, after) = rest.split_once("[hook.").unwrap();
    let lines = format!("{before}[source.ndjson]\npath = \"-\"\n\n[hook.{after}");
    std::fs::write(scene.file(), lines).unwrap();
    scene.says(&["check"]);

    let mut command = scene.command(&Shipped::get().binary);
    command.stdin(Stdio::piped());
    let mut up = scene.up_as(command);
    let mut input = up.0.stdin.take().unwrap();
    let told = || {
        let told = scene.told_of("app.created").into_iter();
        told.map(|body| body["data"]["subject"]["path"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    let app = |name: &str| format!("{{\"app\": \"{name}\", \"id\": \"{name}-1\"}}\n");
    input.write_all(app("one").as_bytes()).unwrap();
    scene.until_so("the first is told", || told().len() == 1);
    // A line that has begun is not lost with the reader that the file before had.
    let line = app("two");
    let (begun, ended) = line.split_at(9);
    input.write_all(begun.as_bytes()).unwrap();
    scene.rewrite("on = [\"app.created\"]", "on = [\"app.created\"]\nlimits = { rate = \"500/s\" }");
    scene.says(&["reload"]);
    input.write_all(ended.as_bytes()).unwrap();
    scene.until_so("the second is told", || told().len() == 2);
    // The last line ends with the input.
    input.write_all(app("three").trim_end().as_bytes()).unwrap();
    drop(input);
    scene.until_so("the third is told", || told().len() == 3);
    lives(&mut up);
    assert_eq!(told(), ["one", "two", "three"].map(|name| format!("fly/local/{name}")));
    up.end();
}

#[test]
fn events_are_taken_and_told_over_reloads_and_nothing_is_made_twice() {
    let scene = Scene::with_apps(3);
    scene.configure(&format!("{RECORDS}{ORDERS}"));
    let mut up = scene.up();
    scene.until_ready();
    scene.until_records(1..=3);
    scene.until_on_record(3);

    let enough = AtomicBool::new(false);
    let sent = std::thread::scope(|scope| {
        let stream = scope.spawn(|| {
            let mut n = 0;
            while !enough.load(Ordering::Relaxed) {
                n += 1;
                assert_eq!(send(&scene.api, n), 202, "event {n}");
                // So that telling keeps up with it.
                std::thread::sleep(Duration::from_millis(10));
            }
            n
        });
        // What fails here must end the stream, too, or nobody would be told of it.
        let changed = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| changes(&scene)));
        enough.store(true, Ordering::Relaxed);
        let sent = stream.join().unwrap();
        if let Err(panic) = changed {
            std::panic::resume_unwind(panic);
        }
        sent
    });
    lives(&mut up);
    let numbers = || {
        let told = scene.told_of("order.paid").into_iter();
        told.map(|body| body["data"]["data"]["n"].as_u64().unwrap()).collect::<BTreeSet<_>>()
    };
    scene.until_so("every event is told", || numbers().into_iter().eq(1..=u64::from(sent)));
    assert_eq!((scene.reloads("reloaded"), scene.reloads("refused")), (5, 0));
    let twice = scene.told_of("order.paid").len() - sent as usize;
    assert!(
        twice <= 5,
        "{twice} of {sent}: only what a reload cut off is told again, and they are told one by one"
    );
    assert_eq!(scene.list(&["dead", "list"]), Vec::<Value>::new());
    up.end();
    assert_eq!((scene.times(What::Created), scene.times(What::Updated)), (4, 3));
    scene.is_clean([
        ("cust-1", "natural/cust-1"),
        ("cust-2", "natural/cust-2"),
        ("cust-3", "natural/cust-3"),
        ("cust-4", "natural/cust-4"),
    ]);
}

/// A hook comes, one changes, one goes; and twice nothing changes.
fn changes(scene: &Scene) {
    scene.configure(&format!("{RECORDS}{ORDERS}{BIRTHS}"));
    let said = scene.says(&["reload"]);
    assert_eq!(said, "reloaded: 1 change\n  + hook births\n");

    let changed = RECORDS.replace("value = 1", "value = 2");
    scene.configure(&format!("{changed}{ORDERS}{BIRTHS}"));
    let said = scene.says(&["reload"]);
    assert_eq!(said, "reloaded: 1 change\n  ~ hook records: configuration\n");
    scene.until_so("what is there follows", || scene.times(What::Updated) == 3);
    scene.until_ready();
    scene.until_listed(2);
    scene.create_app("cust-4");
    scene.until_records(1..=4);
    scene.until_so("the new hook is told", || !scene.told_of("app.created").is_empty());
    scene.until_on_record(4);

    for _ in 0..2 {
        assert_eq!(scene.says(&["reload"]), "reloaded: nothing changed\n");
    }
    scene.configure(&format!("{changed}{ORDERS}"));
    let said = scene.groundcrew(&["--json", "reload"]);
    let done: Value = serde_json::from_str(&said.out).unwrap();
    let message = done["message"].as_str().unwrap();
    assert!(done["changed"] == 1 && message.contains("- hook births: detached"), "{done}");
}

#[test]
fn a_run_under_way_is_cut_off_and_goes_on_where_it_was() {
    let shipped = Shipped::get();
    let scene = Scene::with_apps(0);
    scene.configure(&stanza(&shipped.five, Some(&shipped.five_manifest)));
    let mut up = scene.up();
    scene.until_ready();
    for (app, fault) in [("stalled", Fault::Stalled), ("held", Fault::Held)] {
        let asked = scene.outside.requests() + 2;
        scene.outside.after(2, Some("POST"), fault);
        scene.create_app(app);
        scene.until_so("the third post waits for its answer", || scene.outside.requests() > asked);
        scene.says(&["reload"]);
        let last = scene.until("its run is stored", || {
            let runs = scene.list(&["runs", "--hook", "five", "--limit", "1"]);
            runs.into_iter().find(|run| run["outcome"] == "ok" && run["resumes"].is_string())
        });
        scene.outside.release();
        let event = scene.until("it went on to its end", || {
            let receipt = scene.outside.receipts().pop()?;
            let body: Value = serde_json::from_str(&receipt.body).ok()?;
            Some(body["event"].as_str().filter(|_| body["n"] == WRITES)?.to_owned())
        });
        let times: Vec<_> = told(&scene, &event).values().map(Vec::len).collect();
        let mut expected = vec![1; WRITES as usize];
        expected[2] += usize::from(fault == Fault::Held);
        assert_eq!(times, expected, "{fault:?}: only what was in doubt is told twice: {last}");
    }
    lives(&mut up);
    up.end();
}

#[test]
fn a_run_under_way_that_ends_in_a_moment_is_not_cut_off() {
    let shipped = Shipped::get();
    let scene = Scene::with_apps(0);
    scene.configure(&stanza(&shipped.five, Some(&shipped.five_manifest)));
    let mut up = scene.up();
    scene.until_ready();
    let asked = scene.outside.requests() + 2;
    scene.outside.after(2, Some("POST"), Fault::Held);
    scene.create_app("cust-1");
    scene.until_so("the third post waits for its answer", || scene.outside.requests() > asked);
    std::thread::scope(|scope| {
        let reload = scope.spawn(|| scene.says(&["reload"]));
        scene.until_so("nothing new begins", || scene.log().contains("nothing new begins"));
        scene.outside.release();
        assert_eq!(reload.join().unwrap(), "reloaded: nothing changed\n");
    });
    let runs = scene.list(&["runs", "--hook", "five"]);
    assert!(runs.len() == 1 && runs[0]["outcome"] == "ok", "{runs:?}");
    assert_eq!(scene.outside.receipts().len(), WRITES as usize, "nothing is told twice");
    lives(&mut up);
    up.end();
}

#[test]
fn an_event_that_is_posted_slowly_over_a_reload_is_told_to_who_is_there_when_it_is_whole() {
    let scene = Scene::with_apps(1);
    scene.configure(RECORDS);
    let mut up = scene.up();
    scene.until_ready();
    let (mut slow, rest) = begin_to_send(&scene.api);
    scene.configure(&format!("{RECORDS}{ORDERS}"));
    assert_eq!(scene.says(&["reload"]), "reloaded: 1 change\n  + hook orders\n");
    slow.write_all(rest.as_bytes()).unwrap();
    let mut answer = String::new();
    slow.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 202 "), "{answer}");
    scene.until_so("the hook that came meanwhile is told", || scene.told_of("order.paid").len() == 1);
    lives(&mut up);
    up.end();
}

#[test]
fn what_is_wrong_is_told_whole_and_what_runs_goes_on() {
    let scene = Scene::with_apps(1);
    scene.configure(RECORDS);
    let mut up = scene.up();
    scene.until_ready();
    scene.until_records(1..=1);

    // Problems of the file: all of them, as `check` tells them.
    scene.rewrite("gone = \"delete\"", "gone = \"perhaps\"");
    scene.rewrite("grace = ", "graze = ");
    let said = scene.groundcrew(&["reload"]);
    assert_eq!(said.code, Some(3), "{said:?}");
    for word in ["perhaps", "graze", "groundcrew.toml:"] {
        assert!(said.err.contains(word), "{word}: {said:?}");
    }
    assert!(scene.log().contains("not reloaded: what runs goes on as it is"));
    let json = scene.groundcrew(&["--json", "reload"]);
    let error: Value = serde_json::from_str(&json.err).unwrap();
    assert!(error["error"]["details"]["problems"].as_array().unwrap().len() >= 2, "{error}");

    // What nobody approved.
    scene.configure(RECORDS);
    scene.rewrite("allow = [\"GET,POST,PUT,DELETE", "allow = [\"GET,PUT,DELETE");
    let said = scene.groundcrew(&["reload"]);
    assert!(said.code == Some(5) && said.err.contains("groundcrew add"), "{said:?}");

    // What belongs to the process, and a place that the ledger's things are not at: each hook's problem is found.
    scene.configure(RECORDS);
    scene.rewrite(&scene.api, &format!("127.0.0.1:{}", free_port()));
    let said = scene.groundcrew(&["reload"]);
    assert!(said.code == Some(1) && said.err.contains("http.listen is"), "{said:?}");
    assert!(said.err.contains("start it again"), "{said:?}");
    scene.configure(&RECORDS.replace("$SHOP", &scene.shop.replace("127.0.0.1", "localhost")));
    let said = scene.groundcrew(&["reload"]);
    assert!(said.code == Some(1) && said.err.contains("groundcrew hook retarget records"), "{said:?}");

    assert_eq!((scene.reloads("reloaded"), scene.reloads("refused")), (0, 5));
    scene.create_app("cust-2");
    scene.until_records(1..=2);
    scene.until_on_record(2);
    lives(&mut up);
    scene.configure(RECORDS);
    assert_eq!(scene.says(&["reload"]), "reloaded: nothing changed\n");
    up.end();
    let nobody = scene.groundcrew(&["reload"]);
    assert!(nobody.code == Some(1) && nobody.err.contains("no runner is up"), "{nobody:?}");
    scene.is_clean([("cust-1", "natural/cust-1"), ("cust-2", "natural/cust-2")]);
}

#[test]
fn a_hangup_reloads_and_survives_what_is_wrong() {
    let scene = Scene::with_apps(1);
    scene.configure(RECORDS);
    let mut up = scene.up();
    scene.until_ready();
    scene.until_records(1..=1);
    scene.until_on_record(1);
    scene.rewrite("gone = \"delete\"", "gone = \"perhaps\"");
    hang_up(&up);
    scene.until_so("it is refused", || scene.reloads("refused") == 1);

    scene.configure(&format!("{RECORDS}{BIRTHS}"));
    hang_up(&up);
    scene.until_so("it is reloaded", || scene.reloads("reloaded") == 1);
    scene.until_ready();
    scene.create_app("cust-2");
    scene.until_so("the new hook is told", || scene.told_of("app.created").len() == 1);
    scene.until_records(1..=2);
    scene.until_on_record(2);
    lives(&mut up);
    up.end();
    scene.is_clean([("cust-1", "natural/cust-1"), ("cust-2", "natural/cust-2")]);
}
