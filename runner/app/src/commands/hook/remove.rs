//! `groundcrew hook remove`.

use std::fmt::Write as _;
use std::io::Write as _;

use groundcrew_core::plan::{Action, Plan};
use groundcrew_core::row::State;
use groundcrew_store::Store;
use groundcrew_store::hooks::StoredHook;
use groundcrew_store::ledger::StoredRow;

use crate::commands::ask::{self, Given};
use crate::commands::resources::{planned, table};
use crate::commands::{Answer, Context, Failure, plan};
use crate::config::Config;
use crate::control::{End, Request};

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The hook, as the configuration names it
    hook: String,
    #[command(flatten)]
    end: EndArgs,
    /// Do not ask
    #[arg(long, short)]
    yes: bool,
}

#[derive(Clone, Debug, clap::Args)]
#[group(required = true, multiple = false)]
struct EndArgs {
    /// Remove what it made, after grace and in the order of what reads it; what it took over is left
    #[arg(long)]
    cleanup: bool,
    /// Leave everything where it is: it is not ours any more, and nothing ever removes it
    #[arg(long)]
    retain: bool,
    /// Give everything to another hook of the same target
    #[arg(long, value_name = "OTHER")]
    transfer: Option<String>,
    /// Take it back: the hook goes on, and makes again what is gone
    #[arg(long)]
    abort: bool,
}

impl EndArgs {
    fn word(&self) -> String {
        match &self.transfer {
            Some(other) => format!("--transfer {other}"),
            None if self.cleanup => "--cleanup".to_owned(),
            None if self.retain => "--retain".to_owned(),
            None => "--abort".to_owned(),
        }
    }
}

pub(super) fn run(context: &Context, args: &Args) -> Result<Answer, Failure> {
    let request = |end: End| Request::HookRemove { hook: args.hook.clone(), end };
    if args.end.abort {
        return context.change_and_tell(request(End::Abort));
    }
    let store = context.reader()?;
    let hooks = store.hooks()?;
    let stored = hooks.iter().find(|stored| stored.name == args.hook);
    let stored = stored.ok_or_else(|| {
        Failure::failed(format!("no hook `{}` ever ran here", args.hook)).hint("groundcrew hook list")
    })?;
    let (config, name) = (context.config()?, &args.hook);
    if config.hooks.get(name).is_some_and(|hook| hook.provisioner().is_none()) {
        let message = format!("hook {name} makes nothing that would be left behind");
        return Err(Failure::failed(message).hint(format!("take [hook.{name}] out of the configuration")));
    }
    let (shown, end) = if args.end.cleanup {
        clean_up(context, config, &store, stored)?
    } else {
        let rows = store.hook_rows(stored.id)?;
        let rows: Vec<_> = rows.into_iter().filter(|row| row.row.state != State::Retained).collect();
        let end = match &args.end.transfer {
            Some(to) => {
                fits(&config, to, &rows)?;
                End::Transfer { to: to.clone() }
            }
            None => End::Retain,
        };
        let shown = table(context, &store, &rows)?;
        let fate = match &end {
            End::Transfer { to } => format!("become those of {to}"),
            _ => "are left as they are, and are not ours any more".to_owned(),
        };
        (format!("{shown}{} things of {} {fate}\n", rows.len(), args.hook), end)
    };
    drop(anstream::stderr().write_all(shown.as_bytes()));
    let command = format!("groundcrew hook remove {} {} --yes", args.hook, args.end.word());
    let question = format!("End hook {}? It makes nothing from then on.", args.hook);
    ask::confirm(&question, Given::from(args.yes), &command)?;
    context.change_and_tell(request(end))
}

/// The plan of a clean-up, and the request that does it.
fn clean_up(
    context: &Context,
    config: Config,
    store: &Store,
    stored: &StoredHook,
) -> Result<(String, End), Failure> {
    let name = &stored.name;
    let rows = store.hook_rows(stored.id)?;
    let rows: Vec<_> = rows.into_iter().filter(|row| row.row.state != State::Retained).collect();
    let all = End::Cleanup { rows: rows.iter().map(planned).collect() };
    let request = Request::HookRemove { hook: name.clone(), end: all };
    let plan = plan::of_act(context, config, request, &rows)?;
    let stays = |row: &&StoredRow| {
        let is_it = |id: &groundcrew_core::row::RowId| *id == row.row.id;
        plan.items.iter().any(|item| item.action == Action::Retain && item.row.as_ref().is_some_and(is_it))
    };
    let goes: Vec<_> = rows.iter().filter(|row| !stays(row)).collect();
    let mut text = plan::draw_items(&plan, context.now());
    text.push_str(&summary(name, &plan, rows.len()));
    let readers = readers(store, stored, &rows)?;
    if !readers.is_empty() {
        let _ =
            writeln!(text, "read by {}: what they made of it must change or go first", readers.join(", "));
    }
    Ok((text, End::Cleanup { rows: goes.into_iter().map(planned).collect() }))
}

fn summary(name: &str, plan: &Plan, rows: usize) -> String {
    let count = |action: Action| plan.items.iter().filter(|item| item.action == action).count();
    let parts = [
        (Action::Delete, "to delete"),
        (Action::Held, "held"),
        (Action::HandOver, "handed over"),
        (Action::Retain, "left where they are"),
    ];
    let said = parts.map(|(action, words)| (count(action), words));
    let parts: Vec<_> = said
        .iter()
        .filter(|(count, _)| *count > 0)
        .map(|(count, words)| format!("{count} {words}"))
        .collect();
    format!(
        "{rows} things of {name}: {}\n",
        if parts.is_empty() { "nothing to delete".to_owned() } else { parts.join(", ") }
    )
}

/// Other hooks that were shown outputs of these rows.
fn readers(store: &Store, stored: &StoredHook, rows: &[StoredRow]) -> Result<Vec<String>, Failure> {
    let mut ids = std::collections::BTreeSet::new();
    for row in rows {
        ids.extend(store.readers_of(row.id)?.into_iter().map(|lane| lane.hook));
    }
    let names = store.hooks()?.into_iter().filter(|hook| hook.id != stored.id && ids.contains(&hook.id));
    Ok(names.map(|hook| hook.name).collect())
}

/// Whoever gets things must know how to look after them.
fn fits(config: &Config, to: &str, rows: &[StoredRow]) -> Result<(), Failure> {
    let unknown = || {
        Failure::failed(format!("the configuration has no hook `{to}`"))
            .hint("write its stanza first, then groundcrew up")
    };
    let hook = config.hooks.get(to).ok_or_else(unknown)?;
    match rows.iter().find(|row| !hook.manifest.kind.contains_key(&row.kind)) {
        None => Ok(()),
        Some(row) => {
            let message = format!("hook {to} knows no `{}`, which {} is", row.kind, row.about());
            Err(Failure::failed(message).hint("groundcrew hook list"))
        }
    }
}
