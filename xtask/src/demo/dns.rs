//! A PowerDNS of the demo's own, on loopback, with one zone and records that are nobody's business.
//!
//! Where PowerDNS is not installed, the fake that the binary carries takes its place; nothing answers resolvers then.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::{Context as _, ensure};
use groundcrew_unchecked::not_checked;
use serde_json::{Value, json};

use super::{Stage, dns_log, free_port, free_ports, until};
use crate::setup::installed;
use crate::toolchains;
use groundcrew_verdict::{Change, Set, Told};

pub(crate) const ZONE: &str = "example";
pub(crate) const KEY: &str = "demo-key-of-powerdns";

/// Where Debian puts the schema of the SQLite backend.
const SCHEMA: &str = "/usr/share/pdns-backend-sqlite3/schema/schema.sqlite3.sql";

/// A running server of PowerDNS' API.
pub(crate) struct Dns {
    child: Child,
    pub(crate) api: String,
    kind: Kind,
    /// What is nobody's business, as it was before anybody came.
    foreign: Vec<Set>,
    /// The last line of the log by then.
    since: u64,
}

/// What serves it.
enum Kind {
    /// PowerDNS itself, which answers resolvers at this port and keeps its zone here.
    PowerDns { port: u16, database: PathBuf },
    /// The fake, for want of this program.
    Fake { lacking: &'static str },
}

/// Records that were there before, and must be there afterwards.
const FOREIGN: [(&str, &str, &str); 5] = [
    ("mail.example.", "A", "192.0.2.10"),
    ("www.cust-3x.example.", "A", "192.0.2.11"),
    ("_gc-a.someone.example.", "TXT", "\"gc1:other-installation:aaaaaaaaaaaaaaaaaaaaaaaaaa\""),
    ("shop.example.", "CNAME", "mail.example."),
    ("example.", "TXT", "\"v=spf1 -all\""),
];

impl Dns {
    /// Starts PowerDNS, or the fake where a program that this takes is missing, and makes the zone.
    pub(crate) fn start(stage: &Stage) -> anyhow::Result<Self> {
        match ["pdns_server", "sqlite3", "dig"].into_iter().find(|program| !installed(program)) {
            None => Self::powerdns(stage),
            Some(lacking) => {
                not_checked("the demo's names in PowerDNS, by dig", "cargo xtask setup installs them");
                Self::fake(stage, lacking)
            }
        }
    }

    /// Starts the fake that the binary carries, and makes the zone.
    fn fake(stage: &Stage, lacking: &'static str) -> anyhow::Result<Self> {
        let port = free_port()?;
        let log = std::fs::File::create(stage.directory.join("dns.log"))?;
        let child = Command::new(&stage.binary)
            .args(["sim", "--listen", "127.0.0.1:0"])
            .args(["--dns", &format!("127.0.0.1:{port}"), "--dns-key", KEY])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .context("groundcrew sim --dns")?;
        Self::with_zone(child, port, Kind::Fake { lacking })
    }

    /// Starts PowerDNS and makes the zone.
    pub(crate) fn powerdns(stage: &Stage) -> anyhow::Result<Self> {
        let directory = stage.directory.join("powerdns");
        std::fs::create_dir_all(&directory)?;
        let database = directory.join("pdns.sqlite3");
        let mut sqlite = Command::new("sqlite3");
        sqlite.arg(&database).arg(format!(".read {SCHEMA}")).arg(dns_log::SCHEMA);
        let made = sqlite.output().context("sqlite3")?;
        ensure!(made.status.success(), "the schema of PowerDNS: {}", String::from_utf8_lossy(&made.stderr));
        let [api_port, port] = free_ports()?;
        std::fs::write(directory.join("pdns.conf"), configuration(&directory, &database, api_port, port))?;
        let log = std::fs::File::create(directory.join("log"))?;
        let child = Command::new("pdns_server")
            .env("PATH", toolchains::path()?)
            .arg(format!("--config-dir={}", directory.display()))
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log)
            .spawn()
            .context("pdns_server")?;
        Self::with_zone(child, api_port, Kind::PowerDns { port, database })
    }

    fn with_zone(child: Child, api_port: u16, kind: Kind) -> anyhow::Result<Self> {
        let api = format!("http://127.0.0.1:{api_port}");
        let mut dns = Self { child, api, kind, foreign: Vec::new(), since: 0 };
        until("the DNS server answers", Duration::from_secs(10), || Ok(dns.zone("").ok()))?;
        let zone = json!({"name": "example.", "kind": "Native", "nameservers": ["ns.example."]});
        dns.send("POST", "/zones", &zone)?;
        for (name, kind, content) in FOREIGN {
            dns.put(name, kind, content)?;
        }
        let foreign =
            |set: &Set| FOREIGN.iter().any(|(name, kind, _)| set.name == *name && set.kind == *kind);
        dns.foreign = dns.sets()?.into_iter().filter(foreign).collect();
        ensure!(dns.foreign.len() == FOREIGN.len(), "the zone has not what was written: {:?}", dns.foreign);
        dns.since = dns.log()?.last().context("the log of the DNS server is empty")?.0;
        Ok(dns)
    }

