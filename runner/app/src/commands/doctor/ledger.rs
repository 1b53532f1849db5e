//! Checks of the store and of what it knows.

use std::error::Error as _;
use std::path::Path;

use groundcrew_core::duration::Millis;
use groundcrew_core::row::State;
use groundcrew_core::schedule::AHEAD;
use groundcrew_core::time::Timestamp;
use groundcrew_store::findings::{ClosedToo, Severity};
use groundcrew_store::hooks::HookState;
use groundcrew_store::upgrades::MORE;
use groundcrew_store::{Reader, Store};

use super::{Chart, Grade};
use crate::commands::{Context, approve, recover};
use crate::config::Config;
use crate::data_dir::DataDir;
use crate::key;
use crate::runner::provisioner::marks;
use crate::show;
use crate::source::lines_read;

pub(super) fn check(context: &Context, dir: &DataDir, config: Option<&Config>, chart: &mut Chart) {
    let file = dir.database();
    if !file.exists() {
        return chart.note(
            "database",
            format!("{} is not there yet; the first `groundcrew up` makes it", file.display()),
            &[],
        );
    }
    let checked = Reader::open(&file).and_then(|store| {
        let (found, known) = store.schema()?;
        schema(&file, (found, known), chart);
        key(&store, dir, chart);
        all(&store, context.now(), config, chart)
    });
    match checked {
        Ok(()) => {}
        Err(error) if error.is_broken() => chart.bad("database", broken(&file, &error), &TO_REBUILD),
        Err(error) => chart.bad("database", error.to_string(), &[]),
    }
}

/// What helps where nothing of the database can be relied on.
const TO_REBUILD: [&str; 2] = [
    recover::FROM_COPY,
    "groundcrew recover, without a copy: when `up` is stopped and the broken one was moved away",
];

/// The file and why it cannot be read, which not every error says itself.
fn broken(file: &Path, error: &groundcrew_store::Error) -> String {
    let why = error.source().map_or_else(|| error.to_string(), ToString::to_string);
    format!("{}: {why}", file.display())
}

/// Whether this program's `up` would migrate it: until then everything below is read from a copy.
fn schema(file: &Path, (found, known): (u32, u32), chart: &mut Chart) {
    let said = format!("{}: schema {found} of {known}", file.display());
    if found == known {
        return chart.good("database", said);
    }
    let message = format!("{said}: read from a migrated copy; the next start of this version migrates it");
    chart.note("database", message, &["groundcrew backup FILE", "groundcrew plan", "groundcrew up"]);
}

/// Whether the key is the one that the database was begun with.
fn key(store: &Store, dir: &DataDir, chart: &mut Chart) {
    match key::belonging(store, &dir.key(), &dir.database()) {
        Ok(Some(_)) => chart.good("key", format!("{}: it belongs to the database", dir.key().display())),
        Ok(None) => chart.note("key", "there is none yet; the first `groundcrew up` makes it", &[]),
        Err(error) => chart.bad("key", error.to_string(), &[]),
    }
}

fn all(
    store: &Store,
    now: Timestamp,
    config: Option<&Config>,
    chart: &mut Chart,
) -> groundcrew_store::Result<()> {
    installation(store, config, chart)?;
    hooks(store, chart)?;
    versions(store, chart)?;
    for pause in store.pauses()? {
        let at = Timestamp::parse_rfc3339(&pause.at).map(|at| show::ago(at, now)).unwrap_or_default();
        let over = match (&pause.hook, &pause.path) {
            (None, None) => "everything".to_owned(),
            (Some(hook), None) => format!("hook {hook}"),
            (None, Some(path)) => path.clone(),
            (Some(hook), Some(path)) => format!("hook {hook} for {path}"),
        };
        let hook = pause.hook.map(|hook| format!(" --hook {hook}")).unwrap_or_default();
        let app = pause.path.map(|path| format!(" --app {path}")).unwrap_or_default();
        let message = format!("{over} at {}, by {} {at}", pause.level, pause.who);
        chart.note("pauses", message, &[&format!("groundcrew unpause{hook}{app}")]);
    }
    counts(store, now, chart)?;
    schedules(store, now, chart)?;
    others(store, now, chart)?;
    for (source, at) in store.cursors()? {
        let read = lines_read(&source, store)?.map(|(path, line)| {
            let path = if path == "-" { "standard input" } else { path.as_str() };
            format!(": line {line} of {path}")
        });
        // It moves when something new is read, not with each reading; whether there are any is the runner's readiness.
        let message =
            format!("{source}: its place last moved {}{}", show::ago(at, now), read.unwrap_or_default());
        chart.good("sources", message);
    }
    Ok(())
}

fn installation(store: &Store, config: Option<&Config>, chart: &mut Chart) -> groundcrew_store::Result<()> {
    let Some((stored, config)) = store.meta("installation")?.zip(config) else { return Ok(()) };
    if stored == config.installation {
        chart.good("installation", stored);
    } else {
        let message = format!("the configuration says {}, the database is {stored}'s", config.installation);
        chart.bad(
            "installation",
            message,
            &["write the old id back: with another one, everything made so far is foreign"],
        );
    }
    Ok(())
}

