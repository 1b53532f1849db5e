//! Every branch of the protocol, as tables: what is known, and the step that follows.
//!
//! Times are seconds around `NOW`; `settle` is 30 s and a write takes effect within 10 s of its intent.

mod last;

use serde_json::json;

use super::*;
use crate::row::Place;
use crate::spec::ThingState;

const NOW: Timestamp = Timestamp::from_millis(1_800_000_000_000);
const HOME: &str = "acme";

fn at(seconds: i64) -> Timestamp {
    NOW + Millis::seconds(seconds)
}

fn row_id(random: u8) -> RowId {
    let at = Place { installation: HOME, target: "target", kind: "kind", key: "key", inside: "" };
    RowId::new(&at, [random; 10])
}

fn row(state: State) -> Row {
    let known = !matches!(state, State::Creating | State::InDoubt);
    Row {
        id: row_id(1),
        state,
        origin: Origin::Created,
        spec: json!({"v": 1, "fixed": 1}),
        thing: known.then(|| "t".to_owned()),
        observed: known.then(|| json!({"v": 1, "fixed": 1})),
        mark: known.then(|| row_id(1).mark(HOME)),
        before: Vec::new(),
        intended_at: None,
        made_by: known.then(|| at(-3_600)),
        removed_by: None,
        absent_at: None,
        poll_at: None,
        look_at: known.then(|| at(3_600)),
        inherited_at: None,
        repairs: Vec::new(),
    }
}

fn thing(id: &str, v: i64, mark: Option<String>) -> Thing {
    Thing {
        id: id.to_owned(),
        state: ThingState::Ready,
        note: None,
        poll: None,
        body: json!({"v": v, "fixed": 1}),
        mark,
        outputs: Vec::new(),
        made: None,
    }
}

fn mine(v: i64) -> Thing {
    thing("t", v, Some(row_id(1).mark(HOME)))
}

fn earlier() -> Thing {
    thing("t", 1, Some(row_id(9).mark(HOME)))
}

fn strange() -> Thing {
    thing("t", 1, Some("somebody-else".to_owned()))
}

fn unmarked(id: &str, v: i64, made: Option<i64>) -> Thing {
    Thing { made: made.map(at), ..thing(id, v, None) }
}

fn in_state(state: ThingState, thing: Thing) -> Thing {
    Thing { state, ..thing }
}

/// A scene that owns what it shows; the tables change what they are about.
struct Case {
    row: Row,
    want: Option<Value>,
    leave: Leave,
    look: Option<Look>,
    held: Vec<String>,
    busy: bool,
    policy: Policy,
    steady: Steady,
}

impl Case {
    fn new(class: Class, row: Row) -> Self {
        let policy = Policy {
            class,
            settle: Millis::seconds(30),
            window: Millis::seconds(10),
            remembers: (class == Class::Keyed).then(|| Millis::seconds(60)),
            lives: Lives::Outside,
            immutable: vec!["fixed".to_owned()],
            shown_as: std::collections::BTreeMap::new(),
            adopt: Adopt::default(),
            lost_at: None,
            drift: Drift::default(),
        };
        let want = Some(json!({"v": 1, "fixed": 1}));
        Self {
            row,
            want,
            leave: Leave::Remove,
            look: None,
            held: Vec::new(),
            busy: false,
            policy,
            steady: Steady::ALWAYS,
        }
    }

    fn marked(state: State) -> Self {
        Self::new(Class::Marked, row(state))
    }

    /// A creation whose intent was committed `ago` seconds ago.
    fn doubt(class: Class, ago: i64) -> Self {
        let row = Row { intended_at: Some(at(-ago)), made_by: Some(at(10 - ago)), ..row(State::InDoubt) };
        Self::new(class, row)
    }

    fn wants(mut self, body: Value) -> Self {
        self.want = Some(body);
        self
    }

    fn unwanted(mut self) -> Self {
        self.want = None;
        self
    }

    fn leave(mut self, leave: Leave) -> Self {
        self.leave = leave;
        self
    }

    fn with(mut self, change: impl FnOnce(&mut Row)) -> Self {
        change(&mut self.row);
        self
    }

    fn policy(mut self, change: impl FnOnce(&mut Policy)) -> Self {
        change(&mut self.policy);
        self
    }

    /// Our clock was set so many seconds ago, and had never shown more than this.
    fn set(mut self, ago: i64, beyond: i64) -> Self {
        self.steady = Steady { since: at(-ago), beyond: at(beyond) };
        self
    }

    fn occupies(&self) -> bool {
        occupies_listing(&self.row, Occupied::at(&self.policy, self.steady, NOW))
    }

    /// A look that begins now and shows this.
    fn sees(self, things: impl IntoIterator<Item = Thing>) -> Self {
        self.saw(0, things)
    }

