//! The batch file: everything needed to claim any wearable of a batch without us.
//!
//! ```json
//! {"chain":"eip155:31337","collection":"eip155:31337/erc721:0x…","count":"200","design_id":"1",
//!  "first_serial":"1","format":"vestiary/batch/v1",
//!  "leaves":[["18446744073709551617","0x<certificate digest>","0x<claim key>"]],"root":"0x…"}
//! ```
//!
//! `leaves` is what OpenZeppelin's `StandardMerkleTree.of(leaves, ["uint256", "bytes32", "address"])` takes as it
//! stands. Every serial of the range has one leaf or none (a hole). Any copy is as good as another: whoever reads
//! one recomputes the root and compares it with the chain's.

use alloy_primitives::{Address, B256};
use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::{
    ids::{
        ChainId, CollectionId, DesignId, IdError, Serial, SerialRange, TokenId, serde_address, serde_b256,
        serde_u64,
    },
    json::{self, JsonError},
    tree::{BatchTree, Leaf, TreeError},
};

/// Value of `format`.
pub const FORMAT: &str = "vestiary/batch/v1";
/// Largest batch file: [`MAX_LEAVES`](crate::tree::MAX_LEAVES) leaves of at most 160 bytes, and white space.
pub const MAX_BATCH_FILE_BYTES: usize = 192 * 1024 * 1024;

/// A batch whose leaves fit its range and whose tree is built.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BatchFile {
    collection: CollectionId,
    design_id: DesignId,
    range: SerialRange,
    tree: BatchTree,
}

/// Why bytes or leaves are no batch.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum BatchFileError {
    /// Not JSON as we read it, not these fields, or too large.
    #[error(transparent)]
    Json(#[from] JsonError),
    /// `format` is another.
    #[error("format must be {FORMAT}")]
    Format,
    /// `chain` is not the collection's chain.
    #[error("the file is for {chain}, its collection is on {}", collection.chain)]
    ChainMismatch {
        /// `chain`.
        chain: ChainId,
        /// `collection`.
        collection: CollectionId,
    },
    /// `first_serial` and `count` are no range.
    #[error(transparent)]
    Range(#[from] IdError),
    /// A leaf of another design, or of no design at all.
    #[error("token {token_id} is not of design {design_id}")]
    OtherDesign {
        /// The leaf's token.
        token_id: TokenId,
        /// The batch's design.
        design_id: DesignId,
    },
    /// A leaf outside the range.
    #[error("serial {serial} lies outside {} to {}", range.first(), range.last())]
    OutsideRange {
        /// The leaf's serial.
        serial: Serial,
        /// The batch's range.
        range: SerialRange,
    },
    /// No leaves, too many, or two for one serial.
    #[error(transparent)]
    Tree(#[from] TreeError),
    /// The leaves have another root than the file says.
    #[error("the leaves have root {computed}, the file says {stated}")]
    RootMismatch {
        /// `root`.
        stated: B256,
        /// What the leaves give.
        computed: B256,
    },
}

impl BatchFileError {
    /// A name for the error that never changes, for machines.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Json(error) => error.code(),
            Self::Format => "batch_format",
            Self::ChainMismatch { .. } => "batch_chain_mismatch",
            Self::Range(error) => error.code(),
            Self::OtherDesign { .. } => "batch_other_design",
            Self::OutsideRange { .. } => "batch_outside_range",
            Self::Tree(error) => error.code(),
            Self::RootMismatch { .. } => "batch_root_mismatch",
        }
    }
}

/// The file as it stands. Fields in the order of canonical JSON, so that writing them in turn is canonical.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Wire {
    chain: ChainId,
    collection: CollectionId,
    #[serde(with = "serde_u64")]
    count: u64,
    design_id: DesignId,
    first_serial: Serial,
    format: String,
    leaves: Vec<WireLeaf>,
    #[serde(with = "serde_b256")]
    root: B256,
}

#[derive(Serialize, Deserialize)]
struct WireLeaf(
    TokenId,
    #[serde(with = "serde_b256")] B256,
    #[serde(with = "serde_address")] Address,
);

impl BatchFile {
    /// Makes the batch of these leaves, in any order.
    pub fn new(
        collection: CollectionId,
        design_id: DesignId,
        range: SerialRange,
        leaves: Vec<Leaf>,
    ) -> Result<Self, BatchFileError> {
        for &Leaf { token_id, .. } in &leaves {
            match (token_id.design_id(), token_id.serial()) {
                (Some(design), Some(serial)) if design == design_id => {
                    if !range.contains(serial) {
                        return Err(BatchFileError::OutsideRange { serial, range });
                    }
                }
                _ => return Err(BatchFileError::OtherDesign { token_id, design_id }),
            }
        }
        Ok(Self {
            collection,
            design_id,
            range,
            tree: BatchTree::new(leaves)?,
        })
    }

