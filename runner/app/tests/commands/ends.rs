//! Commands that end or move what is on record.

use std::fs;

use serde_json::{Value, json};

use crate::cli::{Said, golden, redact};
use crate::fixture::Fixture;

const TARGET: &str = "dns server=https://pdns server_id=localhost zone=example";

/// A configuration for the fixture's hooks; `dns` works for these apps only.
const CONFIGURED: &str = r#"
installation = "acme"
level = "enforce"
source.ndjson.path = "-"
store.path = "data"
[scope.some]
apps = $APPS
[hook.dns]
use = "builtin:dns"
scope = "some"
config = { server = "https://pdns", zone = "example", records = [] }
gone = "report"
grace = { gone = "30d", unwanted = "30d" }
[hook.ips]
use = "builtin:fly-ip"
gone = "delete"
"#;

/// The fixture with a configuration whose hook `dns` works for these apps.
async fn configured(apps: &str) -> Fixture {
    let fixture = Fixture::filled().await;
    // Where the configured hook has its things: the component knows one field more than the fixture.
    let database = groundcrew_store::Connection::open(fixture.data().join("groundcrew.db")).unwrap();
    for table in ["hook", "resource", "want"] {
        let text = format!("UPDATE {table} SET target = ?1 WHERE target LIKE 'dns %'");
        database.execute(&text, [TARGET]).unwrap();
    }
    fixture.configure(&CONFIGURED.replace("$APPS", apps));
    fixture
}

impl Fixture {
    fn configure(&self, text: &str) {
        fs::write(self.dir.path().join("groundcrew.toml"), text).unwrap();
        let added = self.run("add --all --yes");
        assert_eq!(added.code, 0, "{added:?}");
    }

    /// State and origin of a row, and whether it is protected and unwanted.
    fn how(&self, name: &str) -> (String, bool, bool) {
        let row = self.data_run(&format!("why {name} --json")).json()[0].clone();
        let state = row["state"].as_str().unwrap().to_owned();
        (state, row["protected"] == true, row["unwanted_since"].is_string())
    }

    fn refused(&self, line: &str, why: &str, hint: &str) -> Said {
        let said = self.run(&format!("--data data {line}"));
        let typed = hint.strip_prefix("groundcrew ").map(|rest| format!("groundcrew --data data {rest}"));
        let hint = typed.as_deref().unwrap_or(hint);
        assert!(said.code == 1 && said.err.contains(why) && said.err.contains(hint), "{line}: {said:?}");
        said
    }

    fn last_act(&self) -> (String, String) {
        let act = self.store().acts(1).unwrap().remove(0).1;
        (act.who, act.what)
    }
}

