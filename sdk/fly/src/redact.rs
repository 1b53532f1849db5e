//! Takes out of a platform's object whatever may hold a secret.

use serde_json::{Map, Value};

/// What of a machine's configuration is passed on. Everything else is dropped, unknown fields too: a field that
/// nobody has looked at may hold a secret, and hooks do not need it.
const CONFIG_KEPT: [&str; 15] = [
    "auto_destroy",
    "checks",
    "disable_machine_autostart",
    "guest",
    "image",
    "metadata",
    "metrics",
    "mounts",
    "restart",
    "rootfs",
    "schedule",
    "services",
    "size",
    "standbys",
    "stop_config",
];

/// Fields that are dropped at any depth.
const DROPPED: [&str; 19] = [
    "authorization",
    "cmd",
    "credentials",
    "entrypoint",
    "env",
    "env_from",
    "environment",
    "exec",
    "files",
    "headers",
    "nonce",
    "password",
    "private_key",
    "processes",
    "raw_value",
    "secret",
    "secrets",
    "token",
    "tokens",
];

/// Drops environment, secrets, files, commands, headers and lease nonces from a machine's or an app's object.
///
/// Of `config` and `incomplete_config` only known harmless fields stay; elsewhere unknown fields stay. Metadata
/// stays as it is: tenants write it to be read. Repeating it changes nothing.
pub fn redact(object: &mut Value) {
    match object {
        Value::Object(fields) => redact_fields(fields),
        Value::Array(items) => items.iter_mut().for_each(redact),
        _ => {}
    }
}

fn redact_fields(fields: &mut Map<String, Value>) {
    fields.retain(|key, _| !DROPPED.contains(&key.to_ascii_lowercase().as_str()));
    for (key, value) in fields.iter_mut() {
        match (key.as_str(), value) {
            ("config" | "incomplete_config" | "user_config", Value::Object(config)) => redact_config(config),
            ("metadata", _) => {}
            (_, value) => redact(value),
        }
    }
}

fn redact_config(config: &mut Map<String, Value>) {
    config.retain(|key, _| CONFIG_KEPT.contains(&key.as_str()));
    redact_fields(config);
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn nothing_secret_survives_and_the_rest_does() {
        let mut machine = json!({
            "id": "14", "state": "started", "nonce": "hunter2", "unknown": {"kept": 1, "Token": "hunter2"},
            "lease": {"nonce": "hunter2", "owner": "a"},
            "config": {
                "image": "nginx", "env": {"A": "hunter2"}, "files": [{"raw_value": "hunter2"}],
                "metadata": {"plan": "pro", "env": "production"},
                "init": {"cmd": ["run", "--key=hunter2"]}, "containers": [{"env": {"A": "hunter2"}}],
                "processes": [{"env": {"A": "hunter2"}}], "never_seen": "hunter2",
                "checks": {"web": {"port": 80, "headers": [{"name": "Authorization", "values": ["hunter2"]}]}},
            },
            "incomplete_config": {"env": {"A": "hunter2"}, "image": "nginx"},
            "events": [{"type": "exit", "request": {"exit_event": {"exit_code": 1}, "secrets": ["hunter2"]}}],
        });
        redact(&mut machine);
        let once = machine.clone();
        redact(&mut machine);
        assert_eq!(machine, once);
        assert!(!machine.to_string().contains("hunter2"), "{machine}");
        assert_eq!(machine["config"]["metadata"], json!({"plan": "pro", "env": "production"}));
        assert_eq!(machine["config"]["checks"]["web"]["port"], 80);
        assert_eq!(machine["unknown"]["kept"], 1);
        assert_eq!(machine["events"][0]["request"]["exit_event"]["exit_code"], 1);
    }
}
