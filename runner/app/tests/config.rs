//! Golden configurations: every kind of problem as it is told, and good files as they are taken.
//!
//! `tests/config/CODE.toml` (or `CODE--VARIANT.toml`) has its report in `CODE.err` beside it. With the variable
//! `UPDATE_GOLDEN` set, reports are written instead of compared.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use groundcrew::config::{
    Component, Config, Enforcement, Environment, FLY_API, Grace, Keep, LabelType, Ndjson, NoManifest, Paint,
    ProblemKind, Report, Severity, Sign, Work, reference, schema, template,
};
use groundcrew::lock::Approval;
use groundcrew_core::duration::Millis;
use groundcrew_core::hash::Digest;
use groundcrew_core::manifest::Manifest;
use groundcrew_core::may_delete::{Level, OnGone, Window};
use groundcrew_core::schedule::{Missed, Overlap};
use groundcrew_core::settle::{Adopt, Drift};

fn dir() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/config")
}

fn environment() -> Environment {
    let names = ["FLY_READ_TOKEN", "FLY_API_TOKEN", "BILLING_TOKEN", "SLACK_WEBHOOK", "PDNS_KEY"];
    Environment::fixed(names.map(|name| (name.to_owned(), format!("value of {name}"))))
}

fn manifest(component: &Component, brought: Option<&Manifest>) -> Result<Manifest, NoManifest> {
    match component {
        Component::File(path) if brought.is_some() && !path.ends_with("broken.wasm") => {
            Ok(brought.unwrap().clone())
        }
        Component::Builtin(name) => {
            let known = || ["dns", "fly-cert", "fly-ip", "notify"].map(str::to_owned).to_vec();
            let text = fs::read_to_string(dir().join("hooks").join(format!("{name}.toml")));
            let text = text.map_err(|_| NoManifest::UnknownBuiltin { known: known() })?;
            Ok(Manifest::parse(&text).unwrap())
        }
        Component::File(path) if path.ends_with("plain.wasm") => Err(NoManifest::Absent),
        Component::File(_) => {
            Err(NoManifest::Refused("this is no WebAssembly: it does not begin with `\\0asm`".to_owned()))
        }
    }
}

fn load(name: &str) -> Result<Config, Report> {
    let file = format!("{name}.toml");
    match fs::read_to_string(dir().join(&file)) {
        Ok(text) => Config::parse(&file, &text, Path::new("tests/config"), &environment(), &manifest),
        Err(_) => Config::load(Path::new(&file), &environment(), &manifest),
    }
}

fn report(name: &str) -> Report {
    load(name).map_or_else(|report| report, |config| config.notes)
}

fn goldens() -> BTreeSet<String> {
    let names = fs::read_dir(dir()).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    names
        .filter_map(|name| name.strip_suffix(".err").or(name.strip_suffix(".toml")).map(str::to_owned))
        .collect()
}

#[test]
fn every_problem_is_told_as_its_golden_file_says() {
    let update = std::env::var_os("UPDATE_GOLDEN").is_some_and(|value| !value.is_empty());
    let mut differing = Vec::new();
    let codes = ProblemKind::ALL.iter().map(|kind| kind.code().to_owned());
    for name in goldens().into_iter().chain(codes).filter(|name| !name.starts_with("good-")) {
        let golden = dir().join(format!("{name}.err"));
        let drawn = report(&name).draw(Paint::Plain);
        if update {
            fs::write(&golden, &drawn).unwrap();
        }
        if fs::read_to_string(&golden).unwrap_or_default() != drawn {
            differing.push(format!("{}:\n{drawn}", golden.display()));
        }
    }
    assert!(differing.is_empty(), "these differ:\n{}", differing.join("\n"));
}

#[test]
fn every_kind_of_problem_has_a_golden_file() {
    for kind in ProblemKind::ALL {
        let golden = fs::read_to_string(dir().join(format!("{kind}.err"))).unwrap_or_default();
        assert!(
            golden.contains(&format!("{}[{kind}]: ", kind.severity().as_str())),
            "no golden file shows `{kind}`"
        );
        assert!(report(kind.code()).has(*kind), "{kind}");
    }
}

