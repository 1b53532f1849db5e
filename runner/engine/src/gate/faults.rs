//! Faults that tests lay over a run, call by call.

use groundcrew_core::spec::Want;

use crate::journal::Recorded;

/// A place in a run where a fault may be laid.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Moment {
    /// Before a call's intent is committed.
    Before,
    /// After it took effect outside, before its answer is known here.
    AfterEffect,
    /// After its answer was recorded.
    AfterRecord,
}

/// What a fault schedule does at a moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Nothing.
    None,
    /// The call fails as if the network had.
    Fail,
    /// The process dies: this future never resolves, nothing after it happens.
    Crash,
}

/// A fault schedule: asked at every moment of every call.
pub trait Faults: Send + Sync {
    /// What happens at this moment of this call.
    fn at(&self, moment: Moment, call: &Recorded) -> Fault;

    /// A run begins: of a call about this thing, or, with none, of another export. Whoever plays runs one by one knows
    /// by this whom the calls that follow are for.
    fn begins(&self, _about: Option<&Want>) {}

    /// Whether the end of a run closes its gate. A schedule that says no shows what the closed flag is for.
    fn closes(&self) -> bool {
        true
    }
}
