//! The provisioner of each language's template, which can also be told to misbehave by its want's key, and what
//! [`tokens`] adds.

use groundcrew_author::{Kind, Language};
use groundcrew_engine::run::Hook;

use super::misbehaving::{Change, made};
use super::tokens;

/// The columns; TypeScript is JavaScript once it is built.
pub(crate) const LANGUAGES: [Language; 5] =
    [Language::Rust, Language::Js, Language::Python, Language::Go, Language::C];

const RUST: &[Change] = &[(
    "    fn create(want: &Want) -> Result<Thing> {\n",
    "    fn create(want: &Want) -> Result<Thing> {\n        misbehave(&want.key)?;\n",
)];

const JS: &[Change] = &[
    ("import { config, hook,", "import { Failure, lasting, config, hook,"),
    ("  create(want) {\n", "  create(want) {\n    misbehave(want.key);\n"),
];

const PYTHON: &[Change] = &[
    ("from groundcrew_hook import config,", "from groundcrew_hook import Err, Failure, lasting, config,"),
    (
        "        body = read(Body, want.body)\n        return shown(fetch(\"POST\"",
        "        misbehave(want.key)\n        body = read(Body, want.body)\n        return shown(fetch(\"POST\"",
    ),
];

const GO: &[Change] = &[
    ("import (\n", "import (\n\t\"bytes\"\n\t\"time\"\n"),
    (
        "(want provision.Want) (hook.Thing, error) {\n\treturn write(\"POST\"",
        "(want provision.Want) (hook.Thing, error) {\n\tif err := misbehave(want.Key); err != nil {\n\t\treturn hook.Thing{}, err\n\t}\n\treturn write(\"POST\"",
    ),
];

const C: &[Change] = &[
    ("#include <string.h>\n", "#include <stdlib.h>\n#include <string.h>\n"),
    (
        "hook_failure *provision_create(const hook_want *want, hook_thing *made) {\n",
        "hook_failure *provision_create(const hook_want *want, hook_thing *made) {\n  HOOK_TRY(misbehave(want->key));\n",
    ),
];

/// The component of a language; none where its toolchain is not there, which is said.
pub(crate) async fn guest(language: Language) -> Option<Hook> {
    let changes = match language {
        Language::Rust => RUST,
        Language::Js | Language::Ts => JS,
        Language::Python => PYTHON,
        Language::Go => GO,
        Language::C => C,
    };
    made(language, Kind::Provisioner, &[changes, tokens::changes(language)]).await
}
