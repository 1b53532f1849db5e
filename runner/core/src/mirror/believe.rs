//! When an end is believed.
//!
//! ```text
//!   missing from the list ──► GET ──► evidence ──┬── control read of the same tick ──► vanish guard ──► gone
//!                                                └── 403, 401, anything else: not gone
//! ```

use std::collections::BTreeSet;

use super::apps::YOUNG;
use super::cursor::End;
use super::draft::{Draft, Write};
use super::machines::ASK_AGAIN;
use super::row::OwnLook;
use super::rules::Rule;
use super::seen::{AppSeen, Ask, Look, Outcome, Reach, Tick};
use super::vain::UNCONTROLLED_AFTER;
use crate::duration::Millis;
use crate::may_make::Unseen;
use crate::subject::{SubjectKind, Uid};
use crate::time::Timestamp;

/// An app that the last whole list did not show.
#[derive(Clone, Debug)]
pub(super) struct Missing {
    since: Tick,
    evidence: Option<(Look, Evidence)>,
}

/// What a look at an app showed.
#[derive(Clone, Debug)]
pub(super) enum Evidence {
    /// Nobody has the name.
    NotFound,
    /// Another incarnation has it.
    AnotherId(Box<AppSeen>),
}

/// A machine that its own app's list did not show.
#[derive(Clone, Debug)]
pub(super) struct Absent {
    asked_at: Timestamp,
    not_found: Answered,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Answered {
    NotYet,
    NotFound,
}

/// A control read: with which token, and whether it reached what it should.
#[derive(Clone, Debug)]
pub(super) struct Control {
    token: String,
    good: bool,
}

/// Ticks whose control reads are remembered.
const TICKS_KEPT: usize = 4;

impl Draft<'_> {
    /// Takes in which apps a whole list lacks.
    pub(super) fn apps_missing(&mut self, missing: Vec<(Uid, String)>) {
        let since = self.look.tick;
        for (uid, _) in &missing {
            self.missed(uid, Unseen::Unlisted { since: self.now() });
            self.pending.missing.entry(uid.clone()).or_insert(Missing { since, evidence: None });
        }
        self.hold_apps();
        for (uid, name) in missing {
            if self.cursor.vanished.contains(&uid) {
                continue;
            }
            if self.rule(Rule::ConfirmAppEnd) {
                self.ask(Ask::App { app: name });
            } else {
                self.app_ends(&uid, Evidence::NotFound);
            }
        }
        self.believe_apps();
    }

    /// Takes in what a look at an app showed. It counts only for apps that the list lacks as well.
    pub(super) fn evidence(&mut self, app: Option<Uid>, evidence: Evidence) {
        let Some(uid) = app else { return };
        if matches!(evidence, Evidence::NotFound) && self.may_be_too_new(&uid) {
            return;
        }
        self.resolve("source.forbidden", uid.as_str());
        self.missed(&uid, Unseen::NotFound { since: self.now() });
        if !self.pending.missing.contains_key(&uid) && self.rule(Rule::ListedIsThere) {
            return self.ask(Ask::Apps);
        }
        let since = self.look.tick;
        let missing = self.pending.missing.entry(uid).or_insert(Missing { since, evidence: None });
        if missing.since <= self.look.tick {
            missing.evidence = Some((self.look.clone(), evidence));
        }
        if !self.pending.controls.contains_key(&self.look.tick) {
            self.ask(Ask::Control);
        }
        self.believe_apps();
    }

    /// Whether a look that did not find an app says nothing, since the app is so new that a look may not know it yet.
    ///
    /// Its own list tells: one that was found before, and is not any more, is no longer too new to be found.
    fn may_be_too_new(&mut self, uid: &Uid) -> bool {
        let Some(row) = self.row(uid).filter(|row| row.memory.own_look != Some(OwnLook::NoMore)) else {
            return false;
        };
        let app = row.path.app_name().to_owned();
        let young = self.is_young(uid);
        if young {
            self.ask(Ask::Machines { app });
        }
        young
    }

