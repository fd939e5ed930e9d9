//! The service's clock beside the chain's.
//!
//! Nothing is ordered by a clock, and durations are measured by one that cannot be set. The wall clock is for three
//! things: labels, the expiry of preparations, and deadlines that the contracts compare with the block's time.
//! For the last the newest block's time counts where it is later, so that a clock that stands back promises
//! nothing that the chain has made impossible already.

use crate::service::Service;

/// A new block's time further from the clock than this, in seconds, is an alarm: clocks of producers agree to some
/// seconds.
pub const MAX_SKEW_S: u64 = 120;

impl Service {
    /// Unix seconds for deadlines: by the clock or by the newest block, whichever is later.
    pub fn now_s(&self) -> u64 {
        let by_clock = self.clock.now_unix_ms() / 1000;
        by_clock.max(self.mirror.view().as_of().timestamp)
    }
}

/// How far the clock is ahead of the time of a block that was just made, in seconds.
fn skew_s(clock_s: u64, block_s: u64) -> i64 {
    let distance = i64::try_from(clock_s.abs_diff(block_s)).unwrap_or(i64::MAX);
    if clock_s >= block_s { distance } else { -distance }
}

/// Holds the clock against a block that was just made; says whether they are far apart.
pub(crate) fn note_skew(clock_s: u64, block_s: u64) -> bool {
    let skew_s = skew_s(clock_s, block_s);
    #[expect(clippy::cast_precision_loss, reason = "a gauge of seconds")]
    metrics::gauge!("vestiary_clock_skew_seconds").set(skew_s as f64);
    let is_far = skew_s.unsigned_abs() > MAX_SKEW_S;
    if is_far {
        tracing::error!(
            skew_s,
            "the clock is far from the time of new blocks: set it, or look for what set it"
        );
    }
    is_far
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_may_be_ahead_or_behind() {
        assert_eq!(
            (skew_s(10, 4), skew_s(4, 10), skew_s(0, u64::MAX)),
            (6, -6, -i64::MAX)
        );
        assert!(!note_skew(1_000, 1_000 + MAX_SKEW_S) && note_skew(1_000, 1_001 + MAX_SKEW_S));
        assert!(note_skew(9_000, 1_000));
    }
}
