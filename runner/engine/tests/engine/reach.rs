//! What only handlers and auditors may call, from languages whose SDK wraps it: the fleet, and a small memory.

use std::collections::BTreeMap;
use std::path::Path as File;
use std::sync::Arc;

use futures_util::future::BoxFuture;
use groundcrew_author::testing::Scratch;
use groundcrew_author::{Kind, Language};
use groundcrew_core::running::{Month, Total};
use groundcrew_core::spec::Failure;
use groundcrew_core::subject::{Path, Subject};
use groundcrew_engine::memory::{Memory, Page};
use groundcrew_engine::run::{Ended, MemoryHandle};
use serde_json::json;

use crate::support::{Fake, Setup, engine, event, load, view};

const GO: &str = r#"package main

import (
	"fmt"

	"groundcrew.dev/hook"
	"groundcrew.dev/hook/fleet"
	"groundcrew.dev/hook/handler"
	"groundcrew.dev/hook/kv"
)

type looker struct{}

func (looker) Handle(event handler.Event) error {
	subject := fleet.Get("fly/acme/web")
	hook.Log("%s %s %s %t", subject.ID, subject.State, subject.Labels, fleet.Get("fly/acme/none") == nil)
	page := fleet.Below("fly/acme", "")
	hook.Log("%d %s next %s", len(page.Subjects), page.Subjects[0].Path, page.Next)
	hook.Log("%d", len(fleet.Below("fly/acme", page.Next).Subjects))
	seen, found, err := kv.Get("seen")
	if err != nil {
		return err
	}
	_, other, _ := kv.Get("other")
	hook.Log("%s %t %t", seen, found, other)
	if err := kv.Set("seen", append(seen, 0, '2')); err != nil {
		return err
	}
	if err := kv.Delete("old"); err != nil {
		return err
	}
	return fmt.Errorf("too long: %w", kv.Set(event.ID, make([]byte, 70_000)))
}

func init() { handler.Export(looker{}) }

func main() {}
"#;

const C: &str = r#"#include <groundcrew.h>
#include <string.h>

hook_failure *handler_handle(const hook_event *event) {
  hook_subject *subject = hook_fleet_get("fly/acme/web");
  hook_log(HOOK_INFO, "%s %s %s %s", subject->id, subject->state, cJSON_PrintUnformatted(subject->labels),
           hook_fleet_get("fly/acme/none") ? "false" : "true");
  hook_subjects page = hook_fleet_below("fly/acme", NULL);
  hook_log(HOOK_INFO, "%zu %s next %s", page.count, page.items[0].path, page.next);
  hook_log(HOOK_INFO, "%zu", hook_fleet_below("fly/acme", page.next).count);
  hook_bytes seen, other;
  HOOK_TRY(hook_kv_get("seen", &seen));
  HOOK_TRY(hook_kv_get("other", &other));
  hook_log(HOOK_INFO, "%s %s %s", seen.data, seen.data ? "true" : "false", other.data ? "true" : "false");
  char more[8] = {0};
  memcpy(more, seen.data, seen.length);
  memcpy(more + seen.length, "\0002", 2);
  HOOK_TRY(hook_kv_set("seen", (hook_bytes){more, seen.length + 2}));
  HOOK_TRY(hook_kv_delete("old"));
  static char large[70000];
  hook_failure *failure = hook_kv_set(event->id, (hook_bytes){large, sizeof large});
  failure->message = hook_format("too long: %s", failure->message);
  return failure;
}
"#;

/// One app in two pages, and one value.
pub(crate) struct Known;

fn ready<'a, T: Send + 'a>(value: T) -> BoxFuture<'a, Result<T, Failure>> {
    Box::pin(std::future::ready(Ok(value)))
}

impl Memory for Known {
    fn subject<'a>(&'a self, path: &'a Path) -> BoxFuture<'a, Result<Option<Subject>, Failure>> {
        ready((path.as_str() == "fly/acme/web").then(|| view().owner))
    }

    fn below<'a>(&'a self, path: &'a str, cursor: Option<&'a str>) -> BoxFuture<'a, Result<Page, Failure>> {
        assert_eq!(path, "fly/acme");
        match cursor {
            None => ready((vec![view().owner], Some("web".to_owned()))),
            Some(cursor) => ready((Vec::new(), (cursor != "web").then(|| "wrong".to_owned()))),
        }
    }

    fn running<'a>(&'a self, _: &'a Path, _: Month) -> BoxFuture<'a, Result<Vec<Total>, Failure>> {
        ready(Vec::new())
    }

    fn value<'a>(&'a self, key: &'a str) -> BoxFuture<'a, Result<Option<Vec<u8>>, Failure>> {
        ready((key == "seen").then(|| b"1".to_vec()))
    }
}

#[tokio::test]
async fn the_fleet_and_the_memory_are_there_in_go_and_c() {
    for (language, file, source) in [(Language::Go, "hook.go", GO), (Language::C, "hook.c", C)] {
        let bytes = {
            let scratch = Scratch::new(File::new(env!("CARGO_TARGET_TMPDIR")), language, Kind::Handler);
            scratch.write(file, source);
            let Some(built) = scratch.build() else { continue };
            std::fs::read(built.unwrap_or_else(|error| panic!("{error}")).component).unwrap()
        };
        let hook = load(&bytes).await;
        let mut context = Setup { fake: Fake::unreachable(), ..Setup::new(json!({})) }.context();
        context.memory = MemoryHandle(Arc::new(Known));
        let run = engine().handle(&hook, &context, event()).await;
        let Err(Ended::Failure(failure)) = &run.outcome else { panic!("{language:?}: {:?}", run.outcome) };
        let limit = "too long: a key has at most 256 bytes and a value at most 65536";
        assert_eq!((failure.message.as_str(), failure.retry), (limit, false), "{language:?}");
        let lines: Vec<_> = run.log.lines.iter().map(|line| line.message.as_str()).collect();
        let expected = [r#"app:1 live {"plan":"pro"} true"#, "1 fly/acme/web next web", "0", "1 true false"];
        assert_eq!(lines, expected, "{language:?}");
        let written =
            BTreeMap::from([("old".to_owned(), None), ("seen".to_owned(), Some(b"1\x002".to_vec()))]);
        assert_eq!(run.written, written, "{language:?}");
    }
}
