//! Machines that leave in order, and what holds them back.

use std::collections::BTreeSet;

use groundcrew_flysim::{Action, Hold};
use groundcrew_outside::Fault;
use serde_json::Value;

use crate::scene::Scene;

/// A handler that is told of machines that leave; a token that may let them go. The scene's pace goes with it.
const TOLD: &str = r#"poll = "500ms"
retire_token = "FLY"
[hook.tell]
use = "builtin:notify"
on = ["machine.retiring"]
config = { to = "standard-webhooks" }
secret.URL = { from = "TELL", at = "url" }
limits = { rate = "1000/s" }
"#;

/// A scene with a machine that the runner knows; its id.
fn with_machine(stanzas: &str) -> (Scene, String) {
    let scene = Scene::with_apps(1);
    scene.configure(stanzas);
    let machine = scene.create_machine("cust-1");
    (scene, machine)
}

impl Scene {
    fn create_machine(&self, app: &str) -> String {
        let create = Action::CreateMachine { app: app.to_owned(), name: None, region: None, config: None };
        self.world().act(create).unwrap()["id"].as_str().unwrap().to_owned()
    }

    fn until_known(&self, machine: &str) {
        self.until_so("the machine is known", || self.groundcrew(&["app", machine]).code == Some(0));
    }

    /// What took effect on a machine, in order.
    fn effects(&self, machine: &str) -> Vec<String> {
        let log = self.world().log();
        log.into_iter().filter(|it| it.subject == machine).map(|it| it.what).collect()
    }

    fn took(&self, machine: &str, what: &str) -> usize {
        self.effects(machine).iter().filter(|effect| *effect == what).count()
    }

    fn retirement(&self) -> Value {
        self.list(&["retire", "list"]).remove(0)
    }

    fn told_ids(&self) -> BTreeSet<String> {
        self.outside.receipts().into_iter().filter_map(|receipt| receipt.id).collect()
    }
}

#[test]
fn handlers_are_told_and_waited_for_before_a_machine_is_stopped_and_destroyed() {
    let (scene, machine) = with_machine(TOLD);
    let mut up = scene.up();
    scene.until_known(&machine);
    // The first answer is withheld: nothing may happen to the machine meanwhile.
    scene.outside.once(Some("POST"), Fault::Held);
    scene.says(&["retire", &machine, "--yes", "--no-wait"]);
    scene.until_so("the handler is told", || !scene.outside.receipts().is_empty());
    scene.until_listed(4);
    assert_eq!((scene.took(&machine, "machine.cordoned"), scene.took(&machine, "machine.stopped")), (1, 0));
    let under_way = scene.retirement();
    assert_eq!((&under_way["step"], &under_way["waiting"]), (&"tell".into(), &"waits for tell".into()));
    let twice = scene.groundcrew(&["retire", &machine, "--yes"]);
    assert!(twice.code == Some(1) && twice.err.contains("leaves already; it is at `tell`"), "{twice:?}");
    scene.outside.release();
    scene.until_so("it has left", || scene.retirement()["step"] == "done");
    let ended = scene.retirement();
    assert_eq!(ended["outcome"], "destroyed; told: tell", "{ended}");
    let body: Value = serde_json::from_str(&scene.outside.receipts()[0].body).unwrap();
    assert_eq!(
        (&body["type"], &body["data"]["data"]["retirement"]["ending"]),
        (&"machine.retiring".into(), &"destroy".into())
    );
    let order: Vec<_> = scene.effects(&machine).into_iter().filter(|it| it != "machine.started").collect();
    let expected = ["machine.created", "machine.cordoned", "machine.stopped", "machine.destroyed"];
    assert_eq!(order, expected);
    scene.was_polite();
    up.end();
}

#[test]
fn killed_between_any_two_steps_it_goes_on_and_tells_nobody_under_another_id() {
    let (scene, machine) = with_machine(TOLD);
    let mut up = scene.up();
    scene.until_known(&machine);
    let (mut asked, mut held) = (false, 0);
    // Each call takes effect, its answer is withheld, and then the runner is killed.
    for (method, path) in [("POST", "cordon"), ("POST", "stop"), ("DELETE", "")] {
        let path = format!("/v1/apps/*/machines/*/{path}").trim_end_matches('/').to_owned();
        scene.turn(|knobs| {
            knobs.holds = vec![Hold {
                method: Some(method.to_owned()),
                path: path.clone(),
                count: Some(1),
                ..Hold::default()
            }];
        });
        if !std::mem::replace(&mut asked, true) {
            scene.says(&["retire", &machine, "--yes", "--no-wait"]);
        }
        held += 1;
        scene.until_so(&format!("{method} {path} is held"), || scene.world().holds().len() >= held);
        // Dropped first: whoever holds the data directory keeps the next one out.
        drop(up);
        up = scene.up();
    }
    scene.until_so("it has left", || scene.retirement()["step"] == "done");
    assert_eq!(scene.took(&machine, "machine.destroyed"), 1);
    assert_eq!(scene.told_ids().len(), 1, "{:?}", scene.outside.receipts());
    let first = |what: &str| scene.effects(&machine).iter().position(|it| it == what).unwrap();
    assert!(first("machine.cordoned") < first("machine.stopped"));
    up.end();
}

