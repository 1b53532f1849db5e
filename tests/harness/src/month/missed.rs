//! Days on which an app is deleted and that is not believed, or not known, while something is still to be made for it.

use super::act::{Act, HOUR, MINUTE, Neighbour, Outage};
use super::stage::Stage;
use super::{Month, Outcome, Pace};

/// Why the app's end is not known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Missed {
    /// So many vanished at once that none of it is believed.
    Doubted,
    /// The runner started anew, and the platform does not answer.
    Unread,
}

/// The app that is deleted before its record can be written.
pub const GONE: &str = "app-gone";
/// The app that lives, and whose record cannot be written at first either.
pub const LIVES: &str = "app-lives";
/// When the name server is back and takes records again, in milliseconds after the beginning.
pub const WRITABLE: i64 = 8 * HOUR;
/// When the platform is back, where it was out, and the operator looks, where too many vanished.
pub const READABLE: i64 = 10 * HOUR;

const DELETED: i64 = 6 * HOUR;

/// Plays the day: the name server is out while both apps come, and the runner dies once one of them is gone.
pub fn day_with(missed: Missed) -> Outcome {
    let mut month = Month::new(1, 0, 1);
    (month.pace, month.until) = (Pace::Shipped, 500);
    month.without = super::KINDS.map(str::to_owned).to_vec();
    let (stage, rested) = super::on_stage(Stage::with(&month, script(missed)));
    super::verdict::outcome(&stage, rested).expect("invariant: the database can be read")
}

fn script(missed: Missed) -> Vec<(i64, Act)> {
    let create = |app: &str| Act::Create { app: app.to_owned(), wishes: Vec::new() };
    let others: Vec<_> = (0..12).map(|app| format!("app-{app}")).collect();
    let mut acts: Vec<_> = others.iter().map(|app| (0, create(app))).collect();
    let out = |whom| Act::Out { whom, how: Outage::Refused };
    acts.push((DELETED - HOUR, out(Neighbour::Dns)));
    acts.extend([GONE, LIVES].map(|app| (DELETED - HOUR / 2, create(app))));
    match missed {
        Missed::Doubted => {
            let delete = |app: &String| (DELETED - 10 * MINUTE, Act::Delete { app: app.clone() });
            acts.extend(others.iter().take(8).map(delete));
            // The operator agrees to the ends, and then to so many removals.
            acts.extend([READABLE, READABLE + HOUR].map(|at| (at, Act::Round)));
        }
        Missed::Unread => acts.push((DELETED - 10 * MINUTE, out(Neighbour::Fly))),
    }
    acts.push((DELETED, Act::Delete { app: GONE.to_owned() }));
    acts.push((DELETED + MINUTE, Act::Crash { after: 0 }));
    acts.push((WRITABLE, Act::Back { whom: Neighbour::Dns }));
    if missed == Missed::Unread {
        acts.push((READABLE, Act::Back { whom: Neighbour::Fly }));
    }
    acts.sort_by_key(|(at, _)| *at);
    acts
}
