//! The remedies: both look at ledger, ceilings and machines again before they act.

use groundcrew_hook::audit::{is_quiet, now};
use groundcrew_hook::fly::machines::{self, Machine};
use groundcrew_hook::fly::{Api, failure, is_gone};
use groundcrew_hook::{Outcome, Owner, Result, Subject, fleet};

use crate::config::{Config, Standing};
use crate::held::{Held, Note, may_be_cordoned};
use crate::{Spending, all_apps, living};

/// Cordons and suspends what was planned and still runs.
pub(crate) fn suspend(config: &Config, owner: &Owner) -> Result<Outcome> {
    let Some(app) = present(owner)? else { return Ok(Outcome::NoLongerTrue) };
    if standing(config, &app)? != Standing::Exceeded {
        return Ok(Outcome::NoLongerTrue);
    }
    let api = config.machines()?;
    let mut held = Held::of(&app.id)?;
    let mut busy = false;
    for machine in living(&api, app.app()?)? {
        if held.0.get(&machine.id) != Some(&Note::Planned) {
            continue;
        }
        let done = if !is_quiet(&machine.state) {
            let calls =
                [machines::cordon(app.app()?, &machine.id), machines::suspend(app.app()?, &machine.id)];
            command(&api, &calls)?
        } else if machine.state == "suspended" && may_be_cordoned(&machine) {
            // A try that was cut off did it.
            Done::Yes
        } else {
            Done::Gone
        };
        match done {
            Done::Yes => drop(held.0.insert(machine.id, Note::Done)),
            Done::Gone => drop(held.0.remove(&machine.id)),
            Done::NotNow => busy = true,
        }
    }
    held.save(&app.id)?;
    Ok(if busy { Outcome::NotNow } else { Outcome::Fixed })
}

/// Uncordons and starts what was suspended and still is.
pub(crate) fn resume(config: &Config, owner: &Owner) -> Result<Outcome> {
    let Some(app) = present(owner)? else { return Ok(Outcome::NoLongerTrue) };
    if standing(config, &app)? == Standing::Exceeded {
        return Ok(Outcome::NoLongerTrue);
    }
    let api = config.machines()?;
    let mut held = Held::of(&app.id)?;
    let machines = living(&api, app.app()?)?;
    held.under(&machines);
    if held.0.is_empty() {
        held.save(&app.id)?;
        return Ok(Outcome::NoLongerTrue);
    }
    let ours = |machine: &&Machine| held.0.contains_key(&machine.id);
    let (mut left, mut busy) = (held.clone(), false);
    for machine in machines.iter().filter(ours) {
        // In this order: cut off in between, it is suspended still, and done again.
        let calls = [machines::uncordon(app.app()?, &machine.id), machines::start(app.app()?, &machine.id)];
        match command(&api, &calls)? {
            Done::Yes | Done::Gone => drop(left.0.remove(&machine.id)),
            Done::NotNow => busy = true,
        }
    }
    left.save(&app.id)?;
    Ok(if busy { Outcome::NotNow } else { Outcome::Fixed })
}

/// The app of a finding, if it lives and is the same incarnation.
fn present(owner: &Owner) -> Result<Option<Subject>> {
    Ok(fleet::subject(&owner.path)?.filter(|app| app.id == owner.id))
}

fn standing(config: &Config, app: &Subject) -> Result<Standing> {
    let (spending, all) = (Spending::read(now()?)?, all_apps(config)?);
    let totals = config.totals(&all, &|app| spending.of(app));
    let measure = config.measure(app, spending.of(app), &totals);
    Ok(measure.map_or(Standing::Fine, |measure| config.standing(&measure)))
}

/// What became of a machine.
enum Done {
    Yes,
    /// It is gone.
    Gone,
    /// Somebody holds its lease, or it is being changed.
    NotNow,
}

fn command(api: &Api, calls: &[groundcrew_hook::fly::Call<()>]) -> Result<Done> {
    for call in calls {
        match api.ask(call)? {
            Ok(()) => {}
            Err(error) if is_gone(&error) => return Ok(Done::Gone),
            Err(error) => match error.refusal().map(|refusal| refusal.status) {
                Some(409 | 412 | 423) => return Ok(Done::NotNow),
                _ => return Err(failure(&error)),
            },
        }
    }
    Ok(Done::Yes)
}
