//! Fly's documented rate limits, which are per action *and* per identifier.
//!
//! "Per-action, per-machine ... scoped per identifier (Machine ID or App ID)": one request a second, bursts of
//! three; getting a machine five a second, bursts of ten; app deletions a hundred a minute
//! [docs working-with-machines-api]. For calls on an organisation nothing is documented; they are held to the
//! general limit, by organisation.

use crate::Method;

/// What a request does, as the limits count it: one word per method and route.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Action(&'static str);

/// A limit as a bucket: `burst` at once, refilled with `count` in `window_ms`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limit {
    /// Requests per window.
    pub count: u32,
    /// The window's length in milliseconds.
    pub window_ms: u32,
    /// Requests at once.
    pub burst: u32,
}

/// The general limit.
const GENERAL: Limit = Limit { count: 1, window_ms: 1_000, burst: 3 };
/// Getting a machine.
const MACHINE_GET: Limit = Limit { count: 5, window_ms: 1_000, burst: 10 };
/// Deleting apps. No burst is documented, so bursts are small: any minute stays near a hundred.
const APP_DELETE: Limit = Limit { count: 100, window_ms: 60_000, burst: 3 };

/// The id by which a route is counted.
#[derive(Clone, Copy)]
enum By {
    /// The path segment at this place.
    Segment(usize),
    /// The organisation in the query.
    OrgInQuery,
    /// Nothing: all requests together.
    All,
}

/// Routes in the order in which they are tried; `*` stands for any one segment, a last `**` for all that follow.
#[rustfmt::skip]
const ROUTES: &[(Option<Method>, &str, &str, By)] = &[
    (Some(Method::Get),    "apps",                     "apps.list",        By::OrgInQuery),
    (Some(Method::Post),   "apps",                     "app.create",       By::All),
    (Some(Method::Get),    "apps/*",                   "app.get",          By::Segment(1)),
    (Some(Method::Delete), "apps/*",                   "app.delete",       By::All),
    (Some(Method::Get),    "apps/*/machines",          "machines.list",    By::Segment(1)),
    (Some(Method::Post),   "apps/*/machines",          "machine.create",   By::Segment(1)),
    (Some(Method::Get),    "apps/*/machines/*",        "machine.get",      By::Segment(3)),
    (Some(Method::Post),   "apps/*/machines/*",        "machine.update",   By::Segment(3)),
    (Some(Method::Delete), "apps/*/machines/*",        "machine.delete",   By::Segment(3)),
    (Some(Method::Get),    "apps/*/machines/*/events", "machine.events",   By::Segment(3)),
    (Some(Method::Get),    "apps/*/machines/*/wait",   "machine.wait",     By::Segment(3)),
    (None,                 "apps/*/machines/*/start",  "machine.start",    By::Segment(3)),
    (None,                 "apps/*/machines/*/stop",   "machine.stop",     By::Segment(3)),
    (None,                 "apps/*/machines/*/suspend", "machine.suspend", By::Segment(3)),
    (None,                 "apps/*/machines/*/restart", "machine.restart", By::Segment(3)),
    (None,                 "apps/*/machines/*/cordon", "machine.cordon",   By::Segment(3)),
    (None,                 "apps/*/machines/*/uncordon", "machine.uncordon", By::Segment(3)),
    (None,                 "apps/*/machines/*/signal", "machine.signal",   By::Segment(3)),
    (None,                 "apps/*/machines/*/exec",   "machine.exec",     By::Segment(3)),
    (Some(Method::Get),    "apps/*/machines/*/lease",  "lease.get",        By::Segment(3)),
    (Some(Method::Post),   "apps/*/machines/*/lease",  "lease.take",       By::Segment(3)),
    (Some(Method::Delete), "apps/*/machines/*/lease",  "lease.release",    By::Segment(3)),
    (Some(Method::Get),    "apps/*/machines/*/metadata/**", "metadata.get", By::Segment(3)),
    (None,                 "apps/*/machines/*/metadata/**", "metadata.set", By::Segment(3)),
    (Some(Method::Get),    "apps/*/machines/*/**",     "machine.read",     By::Segment(3)),
    (None,                 "apps/*/machines/*/**",     "machine.write",    By::Segment(3)),
    (Some(Method::Get),    "apps/*/ip_assignments",    "ips.list",         By::Segment(1)),
    (Some(Method::Post),   "apps/*/ip_assignments",    "ip.allocate",      By::Segment(1)),
    (Some(Method::Delete), "apps/*/ip_assignments/*",  "ip.release",       By::Segment(1)),
    (Some(Method::Get),    "apps/*/certificates",      "certificates.list", By::Segment(1)),
    (Some(Method::Post),   "apps/*/certificates/*/check", "certificate.check", By::Segment(1)),
    (Some(Method::Post),   "apps/*/certificates/*",    "certificate.create", By::Segment(1)),
    (Some(Method::Get),    "apps/*/certificates/*",    "certificate.get",  By::Segment(1)),
    (Some(Method::Delete), "apps/*/certificates/**",   "certificate.delete", By::Segment(1)),
    (Some(Method::Get),    "apps/*/secrets/**",        "secrets.list",     By::Segment(1)),
    (None,                 "apps/*/secrets/**",        "secrets.set",      By::Segment(1)),
    (Some(Method::Get),    "apps/*/volumes",           "volumes.list",     By::Segment(1)),
    (Some(Method::Post),   "apps/*/volumes",           "volume.create",    By::Segment(1)),
    (Some(Method::Get),    "apps/*/volumes/**",        "volume.get",       By::Segment(1)),
    (Some(Method::Delete), "apps/*/volumes/**",        "volume.delete",    By::Segment(1)),
    (None,                 "apps/*/volumes/**",        "volume.update",    By::Segment(1)),
    (Some(Method::Get),    "orgs/*/machines",          "org.machines",     By::Segment(1)),
    (Some(Method::Get),    "orgs/*/volumes",           "org.volumes",      By::Segment(1)),
    (Some(Method::Get),    "postgres",                "postgres.list",    By::OrgInQuery),
    (Some(Method::Get),    "postgres/*",              "postgres.get",     By::Segment(1)),
    (Some(Method::Get),    "tokens/current",           "token.current",    By::All),
    (Some(Method::Get),    "apps/**",                  "app.read",         By::Segment(1)),
    (None,                 "apps/**",                  "app.write",        By::Segment(1)),
];

