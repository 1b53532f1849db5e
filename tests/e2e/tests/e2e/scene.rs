//! A scene: the platform and the outside in this process, the shipped binary beside it, waits on conditions.

use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use groundcrew_flysim::{Action, Clock as _, Knobs, Server, ServerHandle, World};
use groundcrew_outside::{Knobs as Kindness, Outside, serve};
use serde_json::Value;
use tempfile::TempDir;
use tokio::runtime::Runtime;

use crate::moved::Ahead;
use crate::shipped::Shipped;

/// The token of `POST /v1/events`.
pub(crate) const EVENTS: &str = "token-of-the-events";
/// How long anything may take before a test gives up.
const PATIENCE: Duration = Duration::from_mins(2);

/// The platform, the outside and a directory with a configuration.
#[derive(Debug)]
pub(crate) struct Scene {
    pub(crate) platform: ServerHandle,
    pub(crate) outside: Outside,
    /// Where the outside listens.
    pub(crate) shop: String,
    /// Where the runner's API will listen.
    pub(crate) api: String,
    /// Where the configuration is, and all that belongs to it.
    pub(crate) directory: TempDir,
    /// Where the data is.
    data: PathBuf,
    /// Whether two runners ask the platform, who know nothing of each other's requests.
    pub(crate) is_shared: AtomicBool,
    /// What time it is.
    ahead: Arc<Ahead>,
    // Ends the servers last.
    _runtime: Runtime,
}

/// What a command said.
#[derive(Debug)]
pub(crate) struct Said {
    pub(crate) code: Option<i32>,
    pub(crate) out: String,
    pub(crate) err: String,
}

/// A running `groundcrew up`; killed with this.
#[derive(Debug)]
pub(crate) struct Up(pub(crate) Child);

