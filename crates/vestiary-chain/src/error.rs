//! What can go wrong between us and a node, by what a caller would do about it.

use std::time::Duration;

use alloy_primitives::{Address, B256, Bytes};
use thiserror::Error;
use vestiary::{block::BlockRef, ids::ChainId};

/// Longest text of a node's error message that we keep, in characters.
pub const MAX_ERROR_TEXT_CHARS: usize = 300;

/// Result of everything in this crate.
pub type Result<T, E = ChainError> = std::result::Result<T, E>;

/// Why something on the chain could not be read or done.
///
/// No variant and no message holds the node's URL: it often carries a secret.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum ChainError {
    /// The text is not an `http` or `https` URL.
    #[error("the node's address is not an http or https URL")]
    Endpoint,
    /// The node serves another chain than the one that was asked for.
    #[error("the node serves {found}, expected {expected}")]
    WrongChain {
        /// What the configuration says.
        expected: ChainId,
        /// What `eth_chainId` says.
        found: ChainId,
    },
    /// Right chain id, another block 0: a test chain that was started again, or a fork.
    #[error("the node's genesis block is {found}, expected {expected}")]
    WrongGenesis {
        /// What the configuration says.
        expected: B256,
        /// Hash of the node's block 0.
        found: B256,
    },
    /// No connection, or it broke before the answer was complete. Retry.
    #[error("{method}: the node cannot be reached")]
    Unreachable {
        /// JSON-RPC method.
        method: &'static str,
    },
    /// No answer in time. The call may have taken effect.
    #[error("{method}: no answer within {after:?}")]
    Deadline {
        /// JSON-RPC method.
        method: &'static str,
        /// The deadline.
        after: Duration,
    },
    /// The answer is larger than [`RpcOptions::max_response_bytes`](crate::rpc::RpcOptions).
    #[error("{method}: the answer is larger than {limit_bytes} bytes")]
    TooLarge {
        /// JSON-RPC method.
        method: &'static str,
        /// The limit.
        limit_bytes: usize,
    },
    /// HTTP 429 or 503, or a JSON-RPC error that means the same. Wait, then retry.
    #[error("{method}: the node asks to slow down")]
    RateLimited {
        /// JSON-RPC method.
        method: &'static str,
        /// What `Retry-After` said, if anything; [`MAX_RETRY_AFTER`](crate::rpc::MAX_RETRY_AFTER) at most.
        retry_after: Option<Duration>,
    },
    /// The node answered with a JSON-RPC error.
    #[error("{method}: {text} ({code})")]
    Refused {
        /// JSON-RPC method.
        method: &'static str,
        /// JSON-RPC error code.
        code: i64,
        /// Message, at most [`MAX_ERROR_TEXT_CHARS`], without control characters.
        text: String,
        /// Revert data, where the node sent some.
        data: Option<Bytes>,
    },
    /// The answer is not what the method answers with.
    #[error("{method}: the answer cannot be read: {what}")]
    Malformed {
        /// JSON-RPC method.
        method: &'static str,
        /// What is missing or wrong.
        what: &'static str,
    },
    /// The answer reads well and contradicts itself or what is known.
    #[error("the node contradicts itself: {0}")]
    Fault(#[from] ProviderFault),
    /// A call was reverted; `reason` is decoded as far as our ABI knows it.
    #[error("the contract refuses: {reason}")]
    Reverted {
        /// Name of the custom error with its arguments, or the revert text.
        reason: String,
    },
    /// What stands at an address is not what should stand there.
    #[error("{what} at {address}: {problem}")]
    Contract {
        /// What was expected there, in words.
        what: &'static str,
        /// Where.
        address: Address,
        /// What is wrong.
        problem: &'static str,
    },
    /// What the node answers when it is asked for a proof proves nothing.
    #[error("eth_getProof: {0}")]
    NotProved(String),
    /// The outbox did not take a record; whether it is durable is unknown. Open the submitter again.
    #[error("the outbox failed: {0}")]
    Outbox(String),
    /// The key refused to sign.
    #[error("the signer refused: {0}")]
    Signer(String),
    /// The same order id came with another call.
    #[error("order {id} exists with another call")]
    OrderDiffers {
        /// The order's id.
        id: String,
    },
    /// An order breaks a named limit.
    #[error("the order is refused: {0}")]
    Order(&'static str),
    /// The local node could not be started.
    #[error("anvil: {0}")]
    Anvil(String),
}

/// How a node's answer contradicts itself, or what the node said before.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum ProviderFault {
    /// Hashing the header does not give the hash that came with it.
    #[error("block {number}: the header hashes to {computed}, the answer says {claimed}")]
    HeaderHash {
        /// Height in the header.
        number: u64,
        /// `hash` of the answer.
        claimed: B256,
        /// What the header hashes to.
        computed: B256,
    },
    /// Another block than the one asked for.
    #[error("asked for block {asked}, got block {got}")]
    OtherBlock {
        /// Height or hash in the question.
        asked: String,
        /// Height and hash of the answer.
        got: String,
    },
    /// A block that must exist does not: an ancestor of the head, or one named by a tag.
    #[error("block {0} is missing")]
    MissingBlock(String),
    /// A block does not follow the one before it.
    #[error("block {number} does not name the block before it as its parent")]
    BrokenChain {
        /// Height of the child.
        number: u64,
    },
    /// A log of another block, or without its place.
    #[error("block {number}: a log of another block")]
    ForeignLog {
        /// The block asked for, or the first of the range.
        number: u64,
    },
    /// Two logs with one position.
    #[error("block {number}: log {log_index} came twice")]
    DuplicateLog {
        /// The block.
        number: u64,
        /// Position in the block.
        log_index: u64,
    },
    /// A log that the header's bloom filter excludes.
    #[error("block {number}: log {log_index} is not in the header's bloom filter")]
    NotInBloom {
        /// The block.
        number: u64,
        /// Position in the block.
        log_index: u64,
    },
    /// The receipts do not hash to the header's root.
    #[error("block {number}: the receipts do not hash to the header's root")]
    ReceiptsRoot {
        /// The block.
        number: u64,
    },
    /// The receipts of a block lack a transaction that the node said was mined in it.
    #[error("block {number}: a transaction that was mined in it has no receipt")]
    MissingReceipt {
        /// The block.
        number: u64,
    },
    /// The finalized block went back or is not on the chain that we follow.
    #[error("the finalized block {0:?} is not on the chain that the node shows")]
    Finality(BlockRef),
    /// Another block, or none, at the height of an old one that the head stands on.
    #[error("the head stands on the block {0:?}, and the node shows another one at its height")]
    History(BlockRef),
}