    fn saw(mut self, began: i64, things: impl IntoIterator<Item = Thing>) -> Self {
        let aim = if matches!(self.row.state, State::Creating | State::InDoubt) {
            Aim::Anything
        } else {
            Aim::Thing
        };
        self.look = Some(Look { began: at(began), at: aim, things: things.into_iter().collect() });
        self
    }

    /// The step in a few words; times in seconds from now.
    fn step(&self) -> String {
        let step = decide(&Scene {
            row: &self.row,
            want: self.want.as_ref(),
            leave: &self.leave,
            look: self.look.as_ref(),
            held: &self.held,
            listing_busy: self.busy,
            policy: &self.policy,
            installation: HOME,
            now: NOW,
            steady: self.steady,
            rules: Rules::ALL,
        });
        words(&step)
    }
}

fn words(step: &Step) -> String {
    let after = |until: &Timestamp| until.since(NOW).as_i64() as f64 / 1_000.0;
    match step {
        Step::Look(aim) => format!("look for {aim:?}"),
        Step::Wait { until: None, why } => format!("wait, {why:?}"),
        Step::Wait { until: Some(until), why } => format!("wait {} s, {why:?}", after(until)),
        Step::Create { before } => format!("create, before: {}", before.join(" ")),
        Step::Take { thing, origin } => format!("take {} as {origin}", thing.id),
        Step::Note { drifted, .. } if drifted.is_empty() => "note".to_owned(),
        Step::Note { drifted, .. } => format!("note, drifted: {}", drifted.join(" ")),
        Step::Update { .. } => "update".to_owned(),
        Step::Remove { .. } => "remove".to_owned(),
        Step::NoteAbsent => "note absent".to_owned(),
        Step::Gone { how } => format!("gone, {how:?}"),
        Step::Retain { why } => format!("retain, {why}"),
        Step::Report { problem, until } => format!("{}, again in {} s", reported(problem), after(until)),
    }
}

fn reported(problem: &Problem) -> String {
    match problem {
        Problem::Conflict { thing } => format!("conflict with {thing}"),
        Problem::Ambiguous { things } => format!("ambiguous: {}", things.join(" ")),
        Problem::Twin { thing } => format!("twin {thing}"),
        Problem::Changed { fields, .. } => format!("changed: {}", fields.join(" ")),
        Problem::Fought { fields, .. } => format!("fought over {}", fields.join(" ")),
    }
}

fn check(table: impl IntoIterator<Item = (&'static str, Case, &'static str)>) {
    for (what, case, step) in table {
        assert_eq!(case.step(), step, "{what}");
    }
}

#[test]
fn before_the_first_creation_there_is_a_look() {
    use Class::{Anonymous, Keyed, Marked, Natural};
    let case = |class| Case::new(class, row(State::Creating));
    let busy = |class| Case { busy: true, ..case(class) };
    let adopting = |adopt| case(Natural).policy(|policy| policy.adopt = adopt);
    let recovering = |class| case(class).policy(|policy| policy.adopt = Adopt::Recover);
    let held = Case { held: vec!["t".to_owned()], ..case(Marked) };
    check([
        ("unwanted before it was sent", case(Marked).unwanted(), "gone, NeverMade"),
        ("nothing is known", case(Natural), "look for Anything"),
        ("nothing is there", case(Natural).sees([]), "create, before: "),
        ("ours, from a ledger that was restored", case(Marked).sees([mine(1)]), "take t as created"),
        ("an earlier row's", case(Marked).sees([earlier()]), "take t as created"),
        ("an earlier row's that another row holds", held.sees([earlier()]), "create, before: t"),
        (
            "an earlier row's, never adopted",
            adopting(Adopt::Never).sees([earlier()]),
            "conflict with t, again in 300 s",
        ),
        ("somebody else has the key", case(Natural).sees([strange()]), "conflict with t, again in 300 s"),
        ("others do not matter where marks tell", case(Marked).sees([strange()]), "create, before: t"),
        (
            "others do not matter where keys tell",
            case(Keyed).sees([unmarked("a", 1, None)]),
            "create, before: a",
        ),
        (
            "equal, but marks are asked for",
            case(Natural).sees([unmarked("a", 1, None)]),
            "conflict with a, again in 300 s",
        ),
        ("equal", adopting(Adopt::Exact).sees([unmarked("a", 1, None)]), "take a as adopted"),
        (
            "different",
            adopting(Adopt::Exact).sees([unmarked("a", 2, None)]),
            "conflict with a, again in 300 s",
        ),
        ("equal, and marked", adopting(Adopt::Exact).sees([strange()]), "conflict with t, again in 300 s"),
        ("recovering: equal", adopting(Adopt::Recover).sees([unmarked("a", 1, None)]), "take a as presumed"),
        ("recovering: an earlier row's", adopting(Adopt::Recover).sees([earlier()]), "take t as created"),
        (
            "recovering: different",
            adopting(Adopt::Recover).sees([unmarked("a", 2, None)]),
            "conflict with a, again in 300 s",
        ),
        (
            "recovering: one of an anonymous kind",
            recovering(Anonymous).sees([unmarked("a", 1, None), unmarked("b", 2, None)]),
            "take a as presumed",
        ),
        (
            "recovering: one of an anonymous kind that another row holds",
            Case { held: vec!["a".to_owned()], ..recovering(Anonymous) }.sees([unmarked("a", 1, None)]),
            "create, before: a",
        ),
        (
            "recovering: two that fit",
            recovering(Anonymous).sees([unmarked("a", 1, None), unmarked("b", 1, None)]),
            "ambiguous: a b, again in 300 s",
        ),
        (
            "recovering: a key is as good as forgotten",
            recovering(Keyed).sees([unmarked("a", 1, None)]),
            "take a as presumed",
        ),
        (
            "recovering: what is always marked, and is not",
            recovering(Marked).sees([unmarked("a", 1, None)]),
            "create, before: a",
        ),
        ("anonymous: the pre-image", case(Anonymous).sees([unmarked("a", 1, None)]), "create, before: a"),
        ("anonymous: one at a time", busy(Anonymous).sees([]), "wait 1 s, Turn"),
        ("the others need not wait", busy(Marked).sees([]), "create, before: "),
    ]);
}

