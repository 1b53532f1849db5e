//! The upgrade gate: a new version of a hook must find what the old one made before it may write anything.
//!
//! A version that looks for its things under other keys finds none of them. It would take them for missing, and make
//! them all a second time. So whenever component or configuration changed, a sample of the rows is looked for by
//! exactly their keys; meanwhile, and until all of it was found or a person says so, the hook's rows rest: they are
//! neither changed nor concluded about. The sample is of owners that live and are in scope: it is empty, and lets pass,
//! only where none of them has anything. Where nothing exists yet but creations in doubt, another component has to find
//! those: it would conclude from not finding them that they are missing.
//!
//! Before any of that the change is foreseen for the whole fleet ([`super::forecast`]).
//!
//! ```text
//!  changed --> unforeseen --counted--> closed --found, or a person--> open --followed by all--> nothing is kept
//!              no lane is looked at    rows rest                      it may write
//! ```

use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError};

use groundcrew_core::duration::Millis;
use groundcrew_core::row::State;
use groundcrew_core::spec::Thing;
use groundcrew_core::subject::Path;
use groundcrew_core::time::Timestamp;
use groundcrew_store::findings::{NewFinding, Severity};
use groundcrew_store::ledger::StoredRow;
use groundcrew_store::sight::LOST;
use groundcrew_store::{Error, HookId, Result};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::super::Runner;
use super::super::installed::Installed;
use super::row::Work;

/// Rows that a changed hook must find before it writes.
pub const SAMPLE: usize = 20;
/// Between two looks at whether a gate may open.
const PAUSE: Millis = Millis::new(500);
/// Between two looks at whether a change was followed by all.
const FOLLOWED: Millis = Millis::seconds(2);
/// Between two samples of a hook that did not find its things.
const AGAIN: Millis = Millis::minutes(1);
/// Rounds after which looks that fail no longer hold back a hook that finds everything else.
const ROUNDS: u32 = 4;
/// Rows named in a finding.
const NAMED: usize = 5;

/// What a sample showed.
#[derive(Debug, Default)]
struct Sighting {
    /// What was looked for.
    of: Evidence,
    found: u32,
    lost: Vec<String>,
    failed: Vec<String>,
    /// When the last of those in doubt that were not found must have become visible.
    shows_by: Option<Timestamp>,
}

/// By what it shows whether a hook finds its things.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Evidence {
    /// Things that exist.
    #[default]
    Things,
    /// Creations in doubt: nothing else is there.
    Doubts,
}

/// How far the change of a hook is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in super::super) enum Gate {
    /// What it changes of the fleet is not known yet: none of its lanes is looked at.
    Unforeseen,
    /// It was not yet seen to find its things: its rows rest.
    Closed,
    /// It may write; what was foreseen is told until nothing of it is left to be done.
    Open,
}

/// Samples that were taken.
#[derive(Debug, Default)]
struct Round {
    number: u32,
    next: Option<Timestamp>,
}

/// How far the samples of changed hooks are.
#[derive(Debug, Default)]
pub struct Rounds(BTreeMap<HookId, Round>);

impl Runner {
    /// Closes the gate of every provisioner whose component or configuration is not the one that was last seen to
    /// find its things. To be called before anything is worked on.
    pub async fn close_gates(&self) -> Result<()> {
        let registry = self.registry();
        for installed in registry.provisioners().filter(|installed| installed.held().is_none()) {
            let (id, name, settings) = (installed.id, installed.hook.name.as_str(), installed.settings());
            let sight = self.store.sight(id)?;
            if sight.as_ref().is_some_and(|sight| sight.settings == settings && sight.held.is_none()) {
                self.store.forget_foreseen(id).await?;
                if self.tells_of_change(name)? {
                    self.gates().insert(id, Gate::Open);
                }
                continue;
            }
            // A ledger from before sights were kept says with what its owners were asked.
            let known = match &sight {
                Some(sight) => Some(sight.settings.clone()),
                None => self.store.asked_with(id)?,
            };
            let nothing = self.evidence(installed, 1, |_| true)?.1.is_empty();
            match known.filter(|known| *known != settings && !nothing) {
                None => self.store.trust_sight(id, name, settings.to_owned(), None, self.now()).await?,
                Some(known) => {
                    if sight.is_none() {
                        self.store.trust_sight(id, name, known, None, self.now()).await?;
                    }
                    let foreseen = self.store.foreseen(id)?.as_deref() == Some(settings);
                    self.gates().insert(id, if foreseen { Gate::Closed } else { Gate::Unforeseen });
                }
            }
        }
        Ok(())
    }

