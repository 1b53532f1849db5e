//! Stories about apps: they come, go, move and are refused.

use groundcrew_core::mirror::Rules;
use groundcrew_flysim::Fault;
use serde_json::json;

use super::source_support::Bench;
use super::{Story, before_and_after, deaf, ended, web};

/// A source that has known `web` for longer than an app is new.
async fn grown(rules: Rules) -> Bench {
    let mut bench = web(rules).await;
    bench.pass(30).await;
    bench
}

pub(super) async fn partial_list(rules: Rules) -> Story {
    let mut bench = web(rules).await;
    bench.world().turn(|knobs| knobs.apps_missing = vec!["web".to_owned()]);
    bench.pass(30).await;
    ended(&bench)
}

pub(super) async fn fleet_vanishes(rules: Rules) -> Story {
    let begin = |bench: &Bench| bench.world().seed_fleet(12, 0).unwrap();
    let mut bench = Bench::adopted(rules, "acme", begin).await;
    bench.pass(30).await;
    let gone = Fault { path: "/v1/apps/*".to_owned(), status: Some(404), ..Fault::default() };
    bench.world().turn(|knobs| {
        knobs.apps_missing = vec!["cust-*".to_owned()];
        knobs.faults = vec![gone];
    });
    bench.pass(30).await;
    bench.honest();
    bench.ground.story()
}

pub(super) async fn moved(rules: Rules) -> Story {
    let mut bench = grown(rules).await;
    bench.world().turn(|knobs| knobs.moved_apps = vec!["web".to_owned()]);
    bench.pass(30).await;
    ended(&bench)
}

/// The app moves to an organisation that the token does not see.
pub(super) async fn other_org(rules: Rules) -> Story {
    let mut bench = grown(rules).await;
    bench.world().add_org("other", "Other");
    bench.world().turn(|knobs| knobs.token_orgs = Some(vec!["acme".to_owned()]));
    bench.act(json!({"do": "move_app", "app": "web", "org": "other"}));
    bench.pass(30).await;
    ended(&bench)
}

/// A new app is refused for longer than it is new, and then a list lacks it.
pub(super) async fn refused(rules: Rules) -> Story {
    let mut bench = Bench::adopted(rules, "acme", |bench| bench.app("shop")).await;
    bench.world().turn(|knobs| knobs.app_401_after_create_ms = 120_000);
    bench.app("web");
    bench.until(20, "the new app", |bench| !bench.ground.story().is_empty()).await;
    bench.pass(65).await;
    bench.world().turn(|knobs| knobs.apps_missing = vec!["web".to_owned()]);
    bench.pass(20).await;
    bench.world().turn(|knobs| knobs.apps_missing.clear());
    bench.pass(60).await;
    ended(&bench)
}

/// A new app is not found for a while, and a list lacks it.
pub(super) async fn young(rules: Rules) -> Story {
    let mut bench = Bench::adopted(rules, "acme", |bench| bench.app("shop")).await;
    bench.world().turn(|knobs| knobs.app_404_after_create_ms = 40_000);
    bench.app("web");
    bench.until(20, "the new app", |bench| !bench.ground.story().is_empty()).await;
    bench.world().turn(|knobs| knobs.apps_missing = vec!["web".to_owned()]);
    bench.pass(20).await;
    bench.world().turn(|knobs| knobs.apps_missing.clear());
    bench.pass(60).await;
    ended(&bench)
}

pub(super) async fn no_such_app(rules: Rules) -> Story {
    let mut bench = Bench::adopted(rules, "acme", |bench| bench.app("web")).await;
    bench.world().turn(|knobs| knobs.destroyed_app_400 = true);
    bench.delete("web");
    bench.pass(30).await;
    ended(&bench)
}

/// The token is confined to another app, and says 404 of this one.
pub(super) async fn token_lost(rules: Rules) -> Story {
    let mut bench = grown(rules).await;
    let gone = Fault { path: "/v1/apps/web".to_owned(), status: Some(404), ..Fault::default() };
    bench.world().turn(|knobs| {
        knobs.token_apps = Some(vec!["shop".to_owned()]);
        knobs.faults = vec![gone];
    });
    bench.pass(30).await;
    ended(&bench)
}

pub(super) async fn made_again(rules: Rules) -> Story {
    let mut bench = Bench::adopted(rules, "acme", |bench| bench.app("web")).await;
    bench.delete("web");
    bench.app("web");
    bench.pass(30).await;
    ended(&bench)
}

/// An app is made again under its name, and its list shows its predecessor's machine before anybody looks for apps.
pub(super) async fn made_again_and_stale(rules: Rules) -> Story {
    let mut bench = web(rules).await;
    bench.world().turn(|knobs| knobs.stale_machines_ms = 60_000);
    bench.delete("web");
    bench.app("web");
    bench.handle.hint("web").unwrap();
    bench.pass(120).await;
    ended(&bench)
}

pub(super) async fn personal(rules: Rules) -> Story {
    let mut bench = Bench::adopted(rules, "personal", |bench| bench.app("web")).await;
    bench.app("new");
    bench.pass(30).await;
    bench.honest();
    bench.ground.story()
}

pub(super) async fn first_start(rules: Rules) -> Story {
    ended(&web(rules).await)
}

/// The machine of a new app is listed before the app is.
pub(super) async fn unlisted(rules: Rules) -> Story {
    let mut bench = Bench::adopted(rules, "acme", |bench| bench.app("shop")).await;
    bench.world().turn(|knobs| knobs.blind_apps_ms = 20_000);
    bench.app("web");
    bench.machine("web");
    bench.pass(60).await;
    ended(&bench)
}

/// An app is listed, and both its machines' list and a look at it are 404, for longer than it is new.
pub(super) async fn listed_and_not_found(rules: Rules) -> Story {
    let mut bench = Bench::adopted(rules, "acme", |bench| bench.app("shop")).await;
    bench.world().turn(|knobs| {
        knobs.app_404_after_create_ms = 300_000;
        knobs.faults = vec![deaf()];
    });
    bench.app("web");
    bench.pass(240).await;
    ended(&bench)
}

/// A list lacks an app whose deletion was accepted and is not done yet.
pub(super) async fn deleting(rules: Rules) -> Story {
    let bench = Bench::adopted(rules, "acme", |bench| bench.app("web")).await;
    bench.world().turn(|knobs| {
        knobs.app_delete_ms = 20_000;
        knobs.apps_missing = vec!["web".to_owned()];
    });
    bench.delete("web");
    before_and_after(bench, 15).await
}
