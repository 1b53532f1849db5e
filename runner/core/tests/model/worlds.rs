//! The worlds that are explored: kinds of APIs and of things, and what may go wrong together.

use groundcrew_core::manifest::Class;
use groundcrew_core::settle::{Drift, Rule, Rules};

use crate::world::{Api, Budget, Driver, Leaving, Marks, NAP, Pace, Setup};

const CALM: Budget =
    Budget { crashes: 0, losses: 0, foreign: 0, wants: 0, blinks: 0, naps: 0, ends: 0, steps: 0, ledgers: 0 };

/// What may go wrong together in the regular tests; the product of it takes minutes ([`PRODUCT`]).
pub(crate) const TROUBLES: [Budget; 17] = [
    Budget { losses: 1, foreign: 1, ..CALM },
    Budget { crashes: 1, losses: 1, wants: 1, ..CALM },
    Budget { crashes: 1, wants: 1, blinks: 1, ..CALM },
    Budget { crashes: 1, foreign: 1, wants: 1, ..CALM },
    Budget { losses: 1, wants: 1, naps: 1, ..CALM },
    Budget { crashes: 2, wants: 2, ..CALM },
    Budget { losses: 1, wants: 1, ends: 1, ..CALM },
    Budget { crashes: 1, ends: 2, ..CALM },
    Budget { losses: 1, blinks: 1, steps: 1, ..CALM },
    Budget { crashes: 1, wants: 1, steps: 1, ..CALM },
    Budget { losses: 1, steps: 2, ..CALM },
    Budget { crashes: 2, losses: 1, ..CALM },
    Budget { crashes: 2, foreign: 1, ..CALM },
    Budget { crashes: 2, losses: 1, foreign: 1, ..CALM },
    SEEN_TOO_LATE,
    Budget { losses: 1, wants: 2, ..CALM },
    Budget { foreign: 1, wants: 2, ..CALM },
];

/// All of it at once: two crashes, an answer that nobody waits for any more, a stranger, and a want that goes and returns.
const PRODUCT: Budget = Budget { crashes: 2, losses: 1, foreign: 1, wants: 2, ..CALM };

/// A stranger removes what we made before we saw it, and what is wanted changes while its repetition is in doubt.
pub(crate) const SEEN_TOO_LATE: Budget = Budget { crashes: 2, foreign: 1, wants: 1, ..CALM };

/// The database is lost, at any moment, and the ledger is rebuilt.
///
/// What carries no mark is told by nothing but what is wanted: that this is what it was is the condition.
pub(crate) const LOST: [Budget; 4] = [
    Budget { ledgers: 1, ..CALM },
    Budget { ledgers: 1, losses: 1, ..CALM },
    Budget { ledgers: 1, crashes: 1, ..CALM },
    Budget { ledgers: 2, ..CALM },
];

/// The same where marks tell; what is wanted may change, if what differs is repaired.
const LOST_MARKED: [Budget; 2] =
    [Budget { ledgers: 1, wants: 1, ..CALM }, Budget { ledgers: 1, foreign: 1, ..CALM }];

/// What may go wrong while things take their time.
const SLOW: [Budget; 3] = [
    Budget { crashes: 2, losses: 1, ..CALM },
    Budget { losses: 1, foreign: 1, ..CALM },
    Budget { crashes: 1, wants: 1, ..CALM },
];

/// The same, where minutes do not matter.
const SLOW_FULL: [Budget; 3] = [
    Budget { crashes: 2, losses: 1, foreign: 1, ..CALM },
    Budget { crashes: 1, losses: 1, wants: 1, ..CALM },
    Budget { foreign: 1, wants: 1, ..CALM },
];

/// What may go wrong between two owners.
const TWO: [Budget; 5] = [
    Budget { losses: 1, ..CALM },
    Budget { crashes: 2, ..CALM },
    Budget { losses: 1, wants: 1, ..CALM },
    Budget { losses: 1, steps: 1, ..CALM },
    Budget { losses: 1, foreign: 1, ..CALM },
];

/// The same, where minutes do not matter.
const TWO_FULL: [Budget; 3] = [
    Budget { crashes: 1, losses: 1, foreign: 1, ..CALM },
    Budget { crashes: 1, foreign: 1, wants: 1, ..CALM },
    Budget { losses: 1, foreign: 1, wants: 1, ..CALM },
];

