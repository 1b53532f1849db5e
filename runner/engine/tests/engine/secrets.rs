//! Tokens become values at their place only; values never come back.

use std::sync::{Arc, Mutex};

use groundcrew_core::duration::Millis;
use groundcrew_engine::egress::Response;
use groundcrew_engine::gate::Answers;
use groundcrew_engine::run::Ended;
use groundcrew_engine::secrets::{Format, Position, Secret, Secrets, Sign, Signing, token};
use serde_json::json;

use crate::support::{Fake, Setup, component, load, logged};

const VALUE: &str = "s3cret-value";

fn secret(at: Position, value: &str, to: &str) -> Secret {
    Secret {
        token: token(&[1; 32], "unruly", "KEY"),
        value: value.into(),
        at,
        format: Format::Plain,
        to: to.to_owned(),
        sign: Sign::None,
    }
}

fn secrets(at: Position, value: &str, to: &str) -> Secrets {
    Secrets::new([("KEY".to_owned(), secret(at, value, to))].into())
}

fn in_header(to: &str) -> Secrets {
    secrets(Position::Header("x-api-key".to_owned()), VALUE, to)
}

/// Answers with what came in `x-api-key`, and in a header.
fn echo() -> Arc<Fake> {
    Fake::new(|request| {
        let key = request.headers.iter().find(|(name, _)| name == "x-api-key");
        let key = key.map_or_else(String::new, |(_, value)| value.clone());
        assert_eq!(key, VALUE, "the outside gets the value");
        let body = format!("you sent {key}").into_bytes();
        Ok(Response { status: 200, headers: vec![("x-echo".to_owned(), key)], body })
    })
}

#[tokio::test]
async fn a_value_reaches_its_place_and_never_guest_log_or_journal() {
    let config = json!({ "does": "echo", "about": "http://a.example/", "secret": "KEY" });
    let setup = Setup { secrets: in_header("a.example:80"), fake: echo(), ..Setup::new(config) };
    let run = setup.handle(&load(&component("guest-unruly")).await).await;
    assert_eq!((run.outcome.clone(), logged(&run)), (Ok(()), vec!["you sent ***"]));
    let kept = format!(
        "{:?}",
        run.journal
            .calls
            .iter()
            .map(|call| {
                let answer = call.answer.clone().unwrap_or_default();
                (
                    String::from_utf8_lossy(&call.ask).into_owned(),
                    String::from_utf8_lossy(&answer).into_owned(),
                )
            })
            .collect::<Vec<_>>()
    );
    assert!(!kept.contains(VALUE) && kept.contains("gct_") && kept.contains("***"), "{kept}");
}

#[tokio::test]
async fn a_token_elsewhere_is_an_error_and_nothing_leaves() {
    let hook = load(&component("guest-unruly")).await;
    let other_host = json!({ "does": "echo", "about": "http://a.example/", "secret": "KEY" });
    let in_url = json!({ "does": "secret", "about": "KEY", "server": "http://a.example" });
    for (config, to, said) in [(other_host, "b.example:80", "x-api-key"), (in_url, "a.example:80", "the URL")]
    {
        let setup = Setup { secrets: in_header(to), fake: Fake::unreachable(), ..Setup::new(config) };
        let Err(Ended::Failure(failure)) = setup.handle(&hook).await.outcome else { panic!("it succeeded") };
        assert!(failure.message.contains("token stands in") && failure.message.contains(said), "{failure}");
    }
    let config = json!({ "does": "echo", "about": "http://a.example/", "secret": "OTHER" });
    let setup = Setup { secrets: in_header("a.example:80"), ..Setup::new(config) };
    let Err(Ended::Failure(failure)) = setup.handle(&hook).await.outcome else { panic!("it succeeded") };
    assert!(failure.message.contains("this stanza grants: KEY"), "{failure}");
}

#[tokio::test]
async fn a_secret_address_cannot_be_led_elsewhere() {
    let hook = load(&component("guest-unruly")).await;
    let address = secrets(Position::Url, "http://Hooks.example", "hooks.example:80");
    let token = address.token("KEY").unwrap();
    let fetch = |rest: &str| json!({ "does": "fetch", "about": format!("{token}{rest}") });
    for rest in [".evil.example/", "@evil.example/", ":81/"] {
        let setup = Setup { secrets: address.clone(), fake: Fake::unreachable(), ..Setup::new(fetch(rest)) };
        let Err(Ended::Failure(failure)) = setup.handle(&hook).await.outcome else { panic!("{rest} left") };
        assert!(failure.message.contains("may extend its path"), "{rest}: {failure}");
    }
    let setup = Setup { secrets: address.clone(), ..Setup::new(fetch("/x?y=1")) };
    setup.handle(&hook).await.outcome.unwrap();
    assert_eq!(setup.fake.trace()[0], "sent GET http://hooks.example/x?y=1");
}