impl Action {
    /// Whatever the table does not know.
    pub const OTHER: Self = Self("other");

    /// The word, such as `machine.get`.
    pub const fn as_str(self) -> &'static str {
        self.0
    }
}

/// Says what a request does and under which id it is counted (empty: all together).
///
/// The path may carry a query, and `/v1` or not. Segments are compared as written, without decoding.
pub fn classify(method: Method, path_and_query: &str) -> (Action, String) {
    let (path, query) = path_and_query.split_once('?').unwrap_or((path_and_query, ""));
    let path = path.trim_matches('/');
    let path = path.strip_prefix("v1/").unwrap_or(path);
    let segments: Vec<_> = path.split('/').collect();
    let route = ROUTES
        .iter()
        .find(|(verb, pattern, ..)| verb.is_none_or(|verb| verb == method) && matches(pattern, &segments));
    let Some((_, _, action, by)) = route else { return (Action::OTHER, String::new()) };
    let id = match *by {
        By::Segment(at) => segments.get(at).copied().unwrap_or_default(),
        By::OrgInQuery => {
            query.split('&').find_map(|pair| pair.strip_prefix("org_slug=")).unwrap_or_default()
        }
        By::All => "",
    };
    (Action(action), id.to_owned())
}

/// The documented limit of an action, for each id.
pub fn limit(action: Action) -> Limit {
    match action.0 {
        "machine.get" => MACHINE_GET,
        "app.delete" => APP_DELETE,
        _ => GENERAL,
    }
}

