//! The Merkle tree of a batch: OpenZeppelin's `StandardMerkleTree` over
//! `(uint256 tokenId, bytes32 certificateDigest, address claimKey)`.
//!
//! A leaf is `keccak256(keccak256(abi.encode(…)))`; leaves are sorted by hash; the tree is a complete binary
//! tree in one array, root first, leaves from the end; a node hashes its children in ascending order, so a
//! proof needs no positions.

use alloy_primitives::{Address, B256, keccak256};
use thiserror::Error;

use crate::{digest::Sha256, ids::TokenId};

/// Most leaves of one batch: a proof of 20 hashes, the deepest the gas figures speak of.
pub const MAX_LEAVES: usize = 1 << 20;

/// Longest proof that is looked at: [`MAX_LEAVES`] needs 20 hashes, the rest is room for other builders.
pub const MAX_PROOF_HASHES: usize = 64;

/// One wearable of a batch, before it exists on chain.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Leaf {
    /// The wearable's token id.
    pub token_id: TokenId,
    /// Digest of its certificate.
    pub certificate_digest: Sha256,
    /// Address of its claim key; zero when only a minter may mint it.
    pub claim_key: Address,
}

/// Why leaves make no batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum TreeError {
    /// No leaf at all.
    #[error("a batch has at least one leaf")]
    Empty,
    /// More than [`MAX_LEAVES`].
    #[error("a batch has at most {MAX_LEAVES} leaves, not {0}")]
    TooManyLeaves(usize),
    /// Two leaves for one wearable: two certificates for one serial.
    #[error("token {0} has two leaves")]
    DuplicateToken(TokenId),
}

impl TreeError {
    /// A name for the error that never changes, for machines.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Empty => "batch_empty",
            Self::TooManyLeaves(_) => "batch_too_many_leaves",
            Self::DuplicateToken(_) => "batch_duplicate_token",
        }
    }
}

/// A batch's leaves with every proof.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BatchTree {
    /// By token id.
    leaves: Vec<Leaf>,
    /// Root first; the children of node `i` are `2i + 1` and `2i + 2`.
    nodes: Vec<B256>,
    /// Where each of `leaves` stands in `nodes`.
    positions: Vec<usize>,
}

impl Leaf {
    /// The leaf's hash in the tree.
    pub fn hash(&self) -> B256 {
        let mut words = [0; 96];
        words[..32].copy_from_slice(&self.token_id.0.to_be_bytes::<32>());
        words[32..64].copy_from_slice(&self.certificate_digest.0);
        words[76..].copy_from_slice(self.claim_key.as_slice());
        // Hashed twice, so that no inner node (64 bytes) can be passed off as a leaf.
        keccak256(keccak256(words))
    }
}

impl BatchTree {
    /// Builds the tree, whatever the order of the leaves.
    pub fn new(mut leaves: Vec<Leaf>) -> Result<Self, TreeError> {
        if leaves.is_empty() {
            return Err(TreeError::Empty);
        }
        if leaves.len() > MAX_LEAVES {
            return Err(TreeError::TooManyLeaves(leaves.len()));
        }
        leaves.sort_unstable();
        if let Some(pair) = leaves
            .windows(2)
            .find(|pair| pair[0].token_id == pair[1].token_id)
        {
            return Err(TreeError::DuplicateToken(pair[0].token_id));
        }

        let mut by_hash: Vec<(B256, usize)> = leaves
            .iter()
            .enumerate()
            .map(|(index, leaf)| (leaf.hash(), index))
            .collect();
        by_hash.sort_unstable();

        let mut nodes = vec![B256::ZERO; 2 * leaves.len() - 1];
        let mut positions = vec![0; leaves.len()];
        for (rank, (hash, index)) in by_hash.into_iter().enumerate() {
            let position = nodes.len() - 1 - rank;
            nodes[position] = hash;
            positions[index] = position;
        }
        for parent in (0..leaves.len() - 1).rev() {
            nodes[parent] = node_hash(&nodes[2 * parent + 1], &nodes[2 * parent + 2]);
        }
        Ok(Self {
            leaves,
            nodes,
            positions,
        })
    }

    /// The root that the issuer commits on chain.
    pub fn root(&self) -> B256 {
        self.nodes[0]
    }

    /// The leaves, by token id.
    pub fn leaves(&self) -> &[Leaf] {
        &self.leaves
    }

    /// The leaf of a wearable; `None` when the batch has none.
    pub fn leaf(&self, token_id: TokenId) -> Option<&Leaf> {
        self.index(token_id).map(|index| &self.leaves[index])
    }

    /// The hashes that lead from the wearable's leaf to the root; `None` when the batch has no such leaf.
    pub fn proof(&self, token_id: TokenId) -> Option<Vec<B256>> {
        let mut position = self.positions[self.index(token_id)?];
        let mut proof = Vec::new();
        while position > 0 {
            let sibling = if position % 2 == 1 {
                position + 1
            } else {
                position - 1
            };
            proof.push(self.nodes[sibling]);
            position = (position - 1) / 2;
        }
        Some(proof)
    }

