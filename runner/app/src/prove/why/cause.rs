//! Which mistake of a hook explains what went wrong, as far as its calls tell.

use groundcrew_core::manifest::Class;
use groundcrew_engine::egress::{Answer, Ask};
use groundcrew_outside::{By, Effect, Purpose, What};
use serde_json::Value;

use crate::config::Config;
use crate::prove::beside::Seen;
use crate::prove::calls::short;
use crate::prove::carrier::path_of;
use crate::prove::play::Played;
use crate::prove::records::{Called, Kept, Ran};

/// A sentence for everything that went wrong and can be explained; `config` says which hooks were played.
pub fn explained<S: Seen>(played: &Played<S>, config: &Config) -> Vec<String> {
    let Some(kept) = &played.kept else { return Vec::new() };
    let case = Case { log: &played.log, kept, config };
    let mut why: Vec<String> = Vec::new();
    if kept.unsteady.is_some() {
        why.push("`desired` is pure: the same view, the same answer; no clock, no randomness".to_owned());
    }
    why.extend(played.verdict.doubled.iter().filter_map(|double| case.doubled(&double.purpose)));
    why.extend(played.verdict.leaked.iter().filter_map(|left| case.left(left.purpose.as_ref(), &left.id)));
    why.extend(played.verdict.lost.iter().filter_map(|purpose| case.lost(purpose)));
    why.extend(played.verdict.foreign.iter().filter_map(|effect| case.foreign(effect)));
    let is_untold = |line: &String| line.starts_with("untold: ");
    if !played.told.missing.is_empty() || played.otherwise.iter().any(is_untold) {
        why.push(case.untold());
    }
    if !played.told.otherwise.is_empty() {
        why.push(
            "whoever is told twice knows the event by its id and keeps what came first: what is told comes from the event \
             alone, its time too, and not from a clock or chance"
                .to_owned(),
        );
    }
    if !played.otherwise.is_empty() {
        why.extend(case.otherwise(&played.otherwise));
    }
    why.dedup();
    why
}

struct Case<'a> {
    log: &'a [Effect],
    kept: &'a Kept,
    config: &'a Config,
}

/// A run and one of its calls.
type Write<'a> = (&'a Ran, &'a Called);

