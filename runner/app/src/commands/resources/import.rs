//! `groundcrew resources import`: existing things, looked at, and taken under management.

use std::fmt::Write as _;
use std::fs;
use std::io::Write as _;
use std::path::Path;

use groundcrew_core::row::State;
use groundcrew_store::Store;

use super::export::{FORMAT, Line};
use crate::commands::ask::{self, Given};
use crate::commands::{Answer, Context, Failure, up};
use crate::config::Config;
use crate::control::{ImportedThing, Request};
use crate::plan;
use crate::runner::provisioner::{Candidate, Looked, Wanted};
use crate::show::{Cell, Table, Tone};

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// KIND/KEY, as the app wants it; without `--hook`, a file that `groundcrew resources export` wrote
    #[arg(value_name = "KIND/KEY | FILE")]
    what: String,
    /// The hook that is to look after it
    #[arg(long, value_name = "HOOK", requires = "app")]
    hook: Option<String>,
    /// The app or machine that it is for, and that wants it
    #[arg(long, value_name = "APP", requires = "hook")]
    app: Option<String>,
    /// Which thing it is, where several could be
    #[arg(long, value_name = "ID", requires = "hook")]
    thing: Option<String>,
    /// Do not ask
    #[arg(long, short)]
    yes: bool,
}

/// What is to be taken, and which thing it is said to be.
struct Ask {
    wanted: Wanted,
    thing: Option<String>,
}

/// What came of looking for it.
enum Verdict {
    /// This thing is taken for this row.
    Take(ImportedThing),
    /// It is not taken, because.
    Leave(String),
}

pub(super) fn run(context: &Context, args: &Args) -> Result<Answer, Failure> {
    let config = context.config()?;
    up::refuse_differences(context, &config)?;
    let store = context.reader()?;
    let asks = asks(&config, args)?;
    let wanted = asks.iter().map(|ask| ask.wanted.clone()).collect();
    let looked = context
        .block_on(plan::look_for(config, context.data_dir().path(), &store, wanted))?
        .map_err(|error| Failure::of(&error))?;
    let mut table = Table::new(["NAME", "OWNER", "CANDIDATE", "WHOSE", ""]);
    let (mut things, mut left) = (Vec::new(), Vec::new());
    for (ask, looked) in asks.iter().zip(&looked) {
        let verdict = verdict(&store, ask, looked)?;
        draw(&mut table, ask, looked, &verdict);
        match verdict {
            Verdict::Take(thing) => things.push(thing),
            Verdict::Leave(why) => left.push(format!("{}: {why}", ask.wanted.name())),
        }
    }
    drop(anstream::stderr().write_all(table.draw().as_bytes()));
    if things.is_empty() {
        return Err(refusal(args, &asks, &looked, &left));
    }
    let question = format!("Take these {} under management?", things.len());
    let command = format!("groundcrew resources import {} --yes", words(args));
    ask::confirm(&question, Given::from(args.yes), &command)?;
    let done = context.change(Request::Import { things })?;
    let mut text = format!("{}\n", done.message);
    for why in &left {
        let _ = writeln!(text, "left out: {why}");
    }
    Ok(Answer::both(text, &done))
}

/// What was typed, but for the yes.
fn words(args: &Args) -> String {
    let option = |name: &str, value: &Option<String>| {
        value.as_ref().map(|value| format!(" --{name} {value}")).unwrap_or_default()
    };
    let options = [("hook", &args.hook), ("app", &args.app), ("thing", &args.thing)];
    args.what.clone() + &options.map(|(name, value)| option(name, value)).concat()
}

fn asks(config: &Config, args: &Args) -> Result<Vec<Ask>, Failure> {
    let Some((hook, app)) = args.hook.as_ref().zip(args.app.as_ref()) else {
        return of_file(config, Path::new(&args.what));
    };
    let (kind, key) = args.what.split_once('/').ok_or_else(|| {
        Failure::usage(format!("`{}` is no KIND/KEY, such as record/A/www.example", args.what))
            .hint(format!("groundcrew app {app}"))
    })?;
    let (kind, key) = (kind.to_owned(), key.to_owned());
    let wanted = Wanted { hook: hook.clone(), owner: app.clone(), kind, key };
    Ok(vec![Ask { wanted, thing: args.thing.clone() }])
}

