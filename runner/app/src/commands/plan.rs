//! `groundcrew plan`: what would be done, before anything is done.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use groundcrew_core::may_delete::Level;
use groundcrew_core::plan::{Action, Change, FORMAT, Item, Plan};
use groundcrew_core::time::Timestamp;
use groundcrew_store::Store;
use groundcrew_store::ledger::StoredRow;
use serde_json::Value;

use super::{Answer, Context, Failure, hook, up};
use crate::config::Config;
use crate::control::{Act, Request};
use crate::plan::{self, Depth, Progress, Rehearsed};
use crate::show::{Cell, Table, Tone, age, paint};
use crate::source;

/// Show what would be done about things outside, before anything is done
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Only what this hook would do
    #[arg(long, value_name = "HOOK")]
    hook: Option<String>,
    /// Only what would be done for this app or machine
    #[arg(long, value_name = "APP")]
    app: Option<String>,
    /// Look at everything that exists, too: what others changed shows
    #[arg(long)]
    drift: bool,
    /// Write the plan into a file, for `groundcrew apply`
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Rehearse hooks that `groundcrew.lock` does not approve
    #[arg(long)]
    unapproved: bool,
}

pub(super) fn run(context: &Context, args: &Args) -> Result<Answer, Failure> {
    let config = context.config()?;
    if !args.unapproved {
        up::refuse_differences(context, &config)?;
    }
    let database = context.reader().map_err(|failure| {
        if context.data_dir().database().exists() {
            return failure;
        }
        failure.hint("groundcrew up, with level = \"observe\": a plan is about apps that a source has seen")
    })?;
    refuse_unread(&config, &database)?;
    let depth = if args.drift { Depth::Everything } else { Depth::Unsettled };
    let dir = context.data_dir();
    let bar = Bar::new(context);
    let made = plan::make(config, dir.path(), &database, Rehearsed::Due, depth, bar.progress());
    let made = context.block_on(made)?;
    bar.finish();
    let mut plan = made.map_err(|error| Failure::of(&error))?;
    narrow(&mut plan, args);
    if let Some(file) = &args.out {
        let text = serde_json::to_string_pretty(&plan).expect("invariant: a plan is JSON");
        fs::write(file, text + "\n")
            .map_err(|error| Failure::failed(format!("{}: {error}", file.display())))?;
    }
    let mut text = draw(&plan, context.now());
    text.push_str(&ending(&database)?);
    if let Some(file) = &args.out {
        let apply = context.typed(&format!("groundcrew apply {}", file.display()));
        let _ = writeln!(text, "\n{apply}    # exactly this, until {}", plan.until);
    }
    Ok(Answer::both(text, &plan))
}

/// Refuses a plan of a fleet that no source has brought yet: that nothing is to be done would be no finding.
fn refuse_unread(config: &Config, database: &Store) -> Result<(), Failure> {
    let is_read = config.sources.fly.is_none() || source::was_listed(database)?;
    if is_read || !database.living_apps()?.is_empty() {
        return Ok(());
    }
    let failure = Failure::failed("nothing can be planned: no source has brought the fleet yet");
    Err(failure
        .hint("groundcrew doctor, which says whether the source answers")
        .hint("groundcrew up, with level = \"observe\", until it is ready"))
}

/// Rehearses what follows from an operator's act, about these rows, before it is done.
pub(super) fn of_act(
    context: &Context,
    config: Config,
    request: Request,
    rows: &[StoredRow],
) -> Result<Plan, Failure> {
    up::refuse_differences(context, &config)?;
    let (database, dir) = (context.reader()?, context.data_dir());
    let (act, alone) = (Act { who: context.who(), request }, context.alone());
    let lanes = rows.iter().map(StoredRow::lane).collect();
    let bar = Bar::new(context);
    let rehearsed = Rehearsed::Act(&act, &alone, &lanes);
    let made = plan::make(config, dir.path(), &database, rehearsed, Depth::Unsettled, bar.progress());
    let made = context.block_on(made)?;
    bar.finish();
    let mut plan = made.map_err(|error| match error {
        plan::Error::Refused(refusal) => refusal.into(),
        other => Failure::of(&other),
    })?;
    let ids: BTreeSet<_> = rows.iter().map(|row| &row.row.id).collect();
    plan.items.retain(|item| item.row.as_ref().is_some_and(|row| ids.contains(row)));
    let owners: BTreeSet<_> = plan.items.iter().map(|item| (item.hook.clone(), item.owner.clone())).collect();
    plan.waits.retain(|waits| owners.contains(&(waits.hook.clone(), waits.owner.clone())));
    Ok(plan)
}

/// A line for each hook that is on its way out.
fn ending(database: &Store) -> Result<String, Failure> {
    let mut text = String::new();
    for hook in database.hooks()? {
        if let Some(progress) = hook::progress(database, &hook)? {
            let _ = writeln!(text, "hook {}: {progress}", hook.name);
        }
    }
    Ok(text)
}

