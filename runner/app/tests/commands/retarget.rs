//! A hook whose configuration names another place than its things are at.

use std::fs;

use crate::fixture::Fixture;

/// The hook `dns` of the fixture has its things at `https://pdns`; the configuration says otherwise.
async fn moved() -> Fixture {
    let fixture = Fixture::filled().await;
    let text = r#"
installation = "acme"
source.ndjson.path = "-"
store.path = "data"
[hook.dns]
use = "builtin:dns"
config = { server = "https://other.example", zone = "example", records = [] }
gone = "delete"
[hook.ips]
use = "builtin:fly-ip"
config = { api = "{fly.api}" }
gone = "delete"
"#;
    fs::write(fixture.dir.path().join("groundcrew.toml"), text).unwrap();
    fixture
}

impl Fixture {
    fn states(&self) -> Vec<(String, String)> {
        let rows = self.data_run("resources --json").json();
        let text = |value: &serde_json::Value| value.as_str().unwrap().to_owned();
        rows.as_array().unwrap().iter().map(|row| (text(&row["hook"]), text(&row["state"]))).collect()
    }

    fn hooks(&self) -> Vec<String> {
        let hooks = self.store().hooks().unwrap();
        hooks.iter().map(|hook| format!("{} {:?}", hook.name, hook.state)).collect()
    }
}

fn of(hook: &str, state: &str) -> (String, String) {
    (hook.to_owned(), state.to_owned())
}

#[tokio::test]
async fn retained_things_are_left_and_forgotten() {
    let fixture = moved().await;
    let asked = fixture.run("hook retarget dns --retain");
    assert_eq!(asked.code, 5, "{asked:?}");
    let before = fixture.states();
    let said = fixture.run("hook retarget dns --retain --yes");
    assert!(said.code == 0 && said.out.contains("2 things at dns server=https://pdns"), "{said:?}");
    assert_eq!(fixture.hooks(), ["dns-before Removed", "ips Active", "notify Active"]);
    let dns = |states: Vec<(String, String)>| -> Vec<_> {
        states.into_iter().filter(|(hook, _)| hook.starts_with("dns")).collect()
    };
    assert_eq!(dns(before), [of("dns", "present"), of("dns", "present")]);
    assert_eq!(dns(fixture.states()), [of("dns-before", "retained"), of("dns-before", "retained")]);
    let again = fixture.run("hook retarget dns --retain --yes");
    assert!(again.code == 1 && again.err.contains("no hook `dns` ever ran here"), "{again:?}");
}

#[tokio::test]
async fn things_that_are_kept_stay_as_they_were_under_another_name() {
    let fixture = moved().await;
    let said = fixture.run("hook retarget dns --both --as dns-old --yes");
    assert!(said.code == 0 && said.out.contains("write [hook.dns-old] with the old place"), "{said:?}");
    assert_eq!(fixture.hooks(), ["dns-old Detached", "ips Active", "notify Active"]);
    assert!(fixture.states().contains(&of("dns-old", "present")));
}

#[tokio::test]
async fn the_help_names_what_is_done_and_not_what_is_refused() {
    let said = Fixture::empty().run("hook retarget --help");
    assert!(said.code == 0 && said.out.contains("--retain") && said.out.contains("--both"), "{said:?}");
    assert!(!said.out.contains("--cleanup"), "it always refuses: {said:?}");
}

#[tokio::test]
async fn what_cannot_be_done_is_refused_and_changes_nothing() {
    let fixture = moved().await;
    let hooks = fixture.hooks();
    for (typed, code, why) in [
        ("hook retarget dns --cleanup --yes", 1, "hook retarget dns --both"),
        ("hook retarget dns --both --as ips --yes", 2, "there is a hook `ips` already"),
        ("hook retarget ips --retain --yes", 1, "are where its configuration says"),
        ("hook retarget nobody --retain --yes", 2, "has no hook `nobody`"),
        ("hook retarget dns --retain --both --yes", 2, "cannot be used with"),
    ] {
        let said = fixture.run(typed);
        assert!(said.code == code && said.err.contains(why), "{typed}: {said:?}");
    }
    let dir = groundcrew::data_dir::DataDir::new(fixture.data());
    let held = dir.lock("up", groundcrew_core::time::Timestamp::from_millis(0)).unwrap();
    assert_eq!(
        fixture.run("hook retarget dns --retain --yes").code,
        1,
        "a runner would go on at the old place"
    );
    drop(held);
    assert_eq!(fixture.hooks(), hooks);
}
