//! Hooks of every kind that can be told to misbehave, made from the languages' templates.

use std::path::Path;

use groundcrew_author::testing::Scratch;
use groundcrew_author::{Kind, Language};
use groundcrew_engine::run::Hook;

use crate::support::load;

/// A change of a source: what is replaced, and with what.
pub(super) type Change = (&'static str, &'static str);

const RUST: &str = r#"fn misbehave(what: &str) -> Result<()> {
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
}"#;

const JS: &str = r#"function misbehave(what) {
  if (what === "later") throw new Failure("not now", { afterMs: 7000 });
  if (what === "never") throw lasting("never: \u{1f4a7}");
  if (what === "crash") null.f();
  while (what === "loop");
  const all = [];
  while (what === "memory") all.push(new Uint8Array(1 << 20).fill(1));
}"#;

const PYTHON: &str = r#"def misbehave(what):
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
"#;

const GO: &str = r#"func misbehave(what string) error {
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
}"#;

const C: &str = r#"static hook_failure *misbehave(const char *what) {
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
}"#;

/// Where a template's source is, and before what the function goes that misbehaves as it is told.
const fn at(language: Language, kind: Kind) -> (&'static str, &'static str, &'static str) {
    let (file, text) = match language {
        Language::Rust => ("src/lib.rs", RUST),
        Language::Js | Language::Ts => ("hook.js", JS),
        Language::Python => ("hook.py", PYTHON),
        Language::Go => ("hook.go", GO),
        Language::C => ("hook.c", C),
    };
    let before = match (language, kind) {
        (Language::Rust, _) => "/// The hook. It holds nothing",
        (Language::Js | Language::Ts, Kind::Provisioner) => "const url = ",
        (Language::Js | Language::Ts, _) => "// An error that is thrown",
        (Language::Python, Kind::Provisioner) => "def url(rest=\"\"):\n",
        (Language::Python, _) => "# An exception that nobody catches",
        (Language::Go, Kind::Provisioner) => "type page struct",
        (Language::Go, _) => "// It holds nothing",
        (Language::C, Kind::Provisioner) => "/* One request below",
        (Language::C, Kind::Handler) => "/* Told at least once",
        (Language::C, Kind::Auditor) => "/* One page; the cursor",
    };
    (file, text, before)
}

/// The component of a language's template, changed; none where its toolchain is not there, which is said.
pub(super) async fn made(language: Language, kind: Kind, changes: &[&[Change]]) -> Option<Hook> {
    let (file, text, before) = at(language, kind);
    let bytes = {
        let scratch = Scratch::new(Path::new(env!("CARGO_TARGET_TMPDIR")), language, kind);
        scratch.replace(file, before, &format!("{text}\n\n{before}"));
        for (from, to) in changes.concat() {
            scratch.replace(file, from, to);
        }
        let built = scratch.build()?.unwrap_or_else(|error| panic!("{error}"));
        std::fs::read(built.component).unwrap()
    };
    Some(load(&bytes).await)
}
