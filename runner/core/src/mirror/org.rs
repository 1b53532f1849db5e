//! The organisation's machine list: pages, overlap, and what does not answer.

use super::draft::Draft;
use super::machines::Via;
use super::seen::{Ask, OrgPage, Outcome};
use super::vain::UNREAD_AFTER;
use super::{Config, Cursor, OrgQuery, Rule, later};
use crate::time::Timestamp;

/// Pages after which a reading is given up: at a thousand machines a page, more than any organisation has.
const PAGES_MAX: u32 = 1_000;

/// What a page holds at most [spec]; as many are given unless fewer are asked for.
const PAGE_FULL: usize = 1_000;

/// A reading of the list that is under way.
#[derive(Clone, Debug, Default)]
pub(super) struct Round {
    next: Option<String>,
    newest: Option<Timestamp>,
    pages: u32,
    missing_regions: Vec<String>,
}

impl Round {
    pub(super) fn query(&self, cursor: &Cursor, config: &Config) -> OrgQuery {
        let overlap =
            if config.rules.has(Rule::Overlap) { config.overlap } else { crate::duration::Millis::ZERO };
        OrgQuery {
            updated_after: cursor.updated_after.map(|newest| newest - overlap),
            cursor: self.next.clone(),
            include_deleted: cursor.baseline_at.is_some(),
        }
    }
}

impl Draft<'_> {
    /// Takes in a page. Machines on it may be out of date; those not on it mean nothing.
    pub(super) fn org_page(&mut self, query: &OrgQuery, outcome: &Outcome<OrgPage>) {
        let Outcome::Found(page) = outcome else {
            // A cursor that is no longer known must not keep the next reading from starting.
            self.pending.round = Round::default();
            let what = "the organisation's list of machines cannot be read, so all changes are seen late";
            self.in_vain("source.unread", "org-machines", UNREAD_AFTER, what);
            return;
        };
        for machine in &page.machines {
            self.machine_seen(machine, Via::OrgList);
        }
        if *query == self.pending.round.query(&self.cursor, self.config()) {
            self.turn_page(page);
        }
    }

    /// Goes on to the next page, or ends the reading.
    fn turn_page(&mut self, page: &OrgPage) {
        let ends = self.ends_early(page);
        let newest = page.machines.iter().filter_map(|machine| machine.updated_at).max();
        let newest = later(newest, page.last_updated_at);
        if !self.rule(Rule::UnsortedPages) {
            self.cursor.updated_after = later(self.cursor.updated_after, newest);
        }
        let round = &mut self.pending.round;
        round.newest = later(round.newest, newest);
        round.missing_regions.extend(page.error_regions.iter().cloned());
        round.pages += 1;
        match &page.next {
            Some(next) if !ends && round.pages < PAGES_MAX => {
                round.next = Some(next.clone());
                self.ask(Ask::OrgMachines);
            }
            Some(_) if !ends => {
                round.missing_regions.push(format!("(all after {PAGES_MAX} pages)"));
                self.end_round();
            }
            _ => self.end_round(),
        }
    }

    /// Whether a page is taken for the last one although it names the next: never, by the rules.
    fn ends_early(&self, page: &OrgPage) -> bool {
        match page.machines.len() {
            0 => !self.rule(Rule::EmptyPages),
            many => many < PAGE_FULL && !self.rule(Rule::ShortPages),
        }
    }

    /// Moves the cursor, unless a region did not answer: then the next reading starts at the same place.
    fn end_round(&mut self) {
        let round = std::mem::take(&mut self.pending.round);
        // One good page is not enough: what lies behind a page that cannot be read is never seen.
        self.not_in_vain("source.unread", "org-machines");
        if round.missing_regions.is_empty() {
            self.resolve("source.partial", "org-machines");
        } else {
            let text = format!(
                "the list of machines lacks regions that did not answer: {}",
                round.missing_regions.join(", ")
            );
            self.open("source.partial", "org-machines", text);
            if self.rule(Rule::ErrorRegions) {
                return;
            }
        }
        self.cursor.updated_after = later(self.cursor.updated_after, round.newest);
    }
}