#[tokio::test]
async fn a_webhook_is_signed_with_the_time_of_the_attempt_and_the_journal_knows_nothing_of_it() {
    let secret = Secret {
        sign: Sign::StandardWebhooks,
        ..secret(Position::Header("webhook-signature".to_owned()), VALUE, "a.example:80")
    };
    let sent = Arc::new(Mutex::new(Vec::new()));
    let seen = sent.clone();
    let fake = Fake::new(move |request| {
        seen.lock().unwrap().push(request.headers.clone());
        Ok(Response { status: 200, headers: Vec::new(), body: Vec::new() })
    });
    let config = json!({ "does": "fetch", "about": "http://a.example/" });
    let setup =
        Setup { secrets: Secrets::new([("KEY".to_owned(), secret)].into()), fake, ..Setup::new(config) };
    let hook = load(&component("guest-unruly")).await;
    let first = setup.handle(&hook).await;
    setup.clock.advance(Millis::hours(9));
    let later = setup.handle(&hook).await;
    assert_eq!(first.journal.calls[0].print, later.journal.calls[0].print);
    let ask = String::from_utf8(later.journal.calls[0].ask.clone()).unwrap();
    assert!(!ask.contains("webhook-"), "{ask}");
    let header = |at: usize, name: &str| {
        let found = sent.lock().unwrap()[at].iter().find(|(it, _)| it == name).cloned();
        found.unwrap().1
    };
    let seconds = |at: usize| header(at, "webhook-timestamp").parse::<i64>().unwrap();
    assert_eq!(seconds(1) - seconds(0), 9 * 3_600);
    assert!(header(0, "webhook-signature").starts_with("v1,"));
    assert_ne!(header(0, "webhook-signature"), header(1, "webhook-signature"));
}

/// Two halves that are found nowhere else.
const CANARY: [&str; 2] = ["AKIACANARYCANARY", "c4n4ry/SECRET+of=the:operator"];

/// The headers of each request that left.
type Sent = Arc<Mutex<Vec<Vec<(String, String)>>>>;

/// Refuses as S3 does what is signed wrongly, with the id, and says more than it should.
fn indiscreet(sent: &Sent) -> Arc<Fake> {
    let sent = sent.clone();
    Fake::new(move |request| {
        sent.lock().unwrap().push(request.headers.clone());
        let [id, secret] = CANARY;
        let body = format!("<AWSAccessKeyId>{id}</AWSAccessKeyId> {id}:{secret} {secret}").into_bytes();
        let headers = vec![("x-amz-echo".to_owned(), secret.to_owned())];
        Ok(Response { status: 403, headers, body })
    })
}

#[tokio::test]
async fn an_aws_request_is_signed_outside_and_no_half_of_its_key_is_found_inside() {
    let signing = Signing { region: "eu".to_owned(), service: "s3".to_owned() };
    let header = |name: &str| Position::Header(name.to_owned());
    let aws = Secret {
        sign: Sign::Sigv4(signing),
        token: token(&[1; 32], "unruly", "AWS"),
        ..secret(header("authorization"), &CANARY.join(":"), "a.example:80")
    };
    let key = secret(header("x-api-key"), VALUE, "a.example:80");
    let secrets = Secrets::new([("AWS".to_owned(), aws), ("KEY".to_owned(), key)].into());
    let sent = Sent::default();
    let config = json!({ "does": "echo", "about": "http://a.example/bucket", "secret": "KEY" });
    let live = Setup { secrets: secrets.clone(), fake: indiscreet(&sent), ..Setup::new(config.clone()) };
    let hook = load(&component("guest-unruly")).await;
    let first = live.handle(&hook).await;
    let authorization = {
        let sent = sent.lock().unwrap();
        sent[0].iter().find(|(name, _)| name == "authorization").unwrap().1.clone()
    };
    assert!(
        authorization.contains("Credential=AKIACANARYCANARY/")
            && authorization.contains("/eu/s3/aws4_request")
    );

    let signature = authorization.rsplit('=').next().unwrap();
    let bytes = |call: &groundcrew_engine::journal::Recorded| {
        let answer = call.answer.clone().unwrap_or_default();
        String::from_utf8_lossy(&[call.ask.clone(), answer].concat()).into_owned()
    };
    let kept: String = first.journal.calls.iter().map(bytes).collect();
    let everything =
        format!("{kept} {:?} {:?} {:?} {secrets:?}", logged(&first), first.outcome, first.journal);
    for half in CANARY.iter().chain([&signature]) {
        assert!(!everything.contains(half), "{half} is in {everything}");
    }
    assert_eq!(logged(&first), ["<AWSAccessKeyId>***</AWSAccessKeyId> *** ***"]);

    let answers = Answers::Journal(first.journal.clone());
    let replay = Setup { answers, secrets, fake: Fake::unreachable(), ..Setup::new(config) };
    let replayed = replay.handle(&hook).await;
    assert_eq!((replayed.outcome, replayed.journal), (first.outcome, first.journal));
}