#[test]
fn while_a_ledger_is_rebuilt_nothing_is_missing_before_it_must_show() {
    use Class::{Anonymous, Keyed, Marked, Natural};
    let lost = |class, ago: i64| {
        Case::new(class, row(State::Creating)).policy(|policy| {
            (policy.adopt, policy.lost_at) = (Adopt::Recover, Some(at(-ago)));
        })
    };
    check([
        ("it may have been sent, and be hidden", lost(Marked, 0).sees([]), "wait 7.5 s, Settling"),
        ("of whatever class", lost(Anonymous, 0).sees([]), "wait 7.5 s, Settling"),
        ("it must show in a second", lost(Keyed, 39).sees([]), "wait 1 s, Settling"),
        ("it would show", lost(Marked, 40).sees([]), "create, before: "),
        ("a look that began before it must", lost(Marked, 40).saw(-1, []), "wait 0 s, Settling"),
        ("what shows is taken at once", lost(Marked, 0).sees([mine(1)]), "take t as created"),
        (
            "what is otherwise may show as it was before a change",
            lost(Natural, 0).sees([unmarked("a", 2, None)]),
            "wait 7.5 s, Settling",
        ),
        (
            "and by then is somebody else's",
            lost(Natural, 40).sees([unmarked("a", 2, None)]),
            "conflict with a, again in 300 s",
        ),
        ("our clock was set since", lost(Marked, 1_000).set(5, 100).sees([]), "wait 7.5 s, Settling"),
    ]);
}

#[test]
fn a_natural_creation_in_doubt_is_sent_again_at_once() {
    let case = |ago| Case::doubt(Class::Natural, ago);
    let in_pre_image = case(5).with(|row| row.before = vec!["t".to_owned()]);
    check([
        ("nothing is known", case(5), "look for Anything"),
        ("not there", case(5).sees([]), "create, before: "),
        ("with our mark", case(5).sees([mine(1)]), "take t as created"),
        ("without marks: exactly our spec", case(5).sees([unmarked("t", 1, None)]), "take t as created"),
        (
            "without marks: not our spec",
            case(50).sees([unmarked("t", 2, None)]),
            "conflict with t, again in 300 s",
        ),
        (
            "without marks, and it was there before",
            in_pre_image.sees([unmarked("t", 1, None)]),
            "wait 7.5 s, Settling",
        ),
        ("somebody else's, ours may be hidden behind it", case(5).sees([strange()]), "wait 7.5 s, Settling"),
        ("somebody else's", case(50).sees([strange()]), "conflict with t, again in 300 s"),
    ]);
}

#[test]
fn a_marked_creation_in_doubt_waits_for_settle() {
    let case = |ago| Case::doubt(Class::Marked, ago);
    check([
        ("not there, it may be hidden", case(5).sees([]), "wait 7.5 s, Settling"),
        ("the last look is at the end of settle", case(35).sees([]), "wait 5 s, Settling"),
        ("a look from before the end of settle", case(50).saw(-11, []), "wait 0 s, Settling"),
        ("not there", case(40).sees([]), "create, before: "),
        ("others are noted", case(40).sees([strange()]), "create, before: t"),
        ("ours, early", case(1).sees([mine(1)]), "take t as created"),
        ("only an earlier row's", case(40).sees([earlier()]), "create, before: t"),
    ]);
}

