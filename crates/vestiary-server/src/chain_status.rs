//! How well the chain is seen, and what that allows to be said.

use std::sync::{PoisonError, RwLock};
use std::time::Instant;

use vestiary::block::BlockRef;
use vestiary::rights::Gap;

/// The newest blocks, as the follower told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Heads {
    /// The newest block.
    pub head: BlockRef,
    /// The newest safe block, where the node tells.
    pub safe: Option<BlockRef>,
    /// The newest final block, where the node tells.
    pub finalized: Option<BlockRef>,
}

/// Whether the follower follows.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum ChainHealth {
    /// It has not caught up since start.
    #[default]
    Starting,
    /// It has everything that the node has.
    Following,
    /// It cannot, since a time in unix milliseconds, for a reason (a stable code); perhaps it never could.
    Behind {
        /// Since when.
        since_ms: u64,
        /// Why.
        code: &'static str,
    },
    /// It gave up: the chain was rewritten further than can be undone, or contradicts the mirror. What is served is
    /// the last final state.
    Halted {
        /// Why, in words for the operator.
        reason: String,
    },
}

/// What is known of the chain's visibility. Shared between the follower and those who answer.
#[derive(Debug, Default)]
pub struct ChainStatus(RwLock<Status>);

#[derive(Clone, Debug, Default)]
struct Status {
    heads: Option<Heads>,
    health: ChainHealth,
    seen_ms: u64,
    /// Whether it caught up since it began: until then the mirror may have anything, or nothing.
    has_caught_up: bool,
    /// When `Behind` began, by a clock that nobody can set.
    behind_since: Option<Instant>,
}

impl Status {
    fn is_cut_off(&self, now_ms: u64, behind_after_s: u64) -> bool {
        let ChainHealth::Behind { since_ms, .. } = self.health else {
            return false;
        };
        // By whichever clock says longer: one that was set back must not make old answers new.
        let measured_s = self.behind_since.map_or(0, |since| since.elapsed().as_secs());
        let told = now_ms.saturating_sub(since_ms) >= behind_after_s * 1000;
        told || measured_s >= behind_after_s
    }
}

impl ChainStatus {
    /// The follower has everything.
    pub fn caught_up(&self, heads: Heads, now_ms: u64) {
        let mut status = self.0.write().unwrap_or_else(PoisonError::into_inner);
        *status = Status {
            heads: Some(heads),
            health: ChainHealth::Following,
            seen_ms: now_ms,
            has_caught_up: true,
            behind_since: None,
        };
    }

    /// The follower cannot follow since `since_ms`.
    pub fn behind(&self, since_ms: u64, code: &'static str) {
        let mut status = self.0.write().unwrap_or_else(PoisonError::into_inner);
        status.behind_since.get_or_insert_with(Instant::now);
        status.health = ChainHealth::Behind { since_ms, code };
    }

    /// The follower begins anew.
    pub fn restarted(&self) {
        let mut status = self.0.write().unwrap_or_else(PoisonError::into_inner);
        (status.health, status.has_caught_up) = (ChainHealth::Starting, false);
    }

    /// The newest block was undone: what the node called safe or final there, it no longer is.
    pub fn reverted(&self, block: BlockRef) {
        let mut status = self.0.write().unwrap_or_else(PoisonError::into_inner);
        if let Some(heads) = &mut status.heads {
            heads.safe = heads.safe.filter(|safe| safe.number < block.number);
            heads.finalized = heads
                .finalized
                .filter(|finalized| finalized.number < block.number);
        }
    }

