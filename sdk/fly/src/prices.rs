//! What Fly charges: a dated file of published prices, each with its source.
//!
//! `prices.json` and `regions.json` beside this crate's manifest hold them. What is not in there is *unknown*, and
//! nothing is guessed: a region without a price gives `None`, never a likely number. Prices change, and some
//! organisations have others; [`Prices::with`] replaces any of them.
//!
//! A month has 30 days here, as on the vendor's page.

use std::collections::BTreeMap;

use serde::Deserialize;

/// Seconds of a month of 30 days.
pub const MONTH_SECONDS: u64 = 30 * 86_400;

/// Picodollars of a dollar.
const PICO: f64 = 1e12;

/// Memory that comes with a vCPU, in MB [docs about/pricing].
const INCLUDED_SHARED_MB: u64 = 256;
const INCLUDED_PERFORMANCE_MB: u64 = 2_048;

/// One published price.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Price {
    /// US dollars.
    pub usd: f64,
    /// What for.
    pub of: String,
    /// The day on which the source was seen to say so, `2026-10-09`; empty if a configuration says it.
    pub seen: String,
    /// Where it stands.
    pub source: String,
}

#[derive(Clone, Debug, PartialEq, Deserialize)]
struct Regions {
    markup: BTreeMap<String, f64>,
}

/// What a machine runs on, as its configuration's `guest` says.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct Guest {
    /// `shared` or `performance`; open.
    pub cpu_kind: String,
    /// vCPUs.
    pub cpus: u64,
    /// Memory in MB.
    pub memory_mb: u64,
    /// Set for machines with a GPU, for which no price is known.
    pub gpu_kind: Option<String>,
}

/// A price of a configuration that is none.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum PriceError {
    /// No such price.
    #[error("there is no price `{name}`; to choose from: {known}")]
    Unknown {
        /// As written.
        name: String,
        /// All names.
        known: String,
    },
    /// Negative, or no number.
    #[error("price `{name}` is {usd}; a price is zero or more dollars")]
    Value {
        /// Whose.
        name: String,
        /// As written.
        usd: f64,
    },
}

/// All prices.
#[derive(Clone, Debug, PartialEq)]
pub struct Prices {
    prices: BTreeMap<String, Price>,
    markup: BTreeMap<String, f64>,
}

impl Prices {
    /// The published ones.
    pub fn published() -> Self {
        let prices = serde_json::from_str(include_str!("../prices.json"));
        let regions = serde_json::from_str::<Regions>(include_str!("../regions.json"));
        Self {
            prices: prices.expect("invariant: the price file is read by a test"),
            markup: regions.expect("invariant: the file of regions is read by a test").markup,
        }
    }

    /// The same with other prices under their names, in dollars.
    pub fn with(mut self, others: &BTreeMap<String, f64>) -> Result<Self, PriceError> {
        for (name, usd) in others {
            let Some(price) = self.prices.get_mut(name) else {
                let known = self.prices.keys().cloned().collect::<Vec<_>>().join(", ");
                return Err(PriceError::Unknown { name: name.clone(), known });
            };
            if !usd.is_finite() || *usd < 0.0 {
                return Err(PriceError::Value { name: name.clone(), usd: *usd });
            }
            *price =
                Price { usd: *usd, seen: String::new(), source: "configuration".into(), ..price.clone() };
        }
        Ok(self)
    }

    /// A price by its name, such as `ipv4_month`.
    pub fn price(&self, name: &str) -> Option<&Price> {
        self.prices.get(name)
    }

    /// Cents for so many of what a price is for, rounded to the nearest.
    pub fn cents(&self, name: &str, amount: u64) -> Option<u32> {
        let cents = self.price(name)?.usd * 100.0 * amount as f64;
        (cents <= f64::from(u32::MAX)).then_some(cents.round() as u32)
    }

