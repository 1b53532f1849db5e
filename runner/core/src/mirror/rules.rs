//! The rules by which listings are read, each with the sentence of fact that it answers.

/// One rule. Its text is the fact about the platform that makes it necessary.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Rule {
    /// Of two sights of a machine the newer counts, and the organisation's list never wins a tie.
    LaggingOrgList,
    /// The organisation's list is read again from 15 minutes before the newest change seen.
    Overlap,
    /// A page without machines is followed by the next one.
    EmptyPages,
    /// A page that is not full is followed by the next one all the same.
    ShortPages,
    /// The cursor moves when a reading is whole, not with its pages.
    UnsortedPages,
    /// A reading with `error_regions` does not move the cursor.
    ErrorRegions,
    /// A machine that its app's list lacks is gone only when a `GET` says so too.
    ConfirmMachineEnd,
    /// A machine that its app's list lacks and a `GET` does not find is gone, though nobody said `destroyed`.
    PrunedIsGone,
    /// A machine that is listed after its end is looked at before it is believed to live.
    ListedAfterEnd,
    /// Within a minute of its first sight nobody is gone by absence, but an app whose own list was found before.
    YoungIsNoEnd,
    /// Apps are compared by id, not by name.
    AppsById,
    /// An app that the list lacks is gone only when a `GET` says so too.
    ConfirmAppEnd,
    /// A `GET` that does not find an app ends it only if the list lacks it as well.
    ListedIsThere,
    /// A machine of an app that is not known yet waits for its app.
    AppFirst,
    /// 403 is a finding, never an end.
    ForbiddenIsNoEnd,
    /// 401 is no end.
    UnauthorizedIsNoEnd,
    /// 400 `could not find app` says what 404 says.
    NoSuchAppIsGone,
    /// An end is believed only beside a control read of the same tick and token with the same reach.
    ControlRead,
    /// More than a few ends within minutes are not believed until approved.
    VanishGuard,
    /// Organisations are compared by id: `personal` is an alias.
    PersonalAlias,
    /// A first start adopts what is there without events.
    SilentBaseline,
    /// A machine belongs to the incarnation of its app under which it was first seen.
    ParentFixed,
    /// A machine is new when its id is new; no line of its log says so.
    CreatedByFirstSight,
    /// A changed `updated_at` alone is no change.
    QuietTouch,
    /// An absent configuration leaves the labels as they were.
    AbsentConfig,
    /// An answer counts as of when it was asked for.
    AsOfAsking,
    /// A state on the way to another is not told.
    TransientIsNoState,
    /// A state that nobody knows is one to stay in, and is told.
    UnknownStays,
    /// A line of a log whose words nobody knows says nothing of the state.
    UnknownLineIsNoState,
    /// A line of a log that has no id is told from others by its time, kind and state.
    LineWithoutId,
    /// `destroying` is no end.
    DestroyingIsNoEnd,
    /// Changes between two looks are read from the machine's log.
    LogFillsGaps,
}

/// A set of rules.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rules(u32);

impl Rule {
    /// All rules, in the order of their documentation.
    pub const ALL: [Self; 32] = [
        Self::LaggingOrgList,
        Self::Overlap,
        Self::EmptyPages,
        Self::ShortPages,
        Self::UnsortedPages,
        Self::ErrorRegions,
        Self::ConfirmMachineEnd,
        Self::PrunedIsGone,
        Self::ListedAfterEnd,
        Self::YoungIsNoEnd,
        Self::AppsById,
        Self::ConfirmAppEnd,
        Self::ListedIsThere,
        Self::AppFirst,
        Self::ForbiddenIsNoEnd,
        Self::UnauthorizedIsNoEnd,
        Self::NoSuchAppIsGone,
        Self::ControlRead,
        Self::VanishGuard,
        Self::PersonalAlias,
        Self::SilentBaseline,
        Self::ParentFixed,
        Self::CreatedByFirstSight,
        Self::QuietTouch,
        Self::AbsentConfig,
        Self::AsOfAsking,
        Self::TransientIsNoState,
        Self::UnknownStays,
        Self::UnknownLineIsNoState,
        Self::LineWithoutId,
        Self::DestroyingIsNoEnd,
        Self::LogFillsGaps,
    ];

