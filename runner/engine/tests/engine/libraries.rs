//! Somebody else's library for an HTTP API, unchanged, in a hook: what Go calls a `RoundTripper` is the host's HTTP.

use std::path::Path;
use std::process::Command;

use groundcrew_author::testing::Scratch;
use groundcrew_author::{Kind, Language};
use groundcrew_engine::egress::Response;
use groundcrew_engine::run::Ended;
use groundcrew_unchecked::language_not_checked;
use serde_json::{Value, json};

use crate::support::{Fake, Setup, load};

/// DigitalOcean's own client, with the retries and limits that it is delivered with.
const LIBRARY: &str = "github.com/digitalocean/godo@v1.236.0";

const HOOK: &str = r#"package main

import (
	"context"
	"net/http"

	"github.com/digitalocean/godo"
	"groundcrew.dev/hook"
	"groundcrew.dev/hook/handler"
	"groundcrew.dev/hook/transport"
)

type records struct{}

func (records) Handle(event handler.Event) error {
	var config struct {
		Server string `json:"server"`
	}
	if err := hook.Config(&config); err != nil {
		return err
	}
	client, err := godo.New(&http.Client{Transport: transport.Host{}}, godo.SetBaseURL(config.Server))
	if err != nil {
		return err
	}
	record := &godo.DomainRecordEditRequest{Type: "TXT", Name: event.ID, Data: event.Kind}
	_, _, err = client.Domains.CreateRecord(context.Background(), "a.example", record)
	return err
}

func init() { handler.Export(records{}) }

func main() {}
"#;

/// The component of the hook above; none where Go, or the library, cannot be had.
fn built() -> Option<Vec<u8>> {
    let scratch = Scratch::new(Path::new(env!("CARGO_TARGET_TMPDIR")), Language::Go, Kind::Handler);
    // Puts the SDK in its place.
    scratch.build()?.unwrap_or_else(|error| panic!("{error}"));
    let got = Command::new("go").args(["get", LIBRARY]).current_dir(&scratch.root).output().unwrap();
    if !got.status.success() {
        let said = String::from_utf8_lossy(&got.stderr).into_owned();
        language_not_checked("a library of somebody else's in Go", said.trim());
        return None;
    }
    scratch.write("hook.go", HOOK);
    let built = scratch.build()?.unwrap_or_else(|error| panic!("{error}"));
    Some(std::fs::read(built.component).unwrap())
}

#[tokio::test]
async fn a_library_in_go_asks_through_the_host() {
    let Some(component) = built() else { return };
    let hook = load(&component).await;
    let config = || json!({ "server": "http://a.example/" });
    let fake = Fake::new(|request| {
        let asked: Value = serde_json::from_slice(&request.body).unwrap();
        assert_eq!(
            (&asked["type"], &asked["name"], &asked["data"]),
            (&"TXT".into(), &"e1".into(), &"tick".into())
        );
        let named =
            |name: &str| request.headers.iter().any(|(it, value)| it == name && value.contains("godo/"));
        assert!(named("user-agent"), "{:?}", request.headers);
        let body = br#"{"domain_record":{"id":28448433,"type":"TXT","name":"e1","data":"tick"}}"#.to_vec();
        Ok(Response { status: 201, headers: vec![("ratelimit-remaining".into(), "4999".into())], body })
    });
    let good = Setup { fake, ..Setup::new(config()) };
    assert_eq!(good.handle(&hook).await.outcome, Ok(()));
    // Written down before it left, as every write is.
    let expected = ["intent 0 after []", "sent POST http://a.example/v2/domains/a.example/records"];
    assert_eq!(good.fake.trace()[..2], expected);

    // What the library makes of an answer is what the run ends with.
    let said = r#"{"id":"unauthorized","message":"Unable to authenticate you"}"#;
    let refused = Setup { fake: Fake::answering(401, said), ..Setup::new(config()) };
    let outcome = refused.handle(&hook).await.outcome;
    let Err(Ended::Failure(failure)) = outcome else { panic!("{outcome:?}") };
    assert!(
        failure.message.contains("401") && failure.message.contains("Unable to authenticate you"),
        "{failure:?}"
    );

    // What is not granted does not leave, whoever asks.
    let ungranted = Setup { fake: Fake::unreachable(), grants: Vec::new(), ..Setup::new(config()) };
    let outcome = ungranted.handle(&hook).await.outcome;
    let Err(Ended::Failure(failure)) = outcome else { panic!("{outcome:?}") };
    assert!(failure.message.contains("grant"), "{failure:?}");
}