impl Case<'_> {
    fn doubled(&self, purpose: &Purpose) -> Option<String> {
        let of = |effect: &&Effect| effect.purpose.as_ref() == Some(purpose) && effect.what == What::Created;
        let mut made = self.log.iter().filter(of);
        let (first, second) = (made.next()?, made.next()?);
        let key = short(&purpose.to_string());
        let (one, other) = (self.write_of(first)?, self.write_of(second)?);
        let misnamed = || self.misnamed(purpose, first, second);
        if std::ptr::eq(one.1, other.1) {
            let cause = misnamed().unwrap_or_else(|| {
                "the API knows the second one by its `Idempotency-Key`, which is want.once, or by its name, or else the \
                 kind's class is not what hook.toml says"
                    .to_owned()
            });
            return Some(format!("one {} made two things when it arrived twice: {cause}", line(one.1)));
        }
        if one.0.record.id == other.0.record.id {
            let op = &one.0.record.op;
            return Some(format!(
                "`{op}` sent {} twice in one call: when a request fails, return the error; the host looks with \
                 `find` whether it took effect, and only then calls again",
                line(other.1)
            ));
        }
        if let Some(update) = [one.0, other.0].into_iter().find(|run| run.record.op == "update") {
            let what = update.calls.iter().find(|call| is_write(call)).map(line).unwrap_or_default();
            return Some(format!(
                "`update` made a new thing for {key} ({what}): it changes the thing that it is given"
            ));
        }
        let found = || self.last_find(purpose, one.0, other.0).and_then(|run| blind(run, first));
        let cause = other_key(one.1, other.1).or_else(misnamed).or_else(found);
        let cause = cause.unwrap_or_else(|| "the first one was there".to_owned());
        Some(format!("{key} was created again because {cause}"))
    }

    /// Whether the kind's class says that a name is given once, and the API gave it twice.
    fn misnamed(&self, purpose: &Purpose, first: &Effect, second: &Effect) -> Option<String> {
        let kind = purpose.key.split('/').next()?;
        let class = self.config.hooks.values().find_map(|hook| hook.manifest.kind.get(kind))?.create;
        let name = first.name.as_deref().filter(|_| class == Class::Natural && first.name == second.name)?;
        Some(format!(
            "hook.toml says that a {kind} is `natural`, and the API made another one under the name `{name}`: declare it \
             `marked` if the API keeps a mark, `keyed` if it honours `Idempotency-Key`, else `anonymous`, unless names \
             can be made unique there"
        ))
    }

    /// The last `find` of a purpose between two runs that ended well.
    fn last_find(&self, purpose: &Purpose, after: &Ran, before: &Ran) -> Option<&Ran> {
        let between = self.of(purpose).filter(|run| {
            run.record.op == "find" && run.record.id > after.record.id && run.record.id < before.record.id
        });
        between.filter(|run| run.record.outcome.as_deref() == Some("ok")).last()
    }

    fn left(&self, purpose: Option<&Purpose>, id: &str) -> Option<String> {
        let made = self.log.iter().find(|effect| effect.id == id && effect.what == What::Created)?;
        let Some(purpose) = purpose else {
            return Some(format!("{id} was made by no call about a thing: only `create` may make things"));
        };
        let key = short(&purpose.to_string());
        let removes: Vec<_> = self.of(purpose).filter(|run| run.record.op == "remove").collect();
        let ended = removes.iter().rfind(|run| run.record.outcome.as_deref() == Some("ok"));
        if let Some(refused) = ended.and_then(|run| run.calls.iter().find(|call| is_refused(call))) {
            return Some(format!(
                "`remove` said that {key} was gone although {} was answered {}",
                line(refused),
                status(refused).unwrap_or_default()
            ));
        }
        if let Some(other) = ended.and_then(|run| run.calls.iter().find(|call| is_write(call)))
            && !other.ask.url.contains(id)
        {
            return Some(format!("`remove` sent {}, and what was made for {key} is {id}", line(other)));
        }
        if ended.is_some_and(|run| !run.calls.iter().any(is_write)) {
            return Some(format!("`remove` said that {key} was gone and sent nothing"));
        }
        let later: Vec<_> = self.of(purpose).filter(|run| run.record.op == "find").collect();
        let cause = later.iter().rev().find_map(|run| blind(run, made));
        Some(match cause {
            Some(cause) => format!("{id} was forgotten because {cause}"),
            None => format!("nothing removed {id}: no `find` for {key} told of it after it was made"),
        })
    }

    fn lost(&self, purpose: &Purpose) -> Option<String> {
        let key = short(&purpose.to_string());
        let made = |effect: &&Effect| effect.purpose.as_ref() == Some(purpose);
        let Some(made) = self.log.iter().rfind(made) else {
            let failed = self.of(purpose).filter(|run| run.record.outcome.as_deref() != Some("ok")).last()?;
            let outcome = failed.record.outcome.as_deref().unwrap_or_default();
            return Some(format!(
                "nothing was ever made for {key}; the last `{}` failed: {outcome}",
                failed.record.op
            ));
        };
        let ended = |effect: &&Effect| {
            effect.id == made.id && effect.collection == made.collection && effect.what == What::Deleted
        };
        let ended = self.log.iter().rfind(ended)?;
        let (run, call) = self.write_of(ended)?;
        let for_whom = name(run);
        Some(format!("{} of {key} went with {} in `{}` for {for_whom}", made.id, line(call), run.record.op))
    }

    fn foreign(&self, effect: &Effect) -> Option<String> {
        let (run, call) = self.write_of(effect)?;
        let op = run.record.op.as_str();
        let (id, what, whom) = (&effect.id, line(call), name(run));
        Some(match op {
            "create" => format!(
                "`create` for {whom} wrote over {id} ({what}): `find` did not tell of it; it tells of everything that \
                 could be it, whoever's it is, and the host judges"
            ),
            _ => format!(
                "`{op}` for {whom} sent {what}: `find` or `create` gave a stranger's thing out as it, or `{op}` did not \
                 keep to the thing that it was given"
            ),
        })
    }

    fn untold(&self) -> String {
        let handled = || self.kept.runs.iter().filter(|run| run.record.op == "handle");
        let ok = |run: &&Ran| run.record.outcome.as_deref() == Some("ok");
        let swallowed = handled().filter(ok).find_map(|run| run.calls.iter().find(|call| is_refused(call)));
        if let Some(call) = swallowed {
            let status = status(call).unwrap_or_default();
            return format!(
                "the handler said that all went well although {} was answered {status}: an error must be an error, \
                 so that it is told again",
                line(call)
            );
        }
        let unanswered =
            handled().filter(ok).find_map(|run| run.calls.iter().find(|call| !is_answered(call)));
        if let Some(call) = unanswered {
            return format!(
                "the handler said that all went well although {} had no answer: an error must be an error, so that it is \
                 told again",
                line(call)
            );
        }
        let dead = handled().find(|run| !ok(run)).and_then(|run| run.record.outcome.clone());
        dead.map_or_else(
            || {
                let told = "no request carried the event's id as `idempotency-key`";
                format!("{told}: whoever is told twice cannot know it")
            },
            |outcome| format!("the handler gave up: {outcome}"),
        )
    }

    /// Why audits left something else.
    fn otherwise(&self, told: &[String]) -> Option<String> {
        let ran = |op: &'static str| self.kept.runs.iter().filter(move |run| run.record.op == op);
        let ok = |run: &&Ran| run.record.outcome.as_deref() == Some("ok");
        let starts = |what: &str| told.iter().any(|line| line.starts_with(what));
        let unheard = |call: &&Called| is_refused(call) || !is_answered(call);
        let swallowed = ran("audit").filter(ok).find_map(|run| run.calls.iter().find(unheard));
        if let Some(call) = swallowed {
            let answered =
                status(call).map_or("had no answer".to_owned(), |status| format!("was answered {status}"));
            return Some(format!(
                "`run` told of a page although {} {answered}: an error must be an error, or what was there counts as gone",
                line(call)
            ));
        }
        if told.iter().any(|line| line.contains("it asked for a write")) {
            return Some("`run` looks, and `fix` acts".to_owned());
        }
        if starts("unsteady") || starts("reported otherwise") {
            return Some(
                "a finding is known by `code` and `about` from look to look: neither a time nor a number that changes \
                 belongs there, but in `message` or `data`"
                    .to_owned(),
            );
        }
        let mended = ran("fix").filter(ok).find_map(|run| run.calls.iter().find(unheard));
        mended.map(|call| {
            let answered =
                status(call).map_or("had no answer".to_owned(), |status| format!("was answered {status}"));
            format!("`fix` said how it ended although {} {answered}: an error must be an error", line(call))
        })
    }

    /// Runs about one thing of one owner, in order.
    fn of(&self, purpose: &Purpose) -> impl Iterator<Item = &Ran> {
        let of = |run: &&Ran| {
            run.owner.as_deref() == Some(&purpose.owner) && run.about.as_deref() == Some(&purpose.key)
        };
        self.kept.runs.iter().filter(of)
    }

    /// The request that had an effect: the last one that had left by then.
    fn write_of(&self, effect: &Effect) -> Option<Write<'_>> {
        if effect.by != By::Caller {
            return None;
        }
        let writes = self.kept.runs.iter().flat_map(|run| run.calls.iter().map(move |call| (run, call)));
        let before = writes.filter(|(_, call)| is_write(call) && call.at <= effect.at);
        let there = before.filter(|(_, call)| path_of(&call.ask.url).starts_with(&effect.collection));
        there.max_by_key(|(_, call)| call.at)
    }
}

