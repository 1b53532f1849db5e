use super::*;

fn bound(grant: &str) -> Bound {
    let values = [("app", "cust-7"), ("fly.api", "https://api.machines.dev"), ("config.zone", "acme.app")];
    let values = values.map(|(word, value)| (word.to_owned(), value.to_owned()));
    grant.parse::<Grant>().unwrap().bind(&values.into()).unwrap()
}

fn verdict(grant: &str, method: &str, url: &str) -> Verdict {
    let url = Url::parse(url).unwrap();
    judge(&[bound(grant)], &Asked { method, url: &url, headers: &[], body: b"" })
}

fn allowed(grant: &str, method: &str, url: &str) -> bool {
    matches!(verdict(grant, method, url), Verdict::Allowed { .. })
}

const IPS: &str = "GET,POST {fly.api}/v1/apps/{app}/ip_assignments*";

#[test]
fn a_run_reaches_its_own_app_and_no_other() {
    for (method, url, fits) in [
        ("GET", "https://api.machines.dev/v1/apps/cust-7/ip_assignments", true),
        ("GET", "https://API.machines.dev:443/v1/apps/cust-7/ip_assignments?x=1", true),
        ("POST", "https://api.machines.dev/v1/apps/cust-7/ip_assignments/1", true),
        ("DELETE", "https://api.machines.dev/v1/apps/cust-7/ip_assignments/1", false),
        ("GET", "https://api.machines.dev/v1/apps/cust-8/ip_assignments", false),
        ("GET", "https://api.machines.dev/v1/apps/cust-7/../cust-8/ip_assignments", false),
        ("GET", "https://api.machines.dev/v1/apps/cust-7/%2e%2e/cust-8/ip_assignments", false),
        ("GET", "https://api.machines.dev/v1/apps/cust-7%2Fip_assignments", false),
        ("GET", "http://api.machines.dev/v1/apps/cust-7/ip_assignments", false),
        ("GET", "https://api.machines.dev:8443/v1/apps/cust-7/ip_assignments", false),
        ("GET", "https://me@api.machines.dev/v1/apps/cust-7/ip_assignments", false),
        ("GET", "https://api.machines.dev.evil.example/v1/apps/cust-7/ip_assignments", false),
    ] {
        assert_eq!(allowed(IPS, method, url), fits, "{method} {url}");
    }
}

#[test]
fn a_value_cannot_leave_its_path_segment() {
    let grant: Grant = IPS.parse().unwrap();
    let with = |app: &str| {
        let values = [("app", app), ("fly.api", "https://api.machines.dev")];
        grant.bind(&values.map(|(word, value)| (word.to_owned(), value.to_owned())).into())
    };
    assert_eq!(with("a/b").unwrap().path, "/v1/apps/a%2Fb/ip_assignments");
    assert!(with("..").is_err() && with("").is_err());
    let unbound = grant.bind(&BTreeMap::new()).unwrap_err();
    assert_eq!(unbound.to_string(), format!("`{{fly.api}}` in grant `{IPS}` has no value here"));
}

#[test]
fn reads_are_safe_methods_and_what_a_grant_calls_read() {
    let access = |grant: &str, method: &str| match verdict(grant, method, "https://x.example/q") {
        Verdict::Allowed { access, .. } => access,
        Verdict::Denied { line } => panic!("{line}"),
    };
    assert_eq!(access("GET,POST https://x.example/q", "GET"), Access::Read);
    assert_eq!(access("GET,POST https://x.example/q", "POST"), Access::Write);
    assert_eq!(access("READ POST https://x.example/q", "POST"), Access::Read);
}

#[test]
fn a_denial_is_the_line_that_would_allow_it() {
    let url = "https://dns.example:8081/api/zones/z?x=1";
    let Verdict::Denied { line } = verdict(IPS, "PATCH", url) else { panic!("allowed") };
    assert_eq!(line, "PATCH https://dns.example:8081/api/zones/z");
    assert!(allowed(&line, "PATCH", url));
}