impl Scene {
    /// A platform with that many apps, an outside with a collection for each class of creation.
    pub(crate) fn with_apps(apps: u32) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
        let runtime = runtime.unwrap();
        let ahead = Arc::new(Ahead::default());
        let world = World::new(7, ahead.clone());
        world.seed_fleet(apps, 0).unwrap();
        let platform = runtime.block_on(Server::start(([127, 0, 0, 1], 0).into(), world)).unwrap();
        let outside = Outside::new(Arc::new(|| jiff::Timestamp::now().as_millisecond()))
            .with("/natural", Kindness::natural())
            .with("/keyed", Kindness::keyed())
            .with("/marked", Kindness::marked())
            .with("/anonymous", Kindness::anonymous());
        let listener = runtime.block_on(tokio::net::TcpListener::bind("127.0.0.1:0")).unwrap();
        let shop = format!("http://{}", listener.local_addr().unwrap());
        let _serving_until_the_runtime_ends = runtime.spawn(serve(outside.clone(), listener));
        let directory = tempfile::tempdir().unwrap();
        let (api, data) = (format!("127.0.0.1:{}", free_port()), directory.path().join("data"));
        let is_shared = AtomicBool::new(false);
        Self { platform, outside, shop, api, directory, data, is_shared, ahead, _runtime: runtime }
    }

    /// The same with its data somewhere else: there for the runner, and where this process sees it.
    pub(crate) fn with_data(mut self, data: PathBuf) -> Self {
        self.data = data;
        self
    }

    pub(crate) fn world(&self) -> &World {
        self.platform.world()
    }

    /// Turns the simulator's knobs.
    pub(crate) fn turn(&self, change: impl FnOnce(&mut Knobs)) {
        self.world().turn(change);
    }

    /// What time it is on the platform, and for a runner that is started now.
    pub(crate) fn now_ms(&self) -> i64 {
        self.ahead.now_ms()
    }

    /// Time passes; not for a runner that runs.
    pub(crate) fn passes(&self, time: jiff::SignedDuration) {
        self.ahead.pass(time);
    }

    pub(crate) fn create_app(&self, name: &str) {
        self.world().act(Action::CreateApp { name: name.to_owned(), org: None }).unwrap();
    }

    pub(crate) fn delete_app(&self, name: &str) {
        self.world().act(Action::DeleteApp { app: name.to_owned() }).unwrap();
    }

    /// Writes the configuration, has it checked and its hooks approved, as its user would.
    ///
    /// What begins with `poll` says how often the platform is read, else it is twice a second. `$SHOP` and `$THINGS` stand for the outside's address and the guest's `use` and `manifest`, `$NEXT` and `$ELSEWHERE` for those of its other versions, `$REAPER` for those of the auditor that mends.
    pub(crate) fn configure(&self, stanzas: &str) {
        let shipped = Shipped::get();
        let hook = |component: &Path, manifest: &Path| {
            format!("use = \"{}\"\nmanifest = \"{}\"", component.display(), manifest.display())
        };
        let version = |component: &Path| hook(component, &shipped.manifest);
        let reaper = hook(&shipped.reaper, &shipped.reaper_manifest);
        let pace = if stanzas.starts_with("poll") { "" } else { "poll = \"500ms\"\n" };
        let text = format!("{HEAD}{pace}{stanzas}");
        let text = text
            .replace("$FLY", &self.platform.base_url())
            .replace("$SHOP", &self.shop)
            .replace("$API", &self.api)
            .replace("$DATA", &self.data.display().to_string())
            .replace("$THINGS", &version(&shipped.things))
            .replace("$NEXT", &version(&shipped.next))
            .replace("$ELSEWHERE", &version(&shipped.elsewhere))
            .replace("$REAPER", &reaper);
        std::fs::write(self.directory.path().join("groundcrew.toml"), text).unwrap();
        self.says(&["check"]);
        self.says(&["add", "--all", "--yes"]);
    }

    /// A command line of the shipped binary, as one types it in the scene's directory.
    pub(crate) fn command(&self, program: &Path) -> Command {
        let mut command = Command::new(program);
        command
            .current_dir(self.directory.path())
            .env("E2E_FLY", "fo1_e2e")
            .env("E2E_EVENTS", EVENTS)
            .env("E2E_TELL", format!("{}/told", self.shop))
            .env("E2E_PDNS", crate::powerdns::KEY)
            .env("E2E_AWS", crate::moto::KEY)
            .stdin(Stdio::null());
        command
    }

    /// Runs a command to its end.
    pub(crate) fn groundcrew(&self, arguments: &[&str]) -> Said {
        Said::of(&self.command(&Shipped::get().binary).args(arguments).output().unwrap())
    }

    /// The same; it must succeed.
    pub(crate) fn says(&self, arguments: &[&str]) -> String {
        let said = self.groundcrew(arguments);
        assert_eq!(said.code, Some(0), "groundcrew {}\n{}{}", arguments.join(" "), said.out, said.err);
        said.out
    }

    /// What a listing says as JSON.
    pub(crate) fn list(&self, arguments: &[&str]) -> Vec<Value> {
        let text = self.says(&[&["--json"], arguments].concat());
        serde_json::from_str(&text).unwrap_or_else(|error| panic!("{arguments:?}: {error}: {text}"))
    }

    /// The findings of a code that are open, or were at any time.
    pub(crate) fn findings(&self, code: &str) -> Vec<Value> {
        let all = self.list(&["findings", "--all"]);
        all.into_iter().filter(|finding| finding["code"] == code).collect()
    }

    /// The same, without those that are closed.
    pub(crate) fn open_findings(&self, code: &str) -> Vec<Value> {
        self.findings(code).into_iter().filter(|finding| finding["closed"].is_null()).collect()
    }

    /// Starts `groundcrew up`. Its log goes to a file of the scene.
    pub(crate) fn up(&self) -> Up {
        self.up_as(self.command(&Shipped::get().binary))
    }

    /// The same with another way to start it.
    pub(crate) fn up_as(&self, mut command: Command) -> Up {
        let log = std::fs::File::options().create(true).append(true).open(self.log_file()).unwrap();
        self.ahead.show(&mut command);
        let child = command.args(["--log", "json", "up"]).stdout(Stdio::null()).stderr(log).spawn();
        Up(child.unwrap())
    }

    /// Everything that runners said on standard error.
    pub(crate) fn log(&self) -> String {
        std::fs::read_to_string(self.log_file()).unwrap_or_default()
    }

    fn log_file(&self) -> PathBuf {
        self.directory.path().join("runner.log")
    }

    /// Waits for a condition; what it led to.
    ///
    /// # Panics
    /// If it does not come to pass in time, with the end of the runner's log.
    pub(crate) fn until<T>(&self, what: &str, ask: impl FnMut() -> Option<T>) -> T {
        within_patience(ask).unwrap_or_else(|| {
            let log = self.log();
            let lines: Vec<_> = log.lines().collect();
            let end = lines[lines.len().saturating_sub(30)..].join("\n");
            panic!("not within {PATIENCE:?}: {what}\n{end}\n{}", self.groundcrew(&["findings"]).out)
        })
    }

    /// Waits until it is so.
    pub(crate) fn until_so(&self, what: &str, mut so: impl FnMut() -> bool) {
        self.until(what, || so().then_some(()));
    }

    /// Waits until the runner has listed the apps so many times more: what it concludes from a list, it has concluded.
    pub(crate) fn until_listed(&self, times: u64) {
        let lists = || self.world().stats().operations.get("Apps_list").copied().unwrap_or_default();
        let goal = lists() + times;
        self.until_so("the apps are listed again", || lists() >= goal);
    }

    /// `GET` of the runner's API: status and body; none while nobody listens.
    pub(crate) fn ask(&self, path: &str) -> Option<(u16, String)> {
        let agent = agent();
        let mut answer = agent.get(format!("http://{}{path}", self.api)).call().ok()?;
        Some((answer.status().as_u16(), answer.body_mut().read_to_string().ok()?))
    }

    /// Waits until the runner says that it is ready.
    pub(crate) fn until_ready(&self) {
        self.until_so("/readyz says 200", || self.ask("/readyz").is_some_and(|(status, _)| status == 200));
    }
}