#[test]
fn a_key_is_sent_again_while_the_api_remembers_it() {
    let case = |ago| Case::doubt(Class::Keyed, ago).with(|row| row.before = vec!["a".to_owned()]);
    let (old, new) = (unmarked("a", 1, Some(-90)), unmarked("b", 1, Some(-65)));
    check([
        ("remembered; the pre-image stays", case(5).sees([unmarked("b", 1, None)]), "create, before: a"),
        ("ours by its mark", case(5).sees([mine(1)]), "take t as created"),
        ("forgotten when it would take effect", case(45).sees([strange()]), "create, before: a t"),
        ("forgotten, with marks: ours", case(70).sees([mine(1)]), "take t as created"),
        ("forgotten, without marks", case(70).sees([old.clone(), new]), "take b as presumed"),
        ("forgotten, without marks, and not there", case(70).sees([old]), "create, before: a"),
    ]);
}

#[test]
fn a_creation_is_not_repeated_whatever_the_api_takes_for_the_time() {
    let doubt = || Case::doubt(Class::Anonymous, 60).with(|row| row.before = vec!["old".to_owned()]);
    // Ours, if the clocks are apart by so much; somebody else's, if not.
    for seconds in [-36_000, -3_600, -75, -66, -44, 0, 75, 3_600, 36_000] {
        let case = doubt().sees([unmarked("old", 1, Some(seconds)), unmarked("a", 1, Some(seconds))]);
        assert_eq!(case.step(), "ambiguous: a, again in 300 s", "{seconds} s");
    }
    let beside = doubt().sees([unmarked("a", 1, Some(-59)), unmarked("b", 1, Some(3_600))]);
    assert_eq!(beside.step(), "ambiguous: a b, again in 300 s", "one of them is");
    let watched = doubt().unwanted().sees([unmarked("a", 1, Some(3_600))]);
    assert_eq!(watched.step(), "ambiguous: a, again in 3600 s");
}

#[test]
fn an_anonymous_creation_in_doubt_is_judged_late_and_once() {
    let case = |ago| Case::doubt(Class::Anonymous, ago).with(|row| row.before = vec!["old".to_owned()]);
    let at = |id, made| unmarked(id, 1, Some(made));
    let held = Case { held: vec!["b".to_owned()], ..case(40) };
    let theirs = |id, made| Thing { mark: Some(row_id(1).mark("staging")), ..at(id, made) };
    let tagged = |id, made| Thing { mark: Some("by hand".to_owned()), ..at(id, made) };
    check([
        ("too early, whatever is there", case(5).sees([at("a", -4)]), "wait 7.5 s, Settling"),
        ("the only new one", case(40).sees([at("old", -40), at("a", -38)]), "take a as presumed"),
        ("give or take the clocks: too early", case(40).sees([at("a", -46)]), "ambiguous: a, again in 300 s"),
        ("give or take the clocks: just not", case(40).sees([at("a", -45)]), "take a as presumed"),
        ("give or take the clocks: just not", case(40).sees([at("a", -25)]), "take a as presumed"),
        ("give or take the clocks: too late", case(40).sees([at("a", -24)]), "ambiguous: a, again in 300 s"),
        ("two could be ours", case(40).sees([at("a", -38), at("b", -37)]), "ambiguous: a b, again in 300 s"),
        ("one of them is another row's", held.sees([at("a", -38), at("b", -37)]), "take a as presumed"),
        (
            "one of them is another installation's",
            case(40).sees([at("a", -38), theirs("b", -37)]),
            "take a as presumed",
        ),
        ("all of them are", case(40).sees([theirs("b", -37)]), "create, before: b old"),
        ("a mark that is nobody's", case(40).sees([tagged("a", -38)]), "take a as presumed"),
        (
            "the API does not say when",
            case(40).sees([unmarked("a", 1, None)]),
            "ambiguous: a, again in 300 s",
        ),
        ("nothing new", case(40).sees([at("old", -40)]), "create, before: old"),
        ("unwanted and there", case(40).unwanted().sees([at("a", -38)]), "take a as presumed"),
        (
            "unwanted, and it cannot be known",
            case(40).unwanted().sees([unmarked("a", 1, None)]),
            "ambiguous: a, again in 3600 s",
        ),
        ("unwanted and not there", case(40).unwanted().sees([at("old", -40)]), "wait 30 s, Watching"),
    ]);
}

