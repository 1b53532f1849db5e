//! The same over a socket: answers, answers that get lost, answers that are withheld.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;

use groundcrew_outside::{Fault, Knobs, Outside, serve};

/// Serves on a thread of its own until the test's process ends.
fn served(outside: &Outside) -> SocketAddr {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let address = listener.local_addr().unwrap();
    let outside = outside.clone();
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async { serve(outside, tokio::net::TcpListener::from_std(listener).unwrap()).await })
    });
    address
}

fn asked(address: SocketAddr, method: &str, target: &str, body: &str) -> TcpStream {
    let mut stream = TcpStream::connect(address).unwrap();
    let length = body.len();
    let request = format!(
        "{method} {target} HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: {length}\r\n\r\n{body}"
    );
    stream.write_all(request.as_bytes()).unwrap();
    stream
}

fn answered(mut stream: TcpStream) -> String {
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

fn outside() -> Outside {
    Outside::new(Arc::new(|| 1_000)).with("/things", Knobs::default())
}

#[test]
fn answers_come_and_get_lost() {
    let outside = outside();
    let address = served(&outside);
    outside.after(1, Some("POST"), Fault::AnswerLost);
    let made = answered(asked(address, "POST", "/things", r#"{"name": "a"}"#));
    assert!(made.starts_with("HTTP/1.1 201 Created") && made.contains(r#""name":"a""#), "{made}");
    assert_eq!(
        answered(asked(address, "POST", "/things", r#"{"name": "b"}"#)),
        "",
        "the connection just ends"
    );
    let log = answered(asked(address, "GET", "/-/log", ""));
    assert_eq!(log.matches(r#""what":"created""#).count(), 2, "{log}");
}

#[test]
fn a_held_answer_comes_when_it_is_released() {
    let outside = outside();
    let address = served(&outside);
    outside.once(Some("POST"), Fault::Held);
    let mut waiting = asked(address, "POST", "/things", r#"{"name": "a"}"#);
    while outside.log().is_empty() {
        std::thread::yield_now();
    }
    waiting.set_nonblocking(true).unwrap();
    assert!(waiting.read(&mut [0; 1]).is_err(), "it took effect, and nothing is answered");
    waiting.set_nonblocking(false).unwrap();
    outside.release();
    assert!(answered(waiting).starts_with("HTTP/1.1 201"));
}
