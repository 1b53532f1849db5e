//! A thousand stored runs of every hook that ships, played again with nobody there: each is what it was.
//!
//! Services are gone with the play that had them, and a replay has no transport: a run that asked anybody would fail.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use groundcrew::builtin;
use groundcrew::config::Component;
use groundcrew::prove::loaded::Loaded;
use groundcrew::replay::{Recording, Replayed, Verdict, replay};
use groundcrew_core::manifest::Manifest;
use groundcrew_engine::egress::Answer;
use groundcrew_harness::hooks::Shop;
use groundcrew_harness::stored::RECIPES;
use tokio::task::JoinSet;

const RUNS: usize = 1_000;
/// So many are stored, for those that were ended from outside are only as far as they went.
const STORED: usize = RUNS + RUNS / 10;
/// Replays at once, as in `groundcrew backtest`.
const AT_ONCE: usize = 8;

/// What came of the replays of one hook.
#[derive(Debug, Default)]
struct Tally {
    same: usize,
    cut_short: usize,
    /// Of both: runs that failed.
    failed: usize,
    /// Calls that were answered with a status of 400 or more.
    refused: usize,
    /// Calls that nobody knows the answer to, or that got none.
    unanswered: usize,
}

impl Tally {
    fn adds(&mut self, recording: &Recording, replayed: &Replayed) {
        match &replayed.verdict {
            Verdict::Same => self.same += 1,
            Verdict::CutShort { .. } => {
                assert_eq!(recording.answer, None, "only what was ended from outside is cut short");
                self.cut_short += 1;
            }
            Verdict::Differs(difference) => panic!("{} {}: {difference:#?}", recording.hook, recording.run),
        }
        self.failed += usize::from(recording.outcome != "ok");
        for call in recording.calls.iter().filter(|call| call.asked.op == "http") {
            let answer = call.answer.as_deref().map(serde_json::from_str::<Answer>);
            match answer {
                Some(Ok(Answer::Response { status: ..400, .. })) => {}
                Some(Ok(Answer::Response { .. })) => self.refused += 1,
                _ => self.unanswered += 1,
            }
        }
    }
}

#[expect(clippy::disallowed_methods, reason = "how fast it is, is told")]
fn now() -> Instant {
    Instant::now()
}

/// The component as the lives had it.
fn loaded(name: &str) -> Arc<Loaded> {
    let shop = Shop::of_process();
    let component = shop.component(&Component::Builtin(name.to_owned()));
    let manifest = Manifest::parse(builtin::manifest(name).unwrap()).unwrap();
    Arc::new(Loaded { engine: shop.engine.clone(), component, manifest })
}

async fn play(loaded: Arc<Loaded>, recording: Arc<Recording>) -> (Arc<Recording>, Replayed) {
    let replayed = replay(&loaded, &recording).await;
    (recording, replayed)
}

/// Replays all of them, several at once.
fn replayed(loaded: &Arc<Loaded>, all: &[Arc<Recording>]) -> (Tally, Duration) {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    let mut tally = Tally::default();
    let (mut playing, began) = (JoinSet::new(), now());
    let mut take = |(recording, replayed): (Arc<Recording>, Replayed)| tally.adds(&recording, &replayed);
    for recording in all {
        if playing.len() >= AT_ONCE {
            take(runtime.block_on(playing.join_next()).unwrap().unwrap());
        }
        playing.spawn_on(play(loaded.clone(), recording.clone()), runtime.handle());
    }
    while let Some(one) = runtime.block_on(playing.join_next()) {
        take(one.unwrap());
    }
    (tally, began.elapsed())
}

/// What is asked otherwise is noticed: else nothing of the above would say anything.
fn notices_changes(loaded: &Arc<Loaded>, all: &[Arc<Recording>]) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let differs = |changed: Recording| {
        matches!(runtime.block_on(replay(loaded, &changed)).verdict, Verdict::Differs(_))
    };
    let asks = all.iter().find(|recording| !recording.calls.is_empty()).unwrap();
    let mut changed = Recording::clone(asks);
    changed.calls[0].asked.ask.push(' ');
    assert!(differs(changed), "{} {}: another question", asks.hook, asks.run);
    let answers = all.iter().find(|recording| recording.answer.is_some()).unwrap();
    let changed = Recording { answer: Some("{\"ok\":1}".to_owned()), ..Recording::clone(answers) };
    assert!(differs(changed), "{} {}: another answer", answers.hook, answers.run);
}

#[test]
fn a_thousand_runs_of_every_hook_that_ships_are_the_same_again() {
    let mut seen = BTreeSet::new();
    let mut whole = Tally::default();
    for recipe in RECIPES {
        let began = now();
        let stored = recipe.live(STORED);
        let lived = began.elapsed();
        assert!(stored.lost.is_empty(), "cannot be played again: {:#?}", stored.lost);
        for (name, stanza) in recipe.hooks {
            let all: Vec<_> = stored.of(stanza).cloned().map(Arc::new).collect();
            let loaded = loaded(name);
            let (tally, took) = replayed(&loaded, &all);
            let per_second = all.len() as f64 / took.as_secs_f64();
            let Tally { same, cut_short, failed, refused, unanswered } = tally;
            println!(
                "{name:<14} {} lives in {:.1} s: {same} same, {cut_short} as far as they went; {failed} had failed, {refused} calls were refused, {unanswered} not answered; {per_second:.0} replays/s",
                stored.lives,
                lived.as_secs_f64(),
            );
            assert!(same >= RUNS, "{name}: {same} runs");
            notices_changes(&loaded, &all);
            seen.insert((*name).to_owned());
            whole.cut_short += cut_short;
            whole.failed += failed;
            whole.refused += refused;
            whole.unanswered += unanswered;
        }
    }
    let shipped: BTreeSet<_> = builtin::names().into_iter().map(str::to_owned).collect();
    assert_eq!(seen, shipped, "no hook is left out");
    // Else it would not be about runs in which things go wrong.
    assert!(whole.cut_short > 20 && whole.failed > 1_000, "{whole:?}");
    assert!(whole.refused > 1_000 && whole.unanswered > 500, "{whole:?}");
}
