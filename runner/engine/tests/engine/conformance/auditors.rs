//! The auditor of each language's template, which can also be told to misbehave by its cursor: what it finds, page by
//! page, and what becomes of it when the outside, or it, fails.

use std::fmt::Write as _;
use std::sync::{Arc, Mutex};

use groundcrew_author::{Kind, Language};
use groundcrew_engine::gate::Answers as Gate;
use groundcrew_engine::run::Hook;
use serde_json::json;

use super::misbehaving::{Change, made};
use super::rows::{Behaviour, Outside, Words, answered, ended, limits, shown};
use crate::support::{Fake, Setup, engine};
use Outside::{Answers, AnswersAfter, AnswersOf, Forbidden, Large, NoAnswer};
use Words::{Answer, Own, Same};

/// One behaviour of an auditor.
pub(super) struct Looked {
    says: &'static str,
    cursor: Option<&'static str>,
    outside: Outside,
    words: Words,
}

const fn looked(says: &'static str, outside: Outside) -> Looked {
    Looked { says, cursor: None, outside, words: Same }
}

/// It goes on from a cursor.
const fn on(says: &'static str, cursor: &'static str, outside: Outside, words: Words) -> Looked {
    Looked { says, cursor: Some(cursor), outside, words }
}

const TWO: &str = r#"{"items":[{"id":"t1","used":true},{"id":"t2","used":false,"cents":150},{"id":"t3","used":false}],"next":"c d"}"#;
const UNICODE: &str = r#"{"items":[{"id":"t/gr\u00fc\u00dfe \ud83d\udca7 \"\\&","used":false,"cents":4294967295}],"next":"ü/💧&=?+%#"}"#;

pub(super) const LOOKED: &[Looked] = &[
    looked("the first page: idle, priced and not", Answers(200, TWO)),
    on("the last page, empty", "c d", Answers(200, r#"{"items":[],"next":null}"#), Same),
    on("Unicode in what is found and in cursors", "wéb ü/💧&=?+%#", Answers(200, UNICODE), Same),
    looked("an answer of 4 MiB", Large(4 << 20)),
    looked("status 500 is tried again", Answers(500, "oops")),
    looked("status 503 with Retry-After", AnswersAfter(503, "7")),
    looked("status 429 is tried again", Answers(429, "slow down")),
    looked("status 403 is for a person", Answers(403, "forbidden")),
    looked("status 404 is a failure", Answers(404, "nobody: ü")),
    Looked { words: Answer, ..looked("an answer that is no JSON", AnswersOf("text/html", 200, "<p>ü</p>")) },
    Looked { words: Own, ..looked("a listing without its items", Answers(200, "{}")) },
    looked("no answer", NoAnswer),
    looked("a grant is missing", Forbidden),
    on("the hook says: later", "later", Forbidden, Same),
    on("the hook says: never", "never", Forbidden, Same),
    on("the hook crashes", "crash", Forbidden, Own),
    on("the hook computes for ever", "loop", Forbidden, Same),
    on("the hook takes all memory", "memory", Forbidden, Own),
];

impl Behaviour for Looked {
    fn says(&self) -> &'static str {
        self.says
    }

    async fn happened(&self, hook: &Hook) -> String {
        let sent = Arc::new(Mutex::new(String::new()));
        let (outside, trace) = (self.outside, sent.clone());
        let fake = Fake::new(move |request| {
            let _ = writeln!(trace.lock().unwrap(), "{}", shown(request));
            answered(outside)
        });
        let setup =
            Setup { fake, answers: Gate::Observe, ..Setup::new(json!({ "server": "http://a.example" })) };
        let grants = if matches!(outside, Forbidden) { Vec::new() } else { setup.grants.clone() };
        let limits = limits(self.cursor.unwrap_or_default(), &setup.limits);
        let context = Setup { grants, limits, ..setup }.context();
        let run = engine().audit(hook, &context, self.cursor).await;
        let sent = sent.lock().unwrap().clone();
        sent + &ended(self.words, run.outcome)
    }
}

const RUST: &[Change] = &[(
    "        let config: Config = config()?;\n        let mut request",
    "        misbehave(cursor.unwrap_or_default())?;\n        let config: Config = config()?;\n        let mut request",
)];

const JS: &[Change] = &[
    ("import { config, hook,", "import { Failure, lasting, config, hook,"),
    ("  run(cursor) {\n", "  run(cursor) {\n    misbehave(cursor);\n"),
];

const PYTHON: &[Change] = &[
    ("from groundcrew_hook import config,", "from groundcrew_hook import Err, Failure, lasting, config,"),
    ("        after = \"?after=\"", "        misbehave(cursor)\n        after = \"?after=\""),
];

const GO: &[Change] = &[
    ("import (\n", "import (\n\t\"bytes\"\n\t\"time\"\n\n"),
    (
        "\tvar config config\n",
        "\tif err := misbehave(cursor); err != nil {\n\t\treturn audit.Page{}, err\n\t}\n\tvar config config\n",
    ),
];

const C: &[Change] = &[
    ("#include <groundcrew.h>\n", "#include <groundcrew.h>\n#include <stdlib.h>\n#include <string.h>\n"),
    (
        "hook_failure *audit_run(const char *cursor, hook_findings *page) {\n",
        "hook_failure *audit_run(const char *cursor, hook_findings *page) {\n  if (cursor) HOOK_TRY(misbehave(cursor));\n",
    ),
];

/// The component of a language; none where its toolchain is not there, which is said.
pub(super) async fn auditor(language: Language) -> Option<Hook> {
    let changes = match language {
        Language::Rust => RUST,
        Language::Js | Language::Ts => JS,
        Language::Python => PYTHON,
        Language::Go => GO,
        Language::C => C,
    };
    made(language, Kind::Auditor, &[changes]).await
}
