//! The shipped binary in a directory of its own, driven as its user would.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::{Context as _, ensure};

use crate::clock::{now, until};

const NOOP: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/noop.wasm"));
const NOOP_MANIFEST: &str = include_str!("../../guests/noop/hook.toml");
const THINGS: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/things.wasm"));
const THINGS_MANIFEST: &str = include_str!("../../guests/things/hook.toml");

/// The bearer token of `POST /v1/events`.
const TOKEN: &str = "a-token-of-the-bench";

/// How long anything may take that is not what is measured.
pub(crate) const PATIENCE: Duration = Duration::from_mins(2);
const OFTEN: Duration = Duration::from_millis(1);

/// The component that does nothing.
pub(crate) const fn noop() -> &'static [u8] {
    NOOP
}

/// The component that wants what its stanza says.
pub(crate) const fn things() -> &'static [u8] {
    THINGS
}

/// A directory with configuration, components and data.
pub(crate) struct Stage {
    directory: tempfile::TempDir,
    binary: PathBuf,
    port: u16,
}

/// A running `groundcrew up`.
pub(crate) struct Up {
    child: Child,
}

impl Stage {
    /// Writes the configuration and approves its hooks. `hooks` is TOML; components are `noop.wasm` and
    /// `things.wasm`. `fleet` is what the NDJSON source reads.
    pub(crate) fn new(binary: &Path, hooks: &str, fleet: &str) -> anyhow::Result<Self> {
        Self::with(binary, hooks, fleet, THINGS)
    }

    /// The same with another component as `things.wasm`.
    pub(crate) fn with(binary: &Path, hooks: &str, fleet: &str, things: &[u8]) -> anyhow::Result<Self> {
        let directory = tempfile::Builder::new().prefix("groundcrew-bench-").tempdir()?;
        let port = std::net::TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
        let stage = Self { directory, binary: binary.to_owned(), port };
        let text = format!(
            r#"installation = "bench"
level = "enforce"

[store]
path = "data"

[http]
listen = "127.0.0.1:{port}"
token = "EVENTS"

[secrets]
EVENTS = {{ env = "BENCH_TOKEN" }}
HOLE = {{ env = "BENCH_HOLE" }}

[source.ndjson]
path = "fleet.ndjson"
org = "bench"

{hooks}"#
        );
        let machines = THINGS_MANIFEST.replace("owner   = \"app\"", "owner   = \"machine\"");
        let files: [(&str, &[u8]); 7] = [
            ("groundcrew.toml", text.as_bytes()),
            ("fleet.ndjson", fleet.as_bytes()),
            ("noop.wasm", NOOP),
            ("noop.toml", NOOP_MANIFEST.as_bytes()),
            ("things.wasm", things),
            ("things.toml", THINGS_MANIFEST.as_bytes()),
            ("machines.toml", machines.as_bytes()),
        ];
        for (name, content) in files {
            std::fs::write(stage.path(name), content)?;
        }
        stage.approve()?;
        Ok(stage)
    }

    /// Writes other hooks into the configuration, and approves them.
    pub(crate) fn configure(&self, hooks: &str) -> anyhow::Result<()> {
        let file = self.path("groundcrew.toml");
        let text = std::fs::read_to_string(&file)?;
        let host = text.find("[hook.").map_or(text.as_str(), |at| &text[..at]);
        std::fs::write(&file, format!("{host}{hooks}"))?;
        self.approve()
    }

    fn approve(&self) -> anyhow::Result<()> {
        self.says(&["add", "--all", "--yes"]).map(drop)
    }

    /// Starts a command beside the runner.
    pub(crate) fn start(&self, words: &[&str]) -> anyhow::Result<Child> {
        Ok(self.command("").args(words).stdout(Stdio::null()).spawn()?)
    }