    /// Takes every changed hook through its gate, each by itself, until told to stop or all are through.
    pub async fn watch_gates(self: Arc<Self>, stop: CancellationToken) {
        let changed: Vec<_> = self.gates().keys().copied().collect();
        let mut watched = JoinSet::new();
        for installed in changed.into_iter().filter_map(|hook| self.registry().hook(hook).cloned()) {
            let (runner, stop) = (self.clone(), stop.clone());
            watched.spawn(async move { stop.run_until_cancelled(runner.watch_gate(&installed)).await });
        }
        while let Some(ended) = watched.join_next().await {
            ended.unwrap_or_else(|error| std::panic::resume_unwind(error.into_panic()));
        }
    }

    async fn watch_gate(&self, installed: &Installed) {
        let mut round = Round::default();
        installed.component.compiled().await;
        while let Some(gate) = self.gate(installed.id) {
            let pause = self.step_gate(installed, gate, &mut round).await;
            tokio::time::sleep(pause.to_std()).await;
        }
    }

    /// Takes every changed hook one step through its gate; how soon the next step is due, if one is left to take.
    ///
    /// For whoever has a clock of its own; [`Runner::watch_gates`] does the same until all are through.
    pub async fn step_gates(&self, rounds: &mut Rounds) -> Option<Millis> {
        let changed: Vec<_> = self.gates().keys().copied().collect();
        let mut next = None;
        for installed in changed.into_iter().filter_map(|hook| self.registry().hook(hook).cloned()) {
            let Some(gate) = self.gate(installed.id) else { continue };
            let pause = self.step_gate(&installed, gate, rounds.0.entry(installed.id).or_default()).await;
            if self.gate(installed.id).is_some() {
                next = Some(next.map_or(pause, |next: Millis| next.min(pause)));
            }
        }
        next
    }

    /// One step, and how long until the next one.
    async fn step_gate(&self, installed: &Installed, gate: Gate, round: &mut Round) -> Millis {
        let (done, pause) = match gate {
            Gate::Unforeseen => (self.foresee(installed).await, Millis::ZERO),
            Gate::Closed => (self.try_gate(installed, round).await, PAUSE),
            Gate::Open => (self.follow(installed).await, FOLLOWED),
        };
        match done {
            Ok(()) => pause,
            Err(error) => {
                tracing::warn!(%error, hook = %installed.hook.name, "its gate could not be looked at");
                PAUSE
            }
        }
    }

    /// Whether a hook's rows rest.
    pub fn rests(&self, hook: HookId) -> bool {
        self.rehearsal.is_none() && matches!(self.gate(hook), Some(Gate::Unforeseen | Gate::Closed))
    }

    /// Whether a hook's lanes are to be looked at: not before it is known what its change means for all.
    pub fn is_foreseen(&self, hook: HookId) -> bool {
        self.gate(hook) != Some(Gate::Unforeseen)
    }

    /// How far a hook's change is; none: nothing of it is left to be done.
    pub(super) fn gate(&self, hook: HookId) -> Option<Gate> {
        self.gates().get(&hook).copied()
    }

    pub(super) fn gates(&self) -> std::sync::MutexGuard<'_, BTreeMap<HookId, Gate>> {
        self.gates.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn try_gate(&self, installed: &Installed, round: &mut Round) -> Result<()> {
        let settings = installed.settings();
        if self.store.sight(installed.id)?.is_some_and(|sight| sight.settings == settings) {
            // A person said so.
            return self.open_gate(installed).await;
        }
        if round.next.is_some_and(|next| self.now() < next) {
            return Ok(());
        }
        round.number += 1;
        let sighting = self.sample(installed).await?;
        let (lost, failed) = (sighting.lost.len(), sighting.failed.len());
        if lost == 0 && (failed == 0 || (sighting.found > 0 && round.number >= ROUNDS)) {
            let name = installed.hook.name.as_str();
            self.store.trust_sight(installed.id, name, settings.to_owned(), None, self.now()).await?;
            return self.open_gate(installed).await;
        }
        let patient = lost == 0 && round.number < ROUNDS;
        // What was made a moment ago may not show yet.
        let early = sighting.shows_by.filter(|at| *at > self.now());
        let soon = self.now() + Millis::seconds(2);
        round.next = Some(if patient || early.is_some() { soon } else { self.now() + AGAIN });
        if patient || early.is_some() {
            return Ok(());
        }
        let finding = finding(installed, &sighting);
        tracing::warn!(hook = %installed.hook.name, why = finding.message, "nothing is written");
        self.store.lose_sight(installed.id, settings.to_owned(), sighting.lost, finding, self.now()).await
    }

    async fn open_gate(&self, installed: &Installed) -> Result<()> {
        self.gates().insert(installed.id, Gate::Open);
        let owner = installed.hook.manifest.owner;
        if let Err(error) = self.store.dirty_everybody(installed.id, owner, self.now()).await {
            // Who rests would rest on: it is opened again.
            self.gates().insert(installed.id, Gate::Closed);
            return Err(error);
        }
        tracing::info!(hook = %installed.hook.name, "its things were found: it may write");
        Ok(())
    }

