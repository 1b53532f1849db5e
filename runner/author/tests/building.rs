//! When a project is built, and that builds of one project wait for each other; cargo's part is played by a script.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, SystemTime};

use groundcrew_author::{Built, Error, Kind, Language, Project, Tools, build, build_if_old, create};
use tempfile::TempDir;

/// A project in Rust, and a cargo that answers with a component that was built long ago and counts how often.
struct Bench {
    root: PathBuf,
    programs: PathBuf,
    _folder: TempDir,
}

impl Bench {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let name = "cdn-zone".parse().unwrap();
        let root = create(folder.path(), &name, Language::Rust, Kind::Handler).unwrap().root;
        let bench = Self { root, programs: folder.path().join("bin"), _folder: folder };
        fs::create_dir(&bench.programs).unwrap();
        // Where the target's libraries are: any folder.
        bench.program("rustc", "echo /");
        bench.cargo_succeeds();
        bench
    }

    fn program(&self, name: &str, script: &str) {
        use std::os::unix::fs::PermissionsExt as _;
        let path = self.programs.join(name);
        fs::write(&path, format!("#!/bin/sh\n{script}\n")).unwrap();
        fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
    }

    fn cargo_succeeds(&self) {
        let frozen = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/frozen/0.1.0/handler.wasm");
        let message = format!(r#"{{"filenames":["{}"]}}"#, frozen.display());
        self.program("cargo", &format!("echo built >> \"$0.log\"\necho '{message}'"));
    }

    fn tools(&self) -> Tools {
        let path = self.programs.display().to_string();
        Tools::new(move |name| (name == "PATH").then(|| path.clone()))
    }

    fn project(&self) -> Project {
        Project::find(&self.root).unwrap()
    }

    fn build(&self) -> Result<Built, Error> {
        build(&self.project(), &self.tools(), &mut |_| {})
    }

    fn if_old(&self) -> Result<(), Error> {
        build_if_old(&self.project(), &self.tools(), &mut |_| {})
    }

    /// How often cargo built.
    fn builds(&self) -> usize {
        fs::read_to_string(self.programs.join("cargo.log")).unwrap_or_default().lines().count()
    }

    /// Whether something that needs the component builds it.
    fn is_old(&self) -> bool {
        let before = self.builds();
        self.if_old().unwrap();
        self.builds() > before
    }

    fn write(&self, file: &str, text: &str) {
        fs::write(self.root.join(file), text).unwrap();
    }
}

#[test]
fn what_changed_is_built_again_whatever_its_time_and_nothing_else() {
    let bench = Bench::new();
    assert!(bench.is_old(), "there is none");
    assert!(!bench.is_old());
    bench.write("src/more.rs", "");
    assert!(bench.is_old() && !bench.is_old(), "a source more");
    let past = SystemTime::UNIX_EPOCH + Duration::from_hours(1);
    File::options().append(true).open(bench.root.join("src/more.rs")).unwrap().set_modified(past).unwrap();
    assert!(bench.is_old() && !bench.is_old(), "one that became older");
    fs::remove_file(bench.root.join("src/more.rs")).unwrap();
    assert!(bench.is_old() && !bench.is_old(), "one that is gone");
    let manifest = fs::read_to_string(bench.root.join("hook.toml")).unwrap();
    bench.write("hook.toml", &format!("{manifest}# more\n"));
    assert!(bench.is_old() && !bench.is_old(), "another manifest");
    bench.write("scenarios/life.calls", "");
    assert!(!bench.is_old(), "a scenario is no source");

    // What another version of this program built says so by another digest.
    let built = fs::read_to_string(bench.root.join(".groundcrew/built")).unwrap();
    let (component, origin) = built.trim_end().split_once('\n').unwrap();
    assert_eq!(component, bench.build().unwrap().digest);
    assert!(origin.len() == 64 && !bench.is_old());
    bench.write(".groundcrew/built", &format!("{component}\n{}\n", "0".repeat(64)));
    assert!(bench.is_old() && !bench.is_old(), "of another version");
}

#[test]
fn a_build_that_failed_is_tried_again() {
    let bench = Bench::new();
    bench.if_old().unwrap();
    bench.write("src/more.rs", "");
    bench.program("cargo", "echo no >&2; exit 1");
    for _ in 0..2 {
        assert!(matches!(bench.if_old(), Err(Error::Refused { tool: "cargo", said }) if said == "no"));
    }
    bench.cargo_succeeds();
    assert!(bench.is_old() && !bench.is_old());
}

#[test]
fn a_component_that_was_brought_along_counts_if_it_is_as_new_as_the_sources() {
    let bench = Bench::new();
    bench.if_old().unwrap();
    let component = bench.project().output();
    let brought = [fs::read(&component).unwrap(), b"\x00\x08\x04notenew".to_vec()].concat();
    fs::write(&component, &brought).unwrap();
    assert!(!bench.is_old(), "it is newer than all sources");
    let file = File::options().append(true).open(&component).unwrap();
    file.set_modified(SystemTime::UNIX_EPOCH + Duration::from_hours(1)).unwrap();
    assert!(bench.is_old());
    assert_ne!(fs::read(&component).unwrap(), brought);
}

#[test]
fn a_build_waits_for_another_of_the_same_project() {
    let bench = Bench::new();
    let lock = File::options().append(true).open(bench.root.join(".groundcrew/lock"));
    let lock = lock.or_else(|_| File::create(bench.root.join(".groundcrew/lock"))).unwrap();
    lock.lock().unwrap();
    let (tell, told) = mpsc::channel();
    thread::scope(|scope| {
        let building = scope.spawn(|| {
            build(&bench.project(), &bench.tools(), &mut |said| tell.send(said.to_owned()).unwrap())
        });
        let said = told.recv_timeout(Duration::from_mins(1)).unwrap();
        assert_eq!(said, "another build of this project is running; waiting for its end");
        assert_eq!((bench.builds(), building.is_finished()), (0, false));
        lock.unlock().unwrap();
        building.join().unwrap().unwrap();
    });
    assert_eq!(bench.builds(), 1);
}

#[test]
fn builds_at_once_are_one_after_another() {
    let bench = Bench::new();
    // Whoever comes while another one is here fails.
    let frozen = fs::read_to_string(bench.programs.join("cargo")).unwrap();
    let (_, answers) = frozen.split_once('\n').unwrap();
    bench.program("cargo", &format!("mkdir \"$0.here\" || exit 1\nsleep 0.1\nrmdir \"$0.here\"\n{answers}"));
    thread::scope(|scope| {
        let builds: Vec<_> = (0..3).map(|_| scope.spawn(|| bench.build())).collect();
        for build in builds {
            build.join().unwrap().unwrap();
        }
    });
    assert_eq!(bench.builds(), 3);
}
