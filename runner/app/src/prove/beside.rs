//! What else is outside of a scenario, beside the fake: the seam for whoever plays against more.

use std::convert::Infallible;
use std::fmt;

use groundcrew_engine::egress::Request;
use groundcrew_outside::{Effect, Reply};

use super::clock::Clock;

/// Services beside the fake, on the clock of a play. A clone is the same ones.
pub trait Beside: Clone + fmt::Debug + Send + Sync + 'static {
    /// What a script can let happen there.
    type Act: Clone + fmt::Debug + Send + Sync;
    /// What is to be judged there when a play has ended, beside effects.
    type Seen: Seen;

    /// They begin, empty.
    fn new(clock: &Clock) -> Self;

    /// Lets something happen.
    fn perform(&self, act: &Self::Act);

    /// Answers a request to one of them; none: it is to nobody here.
    fn answer(&self, request: &Request) -> Option<Reply>;

    /// The fake's log together with theirs, in order of time.
    fn log(&self, outside: Vec<Effect>) -> Vec<Effect>;

    /// What there is to judge.
    fn seen(&self) -> Self::Seen;
}

/// What is judged beside effects.
pub trait Seen: Clone + fmt::Debug + Send {
    /// Whether all of it is as it should be.
    fn is_right(&self) -> bool;

    /// Tells what is not, a line each.
    fn tell(&self, story: &mut String) -> fmt::Result;
}

/// Nothing is there but the fake.
#[derive(Clone, Copy, Debug)]
pub struct Nobody;

impl Beside for Nobody {
    type Act = Infallible;
    type Seen = ();

    fn new(_: &Clock) -> Self {
        Self
    }

    fn perform(&self, act: &Infallible) {
        match *act {}
    }

    fn answer(&self, _: &Request) -> Option<Reply> {
        None
    }

    fn log(&self, outside: Vec<Effect>) -> Vec<Effect> {
        outside
    }

    fn seen(&self) {}
}

impl Seen for () {
    fn is_right(&self) -> bool {
        true
    }

    fn tell(&self, _: &mut String) -> fmt::Result {
        Ok(())
    }
}
