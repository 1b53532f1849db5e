//! `groundcrew check`: everything that is wrong with the configuration, at once.

use std::fmt::Write as _;

use groundcrew_store::hooks::{HookState, StoredHook};
use serde::Serialize;
use serde_json::json;

use super::{Answer, Code, Context, Failure};
use crate::components;
use crate::config::{Config, Paint, Report, schema};
use crate::lock::{Approvals, Difference};
use crate::promoted::{self, Standing};

/// Read the configuration and tell everything that is wrong with it
///
/// Each problem comes with file, line, reason and fix. Nothing is called and nothing is changed.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Print the configuration's JSON schema instead, for editors
    #[arg(long)]
    schema: bool,
}

pub(super) fn run(context: &Context, args: &Args) -> Result<Answer, Failure> {
    if args.schema {
        return Ok(Answer::text(schema()));
    }
    let config = match context.config() {
        Ok(config) => config,
        Err(report) => return Ok(answer(context, &report, &[], &Known::default()).code(Code::Configuration)),
    };
    let approvals = Approvals::read(&Approvals::path(context.config_path()))?;
    let mut differing = Vec::new();
    let mut known = known(context, &config)?;
    for hook in config.hooks.values() {
        let (digest, candidate) = (components::of_hook(hook)?.digest, components::candidate(hook)?);
        if candidate == Some(digest) {
            known.needless.push(hook.name.clone());
        }
        differing.extend(approvals.difference(hook, digest, candidate));
    }
    Ok(answer(context, &config.notes, &differing, &known))
}

/// What the database and the components say of stanzas that are right in themselves.
#[derive(Debug, Default)]
struct Known {
    /// Hooks that were removed by command and are still written down.
    removed: Vec<String>,
    /// Hooks of which something was promoted in the place of what their stanza names.
    promoted: Vec<Promoted>,
    /// Hooks whose candidate is their component.
    needless: Vec<String>,
}

#[derive(Debug, Serialize)]
struct Promoted {
    hook: String,
    component: String,
    instead_of: String,
}

/// What the database says; nothing where nothing ever ran.
fn known(context: &Context, config: &Config) -> Result<Known, Failure> {
    let Ok(store) = context.reader() else { return Ok(Known::default()) };
    let hooks = store.hooks().unwrap_or_default();
    let is_over = |hook: &StoredHook| hook.state == HookState::Removed && hook.ending.is_some();
    let over = hooks.iter().filter(|hook| is_over(hook) && config.hooks.contains_key(&hook.name));
    let mut known = Known { removed: over.map(|hook| hook.name.clone()).collect(), ..Known::default() };
    for promotion in store.promotions().unwrap_or_default() {
        let name = hooks.iter().find(|hook| hook.id == promotion.hook).map(|hook| &hook.name);
        let Some(hook) = name.and_then(|name| config.hooks.get(name)) else { continue };
        if promoted::standing(&promotion, hook)? == Standing::Holds {
            known.promoted.push(Promoted {
                hook: hook.name.clone(),
                component: promotion.component.to_string(),
                instead_of: promotion.instead_of.to_string(),
            });
        }
    }
    Ok(known)
}

fn answer(context: &Context, report: &Report, differing: &[Difference], known: &Known) -> Answer {
    let mut text = report.draw(Paint::Colours);
    for hook in &known.removed {
        let _ = writeln!(text, "\nhook {hook} is removed and makes nothing: take [hook.{hook}] out");
    }
    for Promoted { hook, component, .. } in &known.promoted {
        let short = &component[..12];
        let _ = writeln!(
            text,
            "\nhook {hook}: {short} was promoted in the place of what [hook.{hook}] names: let `use` name it, and take `candidate` out"
        );
    }
    for hook in &known.needless {
        let _ = writeln!(text, "\nhook {hook} has its own component as its candidate: take `candidate` out");
    }
    for difference in differing {
        let _ = writeln!(text, "\nto be approved: {difference}");
    }
    if !differing.is_empty() {
        let _ = writeln!(text, "\nnext: {}", context.typed("groundcrew add --all"));
    }
    let mut json = report.to_json();
    json["to_approve"] = serde_json::to_value(differing).expect("invariant: differences are JSON");
    for (name, value) in [
        ("removed", json!(known.removed)),
        ("promoted", json!(known.promoted)),
        ("needless_candidates", json!(known.needless)),
    ] {
        json[name] = value;
    }
    Answer::both(text, &json)
}