#[test]
fn a_creation_whose_want_went_is_watched_for_a_day() {
    const DAY: i64 = 86_400;
    let case = |ago| Case::doubt(Class::Marked, ago).unwanted();
    check([
        ("it may still take effect", case(5).sees([]), "wait 7.5 s, Settling"),
        ("it should be visible by now", case(40).sees([]), "wait 30 s, Watching"),
        ("seldomer the longer it stays away", case(640).sees([]), "wait 600 s, Watching"),
        ("the last look is at the end", case(40 + DAY - 60).sees([]), "wait 60 s, Watching"),
        ("a day is over", case(40 + DAY).sees([]), "gone, NeverSeen"),
        ("it turns up late", case(640).sees([mine(1)]), "take t as created"),
        ("wanted again", case(640).wants(json!({"v": 2})).sees([]), "create, before: "),
    ]);
}

#[test]
fn a_present_thing_is_kept_as_it_is_wanted() {
    let case = || Case::marked(State::Present);
    let due = || case().with(|row| row.look_at = Some(NOW));
    let with = |drift| due().policy(|policy| policy.drift = drift);
    let young = || due().with(|row| row.made_by = Some(at(-10)));
    let newer = || case().wants(json!({"v": 2, "fixed": 1}));
    let reverted =
        |ago: i64| case().with(|row| (row.spec, row.made_by) = (json!({"v": 2, "fixed": 1}), Some(at(-ago))));
    let fought = |ago: &[i64]| {
        let repairs = ago.iter().map(|ago| at(-*ago)).collect();
        with(Drift::Repair).with(|row| row.repairs = repairs).sees([mine(3)])
    };
    check([
        ("nothing is due", case(), "wait 3600 s, Settled"),
        ("a look is due", due(), "look for Thing"),
        ("its id is not known", case().with(|row| row.thing = None), "look for Thing"),
        ("as wanted", due().sees([mine(1)]), "note"),
        ("something else is wanted", newer(), "look for Thing"),
        ("something else is wanted", newer().sees([mine(1)]), "update"),
        (
            "an earlier write may still land",
            newer().with(|row| row.made_by = Some(at(3))).sees([mine(1)]),
            "wait 3.001 s, Settling",
        ),
        ("what is wanted is there already", newer().sees([mine(2)]), "note"),
        ("what was before may only be shown still", reverted(10).sees([mine(1)]), "wait 20 s, Settling"),
        ("what was before is there", reverted(30).sees([mine(1)]), "note"),
        ("somebody changed it", due().sees([mine(3)]), "note, drifted: v"),
        ("somebody changed it: repair", with(Drift::Repair).sees([mine(3)]), "update"),
        ("somebody changes it back each time", fought(&[900, 300, 0]), "fought over v, again in 3600 s"),
        ("the last of three repairs was long before", fought(&[3_601, 300, 0]), "update"),
        ("two repairs are no fight", fought(&[300, 0]), "update"),
        ("fought over, and as wanted", fought(&[900, 300, 0]).sees([mine(1)]), "note"),
        ("somebody changed it: accept", with(Drift::Accept).sees([mine(3)]), "note"),
        ("our own change is not visible yet", young().sees([mine(3)]), "wait 20 s, Settling"),
        ("not ready, and half visible", young().sees([in_state(ThingState::Pending, mine(3))]), "note"),
        ("somebody else's mark", due().sees([strange()]), "changed: mark, again in 3600 s"),
        (
            "somebody else's mark, something else is wanted",
            newer().sees([strange()]),
            "changed: mark, again in 3600 s",
        ),
        ("the mark is lost", due().sees([unmarked("t", 1, None)]), "changed: mark, again in 3600 s"),
        ("the mark may not be visible yet", young().sees([unmarked("t", 1, None)]), "wait 20 s, Settling"),
        (
            "imported, with its own mark",
            due().with(|row| row.mark = strange().mark).sees([strange()]),
            "note",
        ),
        ("on its way out", newer().sees([in_state(ThingState::Removing, mine(1))]), "note"),
    ]);
}

#[test]
fn a_field_that_is_never_shown_is_compared_with_what_was_written() {
    let digest = |digest: &str| {
        let mut thing = mine(1);
        thing.body = json!({"fixed": 1, "digest": digest});
        thing
    };
    let case = |state: State, want: &str| {
        let spec = json!({"fixed": 1, "value": "one"});
        let row = Row { spec, observed: Some(digest("a").body), look_at: Some(NOW), ..row(state) };
        let case = Case::new(Class::Natural, row).wants(json!({"fixed": 1, "value": want}));
        case.policy(|policy| policy.shown_as = [("value".to_owned(), "digest".to_owned())].into())
    };
    let present = |want: &str| case(State::Present, want);
    let with = |drift| present("one").policy(|policy| policy.drift = drift);
    check([
        ("as it was left", present("one").sees([digest("a")]), "note"),
        ("another is wanted, though it looks the same", present("two").sees([digest("a")]), "update"),
        ("somebody changed it", present("one").sees([digest("b")]), "note, drifted: value"),
        ("somebody changed it: repair", with(Drift::Repair).sees([digest("b")]), "update"),
        ("somebody changed it: accept", with(Drift::Accept).sees([digest("b")]), "note"),
        (
            "our change may have come or not: sent again",
            case(State::Updating, "one").sees([digest("b")]),
            "update",
        ),
        (
            "somebody changed it before it was to go",
            present("one").unwanted().sees([digest("b")]),
            "changed: digest, again in 3600 s",
        ),
    ]);
}

