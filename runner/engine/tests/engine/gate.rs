//! The gate by itself, with calls that a test makes.

use std::sync::{Arc, Mutex};

use futures_util::future::BoxFuture;
use groundcrew_core::duration::Millis;
use groundcrew_core::spec::Failure;
use groundcrew_engine::gate::{
    AGAIN_WITHIN, Answers, Effect, Fault, Faults, Gate, Intent, IntentError, Intents, Moment, Outside,
    Refusal, Reply, Twice, Writes,
};
use groundcrew_engine::journal::{CallAccess, Journal, Recorded};
use groundcrew_engine::limits::Limits;

use crate::support::{Ticking, Trace};

/// What intents and calls did, in order; an intent takes as long as the test says.
#[derive(Default)]
struct World {
    trace: Mutex<Trace>,
    clock: Arc<Ticking>,
    slow: Millis,
}

impl World {
    fn note(&self, what: String) {
        self.trace.lock().unwrap().push(what);
    }

    fn trace(&self) -> Trace {
        self.trace.lock().unwrap().clone()
    }

    fn gate(self: &Arc<Self>, answers: Answers) -> Arc<Gate> {
        Gate::new(answers, self.clone(), None, self.clock.clone(), &Limits::default())
    }
}

impl Intents for World {
    fn intend<'a>(&'a self, intent: Intent<'a>) -> BoxFuture<'a, Result<(), IntentError>> {
        let earlier: Vec<_> = intent.earlier.iter().map(|call| call.n).collect();
        self.note(format!("intent {} after {earlier:?}", intent.call.n));
        self.clock.advance(self.slow);
        Box::pin(std::future::ready(Ok(())))
    }
}

/// A call that answers with its own name.
struct Named<'a> {
    world: &'a World,
    name: &'static str,
    effect: Effect,
}

impl Outside for Named<'_> {
    async fn admit(&mut self) -> Result<(), Failure> {
        Ok(())
    }

    async fn exchange(self) -> Reply {
        self.world.note(format!("sent {}", self.name));
        Reply { bytes: self.name.as_bytes().to_vec(), effect: self.effect, away: None }
    }

    fn told(failure: Failure) -> Vec<u8> {
        format!("told {failure}").into_bytes()
    }
}

async fn call(
    gate: &Gate,
    world: &World,
    access: CallAccess,
    name: &'static str,
    effect: Effect,
) -> Result<String, Refusal> {
    let twice = if name.starts_with("set") { Twice::Harmless } else { Twice::Doubles };
    let ticket = gate.ticket(gate.number()?, "test", access, name.as_bytes().to_vec()).again(twice);
    let bytes = gate.pass(ticket, Named { world, name, effect }).await?;
    Ok(String::from_utf8(bytes).unwrap())
}

async fn read(gate: &Gate, world: &World, name: &'static str) -> Result<String, Refusal> {
    call(gate, world, CallAccess::Read, name, Effect::Over).await
}

async fn write(gate: &Gate, world: &World, name: &'static str) -> Result<String, Refusal> {
    call(gate, world, CallAccess::Write, name, Effect::Over).await
}

/// What a guest does: looks, makes, looks again.
async fn guest(gate: &Gate, world: &World) -> Result<Vec<String>, Refusal> {
    Ok(vec![
        read(gate, world, "look").await?,
        write(gate, world, "make").await?,
        read(gate, world, "again").await?,
    ])
}

/// A call to whom nobody gets through, which leaves all the same if it may.
struct Unheard {
    leaves: bool,
}

impl Outside for Unheard {
    async fn admit(&mut self) -> Result<(), Failure> {
        if self.leaves { Ok(()) } else { Err(Failure::again("not asked for now")) }
    }

    fn away(&self) -> Option<Millis> {
        Some(Millis::seconds(5))
    }

    async fn exchange(self) -> Reply {
        Reply { bytes: b"silence".to_vec(), effect: Effect::Open, away: Some(Millis::seconds(10)) }
    }

    fn told(failure: Failure) -> Vec<u8> {
        failure.to_string().into_bytes()
    }
}

