//! Findings: what an audit reports, and what becomes of it from one audit to the next.
//!
//! ```text
//!             seen                     acknowledged, for a while or for good
//!  (unknown) ------> open ----------------------------------------> acknowledged
//!                     ^ \___ not seen by a complete run ___            /   |
//!                     |                                     v         /    | its time is over
//!                     +---- seen again ----------------- resolved <--+     v
//!                                                                         open
//! ```
//!
//! A finding is the same from day to day by hook, code and what it is about. Only a *complete* run resolves
//! what it no longer reports: a page that failed says nothing of what is not on it. One that comes and goes
//! more often than [`Flapping`] allows is muted: it is kept and listed, and nobody is told of it.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::duration::Millis;
use crate::row::words;
use crate::spec::{Failure, Owner};
use crate::time::Timestamp;

words! {
    /// How bad a finding is.
    Severity {
        /// Good to know.
        Info = "info",
        /// Should be looked at.
        Warning = "warning",
        /// Must be looked at.
        Critical = "critical",
    }
}

words! {
    /// How far a finding is.
    Standing {
        /// It is so, and nobody said that it may be.
        Open = "open",
        /// It is so, and somebody said why that may be.
        Acknowledged = "acknowledged",
        /// It is no longer so.
        Resolved = "resolved",
    }
}

/// Something that an audit noticed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reported {
    /// One of the codes that the manifest `reports`.
    pub code: String,
    /// The subject it concerns, if one.
    pub subject: Option<Owner>,
    /// `kind/id` of an outside thing, or the subject's path.
    pub about: String,
    /// How bad it is.
    pub severity: Severity,
    /// For people.
    pub message: String,
    /// US cents a month; none is *unknown*, not free.
    pub cost_cents: Option<u32>,
    /// What would mend it, in words.
    pub remedy: Option<String>,
    /// Evidence.
    pub data: Value,
}

/// A part of an audit's findings.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Page {
    /// Each (code, about) once.
    pub findings: Vec<Reported>,
    /// The cursor of the next page, if there is one.
    pub next: Option<String>,
}

/// The pages of one run so far: refuses what does not fit the manifest, and what is reported twice.
#[derive(Clone, Debug)]
pub struct Gathering {
    codes: Vec<String>,
    known: BTreeSet<(String, String)>,
    cursors: BTreeSet<String>,
    /// What was reported.
    pub findings: Vec<Reported>,
}

impl Gathering {
    /// Begins a run of a hook that reports these codes.
    pub fn of(codes: &[String]) -> Self {
        let (known, cursors) = (BTreeSet::new(), BTreeSet::new());
        Self { codes: codes.to_vec(), known, cursors, findings: Vec::new() }
    }

    /// Takes a page; returns the cursor of the next one, if there is one.
    ///
    /// # Errors
    /// A code that the manifest does not list, a finding that was reported before in this run, or a cursor that
    /// was there before, with which the run would never end. Nothing of such a page is taken.
    pub fn take(&mut self, page: Page) -> Result<Option<String>, Failure> {
        let refused = |text: String| Failure::final_(format!("the hook's answer does not fit: {text}"));
        let mut on_page = BTreeSet::new();
        for finding in &page.findings {
            if !self.codes.contains(&finding.code) {
                let codes = self.codes.join(", ");
                return Err(refused(format!("its manifest does not report `{}`, but {codes}", finding.code)));
            }
            let identity = (finding.code.clone(), finding.about.clone());
            if self.known.contains(&identity) || !on_page.insert(identity) {
                return Err(refused(format!("{} about {} is there twice", finding.code, finding.about)));
            }
        }
        if let Some(next) = page.next.as_ref().filter(|next| !self.cursors.insert((*next).clone())) {
            return Err(refused(format!("the cursor `{next}` comes again, so the pages would never end")));
        }
        self.known.append(&mut on_page);
        self.findings.extend(page.findings);
        Ok(page.next)
    }
}

/// Somebody said why a finding may be.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Acknowledgement {
    /// Who.
    pub who: String,
    /// Why it may be.
    pub reason: String,
    /// When it was said.
    pub at: Timestamp,
    /// Until when it holds; none: as long as it is so.
    pub until: Option<Timestamp>,
}