    /// The fact that the rule answers, with its source.
    pub const fn fact(self) -> &'static str {
        match self {
            Self::LaggingOrgList => "the org-wide machine list lags by minutes; per-app lists do not [live]",
            Self::Overlap => {
                "when polling with `updated_after`, offset your timestamps to catch late-arriving events [spec]"
            }
            Self::EmptyPages => {
                "responses may be shorter, or even empty, even when more machines remain [spec]"
            }
            Self::ShortPages => {
                "`limit` is advisory: responses may be shorter even when more machines remain [spec]"
            }
            Self::UnsortedPages => {
                "pages are not sure to be sorted, and may reveal machines older than the last `updated_at` [spec]"
            }
            Self::ErrorRegions => "an answer with `error_regions` is incomplete [spec; measured by cubepals]",
            Self::ConfirmMachineEnd => {
                "destroyed machines leave the list while `GET` still shows them; absence proves nothing [docs]"
            }
            Self::PrunedIsGone => {
                "a `GET` of a destroyed machine is 404 once it is pruned; nothing says how soon that is [spec]"
            }
            Self::ListedAfterEnd => {
                "the machines of an app that is gone are listed under the next one of its name [flyctl#3205, inference]"
            }
            Self::YoungIsNoEnd => {
                "404 right after a create can be transient [fly-go WaitForApp of apps; of machines inference]"
            }
            Self::AppsById => "`App.id` differs when a name is deleted and made again [spec, inference]",
            Self::ConfirmAppEnd => {
                "there is no list of deleted apps and no app event; absence is all a list can show [spec]"
            }
            Self::ListedIsThere => {
                "404 on `GET` right after an app's create can be transient, for up to a minute [fly-go WaitForApp]"
            }
            Self::AppFirst => {
                "a new app may be out of sight for a minute while its machines are listed [fly-go WaitForApp, inference]"
            }
            Self::ForbiddenIsNoEnd => {
                "403 means that the app exists in another organisation, or that access was lost [fly-go flaps_apps.go]"
            }
            Self::UnauthorizedIsNoEnd => "401 right after a create can be transient [fly-go WaitForApp]",
            Self::NoSuchAppIsGone => "calls on a destroyed app may answer 400 `could not find app` [live]",
            Self::ControlRead => {
                "a token that lost its organisation gets 404 as well; only another read tells the two apart [inference]"
            }
            Self::VanishGuard => "a broken source looks like a fleet that was deleted [inference]",
            Self::PersonalAlias => "`org_slug=personal` is an alias: reads report the real slug [live]",
            Self::SilentBaseline => "what was there before the first start did not happen now",
            Self::ParentFixed => {
                "stale machines are listed after an app was made again under its name [flyctl#3205, inference]"
            }
            Self::CreatedByFirstSight => {
                "`launch/created/flyd` is written for creates and for migrations alike [flyctl machine/status.go]"
            }
            Self::QuietTouch => {
                "whether a metadata write bumps `updated_at` is not documented; our own writes must not come back"
            }
            Self::AbsentConfig => {
                "summaries omit the configuration, and `incomplete_config` stands in for it when a host is out of reach [spec]"
            }
            Self::AsOfAsking => {
                "`updated_at` is in whole seconds: it does not tell which of two answers is the older one [spec]"
            }
            Self::TransientIsNoState => {
                "`creating`, `starting`, `stopping` and their like pass by themselves [docs machines/machine-states]"
            }
            Self::UnknownStays => {
                "17 states are documented, and `state` is an open string [docs machines/machine-states; spec]"
            }
            Self::UnknownLineIsNoState => {
                "nobody publishes the types and statuses of events [docs, fly-go machine_types.go]"
            }
            Self::LineWithoutId => "events of old machines have no id [fly-go machine_types.go]",
            Self::DestroyingIsNoEnd => {
                "`GET` may say `destroying` after `wait` said `destroyed` [seazn], or for minutes if it is stuck [docs]"
            }
            Self::LogFillsGaps => {
                "a machine may stop and start between two looks; `/events` keeps the last 50 [spec]"
            }
        }
    }
}

impl Rules {
    /// Every rule.
    pub const ALL: Self = Self(u32::MAX);

    /// The same set without one rule.
    #[must_use]
    pub const fn without(self, rule: Rule) -> Self {
        Self(self.0 & !(1 << rule as u32))
    }

    /// Whether a rule is in force.
    pub const fn has(self, rule: Rule) -> bool {
        self.0 & (1 << rule as u32) != 0
    }
}
