//! The process as demo and torture use it.

#![expect(clippy::unwrap_used, reason = "tests fail by panicking")]

use std::net::{SocketAddr, TcpListener};
use std::process::{Child, Command};
use std::time::{Duration, Instant};

use serde_json::Value;

struct Fakes {
    child: Child,
    platform: SocketAddr,
    receiver: SocketAddr,
}

impl Fakes {
    fn start() -> Self {
        let held: Vec<_> = (0..2).map(|_| TcpListener::bind("127.0.0.1:0").unwrap()).collect();
        let [platform, receiver] = [0, 1].map(|one: usize| held[one].local_addr().unwrap());
        drop(held);
        let child = Command::new(env!("CARGO_BIN_EXE_groundcrew-fakes"))
            .args(["--listen", &platform.to_string(), "--receiver", &receiver.to_string(), "--apps", "1"])
            .spawn()
            .unwrap();
        let fakes = Self { child, platform, receiver };
        fakes.wait();
        fakes
    }

    #[expect(clippy::disallowed_methods, reason = "a process starts in real time")]
    fn wait(&self) {
        let began = Instant::now();
        while ureq::get(format!("http://{}/_sim/stats", self.platform)).call().is_err() {
            assert!(began.elapsed() < Duration::from_secs(20), "it does not answer");
            std::thread::yield_now();
        }
    }

    fn violations(&self) -> Vec<Value> {
        let url = format!("http://{}/_sim/violations", self.platform);
        ureq::get(url).call().unwrap().body_mut().read_json().unwrap()
    }

    fn ask(&self, path: &str) {
        let request = ureq::get(format!("http://{}{path}", self.platform));
        drop(request.header("authorization", "Bearer fo1_somebody").call());
    }
}

impl Drop for Fakes {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

#[test]
fn what_the_vendors_document_does_not_know_is_told() {
    let fakes = Fakes::start();
    fakes.ask("/v1/apps?org_slug=acme");
    assert_eq!(fakes.violations(), [] as [Value; 0]);
    fakes.ask("/v1/no-such-thing");
    let violations = fakes.violations();
    assert_eq!(violations.len(), 1);
    assert_eq!(violations[0]["problem"], "the document has no such path");
}

#[test]
fn what_is_posted_is_kept_with_its_id() {
    let fakes = Fakes::start();
    let post = ureq::post(format!("http://{}/events", fakes.receiver)).header("webhook-id", "e1");
    assert_eq!(post.send(r#"{"type":"order.paid"}"#).unwrap().status(), 204);
    let text = ureq::get(format!("http://{}/-/receipts", fakes.receiver)).call().unwrap();
    let text = text.into_body().read_to_string().unwrap();
    let receipt: Value = serde_json::from_str(text.trim_end()).unwrap();
    assert_eq!((&receipt["id"], &receipt["body"]), (&"e1".into(), &r#"{"type":"order.paid"}"#.into()));
}