    /// What a command says that succeeds, on standard output.
    pub(crate) fn says(&self, words: &[&str]) -> anyhow::Result<String> {
        let output = self.command("").args(words).output()?;
        let (said, error) =
            (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        ensure!(output.status.success(), "groundcrew {}: {}\n{said}{error}", words.join(" "), output.status);
        Ok(said.into_owned())
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// The database file.
    pub(crate) fn database(&self) -> PathBuf {
        self.path("data/groundcrew.db")
    }

    fn command(&self, hole: &str) -> Command {
        let mut command = Command::new(&self.binary);
        command.current_dir(self.directory.path()).env("BENCH_TOKEN", TOKEN).env("BENCH_HOLE", hole);
        // A backtrace per failed host call costs more than the call.
        command.env_remove("RUST_BACKTRACE").stdin(Stdio::null());
        command
    }

    /// Starts the runner; it is ready when this returns.
    pub(crate) fn up(&self) -> anyhow::Result<Up> {
        self.up_with("http://127.0.0.1:9/")
    }

    /// The same; `hole` is the value of the secret `HOLE`.
    pub(crate) fn up_with(&self, hole: &str) -> anyhow::Result<Up> {
        let log = std::fs::File::options().create(true).append(true).open(self.path("up.log"))?;
        let child = self
            .command(hole)
            .args(["--log", "json", "up"])
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .context("groundcrew up")?;
        let mut up = Up { child };
        until("ready", PATIENCE, OFTEN, || {
            if let Some(status) = up.child.try_wait()? {
                let log = std::fs::read_to_string(self.path("up.log")).unwrap_or_default();
                anyhow::bail!("groundcrew up ended with {status}\n{log}");
            }
            let Ok(mut connection) = self.connect() else { return Ok(None) };
            let answered = connection.exchange(&request("GET", "/readyz", "", ""))?;
            Ok((answered == 200).then_some(()))
        })?;
        Ok(up)
    }

    /// A connection to the runner's HTTP API.
    pub(crate) fn connect(&self) -> anyhow::Result<Connection> {
        Connection::to(self.port)
    }

    /// A connection to the runner's socket, where operators' requests are taken.
    pub(crate) fn control(&self) -> anyhow::Result<Connection<UnixStream>> {
        let stream = UnixStream::connect(self.path("data/groundcrew.sock"))?;
        stream.set_read_timeout(Some(PATIENCE))?;
        Ok(Connection::over(stream))
    }
}

impl Up {
    /// Its process.
    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Processor time that it has used so far, all threads, in seconds.
    pub(crate) fn processor_seconds(&self) -> anyhow::Result<f64> {
        let text = std::fs::read_to_string(format!("/proc/{}/stat", self.pid()))?;
        ticks(&text).map(|ticks| ticks as f64 / 100.0).context("no times in /proc/PID/stat")
    }

    /// The most memory that it has had so far, in megabytes (10^6 bytes).
    pub(crate) fn peak_megabytes(&self) -> anyhow::Result<f64> {
        let text = std::fs::read_to_string(format!("/proc/{}/status", self.pid()))?;
        let line = text.lines().find_map(|line| line.strip_prefix("VmHWM:")).context("no VmHWM")?;
        Ok(line.trim().trim_end_matches(" kB").parse::<f64>()? * 1024.0 / 1e6)
    }

    /// SIGTERM, and how long its end then takes.
    pub(crate) fn stop(mut self) -> anyhow::Result<Duration> {
        let process = rustix::process::Pid::from_child(&self.child);
        let began = now();
        rustix::process::kill_process(process, rustix::process::Signal::TERM)?;
        let status = self.child.wait()?;
        let took = began.elapsed();
        ensure!(status.success(), "groundcrew up ended with {status} after SIGTERM");
        Ok(took)
    }
}

impl Drop for Up {
    fn drop(&mut self) {
        // It has ended already unless the bench failed half-way.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// A kept-alive HTTP/1.1 connection. The client shares the cores with what it measures, so it does next to nothing.
pub(crate) struct Connection<S = TcpStream> {
    stream: S,
    buffer: Vec<u8>,
}

/// A whole request as bytes.
pub(crate) fn request(method: &str, path: &str, media: &str, body: &str) -> Vec<u8> {
    let length = body.len();
    format!(
        "{method} {path} HTTP/1.1\r\nhost: bench\r\nauthorization: Bearer {TOKEN}\r\ncontent-type: {media}\r\ncontent-length: {length}\r\n\r\n{body}"
    )
    .into_bytes()
}

impl Connection {
    /// Connects to a port of the loopback interface.
    pub(crate) fn to(port: u16) -> anyhow::Result<Self> {
        let stream = TcpStream::connect(("127.0.0.1", port))?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        Ok(Self::over(stream))
    }
}

impl<S: Read + Write> Connection<S> {
    fn over(stream: S) -> Self {
        Self { stream, buffer: vec![0; 16 << 10] }
    }

    /// Sends a request and reads its answer whole; returns the status.
    pub(crate) fn exchange(&mut self, request: &[u8]) -> anyhow::Result<u16> {
        Ok(self.answer(request)?.status)
    }

    /// The same; returns the body as well.
    pub(crate) fn ask(&mut self, request: &[u8]) -> anyhow::Result<(u16, String)> {
        let Answer { status, head, length } = self.answer(request)?;
        Ok((status, String::from_utf8_lossy(&self.buffer[head..length]).into_owned()))
    }

    fn answer(&mut self, request: &[u8]) -> anyhow::Result<Answer> {
        self.stream.write_all(request)?;
        let mut filled = 0;
        loop {
            let read = self.stream.read(&mut self.buffer[filled..])?;
            ensure!(read > 0, "the connection ended within an answer");
            filled += read;
            if let Some(answer) = Answer::of(&self.buffer[..filled])
                && filled >= answer.length
            {
                return Ok(answer);
            }
            ensure!(filled < self.buffer.len(), "an answer is too long");
        }
    }
}

/// The head of an answer.
#[derive(Debug, PartialEq, Eq)]
struct Answer {
    status: u16,
    /// Of the head, in bytes.
    head: usize,
    /// Of head and body, in bytes.
    length: usize,
}

impl Answer {
    /// None while the head is not whole.
    fn of(bytes: &[u8]) -> Option<Self> {
        let head = bytes.windows(4).position(|window| window == b"\r\n\r\n")? + 4;
        let text = std::str::from_utf8(&bytes[..head]).ok()?;
        let status = text.split(' ').nth(1)?.parse().ok()?;
        let field = |line: &str| {
            let (name, value) = line.split_once(':')?;
            name.eq_ignore_ascii_case("content-length").then(|| value.trim().parse::<usize>().ok())?
        };
        Some(Self { status, head, length: head + text.lines().find_map(field).unwrap_or(0) })
    }
}

/// User's and system's clock ticks of a line of `/proc/PID/stat`, a hundredth of a second each [proc(5)].
fn ticks(stat: &str) -> Option<u64> {
    // The name in parentheses may hold anything; what follows it is numbered from field 3.
    let mut fields = stat.rsplit_once(')')?.1.split_ascii_whitespace().skip(11);
    Some(fields.next()?.parse::<u64>().ok()? + fields.next()?.parse::<u64>().ok()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_are_fields_14_and_15() {
        let stat = "7 (a) b) S 1 7 7 0 -1 4194304 100 0 0 0 1200 34 0 0 20 0 1 0 5000";
        assert_eq!(ticks(stat), Some(1234));
        assert_eq!(ticks("7 (a) S 1"), None);
    }

    #[test]
    fn answers_are_read_whole() {
        let bytes = b"HTTP/1.1 202 Accepted\r\nContent-Length: 5\r\nx: y\r\n\r\nhello";
        assert_eq!(
            Answer::of(bytes),
            Some(Answer { status: 202, head: bytes.len() - 5, length: bytes.len() })
        );
        assert_eq!(Answer::of(&bytes[..40]), None);
    }
}