    /// Takes in a control read. A token that reaches less than before proves no end, until that is agreed to.
    pub(super) fn control_read(&mut self, outcome: &Outcome<Reach>) {
        let good = if let Outcome::Found(reach) = outcome {
            self.not_in_vain("source.control", "token");
            self.reach_is_kept(reach)
        } else {
            let what = "what the token reaches cannot be read, so no app is believed gone";
            self.in_vain("source.control", "token", UNCONTROLLED_AFTER, what);
            false
        };
        self.pending.controls.insert(self.look.tick, Control { token: self.look.token.clone(), good });
        while self.pending.controls.len() > TICKS_KEPT {
            self.pending.controls.pop_first();
        }
        self.believe_apps();
    }

    fn reach_is_kept(&mut self, reach: &Reach) -> bool {
        let kept = self.cursor.reach.as_ref().is_none_or(|agreed| reach.covers(agreed));
        if kept {
            self.resolve("source.reach", "token");
            self.cursor.reach = Some(reach.clone());
        } else {
            let text = "the token reaches fewer organisations or apps than before; no app is believed gone";
            self.open("source.reach", "token", text.to_owned());
        }
        kept
    }

    /// Agrees to what the token reaches now.
    pub(super) fn accept_reach(&mut self, reach: &Reach) {
        self.resolve("source.reach", "token");
        self.cursor.reach = Some(reach.clone());
    }

    /// Believes the ends of apps that are proven.
    pub(super) fn believe_apps(&mut self) {
        self.hold_apps();
        let proven: Vec<_> = self
            .pending
            .missing
            .iter()
            .filter_map(|(uid, missing)| {
                missing.evidence.as_ref().map(|evidence| (uid.clone(), evidence.clone()))
            })
            .collect();
        for (uid, (look, evidence)) in proven {
            if self.cursor.vanished.contains(&uid) || !self.is_controlled(&look) {
                continue;
            }
            if matches!(evidence, Evidence::NotFound) && self.has_members_since(&uid, self.as_of(&look)) {
                self.look_again(&uid);
            } else {
                self.app_ends(&uid, evidence);
            }
        }
    }

    fn is_controlled(&self, look: &Look) -> bool {
        let control = self.pending.controls.get(&look.tick);
        !self.rule(Rule::ControlRead) || control.is_some_and(|read| read.good && read.token == look.token)
    }

    /// Whether machines were first seen after something was so: whatever was shown then is older than they are.
    fn has_members_since(&self, app: &Uid, as_of: Timestamp) -> bool {
        let members = self.members(app);
        members.iter().filter_map(|uid| self.row(uid)).any(|row| row.memory.first_seen >= as_of)
    }

    /// A later look says otherwise: what an earlier one showed proves nothing any more.
    pub(super) fn disprove(&mut self, uid: &Uid) {
        if let Some(missing) = self.pending.missing.get_mut(uid) {
            missing.evidence = None;
        }
    }

    /// Drops what a look at an app showed: somebody may have the name again.
    fn look_again(&mut self, uid: &Uid) {
        self.disprove(uid);
        if let Some(app) = self.row(uid).map(|row| row.path.app_name().to_owned()) {
            self.ask(Ask::App { app });
        }
    }

    /// Lets an app be gone, its machines first.
    ///
    /// Machines that were first seen after the last proof of this incarnation may belong to the next one.
    fn app_ends(&mut self, uid: &Uid, evidence: Evidence) {
        let Some(row) = self.row(uid).filter(|row| row.gone_at.is_none()).cloned() else { return };
        let approved = self.cursor.approved.contains_key(uid);
        let mut heirs = Vec::new();
        for member in self.members(uid) {
            let mut machine = self.row(&member).cloned().expect("invariant: members have rows");
            let late = machine.memory.first_seen >= row.seen_at;
            if late && matches!(evidence, Evidence::AnotherId(_)) {
                heirs.push(machine);
            } else {
                self.wind_down(&mut machine);
                self.end(machine, "machine.destroyed", self.look.at);
            }
        }
        self.end(row, "app.deleted", self.look.at);
        if !approved {
            self.cursor.ends.push(End { kind: SubjectKind::App, at: self.look.at });
        }
        let Evidence::AnotherId(next) = evidence else { return };
        let Ok(next_uid) = format!("app:{}", next.id).parse::<Uid>() else { return };
        self.app_born(&next_uid, &next);
        for mut machine in heirs {
            machine.parent = Some(next_uid.clone());
            self.put(machine, Write::Store);
        }
    }

