//! The remedies: both look at ledger, ceilings and machines again before they act.

use groundcrew_hook::audit::{Pace, is_quiet, now};
use groundcrew_hook::fly::machines;
use groundcrew_hook::fly::{Api, failure, is_gone};
use groundcrew_hook::{Failure, Outcome, Owner, Result, Subject, fleet, log};

use crate::config::{Config, Standing};
use crate::held::{Held, Note, may_be_cordoned};
use crate::{Spending, all_apps, living};

/// Cordons and suspends what was planned and still runs.
///
/// One machine's failure stops neither the others nor what is noted of them.
pub(crate) fn suspend(config: &Config, owner: &Owner) -> Result<Outcome> {
    let Some(app) = present(owner)? else { return Ok(Outcome::NoLongerTrue) };
    if standing(config, &app)? != Standing::Exceeded {
        return Ok(Outcome::NoLongerTrue);
    }
    let api = config.machines()?;
    let mut held = Held::of(&app.id)?;
    let machines = living(&api, app.app()?)?;
    let mut tally = Tally::start();
    for machine in &machines {
        if !held.0.get(&machine.id).is_some_and(|note| note.is_to_do()) {
            continue;
        }
        if is_quiet(&machine.state) {
            // What a try that was cut off suspended is ours; what somebody else stopped is not.
            if machine.state == "suspended" && may_be_cordoned(machine) {
                held.0.insert(machine.id.clone(), Note::Done);
            } else {
                held.0.remove(&machine.id);
            }
            continue;
        }
        if tally.is_full() {
            break;
        }
        match suspend_one(&api, app.app()?, &machine.id, &mut tally) {
            Done::Yes => drop(held.0.insert(machine.id.clone(), Note::Done)),
            Done::Gone => drop(held.0.remove(&machine.id)),
            Done::Unknown => drop(held.0.insert(machine.id.clone(), Note::Tried)),
            Done::Not => {}
        }
    }
    tally.end(&held, &app.id)
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
    let (mut left, mut tally) = (held.clone(), Tally::start());
    for machine in machines.iter().filter(|machine| held.0.contains_key(&machine.id)) {
        if tally.is_full() {
            break;
        }
        // In this order: cut off in between, it is suspended still, and done again.
        let calls = [machines::uncordon(app.app()?, &machine.id), machines::start(app.app()?, &machine.id)];
        // What was cordoned and runs on needs no start.
        let calls = if is_quiet(&machine.state) { &calls[..] } else { &calls[..1] };
        let done = calls.iter().map(|call| tally.command(&api, call)).find(|done| *done != Done::Yes);
        if matches!(done, None | Some(Done::Gone)) {
            left.0.remove(&machine.id);
        }
    }
    tally.end(&left, &app.id)
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

/// Cordons, then suspends; uncordons again where that is refused, so that a machine that runs on also serves on.
fn suspend_one(api: &Api, app: &str, machine: &str, tally: &mut Tally) -> Done {
    let cordoned = tally.command(api, &machines::cordon(app, machine));
    if cordoned != Done::Yes {
        return cordoned;
    }
    let suspended = tally.command(api, &machines::suspend(app, machine));
    if suspended == Done::Not {
        return match tally.command(api, &machines::uncordon(app, machine)) {
            Done::Yes => Done::Not,
            Done::Gone => Done::Gone,
            Done::Not | Done::Unknown => Done::Unknown,
        };
    }
    suspended
}

/// What became of a command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Done {
    Yes,
    /// The machine is gone.
    Gone,
    /// It was refused: somebody holds the machine's lease, it is being changed, or the token may not.
    Not,
    /// It may have taken effect: no answer came, or one of the API's own failures.
    Unknown,
}

/// What became of one attempt's commands.
struct Tally {
    pace: Pace,
    commanded: Commanded,
    /// A machine was not to be had, or there was no time for it.
    left: bool,
    failure: Option<Failure>,
}

/// Whether a command was accepted, or may have been.
#[derive(PartialEq, Eq)]
enum Commanded {
    Nothing,
    Something,
}

impl Tally {
    fn start() -> Self {
        Self { pace: Pace::start(), commanded: Commanded::Nothing, left: false, failure: None }
    }

    /// Whether the rest is for another attempt, since notes are lost with a run that the host ends.
    fn is_full(&mut self) -> bool {
        let full = self.pace.is_over_after(0);
        self.left |= full;
        full
    }

    fn command(&mut self, api: &Api, call: &groundcrew_hook::fly::Call<()>) -> Done {
        self.pace.spend(1);
        let error = match api.ask(call) {
            Ok(Ok(())) => {
                self.commanded = Commanded::Something;
                return Done::Yes;
            }
            Ok(Err(error)) => error,
            Err(failure) => {
                self.failure.get_or_insert(failure);
                return Done::Unknown;
            }
        };
        if is_gone(&error) {
            return Done::Gone;
        }
        match error.refusal().map(|refusal| refusal.status) {
            Some(409 | 412 | 423 | 425 | 429) => self.left = true,
            Some(400..500) => drop(self.failure.get_or_insert_with(|| failure(&error))),
            _ => {
                self.failure.get_or_insert_with(|| failure(&error));
                return Done::Unknown;
            }
        }
        Done::Not
    }

    /// Keeps what is noted, and says what became of the attempt.
    ///
    /// Notes are kept only with success, so a failure beside something that was done is logged and `not-now`.
    fn end(self, held: &Held, app_id: &str) -> Result<Outcome> {
        let outcome = match (self.failure, self.commanded) {
            (Some(failure), Commanded::Nothing) => return Err(failure),
            (Some(failure), Commanded::Something) => {
                log::error(failure);
                Outcome::NotNow
            }
            (None, _) if self.left => Outcome::NotNow,
            (None, Commanded::Something) => Outcome::Fixed,
            (None, Commanded::Nothing) => Outcome::NoLongerTrue,
        };
        held.save(app_id)?;
        Ok(outcome)
    }
}
