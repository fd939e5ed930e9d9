//! Running two arms in turn.

use std::time::{Duration, Instant};

use anyhow::Result;

use crate::stats::{self, Pairs};

/// How much to measure.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Plan {
    /// Pairs of samples.
    pub(crate) pairs: usize,
    /// A smoke test: whether rows run, not what they say.
    pub(crate) quick: bool,
    /// The sizes of the rows marked L.
    pub(crate) large: bool,
}

impl Plan {
    /// `full`, or `quick` for a smoke test.
    pub(crate) const fn of<T: Copy>(&self, full: T, quick: T) -> T {
        if self.quick { quick } else { full }
    }
}

/// Runs A B, B A, A B, … after one unmeasured run of each. An arm answers the seconds that one unit cost.
pub(crate) fn alternate(
    plan: &Plan,
    mut a: impl FnMut() -> Result<f64>,
    mut b: impl FnMut() -> Result<f64>,
) -> Result<Pairs> {
    a()?;
    b()?;
    let mut pairs = Pairs::default();
    for pair in 0..plan.pairs {
        let (cost_a, cost_b) = if stats::a_first(pair) {
            let cost_a = a()?;
            (cost_a, b()?)
        } else {
            let cost_b = b()?;
            (a()?, cost_b)
        };
        pairs.push(cost_a, cost_b);
    }
    Ok(pairs)
}

/// Seconds that one of `units` cost.
pub(crate) fn time(units: usize, work: impl FnOnce() -> Result<()>) -> Result<f64> {
    let start = Instant::now();
    work()?;
    Ok(per_unit(start.elapsed(), units))
}

/// Seconds that one of `units` cost.
#[expect(clippy::cast_precision_loss, reason = "numbers of samples are small")]
pub(crate) fn per_unit(took: Duration, units: usize) -> f64 {
    took.as_secs_f64() / units as f64
}

/// `12,300/s and 56,000/s` of two costs in seconds.
pub(crate) fn rates((a, b): (f64, f64)) -> String {
    format!("{:.0}/s and {:.0}/s", 1.0 / a, 1.0 / b)
}