#[tokio::test]
async fn a_run_knows_whether_anybody_gets_through_to_whom_it_asked_last() {
    let world = Arc::new(World::default());
    let gate = world.gate(Answers::Outside);
    let unheard = async |leaves| {
        let ticket = gate.ticket(gate.number().unwrap(), "test", CallAccess::Read, Vec::new());
        gate.pass(ticket, Unheard { leaves }).await.unwrap();
        gate.away()
    };
    assert_eq!(gate.away(), None, "it asked nobody");
    assert_eq!(unheard(false).await, Some(Millis::seconds(5)), "it was not let through");
    assert_eq!(unheard(true).await, Some(Millis::seconds(10)), "it was not answered");
    call(&gate, &world, CallAccess::Local, "note", Effect::Over).await.unwrap();
    assert_eq!(gate.away(), Some(Millis::seconds(10)), "what the host itself answers says nothing of others");
    read(&gate, &world, "look").await.unwrap();
    assert_eq!(gate.away(), None);
}

#[tokio::test]
async fn one_function_runs_live_in_replay_and_observed() {
    let world = Arc::new(World::default());
    let live = world.gate(Answers::Outside);
    let answers = guest(&live, &world).await.unwrap();
    assert_eq!(answers, ["look", "make", "again"]);
    let order = ["sent look", "intent 1 after [0]", "sent make", "sent again"];
    assert_eq!(world.trace(), order, "an intent comes before its bytes, answers before the next intent");
    let journal = live.journal();

    let replayed = world.gate(Answers::Journal(journal.clone()));
    assert_eq!(guest(&replayed, &world).await.unwrap(), answers);
    assert_eq!((replayed.journal(), replayed.writes()), (journal.clone(), Writes::None));
    assert_eq!(world.trace(), order, "a replay sends nothing and intends nothing");

    let observed = world.gate(Answers::Observe);
    assert_eq!(guest(&observed, &world).await, Err(Refusal::Observed(b"make".to_vec())));
    assert_eq!(world.trace().len(), 5, "the read was sent, the write was not");

    let resumed =
        world.gate(Answers::JournalThenOutside(Journal { calls: journal.calls[..2].to_vec(), ..journal }));
    assert_eq!(guest(&resumed, &world).await.unwrap(), answers);
    assert_eq!(world.trace()[5..], ["sent again"]);
}

#[tokio::test]
async fn a_replay_that_asks_something_else_has_diverged() {
    let world = Arc::new(World::default());
    let live = world.gate(Answers::Outside);
    read(&live, &world, "look").await.unwrap();
    let replayed = world.gate(Answers::Journal(live.journal()));
    let refused = read(&replayed, &world, "elsewhere").await.unwrap_err();
    assert_eq!(
        refused,
        Refusal::Diverged { n: 0, recorded: "look".to_owned(), asked: "elsewhere".to_owned() }
    );
    assert_eq!(read(&replayed, &world, "more").await, Err(Refusal::JournalEnded(1)));
}

#[tokio::test]
async fn a_write_without_an_answer_is_repeated_if_that_does_no_harm_and_its_intent_carries_what_is_known() {
    let world = Arc::new(World::default());
    let live = world.gate(Answers::Outside);
    let guest = async |gate: &Gate| {
        read(gate, &world, "look").await?;
        write(gate, &world, "make").await?;
        write(gate, &world, "set").await?;
        write(gate, &world, "set again").await
    };
    guest(&live).await.unwrap();
    let lived = world.trace().len();
    // Two were under way when it ended; what is known of the second must not get lost when the first is sent again.
    let mut journal = live.journal();
    journal.calls[2].answer = None;
    journal.calls[3].answer = None;
    let resumed = world.gate(Answers::JournalThenOutside(journal.clone()));
    assert_eq!(guest(&resumed).await.unwrap(), "set again");
    let again = ["intent 2 after [0, 1, 3]", "sent set", "intent 3 after [2]", "sent set again"];
    assert_eq!(world.trace()[lived..], again);
    let [was, is] = [&journal, &resumed.known()].map(|journal| journal.calls.len());
    assert_eq!((was, is, resumed.journal().calls.len()), (4, 4, 4));

    // Receivers do not remember keys for ever.
    let sent = world.trace().len();
    world.clock.advance(AGAIN_WITHIN + Millis::new(1));
    let late = world.gate(Answers::JournalThenOutside(journal.clone()));
    assert_eq!((guest(&late).await, world.trace().len()), (Err(Refusal::InDoubt(2)), sent));

    // One that ended early knows no less than the one from which it went on.
    let ended = world.gate(Answers::JournalThenOutside(journal.clone()));
    read(&ended, &world, "look").await.unwrap();
    assert_eq!((ended.journal().calls.len(), ended.known().calls), (1, journal.calls));
}

