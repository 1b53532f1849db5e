//! A runner that compiles says so, and lets nobody else wait; one that is killed then takes its compiler along, and the
//! next start removes what is left.

use std::fs;
use std::path::{Path, PathBuf};

use rustix::process::{Pid, Signal, kill_process};

use crate::scene::{RECORDS, Scene, TELL};
use crate::shipped::Shipped;

/// Long functions that take a compiler some seconds on any machine, and more than that is not wanted of it.
const SECONDS: usize = 100;
/// So many that a compiler never comes to their end while a test looks on.
const LONG: usize = 1000;

/// A core module of nothing but work for a compiler.
fn bulky(functions: usize) -> Vec<u8> {
    let mut body = b"\x00\x20\x00".to_vec();
    for _ in 0..2000 {
        // local.get 0, i64.mul, local.get 0, i64.rotl
        body.extend(b"\x20\x00\x7e\x20\x00\x89");
    }
    body.push(0x0b);
    let mut types = number(functions);
    let mut code = types.clone();
    types.extend(vec![0; functions]);
    for _ in 0..functions {
        code.extend(number(body.len()));
        code.extend(&body);
    }
    let mut module = b"\0asm\x01\0\0\0".to_vec();
    module.extend(section(1, b"\x01\x60\x01\x7e\x01\x7e"));
    module.extend(section(3, &types));
    module.extend(section(10, &code));
    module
}

fn section(id: u8, content: &[u8]) -> Vec<u8> {
    [&[id], number(content.len()).as_slice(), content].concat()
}

/// LEB128, as everywhere in WebAssembly.
fn number(mut number: usize) -> Vec<u8> {
    let mut bytes = Vec::new();
    while number >= 0x80 {
        bytes.push(number as u8 | 0x80);
        number >>= 7;
    }
    bytes.push(number as u8);
    bytes
}

/// The compiler that a process started for a component.
fn compiler_of(parent: u32, component: &Path) -> Option<u32> {
    let length = fs::metadata(component).unwrap().len();
    let all =
        fs::read_dir("/proc").unwrap().filter_map(|entry| entry.unwrap().file_name().into_string().ok());
    all.filter_map(|name| name.parse().ok()).find(|pid| {
        let command = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        let command = String::from_utf8_lossy(&command);
        let input =
            command.split_once("\0compile-component\0").and_then(|(_, paths)| paths.split('\0').next());
        input.is_some_and(|input| fs::metadata(input).is_ok_and(|input| input.len() == length))
            && status(*pid).is_some_and(|status| status.1 == parent)
    })
}

fn signal(pid: u32, signal: Signal) {
    kill_process(Pid::from_raw(pid.cast_signed()).unwrap(), signal).unwrap();
}

/// A process's state and parent; none where it is no more.
fn status(pid: u32) -> Option<(char, u32)> {
    let status = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The program's name, in brackets, may hold anything.
    let mut words = status.rsplit_once(") ")?.1.split(' ');
    Some((words.next()?.chars().next()?, words.next()?.parse().ok()?))
}

/// Configures a hook whose component has so many long functions; the component's file, and what it is without them.
fn configure_bulky(scene: &Scene, functions: usize, more: &str) -> (PathBuf, Vec<u8>) {
    let component = scene.directory.path().join("bulky.wasm");
    let small = fs::read(&Shipped::get().things).unwrap();
    fs::write(&component, [small.clone(), section(1, &bulky(functions))].concat()).unwrap();
    let manifest = Shipped::get().manifest.display().to_string();
    let hook = format!("use = \"{}\"\nmanifest = \"{manifest}\"", component.display());
    scene.configure(&format!("{}{more}", RECORDS.replace("$THINGS", &hook)));
    (component, small)
}

#[test]
fn what_is_compiled_works_while_the_rest_is_compiled_and_what_that_owes_waits() {
    let scene = Scene::with_apps(2);
    let (component, _) = configure_bulky(&scene, SECONDS, TELL);
    let mut up = scene.up();
    let compiler = scene.until("it compiles", || compiler_of(up.0.id(), &component));
    // However fast this machine is, it is not done before all below was seen.
    signal(compiler, Signal::STOP);
    scene.until_listed(2);
    scene.create_app("late");
    scene.until_so("who is told of it hears of it", || {
        scene.outside.receipts().iter().any(|receipt| receipt.body.contains("fly/acme/late"))
    });
    // All of that while the other one is compiled, and everybody who asks is told so.
    let (code, why) = scene.ask("/readyz").unwrap();
    assert!(code == 503 && why.contains("the component of hook records is being compiled"), "{why}");
    let hooks = scene.list(&["hook", "list"]);
    let waits = |name: &str| hooks.iter().find(|hook| hook["name"] == name).unwrap()["compiling"].clone();
    assert_eq!((waits("records"), waits("tell")), (true.into(), false.into()));
    let app = scene.groundcrew(&["app", "cust-1"]).out;
    assert!(app.contains("records") && app.contains("a look: its component is being compiled"), "{app}");
    let doctor = scene.groundcrew(&["doctor"]).out;
    assert!(doctor.contains("the component of hook records is being compiled"), "{doctor}");
    assert!(scene.list(&["resources"]).is_empty());

    // Nothing that it owed was lost.
    signal(compiler, Signal::CONT);
    scene.until_ready();
    scene.until_on_record(3);
    assert_eq!(scene.list(&["hook", "list"])[0]["compiling"], false);
    up.end();
}

#[test]
fn its_compiler_ends_with_it_and_the_next_start_removes_what_is_left() {
    let scene = Scene::with_apps(1);
    let (component, small) = configure_bulky(&scene, LONG, "");
    let cache = scene.directory.path().join("data/cache");
    let left = |extension: &str| {
        let files = fs::read_dir(&cache).unwrap().map(|entry| entry.unwrap().path());
        files.filter(|file| file.extension().is_some_and(|it| it == extension)).count()
    };
    for signal in [Signal::TERM, Signal::KILL] {
        let mut up = scene.up();
        let compiler = scene.until("it compiles", || compiler_of(up.0.id(), &component));
        // Nobody has to guess meanwhile what it does.
        let says_so = |(code, why): (u16, String)| code == 503 && why.contains("is being compiled");
        scene.until_so("it says so", || scene.ask("/readyz").is_some_and(says_so));
        assert_eq!(scene.ask("/healthz").map(|(code, _)| code), Some(200));
        kill_process(Pid::from_child(&up.0), signal).unwrap();
        up.0.wait().unwrap();
        // Whoever inherits it may leave it a zombie.
        let ended = || status(compiler).is_none_or(|(state, _)| state == 'Z');
        scene.until_so("the compiler ends", ended);
        // What it had not finished it would have written at its end.
        assert_eq!((left("new"), left("cwasm")), (0, 0), "{signal:?}");
    }
    assert!(left("wasm") > 0, "it was killed in the middle");
    fs::write(cache.join("begun.1-0.new"), "").unwrap();

    fs::write(&component, small).unwrap();
    // Where a runner has begun, what is approved is compiled by then.
    let said = scene.says(&["add", "--all", "--yes"]);
    assert!(said.contains("\ncompiled 1 in "), "{said}");
    assert_eq!(scene.says(&["add", "--all", "--yes"]), "nothing to approve: all is as it was approved\n");
    let compilations = || scene.log().matches("compiling; what is compiled is kept").count();
    let before = compilations();
    let mut up = scene.up();
    scene.until_ready();
    scene.until_so("it is tidy", || (left("wasm"), left("new"), left("cwasm")) == (0, 0, 1));
    assert_eq!(compilations(), before);
    up.end();
}
