//! What the writer thread promises: acknowledged means durable and visible.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::mpsc::{self, Receiver};
use std::sync::{Arc, Mutex};

use groundcrew_core::hash::Digest;
use groundcrew_core::subject::Path;
use groundcrew_core::time::Timestamp;
use groundcrew_store::events::Intake;
use groundcrew_store::prune::Keep;
use groundcrew_store::runs::RunRecord;
use groundcrew_store::subjects::SubjectChange;
use groundcrew_store::{
    BATCH_BYTES_MAX, CommitFault, CommitFaults, CommitMoment, HookId, Options, Reader, Store,
};
use serde_json::{Map, Value};
use tokio::sync::oneshot;
use tokio::task::JoinSet;

#[tokio::test]
async fn what_is_acknowledged_is_seen_by_everybody_before_and_after_pruning() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("store.db");
    let store = Store::open(&path, Options::default()).unwrap();
    let digest = Digest::of(b"component");
    store.save_hook("one", digest, "t", "{}").await.unwrap();
    assert_eq!(Reader::open(&path).unwrap().hooks().unwrap().len(), 1);
    store.prune(Keep::DEFAULT, Timestamp::from_millis(1)).await.unwrap();
    store.save_hook("two", digest, "t", "{}").await.unwrap();
    assert_eq!(Reader::open(&path).unwrap().hooks().unwrap().len(), 2);
    assert_eq!(store.hooks().unwrap().len(), 2);
}

/// Holds a commit until it is let go, and counts them.
#[derive(Default)]
struct Held {
    next: Mutex<Option<(oneshot::Sender<()>, Receiver<()>)>>,
    commits: AtomicU32,
}

impl Held {
    /// The next commit is held: says when it has come that far, and lets it go.
    fn next(&self) -> (oneshot::Receiver<()>, mpsc::Sender<()>) {
        let ((reached, comes), (release, released)) = (oneshot::channel(), mpsc::channel());
        *self.next.lock().unwrap() = Some((reached, released));
        (comes, release)
    }
}

impl CommitFaults for Held {
    fn at(&self, moment: CommitMoment) -> CommitFault {
        if moment == CommitMoment::Before {
            self.commits.fetch_add(1, Ordering::SeqCst);
            if let Some((reached, released)) = self.next.lock().unwrap().take() {
                reached.send(()).unwrap();
                released.recv().unwrap();
            }
        }
        CommitFault::None
    }
}

/// A run that answered this.
fn run(store: &Store, hook: HookId, answer: String) -> RunRecord {
    RunRecord {
        id: store.next_run(),
        hook,
        subject: None,
        seq: None,
        resource: None,
        op: "desired".to_owned(),
        component: Digest::of(b"component"),
        seed: [0; 32],
        schedule: None,
        started: NOW,
        ended: Some(NOW),
        outcome: None,
        log: None,
        settings: None,
        input: None,
        answer: Some(answer),
        resumes: None,
        because: None,
    }
}

#[tokio::test]
async fn a_commit_takes_a_few_large_runs_or_many_small_ones() {
    let directory = tempfile::tempdir().unwrap();
    let held = Arc::new(Held::default());
    let options = Options { faults: Some(held.clone()), ..Options::default() };
    let store = Store::open(&directory.path().join("store.db"), options).unwrap();
    let hook = store.save_hook("one", Digest::of(b"component"), "t", "{}").await.unwrap();
    for (bytes, commits) in [(10, 1), (BATCH_BYTES_MAX / 4, 4), (BATCH_BYTES_MAX + 1, 13)] {
        let (comes, release) = held.next();
        let before = held.commits.load(Ordering::SeqCst);
        let save = || {
            let (store, run) = (store.clone(), run(&store, hook, "x".repeat(bytes)));
            async move { store.save_run(run, Vec::new()).await }
        };
        let mut first = JoinSet::from_iter([save()]);
        comes.await.unwrap();
        // While one commit is held, what is asked for gathers: each of them asks when it is polled once.
        let gathered = (0..13).map(|_| save()).collect::<JoinSet<_>>();
        tokio::task::yield_now().await;
        release.send(()).unwrap();
        first.join_next().await.unwrap().unwrap().unwrap();
        assert!(gathered.join_all().await.iter().all(Result::is_ok));
        assert_eq!(held.commits.load(Ordering::SeqCst) - before, 1 + commits, "{bytes} bytes each");
    }
}

/// An app at the one address there is.
fn app(id: &str) -> Intake {
    let app = SubjectChange {
        path: Path::app("acme", "web").unwrap(),
        uid: id.parse().unwrap(),
        parent: None,
        state: "deployed".to_owned(),
        version: 1,
        labels: Map::new(),
        raw: Value::Null,
        seen_at: NOW,
        gone_at: None,
    };
    Intake { subjects: vec![app], now: NOW, ..Intake::default() }
}

const NOW: Timestamp = Timestamp::from_millis(1_800_000_000_000);

#[tokio::test]
async fn what_is_refused_takes_nothing_with_it_that_is_committed_together_with_it() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("store.db");
    let held = Arc::new(Held::default());
    let store = Store::open(&path, Options { faults: Some(held.clone()), ..Options::default() }).unwrap();
    store.accept(app("app:1")).await.unwrap();
    let (comes, release) = held.next();
    let before = held.commits.load(Ordering::SeqCst);
    // While one commit is held, what is asked for gathers.
    let gathered = async {
        comes.await.unwrap();
        let asked = async {
            let two_at_one_address = store.accept(app("app:2"));
            tokio::join!(store.save_tick("one", NOW), two_at_one_address, store.save_tick("other", NOW))
        };
        // The first of both is polled first: all three have asked by then.
        let then = async { release.send(()).unwrap() };
        tokio::join!(biased; asked, then).0
    };
    let (first, (one, refused, other)) = tokio::join!(store.save_tick("first", NOW), gathered);
    for good in [first, one, other] {
        good.unwrap();
    }
    refused.unwrap_err();
    assert_eq!(held.commits.load(Ordering::SeqCst) - before, 2, "three of them in one commit");
    drop(store);
    let store = Store::open(&path, Options::default()).unwrap();
    for name in ["first", "one", "other"] {
        assert_eq!(store.last_tick(name).unwrap(), Some(NOW), "{name}");
    }
    assert_eq!(
        store.subject_at(&Path::app("acme", "web").unwrap()).unwrap().unwrap().subject.uid.as_str(),
        "app:1"
    );
}
