//! The provisioner of each language's template, which can also be told to misbehave by its want's key, and what
//! [`tokens`] adds.

use std::path::Path;

use groundcrew_author::testing::Scratch;
use groundcrew_author::{Kind, Language};
use groundcrew_engine::run::Hook;

use super::tokens;
use crate::support::load;

/// The columns; TypeScript is JavaScript once it is built.
pub(crate) const LANGUAGES: [Language; 5] =
    [Language::Rust, Language::Js, Language::Python, Language::Go, Language::C];

/// A change of a source: what is replaced, and with what.
pub(super) type Change = (&'static str, &'static str);

const RUST: &[Change] = &[
    (
        "    fn create(want: &Want) -> Result<Thing> {\n",
        "    fn create(want: &Want) -> Result<Thing> {\n        misbehave(&want.key)?;\n",
    ),
    (
        "/// The hook. It holds nothing",
        r#"fn misbehave(what: &str) -> Result<()> {
    match what {
        "later" => Err(groundcrew_hook::Failure::passing("not now").after_ms(7000)),
        "never" => Err(groundcrew_hook::Failure::lasting("never: \u{1f4a7}")),
        "crash" => panic!("it crashes"),
        "loop" => loop {
            std::hint::black_box(());
        },
        "memory" => {
            let mut all = Vec::new();
            loop {
                all.push(vec![1_u8; 1 << 20]);
                std::hint::black_box(&all);
            }
        }
        _ => Ok(()),
    }
}

/// The hook. It holds nothing"#,
    ),
];

const JS: &[Change] = &[
    ("import { config, hook,", "import { Failure, lasting, config, hook,"),
    ("  create(want) {\n", "  create(want) {\n    misbehave(want.key);\n"),
    (
        "const url = ",
        r#"function misbehave(what) {
  if (what === "later") throw new Failure("not now", { afterMs: 7000 });
  if (what === "never") throw lasting("never: \u{1f4a7}");
  if (what === "crash") null.f();
  while (what === "loop");
  const all = [];
  while (what === "memory") all.push(new Uint8Array(1 << 20).fill(1));
}

const url = "#,
    ),
];

const PYTHON: &[Change] = &[
    ("from groundcrew_hook import config,", "from groundcrew_hook import Err, Failure, lasting, config,"),
    (
        "        body = read(Body, want.body)\n        return shown(fetch(\"POST\"",
        "        misbehave(want.key)\n        body = read(Body, want.body)\n        return shown(fetch(\"POST\"",
    ),
    (
        "def url(rest=\"\"):\n",
        r#"def misbehave(what):
    if what == "later":
        raise Err(Failure(message="not now", retry=True, after_ms=7000))
    if what == "never":
        raise lasting("never: \U0001f4a7")
    if what == "crash":
        raise RuntimeError("it crashes")
    while what == "loop":
        pass
    kept = []
    while what == "memory":
        kept.append(bytearray(b"x") * (1 << 20))


def url(rest=""):
"#,
    ),
];

const GO: &[Change] = &[
    ("import (\n", "import (\n\t\"bytes\"\n\t\"time\"\n"),
    (
        "(want provision.Want) (hook.Thing, error) {\n\treturn write(\"POST\"",
        "(want provision.Want) (hook.Thing, error) {\n\tif err := misbehave(want.Key); err != nil {\n\t\treturn hook.Thing{}, err\n\t}\n\treturn write(\"POST\"",
    ),
    (
        "type page struct",
        r#"func misbehave(what string) error {
	switch what {
	case "later":
		return &hook.Failure{Message: "not now", After: 7 * time.Second}
	case "never":
		return hook.Lasting("never: \U0001f4a7")
	case "crash":
		panic("it crashes")
	case "loop":
		for {
		}
	case "memory":
		var all [][]byte
		for {
			all = append(all, bytes.Repeat([]byte{1}, 1<<20))
		}
	}
	return nil
}

type page struct"#,
    ),
];

const C: &[Change] = &[
    ("#include <string.h>\n", "#include <stdlib.h>\n#include <string.h>\n"),
    (
        "hook_failure *provision_create(const hook_want *want, hook_thing *made) {\n",
        "hook_failure *provision_create(const hook_want *want, hook_thing *made) {\n  HOOK_TRY(misbehave(want->key));\n",
    ),
    (
        "/* One request below",
        r#"static hook_failure *misbehave(const char *what) {
  hook_failure *later = hook_retry("not now");
  later->after_ms = 7000;
  if (strcmp(what, "later") == 0) return later;
  if (strcmp(what, "never") == 0) return hook_lasting("never: \xF0\x9F\x92\xA7");
  if (strcmp(what, "crash") == 0) abort();
  for (volatile int spins = strcmp(what, "loop") == 0; spins;) continue;
  while (strcmp(what, "memory") == 0) {
    char *more = malloc(1 << 20);
    if (!more) abort();
    memset(more, 1, 1 << 20);
  }
  return NULL;
}

/* One request below"#,
    ),
];

/// The component of a language; none where its toolchain is not there, which is said.
pub(crate) async fn guest(language: Language) -> Option<Hook> {
    let (file, changes) = match language {
        Language::Rust => ("src/lib.rs", RUST),
        Language::Js | Language::Ts => ("hook.js", JS),
        Language::Python => ("hook.py", PYTHON),
        Language::Go => ("hook.go", GO),
        Language::C => ("hook.c", C),
    };
    let bytes = {
        let scratch = Scratch::new(Path::new(env!("CARGO_TARGET_TMPDIR")), language, Kind::Provisioner);
        for (from, to) in changes.iter().chain(tokens::changes(language)) {
            scratch.replace(file, from, to);
        }
        let built = scratch.build()?.unwrap_or_else(|error| panic!("{error}"));
        std::fs::read(built.component).unwrap()
    };
    Some(load(&bytes).await)
}
