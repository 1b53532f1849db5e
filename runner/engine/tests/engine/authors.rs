//! Projects as `groundcrew new` makes them, built as `groundcrew build` does, in every language: the same calls, the
//! same answers. Where a language's toolchain is not there, its test says so.

use std::path::Path;

use groundcrew_author::testing::Scratch;
use groundcrew_author::{Kind, Language};
use groundcrew_engine::inspect::inspect;
use groundcrew_engine::run::{Ended, Hook};
use serde_json::json;

use crate::audit::looks;
use crate::hooks::provisions;
use crate::support::{Fake, Setup, load};

/// The component of a template, and what building it said; none where the toolchain is not there.
async fn built(language: Language, kind: Kind, shown: &str) -> Option<Hook> {
    built_after(language, kind, shown, |_| {}).await
}

/// The component of a template after a change of its source.
async fn built_after(language: Language, kind: Kind, shown: &str, change: impl Fn(&Scratch)) -> Option<Hook> {
    let bytes = {
        let scratch = Scratch::new(Path::new(env!("CARGO_TARGET_TMPDIR")), language, kind);
        change(&scratch);
        let built = scratch.build()?.unwrap_or_else(|error| panic!("{error}"));
        assert_eq!((built.kind.as_str(), built.warnings.len()), (shown, 0));
        std::fs::read(built.component).unwrap()
    };
    assert_eq!(inspect(&bytes).unwrap().manifest.unwrap().name, "cdn-zone");
    Some(load(&bytes).await)
}

async fn a_provisioner_of(language: Language) {
    if let Some(hook) = built(language, Kind::Provisioner, "provisioner (+inventory)").await {
        assert!(hook.has_inventory());
        provisions(&hook).await;
    }
}

/// A handler tells; where it is wrong, its words are what the run ends with.
async fn a_handler_of(language: Language, wrong: &str) {
    let Some(hook) = built(language, Kind::Handler, "handler").await else { return };
    let setup = Setup::new(json!({ "server": "http://a.example" }));
    setup.handle(&hook).await.outcome.unwrap();
    assert_eq!(setup.fake.trace()[1], "sent POST http://a.example/events");
    let run = Setup::new(json!(null)).handle(&hook).await;
    let Err(Ended::Failure(failure)) = run.outcome else { panic!("{:?}", run.outcome) };
    assert!(failure.message.contains(wrong), "{failure:?}");
}

async fn an_auditor_of(language: Language) {
    if let Some(hook) = built(language, Kind::Auditor, "auditor").await {
        looks(&hook).await;
    }
}

#[tokio::test]
async fn rust() {
    a_provisioner_of(Language::Rust).await;
}

#[tokio::test]
async fn typescript() {
    a_provisioner_of(Language::Ts).await;
    a_handler_of(Language::Ts, "TypeError").await;
    an_auditor_of(Language::Ts).await;
}

#[tokio::test]
async fn javascript() {
    a_provisioner_of(Language::Js).await;
    a_handler_of(Language::Js, "TypeError").await;
    an_auditor_of(Language::Js).await;
}

#[tokio::test]
async fn python() {
    a_provisioner_of(Language::Python).await;
    a_handler_of(Language::Python, "TypeError").await;
    an_auditor_of(Language::Python).await;
}

#[tokio::test]
async fn go() {
    a_provisioner_of(Language::Go).await;
    a_handler_of(Language::Go, "no URL").await;
    an_auditor_of(Language::Go).await;
}

#[tokio::test]
async fn c() {
    a_provisioner_of(Language::C).await;
    a_handler_of(Language::C, "`server` is absent or no string").await;
    an_auditor_of(Language::C).await;
}

/// An ordinary client, through the `RoundTripper`, again and again with answers that make the collector run.
const LIBRARY: &str = r#"package main

import (
	"fmt"
	"io"
	"net/http"

	"groundcrew.dev/hook/handler"
	"groundcrew.dev/hook/transport"
)

type fetcher struct{}

func (fetcher) Handle(event handler.Event) error {
	client := http.Client{Transport: transport.Host{}}
	for range 30 {
		answer, err := client.Get("http://a.example/things")
		if err != nil {
			return err
		}
		body, err := io.ReadAll(answer.Body)
		if err != nil || len(body) != 200_000 || answer.StatusCode != 200 {
			return fmt.Errorf("%d bytes of %s: %w", len(body), answer.Status, err)
		}
	}
	return nil
}

func init() { handler.Export(fetcher{}) }

func main() {}
"#;

#[tokio::test]
async fn ordinary_go_libraries_run_with_large_answers() {
    let change = |scratch: &Scratch| scratch.write("hook.go", LIBRARY);
    let Some(hook) = built_after(Language::Go, Kind::Handler, "handler", change).await else { return };
    let fake = Fake::answering(200, &"x".repeat(200_000));
    let setup = Setup { fake, ..Setup::new(json!({ "server": "http://a.example" })) };
    setup.handle(&hook).await.outcome.unwrap();
    assert_eq!(setup.fake.trace().len(), 60);
}
