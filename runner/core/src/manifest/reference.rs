//! Every key of a manifest, in one table: the reference page is made of it.
//!
//! A test compares the table with what the reader of manifests takes, and reads every example.

use std::fmt::Write as _;

/// One key.
struct Key {
    /// `table.key`; `NAME` is a name of the author's.
    name: &'static str,
    /// What may stand there.
    value: &'static str,
    /// What holds without it; `required` where nothing does.
    default: &'static str,
    /// What it means.
    meaning: &'static str,
    /// The key as somebody would write it.
    example: &'static str,
}

const fn key(
    name: &'static str,
    value: &'static str,
    default: &'static str,
    meaning: &'static str,
    example: &'static str,
) -> Key {
    Key { name, value, default, meaning, example }
}

/// All keys, table by table.
const KEYS: &[Key] = &[
    key(
        "name",
        "text",
        "required",
        "the hook's name: `[a-z][a-z0-9-]*`, at most 40 characters; with the identity fields of `config` it is the target of what the hook makes",
        "name = \"cdn-zone\"",
    ),
    key("about", "text", "none", "one line for people", "about = \"A zone at the CDN for every app.\""),
    key(
        "owner",
        "`app`, `machine`",
        "`app`",
        "for whom a provisioner works: it is asked once for each of them",
        "owner = \"machine\"",
    ),
    key(
        "watches",
        "list of `labels`, `state`, `members`, `inputs`",
        "`[]`",
        "what of the world `desired` looks at: the rest of its view stays empty, and only a change of these asks again",
        "watches = [\"labels\", \"inputs\"]",
    ),
    key(
        "on",
        "list of texts",
        "`[]`",
        "the kinds of events that a handler wants unless the stanza says otherwise; `*` at the end matches the rest",
        "on = [\"app.*\", \"machine.started\"]",
    ),
    key(
        "reports",
        "list of texts",
        "`[]`",
        "the codes of an auditor's findings: two or more words of `[a-z0-9-]` with dots between, at most 64 characters; it makes the hook an auditor, which has neither `on` nor `kind`",
        "reports = [\"volume.unattached\"]",
    ),
    key(
        "harmless",
        "list of texts",
        "`[]`",
        "those of `reports` whose remedy takes nothing away: neither grace nor window is for them",
        "harmless = [\"budget.resume\"]",
    ),
    key(
        "kind.NAME",
        "table",
        "none",
        "a provisioner's kind of things, by its name, as in `spec.kind`",
        "[kind.record]",
    ),
    key(
        "kind.NAME.create",
        "`natural`, `keyed`, `marked`, `anonymous`",
        "required",
        "how the API tells one creation from the next. `natural`: the key names the thing, a second creation is refused or does nothing. `keyed`: an idempotency key is honoured. `marked`: the thing carries our mark from the moment it exists. `anonymous`: nothing tells ours from another",
        "create = \"natural\"",
    ),
    key(
        "kind.NAME.settle",
        "time",
        "required",
        "how long the API may hide what it made: for so long nothing that is not found is made again",
        "settle = \"30s\"",
    ),
    key(
        "kind.NAME.lives",
        "`outside`, `in-owner`",
        "required",
        "whether a thing outlives its owner until it is removed, or dies with it, as an app's addresses do",
        "lives = \"outside\"",
    ),
    key(
        "kind.NAME.remembers",
        "time",
        "none",
        "how long an idempotency key holds; for class `keyed` alone, and required there",
        "remembers = \"24h\"",
    ),
    key(
        "kind.NAME.immutable",
        "list of texts",
        "`[]`",
        "fields of the body that cannot change: a change means another thing in its place",
        "immutable = [\"type\"]",
    ),
    key(
        "kind.NAME.shown_as",
        "table of texts",
        "`{}`",
        "fields of the body that the API never shows, each with the field that it shows instead: a digest, a version",
        "shown_as = { value = \"digest\" }",
    ),
    key(
        "kind.NAME.reused",
        "`true`, `false`",
        "`false`",
        "whether its address is given to others afterwards: it then waits for all readers before it goes",
        "reused = true",
    ),
    key(
        "kind.NAME.data",
        "`true`, `false`",
        "`false`",
        "whether it holds data: the operator must say `grace.gone`",
        "data = true",
    ),
    key(
        "kind.NAME.outputs_once",
        "list of texts",
        "`[]`",
        "outputs that cannot be read again: a lost answer means another thing in its place",
        "outputs_once = [\"secret_key\"]",
    ),
    key(
        "kind.NAME.schema",
        "table",
        "none",
        "the JSON Schema of `spec.body`",
        "schema = { type = \"object\", required = [\"value\"] }",
    ),
    key(
        "config",
        "table",
        "none",
        "the JSON Schema of the stanza's `config`, checked before the hook ever runs. A property may say `identity = true`: it then is part of the target",
        "config = { type = \"object\", properties = { server = { type = \"string\", identity = true } } }",
    ),
    key("asks", "table", "none", "what the hook asks to be granted, always", "[asks]"),
    key(
        "asks.secrets",
        "list of texts",
        "`[]`",
        "`NAME at POSITION to HOST`: secrets by the hook's own names, and where their values go. `NAME signing sigv4 to HOST`: what the host signs with",
        "secrets = [\"API_TOKEN at header:x-api-key to {config.server}\"]",
    ),
    key(
        "asks.allow",
        "list of texts",
        "`[]`",
        "grants, `METHODS URL`: `{config.x}`, `{fly.api}`, `{app}` and `{org}` are filled in, `*` at the end matches the rest",
        "allow = [\"GET,PATCH {config.server}/zones/{config.zone}*\"]",
    ),
    key(
        "asks.when",
        "list of tables",
        "`[]`",
        "what it asks for besides, under a condition",
        "[[asks.when]]",
    ),
    key(
        "asks.when.config",
        "table",
        "required",
        "fields of the configuration and the value that each must have, defaults filled in",
        "config = { dialect = \"powerdns\" }",
    ),
    key(
        "asks.when.secrets",
        "list of texts",
        "`[]`",
        "as in `asks`",
        "secrets = [\"API_TOKEN at header:x-api-key\"]",
    ),
    key("asks.when.allow", "list of texts", "`[]`", "as in `asks`", "allow = [\"GET {config.server}/*\"]"),
];

