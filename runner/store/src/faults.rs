//! Faults that tests lay over commits.

/// A moment around a commit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CommitMoment {
    /// Right before it.
    Before,
    /// Right after it, before anybody is told.
    After,
    /// Right before the log is moved into the database.
    Checkpoint,
}

/// What a fault schedule does to a commit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CommitFault {
    /// Nothing.
    None,
    /// The commit fails as if the disk had.
    Fail,
    /// The process dies: nobody is told, nothing is written any more.
    Crash,
}

/// A fault schedule over commits.
pub trait CommitFaults: Send + Sync {
    /// What happens at this moment.
    fn at(&self, moment: CommitMoment) -> CommitFault;
}