/// Reads a plan from a file.
pub(super) fn read(file: &Path) -> Result<Plan, Failure> {
    let failed = |why: String| {
        Failure::failed(format!("{}: {why}", file.display()))
            .hint(format!("groundcrew plan --out {}", file.display()))
    };
    let text = fs::read_to_string(file).map_err(|error| failed(error.to_string()))?;
    let value: Value = serde_json::from_str(&text).map_err(|error| failed(format!("no plan: {error}")))?;
    match value["format"].as_u64() {
        Some(format) if format == u64::from(FORMAT) => {
            serde_json::from_value(value).map_err(|error| failed(format!("no plan: {error}")))
        }
        Some(other) => Err(failed(format!("a plan of format {other}; this program knows {FORMAT}"))),
        None => Err(failed("no plan: it names no format".to_owned())),
    }
}

fn narrow(plan: &mut Plan, args: &Args) {
    let hook = |name: &str| args.hook.as_deref().is_none_or(|hook| hook == name);
    let app = |path: &groundcrew_core::subject::Path| {
        args.app.as_deref().is_none_or(|app| {
            app == path.app_name() || app == path.as_str() || path.machine_id() == Some(app)
        })
    };
    plan.items.retain(|item| hook(&item.hook) && app(&item.owner));
    plan.waits.retain(|waits| hook(&waits.hook) && app(&waits.owner));
}

/// A bar on standard error while lanes are rehearsed; nothing where nobody looks.
struct Bar(indicatif::ProgressBar);

impl Bar {
    fn new(context: &Context) -> Self {
        let bar = match context.form() {
            super::answer::Form::Text => indicatif::ProgressBar::new(0),
            super::answer::Form::Json => indicatif::ProgressBar::hidden(),
        };
        let style = indicatif::ProgressStyle::with_template("rehearsing {bar:30} {pos}/{len}");
        Self(bar.with_style(style.expect("invariant: the template is right")))
    }

    fn progress(&self) -> Progress {
        let bar = self.0.clone();
        Arc::new(move |done, all| {
            bar.set_length(all);
            bar.set_position(done);
        })
    }

    fn finish(&self) {
        self.0.finish_and_clear();
    }
}

/// Draws a plan: owner by owner, then how much it is and what nothing can be said of.
pub(super) fn draw(plan: &Plan, now: Timestamp) -> String {
    let mut text = draw_items(plan, now);
    if !plan.items.is_empty() || !plan.waits.is_empty() {
        text.push('\n');
    }
    text.push_str(&summary(plan));
    text
}

/// Draws what a plan says, owner by owner, and what nothing can be said of.
pub(super) fn draw_items(plan: &Plan, now: Timestamp) -> String {
    let mut lines = Table::new(["", "HOOK", "NAME", "", ""]).indented(2);
    plan.items.iter().for_each(|item| lines.row(cells(item, now)));
    let drawn = lines.draw();
    let mut text = String::new();
    let mut owner = None;
    // Headings over the columns would say less than the owners between the lines do.
    for (item, line) in plan.items.iter().zip(drawn.lines().skip(1)) {
        if owner != Some(&item.owner) {
            let _ = writeln!(text, "{}", paint(Tone::Strong, item.owner.as_str()));
            owner = Some(&item.owner);
        }
        let _ = writeln!(text, "{line}");
    }
    for waits in &plan.waits {
        let _ = writeln!(
            text,
            "{} {} for {}: {}",
            paint(Tone::Waiting, if waits.frozen { "left alone:" } else { "not known yet:" }),
            waits.hook,
            waits.owner,
            waits.why
        );
    }
    text
}

fn cells(item: &Item, now: Timestamp) -> [Cell; 5] {
    let (sign, tone) = match item.action {
        Action::Create => ("+", Tone::Good),
        Action::Update => ("~", Tone::Waiting),
        Action::Replace => ("-/+", Tone::Bad),
        Action::Delete => ("-", Tone::Bad),
        Action::Adopt => ("=", Tone::Good),
        Action::HandOver => (">", Tone::Waiting),
        Action::Held | Action::Conflict => ("!", Tone::Bad),
        Action::Retain => (".", Tone::Waiting),
    };
    let mut remark: Vec<String> = item.changes.iter().map(change).collect();
    remark.extend(item.why.clone());
    remark.extend(item.not_before.map(|at| age(at, now)));
    [
        Cell::toned(tone, sign),
        item.hook.as_str().into(),
        format!("{}/{}", item.kind, item.key).into(),
        Cell::toned(tone, item.action.as_str()),
        remark.join("; ").into(),
    ]
}

fn change(change: &Change) -> String {
    let shown = |value: &Value| match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    format!("{} {} -> {}", change.field, shown(&change.from), shown(&change.to))
}