#[test]
fn codes_are_unique_and_errors_refuse() {
    let codes: BTreeSet<_> = ProblemKind::ALL.iter().map(|kind| kind.code()).collect();
    assert_eq!(codes.len(), ProblemKind::ALL.len());
    for kind in ProblemKind::ALL {
        let refused = load(kind.code()).is_err();
        assert_eq!(refused, kind.severity() == Severity::Error, "{kind}");
    }
}

#[test]
fn the_test_directory_is_where_relative_paths_begin() {
    let config = Config::load(&dir().join("no-source.toml"), &environment(), &manifest).unwrap();
    assert_eq!(config.store.dir, dir().join("groundcrew-data"));
}

fn good(name: &str) -> Config {
    load(name).unwrap_or_else(|report| panic!("{report}"))
}

#[test]
fn the_sample_is_taken_without_a_word() {
    let config = good("good-sample");
    assert_eq!(config.notes.problems(), []);
    assert_eq!((config.installation.as_str(), config.level), ("acme-prod", Level::Observe));
    assert_eq!(config.store.dir, Path::new("/data"));
    assert_eq!(config.hooks.keys().collect::<Vec<_>>(), ["cert", "dns", "ip", "ops"]);
    let dns = &config.hooks["dns"];
    assert_eq!(dns.target, "dns server=https://pdns.acme.example:8081 server_id=localhost zone=acme.app");
    assert_eq!(dns.secrets["API_TOKEN"].to.as_deref(), Some("pdns.acme.example:8081"));
    assert_eq!(config.hooks["ip"].secrets["FLY_TOKEN"].to.as_deref(), Some("api.machines.dev:443"));
    assert_eq!(config.hooks["ip"].config["api"], "https://api.machines.dev");
    assert_eq!(config.readers("ip").map(|hook| hook.name.as_str()).collect::<Vec<_>>(), ["dns"]);
    assert!(dns.covers("cust-7") && !dns.covers("cust-demo-7") && !dns.covers("internal"));
    let policy = dns.policy("record", Millis::seconds(17)).unwrap();
    assert_eq!((policy.drift, policy.settle), (Drift::Repair, Millis::seconds(30)));
    let cert = config.hooks["cert"].provisioner().unwrap();
    assert_eq!(cert.grace, Grace { gone: Some(Millis::hours(24)), unwanted: Some(Millis::hours(1)) });
    let Work::Handler { on, .. } = &config.hooks["ops"].work else { panic!("notify is a handler") };
    assert_eq!(*on, ["finding.opened", "finding.resolved"]);
}

#[test]
fn the_smallest_has_the_documented_defaults() {
    let config = good("good-smallest");
    assert_eq!(config.level, Level::Observe);
    assert_eq!(
        config.store.keep,
        Keep { runs: Millis::hours(24 * 30), bodies: Millis::hours(24 * 7), acts: Millis::hours(24 * 365) }
    );
    let ndjson = config.sources.ndjson.unwrap();
    assert_eq!((ndjson.org.as_str(), ndjson.from), ("local", Ndjson::Stdin));
    assert_eq!(config.fly_api, FLY_API);
    assert!(config.http.is_none() && config.hooks.is_empty());
}

