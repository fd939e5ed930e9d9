//! What a mirror is a mirror of.

use alloy_primitives::{Address, B256};
use vestiary::ids::ChainId;

use crate::codec::row;

row! {
    /// The chain, the contracts and the log that a mirror folds. A store made for other ones is not
    /// opened: it has to be rebuilt.
    pub struct MirrorConfig {
        /// The chain.
        pub chain: ChainId,
        /// Hash of its block 0: a development chain that was started anew has the same chain id.
        pub genesis_hash: B256,
        /// `IssuerRegistry`.
        pub registry: Address,
        /// `CollectionFactory`; only collections in its list count.
        pub factory: Address,
        /// `LogAnchor`.
        pub log_anchor: Address,
        /// Number of the first block to be applied: the one before which none of the contracts stood.
        pub first_block: u64,
        /// Name of the log, as entry 0 states it.
        pub log_origin: String,
    }
}