/// What a file says, for the hooks that have their things where it says.
fn of_file(config: &Config, file: &Path) -> Result<Vec<Ask>, Failure> {
    let failed = |why: String| Failure::failed(format!("{}: {why}", file.display()));
    let text = fs::read_to_string(file).map_err(|error| failed(error.to_string()))?;
    let mut asks = Vec::new();
    for (number, text) in (1..).zip(text.lines()).filter(|(_, text)| !text.trim().is_empty()) {
        let line: Line =
            serde_json::from_str(text).map_err(|error| failed(format!("line {number}: {error}")))?;
        if line.format != FORMAT {
            return Err(failed(format!(
                "line {number}: format {}; this program knows {FORMAT}",
                line.format
            )));
        }
        if line.thing.is_none() || matches!(line.state, State::Gone | State::Retained) {
            continue;
        }
        let named = config.hooks.get(&line.hook).filter(|hook| hook.target == line.target);
        let hook = named.or_else(|| config.hooks.values().find(|hook| hook.target == line.target));
        let Some(hook) = hook else {
            return Err(failed(format!("line {number}: no hook has its things at {}", line.target))
                .hint("write its stanza first, then groundcrew up"));
        };
        let wanted = Wanted { hook: hook.name.clone(), owner: line.owner, kind: line.kind, key: line.key };
        asks.push(Ask { wanted, thing: line.thing });
    }
    if asks.is_empty() {
        return Err(failed("no thing is in it".to_owned()).hint("groundcrew resources export > FILE"));
    }
    Ok(asks)
}

fn verdict(store: &Store, ask: &Ask, looked: &Looked) -> Result<Verdict, Failure> {
    let leave = |why: String| Ok(Verdict::Leave(why));
    let candidates = match looked {
        Looked::Found(candidates) => candidates,
        Looked::Unwanted(names) if names.is_empty() => return leave("its owner wants nothing".to_owned()),
        Looked::Unwanted(names) => {
            return leave(format!("its owner does not want it, but {}", names.join(", ")));
        }
        Looked::NotKnown(why) => return leave(why.clone()),
    };
    let mut free = candidates.iter().filter(|candidate| candidate.is_free());
    let chosen = match &ask.thing {
        Some(id) => match candidates.iter().find(|candidate| candidate.thing.id == *id) {
            None => return leave(format!("`{id}` is none of the candidates")),
            Some(taken) if !taken.is_free() => return leave(format!("`{id}` is {}", taken.says())),
            Some(chosen) => chosen,
        },
        None => match (free.next(), free.next()) {
            (Some(only), None) => only,
            (None, _) if candidates.is_empty() => return leave("no such thing exists".to_owned()),
            (None, _) => return leave("every candidate is somebody else's".to_owned()),
            (Some(_), Some(_)) => {
                return leave("several things could be it; `--thing ID` says which".to_owned());
            }
        },
    };
    let Some(row) = ask.wanted.row(store)? else {
        return leave("the runner has not asked its owner yet; groundcrew touch".to_owned());
    };
    if row.row.state != State::Creating {
        return leave(format!("its row is {}: it has its thing, or may have", row.row.state));
    }
    let (thing, mark) = (chosen.thing.id.clone(), chosen.thing.mark.clone());
    Ok(Verdict::Take(ImportedThing { row: row.row.id.to_string(), thing, mark }))
}

fn draw(table: &mut Table, ask: &Ask, looked: &Looked, verdict: &Verdict) {
    let name = || Cell::from(ask.wanted.name());
    let owner = || Cell::from(ask.wanted.owner.as_str());
    let candidates: &[Candidate] = if let Looked::Found(candidates) = looked { candidates } else { &[] };
    for candidate in candidates {
        let taken = matches!(verdict, Verdict::Take(taken) if taken.thing == candidate.thing.id);
        let what = if taken { Cell::toned(Tone::Good, "is taken") } else { Cell::default() };
        table.row([name(), owner(), candidate.thing.id.as_str().into(), candidate.says().into(), what]);
    }
    if let Verdict::Leave(why) = verdict {
        let why = Cell::toned(Tone::Waiting, format!("left: {why}"));
        table.row([name(), owner(), Cell::default(), Cell::default(), why]);
    }
}

fn refusal(args: &Args, asks: &[Ask], looked: &[Looked], left: &[String]) -> Failure {
    let failure = Failure::failed(format!("nothing was imported: {}", left.join("; ")));
    let several: Vec<_> = looked
        .iter()
        .flat_map(|looked| if let Looked::Found(all) = looked { &all[..] } else { &[] })
        .filter(|candidate| candidate.is_free())
        .collect();
    match (asks, &several[..]) {
        ([ask], [first, _, ..]) if args.thing.is_none() => failure.hint(format!(
            "groundcrew resources import {} --hook {} --app {} --thing {}",
            ask.wanted.name(),
            ask.wanted.hook,
            ask.wanted.owner,
            first.thing.id
        )),
        ([ask, ..], _) => failure.hint(format!("groundcrew app {}", ask.wanted.owner)),
        ([], _) => failure,
    }
}
