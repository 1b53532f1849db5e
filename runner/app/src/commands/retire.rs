//! `groundcrew retire`: lets a machine leave in order.

use std::io::Write as _;
use std::time::Duration;

use groundcrew_core::duration::Millis;
use groundcrew_core::retire::{Ending, Heard, Patience, Step};
use groundcrew_core::time::Timestamp;
use groundcrew_store::Store;
use groundcrew_store::retirements::{Retirement, Telling};
use serde::Serialize;

use super::answer::Form;
use super::ask::{self, Given};
use super::{Answer, Context, Failure, Kind};
use crate::control::{self, Request};
use crate::show::{Cell, Table, Tone, age, ago};

/// Let a machine leave in order: cordon, tell handlers and wait for them, stop, destroy
///
/// The runner does it, step by step, and goes on with it after a crash; this command waits and shows how far it is.
/// Handlers are told `machine.retiring`. One that refuses for good holds the machine until `--force`.
#[derive(Debug, clap::Args)]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of its own on the command line")]
#[command(args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
pub struct Args {
    #[command(subcommand)]
    command: Option<RetireCommand>,
    /// The machine, by its id or path
    #[arg(required = true)]
    machine: Option<String>,
    /// How long handlers are waited for
    #[arg(long, value_name = "TIME", default_value = "5m")]
    timeout: Millis,
    /// Stop the machine and leave it there, cordoned
    #[arg(long)]
    no_destroy: bool,
    /// Wait for no handler; also for a machine that leaves already
    #[arg(long)]
    force: bool,
    /// Return at once
    #[arg(long)]
    no_wait: bool,
    /// Do not ask
    #[arg(long, short)]
    yes: bool,
}

#[derive(Debug, clap::Subcommand)]
enum RetireCommand {
    /// List machines that leave, and those that left
    List {
        /// How many at most
        #[arg(long, value_name = "N", default_value_t = 30)]
        limit: u32,
    },
    /// Let a machine stay that was to leave; it takes traffic again
    Cancel {
        /// The machine, by its id or path
        machine: String,
    },
}

/// Time between two looks at the store.
const EVERY: Duration = Duration::from_millis(100);
/// How long stopping and destroying may take beyond the time for handlers, before this command gives up waiting.
const BEYOND: Millis = Millis::minutes(2);

/// A retirement in JSON. Times are RFC 3339.
#[derive(Serialize)]
struct Shown {
    machine: String,
    id: String,
    step: Step,
    ending: Ending,
    by: String,
    asked: String,
    since: String,
    until: Option<String>,
    handlers: Vec<Telling>,
    waiting: Option<String>,
    outcome: Option<String>,
}

pub(super) fn run(context: &Context, args: Args) -> Result<Answer, Failure> {
    match args.command {
        Some(RetireCommand::List { limit }) => list(&context.reader()?, limit, context.now()),
        Some(RetireCommand::Cancel { machine }) => context.change_and_tell(Request::RetireCancel { machine }),
        None => retire(context, &args),
    }
}

fn retire(context: &Context, args: &Args) -> Result<Answer, Failure> {
    let store = context.reader()?;
    let machine = args.machine.clone().unwrap_or_default();
    let subject = control::subject(&store, &machine)?;
    let path = &subject.subject.path;
    let ending = if args.no_destroy { Ending::Stop } else { Ending::Destroy };
    let patience = if args.force { Patience::None } else { Patience::Wait };
    let question = match ending {
        Ending::Destroy => format!("Stop and destroy {path}, after its handlers?"),
        Ending::Stop => format!("Cordon and stop {path}, after its handlers?"),
    };
    ask::confirm(&question, Given::from(args.yes), &format!("groundcrew retire {machine} --yes"))?;
    let done = context.change(Request::Retire {
        machine: machine.clone(),
        timeout: args.timeout,
        ending,
        patience,
    })?;
    if args.no_wait {
        return Ok(Answer::both(format!("{}\n", done.message), &done));
    }
    let store = context.reader()?;
    let id = store.retirement_of(subject.id)?.or_else(|| newest(&store, path.as_str()));
    let id = id.ok_or_else(|| Failure::failed("the retirement is not on record"))?.id;
    follow(context, id, args.timeout + BEYOND)
}

/// The last retirement of a machine; one may be over before it is looked at.
fn newest(store: &Store, path: &str) -> Option<Retirement> {
    let all = store.retirements(1_000).ok()?;
    all.into_iter().filter(|it| it.path.as_str() == path).max_by_key(|it| it.id)
}

