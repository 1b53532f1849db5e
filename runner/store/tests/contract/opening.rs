//! Old databases open, newer ones are refused by writers and readers alike.

use groundcrew_core::row::State;
use groundcrew_store::findings::ClosedToo;
use groundcrew_store::{Connection, Error, Options, Reader, Store};

use crate::support::{Bench, at};

/// What the first schema's program wrote, as `sqlite3 .dump` tells it. A fixture is never written anew.
const FIXTURES: [(u32, &str); 14] = [
    (1, include_str!("fixtures/0001.sql")),
    (2, include_str!("fixtures/0002.sql")),
    (3, include_str!("fixtures/0003.sql")),
    (4, include_str!("fixtures/0004.sql")),
    (5, include_str!("fixtures/0005.sql")),
    (6, include_str!("fixtures/0006.sql")),
    (7, include_str!("fixtures/0007.sql")),
    (8, include_str!("fixtures/0008.sql")),
    (9, include_str!("fixtures/0009.sql")),
    (10, include_str!("fixtures/0010.sql")),
    (11, include_str!("fixtures/0011.sql")),
    (12, include_str!("fixtures/0012.sql")),
    (13, include_str!("fixtures/0013.sql")),
    (14, include_str!("fixtures/0014.sql")),
];

#[test]
fn databases_of_every_older_schema_open_and_hold_what_they_held() {
    for (schema, dump) in FIXTURES {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("groundcrew.db");
        let old = Connection::open(&path).unwrap();
        old.execute_batch(dump).unwrap();
        old.execute_batch(&format!("PRAGMA user_version = {schema}")).unwrap();
        drop(old);
        let store = Store::open(&path, Options::default()).unwrap();
        let (found, known) = store.schema().unwrap();
        assert_eq!(found, known, "it is brought up to date");
        let rows = store.living_rows().unwrap();
        assert_eq!(
            rows.iter().map(|row| (row.key.as_str(), row.row.state)).collect::<Vec<_>>(),
            [("a", State::Present), ("b", State::InDoubt)]
        );
        // The sixth and what was made of it have one that nobody wants: the program of then showed its outputs to nobody.
        assert_eq!(rows.iter().map(|row| row.withdrawn).collect::<Vec<_>>(), [schema >= 6, false]);
        assert_eq!((store.dead().unwrap().len(), store.hooks().unwrap().len()), (1, 2));
        assert_eq!(store.mirror_rows().unwrap().len(), 1);
        let findings = store.findings(ClosedToo::Yes).unwrap();
        let told = findings.iter().map(|finding| (finding.code.as_str(), finding.closed.is_some()));
        let expected = [("source.vanish", true), ("resource.stuck", false)];
        assert_eq!(told.collect::<Vec<_>>(), if schema == 1 { &[][..] } else { &expected });
    }
}

#[test]
fn a_delivery_that_named_a_run_which_failed_by_itself_names_what_that_left_in_doubt() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("groundcrew.db");
    let old = Connection::open(&path).unwrap();
    old.execute_batch(FIXTURES[13].1).unwrap();
    // The run 900 failed, and 901 was cut off.
    let text = "PRAGMA user_version = 14;
        INSERT INTO delivery (hook, subject, seq, resumes) VALUES (1, 7, 1, 900), (1, 8, 1, 901);
        INSERT INTO run (id, hook, op, component, seed, started, answer)
          VALUES (900, 1, 'handle', '', x'', 0, '{}'), (901, 1, 'handle', '', x'', 0, NULL);
        INSERT INTO call (run, n, op, access, print, ask, answer, sent_at) VALUES
          (900, 0, 'http', 'write', '', x'', x'', 0), (900, 1, 'http', 'write', '', x'', NULL, 0),
          (900, 2, 'http', 'read', '', x'', NULL, 0), (901, 0, 'http', 'write', '', x'', NULL, 0)";
    old.execute_batch(text).unwrap();
    drop(old);
    drop(Store::open(&path, Options::default()).unwrap());
    let new = Connection::open(&path).unwrap();
    let text = "SELECT resumes, doubts FROM delivery WHERE subject IN (7, 8) ORDER BY subject";
    let mut statement = new.prepare(text).unwrap();
    let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?))).unwrap();
    let found: Vec<(Option<i64>, Option<String>)> = rows.map(Result::unwrap).collect();
    assert_eq!(found, [(None, Some("[[900,1]]".to_owned())), (Some(901), None)]);
}