#[tokio::test]
async fn a_write_without_an_answer_is_never_repeated() {
    let world = Arc::new(World::default());
    let live = world.gate(Answers::Outside);
    write(&live, &world, "make").await.unwrap();
    let mut journal = live.journal();
    journal.calls[0].answer = None;
    let resumed = world.gate(Answers::JournalThenOutside(journal.clone()));
    assert_eq!(write(&resumed, &world, "make").await, Err(Refusal::InDoubt(0)));
    let replayed = world.gate(Answers::Journal(journal));
    assert_eq!(write(&replayed, &world, "make").await, Err(Refusal::JournalEnded(0)));
    assert_eq!(world.trace(), ["intent 0 after []", "sent make"]);
}

#[tokio::test]
async fn nothing_is_intended_or_sent_after_the_end() {
    let world = Arc::new(World::default());
    let gate = world.gate(Answers::Outside);
    gate.close();
    assert_eq!(write(&gate, &world, "make").await, Err(Refusal::Closed));
    assert_eq!(read(&gate, &world, "look").await, Err(Refusal::Closed));
    assert_eq!((world.trace(), gate.writes(), gate.ended()), (Trace::new(), Writes::None, None));
}

#[tokio::test]
async fn a_write_whose_intent_took_too_long_is_not_sent() {
    let world = Arc::new(World { slow: Millis::seconds(3), ..World::default() });
    let gate = world.gate(Answers::Outside);
    assert!(write(&gate, &world, "make").await.unwrap().starts_with("told the write was not sent"));
    assert_eq!((world.trace(), gate.writes()), (vec!["intent 0 after []".to_owned()], Writes::None));
    assert!(gate.journal().calls[0].answer.is_some(), "what the guest was told is on record");
}

#[tokio::test]
async fn an_answered_write_is_in_by_its_answer_and_another_by_its_deadline() {
    let world = Arc::new(World::default());
    let gate = world.gate(Answers::Outside);
    write(&gate, &world, "make").await.unwrap();
    let answered = gate.journal().calls[0].back_at.unwrap();
    assert_eq!(gate.writes(), Writes::Sent { effect_by: answered });
    call(&gate, &world, CallAccess::Write, "lost", Effect::Open).await.unwrap();
    let limits = Limits::default();
    let asked = gate.journal().calls[1].sent_at;
    assert_eq!(gate.writes(), Writes::Sent { effect_by: asked + limits.send_within + limits.request });
}

#[tokio::test]
async fn calls_are_numbered_in_order_and_counted() {
    let world = Arc::new(World::default());
    let limits = Limits { calls: 2, ..Limits::default() };
    let gate = Gate::new(Answers::Outside, world.clone(), None, world.clock.clone(), &limits);
    let (first, second) = (gate.number().unwrap(), gate.number().unwrap());
    let second = gate.ticket(second, "test", CallAccess::Read, b"second".to_vec());
    gate.pass(second, Named { world: &world, name: "second", effect: Effect::Over }).await.unwrap();
    let first = gate.ticket(first, "test", CallAccess::Read, b"first".to_vec());
    gate.pass(first, Named { world: &world, name: "first", effect: Effect::Over }).await.unwrap();
    let asked: Vec<_> = gate.journal().calls.into_iter().map(|call| (call.n, call.ask)).collect();
    assert_eq!(asked, [(0, b"first".to_vec()), (1, b"second".to_vec())]);
    assert_eq!(gate.number(), Err(Refusal::TooMany(2)));
}

/// Fails one moment.
struct Fails(Moment);

impl Faults for Fails {
    fn at(&self, moment: Moment, _: &Recorded) -> Fault {
        if moment == self.0 { Fault::Fail } else { Fault::None }
    }
}

#[tokio::test]
async fn injected_faults_are_told_and_recorded() {
    for (moment, sent) in [(Moment::Before, false), (Moment::AfterEffect, true), (Moment::AfterRecord, true)]
    {
        let world = Arc::new(World::default());
        let faults: Arc<dyn Faults> = Arc::new(Fails(moment));
        let gate =
            Gate::new(Answers::Outside, world.clone(), Some(faults), world.clock.clone(), &Limits::default());
        assert_eq!(write(&gate, &world, "make").await.unwrap(), "told the connection was lost (injected)");
        assert_eq!((world.trace().len() == 2, gate.writes() != Writes::None), (sent, sent), "{moment:?}");
        let replayed = world.gate(Answers::Journal(gate.journal()));
        assert_eq!(
            write(&replayed, &world, "make").await.unwrap(),
            "told the connection was lost (injected)"
        );
    }
}
