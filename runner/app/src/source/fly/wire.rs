//! What is asked becomes a request, and its answer an observation.

use std::collections::BTreeSet;

use groundcrew_core::duration::Millis;
use groundcrew_core::mirror::{
    AppSeen, Apps, Ask, LogEntry, MachineSeen, Observation, OrgPage, OrgQuery, Outcome, Reach, Whole,
};
use groundcrew_core::poll::Done;
use groundcrew_core::time::Timestamp;
use groundcrew_fly::{Answer, ApiError, Class, Refusal, Request, apps, machines, redact, tokens};
use serde::Serialize;
use serde_json::{Value, json};

/// What an answer means.
#[derive(Clone, Debug)]
pub(super) struct Reading {
    pub(super) observation: Observation,
    /// What it means for the schedule.
    pub(super) done: Done,
    /// What is wrong with it, for people, with the platform's id of the request; none: nothing, or no answer came.
    pub(super) wrong: Option<String>,
}

/// What a request asks for, with all that is needed to read its answer.
#[derive(Clone, Debug)]
pub(super) struct Question {
    pub(super) ask: Ask,
    /// The organisation's slug as it was configured.
    pub(super) org: String,
    /// The slug that its apps report, once known: `personal` is an alias.
    pub(super) real_org: Option<String>,
    pub(super) query: OrgQuery,
}

impl Question {
    /// The request, without host and token.
    pub(super) fn request(&self) -> Request {
        match &self.ask {
            Ask::Control => tokens::current().request,
            Ask::Apps => apps::list(&self.org).request,
            Ask::OrgMachines => self.page().request,
            Ask::App { app } => apps::show(app).request,
            Ask::Machines { app } => machines::list(app).request,
            Ask::Machine { app, machine } => machines::show(app, machine).request,
            Ask::Log { app, machine } => machines::events(app, machine).request,
        }
    }

    /// What an answer means; none: no answer came.
    pub(super) fn read(&self, answer: Option<&Answer>, now: Timestamp) -> Reading {
        match self.ask.clone() {
            Ask::Control => {
                let judged = judge(answer.map(|it| tokens::current().read(it)), now, |it| reach(&it));
                judged.whole(|outcome| Observation::Control { outcome })
            }
            Ask::Apps => {
                let judged = judge(answer.map(|it| apps::list(&self.org).read(it)), now, |it| app_list(&it));
                judged.whole(|outcome| Observation::Apps { outcome })
            }
            Ask::OrgMachines => {
                let judged = judge(answer.map(|it| self.page().read(it)), now, org_page);
                judged.whole(|outcome| Observation::OrgPage { query: self.query.clone(), outcome })
            }
            Ask::App { app } => {
                let judged = judge(answer.map(|it| apps::show(&app).read(it)), now, |it| app_seen(&it));
                judged.of_somebody(|outcome| Observation::App { app, outcome })
            }
            Ask::Machines { app } => {
                let list = |list: Vec<_>| list.iter().map(machine_seen).collect();
                let judged = judge(answer.map(|it| machines::list(&app).read(it)), now, list);
                judged.of_somebody(|outcome| Observation::Machines { app, outcome })
            }
            Ask::Machine { app, machine } => {
                let read = answer.map(|it| machines::show(&app, &machine).read(it));
                let judged = judge(read, now, |it| machine_seen(&it));
                judged.of_somebody(|outcome| Observation::Machine { app, machine, outcome })
            }
            Ask::Log { app, machine } => {
                let read = answer.map(|it| machines::events(&app, &machine).read(it));
                let judged = judge(read, now, |it: Vec<_>| it.iter().map(log_entry).collect());
                judged.of_somebody(|outcome| Observation::Log { machine, outcome })
            }
        }
    }

    fn page(&self) -> groundcrew_fly::Call<machines::OrgMachines> {
        let deleted =
            if self.query.include_deleted { machines::Deleted::Included } else { machines::Deleted::Omitted };
        let updated_after = self.query.updated_after.map(|at| at.to_string());
        let page = machines::OrgPage {
            updated_after: updated_after.as_deref(),
            cursor: self.query.cursor.as_deref(),
            deleted,
        };
        machines::org_page(self.real_org.as_deref().unwrap_or(&self.org), &page)
    }
}

/// What an answer says of whoever was asked for, and what it means for the schedule.
struct Judged<S> {
    outcome: Outcome<S>,
    done: Done,
    error: Option<ApiError>,
}

impl<S> Judged<S> {
    /// What was asked for is there in any case: whatever else is answered is wrong.
    fn whole(self, observe: impl FnOnce(Outcome<S>) -> Observation) -> Reading {
        let wrong = self.error.as_ref().map(said);
        Reading { observation: observe(self.outcome), done: self.done, wrong }
    }

    /// Somebody was asked for who may not be there: that is an answer.
    fn of_somebody(self, observe: impl FnOnce(Outcome<S>) -> Observation) -> Reading {
        let error = self.error.filter(|error| error.class() != Class::Gone);
        Judged { error, ..self }.whole(observe)
    }
}

