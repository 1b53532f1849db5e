use super::*;

fn refusal(status: u16, body: &str) -> Refusal {
    Refusal::read(&Answer::new(status, body.as_bytes()))
}

#[test]
fn both_shapes_are_read_and_the_code_is_told_apart() {
    let machines =
        refusal(412, r#"{"error": "failed_precondition: volume is currently bound to machine: 14"}"#);
    assert_eq!(machines.code.as_deref(), Some("failed_precondition"));
    let apps = refusal(422, r#"{"message": "Name has already been taken", "status": "name_taken"}"#);
    assert_eq!((apps.message.as_str(), apps.code.as_deref()), ("Name has already been taken", None));
    assert!(apps.says_name_taken());
    let proxy = refusal(502, "<html>bad gateway</html>");
    assert_eq!(proxy.message, "<html>bad gateway</html>");
}

#[test]
fn every_status_has_the_class_that_it_means() {
    let table = [
        (404, r#"{"error": "machine not found"}"#, Class::Gone),
        (410, "", Class::Gone),
        (400, r#"{"message": "Could not find App \"x\""}"#, Class::Gone),
        (400, r#"{"error": "invalid_argument: timeout"}"#, Class::Invalid),
        (401, r#"{"error": "Authenticate: token validation error"}"#, Class::Denied),
        (403, "", Class::Denied),
        (408, "", Class::Later),
        (409, r#"{"error": "aborted: could not update: concurrent update"}"#, Class::Later),
        (412, "", Class::Later),
        (422, "", Class::Invalid),
        (423, "", Class::Later),
        (429, "", Class::Later),
        (500, "", Class::Later),
        (503, "", Class::Later),
        (302, "", Class::Invalid),
    ];
    for (status, body, class) in table {
        assert_eq!(refusal(status, body).class(), class, "{status} {body}");
    }
}

#[test]
fn only_answers_that_may_hide_an_effect_leave_doubt() {
    let doubt = |status| ApiError::from(refusal(status, "")).leaves_doubt();
    assert!(doubt(502) && doubt(408) && !doubt(409) && !doubt(429) && !doubt(422));
    let unreadable = Answer::new(200, b"<html>").json::<Value>().unwrap_err();
    assert!(unreadable.leaves_doubt());
    assert_eq!(unreadable.class(), Class::Later);
}

#[test]
fn the_request_id_and_the_existing_machine_are_found() {
    let body = br#"{"error":"already_exists: unique machine name violation, machine ID 148e445b already exists with name \"web\""}"#;
    let refusal = Refusal::read(&Answer::new(409, body).with_header("Fly-Request-Id", "01K-fra"));
    assert_eq!(refusal.existing_machine(), Some("148e445b"));
    assert_eq!(refusal.code.as_deref(), Some("already_exists"));
    assert!(refusal.to_string().ends_with("(request 01K-fra)"));
}

#[test]
fn retry_after_is_read_in_both_forms() {
    assert_eq!(RetryAfter::parse(" 7 "), Some(RetryAfter::Seconds(7)));
    assert_eq!(RetryAfter::parse("Sun, 06 Nov 1994 08:49:37 GMT"), Some(RetryAfter::At(784_111_777)));
    assert_eq!(RetryAfter::parse("Thu, 29 Feb 2024 00:00:00 GMT"), Some(RetryAfter::At(1_709_164_800)));
    for bad in [
        "",
        "soon",
        "-1",
        "Sun, 06 Nov 1994 08:49:37",
        "Sun, 06 Foo 1994 08:49:37 GMT",
        "Sun, 99 Nov 1994 08:49:37 GMT",
    ] {
        assert_eq!(RetryAfter::parse(bad), None, "{bad}");
    }
    assert_eq!(RetryAfter::At(10).delay_ms(4_000), 6_000);
    assert_eq!(RetryAfter::At(1).delay_ms(4_000), 0);
}