#[test]
fn an_update_in_doubt_is_judged_after_settle() {
    let newer = json!({"v": 2, "fixed": 1});
    let case = |ago: i64| {
        let row = Row { spec: newer.clone(), made_by: Some(at(10 - ago)), ..row(State::Updating) };
        Case::new(Class::Marked, row).wants(newer.clone())
    };
    check([
        ("nothing is known", case(5), "look for Thing"),
        ("no effect yet", case(5).sees([mine(1)]), "wait 35 s, Settling"),
        ("an effect, but whose", case(5).sees([mine(2)]), "wait 35 s, Settling"),
        ("no effect", case(40).sees([mine(1)]), "update"),
        ("an effect", case(40).sees([mine(2)]), "note"),
        (
            "the old shape is wanted again",
            case(5).wants(json!({"v": 1, "fixed": 1})).sees([mine(1)]),
            "wait 35 s, Settling",
        ),
        ("unwanted: either shape is ours", case(5).unwanted().sees([mine(1)]), "remove"),
        ("unwanted: either shape is ours", case(5).unwanted().sees([mine(2)]), "remove"),
    ]);
}

#[test]
fn a_pending_thing_is_asked_again() {
    let case = |poll: i64| Case::marked(State::Pending).with(|row| row.poll_at = Some(at(poll)));
    check([
        ("not yet", case(5), "wait 5 s, Polling"),
        ("due", case(0), "look for Thing"),
        ("ready", case(0).sees([mine(1)]), "note"),
    ]);
}

#[test]
fn missing_needs_two_looks_settle_apart() {
    let case = |absent: Option<i64>| {
        Case::marked(State::Present)
            .with(|row| (row.absent_at, row.look_at) = (absent.map(at), Some(at(3_600))))
    };
    let young = case(None).with(|row| row.made_by = Some(at(-10)));
    check([
        ("our own write may be hidden", young.sees([]), "wait 20 s, Settling"),
        ("the first", case(None).sees([]), "note absent"),
        ("not yet", case(Some(-10)), "wait 20 s, Settling"),
        ("due", case(Some(-30)), "look for Thing"),
        ("too soon", case(Some(-10)).sees([]), "wait 20 s, Settling"),
        ("the second", case(Some(-30)).sees([]), "gone, Lost"),
        ("unwanted: the first", case(None).unwanted().sees([]), "note absent"),
        ("unwanted: the second", case(Some(-30)).unwanted().sees([]), "gone, Lost"),
    ]);
}

#[test]
fn what_is_unwanted_goes_as_may_delete_says() {
    let case = || Case::marked(State::Present).unwanted();
    let replaced = || Case::marked(State::Present).wants(json!({"v": 1, "fixed": 2}));
    let later = Leave::Later { until: at(60), why: "grace".to_owned() };
    let young = || case().with(|row| row.made_by = Some(at(-10)));
    check([
        ("read again first", case(), "look for Thing"),
        ("as we knew it", case().sees([mine(1)]), "remove"),
        ("not before", case().leave(later.clone()), "wait 60 s, Leaving(\"grace\")"),
        ("held", case().leave(Leave::Held { why: "window".to_owned() }), "wait, Held(\"window\")"),
        ("retained", case().leave(Leave::Retain { why: "policy".to_owned() }), "retain, policy"),
        ("changed by somebody", case().sees([mine(3)]), "changed: v, again in 3600 s"),
        ("it may be our own change", young().sees([mine(3)]), "wait 20 s, Settling"),
        ("somebody else's by now", case().sees([strange()]), "changed: mark, again in 3600 s"),
        ("never had a mark", case().with(|row| row.mark = None).sees([unmarked("t", 1, None)]), "remove"),
        ("on its way out", case().sees([in_state(ThingState::Removing, mine(1))]), "wait 5 s, Polling"),
        ("a replacement", replaced().sees([mine(1)]), "remove"),
        ("a replacement, not before", replaced().leave(later), "wait 60 s, Leaving(\"grace\")"),
    ]);
}

