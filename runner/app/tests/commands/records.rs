//! What a person does is done together with the record of it, or not at all.

use groundcrew_store::Connection;

use crate::fixture::Fixture;

/// Everything that operators change, as text.
const STATE: &str = "
    SELECT 'row', id, state || version || protected || ifnull(thing, '-'), ifnull(due_at, 0) FROM resource
    UNION ALL SELECT 'lane', hook * 1000 + subject, dirty || '/' || done, ifnull(due_at, 0) FROM lane
    UNION ALL SELECT 'delivery', seq, 'pending' || attempts, hook FROM delivery
    UNION ALL SELECT 'delivery', seq, 'dead' || attempts, hook FROM dead
    UNION ALL SELECT 'label', 0, path || source || value, 0 FROM label
    UNION ALL SELECT 'finding', 0, code || about, ifnull(closed_at, 0) FROM finding
    UNION ALL SELECT 'pause', id, level, 0 FROM pause
    UNION ALL SELECT 'approval', resource, spec, 0 FROM approval ORDER BY 1, 2, 3";

impl Fixture {
    pub(crate) fn open(&self) -> Connection {
        Connection::open(self.data().join("groundcrew.db")).unwrap()
    }

    fn state(&self) -> Vec<(String, i64, String, i64)> {
        let connection = self.open();
        let mut statement = connection.prepare(STATE).unwrap();
        let row = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?)));
        row.unwrap().map(Result::unwrap).collect()
    }

    fn acts(&self) -> Vec<String> {
        let connection = self.open();
        let mut statement =
            connection.prepare("SELECT who || ': ' || what FROM operator_act ORDER BY id").unwrap();
        let rows = statement.query_map([], |row| row.get(0)).unwrap();
        rows.map(Result::unwrap).collect()
    }
}

/// What is typed, and what is kept of it.
const ACTS: &[(&str, &str)] = &[
    ("pause --hook dns", "pause observe"),
    ("unpause", "unpause"),
    ("approve --hook dns --all --yes", "approve removal of record/A/www.cust-3.example"),
    ("protect A/www.cust-7.example", "protect record/A/www.cust-7.example"),
    ("unprotect A/www.cust-7.example", "unprotect record/A/www.cust-7.example"),
    ("settle dedicated-v6 --id ip_2", "settle ip/dedicated-v6 of app:cust-9-1: it is ip_2"),
    ("settle dedicated-v6 --none", "settle ip/dedicated-v6 of app:cust-9-1: it does not exist"),
    ("label set cust-7 plan=max", "label set plan of fly/acme/cust-7"),
    ("label unset cust-7 seats", "label unset seats of fly/acme/cust-7"),
    ("dead retry notify/1", "dead retry notify/1"),
    ("dead discard notify/1", "dead discard notify/1"),
    ("touch cust-7", "touch cust-7"),
    ("reconcile --hook dns --app cust-7", "reconcile hook dns for fly/acme/cust-7"),
];

/// What has to be there first.
async fn fixture(typed: &str) -> Fixture {
    let fixture = Fixture::filled().await;
    match typed.split(' ').next().unwrap() {
        "unprotect" => drop(fixture.data_run("protect A/www.cust-7.example")),
        "label" => drop(fixture.data_run("label set cust-7 seats=3")),
        _ => {}
    }
    fixture
}

#[tokio::test]
async fn what_a_person_does_is_on_record() {
    for (typed, kept) in ACTS {
        let fixture = fixture(typed).await;
        fixture.data_run(typed);
        assert_eq!(fixture.acts().last().unwrap(), &format!("tester: {kept}"), "{typed}");
    }
}

#[tokio::test]
async fn what_cannot_be_recorded_is_not_done() {
    for (typed, _) in ACTS {
        let fixture = fixture(typed).await;
        let full = "CREATE TRIGGER full BEFORE INSERT ON operator_act BEGIN SELECT RAISE(ABORT, 'the book is full'); END";
        fixture.open().execute_batch(full).unwrap();
        let before = fixture.state();
        let refused = fixture.run(&format!("--data data {typed}"));
        assert!(refused.code == 1 && refused.err.contains("the book is full"), "{typed}: {refused:?}");
        assert_eq!(fixture.state(), before, "{typed}");
    }
}
