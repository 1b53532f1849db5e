//! Which addresses apps have, and had twice, by the platform's log.

use std::collections::BTreeMap;

use serde_json::Value;

/// Addresses by app, and which kinds an app had twice at any moment.
pub(super) struct Addresses {
    held: BTreeMap<String, Vec<(&'static str, String)>>,
    /// How often apps ended, whether or not they came back.
    ended: BTreeMap<String, usize>,
    pub(super) doubled: Vec<String>,
    /// What clients took from an app that lived, and had no other of the kind then.
    pub(super) torn: Vec<String>,
}

impl Addresses {
    /// Walks along the log.
    pub(super) fn of(log: &[Value]) -> Self {
        let mut addresses =
            Self { held: BTreeMap::new(), ended: BTreeMap::new(), doubled: Vec::new(), torn: Vec::new() };
        for effect in log {
            let app = effect["app"].as_str().unwrap_or_default().to_owned();
            match effect["what"].as_str().unwrap_or_default() {
                "ip.allocated" => addresses.allocated(&app, address(effect)),
                "ip.released" => {
                    let (ip, by_client) = (address(effect), effect["by"] == "client");
                    let (kind, held) = (kind(&ip), addresses.held.entry(app.clone()).or_default());
                    let before = held.len();
                    held.retain(|(_, held)| *held != ip);
                    if by_client && held.len() < before && !held.iter().any(|(other, _)| *other == kind) {
                        addresses.torn.push(format!("{kind} of {app}"));
                    }
                }
                "app.deleted" => {
                    addresses.held.remove(&app);
                    *addresses.ended.entry(app).or_default() += 1;
                }
                _ => {}
            }
        }
        addresses
    }

    fn allocated(&mut self, app: &str, ip: String) {
        let kind = kind(&ip);
        let held = self.held.entry(app.to_owned()).or_default();
        if held.iter().any(|(other, _)| *other == kind) {
            self.doubled.push(format!("{kind} of {app}"));
        }
        held.push((kind, ip));
    }

    /// How often an app ended, and may have come back.
    pub(super) fn ends(&self, app: u32) -> usize {
        self.ended.get(&format!("cust-{app}")).copied().unwrap_or_default()
    }

    /// Whether an app has an address of a kind.
    pub(super) fn has(&self, app: u32, kind: &str) -> bool {
        self.of_app(app).any(|(held, _)| *held == kind)
    }

    /// Whether an app has this IPv4 address.
    pub(super) fn holds(&self, app: u32, ip: &str) -> bool {
        self.of_app(app).any(|(kind, held)| *kind == "v4" && held == ip)
    }

    /// How many addresses apps have that do not live.
    pub(super) fn without(&self, lives: impl Fn(u32) -> bool) -> usize {
        let number = |app: &str| app.strip_prefix("cust-").and_then(|number| number.parse().ok());
        let dead = self.held.iter().filter(|(app, _)| !number(app).is_some_and(&lives));
        dead.map(|(_, held)| held.len()).sum()
    }

    fn of_app(&self, app: u32) -> impl Iterator<Item = &(&'static str, String)> {
        self.held.get(&format!("cust-{app}")).into_iter().flatten()
    }
}

fn kind(address: &str) -> &'static str {
    if address.contains(':') { "v6" } else { "v4" }
}

fn address(effect: &Value) -> String {
    let detail = &effect["detail"];
    let found = [&detail["ip"], &effect["subject"], &detail["address"]].into_iter().find_map(Value::as_str);
    found.unwrap_or_default().to_owned()
}