/// A removal page by page: each answer says when to ask for the next one.
#[test]
fn a_removal_that_asks_for_another_one_gets_it_when_it_said() {
    let case = |answered: i64, poll: i64| {
        let asked = |row: &mut Row| (row.removed_by, row.poll_at) = (Some(at(answered)), Some(at(poll)));
        Case::marked(State::Deleting).unwanted().with(asked)
    };
    check([
        ("not before", case(-1, 2), "wait 2 s, Polling"),
        ("it is read again", case(-1, 0), "look for Thing"),
        ("still there, and ours", case(-1, 0).sees([mine(1)]), "remove"),
        ("never answered", case(9, 0).sees([mine(1)]), "wait 2 s, Polling"),
        ("somebody else's by now", case(-60, 0).sees([strange()]), "changed: mark, again in 3600 s"),
        (
            "wanted again",
            case(-1, 0).wants(json!({"v": 1, "fixed": 1})).sees([mine(1)]),
            "wait 29 s, Settling",
        ),
    ]);
}

#[test]
fn gone_needs_a_look_later_than_all_that_was_sent() {
    let case =
        |ago: i64| Case::marked(State::Deleting).unwanted().with(|row| row.removed_by = Some(at(-ago)));
    let created = |ago: i64| case(ago).with(|row| row.made_by = Some(at(-10)));
    let natural = |ago: i64| Case::new(Class::Natural, Row { mark: None, ..case(ago).row }).unwanted();
    let again = |ago: i64| case(ago).wants(json!({"v": 1, "fixed": 1}));
    check([
        ("nothing is known", case(0), "look for Thing"),
        ("its poll is not due", case(0).with(|row| row.poll_at = Some(at(5))), "wait 5 s, Polling"),
        ("the removal may still come", case(-4).sees([]), "wait 4 s, Settling"),
        ("a late creation may still be hidden", created(0).sees([]), "wait 20 s, Settling"),
        ("gone", case(0).sees([]), "gone, Removed"),
        ("without marks the next row could take its shadow", natural(0).sees([]), "wait 30 s, Settling"),
        ("without marks, later", natural(30).sees([]), "gone, Removed"),
        ("still shown", case(10).sees([mine(1)]), "wait 2 s, Polling"),
        ("still there", case(30).sees([mine(1)]), "remove"),
        (
            "still there, but held by now",
            case(30).leave(Leave::Held { why: "pause".into() }).sees([mine(1)]),
            "wait, Held(\"pause\")",
        ),
        ("somebody else's in its place", case(30).sees([strange()]), "changed: mark, again in 3600 s"),
        ("on its way out", case(30).sees([in_state(ThingState::Removing, mine(1))]), "wait 5 s, Polling"),
        ("wanted again, but the removal may come", again(-5).sees([mine(1)]), "wait 30 s, Settling"),
        ("wanted again, and still there", again(30).sees([mine(1)]), "note"),
        ("wanted again, and somebody else's", again(30).sees([strange()]), "changed: mark, again in 3600 s"),
        (
            "wanted again in another shape",
            again(30).wants(json!({"v": 2, "fixed": 1})).sees([mine(1)]),
            "update",
        ),
        ("wanted again, and gone", again(0).sees([]), "gone, Removed"),
    ]);
}

#[test]
fn what_is_retained_stays_until_it_is_wanted_again() {
    let case = || Case::marked(State::Retained);
    let retain = Leave::Retain { why: "policy".to_owned() };
    check([
        ("unwanted", case().unwanted(), "wait, Settled"),
        ("wanted again", case(), "look for Thing"),
        ("wanted again and there", case().sees([mine(1)]), "note"),
        ("wanted again and somebody else's", case().sees([strange()]), "changed: mark, again in 3600 s"),
        ("wanted again and not there", case().sees([]), "note absent"),
        (
            "wanted in a shape that it cannot have",
            case().wants(json!({"fixed": 2})).leave(retain),
            "wait, Held(\"policy\")",
        ),
        ("the same, and it may go", case().wants(json!({"fixed": 2})).sees([mine(1)]), "remove"),
    ]);
}

#[test]
fn what_is_gone_stays_gone() {
    assert_eq!(Case::marked(State::Gone).step(), "wait, Settled");
}

#[test]
fn a_creation_keeps_its_listing_only_while_something_of_it_can_appear() {
    let occupied = |case: &Case| case.occupies();
    let doubt = |ago| Case::doubt(Class::Anonymous, ago);
    assert!(occupied(&doubt(0)) && occupied(&doubt(50)));
    assert!(!occupied(&doubt(51)), "nothing of it can appear any more");
    assert!(
        !occupied(&Case::new(Class::Anonymous, row(State::Creating))),
        "two new rows would wait for each other"
    );
    assert!(!occupied(&Case::new(Class::Anonymous, row(State::Present))));
    assert!(occupied(&doubt(0).with(|row| row.made_by = None)), "unknown is not over");
}

