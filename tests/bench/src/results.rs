//! The results: their names, units, aims, and how they are written as JSON.

use serde::Serialize;
use serde_json::{Value, json};

/// What is aimed at.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Aim {
    /// More than this.
    Above(f64),
    /// Less than this.
    Below(f64),
    /// Nothing: it is only told.
    Told,
}

/// A quantity that is measured.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Quantity {
    /// Its name, as in the JSON.
    pub(crate) name: &'static str,
    /// Its unit.
    pub(crate) unit: &'static str,
    /// What is aimed at.
    pub(crate) aim: Aim,
}

const fn quantity(name: &'static str, unit: &'static str, aim: Aim) -> Quantity {
    Quantity { name, unit, aim }
}

pub(crate) const RUNS_PER_SECOND: Quantity =
    quantity("handler.runs_per_second", "runs/s", Aim::Above(10_000.0));
pub(crate) const LATENCY_P50: Quantity = quantity("handler.latency_p50_ms", "ms", Aim::Below(1.5));
pub(crate) const LATENCY_P99: Quantity = quantity("handler.latency_p99_ms", "ms", Aim::Below(4.0));
pub(crate) const RUN_OVER_BARE: Quantity = quantity("engine.run_over_bare", "x", Aim::Below(1.5));
pub(crate) const CREATES_PER_SECOND: Quantity =
    quantity("provisioner.creates_per_second", "creates/s", Aim::Above(1_000.0));
pub(crate) const REPLAYS_PER_SECOND: Quantity =
    quantity("replay.runs_per_second", "runs/s", Aim::Above(2_000.0));
pub(crate) const START: Quantity = quantity("start.stored_runs_100k_ms", "ms", Aim::Below(300.0));
pub(crate) const IDLE: Quantity = quantity("idle.rss_mb", "MB", Aim::Below(40.0));
pub(crate) const RECONCILE_10K: Quantity = quantity("reconcile.10k_cpu_s", "s", Aim::Below(1.0));
pub(crate) const RECONCILE_PROVISIONER: Quantity =
    quantity("reconcile.10k_provisioner_latency_x", "x", Aim::Below(2.0));
pub(crate) const RECONCILE_100K: Quantity = quantity("reconcile.100k_cpu_s", "s", Aim::Below(10.0));
pub(crate) const RECONCILE_RSS: Quantity = quantity("reconcile.100k_rss_mb", "MB", Aim::Below(400.0));
pub(crate) const RECONCILE_FIRST: Quantity =
    quantity("reconcile.100k_first_step_ms", "ms", Aim::Below(2_000.0));
pub(crate) const RECONCILE_LATENCY: Quantity =
    quantity("reconcile.100k_event_latency_x", "x", Aim::Below(2.0));
pub(crate) const RECONCILE_PROVISIONER_100K: Quantity =
    quantity("reconcile.100k_provisioner_latency_x", "x", Aim::Below(2.0));
pub(crate) const STALE_RUST: Quantity = quantity("reconcile.stale_rust_s", "s", Aim::Told);
pub(crate) const STALE_PYTHON: Quantity = quantity("reconcile.stale_python_s", "s", Aim::Told);
/// What a language costs, in the order of `languages::LANGUAGES`: a first run, one of many, and memory while it waits.
pub(crate) const LANGUAGES: [[Quantity; 3]; 5] = [
    [
        quantity("language.rust_first_ms", "ms", Aim::Told),
        quantity("language.rust_run_us", "us", Aim::Below(50.0)),
        quantity("language.rust_memory_kb", "kB", Aim::Told),
    ],
    [
        quantity("language.js_first_ms", "ms", Aim::Told),
        quantity("language.js_run_us", "us", Aim::Below(3_000.0)),
        quantity("language.js_memory_kb", "kB", Aim::Told),
    ],
    [
        quantity("language.python_first_ms", "ms", Aim::Told),
        quantity("language.python_run_us", "us", Aim::Below(3_000.0)),
        quantity("language.python_memory_kb", "kB", Aim::Told),
    ],
    [
        quantity("language.go_first_ms", "ms", Aim::Told),
        quantity("language.go_run_us", "us", Aim::Below(1_000.0)),
        quantity("language.go_memory_kb", "kB", Aim::Told),
    ],
    [
        quantity("language.c_first_ms", "ms", Aim::Told),
        quantity("language.c_run_us", "us", Aim::Below(50.0)),
        quantity("language.c_memory_kb", "kB", Aim::Told),
    ],
];
/// How many times as long runs of all languages take where slots are unmapped instead of reset page by page.
pub(crate) const MIXED: Quantity = quantity("language.unmapped_over_reset", "x", Aim::Told);
/// Points that `prove` tries in a second on one processor, in the order of `proving::LANGUAGES`.
pub(crate) const PROVING: [Quantity; 3] = [
    quantity("prove.rust_points_per_second", "points/s", Aim::Above(2_000.0)),
    quantity("prove.js_points_per_second", "points/s", Aim::Told),
    quantity("prove.python_points_per_second", "points/s", Aim::Told),
];
pub(crate) const SHUTDOWN: Quantity = quantity("shutdown.waiting_hooks_100_ms", "ms", Aim::Below(100.0));

