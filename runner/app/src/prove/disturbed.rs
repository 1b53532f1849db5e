//! What may go wrong with the requests of an undisturbed play: each is an ordeal.

use std::collections::BTreeMap;

use groundcrew_core::duration::Millis;
use groundcrew_core::manifest::Class;
use groundcrew_core::may_delete::OnGone;
use groundcrew_engine::limits::Limits;
use groundcrew_outside::Fault;

use super::beside::Nobody;
use super::carrier::Sent;
use super::clock::START;
use super::ordeal::{Ends, Met, Ordeal, Outage, living_at};
use super::play::Played;
use super::scene::{Scene, Tells};

/// How long an effect comes after its caller was told 504, in milliseconds; the host expects it for longer than that.
const LATE: i64 = 3_000;

/// No read is answered for longer than this, however long `settle` is: back-off grows meanwhile.
const OUTAGE_MAX: Millis = Millis::minutes(5);

/// What may happen to a write on its way.
const OF_WRITES: [Fault; 7] = [
    Fault::AnswerLost,
    Fault::Timeout,
    Fault::Garbled,
    Fault::Held,
    Fault::NeverArrived,
    Fault::Refused(500),
    Fault::Late(LATE),
];
/// What may happen to a read on its way.
const OF_READS: [Fault; 3] = [Fault::Refused(503), Fault::Garbled, Fault::NeverArrived];

/// Whether things go with their owners.
pub(super) fn deletes(scene: &Scene<Nobody>) -> bool {
    let deletes = |hook: &crate::config::Hook| {
        hook.provisioner().is_some_and(|provisioner| provisioner.gone == OnGone::Delete)
    };
    scene.cast.config.hooks.values().all(deletes)
}

/// Every request of the undisturbed play, with every fault that it may meet.
pub(super) fn faults(scene: &Scene<Nobody>, whole: &Played<()>) -> Vec<Ordeal> {
    let mut counts = BTreeMap::<&str, u32>::new();
    let mut all = Vec::new();
    for sent in &whole.sent {
        let count = counts.entry(&sent.method).or_default();
        let faults: &[Fault] = if sent.method == "GET" { &OF_READS } else { &OF_WRITES };
        let twice = Some(&Fault::Twice).filter(|_| may_arrive_twice(scene, sent));
        for fault in faults.iter().chain(twice) {
            let met = Met { method: sent.method.clone(), after: *count, fault: *fault };
            all.push(Ordeal { fault: vec![met], ..Ordeal::default() });
        }
        *count += 1;
    }
    all
}

/// The answer of every write is lost, and no read is answered until whatever waits for what it did has decided. What
/// takes an error for absence makes things twice then.
pub(super) fn outages(scene: &Scene<Nobody>, whole: &Played<()>) -> Vec<Ordeal> {
    let hooks = scene.cast.config.hooks.values();
    let settles = hooks.map(crate::config::Hook::settle_max).collect::<Option<Vec<_>>>();
    // Who makes nothing looks for nothing.
    let Some(settle) = settles.and_then(|settles| settles.into_iter().max()) else { return Vec::new() };
    let limits = Limits::default();
    let lasts = limits.send_within + limits.request + Millis::new(settle.as_i64().saturating_mul(4));
    let lasts = lasts.min(OUTAGE_MAX).as_i64();
    let mut counts = BTreeMap::<&str, u32>::new();
    let writes = whole.sent.iter().filter(|sent| !is_read(&sent.method));
    let ordeal = |sent: &'_ Sent, after| {
        let met = Met { method: sent.method.clone(), after, fault: Fault::AnswerLost };
        let outage = Outage { from: sent.at - START + 1, lasts };
        Ordeal { fault: vec![met], outage: vec![outage], ..Ordeal::default() }
    };
    let counted = writes.map(|sent| {
        let count = counts.entry(&sent.method).or_default();
        *count += 1;
        ordeal(sent, *count - 1)
    });
    counted.collect()
}

/// Whether a hook answers for what a write does that arrives twice: not where it makes something that neither name nor
/// key tells from another. A creation of such things is sent once, and the network is trusted.
fn may_arrive_twice(scene: &Scene<Nobody>, sent: &Sent) -> bool {
    let kind = sent.purpose.as_deref().and_then(|purpose| purpose.split(' ').nth(1)?.split('/').next());
    let told = |hook: &crate::config::Hook| {
        let class = kind.and_then(|kind| Some(hook.manifest.kind.get(kind)?.create));
        class.is_none_or(|class| matches!(class, Class::Natural | Class::Keyed))
    };
    let mut hooks = scene.cast.config.hooks.values();
    !is_read(&sent.method) && (sent.method != "POST" || hooks.all(told))
}

/// Every owner ends while the first thing of it is made, be its answer known or not.
pub(super) fn ends(scene: &Scene<Nobody>, whole: &Played<()>) -> Vec<Ordeal> {
    // Where things are kept when their owner goes, nothing is torn down.
    if scene.tells == Tells::Everything || !deletes(scene) {
        return Vec::new();
    }
    let mut counts = BTreeMap::<&str, u32>::new();
    let mut all = Vec::new();
    for sent in &whole.sent {
        let count = counts.entry(&sent.method).or_default();
        let after = *count;
        *count += 1;
        let at = sent.at - START;
        let owner = sent.purpose.as_deref().and_then(|purpose| purpose.split_once(' '));
        let owner = owner.filter(|_| sent.method != "GET");
        let Some(living) = owner.and_then(|(owner, _)| living_at(scene, owner, at)) else {
            continue;
        };
        let (app, machine) = (living.app.clone(), living.machine.clone());
        let end = Ends { at: at + 1, app, machine, incarnation: living.incarnation };
        for fault in [None, Some(Fault::AnswerLost), Some(Fault::Late(LATE))] {
            let fault = fault.map(|fault| Met { method: sent.method.clone(), after, fault });
            let fault = fault.into_iter().collect();
            all.push(Ordeal { end: vec![end.clone()], fault, ..Ordeal::default() });
        }
    }
    all
}

fn is_read(method: &str) -> bool {
    matches!(method, "GET" | "HEAD" | "OPTIONS")
}
