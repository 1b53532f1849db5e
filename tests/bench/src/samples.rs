//! Samples of one quantity, and what is said of them.

/// Samples, in ascending order.
#[derive(Clone, Debug)]
pub(crate) struct Samples(Vec<f64>);

impl Samples {
    /// Orders samples.
    ///
    /// # Panics
    /// If there are none: nothing can be said of nothing.
    pub(crate) fn of(samples: impl IntoIterator<Item = f64>) -> Self {
        let mut samples: Vec<f64> = samples.into_iter().collect();
        assert!(!samples.is_empty(), "invariant: something was measured");
        samples.sort_by(f64::total_cmp);
        Self(samples)
    }

    /// The nearest rank: the smallest sample that `percent` of all samples do not exceed.
    pub(crate) fn percentile(&self, percent: f64) -> f64 {
        let rank = (percent / 100.0 * self.0.len() as f64).ceil() as usize;
        self.0[rank.clamp(1, self.0.len()) - 1]
    }

    /// The 50th percentile.
    pub(crate) fn median(&self) -> f64 {
        self.percentile(50.0)
    }

    /// How many there are.
    pub(crate) const fn count(&self) -> usize {
        self.0.len()
    }

    /// Smallest and largest.
    pub(crate) fn range(&self) -> (f64, f64) {
        (self.0[0], self.0[self.0.len() - 1])
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::float_cmp, reason = "a percentile is one of the samples, bit for bit")]

    use super::*;

    #[test]
    fn percentiles_are_nearest_ranks() {
        let hundred = Samples::of((1..=100).rev().map(f64::from));
        assert_eq!([1.0, 50.0, 99.0, 100.0].map(|at| hundred.percentile(at)), [1.0, 50.0, 99.0, 100.0]);
        let five = Samples::of([15.0, 20.0, 35.0, 40.0, 50.0]);
        assert_eq!([5.0, 30.0, 40.0, 41.0].map(|at| five.percentile(at)), [15.0, 20.0, 20.0, 35.0]);
        assert_eq!(five.range(), (15.0, 50.0));
    }

    #[test]
    fn one_sample_is_every_percentile() {
        let one = Samples::of([7.0]);
        assert_eq!([0.0, 50.0, 99.9].map(|at| one.percentile(at)), [7.0; 3]);
    }
}