/// What every run measures, in the order in which it is shown.
pub(crate) const ALWAYS: [Quantity; 9] = [
    RUNS_PER_SECOND,
    LATENCY_P50,
    LATENCY_P99,
    RUN_OVER_BARE,
    CREATES_PER_SECOND,
    REPLAYS_PER_SECOND,
    START,
    IDLE,
    SHUTDOWN,
];

/// What follows where it was asked for.
pub(crate) const IF_ASKED: [Quantity; 9] = [
    RECONCILE_10K,
    RECONCILE_PROVISIONER,
    RECONCILE_100K,
    RECONCILE_RSS,
    RECONCILE_FIRST,
    RECONCILE_LATENCY,
    RECONCILE_PROVISIONER_100K,
    STALE_RUST,
    STALE_PYTHON,
];

/// The names of what every run measures and this one did not.
pub(crate) fn missing(measured: &[Measured]) -> impl Iterator<Item = &'static str> {
    let there =
        |quantity: &Quantity| measured.iter().any(|one| one.quantity == *quantity && one.ours.is_some());
    ALWAYS.into_iter().filter(move |quantity| !there(quantity)).map(|quantity| quantity.name)
}

/// What was measured and is not as it is aimed at.
pub(crate) fn missed(measured: &[Measured]) -> impl Iterator<Item = &Measured> {
    measured.iter().filter(|one| one.met() == Some(false))
}

/// One quantity, measured.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Measured {
    pub(crate) quantity: Quantity,
    /// Ours; none where it could not be measured, and the note says why.
    pub(crate) ours: Option<f64>,
    /// What the machine allows: the same without us, measured in this run.
    pub(crate) floor: Option<f64>,
    /// The best of the peers that are installed.
    pub(crate) peer: Option<f64>,
    /// How it was measured and how much it varied, for people.
    pub(crate) note: String,
}

impl Measured {
    /// Whether the aim is met, if there is one and it was measured.
    pub(crate) fn met(&self) -> Option<bool> {
        let ours = self.ours?;
        match self.quantity.aim {
            Aim::Above(aim) => Some(ours > aim),
            Aim::Below(aim) => Some(ours < aim),
            Aim::Told => None,
        }
    }
}

impl Aim {
    /// The number alone.
    pub(crate) const fn value(self) -> Option<f64> {
        match self {
            Self::Above(value) | Self::Below(value) => Some(value),
            Self::Told => None,
        }
    }
}

/// A quantity as a program reads it.
#[derive(Serialize)]
struct Written<'a> {
    name: &'a str,
    unit: &'a str,
    ours: Option<f64>,
    floor: Option<f64>,
    peer: Option<f64>,
    aim: Option<f64>,
    met: Option<bool>,
}

/// All of standard output with `--json`.
pub(crate) fn json(machine: &Value, measured: &[Measured]) -> Value {
    let written = measured.iter().map(|one| Written {
        name: one.quantity.name,
        unit: one.quantity.unit,
        ours: one.ours.map(rounded),
        floor: one.floor.map(rounded),
        peer: one.peer.map(rounded),
        aim: one.quantity.aim.value(),
        met: one.met(),
    });
    json!({ "machine": machine, "results": written.collect::<Vec<_>>() })
}

