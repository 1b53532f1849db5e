//! Our client of the platform against Prism, which plays the vendor's OpenAPI document.
//!
//! Prism must find nothing wrong with any of our requests, and our client must be able to read each answer that
//! the document allows: those of its examples, and made-up ones.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Debug;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use groundcrew_fly::machines::{Deleted, OrgPage};
use groundcrew_fly::{
    Answer, ApiError, Call, Request, apps, certificates, ips, machines, secrets, tokens, volumes,
};
use groundcrew_unchecked::not_checked;
use serde_json::Value;

use crate::scene::{agent, free_port, within_patience};
use crate::shipped::ROOT;

const MACHINE: &str = "148e272fe02d89";

/// Calls that the document does not have: GraphQL, and Managed Postgres, which only a later copy describes.
const NOT_IN_THE_DOCUMENT: [&str; 2] = ["graphql.rs", "postgres.rs"];

/// A call that our client knows.
struct Known {
    /// In the client, and in the vendor's document.
    name: &'static str,
    operation: &'static str,
    request: Request,
    read: Read,
}

/// Reads an answer, as the client does.
type Read = Box<dyn Fn(&Answer) -> Result<String, ApiError>>;

fn known<T: Debug + 'static>(name: &'static str, operation: &'static str, call: Call<T>) -> Known {
    let request = call.request.clone();
    Known {
        name,
        operation,
        request,
        read: Box::new(move |answer| call.read(answer).map(|read| format!("{read:?}"))),
    }
}

/// All of them, with every optional part.
fn all() -> Vec<Known> {
    let new_app = apps::NewApp { name: "cust-7", org_slug: "acme", network: Some("inner") };
    let new_ip = |kind| ips::NewIp { kind, region: Some("fra"), network: Some("default") };
    let page = OrgPage {
        updated_after: Some("2026-05-01T00:00:00Z"),
        cursor: Some("next"),
        deleted: Deleted::Included,
    };
    let set = BTreeMap::from([("KEY", Some("value"))]);
    let unset = BTreeMap::from([("OLD", None)]);
    vec![
        known("apps::list", "Apps_list", apps::list("acme")),
        known("apps::show", "Apps_show", apps::show("cust-7")),
        known("apps::create", "Apps_create", apps::create(&new_app)),
        known("apps::delete", "Apps_delete", apps::delete("cust-7")),
        known("machines::list", "Machines_list", machines::list("cust-7")),
        known("machines::list_with", "Machines_list", machines::list_with("cust-7", Deleted::Included)),
        known("machines::start", "Machines_start", machines::start("cust-7", MACHINE)),
        known("machines::suspend", "Machines_suspend", machines::suspend("cust-7", MACHINE)),
        known("machines::cordon", "Machines_cordon", machines::cordon("cust-7", MACHINE)),
        known("machines::uncordon", "Machines_uncordon", machines::uncordon("cust-7", MACHINE)),
        known("machines::stop", "Machines_stop", machines::stop("cust-7", MACHINE)),
        known("machines::destroy", "Machines_delete", machines::destroy("cust-7", MACHINE)),
        known("machines::show", "Machines_show", machines::show("cust-7", MACHINE)),
        known("machines::events", "Machines_list_events", machines::events("cust-7", MACHINE)),
        known("machines::org_page", "Machines_org_list", machines::org_page("acme", &page)),
        known("ips::list", "App_IPAssignments_list", ips::list("cust-7")),
        known("ips::allocate", "App_IPAssignments_create", ips::allocate("cust-7", new_ip(ips::IpKind::V6))),
        known("ips::release", "App_IPAssignments_delete", ips::release("cust-7", "2a09:8280:1::7")),
        known("certificates::list", "App_Certificates_list", certificates::list("cust-7", Some("next"))),
        known(
            "certificates::request_acme",
            "App_Certificates_acme_create",
            certificates::request_acme("cust-7", "*.acme.example"),
        ),
        known("certificates::show", "App_Certificates_show", certificates::show("cust-7", "*.acme.example")),
        known(
            "certificates::check",
            "App_Certificates_check",
            certificates::check("cust-7", "www.acme.example"),
        ),
        known(
            "certificates::delete",
            "App_Certificates_delete",
            certificates::delete("cust-7", "www.acme.example"),
        ),
        known("secrets::list", "Secrets_list", secrets::list("cust-7")),
        known("secrets::set", "Secrets_update", secrets::set("cust-7", &set)),
        known("secrets::set", "Secrets_update", secrets::set("cust-7", &unset)),
        known("volumes::list", "Volumes_list", volumes::list("cust-7")),
        known("volumes::show", "Volumes_get_by_id", volumes::show("cust-7", "vol_4xk0z5m3nq8y1j7r")),
        known("volumes::delete", "Volume_delete", volumes::delete("cust-7", "vol_4xk0z5m3nq8y1j7r")),
        known("volumes::org_page", "Volumes_org_list", volumes::org_page("acme", Some("next"))),
        known("tokens::current", "CurrentToken_show", tokens::current()),
    ]
}