fn matches(pattern: &str, segments: &[&str]) -> bool {
    let parts: Vec<_> = pattern.split('/').collect();
    let fixed = parts.strip_suffix(&["**"]).unwrap_or(&parts);
    let fits = if fixed.len() == parts.len() {
        segments.len() == fixed.len()
    } else {
        segments.len() >= fixed.len()
    };
    fits && fixed.iter().zip(segments).all(|(part, segment)| *part == "*" || part == segment)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{apps, certificates, ips, machines, postgres, secrets, tokens, volumes};

    #[test]
    fn every_call_of_this_crate_is_known_to_the_table() {
        let new = ips::NewIp { kind: ips::IpKind::V6, region: None, network: None };
        let page = machines::OrgPage::default();
        let table = [
            (apps::list("acme").request, "apps.list", "acme"),
            (apps::show("web").request, "app.get", "web"),
            (apps::create(&apps::NewApp::default()).request, "app.create", ""),
            (apps::delete("web").request, "app.delete", ""),
            (machines::list("web").request, "machines.list", "web"),
            (machines::show("web", "14").request, "machine.get", "14"),
            (machines::events("web", "14").request, "machine.events", "14"),
            (machines::org_page("acme", &page).request, "org.machines", "acme"),
            (ips::list("web").request, "ips.list", "web"),
            (ips::allocate("web", new).request, "ip.allocate", "web"),
            (ips::release("web", "fdaa::1").request, "ip.release", "web"),
            (certificates::list("web", None).request, "certificates.list", "web"),
            (certificates::request_acme("web", "a.b").request, "certificate.create", "web"),
            (certificates::show("web", "a.b").request, "certificate.get", "web"),
            (certificates::check("web", "a.b").request, "certificate.check", "web"),
            (certificates::delete("web", "a.b").request, "certificate.delete", "web"),
            (secrets::list("web").request, "secrets.list", "web"),
            (secrets::set("web", &std::collections::BTreeMap::new()).request, "secrets.set", "web"),
            (volumes::list("web").request, "volumes.list", "web"),
            (volumes::show("web", "vol_1").request, "volume.get", "web"),
            (volumes::delete("web", "vol_1").request, "volume.delete", "web"),
            (volumes::org_page("acme", Some("c")).request, "org.volumes", "acme"),
            (machines::list_with("web", machines::Deleted::Included).request, "machines.list", "web"),
            (machines::start("web", "14").request, "machine.start", "14"),
            (machines::suspend("web", "14").request, "machine.suspend", "14"),
            (machines::cordon("web", "14").request, "machine.cordon", "14"),
            (machines::uncordon("web", "14").request, "machine.uncordon", "14"),
            (postgres::list("acme").request, "postgres.list", "acme"),
            (postgres::show("pg1").request, "postgres.get", "pg1"),
            (tokens::current().request, "token.current", ""),
        ];
        for (request, action, id) in table {
            let (found, counted) = classify(request.method, &request.path_and_query);
            assert_eq!((found.as_str(), counted.as_str()), (action, id), "{request:?}");
        }
    }

    #[test]
    fn limits_are_the_documented_ones() {
        let of = |method, path| limit(classify(method, path).0);
        assert_eq!(of(Method::Get, "/v1/apps/web/machines/14"), MACHINE_GET);
        assert_eq!(of(Method::Delete, "/v1/apps/web?force=true"), APP_DELETE);
        assert_eq!(of(Method::Post, "/v1/apps/web/machines/14/start"), GENERAL);
        assert_eq!(classify(Method::Put, "/v2/unheard/of").0, Action::OTHER);
    }

    #[test]
    fn deeper_paths_of_a_machine_are_counted_by_machine() {
        let (action, id) = classify(Method::Post, "/v1/apps/web/machines/14/memory/reclaim");
        assert_eq!((action.as_str(), id.as_str()), ("machine.write", "14"));
        let (action, id) = classify(Method::Get, "/v1/apps/web/machines/14/metadata/plan");
        assert_eq!((action.as_str(), id.as_str()), ("metadata.get", "14"));
    }
}
