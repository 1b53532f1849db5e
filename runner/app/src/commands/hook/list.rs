//! `groundcrew hook list`.

use groundcrew_store::Store;
use groundcrew_store::hooks::{HookState, StoredHook};
use serde::Serialize;

use crate::commands::{Answer, Context, Failure};
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
}

pub(super) fn run(context: &Context) -> Result<Answer, Failure> {
    let store = context.reader()?;
    let mut table = Table::new(["HOOK", "STATE", "THINGS", "AT", ""]);
    let mut all = Vec::new();
    for hook in store.hooks()? {
        let things = store.things_left(hook.id)?;
        let (state, tone) = match hook.state {
            HookState::Active => ("active", Tone::Good),
            HookState::Detached => ("detached", Tone::Bad),
            HookState::Removed => ("removed", Tone::Faint),
        };
        table.row([
            hook.name.as_str().into(),
            Cell::toned(tone, state),
            things.to_string().into(),
            hook.target.as_str().into(),
            Cell::or_nothing(progress(&store, &hook)?),
        ]);
        all.push(Shown {
            name: hook.name,
            state: hook.state,
            target: hook.target,
            things,
            ending_since: hook.ending.map(|ending| ending.since.to_string()),
            ending_of: hook.ending.map(|ending| ending.of),
        });
    }
    let text = if table.is_empty() { "no hook ever ran here\n".to_owned() } else { table.draw() };
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
