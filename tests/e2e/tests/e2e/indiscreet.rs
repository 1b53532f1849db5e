//! A service on loopback that tells everybody everything: what it is sent, and the secrets of its account, in every spelling.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex, PoisonError};

use serde_json::json;

use crate::spelt::spellings;

/// Stands in all of its answers, and is no secret.
pub(crate) const MARKER: &str = "marker-77aa88bb";

/// It listens until the process ends.
#[derive(Clone, Debug)]
pub(crate) struct Indiscreet {
    /// `host:port`.
    pub(crate) at: String,
    heard: Arc<Mutex<Vec<String>>>,
}

impl Indiscreet {
    /// Starts it; it knows these secrets of its account, whether they are sent or only sign.
    pub(crate) fn start(knows: &[&str]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let at = listener.local_addr().unwrap().to_string();
        let service = Self { at, heard: Arc::default() };
        let (heard, knows) =
            (service.heard.clone(), knows.iter().map(|it| (*it).to_owned()).collect::<Vec<_>>());
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                // Who hangs up early is told less.
                drop(answer(&stream.unwrap(), &heard, &knows));
            }
        });
        service
    }

    /// Requests, whole, in order.
    pub(crate) fn heard(&self) -> Vec<String> {
        self.heard.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// One request of a connection: failed, answered with what nobody expects, or refused, in turn; and led elsewhere.
fn answer(stream: &TcpStream, heard: &Mutex<Vec<String>>, knows: &[String]) -> std::io::Result<()> {
    let mut reader = BufReader::new(stream);
    let (mut top, mut length) = (String::new(), 0);
    while reader.read_line(&mut top)? > 0 && !top.ends_with("\r\n\r\n") {
        let line = top.lines().last().unwrap_or_default().to_ascii_lowercase();
        if let Some(value) = line.strip_prefix("content-length:") {
            length = value.trim().parse().unwrap_or_default();
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body)?;
    let request = top + &String::from_utf8_lossy(&body);
    let turn = {
        let mut heard = heard.lock().unwrap_or_else(PoisonError::into_inner);
        heard.push(request.clone());
        heard.len()
    };
    let all: Vec<_> = knows.iter().flat_map(|secret| spellings(secret)).collect();
    let said = json!({ "about": MARKER, "request": request, "account": all }).to_string();
    let (status, said) = match turn % 3 {
        1 => ("500 Internal Server Error", said),
        2 => ("200 OK", format!("<html>{MARKER} {request} {}", all.join(" "))),
        _ => ("403 Forbidden", said),
    };
    let places: Vec<_> = all.iter().filter(|one| one.is_ascii()).map(String::as_str).collect();
    let places = places.join("\r\nlocation: http://elsewhere.example/?token=");
    let headers = format!("location: http://elsewhere.example/?token={places}\r\n");
    let answer =
        format!("HTTP/1.1 {status}\r\nconnection: close\r\n{headers}content-length: {}\r\n\r\n", said.len());
    (&*stream).write_all((answer + &said).as_bytes())
}
