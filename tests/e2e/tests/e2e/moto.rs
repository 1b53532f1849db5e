//! An S3 of the scene's own, on loopback: moto, which reads what is signed and checks no signature.

use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use groundcrew_unchecked::not_checked;

use crate::scene::agent;

/// The key of the account, as the operator's secret has it.
pub(crate) const KEY: &str = "AKIDEXAMPLE:key-of-the-store";

/// Who asks past the runner; moto takes region and service from the scope.
const CALLER: &str = "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20260101/us-east-1/s3/aws4_request, SignedHeaders=host, Signature=0";

/// A running moto; it ends with this value.
#[derive(Debug)]
pub(crate) struct Moto {
    child: Child,
    /// `host:port`.
    pub(crate) at: String,
}

impl Moto {
    /// Starts it. Without moto on this machine there is none, and that is said loudly.
    pub(crate) fn start() -> Option<Self> {
        let python = Path::new(env!("CARGO_TARGET_TMPDIR")).join("moto/bin/python");
        if !python.is_file() {
            not_checked("the binary against moto", "cargo xtask setup installs it");
            return None;
        }
        // Port 0 would not be told: werkzeug says which port it took.
        let mut server = Command::new(python);
        server.args(["-m", "moto.server", "-H", "127.0.0.1", "-p", "0"]).stdin(Stdio::null());
        let mut child = server.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
        let at = lines
            .find_map(|line| line.unwrap().split_once("Running on http://").map(|(_, at)| at.to_owned()));
        let at = at.expect("moto says where it listens").trim().to_owned();
        // Whoever reads no further would stop it once the pipe is full.
        std::thread::spawn(move || lines.for_each(drop));
        Some(Self { child, at })
    }

    /// What is there: an object, or something about a bucket (`acme-1?tagging`); none if it is not.
    pub(crate) fn get(&self, path: &str) -> Option<String> {
        let url = format!("http://{}/{path}", self.at);
        let mut answer = agent().get(url).header("authorization", CALLER).call().unwrap();
        let text = answer.body_mut().read_to_string().unwrap();
        match answer.status().as_u16() {
            200 => Some(text),
            404 => None,
            other => panic!("{path}: {other}: {text}"),
        }
    }

    /// Makes a bucket, or an object.
    pub(crate) fn put(&self, path: &str, body: &str) {
        let url = format!("http://{}/{path}", self.at);
        let answer = agent().put(url).header("authorization", CALLER).send(body).unwrap();
        assert_eq!(answer.status(), 200, "{path}");
    }
}

impl Drop for Moto {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}
