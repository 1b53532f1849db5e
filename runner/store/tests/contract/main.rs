//! What the store promises, role by role. Another database behind the same functions must pass the same.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod audits;
mod canary;
mod deliveries;
mod ends;
mod errands;
mod findings;
mod hastened;
mod history;
mod inventory;
mod labels;
mod lanes;
mod leave;
mod ledger;
mod lifecycle;
mod model;
mod opening;
mod prune;
mod recover;
mod remedies;
mod running;
mod sealed;
mod sight;
mod support;
mod upgrades;
mod wants;
