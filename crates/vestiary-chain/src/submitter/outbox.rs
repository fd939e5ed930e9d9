//! What the submitter must not forget, as records that a journal keeps.

use std::fmt;

use alloy_primitives::{Address, B256, Bytes, U256};
use serde::{Deserialize, Serialize};
use vestiary::block::BlockRef;

use crate::error::{ChainError, Result};
use crate::submitter::Effect;

/// Longest order id, in bytes.
pub const MAX_ORDER_ID_BYTES: usize = 128;

/// A caller's name for one order, made before the first attempt: the same id is the same order, ever.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct OrderId(String);

impl OrderId {
    /// 1 to [`MAX_ORDER_ID_BYTES`] printable ASCII characters.
    pub fn new(id: impl Into<String>) -> Result<Self> {
        let id = id.into();
        if id.is_empty() || id.len() > MAX_ORDER_ID_BYTES || !id.bytes().all(|b| b.is_ascii_graphic()) {
            return Err(ChainError::Order(
                "an order id has 1 to 128 printable ASCII characters",
            ));
        }
        Ok(Self(id))
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for OrderId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl TryFrom<String> for OrderId {
    type Error = ChainError;

    fn try_from(id: String) -> Result<Self> {
        Self::new(id)
    }
}

impl From<OrderId> for String {
    fn from(id: OrderId) -> Self {
        id.0
    }
}

/// What a transaction calls.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Call {
    /// The contract.
    pub to: Address,
    /// Selector and arguments.
    pub data: Bytes,
    /// Wei to send along.
    pub value_wei: U256,
    /// The log that says that it was done; `None` for payments, and for what is sent once by a person.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub effect: Option<Effect>,
}

impl Call {
    /// A call that sends no money.
    pub const fn new(to: Address, data: Bytes) -> Self {
        Self {
            to,
            data,
            value_wei: U256::ZERO,
            effect: None,
        }
    }

    /// The same call, made for this log.
    #[must_use]
    pub fn made_for(self, effect: Effect) -> Self {
        Self {
            effect: Some(effect),
            ..self
        }
    }

    /// Whether both are the same transaction, whatever they are made for.
    pub fn does_what(&self, other: &Self) -> bool {
        (self.to, &self.data, self.value_wei) == (other.to, &other.data, other.value_wei)
    }
}

/// One signed transaction of an order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Attempt {
    /// Hash of the transaction.
    pub hash: B256,
    /// The signed transaction, as it is sent.
    pub raw: Bytes,
    /// Wei per gas; a decimal text in JSON.
    #[serde(with = "decimal")]
    pub max_fee_wei: u128,
    /// Wei per gas; a decimal text in JSON.
    #[serde(with = "decimal")]
    pub max_priority_fee_wei: u128,
    /// Gas.
    pub gas_limit: u64,
    /// Height of the head when it was signed; age is counted in blocks.
    pub signed_at_block: u64,
}

/// One durable step of one order. The fold of all records, oldest first, is the submitter's whole memory.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "step", rename_all = "snake_case", deny_unknown_fields)]
pub enum Record {
    /// The order exists. No nonce yet.
    Accepted {
        /// The order.
        order: OrderId,
        /// What it calls.
        call: Call,
    },
    /// A nonce is taken, or a taken one signed again with higher fees. Written before the bytes go out.
    Signed {
        /// The order.
        order: OrderId,
        /// The nonce.
        nonce: u64,
        /// The bytes.
        attempt: Attempt,
    },
    /// A node has the bytes.
    Sent {
        /// The order.
        order: OrderId,
    },
    /// A transaction of the order is in a block.
    Included {
        /// The order.
        order: OrderId,
        /// Which attempt.
        hash: B256,
        /// Where.
        block: BlockRef,
        /// Whether the call succeeded and, as far as the node says, had its effect.
        success: bool,
    },
    /// The block was replaced: the same bytes go out again.
    Dropped {
        /// The order.
        order: OrderId,
    },
    /// The block is final.
    Finalized {
        /// The order.
        order: OrderId,
        /// The attempt that counts.
        hash: B256,
        /// Where.
        block: BlockRef,
        /// `None`: done. Else why the contract reverted.
        reverted: Option<String>,
    },
    /// The block is final; the call succeeded and is proved not to have had its effect.
    WithoutEffect {
        /// The order.
        order: OrderId,
        /// The attempt that counts.
        hash: B256,
        /// Where.
        block: BlockRef,
    },
    /// A final block was replaced after all: the same bytes go out again.
    Reopened {
        /// The order.
        order: OrderId,
    },
    /// The call would revert: no nonce was taken.
    Refused {
        /// The order.
        order: OrderId,
        /// The decoded error.
        reason: String,
    },
    /// Somebody else's transaction with this nonce is final: ours can never be mined, a new nonce follows.
    Displaced {
        /// The order.
        order: OrderId,
        /// The lost nonce.
        nonce: u64,
    },
}