    /// Takes in which machines their own app's list lacks.
    pub(super) fn machines_missing(&mut self, app: &str, missing: Vec<Uid>) {
        let now = self.now();
        for uid in missing {
            if !self.rule(Rule::ConfirmMachineEnd) {
                self.machine_ends(&uid);
                continue;
            }
            let asked = self.pending.absent.get(&uid).cloned();
            if asked.as_ref().is_some_and(|asked| now.since(asked.asked_at) < ASK_AGAIN) {
                continue;
            }
            self.ask(Ask::Machine { app: app.to_owned(), machine: uid.platform_id().to_owned() });
            // Its app's list may not know it yet.
            if !self.is_young(&uid) {
                self.missed(&uid, Unseen::Unlisted { since: now });
            }
            let not_found = asked.map_or(Answered::NotYet, |asked| asked.not_found);
            self.pending.absent.insert(uid, Absent { asked_at: now, not_found });
        }
    }

    /// Takes in that a look at a machine found none. It counts only for machines that the list lacks as well.
    pub(super) fn machine_not_found(&mut self, app: &str, uid: Option<&Uid>) {
        match uid.and_then(|uid| self.pending.absent.get_mut(uid)) {
            Some(absent) => absent.not_found = Answered::NotFound,
            None => return self.ask(Ask::Machines { app: app.to_owned() }),
        }
        if self.rule(Rule::PrunedIsGone) {
            self.believe_machines();
        }
    }

    /// Believes the ends of machines that only absence speaks of, once it is plain that they are few.
    pub(super) fn believe_machines(&mut self) {
        let mut proven = self.absent(Answered::NotFound);
        proven.retain(|uid| !self.is_young(uid));
        let unanswered = self.absent(Answered::NotYet).len();
        self.hold(SubjectKind::Machine, &proven);
        let believed = self.believed(SubjectKind::Machine);
        let worst = (proven.len() + unanswered + believed) as u64;
        let few = unanswered == 0 || worst <= self.allowance(SubjectKind::Machine, believed);
        if few || !self.rule(Rule::VanishGuard) {
            for uid in proven.difference(&self.cursor.vanished.clone()) {
                self.machine_ends(uid);
            }
        }
    }

    /// Whether somebody is so new that a list and a look may not know it yet.
    fn is_young(&self, uid: &Uid) -> bool {
        let age = self.row(uid).map(|row| self.now().since(row.memory.first_seen));
        // Below zero the clock was set back, and nothing is known of its age.
        self.rule(Rule::YoungIsNoEnd) && age.is_some_and(|age| (Millis::ZERO..YOUNG).contains(&age))
    }

    fn absent(&self, answered: Answered) -> BTreeSet<Uid> {
        let absent = self.pending.absent.iter();
        absent.filter(|(_, absent)| absent.not_found == answered).map(|(uid, _)| uid.clone()).collect()
    }

    fn machine_ends(&mut self, uid: &Uid) {
        let Some(mut row) = self.row(uid).filter(|row| row.gone_at.is_none()).cloned() else { return };
        let approved = self.cursor.approved.contains_key(uid);
        self.wind_down(&mut row);
        self.end(row, "machine.destroyed", self.look.at);
        if !approved {
            self.cursor.ends.push(End { kind: SubjectKind::Machine, at: self.look.at });
        }
    }
}