    /// The follower gave up, now or in an earlier run: what was known of the chain, and when it was last seen whole, in
    /// unix milliseconds.
    pub fn halted(&self, reason: String, heads: Option<Heads>, seen_ms: u64) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = Status {
            heads,
            health: ChainHealth::Halted { reason },
            seen_ms,
            has_caught_up: false,
            behind_since: None,
        };
    }

    /// How it stands.
    pub fn health(&self) -> ChainHealth {
        self.0
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .health
            .clone()
    }

    /// The newest blocks.
    pub fn heads(&self) -> Option<Heads> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).heads
    }

    /// When the chain was last seen whole, in unix milliseconds: now, while it is followed.
    pub fn seen_ms(&self, now_ms: u64) -> u64 {
        let status = self.0.read().unwrap_or_else(PoisonError::into_inner);
        match status.health {
            ChainHealth::Following => now_ms,
            ChainHealth::Behind { since_ms, .. } if status.has_caught_up => since_ms,
            ChainHealth::Behind { .. } | ChainHealth::Starting | ChainHealth::Halted { .. } => status.seen_ms,
        }
    }

    /// Why answers must read `unknown`, if they must.
    ///
    /// A single failed look is not enough; the node has to be out of sight for `behind_after_s` seconds. A halt
    /// and a start that has not caught up are enough at once.
    pub fn gap(&self, now_ms: u64, behind_after_s: u64) -> Option<Gap> {
        let status = self.0.read().unwrap_or_else(PoisonError::into_inner);
        match status.health {
            ChainHealth::Following => None,
            ChainHealth::Starting => Some(Gap::ChainBehind),
            ChainHealth::Halted { .. } => Some(Gap::ChainHalted),
            ChainHealth::Behind { .. } => {
                let is_cut_off = status.is_cut_off(now_ms, behind_after_s);
                (is_cut_off || !status.has_caught_up).then_some(Gap::ChainBehind)
            }
        }
    }

    /// Whether the node is out of sight for `behind_after_s` seconds.
    pub fn is_cut_off(&self, now_ms: u64, behind_after_s: u64) -> bool {
        let status = self.0.read().unwrap_or_else(PoisonError::into_inner);
        status.is_cut_off(now_ms, behind_after_s)
    }

    /// `finalized`, `safe` or `latest`: the strongest word that is true of a block height.
    pub fn finality(&self, block: u64) -> &'static str {
        match self.heads() {
            Some(Heads {
                finalized: Some(finalized),
                ..
            }) if block <= finalized.number => "finalized",
            Some(Heads { safe: Some(safe), .. }) if block <= safe.number => "safe",
            _ => "latest",
        }
    }
}

#[cfg(test)]
mod tests {
    use alloy_primitives::B256;

    use super::*;

    #[test]
    fn a_blip_is_not_behind_and_a_cut_is() {
        let head = BlockRef {
            number: 7,
            hash: B256::repeat_byte(7),
        };
        let status = ChainStatus::default();
        assert_eq!(
            status.gap(0, 15),
            Some(Gap::ChainBehind),
            "nothing is said before the first look"
        );
        status.caught_up(
            Heads {
                head,
                safe: None,
                finalized: Some(head),
            },
            1_000,
        );
        assert_eq!(status.gap(999_000, 15), None);
        status.behind(2_000, "node_unreachable");
        assert_eq!(status.gap(16_000, 15), None);
        assert_eq!(status.gap(17_000, 15), Some(Gap::ChainBehind));
        assert_eq!(status.seen_ms(17_000), 2_000);
        assert_eq!((status.finality(7), status.finality(8)), ("finalized", "latest"));
    }

    #[test]
    fn a_halt_says_so_at_once_and_keeps_the_name_of_what_was_final() {
        let at = |number: u8| BlockRef {
            number: number.into(),
            hash: B256::repeat_byte(number),
        };
        let status = ChainStatus::default();
        let heads = Heads {
            head: at(9),
            safe: Some(at(8)),
            finalized: Some(at(7)),
        };
        status.halted("rewritten".into(), Some(heads), 1_000);
        assert_eq!(status.gap(1_000, 15), Some(Gap::ChainHalted));
        for block in [9, 8] {
            status.reverted(at(block));
        }
        assert_eq!(
            (status.finality(7), status.finality(8), status.seen_ms(99_000)),
            ("finalized", "latest", 1_000)
        );
        status.reverted(at(7));
        assert_eq!(status.finality(6), "latest", "what was undone was not final");
    }
}