/// Prism, mocking the document.
struct Prism {
    child: Child,
    base: String,
}

impl Prism {
    /// Starts it; none without npm, and that is said loudly.
    fn start() -> Option<Self> {
        let directory = installed()?;
        let port = free_port();
        let log = std::fs::File::create(directory.join("log")).unwrap();
        let document = Path::new(ROOT).join("runner/flysim/openapi/fly-openapi-2026-05.json");
        let mut mock = Command::new("node");
        mock.arg(directory.join("node_modules/@stoplight/prism-cli/dist/index.js"));
        // The same made-up answers every time.
        mock.args(["mock", "--seed", "groundcrew", "--port", &port.to_string()]).arg(document);
        mock.stdin(Stdio::null()).stdout(log.try_clone().unwrap()).stderr(log);
        let prism = Self { child: mock.spawn().unwrap(), base: format!("http://127.0.0.1:{port}") };
        let ask = || agent().get(format!("{}/apps?org_slug=acme", prism.base)).call().ok();
        let answered = within_patience(ask).is_some();
        let log = || std::fs::read_to_string(directory.join("log")).unwrap_or_default();
        assert!(answered, "Prism does not answer\n{}", log());
        Some(prism)
    }

    /// Sends a request. The document's server has `/v1` in its address, Prism serves the paths below it.
    fn answer(&self, request: &Request, prefer: &str) -> Answer {
        let path = request.path_and_query.strip_prefix("/v1").unwrap();
        let body = request.body.as_ref().map(Value::to_string).unwrap_or_default();
        let http = ureq::http::Request::builder()
            .method(request.method.as_str())
            .uri(format!("{}{path}", self.base))
            .header("authorization", "Bearer fo1_test")
            .header("prefer", prefer);
        let http = if body.is_empty() { http } else { http.header("content-type", "application/json") };
        let mut answer = agent().run(http.body(body).unwrap()).unwrap();
        let header = |(name, value): (&ureq::http::HeaderName, &ureq::http::HeaderValue)| {
            (name.to_string(), value.to_str().unwrap().to_owned())
        };
        let headers = answer.headers().iter().map(header).collect();
        let status = answer.status().as_u16();
        Answer { status, headers, body: answer.body_mut().read_to_vec().unwrap() }
    }
}

impl Drop for Prism {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// Prism, and what it is made of, are ES modules that it loads with `require`: this Node and later ones can.
const NODE_MIN: u32 = 20;

/// The first number of the version of Node, if there is one.
fn node() -> Option<u32> {
    let output = Command::new("node").arg("--version").output().ok()?;
    let version = String::from_utf8_lossy(&output.stdout).into_owned();
    version.trim().strip_prefix('v')?.split('.').next()?.parse().ok()
}

/// Where Prism is installed: by `cargo xtask setup`, or now.
fn installed() -> Option<PathBuf> {
    if let Some(major) = node().filter(|major| *major < NODE_MIN) {
        let mend =
            format!("it needs Node {NODE_MIN} or newer, and this is {major}; https://nodejs.org has it");
        not_checked("our client against Prism", &mend);
        return None;
    }
    let directory = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("prism");
    let ours = Path::new(ROOT).join("tests/e2e/prism");
    let lock = |directory: &Path| std::fs::read(directory.join("package-lock.json")).ok();
    // Written by npm when it is done.
    let done = directory.join("node_modules/.package-lock.json");
    if done.is_file() && lock(&directory) == lock(&ours) {
        return Some(directory);
    }
    std::fs::create_dir_all(&directory).unwrap();
    for file in ["package.json", "package-lock.json"] {
        std::fs::copy(ours.join(file), directory.join(file)).unwrap();
    }
    let mut npm = Command::new("npm");
    npm.current_dir(&directory).args(["ci", "--ignore-scripts", "--no-audit", "--no-fund"]);
    let Ok(output) = npm.output() else {
        not_checked("our client against Prism", "cargo xtask setup installs npm");
        return None;
    };
    assert!(output.status.success(), "npm ci: {}", String::from_utf8_lossy(&output.stderr));
    Some(directory)
}

/// Where reality is known to differ from the document: the file that the simulator's answers are checked with.
#[derive(Debug)]
struct Deviations(Vec<toml::Table>);

impl Deviations {
    fn read() -> Self {
        let text =
            std::fs::read_to_string(Path::new(ROOT).join("runner/flysim/openapi/deviations.toml")).unwrap();
        let lines = text.parse::<toml::Table>().unwrap()["deviations"].as_array().unwrap().clone();
        Self(lines.into_iter().map(|line| line.as_table().unwrap().clone()).collect())
    }

