//! The pages of `docs/first-hook`, followed word by word: their commands are typed, what is said is compared.
//!
//! `GROUNDCREW_GOLDEN=write` writes what is said into the pages. Where a language's toolchain is not there, its page
//! says so.

#![expect(clippy::unwrap_used, reason = "a test may end anywhere")]

mod page;
mod shell;
mod words;

use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fs};

use groundcrew_author::testing::Scratch;
use groundcrew_author::{Kind, Language};
use groundcrew_unchecked::language_not_checked;
use serde_json::{Value, json};

use page::{Block, Page};
use shell::Shell;

#[test]
fn rust() {
    follow(Language::Rust, "rust");
}

#[test]
fn typescript() {
    follow(Language::Ts, "typescript");
}

#[test]
fn javascript() {
    follow(Language::Js, "javascript");
}

#[test]
fn python() {
    follow(Language::Python, "python");
}

#[test]
fn go() {
    follow(Language::Go, "go");
}

#[test]
fn c() {
    follow(Language::C, "c");
}

/// Addresses that the pages name, each played by a free one.
const ADDRESSES: [&str; 2] = ["127.0.0.1:4280", "127.0.0.1:4281"];

/// Follows a page from its first command to its last.
fn follow(language: Language, name: &str) {
    if !Command::new("curl").arg("--version").output().is_ok_and(|curl| curl.status.success()) {
        language_not_checked("the pages of docs/first-hook", "apt-get install curl");
        return;
    }
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("../../docs/first-hook/{name}.md"));
    let page = Page::read(&path);
    let target = Path::new(env!("CARGO_TARGET_TMPDIR"));
    // Nobody else has the language's packages meanwhile.
    let scratch = Scratch::new(target, language, Kind::Handler);
    let folder = target.join("first-hook").join(language.word());
    drop(fs::remove_dir_all(&folder));
    fs::create_dir_all(&folder).unwrap();
    let followed =
        Follower { language, scratch, shell: Shell::start(&folder, &environment(target)) }.follow(&page);
    let Some(followed) = followed else { return };
    if env::var_os("GROUNDCREW_GOLDEN").is_some_and(|mode| mode == "write") {
        fs::write(&path, followed.text()).unwrap();
        return;
    }
    let differing = page.differing(&followed);
    assert!(differing.is_empty(), "{}; GROUNDCREW_GOLDEN=write writes it\n{differing}", path.display());
}

/// The environment of whoever follows: the built program first on the path, Python's packages where tests have them.
fn environment(target: &Path) -> Vec<(String, String)> {
    let program = Path::new(env!("CARGO_BIN_EXE_groundcrew")).parent().unwrap();
    let path = env::var_os("PATH").unwrap_or_default();
    let mut all = vec![("PATH".to_owned(), format!("{}:{}", program.display(), path.display()))];
    let shared = shared_python(target);
    if shared.join("bin/componentize-py").is_file() {
        all.push(("VIRTUAL_ENV".to_owned(), shared.display().to_string()));
    }
    all
}

fn shared_python(target: &Path) -> PathBuf {
    target.join("../python")
}

/// All that the simulator of a page answered is as the vendor's document says; built for tests it looks at itself.
fn answered_as_the_vendor_says(address: &str) {
    let ask = |what: &str| -> Value {
        let asked =
            Command::new("curl").args(["-s", &format!("http://{address}/_sim/{what}")]).output().unwrap();
        serde_json::from_slice(&asked.stdout).unwrap_or_else(|error| panic!("{what}: {error}: {asked:?}"))
    };
    assert!(ask("stats")["requests"].as_u64().unwrap() > 0, "nobody asked it anything");
    assert_eq!(ask("violations"), json!([]));
}

struct Follower {
    language: Language,
    scratch: Scratch,
    shell: Shell,
}

impl Follower {
    /// The page as it would be if it told what happened now; none if the machine lacks what it needs.
    fn follow(&mut self, page: &Page) -> Option<Page> {
        let ports = ADDRESSES.map(|_| TcpListener::bind("127.0.0.1:0").unwrap());
        let free = ports.each_ref().map(|port| port.local_addr().unwrap().to_string());
        drop(ports);
        let played = |text: &str| {
            ADDRESSES.iter().zip(&free).fold(text.to_owned(), |text, (named, free)| text.replace(named, free))
        };
        let named = |text: &str| {
            ADDRESSES.iter().zip(&free).fold(text.to_owned(), |text, (named, free)| text.replace(free, named))
        };
        let mut followed = page.clone();
        for block in followed.blocks_mut() {
            match block {
                Block::Once(commands) => self.install(commands)?,
                Block::Console(steps) => {
                    for step in steps {
                        let said = self.shell.types(&played(&step.command), &step.says);
                        if said.contains(&format!("error: {} lacks ", self.language.name())) {
                            let hints = said.lines().filter_map(|line| line.trim().strip_prefix("hint: "));
                            let hints: Vec<_> = hints.collect();
                            language_not_checked(
                                &format!("the first hook in {}", self.language.name()),
                                &hints.join("; or: "),
                            );
                            return None;
                        }
                        step.says = words::elided_like(&step.says, &named(&said));
                    }
                }
                Block::File { path, text } => self.shows(path, text, &played),
                Block::Change { path, lines } => self.changes(path, lines),
            }
        }
        answered_as_the_vendor_says(&free[0]);
        Some(followed)
    }

    /// What is installed once lies with the tests' packages; the project is lent it.
    fn install(&self, commands: &[String]) -> Option<()> {
        let folder = match self.language {
            Language::Ts | Language::Js => "node_modules",
            _ => ".venv",
        };
        let kept = self.scratch.root.join(folder);
        let shared = shared_python(Path::new(env!("CARGO_TARGET_TMPDIR"))).join("bin/componentize-py");
        if self.language == Language::Python && shared.is_file() {
            return Some(());
        }
        for command in commands.iter().filter(|_| !kept.is_dir()) {
            let ran = Command::new("bash").args(["-c", command]).current_dir(&self.scratch.root).output();
            if !ran.is_ok_and(|ran| ran.status.success()) {
                language_not_checked(&format!("the first hook in {}", self.language.name()), command);
                return None;
            }
        }
        std::os::unix::fs::symlink(kept, self.shell.folder().join(folder)).unwrap();
        Some(())
    }

    /// A file that is there is shown as it is; one that is not is written.
    fn shows(&self, path: &str, text: &mut Vec<String>, played: &dyn Fn(&str) -> String) {
        let path = self.shell.folder().join(path);
        match fs::read_to_string(&path) {
            Ok(there) => *text = there.lines().map(str::to_owned).collect(),
            Err(_) => fs::write(path, played(&(text.join("\n") + "\n"))).unwrap(),
        }
    }

    /// Lines that begin with `-` go, those with `+` come; around them lines that stay say where.
    fn changes(&self, path: &str, lines: &[String]) {
        let side = |gone: char| {
            let of_side = lines.iter().filter(|line| !line.starts_with(gone));
            of_side.flat_map(|line| [line.get(1..).unwrap_or_default(), "\n"]).collect::<String>()
        };
        let (before, after) = (side('+'), side('-'));
        let at = self.shell.folder().join(path);
        let text = fs::read_to_string(&at).unwrap();
        assert_eq!(text.matches(&before).count(), 1, "{path} has this not once:\n{before}");
        fs::write(at, text.replace(&before, &after)).unwrap();
    }
}
