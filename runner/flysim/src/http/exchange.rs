//! What happens between a call and its answer, apart from the call itself.
//!
//! ```text
//! token -> rate limit -> faults before -> late -> handler -> faults after -> holds -> answer
//! ```

use serde_json::json;

use super::call::{Answer, Body, Call, Sent, Wait};
use crate::graphql;
use crate::knobs::{RateLimits, RetryAfter};
use crate::log::Actor;
use crate::refusal::{Refusal, Shape, stock};
use crate::rules::applies;
use crate::world::{Context, Due, HeldAnswer, HoldStatus, State};

/// What becomes of an answer.
#[derive(Debug, PartialEq)]
pub(crate) enum Outcome {
    /// It is sent.
    Reply(Answer),
    /// It is withheld.
    Held { seq: u64, answer: Answer },
    /// It is not ready.
    Waiting(Wait),
    /// It is never sent; the connection ends.
    Dropped,
}

impl State {
    /// Takes a call and lets it have its effect.
    pub(crate) fn exchange(&mut self, call: &mut Call) -> Outcome {
        call.request_id = self.ids.ulid(self.now) + "-sim";
        self.stats.requests += 1;
        *self.stats.operations.entry(operation(call)).or_default() += 1;
        let mine = Context { by: Actor::Client, request_id: Some(call.request_id.clone()), answered: true };
        let outer = std::mem::replace(&mut self.context, mine);
        let outcome = self.outcome(call);
        self.context = outer;
        outcome
    }

    fn outcome(&mut self, call: &Call) -> Outcome {
        let shape = call.route.map_or(Shape::Error, |route| route.shape);
        if let Some(answer) = self.turn_away(call, shape) {
            return Outcome::Reply(answer);
        }
        if let Some(fault) = applies(&mut self.knobs.faults, &call.method, &call.path, |f| !f.after_effect) {
            let (status, body) = (fault.status, fault.body.clone());
            return failure(call, status, body);
        }
        if let Some(late) = applies(&mut self.knobs.late, &call.method, &call.path, |_| true) {
            let (status, delay_ms) = (late.status, late.delay_ms);
            self.schedule(delay_ms, Due::Late { call: Box::new(call.clone()) });
            return failure(call, status, None);
        }
        let fault = applies(&mut self.knobs.faults, &call.method, &call.path, |f| f.after_effect);
        let fault = fault.map(|fault| (fault.status, fault.body.clone()));
        let held =
            fault.is_none() && applies(&mut self.knobs.holds, &call.method, &call.path, |_| true).is_some();
        self.context.answered = fault.is_none() && !held;
        let answer = self.run(call);
        match fault {
            Some((status, body)) => failure(call, status, body),
            None if held => self.hold(call, answer),
            None => match answer.wait {
                Some(wait) => Outcome::Waiting(wait),
                None => Outcome::Reply(answer),
            },
        }
    }

    /// Runs the handler of a call.
    pub(crate) fn run(&mut self, call: &Call) -> Answer {
        let Some(route) = call.route else {
            return Answer::json(404, json!({"error": "404 page not found"}));
        };
        (route.run)(self, call).unwrap_or_else(|refusal| Answer::refusal(&refusal, route.shape))
    }

    /// The answer for a call that may not come in.
    fn turn_away(&mut self, call: &Call, shape: Shape) -> Option<Answer> {
        let route = call.route?;
        let public = route.operation == "Platform_regions_get"
            // Measured by formae-plugin-fly, 2026-08: 404 comes before 401 here.
            || (route.operation == "Apps_list" && call.query("org_slug").is_none());
        if !public && (self.knobs.token_invalid || !has_token(call)) {
            return Some(Answer::refusal(&stock(401), shape));
        }
        if self.knobs.token_read_only && changes(call) {
            return Some(Answer::refusal(&stock(403), shape));
        }
        if self.knobs.rate_limits == RateLimits::Documented {
            let id = route.limited_by(call);
            if let Err(wait_ms) = self.limits.take(route.class, route.operation, id, self.now) {
                self.stats.too_many += 1;
                return Some(self.too_many(wait_ms, shape));
            }
        }
        if call.sent == Sent::Garbage {
            let refusal = Refusal::bad_request("invalid_argument: unable to parse request body");
            return Some(Answer::refusal(&refusal, shape));
        }
        None
    }

