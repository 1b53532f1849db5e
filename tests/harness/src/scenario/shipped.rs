//! Scripts for what ships: hooks of the binary, Fly, a name server.

use groundcrew::prove::Doing;
use groundcrew_flysim::dns::DnsKnobs;
use groundcrew_flysim::{Action, Knobs};
use groundcrew_outside::Purpose;
use serde_json::Value;

use super::{SERVER, Scenario, sees};
use crate::neighbours::{Act, FLY, PDNS, REGISTRY, ZONE};
use crate::s3;

/// How long after an app's end on the platform the source confirms it, in milliseconds.
const CONFIRMED_AFTER: i64 = 2_000;

/// A record set as somebody else writes it; empty: deletes it.
#[derive(Clone, Debug)]
pub struct Foreign {
    pub(crate) name: &'static str,
    pub(crate) kind: &'static str,
    pub(crate) contents: &'static [&'static str],
    pub(crate) told: Telling,
}

/// Whether resolvers are told of a record set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Telling {
    /// They are.
    On,
    /// Its records are disabled: it is there, and nobody who resolves sees it.
    Off,
}

impl Scenario {
    /// The stanza of `builtin:fly-ip`, as its user writes it, called `ip`; `config` is what is in its table's braces.
    #[must_use]
    pub fn fly_ip(self, config: &str, lines: &str) -> Self {
        self.hook(&format!(
            "[hook.ip]\nuse = \"builtin:fly-ip\"\nconfig = {{ api = \"{{fly.api}}\", {config} }}\ngone = \"delete\"\n{lines}\n\
             secret.FLY_TOKEN = {{ from = \"FLY\", at = \"header:authorization\", format = \"fly\", to = \"{{fly.api}}\" }}\n\
             allow = [\"GET,POST,DELETE {{fly.api}}/v1/apps/{{app}}/ip_assignments*\"]\n"
        ))
    }

    /// The stanza of `builtin:fly-cert`, called `cert`: names are the label `names`.
    #[must_use]
    pub fn fly_cert(self, lines: &str) -> Self {
        self.fly_cert_of("\"{labels.names}\"", lines)
    }

    /// The same of these names.
    #[must_use]
    pub fn fly_cert_of(self, names: &str, lines: &str) -> Self {
        self.hook(&format!(
            "[hook.cert]\nuse = \"builtin:fly-cert\"\nconfig = {{ api = \"{{fly.api}}\", names = {names} }}\n\
             gone = \"delete\"\n{lines}\n\
             secret.FLY_TOKEN = {{ from = \"FLY\", at = \"header:authorization\", format = \"fly\", to = \"{{fly.api}}\" }}\n\
             allow = [\"GET,POST,DELETE {{fly.api}}/v1/apps/{{app}}/certificates*\"]\n"
        ))
    }

    /// The stanza of `builtin:fly-addon`, called `store`, with these `add_ons`.
    #[must_use]
    pub fn fly_addon(self, add_ons: &str, lines: &str) -> Self {
        self.hook(&format!(
            "[hook.store]\nuse = \"builtin:fly-addon\"\ngone = \"delete\"\n{lines}\n\
             config = {{ graphql = \"{FLY}/graphql\", org = \"acme\", add_ons = [{add_ons}] }}\n\
             secret.FLY_TOKEN = {{ from = \"FLY\", at = \"header:authorization\", format = \"fly\", to = \"{FLY}\" }}\n\
             allow = [\"GRAPHQL POST {FLY}/graphql\"]\n"
        ))
    }

    /// The stanza of `builtin:fly-secret`, called `secrets`, with these `values`: a table, or a word for one.
    #[must_use]
    pub fn fly_secret(self, values: &str, lines: &str) -> Self {
        self.hook(&format!(
            "[hook.secrets]\nuse = \"builtin:fly-secret\"\ngone = \"delete\"\n{lines}\n\
             config = {{ values = {values} }}\n\
             secret.FLY_TOKEN = {{ from = \"FLY\", at = \"header:authorization\", format = \"fly\", to = \"{{fly.api}}\" }}\n\
             allow = [\"GET,POST {{fly.api}}/v1/apps/{{app}}/secrets*\"]\n"
        ))
    }

    /// The stanza of `builtin:fly-postgres`, called `db`: each app has a cluster, `APP-db`.
    #[must_use]
    pub fn fly_postgres(self, lines: &str) -> Self {
        self.hook(&format!(
            "[hook.db]\nuse = \"builtin:fly-postgres\"\ngone = \"delete\"\n{lines}\n\
             config = {{ org = \"acme\", name = \"{{app}}-db\", region = \"{{labels.region}}\", plan = \"basic\" }}\n\
             secret.FLY_TOKEN = {{ from = \"FLY\", at = \"header:authorization\", format = \"fly\", to = \"{{fly.api}}\" }}\n\
             allow = [\"GET,POST,DELETE {{fly.api}}/v1/postgres*\"]\n"
        ))
    }

    /// The stanza of `builtin:register`, called `register`, with this `document` of each app in [`REGISTRY`].
    #[must_use]
    pub fn register(self, document: &str, knobs: groundcrew_outside::Knobs, lines: &str) -> Self {
        let stanza = format!(
            "[hook.register]\nuse = \"builtin:register\"\ngone = \"delete\"\n{lines}\n\
             config = {{ server = \"{SERVER}\", path = \"registry/{{app}}\", document = {{ {document} }}, mark = \"mark\", auth = \"none\" }}\n\
             allow = [\"GET,PUT,DELETE {SERVER}{REGISTRY}/*\"]\n"
        );
        self.collection(REGISTRY, knobs).hook(&stanza)
    }