/// Why a `find` did not tell of a thing that was there.
fn blind(run: &Ran, thing: &Effect) -> Option<String> {
    let Some(call) = run.calls.last() else {
        return Some("`find` did not ask the API".to_owned());
    };
    if let Some(refused) = run.calls.iter().find(|call| is_refused(call)) {
        let status = status(refused).unwrap_or_default();
        return Some(format!(
            "`find` said that nothing was there although {} was answered {status}: an error must stay an error",
            line(refused)
        ));
    }
    if let Some(lost) = run.calls.iter().find(|call| !is_answered(call)) {
        return Some(format!("`find` said that nothing was there although {} had no answer", line(lost)));
    }
    if run.calls.iter().any(|call| shows(call, &thing.id)) {
        let id = &thing.id;
        return Some(if thing.mark.is_none() {
            format!(
                "{id} carried no mark, so nothing said whose it was: the mark goes into the very request that makes the \
                 thing"
            )
        } else {
            format!(
                "`find` was shown {id} and left it out: it returns everything that could be it, whoever's it is, and \
                 never filters by mark"
            )
        });
    }
    if call.ask.url.contains("gc1") {
        return Some(format!(
            "`find` asked only for its mark ({}), which {} does not carry",
            line(call),
            thing.id
        ));
    }
    if goes_on(call) {
        return Some(format!("`find` read only the first page ({})", line(call)));
    }
    let name = thing.name.as_deref()?;
    let asked = !call.ask.url.contains(name) && call.ask.url.contains(['?', '/']);
    asked.then(|| {
        format!(
            "`create` called it `{name}`, and `find` asked for something else ({}): names come from want.key or want.name, \
             which stay the same",
            line(call)
        )
    })
}

