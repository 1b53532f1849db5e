//! Explores every way in which settling can go, over the real deciding function.
//!
//! The model is a small world (see [`world`]): an API of one class that hides its writes for a while, requests
//! that take effect late or never, crashes between any two parts of a step, an owner that goes and returns, and
//! a stranger. In every state it asks [`groundcrew_core::settle::decide`] what is to be done, does it in the
//! parts that a crash can part, and goes on with everything else that could happen at that moment.
//!
//! ```text
//!   the promises, in each state:   at most one thing of ours per want; nothing of a stranger's is touched
//!                                  or claimed; and from it, without further trouble, the end is reached
//!   the rules, one by one:         without it some promise is broken, and the story is printed
//! ```
//!
//! Explored is what the table of troubles allows together, and what takes minutes with it only where that is asked for.
//! Not explored is their whole product: two crashes, a lost write, a stranger and two changes of what is wanted at once.

#![expect(clippy::print_stdout, reason = "the report and the stories are what a search is for")]

mod acts;
mod asking;
mod driver;
mod search;
mod story;
mod time;
mod world;

use groundcrew_core::manifest::Class;
use groundcrew_core::settle::{Drift, Rule, Rules};

use search::{Explored, explore};
use world::{Api, Budget, Driver, Marks, NAP, Setup};

const CALM: Budget =
    Budget { crashes: 0, losses: 0, foreign: 0, wants: 0, blinks: 0, naps: 0, ends: 0, steps: 0, ledgers: 0 };

/// What may go wrong together: all of it at once is more than can be explored in a test.
const TROUBLES: [Budget; 17] = [
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

/// What takes minutes: explored where the environment names [`LARGE`], as `cargo xtask model` does.
const MORE: [Budget; 4] = [
    Budget { crashes: 1, losses: 1, wants: 2, ..CALM },
    Budget { crashes: 2, losses: 1, wants: 1, ..CALM },
    Budget { crashes: 2, losses: 1, foreign: 1, wants: 1, ..CALM },
    Budget { crashes: 2, losses: 1, wants: 2, ..CALM },
];

/// A stranger removes what we made before we saw it, and what is wanted changes while its repetition is in doubt.
const SEEN_TOO_LATE: Budget = Budget { crashes: 2, foreign: 1, wants: 1, ..CALM };

/// The database is lost, at any moment, and the ledger is rebuilt.
///
/// What carries no mark is told by nothing but what is wanted: that this is what it was is the condition.
const LOST: [Budget; 4] = [
    Budget { ledgers: 1, ..CALM },
    Budget { ledgers: 1, losses: 1, ..CALM },
    Budget { ledgers: 1, crashes: 1, ..CALM },
    Budget { ledgers: 2, ..CALM },
];

/// The same where marks tell; what is wanted may change, if what differs is repaired.
const LOST_MARKED: [Budget; 2] =
    [Budget { ledgers: 1, wants: 1, ..CALM }, Budget { ledgers: 1, foreign: 1, ..CALM }];

/// Set to anything: explores more than fits into a test.
const LARGE: &str = "GROUNDCREW_MODEL_LARGE";

/// What is explored of every kind of API.
fn troubles() -> impl Iterator<Item = Budget> {
    let more: &[Budget] = if std::env::var_os(LARGE).is_some() { &MORE } else { &[] };
    TROUBLES.into_iter().chain(more.iter().copied())
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
        budget,
        rules: Rules::ALL,
        driver: Driver::Careful,
    }
}

/// The natural class: four kinds of APIs.
fn natural(budget: Budget) -> Vec<Setup> {
    let with = |name, marks, api| Setup { api, ..setup(name, Class::Natural, marks, budget) };
    vec![
        with("natural, marks, conditional", Marks::Carried, Api::Conditional),
        with("natural, no marks, blind", Marks::Impossible, Api::Blind),
        with("natural, marks, blind", Marks::Carried, Api::Blind),
        with("natural, no marks, conditional", Marks::Impossible, Api::Conditional),
    ]
}

fn keyed(budget: Budget) -> Vec<Setup> {
    vec![
        setup("keyed, no marks", Class::Keyed, Marks::Impossible, budget),
        setup("keyed, marks", Class::Keyed, Marks::Carried, budget),
    ]
}

fn marked(budget: Budget) -> Vec<Setup> {
    let marked = setup("marked", Class::Marked, Marks::Carried, budget);
    vec![Setup { name: "marked, drift reported", drift: Drift::Report, ..marked.clone() }, marked]
}

