//! The configuration, as the operator has written it by then.

use std::path::Path;

use groundcrew::config::{Config, Environment};

use super::act::Change;
use super::ways::LABELS;
use super::{Month, Pace};
use crate::hooks::manifest_of;
use crate::neighbours::{FLY, PDNS, PDNS_KEY, ZONE};
use crate::scenario::{INSTALLATION, SERVER};

/// The hook that looks at where names lead, and the audit in which it does.
pub(super) const AUDITOR: &str = "dangling";
pub(super) const AUDIT: &str = "names";

/// All changes so far, in order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Edition(Vec<Change>);

/// What is the same in every stanza: short graces, and what strangers changed is mended.
const POLICY: &str = "gone = \"delete\"\ngone_adopted = \"delete\"\ndrift = \"repair\"\n\
                      grace = { gone = \"10m\", unwanted = \"10m\" }\n";

/// The token with which hooks ask the platform.
const TOKEN: &str = "secret.FLY_TOKEN = { from = \"FLY\", at = \"header:authorization\", format = \"fly\", to = \"{fly.api}\" }\n";

impl Edition {
    pub(super) fn change(&mut self, change: Change) {
        self.0.push(change);
    }

    pub(super) fn has(&self, change: Change) -> bool {
        self.0.contains(&change)
    }

