//! Proves a scenario: strikes it at every point there is, and finds the shortest way in which it goes wrong.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use groundcrew_outside::judge::living;
use groundcrew_outside::{By, Effect, Purpose, What};

use super::audited::Audited;
use super::beside::Nobody;
use super::carrier::path_of;
use super::deaths::Deaths;
use super::disturbed::{deletes, ends, faults, outages};
use super::faults::{Blow, Strike};
use super::happening::Happening;
use super::lifecycle;
use super::ordeal::Ordeal;
use super::play::{Played, play};
use super::scene::{Looks, Memory, Records, Scene};
use super::shrink::{less_steps, smaller};
use super::trial::{Pairs, blows, chosen, in_parallel, seconds};
use super::why;

/// What was tried of one scenario.
#[derive(Clone, Debug, Default, serde::Serialize)]
pub struct Proof {
    /// Its name.
    pub scenario: String,
    /// Requests of the undisturbed play.
    pub calls: usize,
    /// Things that were made in it.
    pub things: usize,
    /// Times that its audit was run in it.
    pub looks: usize,
    /// Single blows: every call and commit failed, and the runner died there.
    pub points: usize,
    /// Second blows while it recovered from a first.
    pub pairs: usize,
    /// Second blows that there are.
    pub pairs_of: usize,
    /// Requests that met a fault on their way.
    pub faults: usize,
    /// Writes whose answer was lost, and every read that followed failed for a while.
    pub outages: usize,
    /// Owners that went while something was made for them.
    pub ends: usize,
    /// Lives of its owners that were drawn, each undisturbed and under several ordeals.
    pub lives: usize,
    /// How often it was played, from its beginning or from a death on; the play that keeps what deaths leave is not counted.
    pub plays: usize,
    /// The shortest way in which it goes wrong.
    pub failure: Option<Failure>,
}

/// How a scenario goes wrong.
#[derive(Clone, Debug, serde::Serialize)]
pub struct Failure {
    /// What it takes.
    pub ordeal: Ordeal,
    /// What that is, in words, one a thing that goes wrong.
    pub happened: Vec<String>,
    /// What is wrong in the end.
    pub wrong: Vec<String>,
    /// Why, as far as the calls tell.
    pub why: Vec<String>,
    /// What was struck, in words; none: it did not go wrong again.
    #[serde(skip)]
    pub dealt: Option<Vec<String>>,
}

/// Ordeals that each drawn life is put to.
const ORDEALS: u64 = 6;
/// Within so many moments it dies again.
const RECOVERY: usize = 40;

/// Told how far a proof is.
pub trait Watch: Sync {
    /// So many plays more are to come.
    fn expects(&self, plays: usize);
    /// One was played.
    fn played(&self);
}

/// How much is tried beside every single blow.
#[derive(Clone, Copy, Debug)]
pub struct Extent {
    /// Second blows.
    pub pairs: Pairs,
    /// Lives that are drawn.
    pub lives: usize,
    /// Which.
    pub seed: u64,
}

/// Proves a scene.
pub fn prove(scene: &Scene<Nobody>, extent: Extent, watch: &dyn Watch) -> Proof {
    let scene = again(scene);
    let whole = play(&Scene { records: Records::All, ..scene.clone() }, &[]);
    watch.expects(1);
    watch.played();
    let scene = Scene { audited: whole.audited.clone().map(Arc::new), ..scene };
    Prover { deaths: deaths(&scene), ..Prover::new(&scene, watch, 1) }.prove(&whole, extent)
}

/// What the deaths of a scene leave; none, if ordeals are staged from another script than its own, or a death also takes
/// what was committed.
fn deaths(scene: &Scene<Nobody>) -> Option<Deaths> {
    let staged = Ordeal::default().staged(scene);
    let leave_all = staged.script == scene.script && scene.memory == Memory::Durable;
    leave_all.then(|| Deaths::of(scene))
}

/// What came of an ordeal that was played again.
#[derive(Clone, Debug)]
pub struct Replayed {
    /// What was struck, in words; something else than before if the hook calls otherwise.
    pub dealt: Vec<String>,
    /// What is wrong; none: nothing.
    pub failure: Option<Failure>,
}

