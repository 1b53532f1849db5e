//! What a search says of itself: a line for each world, and while minutes pass a bar.

use std::io::{IsTerminal as _, stderr};
use std::time::Instant;

use crate::search::Progress;
use crate::world::Setup;
use crate::worlds::is_full;

/// Characters of a whole bar.
const WIDTH: usize = 24;

/// The report on one search.
pub(crate) struct Report<'a> {
    setup: &'a Setup,
    began: Instant,
    /// Whether somebody watches.
    watched: bool,
}

impl<'a> Report<'a> {
    pub(crate) fn on(setup: &'a Setup) -> Self {
        #[expect(
            clippy::disallowed_methods,
            reason = "how long a search takes is measured, and decides nothing"
        )]
        let began = Instant::now();
        Self { setup, began, watched: is_full() && stderr().is_terminal() }
    }

    /// Draws the bar again: how many amounts of trouble are explored. The last ones are the largest.
    pub(crate) fn is_at(&mut self, at: Progress) {
        if self.watched {
            let (explored, all) = at.amounts;
            let done = WIDTH * explored / all;
            let bar = format!("{}{}", "#".repeat(done), ".".repeat(WIDTH - done));
            eprint!("\r{:<34} [{bar}] {:>11} states, {} s ", self.setup.name, at.states, self.seconds());
        }
    }

    /// The line that stays.
    pub(crate) fn ends(&self, states: usize) {
        if self.watched {
            eprint!("\r{:80}\r", "");
        }
        println!("{:<34} {} {states:>9} states, {} s", self.setup.name, self.setup.budget, self.seconds());
    }

    fn seconds(&self) -> u64 {
        self.began.elapsed().as_secs()
    }
}