/// Shows how far it is, until it is over, held, or takes too long.
fn follow(context: &Context, id: i64, within: Millis) -> Result<Answer, Failure> {
    let began = context.now();
    let mut said = Said::new(context.form());
    context.look_until(EVERY, |store| {
        let missing = || Failure::failed("the retirement is not on record any more");
        let now = store.retirement(id)?.ok_or_else(missing)?;
        said.say(&now);
        let handlers = store.retirement_told(&now)?;
        let machine = now.uid.platform_id().to_owned();
        if now.step.is_over() {
            said.end();
            let outcome = now.outcome.clone().unwrap_or_default();
            let text = format!("{}  {outcome}\n", now.path);
            return Ok(Some(Answer::both(text, &shown(&now, handlers))));
        }
        let held = now.step == Step::Tell
            && now.patience == Patience::Wait
            && now.waiting.as_ref().is_some_and(|why| why.starts_with("held"))
            && handlers.iter().any(|telling| telling.heard == Heard::Refused);
        if held || context.now().since(began) > within {
            said.end();
            let waiting = now.waiting.clone().unwrap_or_else(|| "under way".to_owned());
            let failure =
                Failure::new(Kind::Incomplete, format!("{} is at `{}`: {waiting}", now.path, now.step));
            let failure = if held {
                failure
                    .hint("groundcrew dead list, then: groundcrew dead retry HOOK/NUMBER")
                    .hint(format!("groundcrew retire {machine} --force --yes"))
            } else {
                failure.hint("groundcrew retire list")
            };
            let details = serde_json::to_value(shown(&now, handlers)).expect("invariant: answers are JSON");
            let failure = failure.hint(format!("groundcrew retire cancel {machine}"));
            return Err(Failure { details: Some(details), ..failure });
        }
        Ok(None)
    })
}

/// What was said of a retirement so far: a bar on a terminal, else a line for each news; nothing for programs.
struct Said {
    bar: Option<indicatif::ProgressBar>,
    last: String,
}

impl Said {
    fn new(form: Form) -> Self {
        let style = indicatif::ProgressStyle::with_template("{bar:20} {msg}");
        let style = style.expect("invariant: the template is right");
        let bar = (form == Form::Text).then(|| indicatif::ProgressBar::new(4).with_style(style));
        Self { bar, last: String::new() }
    }

    fn say(&mut self, now: &Retirement) {
        let (Some(bar), false) = (&self.bar, now.step.is_over()) else { return };
        let text = match &now.waiting {
            Some(waiting) => format!("{}: {waiting}", now.step),
            None => now.step.to_string(),
        };
        if text == self.last {
            return;
        }
        bar.set_position(match now.step {
            Step::Cordon | Step::Uncordon => 0,
            Step::Tell => 1,
            Step::Stop => 2,
            Step::Destroy => 3,
            Step::Done | Step::Cancelled => 4,
        });
        bar.set_message(text.clone());
        if bar.is_hidden() {
            // Whoever closed standard error does not want to know.
            drop(writeln!(anstream::stderr(), "{text}"));
        }
        self.last = text;
    }

    fn end(&self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}

fn list(store: &Store, limit: u32, now: Timestamp) -> Result<Answer, Failure> {
    let mut table = Table::new(["MACHINE", "STEP", "SINCE", "ASKED", "BY", "REMARK"]);
    let mut all = Vec::new();
    for retirement in store.retirements(limit)? {
        let tone = match retirement.step {
            Step::Done => Tone::Good,
            Step::Cancelled => Tone::Faint,
            _ => Tone::Waiting,
        };
        let remark = retirement.outcome.clone().filter(|_| retirement.step.is_over());
        table.row([
            retirement.path.to_string().into(),
            Cell::toned(tone, retirement.step.to_string()),
            age(retirement.since, now).into(),
            ago(retirement.at, now).into(),
            retirement.who.clone().into(),
            Cell::or_nothing(remark.or_else(|| retirement.waiting.clone())),
        ]);
        let told = store.retirement_told(&retirement)?;
        all.push(shown(&retirement, told));
    }
    let text = if table.is_empty() { "no machine leaves, or left\n".to_owned() } else { table.draw() };
    Ok(Answer::both(text, &all))
}

fn shown(retirement: &Retirement, handlers: Vec<Telling>) -> Shown {
    Shown {
        machine: retirement.path.to_string(),
        id: retirement.uid.to_string(),
        step: retirement.step,
        ending: retirement.ending,
        by: retirement.who.clone(),
        asked: retirement.at.to_string(),
        since: retirement.since.to_string(),
        until: retirement.until.map(|until| until.to_string()),
        handlers,
        waiting: retirement.waiting.clone(),
        outcome: retirement.outcome.clone(),
    }
}