#[test]
fn a_handler_that_refuses_for_good_holds_the_machine_until_a_person_decides() {
    let (scene, machine) = with_machine(TOLD);
    let other = scene.create_machine("cust-1");
    let mut up = scene.up();
    scene.until_known(&machine);
    scene.until_known(&other);
    scene.outside.once(Some("POST"), Fault::Refused(400));
    let held = scene.groundcrew(&["retire", &machine, "--yes", "--timeout", "1s"]);
    assert!(held.code == Some(4) && held.err.contains("held: tell"), "{held:?}");
    scene.until_listed(4);
    assert_eq!(
        scene.took(&machine, "machine.stopped"),
        0,
        "its deadline is over, and a refusal is an answer"
    );
    let finding = scene.open_findings("retire.held").remove(0);
    assert!(finding["remedy"].as_str().unwrap().contains("--force"), "{finding}");
    let other_end = scene.groundcrew(&["retire", &machine, "--yes", "--force", "--no-destroy"]);
    assert!(other_end.code == Some(1) && other_end.err.contains("retire cancel"), "{other_end:?}");
    let said = scene.says(&["retire", &machine, "--yes", "--force"]);
    assert!(said.contains("destroyed; refused, and overruled: tell"), "{said}");
    assert!(scene.open_findings("retire.held").is_empty());

    // One that is cancelled takes traffic again.
    scene.outside.once(Some("POST"), Fault::Refused(400));
    assert_eq!(scene.groundcrew(&["retire", &other, "--yes"]).code, Some(4));
    scene.says(&["retire", "cancel", &other]);
    let cancelled = || scene.list(&["retire", "list"]).into_iter().find(|it| it["step"] == "cancelled");
    let cancelled = scene.until("it stays", cancelled);
    assert_eq!(cancelled["outcome"], "cancelled; it is started and takes traffic");
    assert_eq!((scene.took(&other, "machine.uncordoned"), scene.took(&other, "machine.stopped")), (1, 0));
    up.end();
}

#[test]
fn a_deadline_ends_waiting_and_no_destroy_leaves_the_machine_stopped() {
    let (scene, machine) = with_machine(TOLD);
    let mut up = scene.up();
    scene.until_known(&machine);
    scene.outside.once(Some("POST"), Fault::Held);
    let said = scene.says(&["retire", &machine, "--yes", "--no-destroy", "--timeout", "1s"]);
    assert!(said.contains("stopped and cordoned; not waited for any longer: tell"), "{said}");
    assert_eq!((scene.took(&machine, "machine.stopped"), scene.took(&machine, "machine.destroyed")), (1, 0));
    scene.outside.release();
    up.end();
}

#[test]
fn what_may_not_be_retired_is_refused_with_what_to_add() {
    let (scene, machine) = with_machine(&TOLD.replace("retire_token = \"FLY\"\n", ""));
    let retire = |machine: &str| scene.groundcrew(&["retire", machine, "--yes"]);
    let mut up = scene.up();
    scene.until_known(&machine);
    let lacks = retire(&machine);
    assert!(lacks.code == Some(1) && lacks.err.contains("retire_token = "), "{lacks:?}");
    up.end();
    let down = retire(&machine);
    assert!(down.code == Some(1) && down.err.contains("no runner is up"), "{down:?}");

    scene.configure(TOLD);
    let file = scene.directory.path().join("groundcrew.toml");
    let text = std::fs::read_to_string(&file).unwrap();
    std::fs::write(&file, text.replace("level = \"enforce\"", "level = \"observe\"")).unwrap();
    let mut up = scene.up();
    scene.until_ready();
    let app = retire("cust-1");
    assert!(app.err.contains("nothing is destroyed") && app.err.contains("level = \"enforce\""), "{app:?}");
    assert_eq!(scene.took(&machine, "machine.cordoned"), 0);
    up.end();
}
