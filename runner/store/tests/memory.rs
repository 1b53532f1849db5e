//! What a database in memory promises: what a process committed outlives it, and what is put back is what was kept.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

use std::sync::Arc;
use std::time::Duration;

use groundcrew_core::hash::Digest;
use groundcrew_core::time::Timestamp;
use groundcrew_store::errands::Errand;
use groundcrew_store::operators::OperatorAct;
use groundcrew_store::{
    CommitFault, CommitFaults, CommitMoment, Error, Health, HookId, Memory, Options, Reader, Store,
};

/// One fault at every such moment.
struct Laid(CommitMoment, CommitFault);

impl CommitFaults for Laid {
    fn at(&self, moment: CommitMoment) -> CommitFault {
        if moment == self.0 { self.1 } else { CommitFault::None }
    }
}

fn struck(memory: &Memory, moment: CommitMoment, fault: CommitFault) -> Store {
    memory.open(Options { faults: Some(Arc::new(Laid(moment, fault))), ..Options::default() }).unwrap()
}

async fn hook(store: &Store, name: &str) -> HookId {
    store.save_hook(name, Digest::of(b"component"), "t", "{}").await.unwrap()
}

#[tokio::test(start_paused = true)]
async fn a_dead_process_is_told_nothing_and_leaves_what_it_committed() {
    for (moment, left) in [(CommitMoment::Before, Ok(())), (CommitMoment::After, Err("first".to_owned()))] {
        let memory = Memory::new().unwrap();
        let store = struck(&memory, moment, CommitFault::Crash);
        for key in ["one", "two"] {
            let told = tokio::time::timeout(Duration::from_mins(1), store.claim_meta(key, "first")).await;
            assert!(told.is_err(), "{key} was answered, {moment:?}");
        }
        drop(store);
        let next = memory.open(Options::default()).unwrap();
        assert_eq!(next.claim_meta("one", "second").await.unwrap(), left, "{moment:?}");
        assert_eq!(next.claim_meta("two", "second").await.unwrap(), Ok(()), "a dead process wrote");
    }
}

#[tokio::test]
async fn a_commit_that_fails_is_told_so_whether_it_is_durable_or_not() {
    for (moment, left) in [(CommitMoment::Before, Ok(())), (CommitMoment::After, Err("first".to_owned()))] {
        let memory = Memory::new().unwrap();
        let store = struck(&memory, moment, CommitFault::Fail);
        let told = store.claim_meta("one", "first").await;
        assert!(matches!(told, Err(Error::Unavailable(_))), "{told:?}");
        assert!(matches!(&*store.health().borrow(), Health::Broken(why) if why.contains("the disk failed")));
        let next = memory.open(Options::default()).unwrap();
        assert_eq!(next.claim_meta("one", "second").await.unwrap(), left, "{moment:?}");
        assert_eq!(*next.health().borrow(), Health::Good);
    }
}

#[tokio::test]
async fn a_mutation_that_is_refused_leaves_nothing() {
    let memory = Memory::new().unwrap();
    let store = memory.open(Options::default()).unwrap();
    let one = hook(&store, "one").await;
    hook(&store, "two").await;
    let before = memory.keep().unwrap();
    let renamed = store.rename_hook(one, "two").await;
    assert!(matches!(renamed, Err(Error::Refused(_))), "{renamed:?}");
    assert_eq!(memory.keep().unwrap(), before);
}

#[tokio::test]
async fn what_is_put_back_is_what_was_kept() {
    let memory = Memory::new().unwrap();
    let store = memory.open(Options::default()).unwrap();
    hook(&store, "one").await;
    let kept = memory.keep().unwrap();
    let second = hook(&store, "two").await;
    assert_ne!(memory.keep().unwrap(), kept);
    memory.put_back(&kept).unwrap();
    assert_eq!(memory.keep().unwrap(), kept);
    let names: Vec<_> = Reader::on(&memory).hooks().unwrap().into_iter().map(|hook| hook.name).collect();
    assert_eq!(names, ["one"]);
    assert_eq!(hook(&store, "three").await, second, "numbers go on where they were");
}

#[tokio::test]
async fn numbers_that_are_never_given_again_are_put_back_too() {
    let memory = Memory::new().unwrap();
    let store = memory.open(Options::default()).unwrap();
    let ask = async |audit: &str| {
        let act = OperatorAct { who: "tester".to_owned(), what: format!("audit run {audit}") };
        store.ask(Errand::Audit(audit.to_owned()), act, Timestamp::from_millis(1)).await.unwrap();
        store.errands().unwrap().last().unwrap().id
    };
    let first = ask("leaks").await;
    let kept = memory.keep().unwrap();
    let second = ask("costs").await;
    for id in [first, second] {
        store.end_errand(id).await.unwrap();
    }
    memory.put_back(&kept).unwrap();
    assert_eq!(memory.keep().unwrap(), kept);
    assert_eq!(ask("costs").await, second);
}

#[tokio::test]
async fn as_many_commits_are_remembered_as_are_wanted() {
    let memory = Memory::new().unwrap();
    let store = memory.open(Options::default()).unwrap();
    let before = memory.keep().unwrap();
    memory.remember(2).unwrap();
    hook(&store, "one").await;
    let between = memory.keep().unwrap();
    hook(&store, "two").await;
    let after = memory.keep().unwrap();
    hook(&store, "three").await;
    assert_eq!(memory.remembered(), [before, between, after]);
    hook(&store, "four").await;
    assert!(memory.remembered().is_empty());
}