    /// The stanza of `builtin:bucket`, called `bucket`: each app has a bucket, which is emptied before it goes.
    #[must_use]
    pub fn bucket(self, lines: &str) -> Self {
        let (at, prefix) = (s3::AT, s3::PREFIX);
        self.hook(&format!(
            "[hook.bucket]\nuse = \"builtin:bucket\"\ngone = \"delete\"\n{lines}\n\
             config = {{ endpoint = \"{at}\", prefix = \"{prefix}\", names = \"{prefix}{{app}}\", empty = true }}\n\
             secret.AWS = {{ from = \"AWS\", sign = \"sigv4\", region = \"us-east-1\", service = \"s3\", to = \"{at}\" }}\n\
             allow = [\"GET {at}/\", \"GET,PUT,POST,DELETE {at}/{prefix}*\"]\n"
        ))
    }

    /// The stanza of `builtin:dns`, called `dns`, with these `records`.
    #[must_use]
    pub fn dns(self, records: &str, lines: &str) -> Self {
        self.hook(&format!(
            "[hook.dns]\nuse = \"builtin:dns\"\ngone = \"delete\"\n{lines}\n\
             config = {{ server = \"{PDNS}\", zone = \"{ZONE}\", ttl = 60, records = [{records}] }}\n\
             secret.API_TOKEN = {{ from = \"PDNS\", at = \"header:x-api-key\", to = \"{PDNS}\" }}\n\
             allow = [\"GET,PATCH {PDNS}/api/v1/servers/localhost/zones/{ZONE}*\"]\n"
        ))
    }

    /// A stanza, instead of that of the guest `things`.
    pub(super) fn hook(mut self, stanza: &str) -> Self {
        self.hooks.get_or_insert_default().push_str(stanza);
        self
    }

    /// An app is there from then on, on Fly and for the source, or its labels change.
    #[must_use]
    pub fn app(self, at: i64, app: &'static str, labels: Value) -> Self {
        self.app_again(at, app, 1, labels)
    }

    /// The same of a later incarnation.
    #[must_use]
    pub fn app_again(self, at: i64, app: &'static str, incarnation: u32, labels: Value) -> Self {
        let create = Action::CreateApp { name: app.to_owned(), org: None };
        let sighting = sees((app, None), incarnation, Some(labels));
        self.doing(at, Doing::Beside(Act::Fly(create))).doing(at, sighting)
    }

    /// An app is deleted on Fly; a little later the source confirms its end.
    #[must_use]
    pub fn app_ends(self, at: i64, app: &'static str, incarnation: u32) -> Self {
        let delete = Action::DeleteApp { app: app.to_owned() };
        let sighting = sees((app, None), incarnation, None);
        self.doing(at, Doing::Beside(Act::Fly(delete))).doing(at + CONFIRMED_AFTER, sighting)
    }

    /// Something happens on Fly.
    #[must_use]
    pub fn fly(self, at: i64, action: Action) -> Self {
        self.doing(at, Doing::Beside(Act::Fly(action)))
    }

    /// The simulator's knobs are turned.
    #[must_use]
    pub fn turn(self, at: i64, turn: fn(&mut Knobs)) -> Self {
        self.doing(at, Doing::Beside(Act::Turn(turn)))
    }

    /// The knobs of the fake of PowerDNS are turned.
    #[must_use]
    pub fn turn_dns(self, at: i64, turn: fn(&mut DnsKnobs)) -> Self {
        self.doing(at, Doing::Beside(Act::TurnDns(turn)))
    }

    /// Something happens in the store of objects.
    #[must_use]
    pub fn s3(self, at: i64, act: s3::Act) -> Self {
        self.doing(at, Doing::Beside(Act::S3(act)))
    }

    /// Somebody else writes a record set; without contents: deletes it.
    #[must_use]
    pub fn foreign(
        self,
        at: i64,
        kind: &'static str,
        name: &'static str,
        contents: &'static [&'static str],
    ) -> Self {
        self.doing(at, Doing::Beside(Act::Foreign(Foreign { name, kind, contents, told: Telling::On })))
    }

    /// Somebody else writes a record set and disables it.
    #[must_use]
    pub fn foreign_disabled(
        self,
        at: i64,
        kind: &'static str,
        name: &'static str,
        contents: &'static [&'static str],
    ) -> Self {
        self.doing(at, Doing::Beside(Act::Foreign(Foreign { name, kind, contents, told: Telling::Off })))
    }

    /// At the end these record sets of ours are there, each with its mark.
    #[must_use]
    pub fn expects_records(mut self, keys: &[&str]) -> Self {
        for key in keys {
            let (kind, name) = key.split_once('/').expect("invariant: scripts name record sets KIND/NAME");
            let mark = format!("TXT/_gc-{}.{name}", kind.to_ascii_lowercase());
            self.expects.extend([Purpose::new(ZONE, *key), Purpose::new(ZONE, mark)]);
        }
        self
    }
}

/// The whole configuration's head, as far as it is the same in every scenario.
pub(crate) fn head(installation: &str) -> String {
    format!(
        "installation = \"{installation}\"\nlevel = \"enforce\"\n\
         [source.fly]\norg = \"acme\"\ntoken = \"FLY\"\nurl = \"{FLY}\"\n\
         [secrets]\nTELL = {{ env = \"TELL\" }}\nFLY = {{ env = \"FLY\" }}\nPDNS = {{ env = \"PDNS\" }}\nAWS = {{ env = \"AWS\" }}\n"
    )
}