fn summary(plan: &Plan) -> String {
    let mut counts: BTreeMap<Action, u32> = BTreeMap::new();
    for item in &plan.items {
        *counts.entry(item.action).or_default() += 1;
    }
    let part = |(action, count): (&Action, &u32)| match action {
        Action::Held => format!("{count} held"),
        Action::Conflict => format!("{count} in conflict"),
        other => format!("{count} to {other}"),
    };
    let parts: Vec<_> = counts.iter().map(part).collect();
    let unknown: BTreeSet<_> =
        plan.waits.iter().filter(|waits| !waits.frozen).map(|waits| &waits.owner).collect();
    let unknown = unknown.len();
    let what = match (parts.is_empty(), unknown) {
        (true, 0) => "nothing to do".to_owned(),
        (true, _) => "nothing can be planned".to_owned(),
        (false, _) => parts.join(", "),
    };
    let mut text = format!("{what}; {} as they should be\n", plan.unchanged);
    if unknown > 0 {
        let owners = if unknown == 1 { "owner" } else { "owners" };
        let _ = writeln!(text, "of {unknown} {owners} not everything is known yet: plan again after this");
    }
    match plan.level {
        Level::Enforce => {}
        Level::NoDeletes => {
            text.push_str("level = \"no-deletes\": nothing is removed unless it is applied\n");
        }
        Level::Observe => text.push_str("level = \"observe\": nothing is done unless it is applied\n"),
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn item(action: Action, app: &str, key: &str) -> Item {
        Item {
            action,
            hook: "dns".to_owned(),
            owner: groundcrew_core::subject::Path::app("acme", app).unwrap(),
            owner_id: format!("app:{app}").parse().unwrap(),
            kind: "record".to_owned(),
            key: key.to_owned(),
            row: None,
            thing: None,
            body: json!({"ttl": 300}),
            changes: Vec::new(),
            why: None,
            not_before: None,
        }
    }

    fn plan() -> Plan {
        let now = Timestamp::from_millis(1_800_000_000_000);
        let ttl = Change { field: "ttl".to_owned(), from: json!(60), to: json!(300) };
        let why = |item: Item, why: &str| Item { why: Some(why.to_owned()), ..item };
        let later = now + groundcrew_core::duration::Millis::minutes(14);
        let items = vec![
            item(Action::Create, "cust-7", "A/new"),
            Item { changes: vec![ttl.clone()], ..item(Action::Update, "cust-7", "A/www") },
            why(
                Item { changes: vec![ttl], ..item(Action::Replace, "cust-7", "A/x") },
                "`ttl` cannot be changed in place",
            ),
            Item { not_before: Some(later), ..why(item(Action::Delete, "cust-8", "A/old"), "grace of 15m") },
            item(Action::Adopt, "cust-9", "A/found"),
            why(item(Action::HandOver, "cust-9", "A/shop"), "from fly/acme/cust-3"),
            why(
                item(Action::Held, "cust-9", "A/held"),
                "12 deletes are due within 1h, 10 are allowed: approve",
            ),
            why(item(Action::Conflict, "cust-9", "A/theirs"), "somebody else's `A/theirs` has this key"),
        ];
        let owner = groundcrew_core::subject::Path::app("acme", "cust-10").unwrap();
        let waits = groundcrew_core::plan::Waits {
            hook: "dns".to_owned(),
            owner,
            why: "`{ip.v4}` has no value yet".to_owned(),
            frozen: false,
        };
        Plan {
            format: FORMAT,
            installation: "acme-prod".to_owned(),
            level: Level::NoDeletes,
            made_at: now,
            until: now + groundcrew_core::plan::HOLDS,
            hooks: BTreeMap::new(),
            items,
            waits: vec![waits],
            unchanged: 380,
        }
    }

    #[test]
    fn every_action_has_its_sign_reason_and_count() {
        let plan = plan();
        let drawn = anstream::adapter::strip_str(&draw(&plan, plan.made_at)).to_string();
        let expected = "\
fly/acme/cust-7
  +    dns   record/A/new     create
  ~    dns   record/A/www     update     ttl 60 -> 300
  -/+  dns   record/A/x       replace    ttl 60 -> 300; `ttl` cannot be changed in place
fly/acme/cust-8
  -    dns   record/A/old     delete     grace of 15m; in 14 min
fly/acme/cust-9
  =    dns   record/A/found   adopt
  >    dns   record/A/shop    hand over  from fly/acme/cust-3
  !    dns   record/A/held    held       12 deletes are due within 1h, 10 are allowed: approve
  !    dns   record/A/theirs  conflict   somebody else's `A/theirs` has this key
not known yet: dns for fly/acme/cust-10: `{ip.v4}` has no value yet

1 to create, 1 to update, 1 to replace, 1 to delete, 1 to adopt, 1 to hand over, 1 held, 1 in conflict; 380 as they should be
of 1 owner not everything is known yet: plan again after this
level = \"no-deletes\": nothing is removed unless it is applied
";
        assert_eq!(drawn, expected);
    }

    #[test]
    fn a_plan_is_read_back_as_it_was_written() {
        let text = serde_json::to_string(&plan()).unwrap();
        assert_eq!(serde_json::from_str::<Plan>(&text).unwrap(), plan());
        assert!(text.contains("\"made_at\":\"2027-01-15T08:00:00.000Z\""), "{text}");
    }
}
