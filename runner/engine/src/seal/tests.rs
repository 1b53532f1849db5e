use super::*;
use serde_json::json;

const VALUE: &str = "handed-out/\"value\"";

/// Keeps in memory, or refuses.
struct Kept(Mutex<Vec<Sealed>>, Result<(), Failure>);

impl Vault for Kept {
    fn keep(&self, sealed: Vec<Sealed>) -> BoxFuture<'_, Result<(), Failure>> {
        self.0.lock().unwrap().extend(sealed);
        let done = self.1.clone();
        Box::pin(async move { done })
    }
}

fn sealer() -> Sealer {
    Sealer::new(&[7; 32])
}

fn vault() -> Arc<Kept> {
    Arc::new(Kept(Mutex::default(), Ok(())))
}

fn sealing(grants: &[(&str, Place, &str)]) -> Sealing {
    let grant = |(output, at, to): &(&str, Place, &str)| Grant {
        output: (*output).to_owned(),
        at: at.clone(),
        to: (*to).to_owned(),
    };
    let held = Held { sealed: sealer().seal(VALUE), outputs: vec!["bucket.key".to_owned()] };
    Sealing::new(sealer(), grants.iter().map(grant).collect(), Ok(vec![held]), vault())
}

fn json_at(pointer: &str) -> Place {
    Place::Json(pointer.parse().unwrap())
}

fn answer(status: u16, body: &str) -> Response {
    Response { status, headers: Vec::new(), body: body.as_bytes().to_vec() }
}

#[test]
fn a_value_is_opened_with_its_own_token_and_key_only() {
    let (one, other) = (sealer().seal(VALUE), sealer().seal("another"));
    assert_eq!(sealer().seal(VALUE), one, "the same value, the same token");
    assert_ne!(one.token, other.token);
    assert_eq!(sealer().open(&one).as_deref(), Some(VALUE));
    assert_eq!(Sealer::new(&[8; 32]).open(&one), None);
    assert_ne!(Sealer::new(&[8; 32]).seal(VALUE).token, one.token);
    assert_eq!(sealer().open(&Sealed { token: other.token, cipher: one.cipher.clone() }), None);
    assert_eq!(sealer().open(&Sealed { cipher: one.cipher[..20].to_vec(), ..one.clone() }), None);
    assert!(!format!("{one:?}").contains(VALUE));
    let text = format!("a {} b {}x gcs_short", one.token, one.token);
    assert_eq!(tokens(&text).collect::<Vec<_>>(), [&one.token, &one.token]);
}

#[tokio::test]
async fn strings_at_the_pointers_are_kept_and_replaced() {
    let kept = vault();
    let sealing = Sealing::new(sealer(), Vec::new(), Ok(Vec::new()), kept.clone());
    let pointers = ["/keys/*/secret".parse().unwrap(), "/keys/0/secret".parse().unwrap()];
    let body = json!({"keys": [{"id": "a", "secret": VALUE}, {"id": "b", "secret": null}, {"id": "c"}]});
    let shown = sealing.seal(answer(201, &body.to_string()), &pointers).await.unwrap();
    let shown: Value = serde_json::from_slice(&shown.body).unwrap();
    let token = sealer().seal(VALUE).token;
    assert_eq!(
        shown,
        json!({"keys": [{"id": "a", "secret": token}, {"id": "b", "secret": null}, {"id": "c"}]})
    );
    assert_eq!(*kept.0.lock().unwrap(), [sealer().seal(VALUE)]);
    let said = format!("{VALUE} and {}", Value::from(VALUE));
    assert_eq!(sealing.known().text(said), "*** and \"***\"", "masked from now on, also as JSON writes it");
}

#[tokio::test]
async fn a_mask_is_built_once_for_each_set_of_values_whichever_run_has_it() {
    let sealer = sealer();
    let held = |values: &[&str]| {
        let held = |value: &&str| Held { sealed: sealer.seal(value), outputs: Vec::new() };
        Ok(values.iter().map(held).collect())
    };
    let run = |values: &[&str]| Sealing::new(sealer.clone(), Vec::new(), held(values), vault());
    let said = || format!("{VALUE}, another-value, a-third-value");
    for _ in 0..3 {
        assert_eq!(run(&[VALUE, "another-value"]).known().text(said()), "***, ***, a-third-value");
    }
    assert_eq!(sealer.masks.built(), 1);
    let sealing = run(&[VALUE]);
    assert_eq!(sealer.masks.built(), 2);
    let body = json!([VALUE, "another-value", "a-third-value", VALUE]).to_string();
    for _ in 0..2 {
        sealing.seal(answer(200, &body), &["/*".parse().unwrap()]).await.unwrap();
        assert_eq!(sealing.known().text(said()), "***, ***, ***");
    }
    assert_eq!(sealer.masks.built(), 3, "once for all that an answer hands out, and not again for the same");
    let refused = json!(["a-fourth-value", 1]).to_string();
    assert!(sealing.seal(answer(200, &refused), &["/*".parse().unwrap()]).await.is_err());
    assert_eq!(
        sealing.known().text("a-fourth-value".to_owned()),
        "***",
        "also of an answer that is not shown"
    );
}

