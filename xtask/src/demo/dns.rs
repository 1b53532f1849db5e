//! A PowerDNS of the demo's own, on loopback, with one zone and records that are nobody's business.

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::{Context as _, ensure};
use serde_json::{Value, json};

use super::{Stage, free_port, until};

pub(crate) const ZONE: &str = "example";
pub(crate) const KEY: &str = "demo-key-of-powerdns";

/// Where Debian puts the schema of the SQLite backend.
const SCHEMA: &str = "/usr/share/pdns-backend-sqlite3/schema/schema.sqlite3.sql";

/// A running PowerDNS.
pub(crate) struct PowerDns {
    child: Child,
    pub(crate) api: String,
    port: u16,
}

/// Records that were there before, and must be there afterwards.
pub(crate) const FOREIGN: [(&str, &str, &str); 5] = [
    ("mail.example.", "A", "192.0.2.10"),
    ("www.cust-3x.example.", "A", "192.0.2.11"),
    ("_gc-a.someone.example.", "TXT", "\"gc1:other-installation:aaaaaaaaaaaaaaaaaaaaaaaaaa\""),
    ("shop.example.", "CNAME", "mail.example."),
    ("example.", "TXT", "\"v=spf1 -all\""),
];

impl PowerDns {
    /// Starts it and makes the zone.
    pub(crate) fn start(stage: &Stage) -> anyhow::Result<Self> {
        let directory = stage.directory.join("powerdns");
        std::fs::create_dir_all(&directory)?;
        let database = directory.join("pdns.sqlite3");
        let read = format!(".read {SCHEMA}");
        let made = Command::new("sqlite3").arg(&database).arg(read).output().context("sqlite3")?;
        ensure!(made.status.success(), "the schema of PowerDNS: {}", String::from_utf8_lossy(&made.stderr));
        let (api_port, port) = (free_port()?, free_port()?);
        std::fs::write(directory.join("pdns.conf"), configuration(&directory, &database, api_port, port))?;
        let log = std::fs::File::create(directory.join("log"))?;
        let child = Command::new("pdns_server")
            .arg(format!("--config-dir={}", directory.display()))
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log)
            .spawn()
            .context("pdns_server")?;
        let api = format!("http://127.0.0.1:{api_port}");
        let dns = Self { child, api, port };
        until("PowerDNS answers", Duration::from_secs(10), || Ok(dns.zone("").ok()))?;
        let zone = json!({"name": "example.", "kind": "Native", "nameservers": ["ns.example."]});
        dns.send("POST", "/zones", &zone)?;
        for (name, kind, content) in FOREIGN {
            dns.send("PATCH", "/zones/example.", &set(name, kind, content))?;
        }
        Ok(dns)
    }

    /// All record sets of the zone: (name, type, contents).
    pub(crate) fn sets(&self) -> anyhow::Result<Vec<(String, String, Vec<String>)>> {
        let zone = self.zone("/example.")?;
        let text = |value: &Value, field: &str| value[field].as_str().unwrap_or_default().to_owned();
        let set = |set: &Value| {
            let records = set["records"].as_array().cloned().unwrap_or_default();
            (
                text(set, "name"),
                text(set, "type"),
                records.iter().map(|record| text(record, "content")).collect(),
            )
        };
        Ok(zone["rrsets"].as_array().context("the zone has no record sets")?.iter().map(set).collect())
    }

    /// What a resolver is told, by `dig`.
    pub(crate) fn dig(&self, name: &str, kind: &str) -> anyhow::Result<Vec<String>> {
        let mut dig = Command::new("dig");
        dig.args(["@127.0.0.1", "-p", &self.port.to_string(), "+short", "+time=2", "+tries=2", name, kind]);
        let output = dig.output().context("dig")?;
        ensure!(output.status.success(), "dig {name} {kind}: {}", output.status);
        Ok(String::from_utf8_lossy(&output.stdout).lines().map(str::to_owned).collect())
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

impl Drop for PowerDns {
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
