//! `groundcrew hook`: what hooks there are, and what becomes of a hook's things when it ends or moves.

mod list;
mod remove;

use std::fmt::Write as _;

use groundcrew_core::row::State;
use groundcrew_store::hooks::{Old, StoredHook};
use groundcrew_store::operators::OperatorAct;
use groundcrew_store::{Options, Store};
use serde::Serialize;

use super::ask::{self, Given};
use super::{Answer, Context, Failure};

/// List hooks, end one, or move it to another place
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    command: HookCommand,
}

#[derive(Debug, clap::Subcommand)]
enum HookCommand {
    /// List all hooks that ever ran here, and how far those are that are being removed
    List,
    /// End a hook: remove what it made, leave it, or give it to another hook; planned before it is done
    ///
    /// Its stanza stays until it is done: removing needs its configuration, grants and secrets.
    Remove(remove::Args),
    /// Say what becomes of a hook's old things, once its configuration names another place
    ///
    /// The fields of `config` that say where a hook's things live are its identity: `up` refuses to start while
    /// they differ from where its things are. The runner must be down.
    #[command(override_usage = "groundcrew hook retarget [OPTIONS] <--retain|--both> <HOOK>")]
    Retarget {
        /// The hook, as the configuration names it
        hook: String,
        #[command(flatten)]
        old: OldArgs,
        /// What the hook of the old place is called from now on; HOOK-before, if left out
        #[arg(long = "as", value_name = "NAME", value_parser = legal)]
        before: Option<String>,
        /// Do not ask
        #[arg(long, short)]
        yes: bool,
    },
}

#[derive(Clone, Copy, Debug, clap::Args)]
#[group(required = true, multiple = false)]
struct OldArgs {
    /// Leave the old things where they are: they are not ours any more, and nothing ever removes them
    #[arg(long)]
    retain: bool,
    /// Keep the old things, too: they stay ours, frozen, until a stanza of the old place takes them up again
    #[arg(long)]
    both: bool,
    /// Tell how to remove the old things: it takes a stanza of the old place
    #[arg(long, hide = true)]
    cleanup: bool,
}

#[derive(Serialize)]
struct Shown {
    hook: String,
    before: String,
    from: String,
    to: String,
    rows: u32,
}

fn legal(text: &str) -> Result<String, String> {
    let letters = text.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-');
    let legal = letters && text.starts_with(|c: char| c.is_ascii_lowercase()) && text.len() <= 40;
    if legal {
        Ok(text.to_owned())
    } else {
        Err("a letter and at most 39 more of [a-z0-9-] are expected".to_owned())
    }
}

pub(super) use list::progress;

pub(super) fn run(context: &Context, args: &Args) -> Result<Answer, Failure> {
    let (hook, old, before, yes) = match &args.command {
        HookCommand::List => return list::run(context),
        HookCommand::Remove(args) => return remove::run(context, args),
        HookCommand::Retarget { hook, old, before, yes } => (hook, old, before, yes),
    };
    let before = before.clone().unwrap_or_else(|| format!("{hook}-before"));
    let config = context.config()?;
    let to = config.hooks.get(hook).ok_or_else(|| {
        Failure::usage(format!("the configuration has no hook `{hook}`"))
            .hint("write the stanza with its new place first")
    })?;
    let known = context.reader()?.hooks()?;
    let stored = known.iter().find(|stored| stored.name == *hook);
    let stored = stored.ok_or_else(|| Failure::failed(format!("no hook `{hook}` ever ran here")))?;
    if stored.target == to.target {
        return Err(Failure::failed(format!(
            "the things of `{hook}` are where its configuration says: {}",
            to.target
        )));
    }
    if known.iter().any(|other| other.name == before) {
        return Err(Failure::usage(format!("there is a hook `{before}` already")).hint("--as NAME"));
    }
    let old = match (old.retain, old.both) {
        (true, _) => Old::Retained,
        (_, true) => Old::Kept,
        _ => return Err(no_cleanup(hook, &before)),
    };
    // Whoever runs would go on at the old place.
    let _held = context.data_dir().lock("hook retarget", context.now())?;
    let store = Store::open(&context.data_dir().database(), Options::default())?;
    ask::confirm(
        &question(&store, stored, &to.target, old)?,
        Given::from(*yes),
        &format!("groundcrew hook retarget {hook} --{} --yes", word(old)),
    )?;
    let act = OperatorAct { who: context.who(), what: format!("hook retarget {hook} --{}", word(old)) };
    let rows = context.block_on(store.retarget(stored.id, &before, old, act, context.now()))??;
    let shown =
        Shown { hook: hook.clone(), before, from: stored.target.clone(), to: to.target.clone(), rows };
    Ok(Answer::both(draw(&shown, old), &shown))
}

const fn word(old: Old) -> &'static str {
    match old {
        Old::Retained => "retain",
        Old::Kept => "both",
    }
}

/// What is about to be done; refused while it is unknown whether something is there.
fn question(store: &Store, stored: &StoredHook, to: &str, old: Old) -> Result<String, Failure> {
    let rows = store.hook_rows(stored.id)?;
    let doubted: Vec<_> = rows.iter().filter(|row| row.row.state == State::InDoubt).collect();
    if let (Old::Retained, Some(first)) = (old, doubted.first()) {
        let message = format!("nobody knows yet whether {} of its things exist", doubted.len());
        let failure =
            Failure::failed(message).hint("let the runner find out, with the old place in the configuration");
        return Err(failure.hint(format!("groundcrew settle {} --id X | --none", first.row.id)));
    }
    let mut text = format!("{} things of `{}` at {}\n", rows.len(), stored.name, stored.target);
    for row in rows.iter().take(20) {
        let _ = writeln!(text, "  {}  {}", row.about(), row.row.state);
    }
    let fate = match old {
        Old::Retained => "are left there for good and forgotten",
        Old::Kept => "stay there, ours and frozen",
    };
    Ok(format!("{text}{fate}; new ones are made at {to}. Go on?"))
}

fn draw(shown: &Shown, old: Old) -> String {
    let Shown { hook, before, from, to, rows } = shown;
    let next = match old {
        Old::Retained => format!("{rows} things at {from} are left there; `{before}` is their record"),
        Old::Kept => format!(
            "{rows} things at {from} are frozen as those of `{before}`\nnext: write [hook.{before}] with the old place to look after them, or leave them frozen"
        ),
    };
    format!("`{hook}` makes its things at {to} from the next `groundcrew up` on\n{next}\n")
}

/// A removal asks each thing at its old place, with the old place's grants and secrets: a stanza's work.
fn no_cleanup(hook: &str, before: &str) -> Failure {
    let message =
        "things are removed with the stanza of the place where they are, and this one is of another";
    Failure::failed(message)
        .hint(format!("put the old place back, then groundcrew up, then groundcrew hook remove {hook} --cleanup"))
        .hint(format!("groundcrew hook retarget {hook} --both, then write [hook.{before}] with the old place, then groundcrew hook remove {before} --cleanup"))
}