    fn of<'a>(&'a self, operation: &'a str) -> impl Iterator<Item = &'a toml::Table> {
        self.0.iter().filter(move |line| line["operation"].as_str() == Some(operation))
    }

    /// Whether an answer of this status is known to be another than the document says.
    fn answer(&self, operation: &str, status: u16) -> bool {
        self.of(operation)
            .any(|line| line.get("status").and_then(toml::Value::as_integer) == Some(i64::from(status)))
    }

    /// Whether a field of a request is.
    fn field(&self, operation: &str, location: &Value) -> bool {
        let within =
            |field: &str| location.as_array().is_some_and(|path| path.iter().any(|part| part == field));
        self.of(operation).filter_map(|line| line.get("field")?.as_str()).any(within)
    }
}

/// What Prism finds wrong with a request, but for what is known; none if nothing.
///
/// What it finds wrong with its own answers is between it and the document: our client has to read them. The header
/// is cut where it gets long, and begins with what is wrong with the request.
fn wrong(known: &Known, answer: &Answer, deviations: &Deviations) -> Option<String> {
    let said = answer.header("sl-violations").filter(|said| said.contains(r#"{"location":["request""#));
    let refused = !(200..300).contains(&answer.status);
    if said.is_none() && !refused {
        return None;
    }
    let violations: Vec<Value> = serde_json::from_str(said.unwrap_or_default()).unwrap_or_default();
    let is_known = |violation: &Value| deviations.field(known.operation, &violation["location"]);
    let all_known = !violations.is_empty() && violations.iter().all(is_known);
    let body = String::from_utf8_lossy(&answer.body);
    (!all_known).then(|| format!("{}: {} {body} {}", known.name, answer.status, said.unwrap_or_default()))
}

#[test]
fn prism_accepts_every_request_and_every_answer_of_its_can_be_read() {
    let (calls, deviations) = (all(), Deviations::read());
    let Some(prism) = Prism::start() else { return };
    let (mut wrong_ones, mut read) = (Vec::new(), 0);
    for known in &calls {
        for prefer in ["dynamic=false", "dynamic=true"] {
            let answer = prism.answer(&known.request, prefer);
            wrong_ones.extend(wrong(known, &answer, &deviations));
            match (known.read)(&answer) {
                Ok(_) => read += 1,
                Err(ApiError::Unreadable { status, .. }) if deviations.answer(known.operation, status) => {}
                // Said already.
                Err(ApiError::Refused(_)) => {}
                Err(error) => {
                    let body = String::from_utf8_lossy(&answer.body);
                    wrong_ones.push(format!("{} cannot be read, {error:?}: {body}", known.name));
                }
            }
        }
    }
    assert!(wrong_ones.is_empty(), "{wrong_ones:#?}");
    println!(
        "Prism: {} requests, {read} of {} answers read, the others as deviations.toml says",
        calls.len(),
        calls.len() * 2
    );
    assert!(read + 4 >= calls.len() * 2, "only a new app's body and an unset secret are otherwise: {read}");
}

#[test]
fn no_call_of_the_client_is_left_out() {
    let sources = std::fs::read_dir(Path::new(ROOT).join("sdk/fly/src")).unwrap();
    let described = |path: &PathBuf| {
        let elsewhere = NOT_IN_THE_DOCUMENT.iter().any(|name| path.ends_with(name));
        path.is_file() && !elsewhere
    };
    let texts = sources.map(|file| file.unwrap().path()).filter(described);
    let is_call = |line: &&str| line.contains(") -> Call<") && !line.starts_with("fn ");
    let calls = texts.map(|path| std::fs::read_to_string(path).unwrap().lines().filter(is_call).count());
    let asked: BTreeSet<_> = all().into_iter().map(|known| known.name).collect();
    assert_eq!(calls.sum::<usize>(), asked.len(), "sdk/fly has calls that Prism is not asked about");
}