/// Four significant digits: the rest is noise.
pub(crate) fn rounded(value: f64) -> f64 {
    if value == 0.0 || !value.is_finite() {
        return value;
    }
    let scale = 10_f64.powi(3 - value.abs().log10().floor() as i32);
    let scaled = (value * scale).round();
    // Dividing by a power of ten that is whole keeps the shortest decimal form.
    if scale >= 1.0 { scaled / scale } else { scaled * (1.0 / scale).round() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn measured(quantity: Quantity, ours: f64) -> Measured {
        Measured { quantity, ours: Some(ours), floor: Some(1.0), peer: None, note: String::new() }
    }

    #[test]
    fn aims_are_met_strictly_and_in_their_direction() {
        assert_eq!(measured(RUNS_PER_SECOND, 10_000.0).met(), Some(false));
        assert_eq!(measured(RUNS_PER_SECOND, 10_001.0).met(), Some(true));
        assert_eq!(measured(LATENCY_P50, 1.499).met(), Some(true));
        assert_eq!(measured(LATENCY_P50, 1.5).met(), Some(false));
        assert_eq!(measured(STALE_RUST, 1.5).met(), None);
    }

    #[test]
    fn json_has_exactly_the_promised_fields() {
        let text = json(&json!({"cores": 2}), &[measured(START, 81.257_81)]);
        let expected = json!({"machine": {"cores": 2}, "results": [{
            "name": "start.stored_runs_100k_ms", "unit": "ms", "ours": 81.26, "floor": 1.0, "peer": null,
            "aim": 300.0, "met": true,
        }]});
        assert_eq!(text, expected);
    }

    #[test]
    fn what_could_not_be_measured_is_null() {
        let missing = Measured { ours: None, ..measured(START, 0.0) };
        assert_eq!(missing.met(), None);
        let text = json(&json!({}), &[missing]);
        assert_eq!((&text["results"][0]["ours"], &text["results"][0]["met"]), (&Value::Null, &Value::Null));
    }

    #[test]
    fn every_run_measures_what_was_promised() {
        let promised = [
            "handler.runs_per_second",
            "handler.latency_p50_ms",
            "handler.latency_p99_ms",
            "engine.run_over_bare",
            "provisioner.creates_per_second",
            "replay.runs_per_second",
            "start.stored_runs_100k_ms",
            "idle.rss_mb",
            "shutdown.waiting_hooks_100_ms",
        ];
        assert_eq!(missing(&[]).collect::<Vec<_>>(), promised);
        let unmeasured = Measured { ours: None, ..measured(IDLE, 0.0) };
        let all =
            ALWAYS.into_iter().filter(|quantity| *quantity != IDLE).map(|quantity| measured(quantity, 1.0));
        let all: Vec<_> = all.chain([unmeasured]).collect();
        assert_eq!(missing(&all).collect::<Vec<_>>(), [IDLE.name]);
    }

    #[test]
    fn what_is_measured_if_asked_for_has_its_place() {
        let promised = [
            "reconcile.10k_cpu_s",
            "reconcile.10k_provisioner_latency_x",
            "reconcile.100k_cpu_s",
            "reconcile.100k_rss_mb",
            "reconcile.100k_first_step_ms",
            "reconcile.100k_event_latency_x",
            "reconcile.100k_provisioner_latency_x",
            "reconcile.stale_rust_s",
            "reconcile.stale_python_s",
        ];
        assert_eq!(IF_ASKED.map(|quantity| quantity.name), promised);
    }

    #[test]
    fn every_quantity_has_its_row_in_the_page() {
        let page = include_str!("../../../docs/bench.md");
        for quantity in ALWAYS.into_iter().chain(IF_ASKED) {
            assert!(page.contains(&format!("| `{}`", quantity.name)), "{}", quantity.name);
        }
    }

    #[test]
    fn only_what_has_an_aim_and_was_measured_is_missed() {
        let unmeasured = Measured { ours: None, ..measured(IDLE, 0.0) };
        let all = [measured(START, 300.0), measured(SHUTDOWN, 99.0), measured(STALE_RUST, 1e9), unmeasured];
        assert_eq!(missed(&all).map(|one| one.quantity.name).collect::<Vec<_>>(), [START.name]);
    }

    #[test]
    fn four_digits_are_kept() {
        let texts = [12_345.6, 0.123_456, 1.0, 0.0].map(|value| rounded(value).to_string());
        assert_eq!(texts, ["12350", "0.1235", "1", "0"]);
    }
}