impl ChainError {
    /// A name that never changes, for machines: metrics, `/readyz`, problem documents.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Endpoint => "node_url",
            Self::WrongChain { .. } => "wrong_chain",
            Self::WrongGenesis { .. } => "wrong_genesis",
            Self::Unreachable { .. } => "node_unreachable",
            Self::Deadline { .. } => "node_silent",
            Self::TooLarge { .. } => "node_answer_too_large",
            Self::RateLimited { .. } => "node_rate_limit",
            Self::Refused { .. } => "node_error",
            Self::Malformed { .. } => "node_answer_malformed",
            Self::Fault(_) => "node_fault",
            Self::Reverted { .. } => "contract_refuses",
            Self::Contract { .. } => "contract_mismatch",
            Self::NotProved(_) => "not_proved",
            Self::Outbox(_) => "outbox_failed",
            Self::Signer(_) => "signer_refused",
            Self::OrderDiffers { .. } => "order_differs",
            Self::Order(_) => "order_limit",
            Self::Anvil(_) => "anvil_failed",
        }
    }

    /// Whether the node never saw the call or did not answer, so that the outcome is unknown.
    pub const fn is_transport(&self) -> bool {
        matches!(
            self,
            Self::Unreachable { .. }
                | Self::Deadline { .. }
                | Self::TooLarge { .. }
                | Self::RateLimited { .. }
        )
    }

    /// How long the node asked us to wait.
    pub const fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::RateLimited { retry_after, .. } => *retry_after,
            _ => None,
        }
    }
}

/// Keeps what a person needs of a text from outside: bounded, one line, printable.
pub(crate) fn bounded_text(text: &str) -> String {
    text.chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .take(MAX_ERROR_TEXT_CHARS)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_nodes_text_is_cut_and_kept_on_one_line() {
        let text = bounded_text(&format!("a\nb{}", "x".repeat(1_000)));
        assert_eq!(text.chars().count(), MAX_ERROR_TEXT_CHARS);
        assert!(text.starts_with("a b"));
    }
}
