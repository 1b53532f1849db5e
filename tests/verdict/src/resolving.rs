//! What resolvers are told, against the platform's log.

use std::collections::BTreeMap;

use serde_json::Value;

use super::Expected;
use super::addresses::Addresses;

/// What resolvers are told wrongly, given the answers by app: the name of a living app leads to its own address and
/// nowhere else, that of a deleted one nowhere.
pub fn misled(log: &[Value], expected: &Expected, answers: &BTreeMap<u32, Vec<String>>) -> Vec<String> {
    let addresses = Addresses::of(log);
    let wrong = |app: &u32, why: &str| Some(format!("www.cust-{app}.example {why}"));
    let living = expected.living.iter().filter_map(|app| match answers.get(app).map(Vec::as_slice) {
        Some([only]) if addresses.holds(*app, only) => None,
        Some([]) | None => wrong(app, "leads nowhere"),
        Some(all) => wrong(app, &format!("leads to {}, which is not its own", all.join(" "))),
    });
    let deleted = expected.deleted.iter().filter_map(|app| match answers.get(app).map(Vec::as_slice) {
        Some([]) => None,
        Some(all) => wrong(app, &format!("still leads to {}", all.join(" "))),
        None => wrong(app, "was not asked for"),
    });
    living.chain(deleted).collect()
}