    /// Some of the rows by which it shows whether a hook finds its things: of owners that live and are covered, since
    /// of others nothing new is made.
    fn evidence(
        &self,
        installed: &Installed,
        count: usize,
        covers: impl Fn(&Path) -> bool,
    ) -> Result<(Evidence, Vec<StoredRow>)> {
        let things = self.store.sample_rows(installed.id, count, &covers)?;
        // Another configuration of the same code sends and looks alike.
        if things.is_empty() && self.is_another_component(installed)? {
            return Ok((Evidence::Doubts, self.store.doubted_rows(installed.id, count, &covers)?));
        }
        Ok((Evidence::Things, things))
    }

    async fn sample(&self, installed: &Installed) -> Result<Sighting> {
        let in_scope = |path: &Path| installed.hook.covers(path.app_name());
        let (of, rows) = self.evidence(installed, SAMPLE, in_scope)?;
        let mut sighting = Sighting { of, ..Sighting::default() };
        for row in rows {
            let owner = self.store.subject(row.owner)?.ok_or(Error::Missing("subject of a ledger row"))?;
            let name = format!("{}/{} of {}", row.kind, row.key, owner.subject.path);
            let window = self.limits.send_within + self.limits.request;
            let Some(policy) = installed.hook.policy(&row.kind, window) else {
                sighting.lost.push(name);
                continue;
            };
            let config = match self.question(installed, &owner)? {
                Ok(question) => question.config,
                Err(_) => Arc::new(installed.hook.config.clone()),
            };
            let (runs, unkept) = (Vec::new(), None);
            let (want, because, doubted) = (None, None, false);
            let (whose, owner) = (self.whose(&owner)?, &owner);
            let work =
                Work { installed, owner, whose, row, want, policy, config, because, doubted, runs, unkept };
            match self.seen(&work).await? {
                Ok(true) => sighting.found += 1,
                Ok(false) => {
                    if of == Evidence::Doubts {
                        let by = work.row.row.made_by.map(|by| by + work.policy.settle);
                        sighting.shows_by = sighting.shows_by.max(by);
                    }
                    sighting.lost.push(name);
                }
                Err(why) => sighting.failed.push(format!("{name}: {why}")),
            }
        }
        Ok(sighting)
    }

    /// Looks for a row's thing by its key alone, as if it were looked for the first time.
    async fn seen(&self, work: &Work<'_>) -> Result<std::result::Result<bool, String>> {
        let want = self.want(work, None);
        let (context, opened) = self.begin_look(work, &want);
        let run = self.engine.find(&work.installed.component, &context, &want).await;
        let (record, calls) = opened.close(&context, &run, self.now());
        self.store.save_run(record, calls).await?;
        let mark = work.row.row.id.mark(&self.installation);
        let row = &work.row.row;
        // What carries no mark and was not there before may be what a creation in doubt made: it was seen.
        let doubted = row.state == State::InDoubt;
        let could_be = |thing: &Thing| doubted && !row.before.contains(&thing.id);
        let is_it = |thing: &Thing| {
            row.thing.as_ref() == Some(&thing.id)
                || thing.mark.as_ref().map_or_else(|| could_be(thing), |marked| *marked == mark)
        };
        Ok(match run.outcome {
            Ok(things) => Ok(things.iter().any(is_it)),
            Err(ended) => Err(ended.failure().message),
        })
    }
}

fn finding(installed: &Installed, sighting: &Sighting) -> NewFinding {
    let name = &installed.hook.name;
    let all = sighting.found as usize + sighting.lost.len() + sighting.failed.len();
    let named = |rows: &[String]| rows.iter().take(NAMED).cloned().collect::<Vec<_>>().join(", ");
    let (lost, which) = (sighting.lost.len(), named(&sighting.lost));
    let what = match sighting.of {
        _ if lost == 0 => format!("nothing could be looked at ({})", named(&sighting.failed)),
        Evidence::Things => format!("{lost} of {all} things that exist are not found ({which})"),
        Evidence::Doubts => format!(
            "nothing exists by which to see that it finds what the one before made, and {lost} of {all} creations in doubt are not found ({which})"
        ),
    };
    NewFinding {
        code: LOST.to_owned(),
        about: name.clone(),
        hook: Some(installed.id),
        severity: Severity::Critical,
        message: format!("component or configuration changed, and {what}: nothing is written meanwhile"),
        remedy: Some(format!(
            "go back to the version before, or, if that is right: groundcrew approve --upgrade {name}"
        )),
    }
}
