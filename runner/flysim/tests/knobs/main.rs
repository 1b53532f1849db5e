//! One test for each knob; a knob without one fails.

#![expect(clippy::unwrap_used, reason = "tests fail by panicking")]

mod apps;
mod calls;
mod leftovers;
mod lists;
#[path = "../support/mod.rs"]
mod support;
mod things;

use groundcrew_flysim::{KNOBS, Knobs};
use serde_json::json;
use support::Sim;

macro_rules! knob_tests {
    ($($module:ident: $($knob:ident)*;)*) => {
        const TESTED: &[&str] = &[$($(stringify!($knob)),*),*];
        $($(
            #[tokio::test]
            async fn $knob() {
                let sim = Sim::start().await;
                $module::$knob(&sim).await;
            }
        )*)*
    };
}

knob_tests! {
    lists: org_list_lag_ms org_list_empty_pages org_list_page_max org_list_unsorted org_list_instance_absent error_regions
        blind_apps_ms blind_machines_ms blind_ips_ms blind_certs_ms blind_secrets_ms blind_gets;
    calls: faults holds late latency_ms rate_limits retry_after;
    apps: app_401_after_create_ms app_404_after_create_ms apps_missing total_apps_more token_invalid token_read_only
        token_orgs token_apps moved_apps destroyed_app_400 app_delete_ms;
    things: transition_ms start_migrates state_words stale_machines_ms events_unknown
        destroying_after_wait_ms machine_prune_ms unreachable_regions event_ids_absent monitor_events
        metadata_touches_updated_at cert_active_after_ms cert_rate_limited_ms shared_ip_repeat_status
        v6_repeat_status egress_ips_listed volume_detach_ms volume_bound_409 volume_list_unattached volume_going_state volume_prune_ms;
    leftovers: blind_add_ons_ms blind_postgres_ms add_on_ready_ms postgres_ready_ms postgres_delete_ms;
}

#[test]
fn every_knob_has_a_row_and_a_test() {
    let fields = json!(Knobs::default());
    for row in KNOBS {
        assert!(fields.get(row.name).is_some(), "{} is no field", row.name);
        assert!(TESTED.contains(&row.name), "{} has no test", row.name);
    }
    assert_eq!(fields.as_object().unwrap().len(), KNOBS.len(), "a field without a row");
    assert_eq!(TESTED.len(), KNOBS.len(), "a test without a knob");
}
