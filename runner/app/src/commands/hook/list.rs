//! `groundcrew hook list`.

use groundcrew_core::hash::Digest;
use groundcrew_store::Store;
use groundcrew_store::canary::Canary;
use groundcrew_store::hooks::{HookState, StoredHook};
use groundcrew_store::promotions::Promotion;
use groundcrew_store::upgrades::{Upgrade, Waiting};
use serde::Serialize;

use crate::commands::{Answer, Context, Failure, approve};
use crate::show::{Cell, Table, Tone};

#[derive(Serialize)]
struct Shown {
    name: String,
    state: HookState,
    target: String,
    /// Things that it looks after.
    things: u32,
    /// Since when it is being removed, or was; its stanza is still there, or may be.
    ending_since: Option<String>,
    /// How many things it had then.
    ending_of: Option<u32>,
    /// Its component is being compiled: what it owes waits.
    compiling: bool,
    #[serde(flatten)]
    versions: Versions,
}

/// Which version runs, and which others there are.
#[derive(Serialize)]
struct Versions {
    /// The digest of the component that runs, or ran last.
    component: Digest,
    /// One that is not started, since it asks for more.
    waiting: Option<WaitingShown>,
    /// One is approved: it begins with the next reload or start.
    approved: bool,
    /// What runs in the place of what the stanza names.
    promoted: Option<PromotedShown>,
    /// What is compared with what runs.
    candidate: Option<CandidateShown>,
    /// Versions that were active before, the last one first: going back to one of them needs nobody.
    past: Vec<PastShown>,
}

#[derive(Serialize)]
struct PastShown {
    /// The digest of its component and its manifest.
    version: String,
    /// The digest of its component; none: it was left before that was kept.
    component: Option<String>,
}

#[derive(Serialize)]
struct WaitingShown {
    component: String,
    /// What it asks for more.
    more: Vec<String>,
    /// The command that lets it begin.
    approve: String,
}

#[derive(Serialize)]
struct PromotedShown {
    component: Digest,
    instead_of: Digest,
}

#[derive(Serialize)]
struct CandidateShown {
    component: Digest,
    equal: u32,
    differs: u32,
}

/// What is known of the versions of a hook.
struct Known {
    upgrade: Upgrade,
    promotion: Option<Promotion>,
    candidate: Option<Canary>,
}

impl Known {
    fn of(store: &Store, hook: &StoredHook) -> Result<Self, Failure> {
        // Of what has no stanza any more none waits.
        if hook.state != HookState::Active {
            return Ok(Self { upgrade: Upgrade::default(), promotion: None, candidate: None });
        }
        let (promotion, candidate) = (store.promotion(hook.id)?, store.candidate(hook.id)?);
        let candidate = candidate.filter(|candidate| candidate.candidate != hook.component);
        Ok(Self { upgrade: store.upgrade(hook.id)?, promotion, candidate })
    }

    fn shown(&self, hook: &StoredHook) -> Versions {
        let waiting = |waiting: &Waiting| WaitingShown {
            component: waiting.component.clone(),
            more: waiting.more.clone(),
            approve: approve::let_in(&hook.name),
        };
        let promoted = |it: &Promotion| PromotedShown { component: it.component, instead_of: it.instead_of };
        let candidate =
            |it: &Canary| CandidateShown { component: it.candidate, equal: it.equal, differs: it.differed };
        let past = |version: &String| PastShown {
            version: version.clone(),
            component: self.upgrade.components.get(version).cloned(),
        };
        Versions {
            component: hook.component,
            waiting: self.upgrade.waiting.as_ref().map(waiting),
            approved: self.upgrade.approved.is_some(),
            promoted: self.promotion.as_ref().map(promoted),
            candidate: self.candidate.as_ref().map(candidate),
            past: self.upgrade.past.iter().map(past).collect(),
        }
    }

    /// In a few words each: `5658a1b6ce07 waits for approval`.
    fn remarks(&self) -> impl Iterator<Item = String> {
        let waiting = self.upgrade.waiting.as_ref();
        let approved = self.upgrade.approved.as_ref();
        let candidate = |it: &Canary| {
            format!("candidate {}: {} equal, {} differ", it.candidate.short(), it.equal, it.differed)
        };
        [
            waiting.map(|it| format!("{} waits for approval", short(&it.component))),
            approved.map(|_| "a version is approved, and begins with the next reload".to_owned()),
            self.promotion.as_ref().map(|it| format!("{} is promoted", it.component.short())),
            self.candidate.as_ref().map(candidate),
            self.before(),
        ]
        .into_iter()
        .flatten()
    }

    /// The versions that were active before, of which the component is known: `before: 88358f099dc9, 094c8cbd9786`.
    fn before(&self) -> Option<String> {
        let known = self.upgrade.past.iter().filter_map(|version| self.upgrade.components.get(version));
        let shorts: Vec<_> = known.map(|digest| short(digest)).collect();
        (!shorts.is_empty()).then(|| format!("before: {}", shorts.join(", ")))
    }
}

/// The beginning of a digest, as people read it.
fn short(digest: &str) -> &str {
    digest.get(..12).unwrap_or(digest)
}

pub(super) fn run(context: &Context) -> Result<Answer, Failure> {
    let store = context.reader()?;
    let mut table = Table::new(["HOOK", "STATE", "THINGS", "AT", ""]);
    let (mut all, mut waiting, compiling) = (Vec::new(), String::new(), context.compiling(&store)?);
    for hook in store.hooks()? {
        let things = store.things_left(hook.id)?;
        let (state, tone) = match hook.state {
            HookState::Active => ("active", Tone::Good),
            HookState::Detached => ("detached", Tone::Bad),
            HookState::Removed => ("removed", Tone::Faint),
        };
        let known = Known::of(&store, &hook)?;
        if let Some(version) = &known.upgrade.waiting {
            waiting.push_str(&approve::waits(&hook.name, version));
        }
        let is_compiling = compiling.contains(&hook.name);
        let compiles = is_compiling.then(|| "its component is being compiled".to_owned());
        let remarks = progress(&store, &hook)?.into_iter().chain(compiles).chain(known.remarks());
        let remarks: Vec<_> = remarks.collect();
        let versions = known.shown(&hook);
        table.row([
            hook.name.as_str().into(),
            Cell::toned(tone, state),
            things.to_string().into(),
            hook.target.as_str().into(),
            remarks.join("; ").into(),
        ]);
        all.push(Shown {
            name: hook.name,
            state: hook.state,
            target: hook.target,
            things,
            ending_since: hook.ending.map(|ending| ending.since.to_string()),
            ending_of: hook.ending.map(|ending| ending.of),
            compiling: is_compiling,
            versions,
        });
    }
    let text = match table.is_empty() {
        true => "no hook ever ran here\n".to_owned(),
        false if waiting.is_empty() => table.draw(),
        false => format!("{}\n{waiting}", table.draw()),
    };
    Ok(Answer::both(text, &all))
}

/// How far a hook is that a person ended; none if nobody did, or its stanza is gone since.
pub(in crate::commands) fn progress(store: &Store, hook: &StoredHook) -> Result<Option<String>, Failure> {
    let Some(ending) = hook.ending else { return Ok(None) };
    let left = store.things_left(hook.id)?;
    Ok(Some(match hook.state {
        HookState::Removed => "removed: its stanza can go".to_owned(),
        HookState::Active => format!("removing, {left} of {} left", ending.of),
        HookState::Detached => {
            format!("removing, {left} of {} left, and its stanza is gone: write it back", ending.of)
        }
    }))
}
