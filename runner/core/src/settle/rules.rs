//! The rules of settling, each of which can be taken out to see what it is for.

/// Rules that can be taken out, one by one, to see that each is needed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Rules(u32);

/// One rule of settling.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u32)]
pub enum Rule {
    /// A look comes before every creation.
    LookFirst = 1,
    /// A creation in doubt is repeated only after `settle`.
    SettleWait = 1 << 1,
    /// What was there before an anonymous creation is not ours.
    PreImage = 1 << 2,
    /// What was made outside the time of an anonymous creation is not ours.
    MadeWindow = 1 << 3,
    /// What another row holds is not ours.
    HeldIds = 1 << 4,
    /// An anonymous creation is judged only after `settle`.
    JudgeLate = 1 << 5,
    /// One anonymous creation at a time in one listing.
    OneAtATime = 1 << 6,
    /// Absence is judged by looks later than every write of ours.
    GoneNeedsLook = 1 << 7,
    /// *Missing* needs two looks.
    MissingTwice = 1 << 8,
    /// A thing is read again before it is removed.
    Reread = 1 << 9,
    /// A key is sent again early only while the API remembers it.
    KeyRemembered = 1 << 10,
    /// A creation whose want went is watched, not forgotten.
    WatchGivenUp = 1 << 11,
    /// Somebody else's thing is never written over.
    ForeignIsForeign = 1 << 12,
    /// No change is sent or judged while an earlier write may still take effect.
    WritesInTurn = 1 << 13,
    /// What was stamped before our clock was last set counts as stamped then.
    SteadyTime = 1 << 14,
    /// An anonymous creation is not repeated while there is something new that nobody holds, whenever it was made.
    NewMayBeOurs = 1 << 15,
    /// What a repeated creation may have left is looked for by its mark before a row ends.
    LastLook = 1 << 16,
    /// While a ledger is rebuilt, nothing is missing before what was sent until it was lost must show.
    LostMustShow = 1 << 17,
    /// Of a natural class and without marks, what appeared where none was and is as it was sent is ours.
    AppearedIsOurs = 1 << 18,
    /// What a look still shows once its removal must have taken effect is removed again.
    RemoveAgain = 1 << 19,
    /// What is not ready yet is looked at again when its API says so.
    PendingAgain = 1 << 20,
    /// What is on its way out is there until a look does not show it.
    RemovingIsThere = 1 << 21,
    /// What appeared while several creations under forgotten keys are in doubt in one listing is taken by none of them.
    KeysApart = 1 << 22,
}

impl Rule {
    /// All rules.
    pub const ALL: [Self; 23] = [
        Self::LookFirst,
        Self::SettleWait,
        Self::PreImage,
        Self::MadeWindow,
        Self::HeldIds,
        Self::JudgeLate,
        Self::OneAtATime,
        Self::GoneNeedsLook,
        Self::MissingTwice,
        Self::Reread,
        Self::KeyRemembered,
        Self::WatchGivenUp,
        Self::ForeignIsForeign,
        Self::WritesInTurn,
        Self::SteadyTime,
        Self::NewMayBeOurs,
        Self::LastLook,
        Self::LostMustShow,
        Self::AppearedIsOurs,
        Self::RemoveAgain,
        Self::PendingAgain,
        Self::RemovingIsThere,
        Self::KeysApart,
    ];
}

impl Rules {
    /// All of them: what the product runs with.
    pub const ALL: Self = Self(u32::MAX);

    /// All but one.
    pub const fn without(rule: Rule) -> Self {
        Self(!(rule as u32))
    }

    pub(crate) const fn hold(self, rule: Rule) -> bool {
        self.0 & rule as u32 != 0
    }
}
