//! The stanza's `config`, and what its ceilings say of one app.

use std::collections::BTreeMap;

use groundcrew_hook::fly::{Api, prices::Prices};
use groundcrew_hook::{Result, Subject, Value};
use serde::Deserialize;

/// Picodollars of a dollar.
const PICO: f64 = 1e12;

/// The whole table.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Config {
    api: Option<String>,
    /// The organisation's slug.
    pub(crate) org: String,
    #[serde(default = "four_fifths")]
    warn: f64,
    #[serde(default)]
    prices: BTreeMap<String, f64>,
    ceilings: Vec<Ceiling>,
}

/// How much may be spent in a calendar month (UTC).
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Ceiling {
    #[serde(default = "any")]
    apps: String,
    label: Option<String>,
    usd: f64,
    #[serde(default)]
    of: Of,
}

/// Whose spending is measured.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Of {
    /// Each app's own.
    #[default]
    Each,
    /// That of all apps that the ceiling is for, together.
    All,
}

/// What was spent against what may be.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Measure {
    /// Picodollars.
    pub(crate) spent: u64,
    /// Picodollars.
    pub(crate) ceiling: u64,
    /// Whether several apps spent it together.
    pub(crate) shared: bool,
}

/// Where spending stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Standing {
    /// Far below.
    Fine,
    /// Above the share that is told.
    Nearing,
    /// Above the ceiling.
    Exceeded,
}

const fn four_fifths() -> f64 {
    0.8
}

fn any() -> String {
    "*".to_owned()
}

impl Config {
    /// The stanza's.
    pub(crate) fn read() -> Result<Self> {
        groundcrew_hook::config()
    }

    /// The Machines API.
    pub(crate) fn machines(&self) -> Result<Api> {
        Api::at(self.api.as_deref())
    }

    /// What things cost.
    pub(crate) fn prices(&self) -> Result<Prices> {
        Ok(Prices::published().with(&self.prices)?)
    }

    /// What the apps of each shared ceiling spent together, in the ceilings' order.
    pub(crate) fn totals(&self, apps: &[Subject], spent: &dyn Fn(&Subject) -> u64) -> Vec<u64> {
        let total = |ceiling: &Ceiling| match ceiling.of {
            Of::Each => 0,
            Of::All => apps.iter().filter(|app| ceiling.is_for(app)).map(spent).fold(0, u64::saturating_add),
        };
        self.ceilings.iter().map(total).collect()
    }

    /// The tightest ceiling of an app that spent so much, by share.
    pub(crate) fn measure(&self, app: &Subject, spent: u64, totals: &[u64]) -> Option<Measure> {
        let of = |(ceiling, total): (&Ceiling, &u64)| {
            let shared = ceiling.of == Of::All;
            let spent = if shared { *total } else { spent };
            Measure { spent, ceiling: (ceiling.usd * PICO) as u64, shared }
        };
        let measures = self.ceilings.iter().zip(totals).filter(|(ceiling, _)| ceiling.is_for(app)).map(of);
        measures.max_by(|one, other| one.share().total_cmp(&other.share()))
    }

    /// Where that stands.
    pub(crate) fn standing(&self, measure: &Measure) -> Standing {
        if measure.spent > measure.ceiling {
            Standing::Exceeded
        } else if measure.share() >= self.warn {
            Standing::Nearing
        } else {
            Standing::Fine
        }
    }
}

impl Ceiling {
    fn is_for(&self, app: &Subject) -> bool {
        let named = app.app().is_ok_and(|name| match self.apps.strip_suffix('*') {
            Some(start) => name.starts_with(start),
            None => name == self.apps,
        });
        named
            && self.label.as_deref().and_then(|label| label.split_once('=')).is_none_or(|(name, value)| {
                match app.labels.get(name) {
                    Some(Value::String(is)) => is == value,
                    // A number or a switch, as it is written.
                    Some(is) => {
                        let written = is.to_string();
                        written == value
                    }
                    None => false,
                }
            })
    }
}

impl Measure {
    fn share(&self) -> f64 {
        if self.spent == 0 { 0.0 } else { self.spent as f64 / self.ceiling as f64 }
    }
}
