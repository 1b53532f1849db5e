//! An audit of a provisioner's inventory: its listing minus the ledger, by mark and by id.
//!
//! Reported are things with our mark and without a living row, second things for a row's place, and rows whose thing
//! a *complete* listing does not show. Others' things are counted. Nothing is changed: whoever acts on such a finding
//! looks again, at one thing.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::sync::Arc;

use groundcrew_core::finding::{Coverage, Reported, Severity};
use groundcrew_core::inventory::{AtPlace, Verdict, judge, should_show};
use groundcrew_core::manifest::Lives;
use groundcrew_core::spec::{Listed, Owner};
use groundcrew_store::SubjectId;
use groundcrew_store::inventory::KnownThing;
use groundcrew_store::ledger::StoredRow;
use groundcrew_store::subjects::StoredSubject;
use serde_json::json;

use super::installed::Installed;
use super::scan::{Page, Turned};
use super::{Error, Runner};

/// Rows of the ledger that are read at once.
pub(super) const ROWS: u32 = 1_000;

/// What a listing was compared to.
pub(super) struct Stock {
    /// What is wrong.
    pub(super) findings: Vec<Reported>,
    /// Whether everything was listed.
    pub(super) coverage: Coverage,
    /// What was counted, for people.
    pub(super) summary: String,
    /// Why not everything was listed.
    pub(super) wrong: Vec<String>,
    /// Whether there is nothing to list by, of some owner or at all; `summary` says why.
    pub(super) none: bool,
    /// Things with our mark that are too young to be judged.
    pub(super) young: u32,
}

/// A listing so far. Beside the findings it holds a number for each row that was seen.
struct Taking<'a> {
    installed: &'a Installed,
    installation: &'a str,
    most: usize,
    findings: Vec<Reported>,
    known: BTreeSet<(String, String)>,
    more: usize,
    counts: BTreeMap<&'static str, u32>,
    seen: HashSet<i64>,
    listed: HashSet<Option<SubjectId>>,
    wrong: Vec<String>,
    none: Option<String>,
}

impl Runner {
    /// Lists everything at a provisioner's target, and compares it with the ledger.
    pub(super) async fn take_stock(&self, installed: &Arc<Installed>) -> Result<Stock, Error> {
        let mut scan = self.scan(installed)?;
        let mut taking = Taking::of(installed, &self.installation, self.limits.scan_findings);
        while let Some(turned) = scan.turn().await? {
            match turned {
                Turned::Page(page) => {
                    let said = taking.page(&page, self.now());
                    self.note_listed(installed, &said).await?;
                }
                Turned::Failed(why) => taking.wrong.push(why),
                Turned::None(why) => taking.none = Some(why),
            }
        }
        if taking.wrong.is_empty() {
            let missing = self.missing(installed, &taking.seen, &taking.listed, scan.began)?;
            for row in missing {
                taking.missing(&row, self.store.subject(row.owner)?.as_ref());
            }
        }
        Ok(taking.end())
    }

    /// Rows whose things a complete listing that began then should have shown, and did not.
    pub(super) fn missing(
        &self,
        installed: &Installed,
        seen: &HashSet<i64>,
        listed: &HashSet<Option<SubjectId>>,
        began: groundcrew_core::time::Timestamp,
    ) -> Result<Vec<StoredRow>, Error> {
        let mut missing = Vec::new();
        let mut after = 0;
        loop {
            let rows = self.store.hook_rows_after(installed.id, after, ROWS)?;
            let Some(last) = rows.last() else { return Ok(missing) };
            after = last.id;
            missing.extend(rows.into_iter().filter(|row| {
                let lives = installed.hook.manifest.kind.get(&row.kind).map(|kind| kind.lives);
                let whose = (lives == Some(Lives::InOwner)).then_some(row.owner);
                let covered = lives.is_some() && listed.contains(&whose);
                covered
                    && !seen.contains(&row.id)
                    && should_show(&row.row, Page::settle(installed, &row.kind), began)
            }));
        }
    }
}

impl<'a> Taking<'a> {
    fn of(installed: &'a Installed, installation: &'a str, most: usize) -> Self {
        Self {
            installed,
            installation,
            most,
            findings: Vec::new(),
            known: BTreeSet::new(),
            more: 0,
            counts: BTreeMap::new(),
            seen: HashSet::new(),
            listed: HashSet::new(),
            wrong: Vec::new(),
            none: None,
        }
    }