    fn index(&self, token_id: TokenId) -> Option<usize> {
        self.leaves
            .binary_search_by_key(&token_id, |leaf| leaf.token_id)
            .ok()
    }
}

/// Whether `proof` leads from `leaf` to `root`.
#[must_use]
pub fn verify_proof(root: &B256, leaf: &Leaf, proof: &[B256]) -> bool {
    proof.len() <= MAX_PROOF_HASHES
        && proof
            .iter()
            .fold(leaf.hash(), |node, sibling| node_hash(&node, sibling))
            == *root
}

fn node_hash(one: &B256, other: &B256) -> B256 {
    let (low, high) = if one <= other { (one, other) } else { (other, one) };
    keccak256([low.0, high.0].concat())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::{DesignId, Serial};
    use alloy_primitives::{U256, hex};
    use proptest::prelude::*;

    /// Serial `n` of design 1: digest of `n` repeated, claim key `n`, none for odd `n`.
    fn leaf(n: u8) -> Leaf {
        let mut claim_key = Address::ZERO;
        claim_key.0[19] = if n % 2 == 1 { 0 } else { n };
        Leaf {
            token_id: TokenId::new(DesignId::new(1).unwrap(), Serial::new(n.into()).unwrap()),
            certificate_digest: Sha256([n; 32]),
            claim_key,
        }
    }

    #[test]
    fn roots_are_those_of_the_openzeppelin_library() {
        for (count, root) in [
            (
                1,
                hex!("00135b79dd29b103897ec021760c4c83faefa102edc79dcf2cec48ed0b238c6d"),
            ),
            (
                2,
                hex!("eb5e773baab935ebbfa35352cf23299296c9a5098b3379bd8f9cd71012e1bc1c"),
            ),
            (
                3,
                hex!("712dff255c4ed82014c017e9dd83dca7042413042dd155edb116eb844b8098b9"),
            ),
            (
                5,
                hex!("0ca13f09544bd043925fe0d9e6e63891da952b8721e6f49a95d32c12818cd769"),
            ),
            (
                8,
                hex!("c4f36b63e16df4d1f325ec4061c6e4d7fa0173549cda27bfdb948f6abfd12096"),
            ),
        ] {
            let tree = BatchTree::new((1..=count).rev().map(leaf).collect()).unwrap();
            assert_eq!(tree.root(), B256::new(root), "{count} leaves");
        }
    }

    #[test]
    fn a_proof_is_that_of_the_openzeppelin_library() {
        let tree = BatchTree::new((1..=3).map(leaf).collect()).unwrap();
        let expected = [
            hex!("00135b79dd29b103897ec021760c4c83faefa102edc79dcf2cec48ed0b238c6d"),
            hex!("599ed1fcc19f7d40f2c131cc3371180c949378ed6d1bb29e0bfe7528a1771c56"),
        ];
        assert_eq!(tree.proof(leaf(3).token_id).unwrap(), expected.map(B256::new));
    }

    #[test]
    fn no_leaf_two_leaves_for_one_token_and_too_many_are_refused() {
        assert_eq!(BatchTree::new(vec![]).unwrap_err().code(), "batch_empty");
        let twin = Leaf {
            certificate_digest: Sha256([9; 32]),
            ..leaf(1)
        };
        let error = BatchTree::new(vec![leaf(1), leaf(2), twin]).unwrap_err();
        assert_eq!(error, TreeError::DuplicateToken(leaf(1).token_id));
        let error = BatchTree::new(vec![leaf(1); MAX_LEAVES + 1]).unwrap_err();
        assert_eq!(error.code(), "batch_too_many_leaves");
    }

    #[test]
    fn a_proof_longer_than_the_limit_is_refused_unread() {
        let leaf = leaf(1);
        let long = [B256::ZERO; MAX_PROOF_HASHES + 1];
        let root = long
            .iter()
            .fold(leaf.hash(), |node, sibling| node_hash(&node, sibling));
        assert!(!verify_proof(&root, &leaf, &long));
    }

    proptest! {
        #[test]
        fn every_leaf_proves_itself_and_nothing_else(count in 1u64..70, flip in 0usize..32) {
            let leaves: Vec<Leaf> = (1..=count)
                .map(|serial| Leaf { token_id: TokenId(U256::from(serial)), ..leaf(1) })
                .collect();
            let tree = BatchTree::new(leaves.clone()).unwrap();
            for leaf in &leaves {
                let proof = tree.proof(leaf.token_id).unwrap();
                prop_assert!(verify_proof(&tree.root(), leaf, &proof));
                let mut other = *leaf;
                other.certificate_digest.0[flip] ^= 1;
                prop_assert!(!verify_proof(&tree.root(), &other, &proof));
            }
            prop_assert_eq!(tree.proof(TokenId(U256::from(count + 1))), None);
        }
    }
}