fn judge<T, S>(read: Option<Result<T, ApiError>>, now: Timestamp, see: impl FnOnce(T) -> S) -> Judged<S> {
    let error = match read {
        Some(Ok(seen)) => {
            return Judged { outcome: Outcome::Found(see(seen)), done: Done::Answered, error: None };
        }
        Some(Err(error)) => Some(error),
        None => None,
    };
    let (outcome, done) = match &error {
        Some(ApiError::Refused(refusal)) => refused(refusal, now),
        Some(ApiError::Unreadable { .. } | ApiError::GraphQl { .. }) | None => {
            (Outcome::Failed, Done::Failed(None))
        }
    };
    Judged { outcome, done, error }
}

/// Longest text of an error that is told, in characters.
const SAID_MAX: usize = 300;

/// An error with its cause.
pub(super) fn said(error: &ApiError) -> String {
    let cause = std::error::Error::source(error).map(|cause| format!(": {cause}")).unwrap_or_default();
    format!("{error}{cause}").chars().take(SAID_MAX).collect()
}

fn refused<S>(refusal: &Refusal, now: Timestamp) -> (Outcome<S>, Done) {
    let after = refusal.retry_after.map(|after| {
        let millis = after.delay_ms(now.as_millis());
        Millis::new(i64::try_from(millis).unwrap_or(i64::MAX))
    });
    match refusal.status {
        404 | 410 => (Outcome::NotFound, Done::Refused),
        400 if refusal.says_no_app() => (Outcome::NoSuchApp, Done::Refused),
        401 => (Outcome::Unauthorized, Done::Refused),
        403 => (Outcome::Forbidden, Done::Refused),
        408 | 409 | 412 | 423 | 425 | 429 => (Outcome::Failed, Done::Later(after)),
        500.. => (Outcome::Failed, Done::Failed(after)),
        _ => (Outcome::Failed, Done::Refused),
    }
}

fn app_list(list: &apps::Apps) -> Apps {
    let extent = if list.is_whole() { Whole::Whole } else { Whole::Part };
    Apps { apps: list.apps.iter().map(app_seen).collect(), extent }
}

fn app_seen(app: &apps::App) -> AppSeen {
    let org = app.organization.as_ref();
    AppSeen {
        id: app.id.clone(),
        name: app.name.clone(),
        org_id: org.and_then(|org| org.internal_numeric_id).map(|id| id.to_string()),
        org_slug: org.map(|org| org.slug.clone()).filter(|slug| !slug.is_empty()),
        status: app.status.clone(),
        network: app.network.clone().filter(|network| !network.is_empty()),
        raw: redacted(app),
    }
}

fn org_page(page: machines::OrgMachines) -> OrgPage {
    OrgPage {
        machines: page.machines.iter().map(machine_seen).collect(),
        next: page.next_cursor.filter(|next| !next.is_empty()),
        last_updated_at: time(page.last_updated_at.as_deref()),
        error_regions: page.error_regions,
    }
}

fn machine_seen(machine: &machines::Machine) -> MachineSeen {
    MachineSeen {
        id: machine.id.clone(),
        app: machine.app_name.clone(),
        state: machine.state.clone(),
        created_at: time(machine.created_at.as_deref()),
        updated_at: time(machine.updated_at.as_deref()),
        region: Some(machine.region.clone()).filter(|region| !region.is_empty()),
        instance: machine.version_id().map(str::to_owned),
        image: machine.image().map(str::to_owned),
        metadata: machine.metadata(),
        log: machine.events.iter().map(log_entry).collect(),
        raw: redacted(machine),
    }
}

fn log_entry(event: &machines::MachineEvent) -> LogEntry {
    let reason = event.exit().map(|exit| {
        json!({
            "exit_code": exit.exit_code,
            "signal": exit.signal,
            "oom_killed": exit.oom_killed,
            "requested_stop": exit.requested_stop,
            "restarting": exit.restarting,
        })
    });
    LogEntry {
        id: event.id.clone(),
        kind: event.kind.clone(),
        status: event.status.clone(),
        at: Timestamp::from_millis(event.timestamp),
        reason,
    }
}

/// Organisations are told apart by slug here: the platform shows no other id of them beside a token.
pub(super) fn reach(tokens: &tokens::Tokens) -> Reach {
    let tokens = &tokens.tokens;
    let orgs = tokens.iter().map(|token| token.org_slug.clone()).filter(|slug| !slug.is_empty()).collect();
    let confined = !tokens.is_empty() && tokens.iter().all(|token| !token.apps.is_empty());
    let apps: BTreeSet<_> = tokens.iter().flat_map(|token| token.apps.iter().cloned()).collect();
    Reach { orgs, apps: confined.then_some(apps) }
}

fn redacted(object: &impl Serialize) -> Value {
    let mut value = serde_json::to_value(object).unwrap_or_default();
    redact(&mut value);
    value
}

fn time(text: Option<&str>) -> Option<Timestamp> {
    text.and_then(Timestamp::parse_rfc3339)
}
