use super::super::{Access, Asked, Verdict, judge};
use super::*;

const FLY: &str = "https://api.machines.dev";

fn request(run: i64, app: &str, line: &str) -> Recorded {
    let (method, path) = line.split_once(' ').unwrap();
    let words = [("app", app), ("org", "acme"), ("config.server", FLY)];
    let words = words.map(|(word, value)| (word.to_owned(), value.to_owned())).into();
    Recorded {
        method: method.to_owned(),
        url: format!("{FLY}{path}").parse().unwrap(),
        run,
        owner: Some(app.to_owned()),
        words: Arc::new(words),
    }
}

fn grants(lines: &[&str]) -> Vec<Grant> {
    lines.iter().map(|line| line.parse().unwrap()).collect()
}

fn lines(lesson: &Lesson) -> Vec<String> {
    lesson
        .grants
        .iter()
        .map(|learnt| format!("{} | {}/{}", learnt.grant, learnt.calls, learnt.runs))
        .collect()
}

fn judged(grants: impl IntoIterator<Item = Grant>, asked: &Recorded) -> Option<Access> {
    let bound: Vec<_> = grants.into_iter().filter_map(|grant| grant.bind(&asked.words).ok()).collect();
    match judge(&bound, &Asked { method: &asked.method, url: &asked.url, headers: &[], body: b"" }) {
        Verdict::Allowed { access, .. } => Some(access),
        Verdict::Denied { .. } => None,
    }
}

/// Learns, and asks the egress itself whether everything recorded passes as before, and nothing passes that did not.
fn taught(present: &[&str], requests: &[Recorded], unused: Unused) -> Lesson {
    let present = grants(present);
    let lesson = learn(&present, requests, unused);
    let learnt = || lesson.grants.iter().map(|learnt| learnt.grant.clone());
    for grant in learnt() {
        let again: Grant = grant.to_string().parse().unwrap();
        assert_eq!(again, grant, "it can be pasted");
    }
    for asked in requests {
        assert_eq!(judged(learnt(), asked), judged(present.clone(), asked), "{} {}", asked.method, asked.url);
    }
    lesson
}

#[test]
fn names_become_words_ids_become_stars_and_words_of_the_api_stay() {
    let mut requests = Vec::new();
    for (run, app) in ["cust-1", "cust-2", "cust-3"].into_iter().enumerate() {
        let run = run as i64;
        requests.push(request(run, app, &format!("GET /v1/apps/{app}/ip_assignments")));
        requests.push(request(run, app, &format!("POST /v1/apps/{app}/ip_assignments?x=1")));
        requests.push(request(run, app, &format!("DELETE /v1/apps/{app}/ip_assignments/ip-{run}7")));
        requests.push(request(run, app, &format!("GET /v1/apps/{app}/certificates")));
    }
    let lesson = taught(
        &["GET,POST,DELETE,PATCH {config.server}/*", "GET https://other.example/*"],
        &requests,
        Unused::Dropped,
    );
    assert_eq!(
        lines(&lesson),
        [
            "GET {config.server}/v1/apps/{app}/certificates | 3/3",
            "GET,POST {config.server}/v1/apps/{app}/ip_assignments | 6/3",
            "DELETE {config.server}/v1/apps/{app}/ip_assignments/* | 3/3",
        ]
    );
    let dropped: Vec<_> = lesson.dropped.iter().map(ToString::to_string).collect();
    assert_eq!(dropped, ["PATCH {config.server}/*", "GET https://other.example/*"]);
    for other in [
        "DELETE /v1/apps/cust-1/certificates/a",
        "PATCH /v1/apps/cust-1/ip_assignments",
        "GET /v1/apps/cust-2/ip_assignments",
        "GET /v1/apps/cust-1/machines",
    ] {
        let asked = request(9, "cust-1", other);
        assert!(judged(lesson.grants.iter().map(|learnt| learnt.grant.clone()), &asked).is_none(), "{other}");
    }
}

#[test]
fn what_no_request_used_stays_as_it_is_where_something_was_never_recorded() {
    let requests = [request(1, "cust-1", "GET /v1/zones/a"), request(2, "cust-1", "GET /v1/zones/a")];
    let present = ["READ GET,POST,DELETE https://api.machines.dev/v1/zones/*"];
    let lesson = taught(&present, &requests, Unused::Kept);
    assert_eq!(
        lines(&lesson),
        [
            "READ GET https://api.machines.dev/v1/zones/a | 2/2",
            "READ POST,DELETE https://api.machines.dev/v1/zones/* | 0/0",
        ]
    );
}

#[test]
fn a_grant_is_never_made_wider() {
    let id = |run: i64, path: &str| request(run, "cust-1", &format!("GET {path}"));
    for (present, paths, learnt) in [
        // One owner alone: what has digits may be an id.
        ("GET https://api.machines.dev/z/*", &["/z/r7"][..], "GET https://api.machines.dev/z/* | 1/1"),
        ("GET https://api.machines.dev/z*", &["/z", "/z"], "GET https://api.machines.dev/z | 2/2"),
        (
            "GET https://api.machines.dev/z*",
            &["/zebra/x", "/zebra/x"],
            "GET https://api.machines.dev/zebra/x | 2/2",
        ),
        ("GET https://api.machines.dev/z/x", &["/z/x?q=1"], "GET https://api.machines.dev/z/x | 1/1"),
        ("GET https://api.machines.dev/z/*", &["/z/*.a/x"], "GET https://api.machines.dev/z/* | 1/1"),
    ] {
        let requests: Vec<_> = paths.iter().enumerate().map(|(run, path)| id(run as i64, path)).collect();
        assert_eq!(lines(&taught(&[present], &requests, Unused::Dropped)), [learnt], "{present}");
    }
    let many: Vec<_> = (b'a'..=b'z').map(|c| id(1, &format!("/z/word{}/x", char::from(c)))).collect();
    let lesson = taught(&["GET https://api.machines.dev/*"], &many, Unused::Dropped);
    assert_eq!(lines(&lesson), ["GET https://api.machines.dev/z/* | 26/1"]);
}

#[test]
fn an_end_beside_deeper_paths_is_a_grant_of_its_own() {
    let requests = ["/z", "/z/id-1", "/z/id-2/deep"].map(|path| request(1, "cust-1", &format!("GET {path}")));
    let lesson = taught(&["GET https://api.machines.dev/*"], &requests, Unused::Dropped);
    assert_eq!(
        lines(&lesson),
        ["GET https://api.machines.dev/z | 1/1", "GET https://api.machines.dev/z/* | 2/1"]
    );
}

#[test]
fn what_no_present_grant_lets_pass_teaches_nothing() {
    let lesson =
        taught(&["GET https://api.machines.dev/a*"], &[request(1, "cust-1", "GET /b")], Unused::Dropped);
    assert_eq!((lesson.strangers, lesson.grants.len()), (1, 0));
}