/// The anonymous class: the API's clock right, behind and ahead, by little and by much, where clocks matter.
fn anonymous(budget: Budget) -> Vec<Setup> {
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
fn two_owners() -> Vec<Setup> {
    let troubles = [
        Budget { losses: 1, ..CALM },
        Budget { crashes: 2, ..CALM },
        Budget { losses: 1, wants: 1, ..CALM },
        Budget { losses: 1, steps: 1, ..CALM },
    ];
    let with = |budget| Setup {
        owners: 2,
        ..setup("anonymous, two owners", Class::Anonymous, Marks::Impossible, budget)
    };
    troubles.map(with).into()
}

/// Every kind of API, with the ledger lost and rebuilt.
fn lost() -> Vec<Setup> {
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

/// Explores each; says how much it was, and the first story if a promise is broken.
fn holds(setups: impl IntoIterator<Item = Setup>) {
    let mut states = 0;
    for setup in setups {
        let Explored { states: visited, story } = explore(&setup);
        println!("{:<34} {} {visited:>8} states", setup.name, setup.budget);
        states += visited;
        if let Some(story) = story {
            panic!("{}, {}:\n{story}", setup.name, setup.budget);
        }
    }
    println!("{states} states in all");
}

#[test]
fn natural_things_keep_every_promise() {
    holds(troubles().flat_map(natural));
}

#[test]
fn keyed_things_keep_every_promise() {
    holds(troubles().flat_map(keyed));
}

#[test]
fn marked_things_keep_every_promise() {
    holds(troubles().flat_map(marked));
}

#[test]
fn anonymous_things_keep_every_promise() {
    holds(troubles().flat_map(anonymous));
}

#[test]
fn two_owners_of_one_listing_keep_every_promise() {
    holds(two_owners());
}

#[test]
fn things_of_a_lost_ledger_keep_every_promise() {
    holds(lost());
}

/// Rules about things that take their time to be ready or to go, which none of the model's does;
/// `tests/harness/tests/settle_knobs.rs` shows what each is for.
const ELSEWHERE: [Rule; 2] = [Rule::PendingAgain, Rule::RemovingIsThere];

/// The worlds in which the need of a rule shows.
fn worlds_that_need(rule: Rule) -> Vec<Setup> {
    let [lost_and_stranger, lost_and_want, missed, stranger, _, returning, _, _, set, ..] = TROUBLES;
    match rule {
        Rule::PendingAgain | Rule::RemovingIsThere => Vec::new(),
        Rule::LookFirst | Rule::ForeignIsForeign => natural(lost_and_stranger),
        Rule::SettleWait => marked(lost_and_stranger),
        Rule::PreImage | Rule::MadeWindow => anonymous(stranger),
        Rule::JudgeLate => anonymous(lost_and_want),
        Rule::HeldIds | Rule::OneAtATime => two_owners(),
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

/// The first story that a change of the setup makes possible.
fn story_with(setups: Vec<Setup>, change: impl Fn(&mut Setup), what: &str) -> bool {
    for mut setup in setups {
        change(&mut setup);
        if let Some(story) = explore(&setup).story {
            println!("{what}: {}, {}, {} acts:\n{story}\n", setup.name, setup.budget, story.acts.len());
            return true;
        }
    }
    println!("{what}: every promise holds all the same");
    false
}

#[test]
fn without_any_rule_a_promise_is_broken() {
    let needed = |rule: &Rule| {
        let without = |setup: &mut Setup| setup.rules = Rules::without(*rule);
        story_with(worlds_that_need(*rule), without, &format!("without {rule:?}"))
    };
    let superfluous: Vec<_> = Rule::ALL.into_iter().filter(|rule| !needed(rule)).collect();
    assert_eq!(superfluous, ELSEWHERE, "not needed in any world");
}

#[test]
fn without_any_duty_of_the_driver_a_promise_is_broken() {
    let [_, lost_and_want, _, _, sleep, _, made_again, _, _, _, set_twice, ..] = TROUBLES;
    let lapses = [
        (Driver::SendsLate, natural(sleep)),
        (Driver::ForgetsEarlierSends, natural(lost_and_want)),
        (Driver::RepeatsWithNewest, natural(lost_and_want)),
        (Driver::BeginsAnew, anonymous(made_again)),
        (Driver::BeginsAnew, marked(made_again)),
        (Driver::KeepsLooks, marked(set_twice)),
        (Driver::KeepsSpec, marked(SEEN_TOO_LATE)),
        (Driver::RecoversAsEver, anonymous(LOST[0])),
        (Driver::FinishesEarly, anonymous(LOST[0])),
    ];
    for (lapse, worlds) in lapses {
        let found = story_with(worlds, |setup| setup.driver = lapse, &format!("a driver that {lapse:?}"));
        assert!(found, "{lapse:?} does no harm in any world");
    }
}