/// Plays one ordeal again, and says what is wrong.
pub fn replay(scene: &Scene<Nobody>, ordeal: &Ordeal) -> Replayed {
    let scene = again(scene);
    let audited = scene.audits().then(|| play(&scene, &[]).audited).flatten();
    let scene = Scene { audited: audited.map(Arc::new), ..scene };
    let prover = Prover::new(&scene, &Unwatched, 0);
    let (dealt, failure) = prover.told(ordeal);
    Replayed { dealt, failure }
}

/// The scene whose audits are compared with those of the play in which nothing goes wrong; that one is judged by itself.
fn compared(scene: Scene<Nobody>, whole: Option<Arc<Audited>>, ordeal: &Ordeal) -> Scene<Nobody> {
    Scene { audited: whole.filter(|_| !ordeal.is_empty()), ..scene }
}

/// The scene whose audits are run again at its end, when everything can have settled.
fn again(scene: &Scene<Nobody>) -> Scene<Nobody> {
    Scene { looks: Looks::AgainAtTheEnd, ..scene.clone() }
}

struct Unwatched;

impl Watch for Unwatched {
    fn expects(&self, _: usize) {}
    fn played(&self) {}
}

struct Prover<'a> {
    scene: &'a Scene<Nobody>,
    watch: &'a dyn Watch,
    plays: AtomicU64,
    /// Where plays of the scene itself go on.
    deaths: Option<Deaths>,
    /// By what ends otherwise.
    wholes: Mutex<BTreeMap<String, Arc<OnceLock<Whole>>>>,
}

/// What a scene that ends otherwise comes to.
#[derive(Clone, Debug)]
struct Whole {
    expects: Vec<Purpose>,
    told: Vec<Happening>,
    audited: Option<Arc<Audited>>,
}

impl<'a> Prover<'a> {
    fn new(scene: &'a Scene<Nobody>, watch: &'a dyn Watch, plays: u64) -> Self {
        Self { scene, watch, plays: AtomicU64::new(plays), deaths: None, wholes: Mutex::default() }
    }
}

