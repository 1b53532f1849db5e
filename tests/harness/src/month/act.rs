//! What can happen in a month.

use groundcrew_core::may_delete::Level;

/// An hour, in milliseconds.
pub(super) const HOUR: i64 = 3_600_000;
/// A day, in milliseconds.
pub(super) const DAY: i64 = 24 * HOUR;
/// A minute, in milliseconds.
pub(super) const MINUTE: i64 = 60_000;

/// One thing that an app should have, as the label endpoint says it: `KIND/KEY=VALUE`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Wish {
    pub(super) kind: &'static str,
    pub(super) key: String,
    pub(super) value: u32,
}

/// One thing that happens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Act {
    /// A user creates an app, of which the label endpoint says this.
    Create { app: String, wishes: Vec<Wish> },
    /// A user deletes an app with all that is in it.
    Delete { app: String },
    /// The label endpoint says something else of an app.
    Wish { app: String, wishes: Vec<Wish> },
    /// Something happens to the machine at this place of an app.
    Machine { app: String, place: u8, verb: Verb },
    /// A neighbour is out.
    Out { whom: Neighbour, how: Outage },
    /// It is back.
    Back { whom: Neighbour },
    /// The platform is unkind for a while.
    Trouble(Trouble),
    /// It is kind again.
    Calm,
    /// The disk is full, or has room again.
    Disk(Disk),
    /// The runner's clock is set forward, or back, by so many milliseconds.
    ClockStep(i64),
    /// The process dies after so many more moments of calls and commits.
    Crash { after: u32 },
    /// The operator changes the configuration and starts the runner again.
    Configure(Change),
    /// The operator's round: what is held is approved, ends that are really so are believed.
    Round,
    /// The operator pauses a hook.
    Pause { hook: &'static str, level: Level },
    /// The operator lifts that.
    Unpause { hook: &'static str },
    /// Somebody looks at what an operator sees.
    Look,
    /// Somebody else does something at the tests' outside or in the zone.
    Stranger(Foreign),
}

/// What users do to machines.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verb {
    Create,
    Start,
    Stop,
    Exit,
    Destroy,
}

/// Who may be out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Neighbour {
    Outside,
    Fly,
    Labels,
    Dns,
}

impl Neighbour {
    pub(super) const ALL: [Self; 4] = [Self::Outside, Self::Fly, Self::Labels, Self::Dns];
}

/// How somebody is out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Outage {
    /// No connection comes about.
    Refused,
    /// Requests are taken, and nothing comes back; nothing takes effect.
    Silent,
    /// Everything is answered with 503.
    Broken,
}

/// Whether the disk has room.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Disk {
    #[default]
    Roomy,
    Full,
}

/// How the platform is unkind for a while.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Trouble {
    /// Lists of apps lack some of them.
    AppsMissing,
    /// The organisation's list lags by minutes.
    ListLags,
    /// The organisation's list lacks a region.
    RegionMissing,
    /// Every call answers 401.
    TokenRefused,
    /// The token does not reach the organisation.
    ReachLost,
    /// Calls take effect and their answers are lost.
    AnswersLost,
    /// Calls are answered 504 and take effect seconds later.
    WritesLate,
    /// Listings hide new addresses for as long as is documented.
    AddressesHidden,
}

impl Trouble {
    pub(super) const ALL: [Self; 8] = [
        Self::AppsMissing,
        Self::ListLags,
        Self::RegionMissing,
        Self::TokenRefused,
        Self::ReachLost,
        Self::AnswersLost,
        Self::WritesLate,
        Self::AddressesHidden,
    ];
}

/// How the configuration changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Change {
    /// The hook `things` is another build that wants the same.
    Rebuilt,
    /// The hook `things` is the next version, which wants one thing more of every app.
    Next,
    /// The hook `things` is the first version again.
    First,
    /// The hook `base` no longer asks for its second thing.
    LessBase,
    /// The hook `base` works at another place; its old things are forgotten.
    BaseRetained,
    /// The hook `base` works at another place; its old things are kept, frozen.
    BaseBoth,
    /// A stanza takes up the old things of `base`, and wants none of them.
    BaseBefore,
    /// The stanza of the machines' hook is gone: it is detached, its things are frozen.
    MachinesDetached,
    /// The stanza is back.
    MachinesBack,
    /// The machines' hook is ended by command, with everything that it made.
    MachinesRemoved,
    /// That is taken back before its stanza is gone: what is gone is made again.
    MachinesKept,
    /// Nothing is left of the machines' hook, and its stanza is dropped.
    MachinesDropped,
    /// The hook `dns` is called `records`.
    DnsRenamed,
    /// The hook `ip`, whose outputs that one reads, is called `address`.
    IpRenamed,
    /// The hook `tell` is called `news`.
    TellRenamed,
}

/// What strangers do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Foreign {
    /// Makes a thing of this kind, with a name where the kind has names.
    Plant { kind: &'static str, name: Option<String> },
    /// Overwrites the value of the thing of this name.
    Change { kind: &'static str, name: String },
    /// Deletes the thing of this name.
    Take { kind: &'static str, name: String },
    /// Writes a record set.
    Record { name: String, content: String },
    /// Lets a name lead to whoever has the name of an app.
    Alias { name: String, app: String },
    /// Deletes such a name.
    AliasGone { name: String },
    /// Allocates an address for somebody's app.
    Address { app: String },
}