    /// What was there before.
    pub(crate) fn foreign(&self) -> &[Set] {
        &self.foreign
    }

    /// What was changed since, by the server's own log.
    pub(crate) fn changes(&self) -> anyhow::Result<Vec<Change>> {
        let later = self.log()?.into_iter().filter(|(seq, _)| *seq > self.since);
        Ok(later.map(|(_, change)| change).collect())
    }

    fn log(&self) -> anyhow::Result<Vec<(u64, Change)>> {
        match &self.kind {
            Kind::PowerDns { database, .. } => dns_log::of_powerdns(database),
            Kind::Fake { .. } => dns_log::of_fake(&self.api),
        }
    }

    /// Writes a record set, as anybody with the key could.
    pub(crate) fn put(&self, name: &str, kind: &str, content: &str) -> anyhow::Result<()> {
        self.send("PATCH", "/zones/example.", &set(name, kind, content))
    }

    /// Which it is.
    pub(crate) const fn name(&self) -> &'static str {
        match self.kind {
            Kind::PowerDns { .. } => "PowerDNS",
            Kind::Fake { .. } => "the fake DNS",
        }
    }

    /// Which it is, and why.
    pub(crate) fn what(&self) -> String {
        match self.kind {
            Kind::PowerDns { .. } => "PowerDNS".to_owned(),
            Kind::Fake { lacking } => format!("the built-in fake of PowerDNS ({lacking} is not on the PATH)"),
        }
    }

    /// All record sets of the zone.
    pub(crate) fn sets(&self) -> anyhow::Result<Vec<Set>> {
        let zone = self.zone("/example.")?;
        let text = |value: &Value, field: &str| value[field].as_str().unwrap_or_default().to_owned();
        let record = |record: &Value| {
            let told = if record["disabled"] == true { Told::No } else { Told::Yes };
            (text(record, "content"), told)
        };
        let set = |set: &Value| Set {
            name: text(set, "name"),
            kind: text(set, "type"),
            ttl: set["ttl"].as_u64().unwrap_or_default(),
            records: set["records"].as_array().into_iter().flatten().map(record).collect(),
        };
        Ok(zone["rrsets"].as_array().context("the zone has no record sets")?.iter().map(set).collect())
    }

    /// What a resolver is told, by `dig`; none if nothing answers resolvers.
    pub(crate) fn dig(&self, name: &str, kind: &str) -> anyhow::Result<Option<Vec<String>>> {
        let Kind::PowerDns { port, .. } = self.kind else { return Ok(None) };
        let mut dig = Command::new("dig");
        dig.args(["@127.0.0.1", "-p", &port.to_string(), "+short", "+time=2", "+tries=2", name, kind]);
        let output = dig.output().context("dig")?;
        ensure!(output.status.success(), "dig {name} {kind}: {}", output.status);
        Ok(Some(String::from_utf8_lossy(&output.stdout).lines().map(str::to_owned).collect()))
    }

    fn zone(&self, zone: &str) -> anyhow::Result<Value> {
        let url = format!("{}/api/v1/servers/localhost/zones{zone}", self.api);
        Ok(ureq::get(&url).header("x-api-key", KEY).call()?.body_mut().read_json()?)
    }

    fn send(&self, method: &str, path: &str, body: &Value) -> anyhow::Result<()> {
        let url = format!("{}/api/v1/servers/localhost{path}", self.api);
        let request = if method == "POST" { ureq::post(&url) } else { ureq::patch(&url) };
        request.header("x-api-key", KEY).send_json(body)?;
        Ok(())
    }
}

impl Drop for Dns {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

fn set(name: &str, kind: &str, content: &str) -> Value {
    json!({"rrsets": [{"name": name, "type": kind, "ttl": 300, "changetype": "REPLACE",
        "records": [{"content": content, "disabled": false}]}]})
}

fn configuration(directory: &Path, database: &Path, api_port: u16, port: u16) -> String {
    format!(
        "launch=gsqlite3\ngsqlite3-database={}\nsocket-dir={}\ndaemon=no\nguardian=no\ndisable-syslog=yes\n\
         local-address=127.0.0.1\nlocal-port={port}\napi=yes\napi-key={KEY}\nwebserver=yes\n\
         webserver-address=127.0.0.1\nwebserver-port={api_port}\nwebserver-allow-from=127.0.0.1\n\
         cache-ttl=0\nquery-cache-ttl=0\nnegquery-cache-ttl=0\nzone-cache-refresh-interval=0\n",
        database.display(),
        directory.display()
    )
}
