//! The points of the rule, each of which can be taken out to see what it is for.

/// Points that can be taken out, one by one, to see that each is needed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Points(u16);

/// One point of the rule; `tests/points.rs` has for each the story that goes wrong without.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u16)]
pub enum Point {
    /// The owner that its name tells is destroyed; one that nobody ever saw is not.
    OwnerGone = 1,
    /// Its name matches a pattern of the stanza, whole.
    WholeName = 1 << 1,
    /// It is read alone: a list only finds suspects.
    ReadAlone = 1 << 2,
    /// Nobody holds it, nothing is being done with it, and its host answers.
    Unheld = 1 << 3,
    /// What is being removed already is no suspect.
    Staying = 1 << 4,
    /// No living machine's configuration mounts it; one that is not given counts as one that does.
    Unmounted = 1 << 5,
    /// All of that for `days`, and nothing about it changed since.
    Quiet = 1 << 6,
    /// It is looked at again right before it is deleted.
    LookAgain = 1 << 7,
    /// What the API does not know any more is gone: there is nothing to be done, and nothing failed.
    ForgottenIsGone = 1 << 8,
    /// A deletion that is refused since the volume is bound, by whichever status, is for later.
    BoundIsLater = 1 << 9,
}

impl Point {
    /// All points.
    pub const ALL: [Self; 10] = [
        Self::OwnerGone,
        Self::WholeName,
        Self::ReadAlone,
        Self::Unheld,
        Self::Staying,
        Self::Unmounted,
        Self::Quiet,
        Self::LookAgain,
        Self::ForgottenIsGone,
        Self::BoundIsLater,
    ];
}

impl Points {
    /// All of them: what the hook runs with.
    pub const ALL: Self = Self(u16::MAX);

    /// All but one.
    pub const fn without(point: Point) -> Self {
        Self(!(point as u16))
    }

    pub(crate) const fn hold(self, point: Point) -> bool {
        self.0 & point as u16 != 0
    }
}