/// Set to anything: explores the whole product, which takes minutes, as `cargo xtask model --full` does.
const FULL: &str = "GROUNDCREW_MODEL_FULL";

/// Whether minutes do not matter.
pub(crate) fn is_full() -> bool {
    std::env::var_os(FULL).is_some()
}

/// What is explored of every kind of API.
pub(crate) fn troubles() -> Vec<Budget> {
    if is_full() { vec![PRODUCT] } else { TROUBLES.to_vec() }
}

fn setup(name: &'static str, class: Class, marks: Marks, budget: Budget) -> Setup {
    let (api, drift) = (Api::Conditional, Drift::Repair);
    Setup {
        name,
        class,
        marks,
        api,
        drift,
        skew: 0,
        owners: 1,
        pace: Pace::AtOnce,
        leaving: Leaving::In(0),
        budget,
        rules: Rules::ALL,
        driver: Driver::Careful,
    }
}

/// The natural class: four kinds of APIs.
pub(crate) fn natural(budget: Budget) -> Vec<Setup> {
    let with = |name, marks, api| Setup { api, ..setup(name, Class::Natural, marks, budget) };
    vec![
        with("natural, marks, conditional", Marks::Carried, Api::Conditional),
        with("natural, no marks, blind", Marks::Impossible, Api::Blind),
        with("natural, marks, blind", Marks::Carried, Api::Blind),
        with("natural, no marks, conditional", Marks::Impossible, Api::Conditional),
    ]
}

pub(crate) fn keyed(budget: Budget) -> Vec<Setup> {
    vec![
        setup("keyed, no marks", Class::Keyed, Marks::Impossible, budget),
        setup("keyed, marks", Class::Keyed, Marks::Carried, budget),
    ]
}

pub(crate) fn marked(budget: Budget) -> Vec<Setup> {
    let marked = setup("marked", Class::Marked, Marks::Carried, budget);
    vec![Setup { name: "marked, drift reported", drift: Drift::Report, ..marked.clone() }, marked]
}

/// The anonymous class: the API's clock right, behind and ahead, by little and by much, where clocks matter.
pub(crate) fn anonymous(budget: Budget) -> Vec<Setup> {
    let with = |name, skew| Setup { skew, ..setup(name, Class::Anonymous, Marks::Impossible, budget) };
    let mut all = vec![with("anonymous", 0)];
    if budget.foreign > 0 {
        all.extend([with("anonymous, clock behind", -1), with("anonymous, clock ahead", 1)]);
    }
    if budget.foreign > 0 && budget.losses > 0 {
        for (name, skew) in [("anonymous, clocks apart", 3), ("anonymous, clocks far apart", NAP)] {
            all.extend([with(name, -skew), with(name, skew)]);
        }
    }
    all
}

/// Two owners that want one anonymous thing each, in one listing.
pub(crate) fn two_owners(budget: Budget) -> Setup {
    Setup { owners: 2, ..setup("anonymous, two owners", Class::Anonymous, Marks::Impossible, budget) }
}

/// Two owners that want one thing each under a key that the API forgets.
pub(crate) fn two_keyed_owners() -> Setup {
    let budget = Budget { losses: 1, naps: 1, ..CALM };
    Setup { owners: 2, ..setup("keyed, two owners", Class::Keyed, Marks::Impossible, budget) }
}

/// Two owners, with all that may go wrong between them.
pub(crate) fn all_two_owners() -> Vec<Setup> {
    let troubles = if is_full() { &TWO_FULL[..] } else { &TWO };
    troubles.iter().copied().map(two_owners).chain([two_keyed_owners()]).collect()
}

/// Things that take their time, with all that may go wrong meanwhile.
pub(crate) fn all_slow() -> Vec<Setup> {
    let troubles = if is_full() { &SLOW_FULL[..] } else { &SLOW };
    troubles.iter().copied().flat_map(slow).collect()
}