    /// Picodollars for each second that a machine runs; none where region, CPU kind or GPU have no known price.
    ///
    /// vCPUs by their kind, and memory beyond what they include, at the region's markup [docs about/pricing].
    pub fn machine_second(&self, guest: &Guest, region: &str) -> Option<u64> {
        let (cpu, included) = match guest.cpu_kind.as_str() {
            "shared" => ("cpu_shared_second", INCLUDED_SHARED_MB),
            "performance" => ("cpu_performance_second", INCLUDED_PERFORMANCE_MB),
            _ => return None,
        };
        if guest.gpu_kind.is_some() || guest.cpus == 0 {
            return None;
        }
        let more_mb = guest.memory_mb.saturating_sub(guest.cpus.saturating_mul(included));
        let memory = self.price("memory_gb_second")?.usd * more_mb as f64 / 1_024.0;
        let usd = guest.cpus as f64 * self.price(cpu)?.usd + memory;
        Some((usd * self.markup.get(region)? * PICO).round() as u64)
    }

    /// Cents for a month of a Managed Postgres cluster of this plan with so much storage.
    pub fn postgres_cents(&self, plan: &str, disk_gb: Option<u64>) -> Option<u32> {
        let plan = self.cents(&format!("postgres_{}_month", plan.to_ascii_lowercase()), 1)?;
        plan.checked_add(self.cents("postgres_storage_gb_month", disk_gb?)?)
    }
}

/// Whole cents of picodollars, rounded to the nearest.
pub const fn cents_of_pico(pico: u64) -> u32 {
    let cents = (pico + 5_000_000_000) / 10_000_000_000;
    if cents > u32::MAX as u64 { u32::MAX } else { cents as u32 }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn guest(cpu_kind: &str, cpus: u64, memory_mb: u64) -> Guest {
        Guest { cpu_kind: cpu_kind.into(), cpus, memory_mb, gpu_kind: None }
    }

    #[test]
    fn every_price_has_a_source_and_a_day() {
        let prices = Prices::published();
        assert!(prices.prices.len() > 10 && prices.markup.len() > 10);
        for (name, price) in &prices.prices {
            assert!(price.source.starts_with("https://") && !price.of.is_empty(), "{name}");
            assert!(price.seen.len() == 10 && price.seen.starts_with("20"), "{name}");
            assert!(price.usd.is_finite() && price.usd >= 0.0, "{name}");
        }
    }

    /// The page's own table for 30 days in iad, its three regions of one example, and a size that it derives.
    #[test]
    fn machines_cost_what_the_page_says() {
        let prices = Prices::published();
        for (guest, region, cents) in [
            (guest("shared", 1, 256), "iad", 219),
            (guest("shared", 1, 512), "iad", 369),
            (guest("shared", 1, 1_024), "iad", 670),
            (guest("shared", 1, 1_024), "fra", 773),
            (guest("shared", 1, 1_024), "sin", 850),
            (guest("shared", 2, 2_048), "ewr", 1_339),
            (guest("performance", 1, 2_048), "iad", 3_300),
            (guest("performance", 2, 4_096), "iad", 6_600),
        ] {
            let second = prices.machine_second(&guest, region).unwrap();
            assert_eq!(cents_of_pico(second * MONTH_SECONDS), cents, "{guest:?} in {region}");
        }
    }

    #[test]
    fn what_has_no_price_is_unknown() {
        let prices = Prices::published();
        assert_eq!(prices.machine_second(&guest("shared", 1, 256), "nowhere"), None);
        assert_eq!(prices.machine_second(&guest("quantum", 1, 256), "iad"), None);
        let gpu = Guest { gpu_kind: Some("a100-pcie-40gb".into()), ..guest("performance", 8, 65_536) };
        assert_eq!(prices.machine_second(&gpu, "ord"), None);
        assert_eq!(prices.postgres_cents("mystery", Some(10)), None);
        assert_eq!(prices.postgres_cents("basic", None), None);
        assert_eq!(prices.postgres_cents("basic", Some(10)), Some(4_080));
        assert_eq!(prices.cents("redis_month", 1), None);
    }

    #[test]
    fn a_configuration_replaces_prices_by_name() {
        let with = |name: &str, usd| Prices::published().with(&BTreeMap::from([(name.to_owned(), usd)]));
        assert_eq!(with("volume_gb_month", 0.1).unwrap().cents("volume_gb_month", 10), Some(100));
        assert!(with("volume_gb", 0.1).unwrap_err().to_string().contains("volume_gb_month"));
        assert!(with("ipv4_month", -1.0).is_err() && with("ipv4_month", f64::NAN).is_err());
    }
}
