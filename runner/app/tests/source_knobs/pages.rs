//! Stories about the organisation's list of machines, which is read page by page.

use groundcrew_core::mirror::Rules;
use groundcrew_flysim::Fault;
use serde_json::json;

use super::{Story, deaf, ended, web};

/// Only the organisation's list shows a cold app's new machine within a minute.
pub(super) async fn empty_pages(rules: Rules) -> Story {
    let mut bench = web(rules).await;
    bench.world().turn(|knobs| knobs.org_list_empty_pages = 2);
    bench.machine("web");
    bench.pass(60).await;
    ended(&bench)
}

/// `web` cannot be seen while a machine comes, and is listed again after later changes were.
pub(super) async fn late_row(rules: Rules) -> Story {
    let mut bench = web(rules).await;
    bench.world().turn(|knobs| knobs.token_apps = Some(vec!["shop".to_owned()]));
    bench.pass(5).await;
    bench.machine("web");
    bench.pass(10).await;
    bench.machine("shop");
    bench.until(60, "the later change", |bench| !bench.ground.story().is_empty()).await;
    bench.world().turn(|knobs| knobs.token_apps = None);
    bench.pass(30).await;
    ended(&bench)
}

/// A region is silent for longer than the overlap, and the app's own list does not help.
pub(super) async fn silent_region(rules: Rules) -> Story {
    let mut bench = web(rules).await;
    bench.world().turn(|knobs| {
        knobs.error_regions = vec!["syd".to_owned()];
        knobs.faults = vec![deaf()];
    });
    bench.act(json!({"do": "create_machine", "app": "web", "region": "syd"}));
    bench.pass(16 * 60).await;
    bench.machine("shop");
    bench.pass(30).await;
    bench.world().turn(|knobs| knobs.error_regions.clear());
    bench.pass(60).await;
    ended(&bench)
}

/// A page holds one machine, and the new one is on the second.
pub(super) async fn short_pages(rules: Rules) -> Story {
    let mut bench = web(rules).await;
    bench.world().turn(|knobs| knobs.org_list_page_max = Some(1));
    bench.machine("web");
    bench.pass(60).await;
    ended(&bench)
}

/// The newest come first, and the page after them does not come at once; nobody looked for longer than the overlap.
pub(super) async fn newest_first(rules: Rules) -> Story {
    let mut bench = web(rules).await;
    bench.machine("web");
    bench.ground.clock.advance(16 * 60_000);
    for _ in 0..2 {
        bench.machine("shop");
    }
    let list = "/v1/orgs/acme/machines".to_owned();
    let second = Fault { path: list, status: Some(500), skip: 1, count: Some(1), ..Fault::default() };
    bench.world().turn(|knobs| {
        (knobs.org_list_unsorted, knobs.org_list_page_max) = (true, Some(2));
        knobs.faults = vec![second, deaf()];
    });
    bench.pass(60).await;
    ended(&bench)
}
