//! What the figures were measured on.

use serde_json::{Value, json};

/// The machine, in a few words that anybody can compare with theirs.
pub(crate) fn machine(floors: &Value, peers: &Value, notes: &Value) -> Value {
    let read = |path: &str| std::fs::read_to_string(path).unwrap_or_default();
    let field = |text: &str, name: &str| {
        let line = text.lines().find(|line| line.starts_with(name))?;
        Some(line.split_once(':')?.1.trim().to_owned())
    };
    json!({
        "cpu": field(&read("/proc/cpuinfo"), "model name"),
        "cores": std::thread::available_parallelism().map_or(1, usize::from),
        "memory": field(&read("/proc/meminfo"), "MemTotal"),
        "kernel": read("/proc/sys/kernel/osrelease").trim(),
        "load_before": load(),
        "floors": floors,
        "peers": peers,
        "notes": notes,
    })
}

/// The mean load of the last minute: what else runs disturbs every figure.
pub(crate) fn load() -> Option<f64> {
    std::fs::read_to_string("/proc/loadavg").ok()?.split(' ').next()?.parse().ok()
}