#[test]
fn a_reader_of_an_older_database_reads_it_as_of_now_and_leaves_it_as_it_is_while_it_is_written() {
    for (schema, dump) in FIXTURES {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("groundcrew.db");
        let old = Connection::open(&path).unwrap();
        old.pragma_update(None, "journal_mode", "WAL").unwrap();
        old.execute_batch(dump).unwrap();
        old.execute_batch(&format!(
            "PRAGMA user_version = {schema}; BEGIN IMMEDIATE; DELETE FROM resource WHERE key = 'b'"
        ))
        .unwrap();
        let keys = |store: &Store| -> Vec<_> {
            store.living_rows().unwrap().into_iter().map(|row| row.key).collect()
        };
        let reader = Reader::open(&path).unwrap();
        assert_eq!(keys(&reader), ["a", "b"], "what is not committed is not seen, and stops nobody");
        old.execute_batch("COMMIT").unwrap();
        assert_eq!(keys(&reader), ["a", "b"], "it stands still");
        assert_eq!(keys(&Reader::open(&path).unwrap()), ["a"], "who opens it again sees what was written");
        let copy = dir.path().join("copy.db");
        reader.copy_to(&copy).unwrap();
        reader.check().unwrap();
        for store in [&reader, &Reader::open(&copy).unwrap()] {
            let (found, known) = store.schema().unwrap();
            assert!(found == schema && found < known, "a copy is of the database: {found} of {known}");
        }
        let version = |path| {
            let database = Connection::open(path).unwrap();
            database.pragma_query_value(None, "user_version", |row| row.get::<_, u32>(0)).unwrap()
        };
        assert_eq!((version(&path), version(&copy)), (schema, schema), "nothing was migrated");
    }
}

#[test]
fn every_schema_but_the_newest_has_a_fixture() {
    let (_, known) = Bench::new().store.schema().unwrap();
    let newest = FIXTURES.last().map_or(0, |(schema, _)| *schema);
    assert!(newest + 1 >= known, "dump a database of schema {} into tests/contract/fixtures", known - 1);
}

#[tokio::test]
async fn a_newer_database_is_refused_with_what_to_do() {
    let bench = Bench::new();
    bench.database().execute_batch("PRAGMA user_version = 99").unwrap();
    let path = bench.store.path().to_owned();
    for refused in [Store::open(&path, Options::default()), Reader::open(&path)] {
        let error = refused.unwrap_err();
        assert!(matches!(error, Error::Newer { found: 99, .. }), "{error}");
        assert!(error.to_string().contains("use the newer program, or a backup"), "{error}");
    }
}

#[tokio::test]
async fn what_was_acknowledged_is_there_after_reopening_and_a_reader_never_writes() {
    let bench = Bench::new();
    let hook = bench.hook("tell").await;
    bench.app("web", &[]).await;
    bench.tell("e1", "web", &[hook], at(1)).await;
    let last = bench.store.next_run();
    let again = Store::open(&bench.dir.path().join("groundcrew.db"), Options::default()).unwrap();
    assert_eq!(
        again
            .events_of(again.subject_at(&crate::support::path("web")).unwrap().unwrap().id, 9)
            .unwrap()
            .len(),
        1
    );
    assert!(again.next_run().0 <= last.0 + 1, "numbers that were not used may be used");
    let reader = Reader::open(bench.store.path()).unwrap();
    assert!(matches!(
        reader.save_hook_state(hook, groundcrew_store::hooks::HookState::Removed, at(1)).await,
        Err(Error::Closed)
    ));
}
