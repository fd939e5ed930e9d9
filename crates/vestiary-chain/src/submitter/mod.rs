//! Sends transactions so that each order happens once, whatever fails in between.

mod memory;
mod outbox;
mod table;

pub use memory::{FailedAppend, MemoryOutbox};
pub use outbox::{Attempt, Call, Entry, MAX_ORDER_ID_BYTES, OrderId, Outbox, Record, State};
pub use table::Table;

use std::time::Duration;

use alloy_primitives::{Address, U256};

/// Limits and prices of one lane.
#[derive(Debug, Clone)]
pub struct SubmitterOptions {
    /// Most transactions that are signed and not yet in a block.
    pub max_in_flight: usize,
    /// Highest fee per gas that is ever signed, in wei.
    pub max_fee_cap_wei: u128,
    /// Lowest tip per gas, in wei, also where the node suggests less.
    pub min_priority_fee_wei: u128,
    /// A transaction that so many blocks left out is signed again with higher fees.
    pub replace_after_blocks: u64,
    /// Most attempts for one nonce.
    pub max_attempts: usize,
    /// Longest wait of [`Submitter`] on one node before a tick gives up; the next tick goes on.
    pub tick_budget: Duration,
}

impl Default for SubmitterOptions {
    fn default() -> Self {
        Self {
            max_in_flight: 64,
            max_fee_cap_wei: 1_000_000_000_000,
            min_priority_fee_wei: 1_000_000,
            replace_after_blocks: 3,
            max_attempts: 16,
            tick_budget: Duration::from_secs(30),
        }
    }
}

/// Whether a lane takes new orders to the chain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LaneState {
    /// It does.
    Running,
    /// The account has too little money for the next order; nothing was signed for it.
    Paused {
        /// The account to be filled.
        account: Address,
        /// What the next order and those in flight may cost, in wei.
        needed_wei: U256,
        /// What the account has, in wei.
        balance_wei: U256,
    },
    /// The chain is dearer than [`SubmitterOptions::max_fee_cap_wei`].
    FeesAboveCap {
        /// What the chain asks per gas, in wei.
        base_fee_wei: u128,
        /// The cap, in wei.
        cap_wei: u128,
    },
}

/// What one tick did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tick {
    /// Orders whose state changed, in the order of change.
    pub changed: Vec<OrderId>,
    /// Whether new orders go out.
    pub lane: LaneState,
    /// Height of the head that the tick saw.
    pub head: u64,
}