impl Drop for Scene {
    fn drop(&mut self) {
        if !std::thread::panicking() && !self.is_shared.load(Ordering::Relaxed) {
            self.was_polite();
        }
    }
}

impl Said {
    pub(crate) fn of(output: &Output) -> Self {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        Self { code: output.status.code(), out: text(&output.stdout), err: text(&output.stderr) }
    }
}

impl Up {
    /// SIGTERM, and how long it took to end.
    pub(crate) fn end(&mut self) -> Duration {
        let began = now();
        let pid = rustix::process::Pid::from_child(&self.0);
        rustix::process::kill_process(pid, rustix::process::Signal::TERM).unwrap();
        let status = self.0.wait().unwrap();
        assert!(status.success(), "groundcrew up ended with {status}");
        began.elapsed()
    }
}

impl Drop for Up {
    fn drop(&mut self) {
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

/// Asks again until there is an answer; none if it takes too long.
pub(crate) fn within_patience<T>(mut ask: impl FnMut() -> Option<T>) -> Option<T> {
    let began = now();
    loop {
        if let Some(answer) = ask() {
            return Some(answer);
        }
        if began.elapsed() > PATIENCE {
            return None;
        }
        // Between two looks, so that looking does not take the processor from who is looked at.
        std::thread::sleep(Duration::from_millis(25));
    }
}

/// A client that takes any status for an answer.
pub(crate) fn agent() -> ureq::Agent {
    let config = ureq::Agent::config_builder().http_status_as_error(false);
    config.timeout_global(Some(Duration::from_secs(10))).build().into()
}

/// A port of the loopback interface that nobody has just now.
pub(crate) fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

#[expect(clippy::disallowed_methods, reason = "the shipped binary runs against the real clock")]
fn now() -> Instant {
    Instant::now()
}

/// What all configurations begin with.
const HEAD: &str = r#"installation = "e2e"
level = "enforce"

[store]
path = "$DATA"

[http]
listen = "$API"
token = "EVENTS"

[secrets]
FLY = { env = "E2E_FLY" }
EVENTS = { env = "E2E_EVENTS" }
TELL = { env = "E2E_TELL" }
PDNS = { env = "E2E_PDNS" }
AWS = { env = "E2E_AWS" }

[source.fly]
org = "acme"
token = "FLY"
url = "$FLY"
"#;

/// A hook that makes one record, `{app}`, for each app, and takes it away a second after the app's end.
pub(crate) const RECORDS: &str = r#"
[hook.records]
$THINGS
config = { server = "$SHOP", things = [{ kind = "natural", key = "{app}", value = 1 }] }
gone = "delete"
grace = { gone = "1s", unwanted = "1s" }
allow = ["GET,POST,PUT,DELETE {config.server}/*"]
"#;

/// A handler that tells the outside of apps, at an address that is secret.
pub(crate) const TELL: &str = r#"
[hook.tell]
use = "builtin:notify"
on = ["app.*"]
config = { to = "standard-webhooks" }
secret.URL = { from = "TELL", at = "url" }
"#;