impl Record {
    /// The order that the record is about.
    pub const fn order(&self) -> &OrderId {
        match self {
            Self::Accepted { order, .. }
            | Self::Signed { order, .. }
            | Self::Sent { order }
            | Self::Included { order, .. }
            | Self::Dropped { order }
            | Self::Finalized { order, .. }
            | Self::WithoutEffect { order, .. }
            | Self::Reopened { order }
            | Self::Refused { order, .. }
            | Self::Displaced { order, .. } => order,
        }
    }
}

/// Where an order stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "snake_case", deny_unknown_fields)]
pub enum State {
    /// Waiting for a nonce: behind others, for money, or for a simulation that passes.
    Queued,
    /// Signed and durable; no node is known to have it.
    Signed,
    /// A node has it.
    Sent,
    /// In a block that may still be replaced.
    Included {
        /// Which attempt.
        hash: B256,
        /// Where.
        block: BlockRef,
        /// Whether the call succeeded and, as far as the node says, had its effect. What stands is known when the
        /// block is final.
        success: bool,
    },
    /// In a final block, and the call had its effect. Nothing follows, unless the chain breaks its word.
    Finalized {
        /// Which attempt.
        hash: B256,
        /// Where.
        block: BlockRef,
    },
    /// In a final block, and the call reverted. Nothing follows, unless the chain breaks its word.
    Failed {
        /// Which attempt.
        hash: B256,
        /// Where.
        block: BlockRef,
        /// Why, decoded.
        reason: String,
    },
    /// In a final block, and the call succeeded without its effect: mostly because a reorganisation took away the
    /// contract that it calls. Nothing follows, unless the chain breaks its word.
    WithoutEffect {
        /// Which attempt.
        hash: B256,
        /// Where.
        block: BlockRef,
    },
    /// Never sent: the call would revert. Nothing follows.
    Refused {
        /// Why, decoded.
        reason: String,
    },
}

impl State {
    /// Whether nothing follows.
    pub const fn is_terminal(&self) -> bool {
        matches!(
            self,
            Self::Finalized { .. } | Self::Failed { .. } | Self::WithoutEffect { .. } | Self::Refused { .. }
        )
    }
}

/// One order and everything known about it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// The order.
    pub order: OrderId,
    /// What it calls.
    pub call: Call,
    /// The nonce, once taken.
    pub nonce: Option<u64>,
    /// Every transaction ever signed for this nonce, oldest first.
    pub attempts: Vec<Attempt>,
    /// Where it stands.
    pub state: State,
}

impl Entry {
    /// The newest transaction.
    pub fn latest(&self) -> Option<&Attempt> {
        self.attempts.last()
    }

    /// Whether a nonce is taken and no block has it yet.
    pub const fn is_in_flight(&self) -> bool {
        matches!(self.state, State::Signed | State::Sent)
    }
}

/// The durable store of one lane's records. One lane is one account on one chain.
///
/// The server keeps them in its journal; [`MemoryOutbox`](super::MemoryOutbox) is for tests.
pub trait Outbox: Send + Sync {
    /// Appends records in order; they are durable when this returns `Ok`. After an error it is unknown
    /// whether they are, and the submitter wants to be opened again.
    fn append(&self, records: &[Record]) -> impl Future<Output = Result<(), String>> + Send;

    /// All records, oldest first.
    fn replay(&self) -> impl Future<Output = Result<Vec<Record>, String>> + Send;
}

/// Amounts as decimal texts: JSON numbers end at 2^53, and serde's tagged enums at 64 bits.
mod decimal {
    use serde::{Deserialize, Deserializer, Serializer, de::Error as _};

    pub(super) fn serialize<S: Serializer>(wei: &u128, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(wei)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u128, D::Error> {
        String::deserialize(deserializer)?
            .parse()
            .map_err(D::Error::custom)
    }
}
