//! Kinds of events: the runner's own, and whose a kind may be.

/// Beginnings of kinds that only the runner's own events have; `tick` as a whole.
pub const RESERVED: [&str; 8] =
    ["app.", "machine.", "resource.", "finding.", "delivery.", "source.", "held.", "tick"];

/// The runner's own events, all of them.
pub const OWN: [&str; 16] = [
    "app.created",
    "app.updated",
    "app.deleted",
    "app.present",
    "machine.created",
    "machine.updated",
    "machine.started",
    "machine.stopped",
    "machine.suspended",
    "machine.failed",
    "machine.destroyed",
    "machine.retiring",
    "machine.present",
    "finding.opened",
    "finding.resolved",
    "tick",
];

/// Whether a kind may only be the runner's own.
pub fn is_reserved(kind: &str) -> bool {
    RESERVED.iter().any(|word| if word.ends_with('.') { kind.starts_with(word) } else { kind == *word })
}

/// Whether an event's kind is what a pattern says: itself, or its beginning and `*`.
pub fn matches(pattern: &str, kind: &str) -> bool {
    pattern.strip_suffix('*').map_or(pattern == kind, |start| kind.starts_with(start))
}

/// Whether a pattern waits for events that only the runner could tell, and never does.
pub fn is_vain(pattern: &str) -> bool {
    is_reserved(pattern.strip_suffix('*').unwrap_or(pattern))
        && !OWN.iter().any(|kind| matches(pattern, kind))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whoever_waits_for_what_is_never_told_waits_in_vain() {
        assert!(OWN.iter().all(|kind| is_reserved(kind) && !is_vain(kind)));
        for some in
            ["*", "app.*", "machine.st*", "tick", "tick*", "f*", "com.example.app.created", "application.x"]
        {
            assert!(!is_vain(some), "{some}");
        }
        for none in
            ["resource.stuck", "resource.*", "delivery.dead", "held.deletes", "source.*", "machine.start"]
        {
            assert!(is_vain(none), "{none}");
        }
    }
}