#[test]
fn a_thing_says_when_it_is_to_be_asked_again() {
    let slow = Thing { poll: Some(Millis::minutes(2)), ..in_state(ThingState::Pending, mine(1)) };
    let eager = Thing { poll: Some(Millis::ZERO), ..slow.clone() };
    assert_eq!(poll_after(&slow), Some(Millis::minutes(2)));
    assert_eq!(poll_after(&eager), Some(Millis::new(100)));
    assert_eq!(poll_after(&in_state(ThingState::Removing, mine(1))), Some(Millis::seconds(5)));
    assert_eq!(poll_after(&in_state(ThingState::Failed, mine(1))), None);
}

#[test]
fn what_was_sent_for_an_earlier_incarnation_is_looked_for_and_never_sent_again() {
    let case = |class, ago| Case::doubt(class, ago).with(|row| row.inherited_at = Some(NOW));
    for class in [Class::Keyed, Class::Marked, Class::Anonymous] {
        assert_eq!(case(class, 20).sees([]).step(), "wait 7.5 s, Settling", "{class:?}");
        assert_eq!(case(class, 50).sees([]).step(), "gone, NeverSeen", "{class:?}");
    }
    let answered = case(Class::Anonymous, 50).with(|row| row.thing = Some("t".to_owned()));
    assert_eq!(answered.sees([unmarked("t", 1, None)]).step(), "take t as created");
    let natural = case(Class::Natural, 20).with(|row| row.thing = Some("t".to_owned()));
    assert_eq!(natural.sees([]).step(), "create, before: ");
}

/// Forward by an hour some seconds ago: what was sent just before looks as if it were long over.
#[test]
fn a_clock_that_is_set_forward_ends_no_wait() {
    let doubt = |class| Case::doubt(class, 3_600).set(5, -5);
    check([
        ("it may still take effect", doubt(Class::Marked).sees([]), "wait 7.5 s, Settling"),
        ("and be hidden", doubt(Class::Marked).set(39, -39).sees([]), "wait 1 s, Settling"),
        ("it is over", doubt(Class::Marked).set(40, -40).sees([]), "create, before: "),
        ("anonymous", doubt(Class::Anonymous).sees([]), "wait 7.5 s, Settling"),
        ("a key may be forgotten", doubt(Class::Keyed).sees([]), "wait 7.5 s, Settling"),
        ("a natural one is sent again at once", doubt(Class::Natural).sees([]), "create, before: "),
        ("unwanted", doubt(Class::Marked).unwanted().sees([]), "wait 7.5 s, Settling"),
        (
            "what was sent since is as old as it looks",
            Case::doubt(Class::Marked, 40).set(60, -60).sees([]),
            "create, before: ",
        ),
    ]);
    let occupied = |ago| doubt(Class::Anonymous).set(ago, -ago).occupies();
    assert!(occupied(50) && !occupied(51));
}

#[test]
fn a_clock_that_is_set_forward_makes_nothing_missing_or_removed() {
    let present = || Case::marked(State::Present).with(|row| row.look_at = Some(NOW)).set(5, -5);
    let deleting =
        || Case::marked(State::Deleting).unwanted().with(|row| row.removed_by = Some(at(-3_600))).set(5, -5);
    let absent = |row: &mut Row| row.absent_at = Some(at(-3_600));
    check([
        ("made just before", present().sees([]), "wait 35 s, Settling"),
        ("made long before", present().set(40, -40).sees([]), "note absent"),
        (
            "the first look was before",
            present().set(41, -41).with(absent).with(|row| row.made_by = None).sees([]),
            "gone, Lost",
        ),
        (
            "and just before",
            present().with(absent).with(|row| row.made_by = None).sees([]),
            "wait 25 s, Settling",
        ),
        ("the removal may not have come", deleting().sees([]), "wait 35 s, Settling"),
        (
            "a change waits for what was sent",
            present().wants(json!({"v": 2, "fixed": 1})).sees([mine(1)]),
            "wait 5.001 s, Settling",
        ),
    ]);
}

/// Back by an hour ten minutes ago: what is an hour old looks new.
#[test]
fn a_clock_that_is_set_back_makes_no_key_young() {
    let remembered = |row: &mut Row| row.before = vec!["a".to_owned()];
    let case = || Case::doubt(Class::Keyed, 20).with(remembered).set(600, 3_000);
    assert_eq!(case().sees([unmarked("b", 1, Some(-15))]).step(), "wait 7.5 s, Settling");
    let since = || case().set(600, -600);
    assert_eq!(since().sees([unmarked("b", 1, Some(-15))]).step(), "create, before: a");
}
