//! Follows the chain block by block, through reorganisations and nodes that err.

use std::time::Duration;

use alloy_primitives::Address;
use vestiary::block::{Block, BlockRef, ChainLog};

use crate::error::ChainError;

/// Deepest reorganisation that is followed, in blocks. A deeper one halts the follower.
pub const UNDO_WINDOW_BLOCKS: usize = 512;

/// Which contracts' logs are wanted. The set grows while following.
pub trait Watch: Send + Sync {
    /// The contracts known at the start, with those that earlier runs discovered.
    fn addresses(&self) -> Vec<Address>;

    /// Contracts that a log announces; their logs from the same block on are delivered too.
    fn discover(&self, log: &ChainLog) -> Vec<Address>;
}

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
    /// The head has not moved for longer than [`FollowerOptions::stall_after`].
    Stalled,
}

impl BehindReason {
    /// A name that never changes, for machines.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Node(error) => error.code(),
            Self::StaleHead { .. } => "stale_head",
            Self::ShorterBranch { .. } => "shorter_branch",
            Self::Stalled => "stalled",
        }
    }
}

/// Why the follower gave up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HaltReason {
    /// The branch that the node shows leaves ours below the window of [`UNDO_WINDOW_BLOCKS`].
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
}

/// How a block's logs are checked against its header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogCheck {
    /// Logs must be in the bloom filter; an empty list where the filter says *maybe* is checked against
    /// the receipts. Cheap; a node that leaves out some logs of a block can pass.
    Bloom,
    /// Where the filter says *maybe*, the receipts are read and hashed to the header's root. Nothing can be
    /// left out or added.
    ReceiptsRoot,
}

/// How to follow.
#[derive(Debug, Clone)]
pub struct FollowerOptions {
    /// Wait between two looks at the head.
    pub poll_interval: Duration,
    /// Longest wait after repeated failures.
    pub max_backoff: Duration,
    /// Head age that is reported as [`BehindReason::Stalled`].
    pub stall_after: Duration,
    /// Most blocks in one range of `eth_getLogs`.
    pub max_range_blocks: u64,
    /// A range with exactly so many logs counts as cut off. The node's own limit, where it has one.
    pub log_cap: Option<usize>,
    /// How logs are checked.
    pub log_check: LogCheck,
    /// Whether a rewritten final block halts. Test nodes rewrite them, public chains never should.
    pub halt_on_finalized_rewrite: bool,
}

impl Default for FollowerOptions {
    fn default() -> Self {
        Self {
            poll_interval: Duration::from_millis(250),
            max_backoff: Duration::from_secs(5),
            stall_after: Duration::from_secs(90),
            max_range_blocks: 1_000,
            log_cap: None,
            log_check: LogCheck::Bloom,
            halt_on_finalized_rewrite: true,
        }
    }
}