#[test]
fn bad_grants_are_refused() {
    for bad in
        ["", "GET", "get https://x/", "GET,  https://x/", "GET x/y", "GET https://x/*/y", "GET https://x/**"]
    {
        assert!(bad.parse::<Grant>().is_err(), "{bad}");
    }
    for unusable in ["GET ftp://x.example/", "GET https://u:p@x.example/"] {
        assert!(unusable.parse::<Grant>().unwrap().bind(&BTreeMap::new()).is_err(), "{unusable}");
    }
}

#[test]
fn private_addresses_need_their_own_word() {
    let private = |grant: &str| bound(grant).private;
    assert!(!private("GET https://pdns.acme.example/*"));
    assert!(private("GET https://pdns.acme.example/* private"));
    assert!(private("GET http://127.0.0.1:8081/*") && private("GET http://[::1]:8081/*"));
    for address in [
        "10.1.2.3",
        "127.0.0.1",
        "169.254.169.254",
        "::1",
        "fdaa::3",
        "fe80::1",
        "::ffff:10.0.0.1",
        "100.64.0.1",
        "0.0.0.0",
    ] {
        assert!(is_private(address.parse().unwrap()), "{address}");
    }
    for address in ["66.241.125.7", "2a09:8280:1::7", "1.1.1.1"] {
        assert!(!is_private(address.parse().unwrap()), "{address}");
    }
}

/// A POST to a grant of GraphQL.
fn asked(query: &str, headers: &[(&str, &str)], body: &str) -> Access {
    let grant = bound("GRAPHQL POST https://api.example/graphql");
    let url = Url::parse(&format!("https://api.example/graphql{query}")).unwrap();
    let owned = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
    let headers: Vec<_> = headers.iter().map(owned).collect();
    match judge(&[grant], &Asked { method: "POST", url: &url, headers: &headers, body: body.as_bytes() }) {
        Verdict::Allowed { access, .. } => access,
        Verdict::Denied { line } => panic!("{line}"),
    }
}

#[test]
fn a_graphql_request_that_can_be_read_in_two_ways_writes() {
    let (json, body) = (("content-type", "application/json"), r#"{"query": "{ a }", "variables": {"x": 1}}"#);
    assert_eq!(asked("", &[json], body), Access::Read);
    assert_eq!(asked("?", &[("content-type", "Application/JSON; charset=UTF-8")], body), Access::Read);
    assert_eq!(asked("?query=mutation%7Ba%7D", &[json], body), Access::Write, "a document in the URL");
    for headers in [
        &[][..],
        &[("content-type", "application/graphql")],
        &[("content-type", "application/json; charset=utf-7")],
        &[json, ("content-type", "application/x-www-form-urlencoded")],
        &[json, ("content-encoding", "gzip")],
    ] {
        assert_eq!(asked("", headers, body), Access::Write, "{headers:?}");
    }
    for body in [
        r#"{"query": "mutation { a }", "query": "{ a }"}"#,
        r#"{"query": "{ a }", "Query": "mutation { a }"}"#,
        r#"{"query": "{ a }", "extensions": {"persistedQuery": {}}}"#,
    ] {
        assert_eq!(asked("", &[json], body), Access::Write, "{body}");
    }
}

#[test]
fn a_graphql_query_reads_and_whatever_may_change_something_writes() {
    let access = |body: &str| asked("", &[("content-type", "application/json")], body);
    for query in ["{ a }", "query Q($mutations: Int) { mutationCount }", "fragment F on A { b } { ...F }"] {
        assert_eq!(access(&serde_json::json!({ "query": query }).to_string()), Access::Read, "{query}");
    }
    for query in
        ["mutation { a }", "query A { a } mutation B { b }", "# mutation\n{ a }", "subscription { a }"]
    {
        assert_eq!(access(&serde_json::json!({ "query": query }).to_string()), Access::Write, "{query}");
    }
    for body in [
        "",
        "[]",
        "{ a }",
        r#"{"query": 7}"#,
        r#"[{"query": "{ a }"}]"#,
        r#"{"query": "\u006dutation { a }"}"#,
    ] {
        assert_eq!(access(body), Access::Write, "{body}");
    }
    let text = "GRAPHQL POST https://api.example/graphql private";
    assert_eq!(text.parse::<Grant>().unwrap().to_string(), text);
}
