//! A disk that is full: nobody is told what was not kept, and nothing is lost once there is room again.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use groundcrew_unchecked::not_checked;
use serde_json::json;

use crate::scene::{EVENTS, RECORDS, Scene, Up, agent};
use crate::shipped::Shipped;

/// Room for the compiled hooks and a small database, and for little else.
const SIZE: &str = "size=64m";

/// How the runner gets a small disk of its own.
#[derive(Debug)]
enum Disk {
    /// Mounted by us; unmounted with this.
    Mounted(PathBuf),
    /// In a mount namespace of the runner's own, which this process sees through `/proc`.
    Namespace(PathBuf),
}

impl Disk {
    /// Mounts a file system in memory at a directory, in the way that this machine permits.
    fn at(directory: &Path) -> Option<Self> {
        std::fs::create_dir(directory).unwrap();
        let mount = ["-t", "tmpfs", "-o", SIZE, "groundcrew-e2e"];
        let works = |command: &mut Command| command.output().is_ok_and(|output| output.status.success());
        if works(Command::new("mount").args(mount).arg(directory)) {
            return Some(Self::Mounted(directory.to_owned()));
        }
        let mut unshare = Command::new("unshare");
        unshare.args(["-rm", "mount"]).args(mount).arg(directory);
        works(&mut unshare).then(|| Self::Namespace(directory.to_owned()))
    }

    /// Starts the runner on it.
    fn up(&self, scene: &Scene) -> Up {
        let binary = &Shipped::get().binary;
        match self {
            Self::Mounted(_) => scene.up(),
            Self::Namespace(directory) => {
                let mut shell = scene.command(Path::new("unshare"));
                let script = "mount -t tmpfs -o \"$1\" groundcrew-e2e \"$2\" && shift 2 && exec \"$@\"";
                shell.args(["-rm", "sh", "-c", script, "sh", SIZE]).arg(directory).arg(binary);
                scene.up_as(shell)
            }
        }
    }

    /// Where this process sees it.
    fn seen(&self, up: &Up) -> PathBuf {
        match self {
            Self::Mounted(directory) => directory.clone(),
            Self::Namespace(directory) => {
                let root = PathBuf::from(format!("/proc/{}/root", up.0.id()));
                root.join(directory.strip_prefix("/").unwrap())
            }
        }
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        if let Self::Mounted(directory) = self {
            // Lazily: the runner may not be gone yet if the test panics.
            drop(Command::new("umount").arg("-l").arg(directory).status());
        }
    }
}

/// Leaves so little room that some events still fit.
fn fill(directory: &Path) -> PathBuf {
    const LEFT: u64 = 2 << 20;
    let path = directory.join("filler");
    let mut file = File::options().append(true).create(true).open(&path).unwrap();
    for size in [1 << 20, 4_096] {
        while file.write_all(&vec![0; size]).is_ok() {}
    }
    file.set_len(file.metadata().unwrap().len() - LEFT).unwrap();
    path
}

/// Sends a foreign event; the status of the answer.
fn send(scene: &Scene, id: &str) -> Option<u16> {
    let event = json!({"specversion": "1.0", "id": id, "source": "/e2e", "type": "order.paid",
        "data": {"filling": "x".repeat(2_000)}});
    let answer = agent()
        .post(format!("http://{}/v1/events", scene.api))
        .header("authorization", format!("Bearer {EVENTS}"))
        .header("content-type", "application/cloudevents+json")
        .send(event.to_string());
    answer.ok().map(|answer| answer.status().as_u16())
}

/// Everybody who is told of the orders.
const TELL: &str = r#"
[hook.tell]
use = "builtin:notify"
on = ["order.paid"]
config = { to = "standard-webhooks" }
limits = { rate = "1000/s" }
secret.URL = { from = "TELL", at = "url" }
"#;

#[test]
fn with_a_full_disk_nobody_is_acknowledged_and_with_room_again_everything_goes_on() {
    let scene = Scene::with_apps(5);
    let directory = scene.directory.path().join("small-disk");
    let Some(disk) = Disk::at(&directory) else {
        not_checked("a full disk", "this machine permits neither mount nor unshare -rm");
        return;
    };
    let scene = scene.with_data(directory);
    scene.configure(&format!("{RECORDS}{TELL}"));
    let mut up = disk.up(&scene);
    scene.until_records(1..=5);
    scene.until_ready();
    assert_eq!(send(&scene, "before"), Some(202));

    // Events arrive all the time; from some moment on nobody is acknowledged.
    let filler = fill(&disk.seen(&up));
    let (mut accepted, mut refused) = (vec!["before".to_owned()], Vec::new());
    scene.until_so("events are refused", || {
        let id = format!("event-{}", accepted.len() + refused.len());
        match send(&scene, &id) {
            Some(202) => accepted.push(id),
            Some(503) => refused.push(id),
            other => panic!("{other:?} for {id}"),
        }
        refused.len() >= 5
    });
    assert!(accepted.len() > 5, "the disk was full at once: {}", accepted.len());
    let why = scene.until("/readyz says why", || scene.ask("/readyz").filter(|(status, _)| *status == 503));
    assert!(why.1.contains("the database cannot be written") && why.1.contains("full"), "{why:?}");
    // The source sees that apps come and go, and can keep nothing of it.
    scene.create_app("cust-6");
    scene.delete_app("cust-1");
    scene.until_listed(6);
    assert_eq!(scene.ask("/healthz").map(|(status, _)| status), Some(200));
    refused.push("late".to_owned());
    assert_eq!(send(&scene, "late"), Some(503));
    assert_eq!(scene.keys().len(), 5, "nothing was made or removed that could not be kept");

    std::fs::remove_file(filler).unwrap();
    scene.until_ready();
    // Whoever was refused sends again.
    for id in refused.iter().chain([&"after".to_owned()]) {
        assert_eq!(send(&scene, id), Some(202));
    }
    scene.until_records(2..=6);
    let sent: BTreeSet<_> = accepted.into_iter().chain(refused).chain(["after".to_owned()]).collect();
    let told = || scene.outside.receipts().into_iter().filter_map(|told| told.id).collect::<BTreeSet<_>>();
    scene.until_so("every event is told", || told().len() >= sent.len());
    let receipts = scene.outside.receipts().len();
    println!("full disk: {} events sent, {} told, in {receipts} receipts", sent.len(), told().len());
    assert_eq!(told().len(), sent.len(), "each has one id, whatever was refused before");
    scene.is_clean((2..=6).map(|n| (APPS[n - 2], KEYS[n - 2])));
    up.end();
}

const APPS: [&str; 5] = ["cust-2", "cust-3", "cust-4", "cust-5", "cust-6"];
const KEYS: [&str; 5] =
    ["natural/cust-2", "natural/cust-3", "natural/cust-4", "natural/cust-5", "natural/cust-6"];
