//! What went wrong in a play, in words of the hook's author.

mod cause;

use groundcrew_outside::Fault;

use super::beside::Seen;
use super::calls::short;
use super::clock::START;
use super::ordeal::Ordeal;
use super::play::Played;

pub use cause::explained;

/// Everything that is wrong, a line each; nothing if all is right.
pub fn told<S: Seen>(played: &Played<S>) -> Vec<String> {
    let mut lines = Vec::new();
    for double in &played.verdict.doubled {
        let purpose = short(&double.purpose.to_string());
        let until = match double.until {
            Some(until) => format!("until {}", seconds(until)),
            None => "to the end".to_owned(),
        };
        lines.push(format!(
            "doubled: {} things at once for {purpose}, from {} {until}",
            double.most,
            seconds(double.from)
        ));
    }
    for lost in &played.verdict.lost {
        lines.push(format!("missing: nothing lives for {} at the end", short(&lost.to_string())));
    }
    for left in &played.verdict.leaked {
        let purpose = left.purpose.as_ref().map_or("nobody".to_owned(), |it| short(&it.to_string()));
        let (collection, id) = (&left.collection, &left.id);
        lines.push(format!("left over: {collection}/{id}, made for {purpose} at {}", seconds(left.since)));
    }
    for foreign in &played.verdict.foreign {
        let (what, collection, id) = (foreign.what, &foreign.collection, &foreign.id);
        let what = format!("{what:?}").to_lowercase();
        lines.push(format!(
            "foreign: {collection}/{id} is a stranger's, and was {what} at {}",
            seconds(foreign.at)
        ));
    }
    lines.extend(played.told.missing.iter().map(|id| format!("untold: the event {id} was never told")));
    let early = played.told.early.iter();
    lines.extend(early.map(|id| format!("too early: the event {id} was told after a later one")));
    let otherwise = played.told.otherwise.iter();
    lines.extend(
        otherwise.map(|id| format!("told otherwise: the event {id} was told in two ways under its id")),
    );
    lines.extend(played.otherwise.iter().cloned());
    if played.restless {
        lines.push("restless: it never came to rest".to_owned());
    }
    lines
}

/// What happened in an ordeal, one thing a line.
pub fn happened<S: Seen>(played: &Played<S>, ordeal: &Ordeal) -> Vec<String> {
    let mut lines = Vec::new();
    if let Some(steps) = ordeal.steps {
        lines.push(match steps {
            0 => "no step of the scenario is needed".to_owned(),
            1 => "only the first step of the scenario happened".to_owned(),
            _ => format!("only the first {steps} steps of the scenario happened"),
        });
    }
    match ordeal.without.as_slice() {
        [] => {}
        [one] => lines.push(format!("step {one} of the scenario did not happen")),
        [all @ .., last] => {
            let all: Vec<_> = all.iter().map(ToString::to_string).collect();
            lines.push(format!("steps {} and {last} of the scenario did not happen", all.join(", ")));
        }
    }
    for turn in &ordeal.life {
        let app = turn.machine.as_ref().map_or(turn.app.clone(), |machine| format!("{}/{machine}", turn.app));
        let what =
            turn.labels.as_ref().map_or("is gone".to_owned(), |labels| format!("is there, with {labels}"));
        lines.push(format!("at {} {app} {what}", seconds(START + turn.at)));
    }
    for met in &ordeal.fault {
        let nth = met.after + 1;
        lines.push(format!("{} number {nth} met a fault: {}", met.method, fault(met.fault)));
    }
    for outage in &ordeal.outage {
        let (from, lasts) = (seconds(START + outage.from), seconds(START + outage.lasts));
        lines.push(format!("from {from} on every read was answered 503, for {lasts}"));
    }
    for end in &ordeal.end {
        lines.push(format!("{} went at {}", end.app, seconds(START + end.at)));
    }
    lines.extend(played.dealt.iter().cloned());
    lines
}

fn fault(fault: Fault) -> String {
    match fault {
        Fault::Refused(status) => format!("answered {status}, and nothing took effect"),
        Fault::Stalled => "kept waiting, and nothing took effect".to_owned(),
        Fault::AnswerLost => "it took effect, and no answer came".to_owned(),
        Fault::Timeout => "it took effect, and the answer was 504".to_owned(),
        Fault::Garbled => "it took effect, and half of the answer's body came".to_owned(),
        Fault::Held => "it took effect, and its answer came too late".to_owned(),
        Fault::Late(by) => format!("the answer was 504, and it took effect {by} ms later"),
        Fault::NeverArrived => "it never arrived, and no answer came".to_owned(),
        Fault::Twice => "it arrived twice".to_owned(),
    }
}

/// A time of a play: `12.3s` after its beginning.
fn seconds(at: i64) -> String {
    let millis = at - START;
    format!("{}.{}s", millis / 1_000, millis % 1_000 / 100)
}
