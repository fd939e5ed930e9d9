//! From paired samples to a verdict. Pure, and tested by `cargo test --test bench_statistics`.

use std::fmt;

/// Pairs behind a figure, unless told otherwise.
pub(crate) const PAIRS: usize = 15;
/// Fewest pairs from which a verdict may say anything but `noisy`.
pub(crate) const MIN_PAIRS: usize = 15;
/// Where an arm against itself must stay; outside, the machine is too restless to tell.
pub(crate) const QUIET: std::ops::RangeInclusive<f64> = 0.95..=1.05;
/// Of 15 sorted values the interval goes from the 4th to the 12th: the median lies within in 96 of 100 cases.
const INTERVAL_RANK_OF_15: usize = 4;

/// What a figure must not pass.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Limit {
    /// Not more than this.
    AtMost(f64),
    /// Not less than this.
    AtLeast(f64),
}

/// What a figure says about its limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// The whole interval is on the good side.
    Holds,
    /// The whole interval is on the bad side.
    Misses,
    /// The interval straddles the limit, the machine was restless, or there were too few pairs.
    Noisy,
}

/// A figure and how sure it is.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Figure {
    /// The median.
    pub(crate) value: f64,
    /// Lower end of the interval.
    pub(crate) low: f64,
    /// Upper end of the interval.
    pub(crate) high: f64,
    /// Median of an arm against itself, next to next; 1 on a quiet machine.
    pub(crate) noise: f64,
    /// Pairs (or rounds) behind it.
    pub(crate) pairs: usize,
}

/// Samples of two arms in the order A B, B A, A B, …; each is what one unit of work cost, in seconds.
#[derive(Clone, Debug, Default)]
pub(crate) struct Pairs {
    a: Vec<f64>,
    b: Vec<f64>,
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Holds => "holds",
            Self::Misses => "misses",
            Self::Noisy => "noisy",
        })
    }
}

impl Limit {
    /// The number.
    pub(crate) const fn number(self) -> f64 {
        match self {
            Self::AtMost(limit) | Self::AtLeast(limit) => limit,
        }
    }

    fn allows(self, value: f64) -> bool {
        match self {
            Self::AtMost(limit) => value <= limit,
            Self::AtLeast(limit) => value >= limit,
        }
    }
}

/// Whether arm A comes first in a pair: A B, B A, A B, … is A B B A A B …
pub(crate) const fn a_first(pair: usize) -> bool {
    pair.is_multiple_of(2)
}

impl Pairs {
    /// Adds a pair.
    pub(crate) fn push(&mut self, a: f64, b: f64) {
        self.a.push(a);
        self.b.push(b);
    }

    /// Time of A over time of B, for limits on time.
    pub(crate) fn time_ratio(&self) -> Figure {
        self.figure(|a, b| a / b)
    }

    /// Rate of A over rate of B, for limits on rates.
    pub(crate) fn rate_ratio(&self) -> Figure {
        self.figure(|a, b| b / a)
    }

    /// Median cost of A and of B.
    pub(crate) fn costs(&self) -> (f64, f64) {
        (median(&self.a), median(&self.b))
    }

    fn figure(&self, ratio: impl Fn(f64, f64) -> f64) -> Figure {
        let ratios: Vec<f64> = self.a.iter().zip(&self.b).map(|(a, b)| ratio(*a, *b)).collect();
        let (low, high) = interval(&ratios);
        Figure {
            value: median(&ratios),
            low,
            high,
            noise: median(&self.against_themselves()),
            pairs: ratios.len(),
        }
    }

    /// Between two pairs the same arm runs twice in a row: B B, then A A, and so on. Later over earlier.
    pub(crate) fn against_themselves(&self) -> Vec<f64> {
        (1..self.a.len())
            .map(|pair| {
                let arm = if a_first(pair) { &self.a } else { &self.b };
                arm[pair] / arm[pair - 1]
            })
            .collect()
    }
}

/// A figure with a limit of its own and no second arm, from one value a round; `steady` is what should be the
/// same in every round.
pub(crate) fn rounds(values: &[f64], steady: &[f64]) -> Figure {
    let (low, high) = interval(values);
    let against: Vec<f64> = steady.windows(2).map(|two| two[1] / two[0]).collect();
    Figure {
        value: median(values),
        low,
        high,
        noise: median(&against),
        pairs: values.len(),
    }
}

impl Figure {
    /// What it says about a limit.
    pub(crate) fn verdict(&self, limit: Limit) -> Verdict {
        if self.pairs < MIN_PAIRS || !QUIET.contains(&self.noise) {
            return Verdict::Noisy;
        }
        match (limit.allows(self.low), limit.allows(self.high)) {
            (true, true) => Verdict::Holds,
            (false, false) => Verdict::Misses,
            _ => Verdict::Noisy,
        }
    }
}

/// The middle value, or the mean of the two in the middle; NaN of nothing.
pub(crate) fn median(values: &[f64]) -> f64 {
    quantile_pair(values).map_or(f64::NAN, |(low, high)| f64::midpoint(low, high))
}

fn quantile_pair(values: &[f64]) -> Option<(f64, f64)> {
    let sorted = sorted(values);
    let last = sorted.len().checked_sub(1)?;
    Some((sorted[last / 2], sorted[last.div_ceil(2)]))
}

/// The 4th and the 12th of 15 sorted values; as far from the ends for other numbers of values.
pub(crate) fn interval(values: &[f64]) -> (f64, f64) {
    let sorted = sorted(values);
    if sorted.is_empty() {
        return (f64::NAN, f64::NAN);
    }
    let rank = (sorted.len() * INTERVAL_RANK_OF_15 / 15).max(1);
    (sorted[rank - 1], sorted[sorted.len() - rank])
}

/// The value that 99 of 100 do not pass (nearest rank); NaN of nothing.
pub(crate) fn p99(values: &[f64]) -> f64 {
    let sorted = sorted(values);
    let rank = (sorted.len() * 99).div_ceil(100);
    rank.checked_sub(1).map_or(f64::NAN, |index| sorted[index])
}

fn sorted(values: &[f64]) -> Vec<f64> {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted
}
