//! Reload in place: `up` drops its runner and puts another one together, from the configuration as it is now.
//!
//! ```text
//!  SIGHUP, groundcrew reload ------+
//!  promote, approve --upgrade -----+--ask--> looked over --problems--> refused: what runs goes on
//!  promote_after has come to its K +            |
//!                                               +--> what is under way comes to its end, for a moment
//!                                               +--> requests wait -> the runner ends -> the next begins -> they go on
//! ```
//!
//! # Guarantees
//! - What is looked over is all that a start looks at, components compiled; until then nothing of what runs is touched.
//! - What runs then is what was approved and looked over: what was promoted or approved meanwhile is looked over, too, and
//!   a component that was written anew since is not started.
//! - Runs under way have [`DRAIN`] to come to their end, while nothing new begins; then they end as at a shutdown, and are
//!   taken up again as after one.
//! - Nobody reloads by themselves because a reload was refused: each is asked for.

mod changes;
mod place;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use groundcrew_core::duration::Millis;
use tokio::sync::{mpsc, oneshot};

use crate::control::{self, Done, Refusal};

pub use changes::{Changes, Lineup};
pub use place::Place;

/// Reloads that are asked for and not begun; they are answered together.
const WAITING: usize = 64;

/// How long runs under way have for their end before another runner takes its place.
pub const DRAIN: Millis = Millis::seconds(5);

/// Who asks for reloads, and how they went. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Reloads {
    asks: mpsc::Sender<Asked>,
    counted: Arc<Counted>,
}

#[derive(Debug, Default)]
struct Counted {
    done: AtomicU64,
    refused: AtomicU64,
}

#[derive(Debug)]
struct Asked {
    why: &'static str,
    /// None: nobody waits.
    answer: Option<oneshot::Sender<control::Result>>,
}

impl Reloads {
    /// A queue, and its end.
    pub fn new() -> (Self, Asks) {
        let (asks, asked) = mpsc::channel(WAITING);
        let counted = Arc::new(Counted::default());
        (Self { asks, counted: counted.clone() }, Asks { asked, counted })
    }

    /// Asks for a reload and waits for its end: what changed, or why nothing did.
    pub async fn ask(&self) -> control::Result {
        let (answer, answered) = oneshot::channel();
        let ended = || Refusal::conflict("the runner ended before it was reloaded").hint("groundcrew doctor");
        let asked = Asked { why: "an operator", answer: Some(answer) };
        self.asks.send(asked).await.map_err(|_| ended())?;
        answered.await.map_err(|_| ended())?
    }

    /// Asks for a reload; how it goes is in the log.
    pub fn nudge(&self, why: &'static str) {
        // Whoever finds the queue full comes with those that are in it: none of them was begun.
        drop(self.asks.try_send(Asked { why, answer: None }));
    }

    /// Reloads since the process began, by what came of them.
    pub fn counts(&self) -> Vec<(String, u64)> {
        let Counted { done, refused } = self.counted.as_ref();
        [("reloaded", done), ("refused", refused)]
            .map(|(outcome, count)| (outcome.to_owned(), count.load(Ordering::Relaxed)))
            .to_vec()
    }
}

/// The end of the queue at which reloads are done.
#[derive(Debug)]
pub struct Asks {
    asked: mpsc::Receiver<Asked>,
    counted: Arc<Counted>,
}

impl Asks {
    /// Waits until a reload is asked for; none: nobody is left who could.
    ///
    /// # Cancel safety
    /// Nothing that was asked is lost.
    pub async fn next(&mut self) -> Option<Round> {
        let mut asked = vec![self.asked.recv().await?];
        while let Ok(another) = self.asked.try_recv() {
            asked.push(another);
        }
        Some(Round { asked, counted: self.counted.clone() })
    }
}

/// All who asked for one reload.
#[derive(Debug)]
pub struct Round {
    asked: Vec<Asked>,
    counted: Arc<Counted>,
}

impl Round {
    /// Who asked, for the log.
    pub fn why(&self) -> String {
        let mut why: Vec<_> = self.asked.iter().map(|asked| asked.why).collect();
        why.dedup();
        why.join(", ")
    }

    /// It was done, or refused: counts it and tells all who wait.
    pub fn answer(self, result: &Result<Done, Refusal>) {
        let count = if result.is_ok() { &self.counted.done } else { &self.counted.refused };
        count.fetch_add(1, Ordering::Relaxed);
        for answer in self.asked.into_iter().filter_map(|asked| asked.answer) {
            // Whoever went away hears of it in the log.
            drop(answer.send(result.clone()));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn those_who_ask_before_it_begins_are_answered_together_and_later_ones_by_the_next() {
        let (reloads, mut asks) = Reloads::new();
        let (first, ()) = tokio::join!(reloads.ask(), async {
            let round = asks.next().await.unwrap();
            reloads.nudge("SIGHUP");
            reloads.nudge("promote_after");
            round.answer(&Ok(Done { message: "reloaded".to_owned(), changed: 1 }));
        });
        assert_eq!(first.unwrap().message, "reloaded");
        let round = asks.next().await.unwrap();
        assert_eq!(round.why(), "SIGHUP, promote_after", "both at once");
        round.answer(&Err(Refusal::conflict("no")));
        let counts = [("reloaded".to_owned(), 1), ("refused".to_owned(), 1)];
        assert_eq!(reloads.counts(), counts, "each once, however many asked");
    }

    #[tokio::test]
    async fn who_waits_is_told_that_the_runner_ended() {
        let (reloads, mut asks) = Reloads::new();
        let (asked, ()) = tokio::join!(reloads.ask(), async {
            drop(asks.next().await);
        });
        assert!(asked.unwrap_err().message.contains("the runner ended"));
        drop(asks);
        assert!(reloads.ask().await.is_err());
    }
}
