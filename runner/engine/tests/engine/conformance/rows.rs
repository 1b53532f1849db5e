//! What is compared: calls of a hook, and what the outside answers.

use std::fmt::Write as _;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use groundcrew_core::spec::{Input, Listed, Output, Thing, ThingState, View, Want, canonical};
use groundcrew_engine::egress::{Request, Response, TransportError};
use groundcrew_engine::limits::Limits;
use groundcrew_engine::run::{Ended, Hook, Run};
use groundcrew_engine::seal::{Sealer, Sealing};
use groundcrew_engine::secrets::{Format, Position, Secret, Secrets, Sign, token};
use serde::Serialize;
use serde_json::{Value, json};

use crate::support::{Fake, Kept, Setup, engine, view, want};

/// Something that every language does alike.
pub(super) trait Behaviour {
    /// What is looked at.
    fn says(&self) -> &'static str;

    /// What happened, a line for each request and one for what was answered.
    async fn happened(&self, hook: &Hook) -> String;
}

/// One behaviour of a provisioner.
pub(super) struct Row {
    /// What is looked at.
    says: &'static str,
    call: Call,
    outside: Outside,
    words: Words,
}

/// What the hook is asked.
#[derive(Clone, Copy)]
enum Call {
    /// With labels.
    Desired(&'static str),
    /// With outputs of things that it reads.
    DesiredOf(&'static [(&'static str, &'static str, &'static str)]),
    Find(&'static str),
    FindById(&'static str),
    /// With a key and a value.
    Create(&'static str, &'static str),
    /// With a value of so many bytes.
    CreateLarge(usize),
    Update,
    Remove,
    Scan(Option<&'static str>),
}

/// What the outside answers.
#[derive(Clone, Copy)]
pub(super) enum Outside {
    Answers(u16, &'static str),
    /// The same with a content type.
    AnswersOf(&'static str, u16, &'static str),
    /// Asks to be left alone for so many seconds.
    AnswersAfter(u16, &'static str),
    /// A good listing of exactly so many bytes.
    Large(usize),
    NoAnswer,
    /// Nothing that is allowed is asked.
    Forbidden,
    /// Nothing is asked, and no secret is granted.
    Ungranted,
}

/// Whether the words of a failure are compared: those of a language's own errors are its own.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum Words {
    Same,
    /// What is said of an answer, from its status on: in Rust an answer does not know what was asked.
    Answer,
    Own,
}

const ROW: &str = r#"{"id":"t1","name":"web","mark":"gc1:test:row","value":"pro"}"#;
/// What a provisioner and an auditor can read.
const LISTED: &str = r#"{"id":"t1","name":"web","mark":"gc1:test:row","value":"pro","used":false}"#;
const UNICODE_ROW: &str =
    r#"{"id":"t/ü 1","name":"é","mark":null,"value":"gr\u00fc\u00dfe \ud83d\udca7 \"\\\n\t\u0001"}"#;
/// More than is shown of it.
const HTML: &str = "<html>\r\n<title>grüße 💧</title>\u{1}<p>The service cannot be reached at the moment, try again later</p>";
const UNICODE: &str = "wéb ü/💧&=?+%#";

use Call::{Create, CreateLarge, Desired, DesiredOf, Find, FindById, Remove, Scan, Update};
use Outside::{Answers, AnswersAfter, AnswersOf, Forbidden, Large, NoAnswer, Ungranted};
use Words::{Answer, Own, Same};

const fn row(says: &'static str, call: Call, outside: Outside, words: Words) -> Row {
    Row { says, call, outside, words }
}

pub(super) const ROWS: &[Row] = &[
    row("desired: a label becomes a body", Desired(r#"{"plan":"pro"}"#), Forbidden, Same),
    row("desired: no labels", Desired("{}"), Forbidden, Same),
    row("desired: an empty text is no null", Desired(r#"{"plan":""}"#), Forbidden, Same),
    row("desired: Unicode", Desired(r#"{"plan":"grüße 💧 \u0001 \"\\"}"#), Forbidden, Same),
    row(
        "desired: what it reads: a token, empty, Unicode",
        DesiredOf(&[
            ("address/v4", "ip", "192.0.2.1"),
            ("cluster/web-db", "url", "gcs_0123456789abcdef0123456789abcdef01234567"),
            ("text/ü", "empty", ""),
            ("text/💧", "said", "grüße \"\\\n💧"),
        ]),
        Forbidden,
        Same,
    ),
    row(
        "find: two, one without a mark",
        Find("web"),
        Answers(
            200,
            r#"{"items":[{"id":"t1","name":"web","mark":"gc1:test:row","value":"pro"},{"id":"t2","name":"web","mark":null,"value":null}]}"#,
        ),
        Same,
    ),
    row(
        "find: by id, one of two",
        FindById("t2"),
        Answers(
            200,
            r#"{"items":[{"id":"t1","name":"web","mark":"m","value":"a"},{"id":"t2","name":"web","mark":"m","value":"b"}]}"#,
        ),
        Same,
    ),
    row("find: nothing is there", Find("web"), Answers(200, r#"{"items":[]}"#), Same),
    row("find: Unicode in the address", Find(UNICODE), Answers(200, r#"{"items":[]}"#), Same),
    row("create: one request with the mark", Create("web", "pro"), Answers(201, ROW), Same),
    row(
        "create: an empty value",
        Create("web", ""),
        Answers(201, r#"{"id":"t1","name":"web","mark":"","value":""}"#),
        Same,
    ),
    row(
        "create: Unicode both ways",
        Create(UNICODE, "grüße 💧 \u{1} \"\\\n"),
        Answers(201, UNICODE_ROW),
        Same,
    ),
    // The names, the mark and, in some languages, spaces are added to it.
    row("create: a body of nearly 4 MiB", CreateLarge((4 << 20) - 256), Answers(201, ROW), Same),
    row("find: an answer of 4 MiB", Find("web"), Large(4 << 20), Same),
    row(
        "create: a secret, a sealed answer, outputs, pending",
        Create("sealed", "pro"),
        Answers(
            201,
            r#"{"id":"t1","key":"handed-out/ü 💧","note":"waits for its DNS 💧","said":"grüße \"handed-out/ü 💧\" the-value-of-the-key"}"#,
        ),
        Same,
    ),
    row(
        "create: a sealed answer and outputs, empty",
        Create("sealed", "pro"),
        Answers(201, r#"{"id":"t1","key":"","note":"x","said":""}"#),
        Same,
    ),
    row(
        "create: what is to be sealed is not there",
        Create("sealed", "pro"),
        Answers(201, r#"{"id":"t1","secret":"handed-out","note":"x","said":""}"#),
        Same,
    ),
    row("create: the secret is not granted", Create("sealed", "pro"), Ungranted, Same),
    row("create: a secret's token in an address", Create("misplaced", "pro"), Forbidden, Same),
    row("update", Update, Answers(200, ROW), Same),
    row("remove: gone", Remove, Answers(204, ""), Same),
    row("remove: gone before", Remove, Answers(404, "no such thing"), Same),
    row(
        "scan: the first page",
        Scan(None),
        Answers(200, r#"{"items":[{"id":"t1","name":"web","mark":null,"value":"pro"}],"next":"c d"}"#),
        Same,
    ),
    row("scan: the last page, empty", Scan(Some("c d")), Answers(200, r#"{"items":[],"next":null}"#), Same),
    row("status 500 is tried again", Create("web", "pro"), Answers(500, "oops"), Same),
    row("status 503 with Retry-After", Create("web", "pro"), AnswersAfter(503, "7"), Same),
    row("status 429 is tried again", Find("web"), Answers(429, "slow down"), Same),
    row("status 409 is tried again", Update, Answers(409, "conflict"), Same),
    row("status 403 is for a person", Create("web", "pro"), Answers(403, "forbidden"), Same),
    row("status 404 of a listing is a failure", Find("web"), Answers(404, "no such zone: ü"), Same),
    row("an answer that is no JSON", Find("web"), AnswersOf("text/html", 200, HTML), Answer),
    row("an answer with something behind its JSON", Find("web"), Answers(200, r#"{"items":[]} x"#), Answer),
    row("remove: gone, and an answer without a body", Remove, Answers(200, ""), Same),
    row("a listing without its items", Find("web"), Answers(200, "{}"), Own),
    row("scan: a listing without its items", Scan(None), Answers(200, r#"{"items":null}"#), Own),
    row("an answer without what was made", Create("web", "pro"), Answers(200, "{}"), Own),
    row("no answer", Create("web", "pro"), NoAnswer, Same),
    row("a grant is missing", Create("web", "pro"), Forbidden, Same),
    row("the hook says: later", Create("later", "pro"), Forbidden, Same),
    row("the hook says: never", Create("never", "pro"), Forbidden, Same),
    row("the hook crashes", Create("crash", "pro"), Forbidden, Own),
    row("the hook computes for ever", Create("loop", "pro"), Forbidden, Same),
    row("the hook takes all memory", Create("memory", "pro"), Forbidden, Own),
];

impl Behaviour for Row {
    fn says(&self) -> &'static str {
        self.says
    }

    async fn happened(&self, hook: &Hook) -> String {
        let sent = Arc::new(Mutex::new(String::new()));
        let setup = setup(self, sent.clone());
        let context = setup.context();
        let thing = existing();
        let answer = match self.call {
            Desired(labels) => {
                let mut view = view();
                view.owner.labels = serde_json::from_str(labels).unwrap();
                said(self.words, engine().desired(hook, &context, view).await)
            }
            DesiredOf(outputs) => {
                let inputs = outputs.iter().map(|output| input(*output)).collect();
                said(self.words, engine().desired(hook, &context, View { inputs, ..view() }).await)
            }
            Find(key) => said(self.words, engine().find(hook, &context, &wanted(key, "pro")).await),
            FindById(id) => {
                let want = Want { id: Some(id.to_owned()), ..want() };
                said(self.words, engine().find(hook, &context, &want).await)
            }
            Create(key, value) => {
                said(self.words, engine().create(hook, &context, &wanted(key, value)).await)
            }
            CreateLarge(size) => {
                // Of two bytes each.
                let value = "ü".repeat(size / 2);
                said(self.words, engine().create(hook, &context, &wanted("web", &value)).await)
            }
            Update => said(self.words, engine().update(hook, &context, &want(), &thing).await),
            Remove => said(self.words, engine().remove(hook, &context, &want(), &thing).await),
            Scan(cursor) => {
                let run = engine().scan(hook, &context, None, cursor).await;
                let outcome = run
                    .outcome
                    .map(|(things, next)| (things.into_iter().map(listed).collect::<Vec<_>>(), next));
                ended(self.words, outcome)
            }
        };
        let sent = sent.lock().unwrap().clone();
        sent + &answer
    }
}

fn setup(row: &Row, sent: Arc<Mutex<String>>) -> Setup {
    let outside = row.outside;
    let fake = Fake::new(move |request| {
        let _ = writeln!(sent.lock().unwrap(), "{}", shown(request));
        answered(outside)
    });
    let setup = Setup { fake, ..Setup::new(json!({ "server": "http://a.example" })) };
    let limits = limits(if let Create(key, _) = row.call { key } else { "" }, &setup.limits);
    let grants = if matches!(outside, Forbidden | Ungranted) { Vec::new() } else { setup.grants.clone() };
    let secrets = if matches!(outside, Ungranted) { Secrets::default() } else { secrets() };
    let sealing = Sealing::new(Sealer::new(&[5; 32]), Vec::new(), Ok(Vec::new()), Arc::new(Kept::default()));
    Setup { grants, secrets, sealing, limits, ..setup }
}

/// The limits of a hook that may have been told to misbehave: time and memory are soon taken.
pub(super) fn limits(told: &str, usual: &Limits) -> Limits {
    let deadline = Duration::from_secs(if told == "loop" { 2 } else { 30 });
    let memory = if told == "memory" { 128 << 20 } else { usual.memory };
    Limits { deadline, memory, ..usual.clone() }
}

/// What is answered.
pub(super) fn answered(outside: Outside) -> Result<Response, TransportError> {
    let response = |status, headers, body: &str| Response { status, headers, body: body.as_bytes().to_vec() };
    match outside {
        Answers(status, body) => Ok(response(status, Vec::new(), body)),
        AnswersOf(kind, status, body) => {
            Ok(response(status, vec![("content-type".to_owned(), kind.to_owned())], body))
        }
        AnswersAfter(status, seconds) => {
            Ok(response(status, vec![("retry-after".to_owned(), seconds.to_owned())], "later"))
        }
        Large(size) => {
            let (before, after) = (r#"{"pad":""#, format!(r#"","items":[{LISTED}]}}"#));
            let pad = "x".repeat(size - before.len() - after.len());
            Ok(response(200, Vec::new(), &format!("{before}{pad}{after}")))
        }
        NoAnswer => Err(TransportError::NoAnswer("the connection was closed".to_owned())),
        Forbidden | Ungranted => panic!("nothing was granted"),
    }
}

/// A request: method, address, its authorization if it has one, and the body as JSON with long texts cut.
pub(super) fn shown(request: &Request) -> String {
    let body = match request.body.as_slice() {
        [] => String::new(),
        body => serde_json::from_slice(body)
            .map_or_else(|error| format!(" no JSON: {error}"), |body| format!(" {}", canonical(&cut(body)))),
    };
    let authorization = request.headers.iter().find(|(name, _)| name == "authorization");
    let authorization = authorization.map(|(_, value)| format!(" ({value})")).unwrap_or_default();
    format!("{} {}{authorization}{body}", request.method, request.url)
}

fn cut(value: Value) -> Value {
    match value {
        Value::Object(fields) => fields.into_iter().map(|(name, value)| (name, cut(value))).collect(),
        Value::String(text) if text.len() > 200 => Value::from(format!("{} bytes", text.len())),
        other => other,
    }
}

fn said<T: Serialize>(words: Words, run: Run<T>) -> String {
    ended(words, run.outcome)
}

/// How a run ended, in a line.
pub(super) fn ended<T: Serialize>(words: Words, outcome: Result<T, Ended>) -> String {
    match outcome {
        Ok(answer) => format!("ok {}\n", canonical(&serde_json::to_value(answer).unwrap())),
        Err(ended) => {
            let failure = ended.failure();
            let when = match (failure.retry, failure.after) {
                (true, Some(after)) => format!("tried again after {} ms", after.as_i64()),
                (true, None) => "tried again".to_owned(),
                (false, _) => "for a person".to_owned(),
            };
            let message = failure.message.as_str();
            let words = match words {
                Same => format!(": {message}"),
                Answer => format!(": {}", message.find("status ").map_or(message, |at| &message[at..])),
                Own => String::new(),
            };
            format!("{when}{words}\n")
        }
    }
}

/// The secret `KEY`, for `Authorization` at the outside.
fn secrets() -> Secrets {
    let secret = Secret {
        token: token(&[1; 32], "conformance", "KEY"),
        value: "the-value-of-the-key".into(),
        at: Position::Header("authorization".to_owned()),
        format: Format::Plain,
        to: "a.example:80".to_owned(),
        sign: Sign::None,
    };
    Secrets::new([("KEY".to_owned(), secret)].into())
}

/// An output of a thing, `KIND/KEY`, of another hook of the owner.
fn input((thing, name, value): (&str, &str, &str)) -> Input {
    let (kind, key) = thing.split_once('/').unwrap();
    let output = Output { name: name.to_owned(), value: value.to_owned() };
    let (hook, kind, key) = ("other".to_owned(), kind.to_owned(), key.to_owned());
    Input { owner: view().owner.path.to_string(), hook, kind, key, output }
}

fn listed(listed: Listed) -> Value {
    serde_json::to_value(listed).unwrap()
}

fn wanted(key: &str, value: &str) -> Want {
    Want { key: key.to_owned(), body: json!({ "value": value }), ..want() }
}

fn existing() -> Thing {
    Thing {
        id: "t/ü 1".to_owned(),
        state: ThingState::Ready,
        note: None,
        poll: None,
        body: json!({ "value": "old" }),
        mark: Some("gc1:test:row".to_owned()),
        outputs: Vec::new(),
        made: None,
    }
}
