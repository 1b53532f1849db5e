//! A guest is told every secret of its stanza, by services that echo all that they get, in every spelling, and its memory,
//! log, standard error and journal hold none of them.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};

use aho_corasick::AhoCorasick;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use groundcrew_engine::egress::{Request, Response, TransportError};
use groundcrew_engine::run::Run;
use groundcrew_engine::seal::{Sealer, Sealing};
use groundcrew_engine::secrets::{Format, Position, Secret, Secrets, Sign, Signing, token};
use serde_json::{Value, json};

use crate::support::spelt::{held, spellings};
use crate::support::{Fake, Kept, Setup, component, load, logged, memories_with};

/// One for each place that a stanza can put a secret at, and one that an API hands out; found nowhere else.
const HEADER: &str = "canary-HEADER/+\"0f1e2d3c";
const BEARER: &str = "canary-BEARER-4b5a6978";
const MACAROON: &str = "fm2_canary-FLY-8796a5b4";
const BASIC: &str = "canary-BASIC-c3d2e1f0";
const WEBHOOK: &str = "Y2FuYXJ5LVdFQkhPT0stMGYxZQ==";
const AWS: [&str; 2] = ["AKIACANARYAWS0001", "canary/AWS+secret+of+0001"];
const ADDRESS: [&str; 2] = ["canary-ADDRESS-pass", "canary-ADDRESS-parameter"];
const HANDED_OUT: &str = "canary-SEALED \"ü\" /+=&";
/// No secrets at all: what the search must find where it is, one for each test.
const MARKERS: [&str; 2] = ["marker-5c6d7e8f", "marker-7e8f5c6d"];

const CANARIES: [&str; 10] =
    [HEADER, BEARER, MACAROON, BASIC, WEBHOOK, AWS[0], AWS[1], ADDRESS[0], ADDRESS[1], HANDED_OUT];
/// Values that no stanza knows.
const PLANTED: [&str; 3] = ["planted-PLAIN-1f2e3d4c", "planted/QUOTED+\"ü\" /=&", "AKIAPLANTED000001"];

/// Says everything to everybody: in headers, bodies, where it leads to, and in what goes wrong.
fn indiscreet(values: &[&str], marker: &'static str, found: Arc<Mutex<Vec<u8>>>) -> Arc<Fake> {
    let all: Vec<String> = values.iter().flat_map(|value| spellings(value)).collect();
    Fake::new(move |request: &Request| {
        let path = url::Url::parse(&request.url).unwrap().path().to_owned();
        let body = || format!("{marker} {}", all.join(" "));
        let json = || json!({ "key": HANDED_OUT, "and": all, "marker": marker }).to_string();
        let header = |name: &str, value: String| (name.to_owned(), value);
        match path.as_str() {
            "/look" => {
                *found.lock().unwrap() = memories_with(marker);
                Ok(Response { status: 200, headers: Vec::new(), body: Vec::new() })
            }
            "/lost" => Err(TransportError::NoAnswer(body())),
            "/unsent" => Err(TransportError::NotSent(body())),
            "/moved" => {
                let headers =
                    all.iter().map(|one| header("location", format!("http://a.example/?a={one}&b")));
                Ok(Response { status: 302, headers: headers.collect(), body: body().into_bytes() })
            }
            "/sealed" => Ok(Response { status: 200, headers: Vec::new(), body: json().into_bytes() }),
            _ => {
                let headers = request
                    .headers
                    .iter()
                    .map(|(name, value)| header(&format!("x-echo-{name}"), value.clone()));
                let headers = headers.chain([header("x-echo-url", request.url.clone())]);
                Ok(Response { status: 403, headers: headers.collect(), body: body().into_bytes() })
            }
        }
    })
}

fn secrets() -> Secrets {
    let secret = |name: &str, at: Position, value: &str, to: &str| Secret {
        token: token(&[1; 32], "unruly", name),
        value: value.into(),
        at,
        format: Format::Plain,
        to: format!("{to}.example:80"),
        sign: Sign::None,
    };
    let header = |name: &str| Position::Header(name.to_owned());
    let address = format!("http://user:{}@url.example/hook?key={}", ADDRESS[0], ADDRESS[1]);
    let basic = STANDARD.encode(format!("user:{BASIC}"));
    let signing = Signing { region: "eu".to_owned(), service: "s3".to_owned() };
    let all = [
        ("HEADER", secret("HEADER", header("x-api-key"), HEADER, "a")),
        ("BEARER", secret("BEARER", header("authorization"), BEARER, "a")),
        ("BASIC", secret("BASIC", header("authorization"), &basic, "a")),
        ("FLY", Secret { format: Format::Fly, ..secret("FLY", header("authorization"), MACAROON, "a") }),
        ("ADDRESS", secret("ADDRESS", Position::Url, &address, "url")),
        (
            "AWS",
            Secret {
                sign: Sign::Sigv4(signing),
                ..secret("AWS", header("authorization"), &AWS.join(":"), "s3")
            },
        ),
        (
            "WEBHOOK",
            Secret {
                sign: Sign::StandardWebhooks,
                ..secret("WEBHOOK", header("webhook-signature"), &format!("whsec_{WEBHOOK}"), "hooks")
            },
        ),
    ];
    Secrets::new(all.map(|(name, secret)| (name.to_owned(), secret)).into())
}