/// Two requests of the same thing under different keys.
fn other_key(one: &Called, other: &Called) -> Option<String> {
    let key = |call: &Called| {
        let header = call.ask.headers.iter().find(|(name, _)| name == "idempotency-key");
        header.map(|(_, value)| value.clone())
    };
    let (one, other) = (key(one)?, key(other)?);
    (one != other).then(|| {
        format!(
            "the same creation was sent under two keys, `{one}` and `{other}`: `Idempotency-Key` is want.once"
        )
    })
}

fn line(call: &Called) -> String {
    let Ask { method, url, .. } = &call.ask;
    format!("{method} {}", path_of(url))
}

/// Whom a run is about.
fn name(run: &Ran) -> String {
    let owner = run.owner.as_deref().map(short).unwrap_or_default();
    format!("{owner} {}", run.about.as_deref().unwrap_or_default()).trim().to_owned()
}

fn is_write(call: &Called) -> bool {
    !matches!(call.ask.method.as_str(), "GET" | "HEAD" | "OPTIONS")
}

fn status(call: &Called) -> Option<u16> {
    match &call.answer {
        Some(Answer::Response { status, .. }) => Some(*status),
        _ => None,
    }
}

/// Whether anything came back, an error too.
fn is_answered(call: &Called) -> bool {
    matches!(&call.answer, Some(Answer::Response { .. }))
}

/// Answered with an error that is no absence.
fn is_refused(call: &Called) -> bool {
    status(call).is_some_and(|status| status >= 400 && status != 404)
}

fn body(call: &Called) -> Option<Value> {
    let Some(Answer::Response { body, .. }) = &call.answer else { return None };
    serde_json::from_slice(&body.clone().into_bytes()).ok()
}

/// Whether an answer holds this text as a value.
fn shows(call: &Called, id: &str) -> bool {
    fn within(value: &Value, id: &str) -> bool {
        match value {
            Value::String(text) => text == id,
            Value::Array(all) => all.iter().any(|value| within(value, id)),
            Value::Object(fields) => fields.values().any(|value| within(value, id)),
            _ => false,
        }
    }
    body(call).is_some_and(|body| within(&body, id))
}

/// Whether a listing says that there is more.
fn goes_on(call: &Called) -> bool {
    let Some(Value::Object(page)) = body(call) else { return false };
    page.iter()
        .any(|(field, value)| field.contains("next") && value.as_str().is_some_and(|it| !it.is_empty()))
}