/// Of every class things that are not ready at first, and on their way out for a while.
fn slow(budget: Budget) -> Vec<Setup> {
    let with = |name, class, marks| Setup { pace: Pace::Slow, ..setup(name, class, marks, budget) };
    vec![
        with("natural, slow", Class::Natural, Marks::Carried),
        with("natural, no marks, slow", Class::Natural, Marks::Impossible),
        with("keyed, slow", Class::Keyed, Marks::Carried),
        with("marked, slow", Class::Marked, Marks::Carried),
        with("anonymous, slow", Class::Anonymous, Marks::Impossible),
    ]
}

/// Removals that a person must approve, and that wait for their grace then.
pub(crate) fn held() -> Vec<Setup> {
    let budget = Budget { crashes: 1, wants: 2, ..CALM };
    let held = |setup| Setup { leaving: Leaving::Held, ..setup };
    vec![
        held(setup("natural, held", Class::Natural, Marks::Carried, budget)),
        held(setup("marked, held", Class::Marked, Marks::Carried, budget)),
    ]
}

/// A stranger that changes it back again and again.
pub(crate) fn fought() -> Vec<Setup> {
    vec![setup("marked, fought over", Class::Marked, Marks::Carried, Budget { foreign: 4, ..CALM })]
}

/// Small worlds in which every word of a decision comes up.
pub(crate) fn telling() -> Vec<Setup> {
    let (lost, changed) = (Budget { losses: 1, ..CALM }, Budget { wants: 1, ..CALM });
    let stranger = Budget { foreign: 1, ..CALM };
    let mut all = [held(), fought(), slow(changed), natural(stranger), marked(stranger)].concat();
    all.extend(anonymous(Budget { losses: 1, wants: 1, ..CALM }));
    all.extend(marked(Budget { losses: 1, wants: 1, ..CALM }));
    all.extend(anonymous(Budget { losses: 1, foreign: 1, ..CALM }));
    all.push(two_owners(lost));
    all
}

/// Every kind of API, with the ledger lost and rebuilt.
pub(crate) fn lost() -> Vec<Setup> {
    let unmarked = |budget| {
        let clock_right = setup("anonymous", Class::Anonymous, Marks::Impossible, budget);
        [natural(budget), keyed(budget), vec![clock_right]].concat()
    };
    let all = |budget| [unmarked(budget), marked(budget)].concat();
    // Where drift is only reported, what is wanted otherwise since is so, too: nobody knows who made it as it is.
    let carried = |setup: &Setup| {
        setup.marks == Marks::Carried && (setup.drift == Drift::Repair || setup.budget.wants == 0)
    };
    let more = LOST_MARKED.into_iter().flat_map(all).filter(carried);
    LOST.into_iter().flat_map(all).chain(more).collect()
}

/// The worlds in which the need of a rule shows.
pub(crate) fn worlds_that_need(rule: Rule) -> Vec<Setup> {
    let [lost_and_stranger, lost_and_want, missed, stranger, _, returning, _, _, set, ..] = TROUBLES;
    match rule {
        Rule::PendingAgain => slow(CALM),
        Rule::KeysApart => vec![two_keyed_owners()],
        Rule::RemovingIsThere => slow(Budget { wants: 1, ..CALM }),
        Rule::LookFirst | Rule::ForeignIsForeign => natural(lost_and_stranger),
        Rule::SettleWait => marked(lost_and_stranger),
        Rule::PreImage | Rule::MadeWindow => anonymous(stranger),
        Rule::JudgeLate => anonymous(lost_and_want),
        Rule::HeldIds | Rule::OneAtATime => TWO.into_iter().map(two_owners).collect(),
        Rule::GoneNeedsLook | Rule::WatchGivenUp => [natural(lost_and_want), marked(lost_and_want)].concat(),
        Rule::MissingTwice => anonymous(missed),
        Rule::Reread => natural(stranger),
        Rule::KeyRemembered => keyed(lost_and_want),
        Rule::WritesInTurn => natural(returning),
        Rule::SteadyTime => marked(set),
        Rule::NewMayBeOurs => anonymous(lost_and_stranger),
        Rule::LastLook => marked(SEEN_TOO_LATE),
        Rule::LostMustShow => marked(LOST[0]),
        Rule::AppearedIsOurs | Rule::RemoveAgain => natural(lost_and_want),
    }
}