impl Prover<'_> {
    fn prove(&self, whole: &Played<()>, extent: Extent) -> Proof {
        let made = |effect: &&Effect| effect.what == What::Created && effect.by == By::Caller;
        let mut proof = Proof {
            scenario: self.scene.name.clone(),
            calls: whole.sent.len(),
            things: whole.log.iter().filter(made).count(),
            looks: whole.audited.as_ref().map_or(0, Audited::count),
            ..Proof::default()
        };
        if !is_right(whole) {
            return self.failed(proof, &Ordeal::default());
        }
        let singles = blows(whole, &[], 1);
        self.watch.expects(singles.len());
        let tried = in_parallel(singles.len(), |n| self.struck(&singles[n].strikes));
        proof.points = singles.iter().map(|blows| blows.stand_for).sum();
        if let Some(wrong) = tried.iter().find(|played| !is_right(played)) {
            return self.failed(proof, &Ordeal::of_blows(&wrong.strikes));
        }
        let faults = faults(self.scene, whole);
        proof.faults = faults.len();
        if let Some(wrong) = self.first_wrong(&faults) {
            return self.failed(proof, wrong);
        }
        let outages = outages(self.scene, whole);
        proof.outages = outages.len();
        if let Some(wrong) = self.first_wrong(&outages) {
            return self.failed(proof, wrong);
        }
        let ends = ends(self.scene, whole);
        proof.ends = ends.len();
        if let Some(wrong) = self.first_wrong(&ends) {
            return self.failed(proof, wrong);
        }
        let all: Vec<_> = tried.iter().zip(&singles).flat_map(seconds).collect();
        proof.pairs_of = all.len();
        let pairs: Vec<_> =
            chosen(all, extent.pairs).iter().map(|blows| Ordeal::of_blows(&blows.strikes)).collect();
        proof.pairs = pairs.len();
        if let Some(wrong) = self.first_wrong(&pairs) {
            return self.failed(proof, wrong);
        }
        proof.lives = extent.lives;
        self.watch.expects(extent.lives * (2 + ORDEALS as usize));
        let drawn = in_parallel(extent.lives, |n| self.drawn(extent.seed.wrapping_add(n as u64)));
        if let Some(wrong) = drawn.into_iter().flatten().next() {
            let failure = Some(self.surely(&self.without_steps(self.shrunk(wrong))));
            return self.counted(Proof { failure, ..proof });
        }
        self.counted(proof)
    }

    /// One drawn life, undisturbed and under a few ordeals; the first of them that goes wrong.
    fn drawn(&self, seed: u64) -> Option<Ordeal> {
        let ordeal = Ordeal { life: lifecycle::draw(&self.scene.script, seed), ..Ordeal::default() };
        let whole = self.play(&self.staged(&ordeal), &[]);
        if !is_right(&whole) {
            return Some(ordeal);
        }
        let faults = faults(self.scene, &whole);
        let mut ordeals = (0..ORDEALS).map(|n| {
            let seed = seed.wrapping_mul(ORDEALS).wrapping_add(n);
            let at = lifecycle::number(seed, whole.moments.len());
            let blow = whole.moments.get(at).and_then(|moment| moment.blows().last().copied());
            let mut blow: Vec<_> = blow.map(|blow| Strike { at, blow }).into_iter().collect();
            let mut fault = Vec::new();
            match n % 3 {
                0 => {}
                // It dies again while it recovers.
                1 => {
                    let at = at + 1 + lifecycle::number(seed ^ 1, RECOVERY);
                    blow.push(Strike { at, blow: Blow::Crash });
                }
                _ => {
                    fault = faults
                        .get(lifecycle::number(seed ^ 2, faults.len()))
                        .map_or(fault, |it| it.fault.clone());
                }
            }
            Ordeal { blow, fault, ..ordeal.clone() }
        });
        ordeals.find(|ordeal| self.goes_wrong(ordeal))
    }

    /// The same with turns, blows and faults left out, as long as it still goes wrong.
    fn shrunk(&self, mut ordeal: Ordeal) -> Ordeal {
        while let Some(smaller) = smaller(&ordeal).into_iter().find(|smaller| self.goes_wrong(smaller)) {
            ordeal = smaller;
        }
        ordeal
    }

    /// The same with every step of the scenario left out without which it still goes wrong.
    fn without_steps(&self, mut ordeal: Ordeal) -> Ordeal {
        loop {
            let mut fewer = less_steps(&ordeal, &self.scene.script).into_iter();
            let Some(smaller) = fewer.find(|smaller| self.goes_wrong(smaller)) else { return ordeal };
            ordeal = smaller;
        }
    }

    fn counted(&self, proof: Proof) -> Proof {
        Proof { plays: self.plays.load(Ordering::SeqCst) as usize, ..proof }
    }

    fn play(&self, scene: &Scene<Nobody>, strikes: &[Strike]) -> Played<()> {
        self.counts(play(scene, strikes))
    }

    /// Plays the scene itself under blows.
    fn struck(&self, strikes: &[Strike]) -> Played<()> {
        self.counts(match &self.deaths {
            Some(deaths) => deaths.play(self.scene, strikes),
            None => play(self.scene, strikes),
        })
    }

    fn counts(&self, played: Played<()>) -> Played<()> {
        self.plays.fetch_add(1, Ordering::SeqCst);
        self.watch.played();
        played
    }

    /// The first of the shortest of these that go wrong.
    fn first_wrong<'a>(&self, ordeals: &'a [Ordeal]) -> Option<&'a Ordeal> {
        self.watch.expects(ordeals.len());
        let wrong = in_parallel(ordeals.len(), |n| self.goes_wrong(&ordeals[n]));
        let wrong = ordeals.iter().zip(wrong).filter(|(_, wrong)| *wrong).map(|(ordeal, _)| ordeal);
        wrong.min_by_key(|ordeal| ordeal.len())
    }

    fn goes_wrong(&self, ordeal: &Ordeal) -> bool {
        if self.deaths.is_some() && !ordeal.is_empty() && *ordeal == Ordeal::of_blows(&ordeal.blow) {
            return !is_right(&self.struck(&ordeal.blow));
        }
        let scene = self.staged(ordeal);
        !is_right(&self.play(&scene, &ordeal.blow))
    }

    /// The scene of an ordeal; where it ends otherwise, what is to live is what lives when nothing else goes wrong.
    fn staged(&self, ordeal: &Ordeal) -> Scene<Nobody> {
        let staged = compared(ordeal.staged(self.scene), self.scene.audited.clone(), ordeal);
        if !ordeal.changes_the_end() {
            return staged;
        }
        let whole = self.whole(ordeal);
        let Whole { expects, told, audited } = whole.get_or_init(|| self.undisturbed(ordeal)).clone();
        let told = staged.told.as_ref().map(|_| told);
        compared(Scene { expects, told, opens: None, ..staged }, audited, ordeal)
    }

    /// What comes of the scene of an ordeal when nothing else goes wrong; the same for all ordeals that end alike.
    fn whole(&self, ordeal: &Ordeal) -> Arc<OnceLock<Whole>> {
        let alike = Ordeal { blow: Vec::new(), fault: Vec::new(), outage: Vec::new(), ..ordeal.clone() };
        let key = serde_json::to_string(&alike).expect("invariant: an ordeal is JSON");
        self.wholes.lock().unwrap_or_else(PoisonError::into_inner).entry(key).or_default().clone()
    }

    fn undisturbed(&self, ordeal: &Ordeal) -> Whole {
        let shortened = Scene { audited: None, records: Records::All, ..ordeal.shortened(self.scene) };
        let whole = self.play(&shortened, &[]);
        // What the fake has and the ledger has not is left over, also when nothing else goes wrong.
        let mut expects = whole.kept.as_ref().map(|kept| kept.living.clone()).unwrap_or_default();
        let lives = ours(&whole.log);
        expects.retain(|purpose| lives.contains(purpose));
        if deletes(self.scene) {
            let living = lifecycle::living(&shortened.script);
            expects.retain(|purpose| living.contains(&purpose.owner));
        }
        Whole { expects, told: whole.happenings, audited: whole.audited.map(Arc::new) }
    }

    /// The proof with the shortest form of what went wrong.
    fn failed(&self, proof: Proof, ordeal: &Ordeal) -> Proof {
        let ordeal = &self.shrunk(ordeal.clone());
        let steps = self.scene.script.len();
        let shorter = (0..steps).map(|steps| Ordeal { steps: Some(steps), ..ordeal.clone() });
        let shortest = shorter.into_iter().find(|shorter| self.goes_wrong(shorter));
        let shortest = self.without_steps(shortest.unwrap_or_else(|| ordeal.clone()));
        let failure = Some(self.surely(&shortest));
        self.counted(Proof { failure, ..proof })
    }

    /// The same of an ordeal that went wrong before: what does not go the same way twice is wrong as well.
    fn surely(&self, ordeal: &Ordeal) -> Failure {
        self.failure(ordeal).unwrap_or_else(|| Failure {
            ordeal: ordeal.clone(),
            happened: Vec::new(),
            wrong: vec!["unsteady: it went wrong, and when it was played again it did not".to_owned()],
            why: Vec::new(),
            dealt: None,
        })
    }

    /// What is wrong in the end of an ordeal, and why; none if all is right.
    fn failure(&self, ordeal: &Ordeal) -> Option<Failure> {
        self.told(ordeal).1
    }

    /// The blows that fell in an ordeal, and what is wrong in its end.
    fn told(&self, ordeal: &Ordeal) -> (Vec<String>, Option<Failure>) {
        let scene = Scene { records: Records::All, ..self.staged(ordeal) };
        let played = self.play(&scene, &ordeal.blow);
        let mut wrong = why::told(&played);
        if let Some(unsteady) = played.kept.as_ref().and_then(|kept| kept.unsteady.clone()) {
            wrong.insert(0, format!("unsteady: {unsteady}"));
        }
        let failure = (!wrong.is_empty()).then(|| Failure {
            ordeal: ordeal.clone(),
            happened: why::happened(&played, ordeal),
            wrong,
            why: why::explained(&played, &scene.cast.config),
            dealt: Some(struck(&played, ordeal)),
        });
        (struck(&played, ordeal), failure)
    }
}

/// What an ordeal struck: the blows that fell, and the requests that its faults met.
fn struck(played: &Played<()>, ordeal: &Ordeal) -> Vec<String> {
    let met = ordeal.fault.iter().map(|met| {
        let mut alike = played.sent.iter().filter(|sent| sent.method == met.method);
        let request = alike.nth(met.after as usize);
        let request = request.map_or("none", |sent| path_of(&sent.url));
        format!("{} number {}: {request}", met.method, met.after + 1)
    });
    played.dealt.iter().cloned().chain(met).collect()
}

/// Whether nothing is wrong, `desired` asked twice included.
fn is_right(played: &Played<()>) -> bool {
    played.is_right() && played.kept.as_ref().is_none_or(|kept| kept.unsteady.is_none())
}

/// What lives at the end of a log, of ours.
fn ours(log: &[Effect]) -> Vec<Purpose> {
    let ours = living(log).into_iter().filter(|thing| thing.by == By::Caller);
    ours.filter_map(|thing| thing.purpose).collect()
}