    /// Takes a page in; what it says of each thing.
    fn page<'p>(
        &mut self,
        page: &'p Page,
        now: groundcrew_core::time::Timestamp,
    ) -> Vec<(&'p Listed, Verdict)> {
        let mut said = Vec::with_capacity(page.things.len());
        for known in &page.things {
            let settle = Page::settle(self.installed, &known.listed.kind);
            let verdict = judge(&known.listed.thing, &known.record, self.installation, settle, now);
            self.seen.extend(known.row.as_ref().map(|row| row.id));
            let counted = match &verdict {
                Verdict::Ours => "ours",
                Verdict::Settling => "settling",
                Verdict::Twin(_) | Verdict::Orphan => "without a row",
                Verdict::Foreign => "somebody else's",
                Verdict::Unmarked => "unmarked",
            };
            *self.counts.entry(counted).or_default() += 1;
            match &verdict {
                Verdict::Orphan => self.report(orphan(known, page.owner.as_ref())),
                Verdict::Twin(of) => self.report(twin(known, page.owner.as_ref(), of)),
                Verdict::Ours | Verdict::Settling | Verdict::Foreign | Verdict::Unmarked => {}
            }
            said.push((&known.listed, verdict));
        }
        if page.is_last {
            self.listed.insert(page.owner.as_ref().map(|owner| owner.id));
        }
        said
    }

    fn missing(&mut self, row: &StoredRow, owner: Option<&StoredSubject>) {
        *self.counts.entry("missing").or_default() += 1;
        let id = row.row.thing.as_deref().unwrap_or_default();
        self.report(Reported {
            code: "inventory.missing".to_owned(),
            subject: owner.map(owner_of),
            about: row.about(),
            severity: Severity::Warning,
            message: format!("the ledger says that `{id}` exists, and a complete listing does not show it"),
            cost_cents: None,
            remedy: Some(format!("groundcrew why {}", row.row.id)),
            data: json!({ "row": row.row.id, "id": id }),
        });
    }

    /// Pages of an API that changes meanwhile may show a thing twice; it is reported once.
    fn report(&mut self, finding: Reported) {
        if !self.known.insert((finding.code.clone(), finding.about.clone())) {
            return;
        }
        if self.findings.len() < self.most {
            self.findings.push(finding);
        } else {
            self.more += 1;
        }
    }

    fn end(mut self) -> Stock {
        if self.more > 0 {
            self.wrong.push(format!("{} more findings than the {} that are kept", self.more, self.most));
        }
        let counts: Vec<_> = self.counts.iter().map(|(what, count)| format!("{count} {what}")).collect();
        let none = self.none.as_ref().map(|why| format!("no inventory in this configuration: {why}"));
        let summary = match (none, counts.is_empty()) {
            (Some(none), true) => none,
            (Some(none), false) => format!("{}; {none}", counts.join(", ")),
            (None, true) => "nothing listed".to_owned(),
            (None, false) => counts.join(", "),
        };
        // Who cannot look resolves nothing.
        let is_complete = self.wrong.is_empty() && self.none.is_none();
        let coverage = if is_complete { Coverage::Complete } else { Coverage::Incomplete };
        let young = self.counts.get("settling").copied().unwrap_or_default();
        Stock {
            findings: self.findings,
            coverage,
            summary,
            wrong: self.wrong,
            none: self.none.is_some(),
            young,
        }
    }
}

/// `kind/id`, with the owner's path for things whose ids may mean something only there.
fn about(known: &KnownThing, owner: Option<&StoredSubject>) -> String {
    let name = format!("{}/{}", known.listed.kind, known.listed.thing.id);
    owner.map_or(name.clone(), |owner| format!("{name} of {}", owner.subject.path))
}

fn owner_of(owner: &StoredSubject) -> Owner {
    Owner { path: owner.subject.path.clone(), uid: owner.subject.uid.clone() }
}

fn found(
    known: &KnownThing,
    owner: Option<&StoredSubject>,
    code: &str,
    severity: Severity,
    message: String,
) -> Reported {
    const REMEDY: &str = "look at it, then remove it by hand: nothing does that by itself";
    let thing = &known.listed.thing;
    Reported {
        code: code.to_owned(),
        subject: owner.map(owner_of),
        about: about(known, owner),
        severity,
        message,
        cost_cents: None,
        remedy: Some(REMEDY.to_owned()),
        data: json!({
            "kind": known.listed.kind,
            "id": thing.id,
            "key": known.listed.key,
            "mark": thing.mark,
            "made": thing.made.map(|made| made.to_string()),
        }),
    }
}

fn orphan(known: &KnownThing, owner: Option<&StoredSubject>) -> Reported {
    let orphan = |message| found(known, owner, "inventory.orphan", Severity::Warning, message);
    match known.record.ended_at {
        Some(at) => orphan(format!("it carries our mark, and its row ended at {at}")),
        // It may be in use: another runner's that has our installation id.
        None => Reported {
            remedy: Some(
                "groundcrew doctor: is it another runner's? If there is none, remove it by hand".to_owned(),
            ),
            ..orphan("it carries our mark, and the ledger knows no such row".to_owned())
        },
    }
}

fn twin(known: &KnownThing, owner: Option<&StoredSubject>, of: &AtPlace) -> Reported {
    let first = of.thing.as_deref().unwrap_or_default();
    let message = format!("a second thing for one key of ours: row {} has `{first}`", of.row);
    found(known, owner, "inventory.twin", Severity::Critical, message)
}