#[tokio::test]
async fn what_nobody_wants_is_released_and_what_somebody_wants_is_not() {
    let fixture = configured(r#"["cust-7"]"#).await;
    let asked = fixture.run("--data data resources release A/www.cust-3.example");
    assert!(asked.code == 5 && asked.err.contains("A/www.cust-3.example --yes"), "{asked:?}");
    assert_eq!(fixture.how("A/www.cust-3.example").0, "present");
    golden("release.txt", &fixture.transcript("resources release --hook dns --yes"));
    assert_eq!(fixture.how("A/www.cust-3.example").0, "retained");
    assert_eq!(
        fixture.last_act(),
        ("tester".to_owned(), "resources release record/A/www.cust-3.example".to_owned())
    );
    fixture.refused(
        "resources release A/www.cust-7.example --yes",
        "is wanted by fly/acme/cust-7",
        "groundcrew why",
    );
    fixture.refused("resources release dedicated-v6 --yes", "nobody knows yet whether", "groundcrew settle");
    fixture.refused("resources release --hook dns --yes", "everything that hook dns has", "resources --hook");
    assert!(fixture.data_run("findings").out.contains("resource.ambiguous"), "that of others stays");
}

#[tokio::test]
async fn a_narrowed_scope_ends_with_release_or_delete() {
    let fixture = configured(r#"["cust-3"]"#).await;
    golden("delete-plan.txt", &fixture.transcript("resources delete A/www.cust-7.example"));
    assert_eq!(fixture.how("A/www.cust-7.example"), ("present".to_owned(), false, false));
    let done = fixture.data_run("resources delete --hook dns --app cust-7 --yes --json");
    assert_eq!(done.json()["changed"], 1);
    assert_eq!(fixture.how("A/www.cust-7.example"), ("present".to_owned(), false, true));
    assert_eq!(fixture.last_act().1, "resources delete record/A/www.cust-7.example");
    // Until it is gone it can be taken back.
    let back = fixture.data_run("restore A/www.cust-7.example");
    assert!(back.out.contains("is kept until `groundcrew unprotect"), "{back:?}");
    assert_eq!(fixture.how("A/www.cust-7.example"), ("present".to_owned(), true, true));
    fixture.refused("resources delete A/www.cust-7.example --yes", "is protected", "groundcrew unprotect");
}

#[tokio::test]
async fn whatever_holds_a_removal_is_named() {
    let fixture = configured(r#"["cust-3"]"#).await;
    let row = "resources delete A/www.cust-7.example --yes";
    fixture.data_run("pause --deletes --app cust-7");
    fixture.refused(row, "is paused: level is no-deletes", "groundcrew unpause --app fly/acme/cust-7");
    fixture.data_run("unpause --app cust-7");
    let text = CONFIGURED.replace("$APPS", r#"["cust-3"]"#);
    fixture.configure(&text.replace("level = \"enforce\"", "level = \"observe\""));
    fixture.refused(row, "level of hook dns is observe", "level = \"enforce\"");
    fixture.configure(&text.replace("unwanted = \"30d\"", "unwanted = \"never\""));
    fixture.refused(row, "would not be removed: its grace is `never`", "groundcrew why");
    fixture
        .configure(&text.replace("[hook.dns]", "[hook.names]").replace("\"https://pdns\"", "\"https://q\""));
    fixture.refused(row, "no stanza says", "resources release --hook dns");
    assert_eq!(fixture.how("A/www.cust-7.example"), ("present".to_owned(), false, false));
}

#[tokio::test]
async fn only_what_is_not_gone_is_restored() {
    let fixture = configured(r#"["cust-*"]"#).await;
    fixture.refused("restore A/www.cust-7.example", "is wanted: nothing ends it", "groundcrew protect");
    fixture.data_run("restore A/www.cust-3.example");
    assert_eq!(fixture.how("A/www.cust-3.example"), ("present".to_owned(), true, true));
    fixture.data_run("resources release A/www.cust-3.example --yes");
    fixture.data_run("restore A/www.cust-3.example");
    assert_eq!(fixture.how("A/www.cust-3.example").0, "present");
    assert_eq!(fixture.last_act().1, "restore record/A/www.cust-3.example");
}

#[tokio::test]
async fn an_ended_hook_is_planned_listed_and_taken_back() {
    let fixture = configured(r#"["cust-*"]"#).await;
    golden("hook-remove-plan.txt", &fixture.transcript("hook remove dns --cleanup"));
    golden("hook-remove.txt", &fixture.transcript("hook remove dns --cleanup --yes"));
    golden("hook-list.txt", &fixture.transcript("hook list"));
    golden("hook-list-json.txt", &redact(&fixture.transcript("hook list --json")));
    let doctor = fixture.run("--data data doctor").out;
    assert!(doctor.contains("dns: removing, 2 of 2 left"), "{doctor}");
    assert_eq!(fixture.last_act().1, "hook remove dns --cleanup");
    fixture.refused("hook remove dns --retain --yes", "being removed, already", "--abort");
    fixture.data_run("hook remove dns --abort");
    assert!(!fixture.data_run("hook list").out.contains("removing"));
    fixture.refused("hook remove dns --abort", "is not being removed", "groundcrew hook list");
}

#[tokio::test]
async fn a_retained_hook_is_removed_at_once_and_check_says_that_its_stanza_can_go() {
    let fixture = configured(r#"["cust-*"]"#).await;
    golden("hook-remove-retain.txt", &fixture.transcript("hook remove dns --retain --yes"));
    assert_eq!(fixture.how("A/www.cust-7.example").0, "retained");
    let check = fixture.run("check");
    assert!(check.out.contains("hook dns is removed and makes nothing: take [hook.dns] out"), "{check:?}");
    assert_eq!(fixture.run("check --json").json()["removed"], json!(["dns"]));
    fixture.refused("hook remove ips --retain --yes", "nobody knows yet whether", "groundcrew settle");
    fixture.refused("hook remove nobody --retain --yes", "no hook `nobody` ever ran", "groundcrew hook list");
}

#[tokio::test]
async fn a_hook_is_given_only_to_one_that_knows_its_things() {
    let fixture = configured(r#"["cust-*"]"#).await;
    fixture.refused("hook remove dns --transfer ips --yes", "knows no `record`", "groundcrew hook list");
    fixture.refused(
        "hook remove dns --transfer nobody --yes",
        "has no hook `nobody`",
        "write its stanza first, then groundcrew up",
    );
    let store = fixture.store();
    let digest = groundcrew_core::hash::Digest::of(b"component");
    store.save_hook("names", digest, "dns server=https://elsewhere", "{}").await.unwrap();
    let text = CONFIGURED.replace("$APPS", r#"["cust-*"]"#);
    let other = "\n[hook.names]\nuse = \"builtin:dns\"\nconfig = { server = \"https://q\", zone = \"q\", records = [] }\ngone = \"delete\"\n";
    fixture.configure(&(text + other));
    fixture.refused(
        "hook remove dns --transfer names --yes",
        "has its things at dns server=https://pdns",
        "--cleanup",
    );
    store.save_hook("names", digest, TARGET, "{}").await.unwrap();
    let said = fixture.data_run("hook remove dns --transfer names --yes");
    assert!(said.out.contains("hook dns is removed: 2 things are names's"), "{said:?}");
    let rows = fixture.data_run("resources --hook names --json").json();
    assert_eq!(rows.as_array().unwrap().len(), 2);
}

#[tokio::test]
async fn an_export_has_every_thing_and_no_sealed_value() {
    let fixture = Fixture::filled().await;
    golden("export.txt", &fixture.transcript("resources export --hook dns"));
    let all = fixture.data_run("resources export").out;
    let lines: Vec<Value> = all.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(lines.len(), 3);
    assert!(lines.iter().all(|line| line["format"] == 1 && line["owner"].is_string()));
}