/// Another installation, or another runner of this one.
fn others(store: &Store, now: Timestamp, chart: &mut Chart) -> groundcrew_store::Result<()> {
    if let Some(recovery) = store.recovery(now)? {
        let since = show::ago(recovery.since, now);
        let message = format!("under way, begun {since}: nothing is written outside");
        chart.note("recovery", message, &["groundcrew recover"]);
    }
    for finding in store.findings(ClosedToo::No)? {
        match finding.code.as_str() {
            marks::SECOND => chart.bad("runners", finding.message, finding.remedy.as_deref().as_slice()),
            marks::OTHER => chart.note("installations", finding.message, &[]),
            _ => {}
        }
    }
    Ok(())
}

fn hooks(store: &Store, chart: &mut Chart) -> groundcrew_store::Result<()> {
    for hook in store.hooks()?.into_iter().filter(|hook| hook.state == HookState::Detached) {
        let rows = store.things_left(hook.id)?;
        // Handlers and auditors have nothing that would have to be looked after.
        if rows == 0 {
            continue;
        }
        let message = format!(
            "{} is detached: its stanza is gone, its {rows} things stay and are not looked after",
            hook.name
        );
        chart.bad(
            "hooks",
            message,
            &[
                &format!("write [hook.{}] back", hook.name),
                &format!("groundcrew resources --hook {}", hook.name),
            ],
        );
    }
    for hook in store.hooks()? {
        let Some(ending) = hook.ending else { continue };
        match hook.state {
            HookState::Removed => {
                let message = format!("{} is removed and makes nothing: its stanza can go", hook.name);
                chart.note(
                    "hooks",
                    message,
                    &[&format!("take [hook.{}] out of the configuration", hook.name)],
                );
            }
            HookState::Active | HookState::Detached => {
                let left = store.things_left(hook.id)?;
                let message = format!("{}: removing, {left} of {} left", hook.name, ending.of);
                chart.note("hooks", message, &[&format!("groundcrew resources --hook {}", hook.name)]);
            }
        }
    }
    Ok(())
}

/// Versions that are not started, since they ask for more than the one before.
fn versions(store: &Store, chart: &mut Chart) -> groundcrew_store::Result<()> {
    let open = store.findings(ClosedToo::No)?;
    for hook in store.hooks()?.into_iter().filter(|hook| hook.state == HookState::Active) {
        let Some(waiting) = store.upgrade(hook.id)?.waiting else { continue };
        let name = &hook.name;
        let stands_still = open.iter().any(|finding| {
            let is_this = finding.code == MORE && finding.about == *name;
            is_this && finding.severity == Severity::Critical.as_str()
        });
        let (grade, meanwhile) = if stands_still {
            (Grade::Bad, "the hook stands still")
        } else {
            (Grade::Note, "the one before goes on")
        };
        let short = waiting.component.get(..12).unwrap_or(&waiting.component);
        let message = format!("{name}: the new version {short} {}, and waits; {meanwhile}", waiting.asks());
        chart.add(
            "versions",
            grade,
            message,
            &[&format!("groundcrew diff {name} {short}"), &approve::let_in(name)],
        );
    }
    Ok(())
}

/// Schedules that would stand still until the clock is where it was once.
fn schedules(store: &Store, now: Timestamp, chart: &mut Chart) -> groundcrew_store::Result<()> {
    for (name, last) in store.schedules()?.into_iter().filter(|(_, last)| *last > now + AHEAD) {
        let ahead = show::age(now, last);
        let message =
            format!("the clock was {ahead} ahead when {name} was last taken up: `up` begins it anew");
        chart.note("schedules", message, &["groundcrew audit list"]);
    }
    Ok(())
}

fn counts(store: &Store, now: Timestamp, chart: &mut Chart) -> groundcrew_store::Result<()> {
    let counts = store.counts(now)?;
    let total: u32 = counts.rows.iter().map(|(_, _, count)| count).sum();
    let in_doubt = counts.rows.iter().filter(|(_, state, _)| *state == State::InDoubt);
    let in_doubt: u32 = in_doubt.map(|(_, _, count)| count).sum();
    chart.good("ledger", format!("{total} things, {} lanes due", counts.lanes_due));
    if in_doubt > 0 {
        chart.note(
            "in doubt",
            format!("{in_doubt}: they settle by themselves"),
            &["groundcrew resources --state in-doubt"],
        );
    }
    if counts.stuck > 0 {
        chart.bad(
            "stuck",
            format!("{} failed for so long that a person should look", counts.stuck),
            &["groundcrew findings"],
        );
    }
    if counts.held > 0 {
        chart.note("held", format!("{} removals wait for approval", counts.held), &["groundcrew approve"]);
    }
    let dead: u32 = counts.dead.iter().map(|(_, count)| count).sum();
    if dead > 0 {
        chart.bad("dead", format!("{dead} deliveries gave up"), &["groundcrew dead list"]);
    }
    if let Some(oldest) = counts.oldest_owed.filter(|at| now.since(*at) > Millis::minutes(10)) {
        chart.note(
            "deliveries",
            format!("the oldest event that is still owed is {} old", show::age(oldest, now)),
            &["groundcrew runs"],
        );
    }
    match store.findings(ClosedToo::No)?.len() {
        0 => chart.good("findings", "none"),
        open => chart.note("findings", format!("{open} are open"), &["groundcrew findings"]),
    }
    Ok(())
}
