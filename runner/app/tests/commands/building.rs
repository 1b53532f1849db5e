//! Names that are taken, toolchains that end with the command that started them, and `build --watch`.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::time::Duration;

use groundcrew_author::testing::Scratch;
use groundcrew_author::{Kind, Language, create};
use rustix::process::{Pid, Signal, kill_process};

use crate::fixture::Fixture;

/// How often it is looked whether something came to pass, and how long one look takes.
const LOOKS: u32 = 2400;
const PAUSE: Duration = Duration::from_millis(25);

/// Waits until there is an answer.
fn until<T>(what: &str, mut ask: impl FnMut() -> Option<T>) -> T {
    for _ in 0..LOOKS {
        if let Some(answer) = ask() {
            return answer;
        }
        std::thread::sleep(PAUSE);
    }
    panic!("it did not come to pass: {what}");
}

/// Whether a process runs; who ended and was not waited for does not.
fn runs(pid: &str) -> bool {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    stat.rsplit_once(") ").is_some_and(|(_, rest)| !rest.starts_with('Z'))
}

fn groundcrew(words: &[&str], folder: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_groundcrew"));
    command.args(words).current_dir(folder).stdin(Stdio::null()).env("GROUNDCREW_LOG", "off");
    command
}

fn signal(child: &Child, signal: Signal) {
    kill_process(Pid::from_child(child), signal).unwrap();
}

#[test]
fn a_toolchain_ends_with_whoever_drives_it_and_so_does_what_it_started() {
    for (word, sent, code) in [("build", Signal::TERM, 143), ("test", Signal::INT, 130)] {
        let folder = tempfile::tempdir().unwrap();
        let name = "cdn-zone".parse().unwrap();
        let root = create(folder.path(), &name, Language::Rust, Kind::Handler).unwrap().root;
        // A cargo that takes an hour, in a process of its own and in another one.
        let programs = folder.path().join("bin");
        fs::create_dir(&programs).unwrap();
        let slow = "sleep 3600 &\necho \"$$ $!\" > \"$0.new\"\nmv \"$0.new\" \"$0.pids\"\nwait";
        for (program, script) in [("rustc", "echo /"), ("cargo", slow)] {
            let path = programs.join(program);
            fs::write(&path, format!("#!/bin/sh\n{script}\n")).unwrap();
            fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
        }
        let path = format!("{}:/usr/bin:/bin", programs.display());
        let mut driver = groundcrew(&[word], &root);
        let mut driver = driver.env("PATH", path).stderr(Stdio::piped()).spawn().unwrap();
        let pids = until("cargo runs", || fs::read_to_string(programs.join("cargo.pids")).ok());
        let pids: Vec<_> = pids.split_whitespace().collect();
        assert!(pids.len() == 2 && pids.iter().all(|pid| runs(pid)), "{pids:?}");
        signal(&driver, sent);
        assert_eq!(driver.wait().unwrap().code(), Some(code), "{word}");
        until("both end", || pids.iter().all(|pid| !runs(pid)).then_some(()));
        let said = std::io::read_to_string(driver.stderr.take().unwrap()).unwrap();
        assert_eq!(said.trim_end(), "building with cargo", "nothing is said of the toolchain's end");
    }
}

#[test]
fn watching_builds_what_changes_until_it_is_interrupted() {
    let scratch = Scratch::new(Path::new(env!("CARGO_TARGET_TMPDIR")), Language::C, Kind::Handler);
    let Some(built) = scratch.build() else { return };
    built.unwrap();
    let watching = Watching::start(&scratch.root);
    watching.until("it is built at once", is_built);
    let component = scratch.root.join("cdn-zone.wasm");
    let first = fs::read(&component).unwrap();
    scratch.replace("hook.toml", "Posts every event", "Posts each event");
    watching.until("a changed manifest is built", is_built);
    let second = fs::read(&component).unwrap();
    assert_ne!(second, first);
    // What is refused is said, and the component stays.
    scratch.write("more.c", "int more(\n");
    watching.until("what is wrong is said", |line| line.contains("refuses the source"));
    assert_eq!(fs::read(&component).unwrap(), second);
    fs::remove_file(scratch.root.join("more.c")).unwrap();
    watching.until("it is built without the file that is gone", is_built);
    assert_eq!(watching.interrupt(), Some(130));
}

fn is_built(line: &str) -> bool {
    line.starts_with("cdn-zone.wasm  ")
}

/// `groundcrew build --watch`; killed with this.
struct Watching {
    child: Child,
    lines: mpsc::Receiver<String>,
}

impl Watching {
    fn start(root: &Path) -> Self {
        let mut command = groundcrew(&["build", "--watch"], root);
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        let out = BufReader::new(child.stdout.take().unwrap());
        let (tell, lines) = mpsc::sync_channel(1000);
        std::thread::spawn(move || out.lines().map_while(Result::ok).all(|line| tell.send(line).is_ok()));
        Self { child, lines }
    }

    /// Waits for such a line; others may come before, for a file may be seen half-written.
    fn until(&self, what: &str, is_it: impl Fn(&str) -> bool) {
        let mut said = Vec::new();
        while let Ok(line) = self.lines.recv_timeout(Duration::from_mins(1)) {
            if is_it(&line) {
                return;
            }
            said.push(line);
        }
        panic!("it did not come to pass: {what}\n{}", said.join("\n"));
    }

    /// SIGINT; the exit code that it leads to.
    fn interrupt(mut self) -> Option<i32> {
        signal(&self.child, Signal::INT);
        self.child.wait().unwrap().code()
    }
}

impl Drop for Watching {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

#[test]
fn a_name_that_a_project_needs_itself_is_refused_with_one_that_is_free() {
    let fixture = Fixture::empty();
    let refused = fixture.run("new serde --lang rust --kind handler");
    assert_eq!(refused.code, 1, "{refused:?}");
    let hint = "groundcrew new my-serde --lang rust --kind handler";
    let why = "`serde` is already the name of a crate that every hook in Rust is built from";
    assert!(refused.err.contains(why) && refused.err.contains(hint), "{refused:?}");
    assert_eq!(fs::read_dir(fixture.dir.path()).unwrap().count(), 0);
    assert_eq!(fixture.run(hint.trim_start_matches("groundcrew ")).code, 0);
    // Where nothing of that name is needed, it is free.
    assert_eq!(fixture.run("new serde --lang go --kind handler").code, 0);
}
