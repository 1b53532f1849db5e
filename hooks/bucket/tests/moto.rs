//! The hook against moto's S3, over HTTP.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use groundcrew_hook::testing::{Fake, life, want};
use groundcrew_hook::{Failure, Inventory, Provisioner, Request, Response, Result, State, Want, json};
use groundcrew_unchecked::not_checked;
use hook_bucket::Buckets;

/// Who moto takes the caller for; it reads the scope and checks no signature.
const CALLER: &str = "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/s3/aws4_request, SignedHeaders=host, Signature=0";

/// A moto of its own; it ends with this value.
struct Moto {
    child: Child,
    at: String,
}

impl Drop for Moto {
    fn drop(&mut self) {
        // Ended already is as good.
        let _ended = self.child.kill().and_then(|()| self.child.wait());
    }
}

impl Moto {
    /// None, and loudly so, where `cargo xtask setup` could not install it.
    fn start() -> Option<Self> {
        let python = Path::new(env!("CARGO_TARGET_TMPDIR")).join("moto/bin/python");
        if !python.is_file() {
            not_checked("the bucket hook against moto", "cargo xtask setup installs it");
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
        Some(Self { child, at })
    }

    fn fake(&self, empty: bool, region: &str) -> Fake {
        let endpoint = format!("http://{}", self.at);
        let config = json!({
            "endpoint": endpoint, "prefix": "acme-", "names": null, "region": region, "empty": empty,
        });
        let at = self.at.clone();
        Fake::new().config(config).http(move |request| sent(&at, request))
    }

    fn does(&self, method: &str, rest: &str, body: &str) -> Response {
        let request = Request::new(method, format!("http://{}/{rest}", self.at)).bytes(body);
        let response = sent(&self.at, &request).unwrap();
        assert!(response.is_success(), "{method} {rest}: {}", response.text());
        response
    }
}

/// One exchange over a connection of its own.
fn sent(at: &str, request: &Request) -> Result<Response> {
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

fn bucket(name: &str) -> Want {
    want("bucket", name, json!({ "name": name }))
}

#[test]
fn an_empty_bucket_lives_and_goes_with_its_mark() {
    let Some(moto) = Moto::start() else { return };
    for (name, region) in [("acme-1", "us-east-1"), ("acme-2", "eu-central-1")] {
        let made = life::<Buckets>(&moto.fake(false, region), &bucket(name));
        assert_eq!(made.mark, Some(bucket(name).mark));
        let outputs: Vec<_> = made.outputs.iter().map(|it| (it.name.as_str(), it.value.as_str())).collect();
        let endpoint = format!("http://{}", moto.at);
        assert_eq!(outputs, [("name", name), ("endpoint", endpoint.as_str()), ("region", region)]);
    }
}

#[test]
fn a_foreign_bucket_is_shown_without_our_mark() {
    let Some(moto) = Moto::start() else { return };
    moto.does("PUT", "acme-theirs", "");
    moto.does("PUT", "other", "");
    let fake = moto.fake(true, "us-east-1");
    let found = fake.run(|| Buckets::find(&bucket("acme-theirs"))).unwrap();
    assert_eq!((found.len(), &found[0].mark), (1, &None));
    let tags = "<Tagging><TagSet><Tag><Key>team</Key><Value>x</Value></Tag></TagSet></Tagging>";
    moto.does("PUT", "acme-theirs?tagging", tags);
    assert_eq!(fake.run(|| Buckets::find(&bucket("acme-theirs"))).unwrap()[0].mark, None);

    for number in 10..40 {
        moto.does("PUT", &format!("acme-{number}"), "");
    }
    let (mut cursor, mut names) = (None::<String>, Vec::new());
    loop {
        let page = fake.run(|| Buckets::scan(None, cursor.as_deref())).unwrap();
        assert!(page.things.len() <= 25);
        names.extend(page.things.into_iter().map(|listed| listed.thing.id));
        cursor = page.next;
        if cursor.is_none() {
            break;
        }
    }
    assert_eq!((names.len(), names.contains(&"other".to_owned())), (31, false));
    assert!(names.is_sorted() && fake.writes().is_empty());
}

#[test]
fn a_full_bucket_stays_or_is_emptied_page_by_page_versions_too() {
    let Some(moto) = Moto::start() else { return };
    let keeps = moto.fake(false, "us-east-1");
    let made = keeps.run(|| Buckets::create(&bucket("acme-full"))).unwrap();
    let on = "<VersioningConfiguration><Status>Enabled</Status></VersioningConfiguration>";
    moto.does("PUT", "acme-full?versioning", on);
    for number in 0..1_002 {
        moto.does("PUT", &format!("acme-full/a%20%26%20b/{number}"), "x");
    }
    moto.does("PUT", "acme-full/0", "old");
    moto.does("DELETE", "acme-full/0", "");

    let failure = keeps.run(|| Buckets::remove(&bucket("acme-full"), &made)).unwrap_err();
    assert_eq!((failure.retry, keeps.writes().len()), (false, 2), "{failure}");

    let empties = moto.fake(true, "us-east-1");
    let mut pages = 0;
    while let Some(left) = empties.run(|| Buckets::remove(&bucket("acme-full"), &made)).unwrap() {
        pages += 1;
        assert_eq!((left.state, empties.writes().len()), (State::Removing, pages), "one write a run");
        assert_eq!(empties.run(|| Buckets::find(&bucket("acme-full"))).unwrap()[0].mark, made.mark);
        assert!(pages < 5, "it comes to an end");
    }
    assert_eq!(pages, 2);
    assert_eq!(empties.run(|| Buckets::find(&bucket("acme-full"))).unwrap(), []);
}
