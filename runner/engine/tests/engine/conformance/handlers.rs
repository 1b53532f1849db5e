//! The handler of each language's template, which also tells what an event holds, and what it finds in the fleet and in
//! its memory: told events, and what the outside answers.

use std::fmt::Write as _;
use std::sync::{Arc, Mutex};

use groundcrew_author::{Kind, Language};
use groundcrew_core::spec::Event;
use groundcrew_engine::run::{Hook, MemoryHandle};
use serde_json::{Value, json};

use super::misbehaving::made;
use super::more::changes;
use super::rows::{Behaviour, Outside, Words, answered, ended, limits, shown};
use crate::reach::Known;
use crate::support::{Fake, Setup, engine, event, view};
use Outside::{Answers, AnswersAfter, Forbidden, NoAnswer};

/// One behaviour of a handler.
pub(super) struct Told {
    says: &'static str,
    event: What,
    outside: Outside,
    words: Words,
}

/// What it is told.
#[derive(Clone, Copy)]
enum What {
    /// A kind, of an app.
    Kind(&'static str),
    /// A kind, of nobody.
    OfNobody(&'static str),
    /// Of an app, with this data.
    Data(&'static str),
    /// Of an app, with so many bytes of text.
    Large(usize),
}

use What::{Data, Kind as Of, Large, OfNobody};

const fn told(says: &'static str, event: What, outside: Outside) -> Told {
    Told { says, event, outside, words: Words::Same }
}

const FINE: Outside = Answers(204, "");

pub(super) const TOLD: &[Told] = &[
    told("an event of an app", Of("app.created"), FINE),
    told("an event of nobody", OfNobody("tick"), FINE),
    told("a foreign type in Unicode", OfNobody("com.example.grüße/💧"), FINE),
    told(
        "its data: Unicode, numbers, empty values",
        Data(
            r#"{"text":"grüße 💧 \u0001 \"\\\n</a>&","n":12,"f":1.5,"none":null,"list":[true,[]],"empty":{},"no text":""}"#,
        ),
        FINE,
    ),
    // The rest of the event is added to it.
    told("a body of nearly 4 MiB", Large((4 << 20) - 512), FINE),
    told("status 500 is tried again", Of("app.created"), Answers(500, "oops")),
    told("status 503 with Retry-After", Of("app.created"), AnswersAfter(503, "7")),
    told("status 429 is tried again", Of("app.created"), Answers(429, "slow down")),
    told("status 409 is tried again", Of("app.created"), Answers(409, "conflict")),
    told("status 403 is for a person", Of("app.created"), Answers(403, "forbidden")),
    told("status 404 is a failure", Of("app.created"), Answers(404, "nobody: ü")),
    told("no answer", Of("app.created"), NoAnswer),
    told("a grant is missing", Of("app.created"), Forbidden),
    told("the hook says: later", Of("later"), Forbidden),
    told("the hook says: never", Of("never"), Forbidden),
    Told { words: Words::Own, ..told("the hook crashes", Of("crash"), Forbidden) },
    told("the hook computes for ever", Of("loop"), Forbidden),
    Told { words: Words::Own, ..told("the hook takes all memory", Of("memory"), Forbidden) },
    told("the fleet: a listing, one, and none", Of("looks"), FINE),
    told("the memory: read, written, forgotten, kept", Of("recalls"), FINE),
    told("a value too large for the memory", Of("hoards"), Forbidden),
];

impl Behaviour for Told {
    fn says(&self) -> &'static str {
        self.says
    }

    async fn happened(&self, hook: &Hook) -> String {
        let sent = Arc::new(Mutex::new(String::new()));
        let (outside, trace) = (self.outside, sent.clone());
        let fake = Fake::new(move |request| {
            let key = request.headers.iter().find(|(name, _)| name == "idempotency-key");
            let key = key.map(|(_, value)| value.as_str()).unwrap_or_default();
            let _ = writeln!(trace.lock().unwrap(), "{} under {key}", shown(request));
            answered(outside)
        });
        let setup = Setup { fake, ..Setup::new(json!({ "server": "http://a.example" })) };
        let grants = if matches!(outside, Forbidden) { Vec::new() } else { setup.grants.clone() };
        let event = self.event();
        let limits = limits(&event.kind, &setup.limits);
        let mut context = Setup { grants, limits, ..setup }.context();
        context.memory = MemoryHandle(Arc::new(Known));
        let run = engine().handle(hook, &context, event).await;
        let mut text = sent.lock().unwrap().clone();
        for (key, value) in &run.written {
            let value = value.as_deref().map_or("nothing".into(), String::from_utf8_lossy);
            let _ = writeln!(text, "keeps {key}: {value}");
        }
        text + &ended(self.words, run.outcome)
    }
}

impl Told {
    fn event(&self) -> Event {
        let of_app = Event { subject: Some(view().owner), ..event() };
        match self.event {
            Of(kind) => Event { kind: kind.to_owned(), ..of_app },
            OfNobody(kind) => Event { kind: kind.to_owned(), ..event() },
            Data(text) => Event { data: serde_json::from_str(text).unwrap(), ..of_app },
            // Of two bytes each.
            Large(size) => Event { data: Value::from("ü".repeat(size / 2)), ..of_app },
        }
    }
}

/// The component of a language; none where its toolchain is not there, which is said.
pub(super) async fn handler(language: Language) -> Option<Hook> {
    made(language, Kind::Handler, &[changes(language)]).await
}
