//! What is read from the chain, without any client's types: a block and the logs in it.

use alloy_primitives::{Address, B256, Bytes};
use serde::{Deserialize, Serialize};

/// Names one block. The hash decides; the number alone does not survive a reorganisation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BlockRef {
    /// Height.
    pub number: u64,
    /// Hash of the block's header.
    pub hash: B256,
}

/// A block with the logs that concern us, in the order of their [`ChainLog::log_index`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Block {
    /// Height.
    pub number: u64,
    /// Hash of the header.
    pub hash: B256,
    /// Hash of the header before it.
    pub parent_hash: B256,
    /// Unix seconds. The only clock of everything that is derived from the chain.
    pub timestamp: u64,
    /// Logs, in block order.
    pub logs: Vec<ChainLog>,
}

impl Block {
    /// The block's name.
    pub const fn block_ref(&self) -> BlockRef {
        BlockRef {
            number: self.number,
            hash: self.hash,
        }
    }

    /// The name of the block before it; block 0 gives itself a parent of number 0.
    pub const fn parent_ref(&self) -> BlockRef {
        BlockRef {
            number: self.number.saturating_sub(1),
            hash: self.parent_hash,
        }
    }
}

/// One log of one transaction.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ChainLog {
    /// The contract that wrote it.
    pub address: Address,
    /// Event signature and indexed arguments, at most four.
    pub topics: Vec<B256>,
    /// The other arguments, ABI-encoded.
    pub data: Bytes,
    /// The transaction.
    pub transaction_hash: B256,
    /// Position in the block, over all transactions.
    pub log_index: u64,
}