const INTRODUCTION: &str = "\
# The manifest

`hook.toml` says what a hook is; `groundcrew build` puts it into the component, in the custom section
`groundcrew:manifest`, and `groundcrew inspect` shows it. Unknown keys are refused. This page is made by
`cargo xtask docs`.

`[kind.*]` makes a hook a provisioner, `reports` an auditor, neither a handler. Lengths of time are a number and `ms`,
`s`, `m`, `h` or `d`. `NAME` is a name of the author's.
";

/// The reference page, in Markdown.
pub fn reference() -> String {
    let mut page = INTRODUCTION.to_owned();
    for (table, title) in
        [("", "Keys"), ("kind.NAME", "`[kind.NAME]`"), ("asks", "`[asks]`"), ("asks.when", "`[[asks.when]]`")]
    {
        let _ = write!(
            page,
            "\n## {title}\n\n| key | value | default | meaning | example |\n|---|---|---|---|---|\n"
        );
        for key in KEYS.iter().filter(|key| table_of(key.name) == table) {
            let Key { name, value, default, meaning, example } = key;
            let name = if *name == "kind.NAME" { name } else { name.rsplit('.').next().unwrap_or(name) };
            let _ = writeln!(page, "| `{name}` | {value} | {default} | {meaning} | `{example}` |");
        }
    }
    page
}

/// The table in which a key stands; the manifest itself is the empty name.
fn table_of(name: &str) -> &str {
    if name == "kind.NAME" { "" } else { name.rsplit_once('.').map_or("", |(table, _)| table) }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::super::Manifest;
    use super::*;

    /// A manifest with what its tables need, and a line in one of them.
    fn manifest(table: &str, line: &str) -> String {
        let of = |at: &str| if table == at { line } else { "" };
        let says = |key: &str, at: &str| table == at && line.split(' ').next() == Some(key);
        let unless = |said: bool, text: &str| if said { String::new() } else { text.to_owned() };
        let needed = [("create", "\"natural\""), ("settle", "\"1s\""), ("lives", "\"outside\"")];
        let needed =
            needed.map(|(key, value)| unless(says(key, "kind.NAME"), &format!("{key} = {value}\n"))).concat();
        let kind = if table == "kind.NAME" { format!("[kind.a]\n{needed}{line}\n") } else { String::new() };
        let name = unless(says("name", ""), "name = \"x\"\n");
        let under = unless(says("config", "asks.when"), "config = { dialect = \"x\" }\n");
        // A condition needs a configuration with its field.
        let conditions =
            format!("[[asks.when]]\n{under}{}\n[config.properties]\ndialect = {{}}\n", of("asks.when"));
        let conditions = unless(says("config", ""), &conditions);
        format!("{name}{}\n{kind}[asks]\n{}\n{conditions}", of(""), of("asks"))
    }

    #[test]
    fn the_table_has_the_keys_that_manifests_have() {
        for table in ["", "kind.NAME", "asks", "asks.when"] {
            let refused = Manifest::parse(&manifest(table, "zzz = 1")).unwrap_err().to_string();
            let (_, offered) =
                refused.split_once("expected one of ").unwrap_or_else(|| panic!("{table}: {refused}"));
            let offered: BTreeSet<_> =
                offered.lines().next().unwrap().split(", ").map(|key| key.trim_matches('`')).collect();
            let known = KEYS.iter().filter(|key| table_of(key.name) == table);
            let known: BTreeSet<_> = known
                .map(
                    |key| if key.name == "kind.NAME" { "kind" } else { key.name.rsplit('.').next().unwrap() },
                )
                .collect();
            assert_eq!(known, offered, "{table}");
        }
    }

    #[test]
    fn what_is_required_is_required_and_every_example_is_read() {
        for key in KEYS {
            let table = table_of(key.name);
            let text = match (key.name, key.example) {
                ("kind.NAME" | "asks" | "asks.when", _) => continue,
                (_, example) if example.starts_with("remembers") => {
                    manifest(table, &format!("{example}\ncreate = \"keyed\""))
                        .replace("create = \"natural\"\n", "")
                }
                (_, example) if example.starts_with("harmless") => {
                    manifest(table, &format!("{example}\nreports = [\"budget.resume\"]"))
                }
                (_, example) => manifest(table, example),
            };
            let read = Manifest::parse(&text);
            assert!(read.is_ok(), "{}: {}\n{text}", key.name, read.unwrap_err());
            if key.default == "required" {
                let without = Manifest::parse(&text.replace(key.example, "")).unwrap_err().to_string();
                assert!(without.contains("missing field"), "{}: {without}", key.name);
            }
        }
    }
}