    fn too_many(&self, wait_ms: i64, shape: Shape) -> Answer {
        let seconds = (wait_ms + 999) / 1000;
        let mut answer = Answer::refusal(&stock(429), shape);
        answer.retry_after = match self.knobs.retry_after {
            RetryAfter::Absent => None,
            RetryAfter::Seconds => Some(seconds.to_string()),
            RetryAfter::Date => jiff::Timestamp::from_second(self.now.div_euclid(1000) + seconds + 1)
                .ok()
                .map(|at| at.strftime("%a, %d %b %Y %H:%M:%S GMT").to_string()),
        };
        answer
    }

    fn hold(&mut self, call: &Call, answer: Answer) -> Outcome {
        let seq = self.holds.held.len() as u64 + 1;
        self.holds.held.push(HeldAnswer {
            seq,
            at_ms: self.now,
            method: call.method.clone(),
            path: call.path.clone(),
            request_id: call.request_id.clone(),
            answer: answer.status,
            status: HoldStatus::Waiting,
        });
        self.record("hold.reached", "", &call.path, json!({"hold": seq, "method": call.method}));
        Outcome::Held { seq, answer }
    }

    /// Counts an answer that is sent (status 0: a dropped connection) and checks it.
    #[cfg_attr(
        not(feature = "validate"),
        expect(unused_variables, reason = "only the witness looks at calls")
    )]
    pub(crate) fn sent(&mut self, call: &Call, answer: Option<&Answer>) {
        *self.stats.statuses.entry(answer.map_or(0, |answer| answer.status)).or_default() += 1;
        #[cfg(feature = "validate")]
        if let Some(answer) = answer {
            self.witness.see(call, answer);
        }
    }
}

fn operation(call: &Call) -> String {
    match call.route {
        Some(route) if route.operation == "graphql" => graphql::root(call),
        Some(route) => route.operation.to_owned(),
        None => "unknown".to_owned(),
    }
}

fn failure(call: &Call, status: Option<u16>, body: Option<String>) -> Outcome {
    let shape = call.route.map_or(Shape::Error, |route| route.shape);
    match (status, body) {
        (None, _) => Outcome::Dropped,
        (Some(status), Some(body)) => {
            let body = serde_json::from_str(&body).map_or(Body::Text(body), Body::Json);
            Outcome::Reply(Answer { body, ..Answer::empty(status) })
        }
        // The vendor's proxy answers 502 to 504 for servers that do not; its body is no JSON.
        (Some(status @ 502..=504), None) => Outcome::Reply(Answer::text(status, stock(status).text)),
        (Some(422), None) if call.route.is_some_and(|route| route.operation == "Apps_create") => {
            Outcome::Reply(Answer::refusal(&Refusal::name_taken(), shape))
        }
        (Some(status), None) => Outcome::Reply(Answer::refusal(&stock(status), shape)),
    }
}

/// Any word after `Bearer` or `FlyV1` is a good token, unless a knob says otherwise.
fn has_token(call: &Call) -> bool {
    let header = call.authorization.as_deref().unwrap_or_default();
    let token = header.strip_prefix("Bearer ").or_else(|| header.strip_prefix("FlyV1 "));
    token.is_some_and(|token| !token.trim().is_empty())
}

fn changes(call: &Call) -> bool {
    match call.route {
        Some(route) if route.operation == "graphql" => graphql::is_mutation(call),
        _ => call.method != "GET",
    }
}
