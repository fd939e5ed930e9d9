use alloy_primitives::Address;
use vestiary::{
    digest::Sha256,
    ids::{ChainId, CollectionId, DesignId, WearableId},
};
use vestiary_tlog::Hash;

use super::{Committed, Sent, TreeHead, Witnessed};

/// Why the memory does not let something be signed, with both sides of the contradiction.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Refusal {
    /// The memory is not rebuilt yet, so it cannot know what was signed.
    #[error("the signing memory is still being rebuilt")]
    Rebuilding,
    /// A serial range that is none.
    #[error("the serials are no range")]
    NoRange,
    /// A second certificate for one wearable.
    #[error("{wearable} has certificate {remembered}, another one ({asked}) is refused")]
    TwoCertificates {
        /// The wearable.
        wearable: Box<WearableId>,
        /// Digest that was signed.
        remembered: Sha256,
        /// Digest that is asked for.
        asked: Sha256,
    },
    /// A second document for one design.
    #[error("design {design} of {collection} has digest {remembered}, another one ({asked}) is refused")]
    TwoDesigns {
        /// The collection.
        collection: CollectionId,
        /// The design.
        design: DesignId,
        /// Digest that was signed.
        remembered: Sha256,
        /// Digest that is asked for.
        asked: Sha256,
    },
    /// Two roots over one serial: the ranges overlap and are not the same batch.
    #[error("{remembered} of design {design} of {collection} was committed, {asked} overlaps it")]
    TwoRoots {
        /// The collection.
        collection: CollectionId,
        /// The design.
        design: DesignId,
        /// What was signed.
        remembered: Box<Committed>,
        /// What is asked for.
        asked: Box<Committed>,
    },
    /// Two roots for one size of a log: nothing more is signed for this log.
    #[error("log {origin} at size {size} has root {remembered}, root {asked} contradicts it")]
    TwoCheckpoints {
        /// The log.
        origin: String,
        /// The size at which they differ.
        size: u64,
        /// What was signed, anchored or cosigned.
        remembered: Hash,
        /// What contradicts it.
        asked: Hash,
    },
    /// A checkpoint of a smaller tree than the last one.
    #[error("log {origin} has reached size {}, size {} is smaller", remembered.size, asked.size)]
    SmallerCheckpoint {
        /// The log.
        origin: String,
        /// The largest tree that was signed or found in our log.
        remembered: TreeHead,
        /// What is asked for.
        asked: TreeHead,
    },
    /// Our log is shorter than what others saw of it: it was restored from an old copy.
    #[error("log {origin} has {ours} entries, {by} saw {theirs}: it is not whole")]
    LogTooShort {
        /// The log.
        origin: String,
        /// Entries that we have.
        ours: u64,
        /// Entries that others saw.
        theirs: u64,
        /// Who saw them.
        by: Witnessed,
    },
    /// A nonce was used for something else.
    #[error("nonce {nonce} of {account} on {chain} was used for {remembered}, {asked} is something else")]
    TwoTransactions {
        /// The chain.
        chain: ChainId,
        /// The account.
        account: Address,
        /// The nonce.
        nonce: u64,
        /// What was signed.
        remembered: Box<Sent>,
        /// What is asked for.
        asked: Box<Sent>,
    },
    /// A replacement must pay more than every transaction that it replaces.
    #[error("nonce {nonce} of {account} on {chain} was signed as {remembered}, {asked} does not pay more")]
    FeeNotHigher {
        /// The chain.
        chain: ChainId,
        /// The account.
        account: Address,
        /// The nonce.
        nonce: u64,
        /// What was signed with the highest fee.
        remembered: Box<Sent>,
        /// What is asked for.
        asked: Box<Sent>,
    },
}

impl Refusal {
    /// A name for the refusal that never changes, for machines.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Rebuilding => "memory_rebuilding",
            Self::NoRange => "bad_serial_range",
            Self::TwoCertificates { .. } => "two_certificates",
            Self::TwoDesigns { .. } => "two_designs",
            Self::TwoRoots { .. } => "two_roots",
            Self::TwoCheckpoints { .. } => "two_checkpoints",
            Self::SmallerCheckpoint { .. } => "smaller_checkpoint",
            Self::LogTooShort { .. } => "log_too_short",
            Self::TwoTransactions { .. } => "two_transactions",
            Self::FeeNotHigher { .. } => "fee_not_higher",
        }
    }
}
