//! The limits that hooks' requests keep to: a hook's own rate, a host's, and Fly's per action and id.

use std::sync::Arc;

use groundcrew_core::duration::Millis;
use groundcrew_core::poll::Rate;
use groundcrew_engine::egress::Request;
use groundcrew_engine::limited::{Breaking, Counted, Rules};
use groundcrew_fly::{Method, classify, limit};

/// Requests to one host, all hooks together: a second's worth at once.
pub const HOST: Rate = Rate { burst: 100, every: Millis::new(10) };

/// Who would have to wait longer for a limit tries again later, and gives its slot to others.
pub const PATIENCE: Millis = Millis::seconds(5);

/// The limits of an installation whose Fly API is at this base.
pub fn rules(fly_api: &str) -> Rules {
    let base = format!("{}/", fly_api.trim_end_matches('/'));
    let counted = move |request: &Request| counted(&base, request);
    Rules { host: HOST, classify: Arc::new(counted), breaking: Breaking::default(), patience: PATIENCE }
}

/// Fly counts per action and machine or app [docs working-with-machines-api].
fn counted(base: &str, request: &Request) -> Option<Counted> {
    let path = request.url.strip_prefix(base)?;
    let method = match request.method.as_str() {
        "GET" => Method::Get,
        "POST" => Method::Post,
        "PUT" => Method::Put,
        "PATCH" => Method::Patch,
        "DELETE" => Method::Delete,
        _ => return None,
    };
    let (action, id) = classify(method, path);
    let limit = limit(action);
    let every = Millis::new(i64::from(limit.window_ms) / i64::from(limit.count.max(1)));
    let rate = Rate { burst: limit.burst, every }.careful();
    Some(Counted { by: format!("{action:?} {id}"), rate })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn by(method: &str, url: &str) -> Option<String> {
        let request = Request {
            method: method.to_owned(),
            url: url.to_owned(),
            headers: Vec::new(),
            body: Vec::new(),
            private: false,
        };
        (rules("https://api.machines.dev").classify)(&request).map(|counted| counted.by)
    }

    #[test]
    fn each_app_and_action_has_a_bucket_of_its_own() {
        let one = by("GET", "https://api.machines.dev/v1/apps/a/ip_assignments");
        assert!(one.is_some());
        assert_ne!(one, by("GET", "https://api.machines.dev/v1/apps/b/ip_assignments"));
        assert_ne!(one, by("POST", "https://api.machines.dev/v1/apps/a/ip_assignments"));
        assert_eq!(by("GET", "https://pdns.example/v1/apps/a/ip_assignments"), None);
    }

    #[test]
    fn the_client_and_the_schedule_know_the_same_limits() {
        let rate = |method, path| {
            let (action, _) = classify(method, path);
            let limit = limit(action);
            (limit.burst, Millis::new(i64::from(limit.window_ms) / i64::from(limit.count)))
        };
        let general = rate(Method::Get, "v1/apps/a/machines");
        assert_eq!(general, (Rate::GENERAL.burst, Rate::GENERAL.every));
        let machine = rate(Method::Get, "v1/apps/a/machines/m");
        assert_eq!(machine, (Rate::MACHINE_GET.burst, Rate::MACHINE_GET.every));
    }
}
