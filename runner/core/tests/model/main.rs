//! Explores every way in which settling can go, over the real deciding function.

mod acts;
mod driver;
mod search;
mod story;
mod world;

use groundcrew_core::manifest::Class;
use groundcrew_core::settle::{Drift, Rules};

use search::explore;
use world::{Api, Budget, Driver, Marks, Setup};

fn setup(name: &'static str, class: Class, marks: Marks, api: Api) -> Setup {
    let b: Vec<u8> = std::env::var("B").unwrap_or("210200".into()).bytes().map(|b| b - b'0').collect();
    let budget = Budget { crashes: b[0], losses: b[1], foreign: b[2], wants: b[3], blinks: b[4], naps: b[5] };
    Setup { name, class, marks, api, drift: Drift::Repair, skew: 0, owners: 1, budget, rules: Rules::ALL, driver: Driver::Careful }
}

#[test]
fn try_it() {
    let setups = [
        setup("natural with marks, conditional", Class::Natural, Marks::Carried, Api::Conditional),
        setup("natural with marks, blind", Class::Natural, Marks::Carried, Api::Blind),
        setup("natural without marks, conditional", Class::Natural, Marks::Impossible, Api::Conditional),
        setup("natural without marks, blind", Class::Natural, Marks::Impossible, Api::Blind),
        setup("keyed with marks", Class::Keyed, Marks::Carried, Api::Conditional),
        setup("keyed without marks", Class::Keyed, Marks::Impossible, Api::Conditional),
        setup("marked", Class::Marked, Marks::Carried, Api::Conditional),
        setup("anonymous", Class::Anonymous, Marks::Impossible, Api::Conditional),
    ];
    let only = std::env::var("ONLY").ok();
    for setup in setups.iter().filter(|setup| only.as_ref().is_none_or(|only| setup.name.contains(only))) {
        let began = std::time::Instant::now();
        let found = explore(setup);
        println!("{}: {} states {:?}", setup.name, found.states, began.elapsed());
        if let Some(story) = found.story {
            println!("{story}");
        }
    }
}