/// Each place once, and each way in which something comes back.
fn asks() -> Value {
    let with = |path: &str, header: &str, before: &str, secret: &str| json!({ "url": format!("http://a.example/{path}"), "header": header, "before": before, "secret": secret });
    json!([
        // Before all others: what is sealed is known from then on.
        { "url": "http://a.example/sealed", "seal": "/key" },
        with("", "x-api-key", "", "HEADER"),
        with("", "authorization", "Bearer ", "BEARER"),
        with("", "authorization", "Basic ", "BASIC"),
        with("", "authorization", "", "FLY"),
        with("lost", "x-api-key", "", "HEADER"),
        with("unsent", "x-api-key", "", "HEADER"),
        with("moved", "x-api-key", "", "HEADER"),
        { "address": "ADDRESS" },
        { "url": "http://s3.example/bucket" },
        { "url": "http://hooks.example/" },
    ])
}

/// Everything that a run leaves.
fn left(run: &Run<()>) -> Vec<u8> {
    let calls = run.journal.calls.iter();
    let mut left: Vec<u8> =
        calls.flat_map(|call| [call.ask.clone(), call.answer.clone().unwrap_or_default()].concat()).collect();
    left.extend(format!("{:?} {} {:?}", logged(run), run.stderr, run.outcome).into_bytes());
    left
}

fn holds(bytes: &[u8], text: &str) -> bool {
    AhoCorasick::new([text]).unwrap().is_match(bytes)
}

#[tokio::test]
async fn no_secret_is_in_a_guests_memory_log_or_journal_however_it_is_spelt() {
    let memory = Arc::new(Mutex::new(Vec::new()));
    let sealing = Sealing::new(Sealer::new(&[5; 32]), Vec::new(), Ok(Vec::new()), Arc::new(Kept::default()));
    let config = json!({ "does": "keep", "about": "http://a.example/look", "asks": asks() });
    let grants = vec!["GET http://a.example/*", "GET http://s3.example/*", "GET http://hooks.example/*"];
    let fake = indiscreet(&CANARIES, MARKERS[0], memory.clone());
    let mut setup = Setup { secrets: secrets(), sealing, fake, grants, ..Setup::new(config) };
    (setup.limits.stderr_bytes, setup.limits.log_bytes) = (1 << 20, 1 << 20);
    let run = setup.handle(&load(&component("guest-unruly")).await).await;
    assert_eq!(run.outcome, Ok(()));
    let sent = setup.fake.trace().iter().filter(|line| line.starts_with("sent")).count();
    assert_eq!(sent, 12, "every request left: {:?}", setup.fake.trace());
    let (memory, left) = (memory.lock().unwrap().clone(), left(&run));
    let token = Sealer::new(&[5; 32]).seal(HANDED_OUT).token;
    for (what, bytes) in [("the guest's memory", &memory), ("what the run leaves", &left)] {
        // The search is right: it finds what each of them does hold.
        for there in [&token, MARKERS[0], "***"] {
            assert!(holds(bytes, there), "{what} holds {there}");
        }
        assert_eq!(held(bytes, &CANARIES), BTreeSet::new(), "{what} holds none, in none of the spellings");
    }
}

#[tokio::test]
async fn what_nobody_knows_to_be_a_secret_is_found_in_every_spelling() {
    let memory = Arc::new(Mutex::new(Vec::new()));
    let asks = json!([{ "url": "http://a.example/" }]);
    let config = json!({ "does": "keep", "about": "http://a.example/look", "asks": asks });
    let setup = Setup { fake: indiscreet(&PLANTED, MARKERS[1], memory.clone()), ..Setup::new(config) };
    let run = setup.handle(&load(&component("guest-unruly")).await).await;
    assert_eq!(run.outcome, Ok(()));
    let all = PLANTED.into_iter().flat_map(|value| (0..spellings(value).len()).map(move |at| (value, at)));
    let all: BTreeSet<_> = all.collect();
    for (what, bytes) in
        [("the guest's memory", &*memory.lock().unwrap()), ("what the run leaves", &left(&run))]
    {
        assert_eq!(held(bytes, &PLANTED), all, "{what}, {} bytes", bytes.len());
    }
}