#[test]
fn everything_that_can_be_said_is_heard() {
    let config = good("good-everything");
    assert_eq!(config.notes.count(Severity::Warning), 0, "{}", config.notes);
    assert!(config.notes.has(ProblemKind::SecretNotAsked));
    let fly = config.sources.fly.as_ref().unwrap();
    assert_eq!((fly.pace.tick, fly.pace.rotation_cap.burst), (Millis::seconds(1), 10));
    assert_eq!((fly.vanish_max.percent, fly.vanish_max.floor), (5, 0));
    assert_eq!(config.fly_api, "http://127.0.0.1:4280");
    assert_eq!(config.labels[0].values["domains"], LabelType::List);
    let things = &config.hooks["things"];
    assert_eq!(things.component, Component::File("tests/config/hooks/things.wasm".into()));
    let candidate = things.candidate.as_ref().unwrap();
    let next = Component::File("tests/config/hooks/next.wasm".into());
    assert_eq!((&candidate.hook.component, candidate.promote_after), (&next, Some(1_000)));
    let provisioner = things.provisioner().unwrap();
    assert_eq!(provisioner.grace, Grace { gone: None, unwanted: Some(Millis::hours(48)) });
    assert_eq!((provisioner.adopt, provisioner.gone_adopted), (Adopt::Exact, OnGone::Delete));
    assert_eq!(
        (provisioner.settle["thing"], provisioner.settle["other"]),
        (Millis::seconds(45), Millis::minutes(1))
    );
    assert_eq!((provisioner.deletes.share_percent, provisioner.deletes.floor), (10, 1));
    let bucket = config.hooks["bucket"].provisioner().unwrap();
    assert_eq!(
        bucket.grace.unwanted, None,
        "what holds data is never removed by default while its owner lives"
    );
    assert_eq!(config.hooks["orphans"].work, Work::Auditor);
    let nightly = &config.audits["nightly"];
    assert_eq!((nightly.timing.overlap, nightly.timing.jitter), (Overlap::QueueOne, Millis::minutes(10)));
    assert_eq!(nightly.timing.missed, Missed::Once(Millis::hours(6)));
    assert_eq!((nightly.hooks.len(), nightly.timing.schedule.zone()), (1, "Europe/Zurich"));
    assert_eq!(nightly.remedy, None);
    let weekly = &config.audits["weekly"];
    let window = Window { share_percent: 20, floor: 3, within: Millis::hours(6) };
    let (codes, grace) = (vec!["volume.unattached".to_owned()], Millis::hours(24 * 7));
    assert_eq!(weekly.remedy, Some(Enforcement { codes, grace, window }));
    assert_eq!(weekly.hooks, ["things", "orphans"], "an inventory and an auditor");
    assert_eq!(provisioner.drift_every, Some(Millis::hours(6)));
    let Work::Handler { on, ticks: Some(ticks) } = &config.hooks["digest"].work else { panic!("it is told") };
    assert_eq!((on.len(), ticks.schedule.to_string().as_str()), (0, "0 7 * * * Europe/Zurich"));
    assert_eq!((ticks.overlap, ticks.jitter), (Overlap::Cancel, Millis::minutes(5)));
    let key = &config.hooks["tell"].secrets["KEY"];
    assert_eq!(
        (key.sign.as_ref(), key.to.as_deref()),
        (Some(&Sign::StandardWebhooks), Some("receiver.example:443"))
    );
    let aws = Sign::Sigv4 { region: "eu-central-1".to_owned(), service: "sns".to_owned() };
    assert_eq!(config.hooks["tell"].secrets["AWS"].sign, Some(aws));
}

