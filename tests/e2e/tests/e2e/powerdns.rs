//! A PowerDNS of the scene's own, on loopback, with an empty zone `example`.

use std::process::{Child, Command, Stdio};

use groundcrew_unchecked::not_checked;
use serde_json::{Value, json};

use crate::scene::{Scene, agent, free_port};

/// The key of its API.
pub(crate) const KEY: &str = "key-of-the-nameserver";

/// Where Debian puts the schema of the SQLite backend.
const SCHEMA: &str = "/usr/share/pdns-backend-sqlite3/schema/schema.sqlite3.sql";

/// A running PowerDNS.
#[derive(Debug)]
pub(crate) struct PowerDns {
    child: Child,
    /// Where its API is.
    pub(crate) api: String,
    /// Where it answers resolvers.
    port: u16,
}

impl PowerDns {
    /// Starts it and makes the zone. Without PowerDNS on this machine there is none, and that is said loudly.
    pub(crate) fn start(scene: &Scene) -> Option<Self> {
        let directory = scene.directory.path().join("powerdns");
        std::fs::create_dir(&directory).unwrap();
        let database = directory.join("pdns.sqlite3");
        let made = Command::new("sqlite3").arg(&database).arg(format!(".read {SCHEMA}")).output();
        if !made.is_ok_and(|made| made.status.success()) {
            not_checked(
                "the binary against PowerDNS",
                "cargo xtask setup installs it, its schema and sqlite3",
            );
            return None;
        }
        let (port, asked) = (free_port(), free_port());
        let lines = [
            "launch=gsqlite3".to_owned(),
            format!("gsqlite3-database={}", database.display()),
            format!("socket-dir={}", directory.display()),
            "daemon=no\nguardian=no\ndisable-syslog=yes\nlocal-address=127.0.0.1".to_owned(),
            format!("local-port={asked}\ncache-ttl=0\nquery-cache-ttl=0\nnegquery-cache-ttl=0"),
            format!("api=yes\napi-key={KEY}\nwebserver=yes\nwebserver-address=127.0.0.1"),
            format!("webserver-port={port}\nwebserver-allow-from=127.0.0.1\nzone-cache-refresh-interval=0"),
        ];
        std::fs::write(directory.join("pdns.conf"), lines.join("\n")).unwrap();
        let log = std::fs::File::create(directory.join("log")).unwrap();
        let mut server = Command::new("pdns_server");
        server
            .arg(format!("--config-dir={}", directory.display()))
            .stdin(Stdio::null())
            .stdout(Stdio::null());
        let Ok(child) = server.stderr(log).spawn() else {
            not_checked("the binary against PowerDNS", "cargo xtask setup installs it");
            return None;
        };
        let dns = Self { child, api: format!("http://127.0.0.1:{port}"), port: asked };
        scene.until_so("PowerDNS answers", || dns.ask("").is_some());
        let zone = json!({"name": "example.", "kind": "Native", "nameservers": ["ns.example."]});
        let url = format!("{}/api/v1/servers/localhost/zones", dns.api);
        let made = agent().post(url).header("x-api-key", KEY).send_json(zone).unwrap();
        assert_eq!(made.status(), 201);
        Some(dns)
    }

    /// The contents of a record set; empty if there is none.
    pub(crate) fn contents(&self, name: &str, kind: &str) -> Vec<String> {
        let zone = self.ask("/example.").unwrap();
        let sets = zone["rrsets"].as_array().unwrap();
        let set = sets.iter().find(|set| set["name"] == format!("{name}.") && set["type"] == kind);
        let records = set.and_then(|set| set["records"].as_array()).into_iter().flatten();
        records.map(|record| record["content"].as_str().unwrap().to_owned()).collect()
    }

    /// The same as somebody is told who looks the name up, with a program that is none of ours; none: it is not here.
    pub(crate) fn looked_up(&self, name: &str, kind: &str) -> Option<Vec<String>> {
        let port = self.port.to_string();
        let asks = ["@127.0.0.1", "-p", &port, "+short", "+tries=1", "+time=5", name, kind];
        let Ok(answer) = Command::new("dig").args(asks).output() else {
            not_checked("what PowerDNS answers resolvers", "apt-get install dnsutils");
            return None;
        };
        let said = String::from_utf8_lossy(&answer.stdout).into_owned();
        assert!(answer.status.success(), "{said}");
        Some(said.lines().map(str::to_owned).collect())
    }

    fn ask(&self, zone: &str) -> Option<Value> {
        let url = format!("{}/api/v1/servers/localhost/zones{zone}", self.api);
        agent().get(url).header("x-api-key", KEY).call().ok()?.body_mut().read_json().ok()
    }
}

impl Drop for PowerDns {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}