    /// Which component the hook `things` is.
    fn things(&self) -> &'static str {
        let component = |change: &Change| match change {
            Change::Rebuilt => Some("things-rebuilt.wasm"),
            Change::Next => Some("things-next.wasm"),
            Change::First => Some("things.wasm"),
            _ => None,
        };
        self.0.iter().rev().find_map(component).unwrap_or("things.wasm")
    }

    /// Whether every app has the thing that only the next version wants.
    pub(super) fn has_extra(&self) -> bool {
        self.things() == "things-next.wasm"
    }

    /// Whether the hook `base` asks for its second thing.
    pub(super) fn has_second(&self) -> bool {
        !self.has(Change::LessBase)
    }

    /// Where the hook `base` works.
    pub(super) fn base_at(&self) -> &'static str {
        if self.has(Change::BaseRetained) || self.has(Change::BaseBoth) { "three" } else { "two" }
    }

    /// Whether what is at the first place of `base` is to stay there.
    pub(super) fn keeps_old_base(&self) -> bool {
        self.has(Change::BaseRetained) || self.has(Change::BaseBoth) && !self.has(Change::BaseBefore)
    }

    pub(super) fn has_machines(&self) -> bool {
        let of = |change: &&Change| matches!(change, Change::MachinesDetached | Change::MachinesBack);
        self.0.iter().rfind(of) != Some(&Change::MachinesDetached) && !self.has(Change::MachinesDropped)
    }

    /// Whether every machine is to have its thing: not once its hook is being removed.
    pub(super) fn keeps_machines(&self) -> bool {
        !self.has(Change::MachinesRemoved) || self.has(Change::MachinesKept)
    }

    /// What the hook that was called this at first is called by now.
    pub(super) fn called(&self, hook: &'static str) -> &'static str {
        let renamed = [
            ("dns", Change::DnsRenamed, "records"),
            ("ip", Change::IpRenamed, "address"),
            ("tell", Change::TellRenamed, "news"),
        ];
        let now = renamed.into_iter().find(|(first, change, _)| *first == hook && self.has(*change));
        now.map_or(hook, |(.., now)| now)
    }

    fn text(&self, month: &Month) -> String {
        let (poll, every) = match month.pace {
            Pace::Shipped => ("", ""),
            Pace::Seldom => (
                "poll = \"10m\"\nhot_every = \"1m\"\nhot_for = \"2m\"\nrotation = \"6h\"\n",
                "every = \"12h\"\n",
            ),
        };
        let mut text = format!(
            "installation = \"{INSTALLATION}\"\nlevel = \"enforce\"\n\
             [source.fly]\norg = \"acme\"\ntoken = \"FLY\"\nurl = \"{FLY}\"\n\
             {poll}\
             [labels.billing]\nurl = \"{LABELS}/{{org}}/{{app}}\"\n{every}values = {{ wants = \"list\" }}\n\
             [secrets]\nTELL = {{ env = \"TELL\" }}\nFLY = {{ env = \"FLY\" }}\nPDNS = {{ env = \"PDNS\" }}\n"
        );
        text += &stanza("things", self.things(), "one", "\"{labels.wants}\"");
        let base = |key: &str| format!("{{ kind = \"natural\", key = \"{{app}}-{key}\", value = 1 }}");
        let asked = if self.has_second() {
            format!("[{}, {}]", base("a"), base("b"))
        } else {
            format!("[{}]", base("a"))
        };
        text += &stanza("base", "things.wasm", self.base_at(), &asked);
        if self.has(Change::BaseBefore) {
            text += &stanza("base-before", "things.wasm", "two", "[]");
        }
        if self.has_machines() {
            let key = "[{ kind = \"marked\", key = \"{machine}\", value = 1 }]";
            text += &stanza("mach", "machine-things.wasm", "four", key);
        }
        text += &self.shipped();
        if !month.is_without("audits") {
            text += &audited();
        }
        text
    }

    /// Read as the binary reads it.
    pub(super) fn config(&self, month: &Month) -> Config {
        let environment = Environment::fixed([
            ("TELL".to_owned(), format!("{SERVER}/told")),
            ("FLY".to_owned(), "fo1_token_of_the_harness".to_owned()),
            ("PDNS".to_owned(), PDNS_KEY.to_owned()),
        ]);
        let parsed =
            Config::parse("month.toml", &self.text(month), Path::new("/"), &environment, &manifest_of);
        parsed.unwrap_or_else(|report| panic!("invariant: the month's configuration is right\n{report}"))
    }

    /// The hooks that are used as they ship: an address, a record that says it, and who is told.
    fn shipped(&self) -> String {
        let [ip, dns, tell] = ["ip", "dns", "tell"].map(|hook| self.called(hook));
        format!(
            "[hook.{ip}]\nuse = \"builtin:fly-ip\"\n{POLICY}\
             config = {{ api = \"{{fly.api}}\", v4 = \"none\", v6 = \"dedicated\" }}\n\
             {TOKEN}\
             allow = [\"GET,POST,DELETE {{fly.api}}/v1/apps/{{app}}/ip_assignments*\"]\n\
             [hook.{dns}]\nuse = \"builtin:dns\"\n{POLICY}reads = [\"{ip}\"]\n\
             config = {{ server = \"{PDNS}\", zone = \"{ZONE}\", ttl = 60, \
             records = [{{ name = \"www.{{app}}.{ZONE}\", type = \"AAAA\", values = [\"{{{ip}.v6}}\"] }}] }}\n\
             secret.API_TOKEN = {{ from = \"PDNS\", at = \"header:x-api-key\", to = \"{PDNS}\" }}\n\
             allow = [\"GET,PATCH {PDNS}/api/v1/servers/localhost/zones/{ZONE}*\"]\n\
             [hook.{tell}]\nuse = \"builtin:notify\"\non = [\"app.*\", \"machine.*\"]\n\
             config = {{ to = \"standard-webhooks\" }}\nsecret.URL = {{ from = \"TELL\", at = \"url\" }}\n"
        )
    }
}

fn stanza(name: &str, component: &str, place: &str, things: &str) -> String {
    format!(
        "[hook.{name}]\nuse = \"{component}\"\n{POLICY}\
         config = {{ server = \"{SERVER}/{place}\", things = {things} }}\n\
         allow = [\"GET,POST,PUT,DELETE {{config.server}}/*\"]\n"
    )
}

/// The auditor that looks at where names lead, as it ships, four times a day.
fn audited() -> String {
    format!(
        "[hook.{AUDITOR}]\nuse = \"builtin:dangling\"\n\
         config = {{ api = \"{{fly.api}}\", org = \"acme\", server = \"{PDNS}\", zone = \"{ZONE}\" }}\n\
         {TOKEN}\
         secret.API_TOKEN = {{ from = \"PDNS\", at = \"header:x-api-key\", to = \"{PDNS}\" }}\n\
         allow = [\"GET {{fly.api}}/v1/apps*\", \"GET {PDNS}/api/v1/servers/localhost/zones/{ZONE}*\"]\n\
         [audit.{AUDIT}]\nhooks = [\"{AUDITOR}\"]\ncron = \"0 */6 * * *\"\nmissed = {{ run = \"once\", within = \"6h\" }}\n"
    )
}
