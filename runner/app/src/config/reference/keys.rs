//! The table of keys. What has a default has its meaning in the table of defaults.

/// One key of the configuration.
pub(super) struct Key {
    /// `table.key`; `NAME` is a name of the operator's. The file itself is the empty name.
    pub(super) name: &'static str,
    /// What may stand there.
    pub(super) shape: Shape,
    /// Whether its table is refused without it.
    pub(super) must: Must,
    /// What it means.
    pub(super) meaning: &'static str,
}

/// Whether a key must be there.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Must {
    Be,
    Not,
}

/// What a value looks like.
#[derive(Clone, Copy)]
pub(super) enum Shape {
    Text,
    Texts,
    Choice(&'static [&'static str]),
    Duration,
    DurationOrNever,
    DurationOrByKind,
    Missed,
    Rate,
    Share,
    Position,
    Place,
    Count(u32, u32),
    /// A table whose keys somebody else knows.
    Open,
    /// A table of tables by names of the operator's.
    Names,
    /// A table with keys of this list.
    Table,
}

impl Shape {
    pub(super) const fn is_table(self) -> bool {
        matches!(self, Self::Table)
    }

    /// Whether its keys are keys of this list.
    pub(super) const fn holds_keys(self) -> bool {
        matches!(self, Self::Table | Self::Names)
    }

    /// What may stand there, for people.
    pub(super) fn words(self) -> String {
        match self {
            Self::Text => "text".to_owned(),
            Self::Texts => "list of texts".to_owned(),
            Self::Choice(words) => {
                words.iter().map(|word| format!("`{word}`")).collect::<Vec<_>>().join(", ")
            }
            Self::Duration => "time".to_owned(),
            Self::DurationOrNever => "time or `never`".to_owned(),
            Self::DurationOrByKind => "time, or a table of times by kind of thing".to_owned(),
            Self::Missed => "`skip`, or a table with `run` and `within`".to_owned(),
            Self::Rate => "rate".to_owned(),
            Self::Share => "share".to_owned(),
            Self::Position => "`header:NAME` or `url`".to_owned(),
            Self::Place => "`header:NAME` or `json:POINTER`".to_owned(),
            Self::Count(least, most) => format!("{least} to {most}"),
            Self::Open | Self::Names | Self::Table => "table".to_owned(),
        }
    }
}

const fn key(name: &'static str, shape: Shape, must: Must, meaning: &'static str) -> Key {
    Key { name, shape, must, meaning }
}

const fn optional(name: &'static str, shape: Shape, meaning: &'static str) -> Key {
    key(name, shape, Must::Not, meaning)
}

const fn required(name: &'static str, shape: Shape, meaning: &'static str) -> Key {
    key(name, shape, Must::Be, meaning)
}

/// A key whose meaning is in the table of defaults.
const fn default(name: &'static str, shape: Shape) -> Key {
    key(name, shape, Must::Not, "")
}

const LEVELS: Shape = Shape::Choice(&["observe", "no-deletes", "enforce"]);
const ON_GONE: Shape = Shape::Choice(&["delete", "retain", "report"]);

