//! Knobs of calls: failures, withheld and late answers, latency, limits.

use std::time::Duration;

use groundcrew_flysim::{Fault, Hold, HoldStatus, Late, RateLimits, RetryAfter};
use serde_json::json;

use crate::support::Sim;

const IPS: &str = "/v1/apps/a/ip_assignments";
const ANY_IPS: &str = "/v1/apps/*/ip_assignments";
const PATIENCE: Duration = Duration::from_secs(20);

pub(crate) async fn faults(sim: &Sim) {
    sim.act(json!({"do": "create_app", "name": "a"}));
    let fault = |status, after_effect| Fault {
        method: Some("POST".into()),
        path: ANY_IPS.into(),
        status,
        after_effect,
        count: Some(1),
        ..Fault::default()
    };
    let post = async || sim.send("POST", IPS, Some(json!({"type": "v6"}))).await.map(|reply| reply.status);
    sim.world().turn(|knobs| knobs.faults = vec![fault(Some(503), false)]);
    assert_eq!(post().await, Some(503));
    assert_eq!(sim.effects("ip.allocated"), 0, "before its effect");
    assert_eq!(post().await, Some(200), "once only");
    sim.rest();
    sim.world().turn(|knobs| knobs.faults = vec![fault(Some(504), true), fault(None, true)]);
    assert_eq!(post().await, Some(504));
    assert_eq!(post().await, None, "the connection is dropped");
    assert_eq!(sim.effects("ip.allocated"), 3, "after their effect");
    let log = sim.world().log();
    let answered: Vec<_> = log.iter().filter(|e| e.what == "ip.allocated").map(|e| e.answered).collect();
    assert_eq!(answered, [true, false, false]);
    sim.world().turn(|knobs| knobs.faults = vec![Fault { skip: 1, ..fault(Some(500), false) }]);
    sim.rest();
    assert_eq!([post().await, post().await], [Some(200), Some(500)], "lets one pass first");
    let body = Some("<html>oops</html>".to_owned());
    sim.world().turn(|knobs| knobs.faults = vec![Fault { body, ..fault(Some(502), false) }]);
    sim.rest();
    assert_eq!(sim.call("POST", IPS, json!({"type": "v6"})).await.text, "<html>oops</html>");
}

pub(crate) async fn holds(sim: &Sim) {
    sim.act(json!({"do": "create_app", "name": "a"}));
    let rule = Hold { method: Some("POST".into()), path: ANY_IPS.into(), count: Some(2), ..Hold::default() };
    sim.world().turn(|knobs| knobs.holds = vec![rule]);
    assert!(sim.world().holds_reached(1, Duration::ZERO).await.is_none());
    let post = || sim.send("POST", IPS, Some(json!({"type": "v6"})));
    let released = async {
        let held = sim.world().holds_reached(1, PATIENCE).await.unwrap();
        assert_eq!((held[0].status, held[0].answer), (HoldStatus::Waiting, 200));
        assert_eq!(sim.effects("ip.allocated"), 1, "the effect is taken, the answer is not");
        assert_eq!(sim.world().release_holds(None), 1);
    };
    let (reply, ()) = tokio::join!(post(), released);
    assert_eq!(reply.unwrap().status, 200);
    tokio::select! {
        _ = post() => panic!("the answer is withheld"),
        held = sim.world().holds_reached(2, PATIENCE) => assert_eq!(held.unwrap()[1].seq, 2),
    }
    // The client is gone now, as it is after a SIGKILL; the simulator sees that.
    let mut status = HoldStatus::Waiting;
    while status == HoldStatus::Waiting {
        tokio::task::yield_now().await;
        status = sim.world().holds()[1].status;
    }
    assert_eq!(status, HoldStatus::Closed);
    let log = sim.world().log();
    let told: Vec<_> = log.iter().filter(|e| e.what.starts_with("hold.")).map(|e| e.what.as_str()).collect();
    assert_eq!(told, ["hold.reached", "hold.released", "hold.reached", "hold.closed"]);
    assert_eq!(sim.effects("ip.allocated"), 2);
}

pub(crate) async fn late(sim: &Sim) {
    sim.act(json!({"do": "create_app", "name": "a"}));
    let rule = |status| Late {
        path: ANY_IPS.into(),
        method: Some("POST".into()),
        delay_ms: 3_000,
        status,
        count: Some(1),
        ..Late::default()
    };
    sim.world().turn(|knobs| knobs.late = vec![rule(Some(504)), rule(None)]);
    let post = async || sim.send("POST", IPS, Some(json!({"type": "v6"}))).await.map(|reply| reply.status);
    assert_eq!([post().await, post().await], [Some(504), None]);
    sim.clock.advance(2_999);
    assert_eq!(sim.get(IPS).await.json()["ips"], json!([]));
    sim.clock.advance(1);
    assert_eq!(sim.get(IPS).await.json()["ips"].as_array().unwrap().len(), 2, "it lands after all");
    let landed = sim.world().log().into_iter().rfind(|e| e.what == "ip.allocated").unwrap();
    assert!(!landed.answered && landed.request_id.is_some());
    assert_eq!(landed.at_ms, crate::support::START_MS + 3_000, "at its own time");
}

pub(crate) async fn latency_ms(sim: &Sim) {
    sim.world().turn(|knobs| knobs.latency_ms = 60_000);
    let create = sim.send("POST", "/v1/apps", Some(json!({"name": "a", "org_slug": "acme"})));
    tokio::select! {
        _ = create => panic!("answered at once"),
        () = async {
            while sim.effects("app.created") == 0 {
                tokio::task::yield_now().await;
            }
        } => {}
    }
    sim.world().turn(|knobs| knobs.latency_ms = 20);
    assert_eq!(sim.get("/v1/apps/a").await.status, 200, "the effect was at once");
}

pub(crate) async fn rate_limits(sim: &Sim) {
    let machine = sim.app_with_machine("a");
    let mut statuses = Vec::new();
    for _ in 0..4 {
        statuses.push(sim.get(IPS).await.status);
    }
    assert_eq!(statuses, [200, 200, 200, 429]);
    assert_eq!(sim.world().stats().too_many, 1);
    assert_eq!(sim.get("/v1/apps/a/certificates").await.status, 200, "another action");
    let one = format!("/v1/apps/a/machines/{machine}");
    for _ in 0..10 {
        assert_eq!(sim.get(&one).await.status, 200);
    }
    assert_eq!(sim.get(&one).await.status, 429);
    sim.world().turn(|knobs| knobs.rate_limits = RateLimits::Off);
    for _ in 0..20 {
        assert_eq!(sim.get(IPS).await.status, 200);
    }
    assert_eq!(sim.world().stats().too_many, 2);
}

pub(crate) async fn retry_after(sim: &Sim) {
    sim.act(json!({"do": "create_app", "name": "a"}));
    let refused = async |kind| {
        sim.world().turn(|knobs| knobs.retry_after = kind);
        loop {
            let reply = sim.get(IPS).await;
            if reply.status == 429 {
                return reply.headers.get("retry-after").map(|v| v.to_str().unwrap().to_owned());
            }
        }
    };
    assert_eq!(refused(RetryAfter::Absent).await, None);
    assert_eq!(refused(RetryAfter::Seconds).await.as_deref(), Some("1"));
    assert_eq!(refused(RetryAfter::Date).await.as_deref(), Some("Tue, 31 Mar 2026 06:08:10 GMT"));
}