    /// Reads a batch file and checks everything in it that can be checked without the chain.
    pub fn parse(bytes: &[u8]) -> Result<Self, BatchFileError> {
        let wire: Wire = json::from_slice_strict(bytes, MAX_BATCH_FILE_BYTES)?;
        if wire.format != FORMAT {
            return Err(BatchFileError::Format);
        }
        if wire.chain != wire.collection.chain {
            return Err(BatchFileError::ChainMismatch {
                chain: wire.chain,
                collection: wire.collection,
            });
        }
        let range = SerialRange::new(wire.first_serial, wire.count)?;
        let leaves = wire
            .leaves
            .into_iter()
            .map(|WireLeaf(token_id, digest, claim_key)| Leaf {
                token_id,
                certificate_digest: digest.into(),
                claim_key,
            });
        let batch = Self::new(wire.collection, wire.design_id, range, leaves.collect())?;
        let computed = batch.root();
        if computed != wire.root {
            return Err(BatchFileError::RootMismatch {
                stated: wire.root,
                computed,
            });
        }
        Ok(batch)
    }

    /// The file's bytes: canonical JSON, leaves by serial.
    pub fn to_bytes(&self) -> Vec<u8> {
        let leaves = self.tree.leaves().iter();
        let wire = Wire {
            chain: self.collection.chain,
            collection: self.collection,
            count: self.range.count(),
            design_id: self.design_id,
            first_serial: self.range.first(),
            format: FORMAT.into(),
            leaves: leaves
                .map(|leaf| WireLeaf(leaf.token_id, leaf.certificate_digest.b256(), leaf.claim_key))
                .collect(),
            root: self.root(),
        };
        serde_json::to_vec(&wire).expect("strings are always JSON")
    }

    /// The collection.
    pub fn collection(&self) -> CollectionId {
        self.collection
    }

    /// The design.
    pub fn design_id(&self) -> DesignId {
        self.design_id
    }

    /// The serials committed, holes included.
    pub fn range(&self) -> SerialRange {
        self.range
    }

    /// The root on chain.
    pub fn root(&self) -> B256 {
        self.tree.root()
    }

    /// Leaves and proofs.
    pub fn tree(&self) -> &BatchTree {
        &self.tree
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::digest::Sha256;
    use proptest::prelude::*;

    fn batch(first: u64, count: u64, serials: &[u64]) -> Result<BatchFile, BatchFileError> {
        let design_id = DesignId::new(1).unwrap();
        let leaves = serials.iter().map(|&serial| Leaf {
            token_id: TokenId::new(design_id, Serial::new(serial).unwrap()),
            certificate_digest: Sha256::of(&serial.to_be_bytes()),
            claim_key: Address::left_padding_from(&serial.to_be_bytes()),
        });
        let collection = CollectionId::new(ChainId(31337), Address::repeat_byte(0xab));
        BatchFile::new(
            collection,
            design_id,
            SerialRange::new(Serial::new(first)?, count)?,
            leaves.collect(),
        )
    }

    #[test]
    fn holes_are_allowed_and_order_does_not_matter() {
        let file = batch(1, 10, &[9, 2, 4]).unwrap();
        assert_eq!(BatchFile::parse(&file.to_bytes()), Ok(file.clone()));
        assert_eq!(file, batch(1, 10, &[2, 4, 9]).unwrap());
    }

    #[test]
    fn leaves_outside_the_range_or_twice_are_refused() {
        for (serials, code) in [
            (&[1, 2, 11][..], "batch_outside_range"),
            (&[3, 3], "batch_duplicate_token"),
            (&[], "batch_empty"),
        ] {
            assert_eq!(batch(1, 10, serials).unwrap_err().code(), code, "{serials:?}");
        }
        assert_eq!(batch(2, 10, &[1]).unwrap_err().code(), "batch_outside_range");
    }

    #[test]
    fn a_file_above_the_limit_is_refused_unread() {
        let error = BatchFile::parse(&vec![b' '; MAX_BATCH_FILE_BYTES + 1]).unwrap_err();
        assert_eq!(error.code(), "too_large");
    }

    proptest! {
        #[test]
        fn files_survive_bytes_and_are_canonical(serials in prop::collection::hash_set(5u64..200, 1..40)) {
            let serials: Vec<u64> = serials.into_iter().collect();
            let file = batch(5, 195, &serials).unwrap();
            let bytes = file.to_bytes();
            let value: serde_json::Value = serde_json::from_slice(&bytes).unwrap();
            prop_assert_eq!(serde_json_canonicalizer::to_vec(&value).unwrap(), bytes.clone());
            prop_assert_eq!(BatchFile::parse(&bytes), Ok(file));
        }

        #[test]
        fn a_changed_byte_never_gives_another_batch_under_the_same_root(at: prop::sample::Index, byte: u8) {
            let file = batch(1, 10, &[1, 2, 5]).unwrap();
            let mut bytes = file.to_bytes();
            let at = at.index(bytes.len());
            bytes[at] = byte;
            if let Ok(other) = BatchFile::parse(&bytes)
                && other.root() == file.root()
            {
                prop_assert_eq!(other.tree(), file.tree());
            }
        }
    }
}
