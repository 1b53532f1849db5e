//! A shell as a reader has it open: what is typed happens in one folder and one environment, one after the other.

use std::fs::{self, File};
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::Duration;

/// Ends what one command says; its folder follows.
const MARK: &str = "-- said in ";

/// How long a command may take.
const PATIENCE: Duration = Duration::from_mins(3);
/// How long a program behind may take to begin.
const BEGINS: Duration = Duration::from_mins(2);

pub(crate) struct Shell {
    bash: Child,
    input: Option<ChildStdin>,
    lines: Receiver<String>,
    folder: PathBuf,
    logs: PathBuf,
    behind: usize,
}

impl Shell {
    pub(crate) fn start(folder: &Path, environment: &[(String, String)]) -> Self {
        let folder = folder.canonicalize().unwrap();
        let mut command = Command::new("bash");
        command
            .args(["--noprofile", "--norc"])
            .current_dir(&folder)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped());
        // Settings of the outer build are not the author's.
        for name in [
            "CARGO_TARGET_DIR",
            "RUSTFLAGS",
            "CARGO_ENCODED_RUSTFLAGS",
            "CARGO_BUILD_TARGET",
            "GROUNDCREW_LOG",
        ] {
            command.env_remove(name);
        }
        let mut bash = command.envs(environment.iter().cloned()).spawn().unwrap();
        let (input, output) = (bash.stdin.take(), bash.stdout.take().unwrap());
        let (says, lines) = channel();
        thread::spawn(move || {
            for line in BufReader::new(output).lines().map_while(Result::ok) {
                if says.send(line).is_err() {
                    return;
                }
            }
        });
        let logs = folder.clone();
        let mut shell = Self { bash, input, lines, folder, logs, behind: 0 };
        shell.writes("exec 2>&1");
        shell
    }

    /// Where it is.
    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    /// Types a command; what it says. Of one that goes on behind: how its log begins, as far as a page shows it.
    pub(crate) fn types(&mut self, command: &str, shown: &[String]) -> String {
        match command.strip_suffix(" &") {
            Some(command) => self.starts(command, shown),
            None => self.waits(command),
        }
    }

    fn waits(&mut self, command: &str) -> String {
        // What reads its input finds none, or it would eat what is typed next.
        self.writes(&format!("{{ {command}\n}} </dev/null\necho; echo \"{MARK}$PWD\""));
        let mut said = String::new();
        loop {
            let line = self
                .lines
                .recv_timeout(PATIENCE)
                .unwrap_or_else(|_| panic!("`{command}` never ends:\n{said}"));
            if let Some(folder) = line.strip_prefix(MARK) {
                self.folder = PathBuf::from(folder);
                break;
            }
            said.push_str(&line);
            said.push('\n');
        }
        // What was said may have no end of its line.
        said.strip_suffix("\n").map(|said| said.trim_end_matches('\n').to_owned()).unwrap_or_default()
    }

    fn starts(&mut self, command: &str, shown: &[String]) -> String {
        self.behind += 1;
        let log = self.logs.join(format!("behind-{}.log", self.behind));
        File::create(&log).unwrap();
        self.waits(&format!("{command} > {} 2>&1 &", log.display()));
        let (mut said, look) = (String::new(), Duration::from_millis(50));
        for _ in 0..BEGINS.as_millis() / look.as_millis() {
            said = fs::read_to_string(&log).unwrap();
            if said.lines().count() >= shown.len().max(1) {
                break;
            }
            thread::park_timeout(look);
        }
        said.split_inclusive('\n').take(shown.len().max(1)).collect()
    }

    fn writes(&mut self, line: &str) {
        let input = self.input.as_mut().unwrap();
        writeln!(input, "{line}").and_then(|()| input.flush()).unwrap();
    }
}

impl Drop for Shell {
    /// Ends what still goes on behind.
    fn drop(&mut self) {
        if let Some(mut input) = self.input.take() {
            drop(writeln!(input, "kill $(jobs -p); wait; exit"));
        }
        drop(self.bash.wait());
    }
}