impl Acknowledgement {
    /// Whether its time is not over yet.
    pub fn holds(&self, now: Timestamp) -> bool {
        self.until.is_none_or(|until| now < until)
    }
}

/// What is known of one finding, beside what was reported.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Life {
    /// When it was first seen, of its present or last opening.
    pub first_at: Timestamp,
    /// When it was last seen.
    pub last_at: Timestamp,
    /// When it was resolved; none: it is so.
    pub resolved_at: Option<Timestamp>,
    /// Why it may be.
    pub acknowledged: Option<Acknowledgement>,
    /// When it opened, lately, oldest first.
    pub openings: Vec<Timestamp>,
}

/// How often a finding may come and go before it is muted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Flapping {
    /// Openings that are told.
    pub most: usize,
    /// Within this time.
    pub within: Millis,
}

impl Flapping {
    /// Three openings a week.
    pub const DEFAULT: Self = Self { most: 3, within: Millis::hours(24 * 7) };
}

/// Whether people are told of a change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Notice {
    /// They are.
    Tell,
    /// It comes and goes too often.
    Muted,
    /// Nothing changed.
    None,
}

/// Whether a run saw everything that there is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Coverage {
    /// It did: what it does not report is no longer so.
    Complete,
    /// It ended early.
    Incomplete,
}

impl Life {
    /// A finding that is seen, perhaps not for the first time.
    pub fn seen(before: Option<Self>, now: Timestamp, flapping: Flapping) -> (Self, Notice) {
        let begin = |mut openings: Vec<Timestamp>| {
            openings.retain(|at| now.since(*at) < flapping.within);
            openings.push(now);
            // One more than is told tells that it is muted; older ones would only fill the row.
            openings.drain(..openings.len().saturating_sub(flapping.most + 1));
            Self { first_at: now, last_at: now, resolved_at: None, acknowledged: None, openings }
        };
        match before {
            None => {
                let life = begin(Vec::new());
                let notice = life.notice(now, flapping);
                (life, notice)
            }
            Some(before) if before.resolved_at.is_some() => {
                let life = begin(before.openings);
                let notice = life.notice(now, flapping);
                (life, notice)
            }
            Some(before) => {
                let (life, notice) = before.lapsed(now, flapping);
                (Self { last_at: now, ..life }, notice)
            }
        }
    }

    /// The same without an acknowledgement whose time is over: people are told of it again.
    pub fn lapsed(self, now: Timestamp, flapping: Flapping) -> (Self, Notice) {
        if self.acknowledged.as_ref().is_none_or(|said| said.holds(now)) {
            return (self, Notice::None);
        }
        let notice = self.notice(now, flapping);
        (Self { acknowledged: None, ..self }, notice)
    }

    /// A finding that a run did not report.
    pub fn unseen(before: Self, coverage: Coverage, now: Timestamp, flapping: Flapping) -> (Self, Notice) {
        if coverage == Coverage::Incomplete || before.resolved_at.is_some() {
            return (before, Notice::None);
        }
        let notice = before.notice(now, flapping);
        (Self { resolved_at: Some(now), acknowledged: None, ..before }, notice)
    }

    /// How far it is.
    pub fn standing(&self, now: Timestamp) -> Standing {
        match (&self.resolved_at, &self.acknowledged) {
            (Some(_), _) => Standing::Resolved,
            (None, Some(said)) if said.holds(now) => Standing::Acknowledged,
            (None, _) => Standing::Open,
        }
    }

    fn notice(&self, now: Timestamp, flapping: Flapping) -> Notice {
        if is_muted(&self.openings, now, flapping) { Notice::Muted } else { Notice::Tell }
    }
}

/// Whether a finding that opened then came and went so often lately that nobody is told of it.
pub fn is_muted(openings: &[Timestamp], now: Timestamp, flapping: Flapping) -> bool {
    openings.iter().filter(|at| now.since(**at) < flapping.within).count() > flapping.most
}

#[cfg(test)]
mod tests;
