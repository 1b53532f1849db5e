//! Stanzas of what ships and makes nothing of its own: handlers and auditors.

use groundcrew::prove::{Doing, Sighting};
use serde_json::Value;

use super::{SERVER, Scenario};
use crate::neighbours::{FLY, PDNS, REGISTRY, ZONE};

/// An auditor that ships, as its user writes it.
struct Auditor {
    /// What it is called, also as a hook and an audit.
    name: &'static str,
    /// Its configuration, but for the organisation.
    config: &'static str,
    /// Lines of its stanza.
    stanza: &'static str,
    /// What it mends, if anything.
    mends: Option<&'static str>,
}

/// `$FLY`, `$PDNS` and `$ZONE` are the neighbours'.
const AUDITORS: [Auditor; 5] = [
    Auditor {
        name: "idle",
        config: "days = 1",
        stanza: "allow = [\"GET {fly.api}/v1/apps/*\"]",
        mends: None,
    },
    Auditor {
        name: "budget",
        config: "ceilings = [{ usd = 0.5 }]",
        stanza: "allow = [\"GET {fly.api}/v1/*\", \"POST {fly.api}/v1/apps/{app}/machines/*\"]",
        mends: Some("budget.exceeded"),
    },
    Auditor {
        name: "volume-reaper",
        config: "names = [\"data_<machine>\"], days = 1",
        stanza: "allow = [\"GET {fly.api}/v1/*\", \"DELETE {fly.api}/v1/apps/{app}/volumes/*\"]",
        mends: Some("volume.reapable"),
    },
    Auditor {
        name: "orphans",
        config: "graphql = \"$FLY\", idle_days = 1, remove_volumes = true",
        stanza: "secret.FLY_GRAPHQL_TOKEN = { from = \"FLY\", at = \"header:authorization\", format = \"fly\", to = \"$FLY\" }\n\
                 allow = [\"GET {fly.api}/v1/*\", \"READ POST $FLY/graphql\", \"DELETE {fly.api}/v1/apps/{app}/volumes/*\"]",
        mends: Some("volume.unattached"),
    },
    Auditor {
        name: "dangling",
        config: "server = \"$PDNS\", zone = \"$ZONE\", remove = true",
        stanza: "secret.API_TOKEN = { from = \"PDNS\", at = \"header:x-api-key\", to = \"$PDNS\" }\n\
                 allow = [\"GET {fly.api}/v1/apps*\", \"GET,PATCH $PDNS/api/v1/servers/localhost/zones/$ZONE*\"]",
        mends: Some("dns.dangling-cname"),
    },
];

impl Auditor {
    fn lines(&self) -> String {
        let Self { name, config, stanza, mends } = self;
        let remedy = mends.map_or_else(String::new, |code| {
            format!(
                "remedy = \"enforce\"\ncodes = [\"{code}\"]\ngrace = \"1h\"\ndeletes = {{ share = \"100%\", floor = 100 }}\n"
            )
        });
        let lines = format!(
            "[hook.{name}]\nuse = \"builtin:{name}\"\nconfig = {{ org = \"acme\", {config} }}\n\
             secret.FLY_TOKEN = {{ from = \"FLY\", at = \"header:authorization\", format = \"fly\", to = \"{{fly.api}}\" }}\n\
             {stanza}\n[audit.{name}]\nhooks = [\"{name}\"]\ncron = \"0 3 * * *\"\n{remedy}"
        );
        lines.replace("$FLY", FLY).replace("$PDNS", PDNS).replace("$ZONE", ZONE)
    }
}

impl Scenario {
    /// The stanza of `builtin:notify`, called `tell`: a receiver is told of apps.
    #[must_use]
    pub fn notify(self) -> Self {
        self.hook(
            "[hook.tell]\nuse = \"builtin:notify\"\non = [\"app.*\"]\nconfig = { to = \"standard-webhooks\" }\n\
             secret.URL = { from = \"TELL\", at = \"url\" }\n",
        )
    }

    /// The stanza of `builtin:archive`, called `archive`: last words of machines become documents of [`REGISTRY`].
    #[must_use]
    pub fn archive(self) -> Self {
        self.collection(REGISTRY, groundcrew_outside::Knobs::natural()).hook(&format!(
            "[hook.archive]\nuse = \"builtin:archive\"\non = [\"machine.*\"]\n\
             config = {{ server = \"{SERVER}\", path = \"{REGISTRY}/{{machine}}\" }}\n\
             secret.AWS = {{ from = \"AWS\", sign = \"sigv4\", region = \"us-east-1\", service = \"s3\", to = \"{SERVER}\" }}\n\
             allow = [\"PUT {{config.server}}/*\"]\n"
        ))
    }

    /// The stanzas of all auditors that ship, each under its name and with an audit of its own; what may be mended is.
    #[must_use]
    pub fn auditors(self) -> Self {
        AUDITORS.iter().fold(self, |scenario, auditor| scenario.hook(&auditor.lines()))
    }

    /// All audits are run.
    #[must_use]
    pub fn looks(self, at: i64) -> Self {
        self.doing(at, Doing::Look)
    }

    /// A source sees a machine: with labels as it is, without them at its end.
    #[must_use]
    pub fn machine(self, at: i64, (app, machine): (&str, &str), event: &str, labels: Option<Value>) -> Self {
        let (app, machine, event) = (app.to_owned(), Some(machine.to_owned()), Some(event.to_owned()));
        let data = Value::Null;
        self.doing(at, Doing::Sees(Sighting { app, machine, incarnation: 1, labels, event, data }))
    }
}
