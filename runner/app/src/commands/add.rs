//! `groundcrew add`: a person approves what hooks are and may reach.

mod ahead;

use std::fmt::Write as _;
use std::io::Write as _;

use serde::Serialize;

use super::ask::{self, Given};
use super::{Answer, Context, Failure, absent};
use crate::components;
use crate::config::{Config, Hook};
use crate::lock::{Approval, Approvals, Difference};
use crate::show::{Tone, paint};
use ahead::Compiled;

/// Approve hooks: their components and grants go into groundcrew.lock
///
/// Shows what differs from what was approved before: the component's digest, each grant, each secret.
/// `groundcrew up` refuses a hook that differs. A hook is added to the configuration by hand first.
///
/// Where a runner has begun before, what is approved is compiled at once, so that the next start or reload does not have to.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Hooks, by the names of their stanzas
    #[arg(value_name = "HOOK", required_unless_present = "all", conflicts_with = "all")]
    hooks: Vec<String>,
    /// All hooks of the configuration; those that it no longer has are forgotten
    #[arg(long)]
    all: bool,
    /// Do not ask
    #[arg(long, short)]
    yes: bool,
}

#[derive(Serialize)]
struct Shown {
    approved: Vec<Difference>,
    forgotten: Vec<String>,
    compiled: Vec<Compiled>,
}

pub(super) fn run(context: &Context, args: &Args) -> Result<Answer, Failure> {
    let config = context.config()?;
    let path = Approvals::path(context.config_path());
    let mut approvals = Approvals::read(&path)?;
    let mut differing = Vec::new();
    let hooks = chosen(&config, args)?;
    for hook in &hooks {
        let inspected = components::of_hook(hook)?;
        let candidate = components::candidate(hook)?;
        differing.extend(approvals.difference(hook, inspected.digest, candidate));
        approvals.approve(&hook.name, Approval::of(hook, inspected.digest, candidate));
    }
    let forgotten = if args.all { approvals.forget_others(&config) } else { Vec::new() };
    if differing.is_empty() && forgotten.is_empty() {
        let compiled = ahead::compile(context, &hooks)?;
        let text = format!("nothing to approve: all is as it was approved\n{}", ahead::told(&compiled));
        return Ok(Answer::both(text, &Shown { approved: differing, forgotten, compiled }));
    }
    // What is approved is shown before the question, and whatever the answer is.
    drop(anstream::stderr().write_all(draw(&differing, &forgotten).as_bytes()));
    let what = if args.all { "--all".to_owned() } else { args.hooks.join(" ") };
    ask::confirm("Approve this?", Given::from(args.yes), &format!("groundcrew add {what} --yes"))?;
    approvals.write(&path)?;
    let count = differing.len();
    let compiled = ahead::compile(context, &hooks)?;
    let text = format!("approved {count} in {}\n{}", path.display(), ahead::told(&compiled));
    Ok(Answer::both(text, &Shown { approved: differing, forgotten, compiled }))
}

fn chosen<'a>(config: &'a Config, args: &Args) -> Result<Vec<&'a Hook>, Failure> {
    if args.all {
        return Ok(config.hooks.values().collect());
    }
    let find = |name: &String| config.hooks.get(name).ok_or_else(|| absent::hook(config, name));
    args.hooks.iter().map(find).collect()
}

fn draw(differing: &[Difference], forgotten: &[String]) -> String {
    let mut text = String::new();
    for difference in differing {
        let _ = writeln!(text, "{}", paint(Tone::Strong, &difference.hook));
        for line in &difference.lines {
            let tone = if line.starts_with('+') { Tone::Good } else { Tone::Bad };
            let _ = writeln!(text, "  {}", paint(tone, line));
        }
    }
    for hook in forgotten {
        let gone = paint(Tone::Bad, "- its stanza is gone: forgotten");
        let _ = writeln!(
            text,
            "{}
  {gone}",
            paint(Tone::Strong, hook)
        );
    }
    text
}
