//! Every branch of the protocol, as tables: what is known, and the step that follows.
//!
//! Times are seconds around `NOW`; `settle` is 30 s and a write takes effect within 10 s of its intent.

mod clock;
mod doubt;
mod ending;
mod first;
mod last;
mod living;

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