#[test]
fn in_owner_things_of_disjoint_scopes_may_share_a_target() {
    let text = fs::read_to_string(dir().join("same-target--scopes.toml")).unwrap();
    let disjoint = text.replace(r#", "*-demo"]"#, "]");
    let disjoint = &disjoint[..disjoint.find("[hook.all]").unwrap()];
    let parse = |text: &str| Config::parse("x.toml", text, Path::new(""), &environment(), &manifest);
    let config = parse(disjoint).unwrap_or_else(|report| panic!("{report}"));
    assert_eq!(config.hooks["demos"].target, config.hooks["customers"].target);
    let outside =
        disjoint.replace("builtin:fly-ip", "builtin:things").replace("config = { v6 = \"none\" }\n", "");
    let outside = outside.replace("gone   =", "config = { server = \"https://x.example\" }\ngone   =");
    let refused = parse(&outside).unwrap_err();
    assert!(refused.to_string().contains("`other`, `thing` lives outside its owner"), "{refused}");
}

#[test]
fn policy_is_no_part_of_the_settings() {
    let text = fs::read_to_string(dir().join("good-sample.toml")).unwrap();
    let dns = |from: &str, to: &str| {
        let changed = text.replace(from, to);
        assert!(from.is_empty() || changed != text, "{from}");
        let config = Config::parse("x.toml", &changed, Path::new(""), &environment(), &manifest);
        config.unwrap().hooks.remove("dns").unwrap()
    };
    let before = dns("", "");
    let uses = "use     = \"builtin:dns\"";
    for (from, to) in [
        ("parallel = 4", "parallel = 5"),
        ("drift   = \"repair\"", "drift   = \"report\""),
        (uses, &format!("{uses}\ncandidate = \"builtin:dns\"")),
    ] {
        let after = dns(from, to);
        assert_eq!(after.settings_digest(), before.settings_digest(), "{from}");
        assert_ne!(after.stanza_text(), before.stanza_text(), "{from}");
    }
    for (from, to) in [
        ("ttl = 300", "ttl = 60"),
        ("reads   = [\"ip\", \"cert\"]", "reads   = [\"ip\"]"),
        ("GET,PATCH", "GET,PATCH,PUT"),
    ] {
        assert_ne!(dns(from, to).settings_digest(), before.settings_digest(), "{from}");
    }
    assert_eq!(
        dns("config  = { v4", "config   =  { v4").stanza_text(),
        before.stanza_text(),
        "white space says nothing"
    );
}

/// A server that is named by the configuration, and by a word in the grant, is approved as that server.
#[test]
fn what_the_words_of_a_grant_stand_for_is_approved_with_it() {
    let text = fs::read_to_string(dir().join("good-sample.toml")).unwrap();
    let by_word = text
        .replace("GET,PATCH https://pdns.acme.example:8081/", "GET,PATCH {config.server}/")
        .replace("to = \"pdns.acme.example:8081\"", "to = \"{config.server}\"");
    assert_eq!(by_word.matches("{config.server}").count(), 2);
    let approved = |text: &str| {
        let config = Config::parse("x.toml", text, Path::new(""), &environment(), &manifest);
        let of = |hook: &str| Approval::of(&config.as_ref().unwrap().hooks[hook], Digest::of(b"x"), None);
        (of("dns"), of("ip"))
    };
    let before = approved(&text);
    assert_eq!(approved(&by_word).0.allow, before.0.allow);
    let moved =
        by_word.replace("server = \"https://pdns.acme.example:8081\"", "server = \"https://pdns2.example\"");
    assert_eq!(
        approved(&moved).0.allow.iter().collect::<Vec<_>>(),
        ["GET,PATCH https://pdns2.example/api/v1/servers/localhost/zones/acme.app*"]
    );
    let platform = by_word.replace("[source.fly]\n", "[source.fly]\nurl = \"https://fly2.example\"\n");
    let reach = &approved(&platform).1.allow;
    assert!(reach.iter().all(|line| line.contains(" https://fly2.example/v1/apps/{app}/")), "{reach:?}");
}

#[test]
fn a_report_as_json_has_code_place_and_fix() {
    let json = report("unknown-scope").to_json();
    let first = &json["problems"][0];
    assert_eq!((&first["code"], &first["severity"]), (&"unknown-scope".into(), &"error".into()));
    assert_eq!((&first["line"], &first["column"]), (&12.into(), &9.into()));
    assert_eq!(
        first["fix"],
        serde_json::json!({"line": 12, "column": 9, "replace": "\"custmoers\"", "by": "\"customers\""})
    );
    assert!(report("unreadable").to_json()["problems"][0]["line"].is_null());
}

#[test]
fn colours_change_nothing_but_colours() {
    let report = report("unknown-key");
    let (plain, colours) = (report.draw(Paint::Plain), report.draw(Paint::Colours));
    assert!(!plain.contains('\u{1b}') && colours.contains('\u{1b}'));
}

#[test]
fn the_environment_stands_before_the_default_address_only() {
    let environment = Environment::fixed(
        [("FLY_FLAPS_BASE_URL", "http://127.0.0.1:4280/"), ("T", "x")]
            .map(|(name, value)| (name.to_owned(), value.to_owned())),
    );
    let of = |url: &str| {
        let text = format!(
            "installation = \"a\"\nsecrets.T.env = \"T\"\n[source.fly]\norg = \"a\"\ntoken = \"T\"\n{url}"
        );
        Config::parse("x.toml", &text, Path::new(""), &environment, &manifest).unwrap().fly_api
    };
    assert_eq!(of(""), "http://127.0.0.1:4280");
    assert_eq!(of("url = \"https://mudflaps.example\""), "https://mudflaps.example");
}

#[test]
fn the_sample_fits_the_hooks_as_they_are_shipped() {
    let shipped = |component: &Component, _: Option<&Manifest>| {
        let Component::Builtin(name) = component else { return Err(NoManifest::Absent) };
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../hooks").join(name).join("hook.toml");
        Ok(Manifest::parse(&fs::read_to_string(path).unwrap()).unwrap())
    };
    let text = fs::read_to_string(dir().join("good-sample.toml")).unwrap();
    let config = Config::parse("good-sample.toml", &text, Path::new(""), &environment(), &shipped).unwrap();
    assert_eq!(config.notes.problems(), [], "{}", config.notes);
}

#[test]
fn the_starting_file_still_loads_when_its_comments_are_taken_away() {
    let active = |line: &str| {
        let word = line.strip_prefix("# ").filter(|rest| rest.starts_with('[') || rest.contains(" = "));
        let word = word.filter(|rest| rest.starts_with(|c: char| c == '[' || c.is_ascii_lowercase()));
        word.unwrap_or(line).to_owned()
    };
    let more = "[secrets]\nBILLING.env = \"BILLING_TOKEN\"\nPDNS.env = \"PDNS_KEY\"\nEVENTS.env = \"FLY_READ_TOKEN\"";
    let text =
        template("acme").lines().map(active).collect::<Vec<_>>().join("\n").replacen("[secrets]", more, 1);
    let config = Config::parse("groundcrew.toml", &text, Path::new(""), &environment(), &manifest);
    let config = config.unwrap_or_else(|report| panic!("{report}"));
    assert_eq!(config.hooks.len(), 2, "{text}");
    assert!(config.http.is_some() && config.labels.len() == 1 && config.scopes.len() == 1);
    assert_eq!(config.notes.problems(), [], "{}", config.notes);
}

/// Spoilt files are told about and drawn; none makes the loader panic.
#[test]
fn no_spoilt_file_is_too_much() {
    for name in goldens() {
        let Ok(text) = fs::read_to_string(dir().join(format!("{name}.toml"))) else { continue };
        let lines: Vec<_> = text.lines().collect();
        let without = (0..lines.len()).map(|at| [&lines[..at], &lines[at + 1..]].concat().join("\n"));
        let cut = (0..text.len()).step_by(11).filter_map(|end| text.get(..end).map(str::to_owned));
        let odd = ["=", "\"", "{", "\u{e9}", "7"].map(|odd| text.replace("= ", &format!("= {odd}")));
        let foreign =
            ["hook", "source", "things", "delete"].map(|word| text.replace(word, "\u{1f9ca}\u{301}"));
        for spoilt in without.chain(cut).chain(odd).chain(foreign) {
            let loaded =
                Config::parse("spoilt.toml", &spoilt, Path::new("tests/config"), &environment(), &manifest);
            let report = loaded.map_or_else(|report| report, |config| config.notes);
            assert!(report.draw(Paint::Plain).contains("in spoilt.toml"));
            assert!(report.to_json().is_object());
        }
    }
}

fn validator() -> jsonschema::Validator {
    jsonschema::validator_for(&serde_json::from_str(&schema()).unwrap()).unwrap()
}

fn as_json(text: &str) -> serde_json::Value {
    serde_json::to_value(text.parse::<toml::Table>().unwrap()).unwrap()
}

#[test]
fn the_schema_takes_what_the_loader_takes() {
    let validator = validator();
    let texts = goldens().into_iter().filter(|name| load(name).is_ok() && name != "unreadable");
    let texts = texts.map(|name| fs::read_to_string(dir().join(format!("{name}.toml"))).unwrap());
    for text in texts.chain([template("acme")]) {
        let errors: Vec<_> = validator.iter_errors(&as_json(&text)).map(|error| error.to_string()).collect();
        assert!(errors.is_empty(), "{errors:?}\n{text}");
    }
    for name in ["unknown-key", "missing-key", "wrong-type", "bad-choice", "bad-duration"] {
        let text = fs::read_to_string(dir().join(format!("{name}.toml"))).unwrap();
        assert!(!validator.is_valid(&as_json(&text)), "{name}");
    }
}

/// Tables of a file with a fixed set of keys, by the schema's paths: `hook.NAME.limits`.
fn tables(
    schema: &serde_json::Value,
    value: &serde_json::Value,
    at: &[String],
    found: &mut Vec<Vec<String>>,
) {
    let (Some(table), Some(properties)) = (value.as_object(), schema.get("properties")) else { return };
    let closed = schema["additionalProperties"] == false;
    if closed {
        found.push(at.to_vec());
    }
    for (key, value) in table {
        let schema = if closed { &properties[key] } else { &schema["additionalProperties"] };
        tables(schema, value, &[at, std::slice::from_ref(key)].concat(), found);
    }
}

/// The loader names the keys that it knows where one is unknown: they are those of the schema.
#[test]
fn the_schema_has_the_keys_that_the_loader_has() {
    const ODD: &str = "zzqqzzqq";
    let text = fs::read_to_string(dir().join("good-everything.toml")).unwrap();
    let schema: serde_json::Value = serde_json::from_str(&schema()).unwrap();
    let mut found = Vec::new();
    tables(&schema, &as_json(&text), &[], &mut found);
    let mut known: BTreeMap<Vec<String>, BTreeSet<String>> = BTreeMap::new();
    let mut expected = known.clone();
    for path in found {
        let mut file = text.parse::<toml::Table>().unwrap();
        let (mut at, mut schema, mut general) = (&mut file, &schema, Vec::new());
        for part in &path {
            at = at.get_mut(part).unwrap().as_table_mut().unwrap();
            let closed = schema["additionalProperties"] == false;
            general.push(if closed { part.clone() } else { "NAME".to_owned() });
            schema = if closed { &schema["properties"][part] } else { &schema["additionalProperties"] };
        }
        let keys = known.entry(general.clone()).or_default();
        keys.extend(at.keys().cloned());
        at.insert(ODD.to_owned(), toml::Value::from(1));
        let written = toml::to_string(&file).unwrap();
        let report = Config::parse("x.toml", &written, Path::new("tests/config"), &environment(), &manifest);
        let report = report.unwrap_err();
        let told = |problem: &&groundcrew::config::Problem| {
            problem.kind == ProblemKind::UnknownKey && problem.message.contains(ODD)
        };
        let problem = report.problems().iter().find(told).unwrap_or_else(|| panic!("{path:?}: {report}"));
        let offered = problem.help.iter().find_map(|help| help.strip_prefix("to choose from: "));
        keys.extend(offered.into_iter().flat_map(|list| list.split(", ")).map(str::to_owned));
        expected.insert(general, schema["properties"].as_object().unwrap().keys().cloned().collect());
    }
    assert!(expected.len() >= 15, "{expected:#?}");
    assert_eq!(known, expected);
}

/// `cargo xtask docs` writes them.
#[test]
fn docs_are_as_the_code_says() {
    let docs = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs");
    let update = std::env::var_os("UPDATE_DOCS").is_some_and(|value| !value.is_empty());
    for (file, text) in [("groundcrew.schema.json", schema()), ("configuration.md", reference())] {
        let path = docs.join(file);
        if update {
            fs::write(&path, &text).unwrap();
        }
        assert!(
            fs::read_to_string(&path).unwrap_or_default() == text,
            "run `cargo xtask docs`: {file} differs"
        );
    }
}
