//! What the follower says.

use std::{fmt, time::Duration};

use alloy_primitives::B256;
use vestiary::block::{Block, BlockRef};

use crate::error::ChainError;

/// What the follower reports, in order. The fold of `Committed` and `Reverted` is the chain as the node
/// shows it: every block once, each joined to the one before by its parent hash.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// The next block, also when it has no log that concerns us.
    Committed(Block),
    /// The newest committed block is no longer on the chain: undo it.
    Reverted(BlockRef),
    /// Everything that the node has was delivered. Sent when one of the three changes, and after `Behind`.
    CaughtUp {
        /// The newest block.
        head: BlockRef,
        /// Newest safe block, where the node tells.
        safe: Option<BlockRef>,
        /// Newest final block, where the node tells.
        finalized: Option<BlockRef>,
    },
    /// The node cannot be followed at present; the follower goes on trying.
    Behind {
        /// Since when, without a break.
        failing_for: Duration,
        /// Why.
        reason: BehindReason,
        /// When it tries again.
        retry_in: Duration,
        /// The last block that was delivered.
        head: Option<BlockRef>,
    },
    /// The chain was rewritten further than can be undone. Nothing follows; rebuild.
    Halted(HaltReason),
}

/// Why the follower does not keep up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BehindReason {
    /// The node failed, or contradicts itself.
    Node(ChainError),
    /// The node shows an ancestor of the block that it showed before.
    StaleHead {
        /// What it shows now.
        shown: BlockRef,
    },
    /// The node shows a shorter branch, not yet often enough to be believed.
    ShorterBranch {
        /// Its head.
        shown: BlockRef,
    },
    /// The node shows a branch that cannot be followed, not yet often enough to halt for it.
    DeepBranch {
        /// Its head.
        shown: BlockRef,
    },
    /// The head has not moved for longer than [`FollowerOptions::stall_after`](super::FollowerOptions::stall_after).
    Stalled,
}

impl BehindReason {
    /// A name that never changes, for machines.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Node(error) => error.code(),
            Self::StaleHead { .. } => "stale_head",
            Self::ShorterBranch { .. } => "shorter_branch",
            Self::DeepBranch { .. } => "deep_branch",
            Self::Stalled => "stalled",
        }
    }
}

/// Why the follower gave up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HaltReason {
    /// The branch that the node shows leaves ours below the window of [`UNDO_WINDOW_BLOCKS`](super::UNDO_WINDOW_BLOCKS).
    DeeperThanWindow {
        /// Head of the branch.
        shown: BlockRef,
        /// The oldest block that could have been kept.
        oldest: BlockRef,
    },
    /// The branch leaves ours below a block that was final.
    FinalizedRewritten {
        /// Head of the branch.
        shown: BlockRef,
        /// The block that had been final.
        finalized: BlockRef,
    },
    /// The node has another block, or none, at the height of one that its own head stands on: what was delivered is
    /// not its chain.
    Diverged {
        /// The block as it was delivered.
        ours: BlockRef,
        /// The node's block at this height.
        shown: Option<B256>,
    },
}

impl HaltReason {
    /// A name that never changes, for machines.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::DeeperThanWindow { .. } => "deeper_than_window",
            Self::FinalizedRewritten { .. } => "finalized_rewritten",
            Self::Diverged { .. } => "diverged",
        }
    }
}

impl fmt::Display for HaltReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::DeeperThanWindow { shown, oldest } => write!(
                f,
                "the chain of block {} {} leaves ours below block {}, further than can be undone",
                shown.number, shown.hash, oldest.number
            ),
            Self::FinalizedRewritten { shown, finalized } => write!(
                f,
                "the chain of block {} {} leaves ours below block {} {}, which was final",
                shown.number, shown.hash, finalized.number, finalized.hash
            ),
            Self::Diverged { ours, shown } => {
                write!(f, "block {} was read as {}", ours.number, ours.hash)?;
                match shown {
                    Some(shown) => write!(f, " and is {shown} on the node's chain"),
                    None => f.write_str(" and is not on the node's chain"),
                }
            }
        }
    }
}

/// How often old blocks were compared with the node's, and how often they differed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Audits {
    /// Comparisons.
    pub made: u64,
    /// Those that showed another block.
    pub divergent: u64,
}
