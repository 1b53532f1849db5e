//! A new program on the databases of older versions: whatever only reads works, and leaves them as they are.
//!
//! Each line is said of a database as its version left it, and of the same one that was migrated: the answers are
//! the same.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::sync::Arc;

use clap::CommandFactory as _;
use groundcrew::commands::Cli;
use groundcrew_flysim::SystemClock;
use groundcrew_flysim::dns::{Dns, DnsServer};
use groundcrew_store::{Connection, Options, Store};

use crate::cli::Said;
use crate::fixture::Fixture;

/// A command, the code that it ends with, and lines of it that read the database without a change to it.
type Reads = (&'static str, i32, &'static [&'static str]);

/// Every command; one without a line reads no database, or writes to it, and migrates it before.
const COMMANDS: [Reads; 68] = [
    ("add", 0, &[]),
    ("app", 0, &["app web", "app web/m1"]),
    ("apply", 0, &["apply plan.json --yes"]),
    ("approve", 0, &["approve"]),
    ("audit history", 0, &["audit history"]),
    ("audit list", 0, &["audit list"]),
    ("audit run", 0, &[]),
    ("autopsy", 0, &["autopsy m1"]),
    ("backfill", 5, &["backfill tell --config hooks.toml"]),
    ("backfill cancel", 0, &[]),
    ("backfill list", 0, &["backfill list"]),
    ("backtest", 1, &["backtest tell --component next.wasm", "backtest make --component next.wasm"]),
    ("backup", 0, &["backup copy.db"]),
    ("blame", 0, &["blame", "blame tell", "blame thing/a"]),
    ("build", 0, &[]),
    ("canary", 0, &["canary"]),
    ("check", 0, &["check"]),
    ("compile-component", 0, &[]),
    ("completions", 0, &[]),
    ("dead discard", 0, &[]),
    ("dead list", 0, &["dead list", "dead list --hook tell"]),
    ("dead retry", 0, &[]),
    ("dead show", 0, &["dead show tell/1"]),
    ("demo", 0, &[]),
    ("diff", 1, &["diff tell make"]),
    // Somebody is to look at the delivery that gave up.
    ("doctor", 1, &["doctor"]),
    ("findings", 0, &["findings", "findings --all"]),
    ("findings ack", 0, &[]),
    ("findings fix", 0, &[]),
    ("hook list", 0, &["hook list"]),
    ("hook remove", 1, &["hook remove make --cleanup"]),
    ("hook retarget", 0, &[]),
    ("init", 0, &[]),
    ("inspect", 0, &[]),
    ("label set", 0, &[]),
    ("label show", 0, &["label show web"]),
    ("label unset", 0, &[]),
    ("learn", 0, &["learn tell --config hooks.toml"]),
    ("new", 0, &[]),
    ("pause", 0, &[]),
    ("plan", 0, &["plan --out plan.json"]),
    ("promote", 0, &[]),
    ("protect", 0, &[]),
    ("prove", 0, &[]),
    ("reconcile", 0, &[]),
    ("recover", 0, &[]),
    ("reload", 0, &[]),
    ("replay", 1, &["replay r1"]),
    ("resources", 0, &["resources", "resources --hook make"]),
    ("resources delete", 1, &["resources delete thing/a"]),
    ("resources export", 0, &["resources export"]),
    ("resources import", 0, &[]),
    ("resources release", 5, &["resources release thing/b"]),
    ("restore", 0, &[]),
    ("retire", 5, &["retire m1"]),
    ("retire cancel", 0, &[]),
    ("retire list", 0, &["retire list"]),
    ("run", 0, &["run 1"]),
    ("runs", 0, &["runs", "runs --hook tell"]),
    ("settle", 0, &[]),
    ("sim", 0, &[]),
    ("test", 0, &[]),
    ("touch", 0, &[]),
    ("unpause", 0, &[]),
    ("unprotect", 0, &[]),
    ("up", 0, &[]),
    ("wait", 4, &["wait --app web --timeout 0s"]),
    ("why", 0, &["why thing/a", "why e1", "why tell/1"]),
];

const PLAIN: &str = "installation = \"acme\"\nsource.ndjson.path = \"-\"\nstore.path = \"data\"\n";

/// One of the hooks that the databases know.
const TELL: &str = r#"
secrets.OPS.file = "secret"
[hook.tell]
use = "builtin:notify"
on = ["app.*"]
config = { to = "slack" }
secret.URL = { from = "OPS", at = "url" }
"#;

/// A hook that is new with the program.
const DNS: &str = r#"
secrets.OPS.file = "secret"
[hook.dns]
use = "builtin:dns"
config = { server = "$SERVER", zone = "example", records = [{ name = "www.{app}.example", type = "A", values = ["66.241.125.7"] }] }
gone = "delete"
secret.API_TOKEN = { from = "OPS", at = "header:x-api-key", to = "$SERVER" }
allow = ["GET,PATCH $SERVER/api/v1/servers/localhost/zones/example*"]
"#;

/// The databases of all older schemas, oldest first.
fn schemas() -> Vec<(u32, String)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../store/tests/contract/fixtures");
    let files = fs::read_dir(folder).unwrap().map(|file| file.unwrap().path());
    let numbered = files.map(|file| {
        let schema = file.file_stem().unwrap().to_str().unwrap().parse().unwrap();
        (schema, fs::read_to_string(file).unwrap())
    });
    let mut schemas: Vec<_> = numbered.collect();
    schemas.sort();
    schemas
}

/// A data directory as an older version left it, with a machine beside what the fixture has.
fn left_by(schema: u32, dump: &str) -> Fixture {
    let fixture = Fixture::empty();
    fs::create_dir(fixture.data()).unwrap();
    fs::write(fixture.data().join("key"), [7; 32]).unwrap();
    let old = Connection::open(fixture.data().join("groundcrew.db")).unwrap();
    old.pragma_update(None, "journal_mode", "WAL").unwrap();
    old.execute_batch(dump).unwrap();
    let machine = "INSERT INTO subject VALUES (2, 'fly/acme/web/m1', 'machine:m1', 1, 'started', 1, '{}', 'null', 1795000000000, NULL)";
    old.execute_batch(&format!("{machine}; PRAGMA user_version = {schema}")).unwrap();
    for (file, text) in
        [("groundcrew.toml", PLAIN), ("hooks.toml", &format!("{PLAIN}{TELL}")), ("secret", "https://ops/x")]
    {
        fs::write(fixture.dir.path().join(file), text).unwrap();
    }
    fs::write(fixture.dir.path().join("next.wasm"), groundcrew::builtin::component("notify").unwrap())
        .unwrap();
    fixture
}

/// A command line's answer, without what tells one directory from another.
fn answer(fixture: &Fixture, line: &str) -> Said {
    let said = fixture.run(line);
    let plain = |text: &str| text.replace(&fixture.dir.path().display().to_string(), "[dir]");
    Said { code: said.code, out: plain(&said.out), err: plain(&said.err) }
}

fn leaves(command: &clap::Command, before: &str, found: &mut BTreeSet<String>) {
    for command in command.get_subcommands() {
        let name = format!("{before}{}", command.get_name());
        leaves(command, &format!("{name} "), found);
        if !command.is_subcommand_required_set() {
            found.insert(name);
        }
    }
}

#[test]
fn every_command_says_here_how_it_reads() {
    let mut found = BTreeSet::new();
    leaves(&Cli::command(), "", &mut found);
    let here: BTreeSet<_> = COMMANDS.iter().map(|(name, ..)| (*name).to_owned()).collect();
    assert_eq!(found, here, "write a line for it, or none if it does not read the database");
    for (name, _, lines) in COMMANDS {
        assert!(lines.iter().all(|line| line.starts_with(name)), "{name}: {lines:?}");
    }
}

#[test]
fn what_reads_says_of_every_older_database_what_it_says_of_the_migrated_one() {
    for (schema, dump) in schemas() {
        let (older, migrated) = (left_by(schema, &dump), left_by(schema, &dump));
        drop(Store::open(&migrated.data().join("groundcrew.db"), Options::default()).unwrap());
        let database = older.data().join("groundcrew.db");
        let before = fs::read(&database).unwrap();
        // A plan is applied after it was made.
        let (plan, others): (Vec<_>, Vec<_>) = COMMANDS.into_iter().partition(|(name, ..)| *name == "plan");
        for (name, code, lines) in plan.into_iter().chain(others) {
            for line in lines {
                let (said, then) = (answer(&older, line), answer(&migrated, line));
                let both = format!("schema {schema}: {line}\n{said:?}\n{then:?}");
                assert_eq!((said.code, then.code), (code, code), "{both}");
                for words in ["no such column", "no such table", "the database refused it"] {
                    assert!(!said.out.contains(words) && !said.err.contains(words), "{both}");
                }
                // These say the schema, the size, or a time of the clock.
                if !["doctor", "backup", "plan"].contains(&name) {
                    assert_eq!((said.out, said.err), (then.out, then.err), "{both}");
                }
            }
        }
        assert!(fs::read(&database).unwrap() == before, "schema {schema}: the database is as it was");
        let told = older.run("doctor").out;
        assert!(
            told.contains(&format!("schema {schema} of ")) && told.contains("groundcrew backup FILE"),
            "{told}"
        );
        assert!(older.run("backup other.db").out.contains(&format!("schema {schema}; checked")));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plan_is_made_before_a_new_version_is_started() {
    let dns = Dns::new("https://ops/x", Arc::new(SystemClock));
    dns.add_zone("example.").unwrap();
    let server = DnsServer::start(([127, 0, 0, 1], 0).into(), dns).await.unwrap();
    let (schema, dump) = schemas().into_iter().next().unwrap();
    let fixture = left_by(schema, &dump);
    let configuration = format!("{PLAIN}{DNS}").replace("$SERVER", &server.base_url());
    fs::write(fixture.dir.path().join("groundcrew.toml"), configuration).unwrap();
    let said = fixture.run("plan --unapproved");
    assert_eq!(said.code, 0, "{said:?}");
    assert!(said.out.contains("record/A/www.web.example") && said.out.contains("1 to create"), "{said:?}");
    let version = Connection::open(fixture.data().join("groundcrew.db"))
        .and_then(|database| database.pragma_query_value(None, "user_version", |row| row.get::<_, u32>(0)));
    assert_eq!(version.unwrap(), schema, "nothing was migrated");
}

#[test]
fn where_no_copy_can_be_made_it_is_said_what_migrates() {
    let (schema, dump) = schemas().pop().unwrap();
    let fixture = left_by(schema, &dump);
    let said = fixture.run_with("runs", &[("TMPDIR", "/nonexistent")]);
    assert_eq!((said.code, said.out.as_str()), (1, ""), "{said:?}");
    for words in [&format!("has schema {schema}, and no copy of it"), "TMPDIR=DIR", "groundcrew backup FILE"]
    {
        assert!(said.err.contains(words), "{words}: {said:?}");
    }
}
