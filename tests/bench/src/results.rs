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
pub(crate) const START: Quantity = quantity("start.stored_runs_100k_ms", "ms", Aim::Below(300.0));
pub(crate) const IDLE: Quantity = quantity("idle.rss_mb", "MB", Aim::Below(40.0));
pub(crate) const SHUTDOWN: Quantity = quantity("shutdown.waiting_hooks_100_ms", "ms", Aim::Below(100.0));

/// One quantity, measured.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Measured {
    pub(crate) quantity: Quantity,
    /// Ours.
    pub(crate) ours: f64,
    /// What the machine allows: the same without us, measured in this run.
    pub(crate) floor: Option<f64>,
    /// The best of the peers that are installed.
    pub(crate) peer: Option<f64>,
    /// How it was measured and how much it varied, for people.
    pub(crate) note: String,
}

impl Measured {
    /// Whether the aim is met.
    pub(crate) fn met(&self) -> bool {
        match self.quantity.aim {
            Aim::Above(aim) => self.ours > aim,
            Aim::Below(aim) => self.ours < aim,
        }
    }
}

impl Aim {
    /// The number alone.
    pub(crate) const fn value(self) -> f64 {
        match self {
            Self::Above(value) | Self::Below(value) => value,
        }
    }
}

/// A quantity as a program reads it.
#[derive(Serialize)]
struct Written<'a> {
    name: &'a str,
    unit: &'a str,
    ours: f64,
    floor: Option<f64>,
    peer: Option<f64>,
    aim: f64,
    met: bool,
}

/// All of standard output with `--json`.
pub(crate) fn json(machine: &Value, measured: &[Measured]) -> Value {
    let written = measured.iter().map(|one| Written {
        name: one.quantity.name,
        unit: one.quantity.unit,
        ours: rounded(one.ours),
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
        Measured { quantity, ours, floor: Some(1.0), peer: None, note: String::new() }
    }

    #[test]
    fn aims_are_met_strictly_and_in_their_direction() {
        assert!(!measured(RUNS_PER_SECOND, 10_000.0).met());
        assert!(measured(RUNS_PER_SECOND, 10_001.0).met());
        assert!(measured(LATENCY_P50, 1.499).met());
        assert!(!measured(LATENCY_P50, 1.5).met());
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
    fn four_digits_are_kept() {
        let texts = [12_345.6, 0.123_456, 1.0, 0.0].map(|value| rounded(value).to_string());
        assert_eq!(texts, ["12350", "0.1235", "1", "0"]);
    }
}
