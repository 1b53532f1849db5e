//! A moto with one hosted zone of Route 53, over HTTP.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use groundcrew_hook::{Failure, Request, Response, Result};
use groundcrew_unchecked::not_checked;

/// Who moto takes the caller for; it reads the scope and checks no signature.
const CALLER: &str = "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/route53/aws4_request, SignedHeaders=host, Signature=0";

/// A moto of its own with one hosted zone; it ends with this value.
pub(crate) struct Moto {
    child: Child,
    pub(crate) at: String,
    pub(crate) zone: String,
}

impl Drop for Moto {
    fn drop(&mut self) {
        // Ended already is as good.
        let _ended = self.child.kill().and_then(|()| self.child.wait());
    }
}

impl Moto {
    /// None, and loudly so, where `cargo xtask setup` could not install it.
    pub(crate) fn start(what: &str) -> Option<Self> {
        let python = Path::new(env!("CARGO_TARGET_TMPDIR")).join("moto/bin/python");
        if !python.is_file() {
            not_checked(what, "cargo xtask setup installs it");
            return None;
        }
        // Port 0 would not be told: werkzeug says which port it took.
        let mut child = Command::new(python)
            .args(["-m", "moto.server", "-H", "127.0.0.1", "-p", "0"])
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
        let at = lines
            .find_map(|line| line.unwrap().split_once("Running on http://").map(|(_, at)| at.to_owned()));
        let at = at.expect("moto says where it listens").trim().to_owned();
        // Whoever reads no further would stop it once the pipe is full.
        std::thread::spawn(move || lines.for_each(drop));
        let mut moto = Self { child, at, zone: String::new() };
        let body = "<CreateHostedZoneRequest xmlns=\"https://route53.amazonaws.com/doc/2013-04-01/\"><Name>acme.app</Name><CallerReference>x</CallerReference></CreateHostedZoneRequest>";
        let made = moto.does("POST", "2013-04-01/hostedzone", body);
        let (_, rest) = made.split_once("<Id>/hostedzone/").unwrap();
        rest.split_once('<').unwrap().0.clone_into(&mut moto.zone);
        Some(moto)
    }

    fn does(&self, method: &str, rest: &str, body: &str) -> String {
        let request = Request::new(method, format!("http://{}/{rest}", self.at)).bytes(body);
        let response = sent(&self.at, &request).unwrap();
        assert!(response.is_success(), "{method} {rest}: {}", response.text());
        response.text()
    }

    /// Somebody else writes a record set.
    pub(crate) fn write(&self, set: &str) {
        let change = format!(
            "<ChangeResourceRecordSetsRequest xmlns=\"https://route53.amazonaws.com/doc/2013-04-01/\"><ChangeBatch><Changes><Change><Action>UPSERT</Action><ResourceRecordSet>{set}</ResourceRecordSet></Change></Changes></ChangeBatch></ChangeResourceRecordSetsRequest>"
        );
        self.does("POST", &format!("2013-04-01/hostedzone/{}/rrset", self.zone), &change);
    }
}

/// One exchange over a connection of its own.
pub(crate) fn sent(at: &str, request: &Request) -> Result<Response> {
    let rest =
        request.url.strip_prefix(&format!("http://{at}")).ok_or_else(|| Failure::lasting("elsewhere"))?;
    let mut stream = TcpStream::connect(at)?;
    let header = |(name, value): &(String, String)| format!("{name}: {value}\r\n");
    let headers = request.headers.iter().map(header).collect::<Vec<_>>().concat();
    let length = request.body.len();
    write!(
        stream,
        "{} {rest} HTTP/1.1\r\nhost: {at}\r\nauthorization: {CALLER}\r\nconnection: close\r\ncontent-length: {length}\r\n{headers}\r\n",
        request.method
    )?;
    stream.write_all(&request.body)?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer)?;
    let head = answer.windows(4).position(|window| window == b"\r\n\r\n").unwrap();
    let status = std::str::from_utf8(&answer[9..12]).unwrap().parse().unwrap();
    Ok(Response { status, headers: Vec::new(), body: answer[head + 4..].to_vec() })
}