/// All keys, each after the table in which it stands.
pub(super) const KEYS: &[Key] = &[
    required(
        "installation",
        Shape::Text,
        "who we are in every ownership mark: 1 to 32 characters of [a-z0-9-]",
    ),
    default("level", LEVELS),
    default("reconcile", Shape::Duration),
    optional("store", Shape::Table, "where things are kept, and how long"),
    default("store.path", Shape::Text),
    optional(
        "store.url",
        Shape::Text,
        "the database file instead of `path`: `sqlite:FILE`; its directory is the data directory",
    ),
    optional("store.keep", Shape::Table, "how long history is kept"),
    default("store.keep.runs", Shape::Duration),
    default("store.keep.bodies", Shape::Duration),
    default("store.keep.acts", Shape::Duration),
    optional(
        "http",
        Shape::Table,
        "the HTTP API on the network; without this table only the socket in the data directory is served",
    ),
    default("http.listen", Shape::Text),
    optional(
        "http.token",
        Shape::Text,
        "the secret that `POST /v1/events` must bear; without it nobody may post",
    ),
    optional("secrets", Shape::Names, "the operator's secrets by name; values are never in this file"),
    optional("secrets.NAME", Shape::Table, "where one secret's value is: exactly one of the two"),
    optional("secrets.NAME.env", Shape::Text, "an environment variable"),
    optional("secrets.NAME.file", Shape::Text, "a file; it is read again when it changes"),
    optional("source", Shape::Table, "what tells of apps and machines"),
    optional("source.fly", Shape::Table, "an organisation on Fly"),
    required("source.fly.org", Shape::Text, "its slug, as in `fly orgs list`"),
    required("source.fly.token", Shape::Text, "the secret to read with; a read-only token is enough"),
    optional(
        "source.fly.retire_token",
        Shape::Text,
        "the secret with which `groundcrew retire` cordons, stops and destroys machines; without it, it is refused",
    ),
    default("source.fly.url", Shape::Text),
    default("source.fly.poll", Shape::Duration),
    default("source.fly.hot_every", Shape::Duration),
    default("source.fly.hot_for", Shape::Duration),
    default("source.fly.rotation", Shape::Duration),
    default("source.fly.rotation_cap", Shape::Rate),
    optional("source.fly.vanish_max", Shape::Table, "how many apps gone at once are too many to be believed"),
    default("source.fly.vanish_max.share", Shape::Share),
    default("source.fly.vanish_max.floor", Shape::Count(0, 100_000)),
    default("source.fly.vanish_max.within", Shape::Duration),
    optional("source.ndjson", Shape::Table, "lines of JSON, from a file or standard input"),
    required("source.ndjson.path", Shape::Text, "the file; `-` is standard input"),
    default("source.ndjson.org", Shape::Text),
    optional("labels", Shape::Names, "endpoints that say what the platform does not know of an app"),
    optional("labels.NAME", Shape::Table, "one endpoint"),
    required("labels.NAME.url", Shape::Text, "its address, with `{app}` and perhaps `{org}`"),
    optional(
        "labels.NAME.secret",
        Shape::Open,
        "secrets by the operator's names, and where each is put: `header:NAME`",
    ),
    required(
        "labels.NAME.values",
        Shape::Open,
        "the labels it may give, and their types: string, number, bool, list",
    ),
    default("labels.NAME.every", Shape::Duration),
    default("labels.NAME.timeout", Shape::Duration),
    optional("scope", Shape::Names, "choices of apps by name"),
    optional("scope.NAME", Shape::Table, "one choice"),
    required(
        "scope.NAME.apps",
        Shape::Texts,
        "patterns of which one must match; `*` stands for any characters",
    ),
    optional("scope.NAME.except", Shape::Texts, "patterns of which none may match"),
    optional("hook", Shape::Names, "stanzas: each is one hook at work"),
    optional(
        "hook.NAME",
        Shape::Table,
        "one hook at work; `groundcrew inspect` says what its component takes",
    ),
    required("hook.NAME.use", Shape::Text, "the component: `builtin:NAME`, or a file"),
    optional("hook.NAME.manifest", Shape::Text, "the manifest's file, for components that carry none"),
    optional(
        "hook.NAME.candidate",
        Shape::Text,
        "a component that may take its place, as in `use`: each run is played with it, too, offline, and compared",
    ),
    optional(
        "hook.NAME.promote_after",
        Shape::Count(1, 1_000_000),
        "with `candidate`: after so many equal runs in a row, one of them a write if its runs write, it takes the place by itself; never, if left out",
    ),
    optional("hook.NAME.scope", Shape::Text, "the apps it works for; all, if left out"),
    optional(
        "hook.NAME.config",
        Shape::Open,
        "its configuration, as its manifest's schema says; texts may hold `{app}`, `{org}`, `{labels.NAME}`, `{HOOK.OUTPUT}`",
    ),
    default("hook.NAME.level", LEVELS),
    optional(
        "hook.NAME.allow",
        Shape::Texts,
        "what it may reach: `METHODS scheme://host[:port]/path*`, with `{app}`, `{config.x}`, `{fly.api}`; `READ` before it: a POST that only reads; `GRAPHQL` before it: a POST whose queries read and whose mutations write; `private` after it: private addresses, too",
    ),
    optional("hook.NAME.secret", Shape::Names, "the secrets it may use, by its own names"),
    optional("hook.NAME.secret.NAME", Shape::Table, "one secret of a hook"),
    required("hook.NAME.secret.NAME.from", Shape::Text, "the operator's name of it"),
    optional(
        "hook.NAME.secret.NAME.at",
        Shape::Position,
        "where the host puts the value; not needed for a secret that only signs",
    ),
    optional(
        "hook.NAME.secret.NAME.to",
        Shape::Text,
        "the host that it may be sent to; `at = \"url\"` names its own",
    ),
    optional(
        "hook.NAME.secret.NAME.format",
        Shape::Choice(&["plain", "fly"]),
        "how it is written there: as it is, or as `Bearer`/`FlyV1`",
    ),
    optional(
        "hook.NAME.secret.NAME.sign",
        Shape::Choice(&["sigv4", "standard-webhooks"]),
        "what the host signs with it; for `sigv4` its value is `ACCESS_KEY_ID:SECRET`",
    ),
    optional(
        "hook.NAME.secret.NAME.region",
        Shape::Text,
        "`sigv4`, required: the region, such as `eu-central-1`",
    ),
    optional("hook.NAME.secret.NAME.service", Shape::Text, "`sigv4`, required: the service, such as `s3`"),
    optional(
        "hook.NAME.sealed",
        Shape::Names,
        "where sealed outputs of hooks that it reads may be put, by `HOOK.OUTPUT`",
    ),
    optional("hook.NAME.sealed.NAME", Shape::Table, "where one sealed output may be put"),
    required(
        "hook.NAME.sealed.NAME.at",
        Shape::Place,
        "the place: `header:NAME` or `json:POINTER`, with `*` for any element",
    ),
    required("hook.NAME.sealed.NAME.to", Shape::Text, "the host that it may be sent to"),
    optional(
        "hook.NAME.on",
        Shape::Texts,
        "handlers: kinds of events, such as `app.*`; required for them unless the manifest says",
    ),
    optional(
        "hook.NAME.cron",
        Shape::Text,
        "handlers: when it is told `tick`, as in crontab(5): minute, hour, day of month, month, day of week; or `@daily` and the like",
    ),
    default("hook.NAME.timezone", Shape::Text),
    default("hook.NAME.jitter", Shape::Duration),
    default("hook.NAME.overlap", Shape::Choice(&["skip", "queue-one", "cancel"])),
    default("hook.NAME.missed", Shape::Missed),
    optional("hook.NAME.reads", Shape::Texts, "provisioners: hooks whose outputs it reads"),
    optional("hook.NAME.gone", ON_GONE, "provisioners, required: what becomes of things whose owner is gone"),
    default("hook.NAME.gone_adopted", ON_GONE),
    optional("hook.NAME.grace", Shape::Table, "provisioners: how long things stay before they go"),
    default("hook.NAME.grace.gone", Shape::DurationOrNever),
    default("hook.NAME.grace.unwanted", Shape::DurationOrNever),
    default("hook.NAME.adopt", Shape::Choice(&["never", "marked", "exact"])),
    default("hook.NAME.drift", Shape::Choice(&["repair", "report", "accept"])),
    optional(
        "hook.NAME.drift_every",
        Shape::Duration,
        "provisioners: how often everything at the target is listed, and what changed is looked at; a hook that cannot list looks at its things one by one; without it they are looked at one by one, daily",
    ),
    default("hook.NAME.teardown_wait", Shape::Duration),
    optional(
        "hook.NAME.settle",
        Shape::DurationOrByKind,
        "provisioners: how long the API may hide what was made; longer than the manifest's",
    ),
    optional("hook.NAME.limits", Shape::Table, "how much at once"),
    optional("hook.NAME.limits.deletes", Shape::Table, "provisioners: how many deletes are too many"),
    default("hook.NAME.limits.deletes.share", Shape::Share),
    default("hook.NAME.limits.deletes.floor", Shape::Count(0, 100_000)),
    default("hook.NAME.limits.deletes.within", Shape::Duration),
    default("hook.NAME.limits.parallel", Shape::Count(1, 1_000)),
    default("hook.NAME.limits.rate", Shape::Rate),
    optional("audit", Shape::Names, "audits: hooks that look together, on a schedule"),
    optional("audit.NAME", Shape::Table, "one audit"),
    required(
        "audit.NAME.hooks",
        Shape::Texts,
        "the stanzas, in the order in which they look: auditors, and provisioners whose inventory is compared with the ledger",
    ),
    required(
        "audit.NAME.cron",
        Shape::Text,
        "when, as in crontab(5): minute, hour, day of month, month, day of week; or `@daily` and the like",
    ),
    default("audit.NAME.timezone", Shape::Text),
    default("audit.NAME.jitter", Shape::Duration),
    default("audit.NAME.overlap", Shape::Choice(&["skip", "queue-one", "cancel"])),
    default("audit.NAME.missed", Shape::Missed),
    default("audit.NAME.remedy", Shape::Choice(&["report", "enforce"])),
    optional(
        "audit.NAME.codes",
        Shape::Texts,
        "`enforce`, required: the codes of the findings that are mended",
    ),
    optional(
        "audit.NAME.grace",
        Shape::Duration,
        "`enforce`, required: how long a finding must have been seen before it is mended",
    ),
    optional("audit.NAME.deletes", Shape::Table, "`enforce`: how many at once are too many"),
    default("audit.NAME.deletes.share", Shape::Share),
    default("audit.NAME.deletes.floor", Shape::Count(0, 100_000)),
    default("audit.NAME.deletes.within", Shape::Duration),
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::defaults;

    #[test]
    fn every_default_is_a_key_and_every_key_has_a_meaning() {
        for default in defaults() {
            assert!(KEYS.iter().any(|key| key.name == default.name), "{}", default.name);
        }
        for key in KEYS {
            let told = defaults().iter().any(|default| default.name == key.name);
            assert_ne!(told, !key.meaning.is_empty(), "{} has one meaning", key.name);
        }
    }
}