#[tokio::test]
async fn what_cannot_be_sealed_is_not_shown() {
    let sealing = sealing(&[]);
    let at = ["/secret".parse().unwrap()];
    for (body, said) in [("{\"secret\": {\"a\": 1}}", "no string"), ("<html>", "no JSON")] {
        let refused = sealing.seal(answer(200, body), &at).await.unwrap_err();
        assert!(refused.message.contains(said), "{refused}");
    }
    let error = sealing.seal(answer(502, "<html>"), &at).await.unwrap();
    assert_eq!(error.body, b"<html>", "what went wrong may be said in any form");
    let full = Arc::new(Kept(Mutex::default(), Err(Failure::again("the disk is full"))));
    let sealing = Sealing::new(sealer(), Vec::new(), Ok(Vec::new()), full);
    assert!(sealing.seal(answer(200, "{\"secret\": \"x\"}"), &at).await.is_err(), "not kept, not shown");
    assert!(Sealing::default().ready(&at).is_err() && Sealing::default().ready(&[]).is_ok());
    let unread = Sealing::new(sealer(), Vec::new(), Err(Failure::again("no disk")), vault());
    assert!(unread.ready(&[]).is_err(), "nothing could be masked");
}

#[tokio::test]
async fn an_answer_in_which_a_pointer_names_nothing_is_not_shown() {
    let sealing = sealing(&[]);
    let at = ["/data/addOn/url".parse().unwrap()];
    for body in [r#"{"data": {"addOn": {"publicUrl": "s3cret"}}}"#, r#"{"url": "s3cret"}"#, r#""s3cret""#] {
        let refused = sealing.seal(answer(200, body), &at).await.unwrap_err();
        assert!(refused.message.contains("nothing at `/data/addOn/url`"), "{refused}");
        assert!(
            sealing.seal(answer(422, body), &at).await.is_ok(),
            "what went wrong may be said in any form"
        );
    }
    let errors = r#"[{"message": "no"}]"#;
    for body in [
        r#"{"data": {"addOn": null}}"#.to_owned(),
        r#"{"data": {"addOn": {"url": null}}}"#.to_owned(),
        format!(r#"{{"errors": {errors}}}"#),
        format!(r#"{{"data": null, "errors": {errors}}}"#),
    ] {
        assert!(sealing.seal(answer(200, &body), &at).await.is_ok(), "{body}");
    }
    let both = format!(r#"{{"data": {{"addOn": {{"publicUrl": "s3cret"}}}}, "errors": {errors}}}"#);
    assert!(sealing.seal(answer(200, &both), &at).await.is_err(), "data beside errors");
}

#[test]
fn a_token_is_exchanged_at_its_place_only() {
    let token = sealer().seal(VALUE).token;
    let sealing = sealing(&[
        ("bucket.key", json_at("/values/*"), "a.example:443"),
        ("bucket.key", Place::Header("x-key".to_owned()), "b.example:443"),
    ]);
    let body = |json: Value| json.to_string().into_bytes();
    let exchanged = sealing.exchange_body(body(json!({"values": {"K": token, "n": 1}})), "a.example:443");
    let exchanged: Value = serde_json::from_slice(&exchanged.unwrap()).unwrap();
    assert_eq!(exchanged, json!({"values": {"K": VALUE, "n": 1}}));
    let header = |to: &str| sealing.exchange_header("x-key", format!("Key {token}"), to);
    assert_eq!(header("b.example:443").unwrap(), format!("Key {VALUE}"));
    let refused = header("a.example:443").unwrap_err();
    assert!(refused.message.contains("allows it at json:/values/* to a.example:443 only"), "{refused}");
    for (json, to) in [
        (json!({"values": {"K": token}}), "b.example:443"),
        (json!({"other": token}), "a.example:443"),
        (json!({"values": {"K": {"deep": token}}}), "a.example:443"),
        (json!({"values": {token.as_str(): "x"}}), "a.example:443"),
        (json!({"values": {"K": sealer().seal("somebody else's").token}}), "a.example:443"),
    ] {
        assert!(sealing.exchange_body(body(json.clone()), to).is_err(), "{json} to {to}");
    }
    let form = format!("key={token}").into_bytes();
    assert!(sealing.exchange_body(form, "a.example:443").unwrap_err().message.contains("no JSON"));
    assert!(sealing.refuse_in("the URL", &format!("http://a.example/{token}")).is_err());
    assert_eq!(sealing.exchange_body(b"no token".to_vec(), "x").unwrap(), b"no token");
}

#[test]
fn a_refusal_is_the_line_that_would_allow_it() {
    let token = sealer().seal(VALUE).token;
    let refused = sealing(&[]).exchange_header("x-key", token, "a.example:443").unwrap_err();
    let line = "sealed.\"bucket.key\" = { at = \"header:x-key\", to = \"a.example:443\" }";
    assert!(refused.message.contains(line), "{refused}");
}
