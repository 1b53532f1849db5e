//! The first-party hooks that this binary carries: `use = "builtin:dns"`.

use groundcrew_engine::inspect::embed;

const HOOKS: [(&str, &[u8], &str); 15] = [
    (
        "archive",
        include_bytes!(concat!(env!("OUT_DIR"), "/archive.wasm")),
        include_str!("../../../hooks/archive/hook.toml"),
    ),
    (
        "bucket",
        include_bytes!(concat!(env!("OUT_DIR"), "/bucket.wasm")),
        include_str!("../../../hooks/bucket/hook.toml"),
    ),
    (
        "budget",
        include_bytes!(concat!(env!("OUT_DIR"), "/budget.wasm")),
        include_str!("../../../hooks/budget/hook.toml"),
    ),
    (
        "dangling",
        include_bytes!(concat!(env!("OUT_DIR"), "/dangling.wasm")),
        include_str!("../../../hooks/dangling/hook.toml"),
    ),
    (
        "dns",
        include_bytes!(concat!(env!("OUT_DIR"), "/dns.wasm")),
        include_str!("../../../hooks/dns/hook.toml"),
    ),
    (
        "fly-addon",
        include_bytes!(concat!(env!("OUT_DIR"), "/fly-addon.wasm")),
        include_str!("../../../hooks/fly-addon/hook.toml"),
    ),
    (
        "fly-cert",
        include_bytes!(concat!(env!("OUT_DIR"), "/fly-cert.wasm")),
        include_str!("../../../hooks/fly-cert/hook.toml"),
    ),
    (
        "fly-ip",
        include_bytes!(concat!(env!("OUT_DIR"), "/fly-ip.wasm")),
        include_str!("../../../hooks/fly-ip/hook.toml"),
    ),
    (
        "fly-postgres",
        include_bytes!(concat!(env!("OUT_DIR"), "/fly-postgres.wasm")),
        include_str!("../../../hooks/fly-postgres/hook.toml"),
    ),
    (
        "fly-secret",
        include_bytes!(concat!(env!("OUT_DIR"), "/fly-secret.wasm")),
        include_str!("../../../hooks/fly-secret/hook.toml"),
    ),
    (
        "idle",
        include_bytes!(concat!(env!("OUT_DIR"), "/idle.wasm")),
        include_str!("../../../hooks/idle/hook.toml"),
    ),
    (
        "notify",
        include_bytes!(concat!(env!("OUT_DIR"), "/notify.wasm")),
        include_str!("../../../hooks/notify/hook.toml"),
    ),
    (
        "orphans",
        include_bytes!(concat!(env!("OUT_DIR"), "/orphans.wasm")),
        include_str!("../../../hooks/orphans/hook.toml"),
    ),
    (
        "register",
        include_bytes!(concat!(env!("OUT_DIR"), "/register.wasm")),
        include_str!("../../../hooks/register/hook.toml"),
    ),
    (
        "volume-reaper",
        include_bytes!(concat!(env!("OUT_DIR"), "/volume-reaper.wasm")),
        include_str!("../../../hooks/volume-reaper/hook.toml"),
    ),
];

/// Their names, sorted.
pub fn names() -> Vec<&'static str> {
    HOOKS.iter().map(|(name, ..)| *name).collect()
}

/// The component of one, manifest included.
pub fn component(name: &str) -> Option<Vec<u8>> {
    HOOKS.iter().find(|(known, ..)| *known == name).map(|(_, bytes, manifest)| embed(bytes, manifest))
}

/// The manifest's text of one.
pub fn manifest(name: &str) -> Option<&'static str> {
    HOOKS.iter().find(|(known, ..)| *known == name).map(|(.., manifest)| *manifest)
}

#[cfg(test)]
mod tests {
    use super::*;
    use groundcrew_engine::inspect::inspect;

    #[test]
    fn every_builtin_is_a_component_with_its_manifest() {
        for name in names() {
            let inspected = inspect(&component(name).unwrap()).unwrap();
            inspected.require_linkable().unwrap();
            assert_eq!(inspected.manifest.unwrap().name, name);
        }
        assert!(component("nothing").is_none());
    }
}
