//! Storage proofs: what `eth_getProof` answers (EIP-1186), checked down to the words of a contract, under the hash of a
//! block that the reader believes.
//!
//! Each step has a type that only the step before gives: a [`ProvenBlock`] under a block's hash, a [`ProvenAccount`]
//! under the block's state root, a [`ProvenCollection`] when its code is an ERC-1167 clone of a
//! [`PinnedImplementation`], and then the words. Nothing that a node says is believed.

mod wire;

use std::collections::BTreeMap;

use alloy_primitives::{Address, B256, Bytes, U256, keccak256};
use alloy_rlp::Header;
use alloy_trie::{EMPTY_ROOT_HASH, KECCAK_EMPTY, Nibbles, TrieAccount, proof::verify_proof};
use serde::Deserialize;
use thiserror::Error;

use crate::block::BlockRef;
use crate::ids::TokenId;
use crate::json::{self, JsonError};
use crate::rights::RightsWord;
use crate::roots::ContractRoots;
use crate::storage::{StorageSlot, collection};

/// Largest answer of `eth_getProof` that is read, in bytes.
pub const MAX_PROOF_BYTES: usize = 16 << 20;
/// Most slots in one answer.
pub const MAX_SLOTS: usize = 4096;
/// Most nodes on the way to one value: the root, and one for each digit of a hash.
pub const MAX_NODES: usize = 65;
/// Largest block header that is read, in bytes.
pub const MAX_HEADER_BYTES: usize = 4096;

/// Where the header has its fields (yellow paper 4.3, the same in every fork since).
const STATE_ROOT_FIELD: usize = 3;
const NUMBER_FIELD: usize = 8;
const TIMESTAMP_FIELD: usize = 11;

/// Why something is not proved.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum StorageProofError {
    /// The header does not have the hash that is believed.
    #[error("the header hashes to {found}, expected {expected}")]
    HeaderHash {
        /// The block's hash.
        expected: B256,
        /// What the bytes hash to.
        found: B256,
    },
    /// The bytes are no block header.
    #[error("the bytes are no block header")]
    Header,
    /// The answer cannot be read.
    #[error("the proof cannot be read: {0}")]
    Json(#[from] JsonError),
    /// More than [`MAX_SLOTS`] slots or [`MAX_NODES`] nodes.
    #[error("the proof has more {0} than are read")]
    TooMany(&'static str),
    /// A slot stands twice in one answer.
    #[error("slot {0} stands twice")]
    SlotTwice(StorageSlot),
    /// The answer is about another account.
    #[error("the proof is of {found}, expected {expected}")]
    OtherAccount {
        /// Which was asked for.
        expected: Address,
        /// Which it is about.
        found: Address,
    },
    /// The nodes do not lead from the state root to what the answer says of the account.
    #[error("account {0} is not proved by these nodes")]
    Account(Address),
    /// The nodes do not lead from the account's storage to what the answer says of the slot.
    #[error("slot {slot} of {account} is not proved by these nodes")]
    Slot {
        /// Whose storage.
        account: Address,
        /// The slot.
        slot: StorageSlot,
    },
    /// The proof says nothing of this slot.
    #[error("the proof of {account} has no slot {slot}")]
    NotAsked {
        /// Whose storage.
        account: Address,
        /// The slot.
        slot: StorageSlot,
    },
    /// The code is none that the reader believes: nothing pinned, or no clone of what is.
    #[error("the code of {account} has hash {found:?}, which is not the one expected")]
    Code {
        /// The account.
        account: Address,
        /// Its code's hash; `None` when there is no account.
        found: Option<B256>,
    },
}

impl StorageProofError {
    /// A name for the error that never changes, for machines.
    pub fn code(&self) -> &'static str {
        match self {
            Self::HeaderHash { .. } => "header_hash",
            Self::Header => "malformed_header",
            Self::Json(error) => error.code(),
            Self::TooMany(_) => "too_many",
            Self::SlotTwice(_) => "slot_twice",
            Self::OtherAccount { .. } => "other_account",
            Self::Account(_) => "account_not_proved",
            Self::Slot { .. } => "slot_not_proved",
            Self::NotAsked { .. } => "slot_not_asked",
            Self::Code { .. } => "other_code",
        }
    }
}

/// A block whose header hashes to what the reader believes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ProvenBlock {
    block: BlockRef,
    timestamp: u64,
    state_root: B256,
}

impl ProvenBlock {
    /// Reads a block's header, RLP as it is hashed, under the block's hash.
    pub fn from_header(header: &[u8], hash: B256) -> Result<Self, StorageProofError> {
        let found = keccak256(header);
        if found != hash {
            return Err(StorageProofError::HeaderHash {
                expected: hash,
                found,
            });
        }
        if header.len() > MAX_HEADER_BYTES {
            return Err(StorageProofError::Header);
        }
        let read = || -> alloy_rlp::Result<(B256, u64, u64)> {
            let mut list = Header::decode_bytes(&mut &*header, true)?;
            let mut fields = Vec::new();
            while !list.is_empty() {
                fields.push(Header::decode_bytes(&mut list, false)?);
            }
            let field = |at: usize| fields.get(at).copied().ok_or(alloy_rlp::Error::InputTooShort);
            let number = |at| field(at).and_then(be_number);
            let state_root =
                B256::try_from(field(STATE_ROOT_FIELD)?).map_err(|_| alloy_rlp::Error::UnexpectedLength)?;
            Ok((state_root, number(NUMBER_FIELD)?, number(TIMESTAMP_FIELD)?))
        };
        let (state_root, number, timestamp) = read().map_err(|_| StorageProofError::Header)?;
        Ok(Self {
            block: BlockRef { number, hash },
            timestamp,
            state_root,
        })
    }

    /// The block's name.
    pub const fn block_ref(&self) -> BlockRef {
        self.block
    }

    /// The block's time, in unix seconds.
    pub const fn timestamp(&self) -> u64 {
        self.timestamp
    }

    /// Root of all accounts.
    pub const fn state_root(&self) -> B256 {
        self.state_root
    }
}

/// A number of a header: big-endian, without leading zeros.
fn be_number(bytes: &[u8]) -> alloy_rlp::Result<u64> {
    let mut word = [0; 8];
    let from = word
        .len()
        .checked_sub(bytes.len())
        .ok_or(alloy_rlp::Error::Overflow)?;
    word[from..].copy_from_slice(bytes);
    Ok(u64::from_be_bytes(word))
}

/// The answer of `eth_getProof`, read and not yet checked: it says nothing before [`verify`](Self::verify).
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
#[expect(clippy::struct_field_names, reason = "as EIP-1186 names them")]
pub struct AccountProof {
    #[serde(deserialize_with = "wire::account")]
    address: Address,
    #[serde(deserialize_with = "wire::short")]
    nonce: u64,
    #[serde(deserialize_with = "wire::quantity")]
    balance: U256,
    #[serde(deserialize_with = "wire::hash")]
    storage_hash: B256,
    #[serde(deserialize_with = "wire::hash")]
    code_hash: B256,
    #[serde(deserialize_with = "wire::nodes")]
    account_proof: Vec<Bytes>,
    storage_proof: Vec<SlotProof>,
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
struct SlotProof {
    #[serde(deserialize_with = "wire::slot")]
    key: U256,
    #[serde(deserialize_with = "wire::quantity")]
    value: U256,
    #[serde(deserialize_with = "wire::nodes")]
    proof: Vec<Bytes>,
}

impl AccountProof {
    /// Reads the `result` of an `eth_getProof` answer: strict JSON, and each value in its one spelling. Fields that are
    /// not of EIP-1186 are passed over.
    pub fn parse(bytes: &[u8]) -> Result<Self, StorageProofError> {
        let proof: Self = json::from_slice_strict(bytes, MAX_PROOF_BYTES)?;
        if proof.storage_proof.len() > MAX_SLOTS {
            return Err(StorageProofError::TooMany("slots"));
        }
        let mut ways = proof.storage_proof.iter().map(|slot| &slot.proof);
        if proof.account_proof.len() > MAX_NODES || ways.any(|way| way.len() > MAX_NODES) {
            return Err(StorageProofError::TooMany("nodes"));
        }
        Ok(proof)
    }

    /// Checks everything that the answer says, for `address` at `block`.
    pub fn verify(&self, block: &ProvenBlock, address: Address) -> Result<ProvenAccount, StorageProofError> {
        if self.address != address {
            return Err(StorageProofError::OtherAccount {
                expected: address,
                found: self.address,
            });
        }
        let account = self.account();
        let leaf = account.as_ref().map(alloy_rlp::encode);
        verify_proof(block.state_root, path(&address), leaf, &self.account_proof)
            .map_err(|_| StorageProofError::Account(address))?;
        let storage_root = account.map_or(EMPTY_ROOT_HASH, |account| account.storage_root);
        let mut slots = BTreeMap::new();
        for SlotProof { key, value, proof } in &self.storage_proof {
            let slot = StorageSlot((*key).into());
            // What is zero is not in the tree.
            let leaf = (!value.is_zero()).then(|| alloy_rlp::encode(value));
            verify_proof(storage_root, path(&slot.0.0), leaf, proof).map_err(|_| {
                StorageProofError::Slot {
                    account: address,
                    slot,
                }
            })?;
            if slots.insert(slot, *value).is_some() {
                return Err(StorageProofError::SlotTwice(slot));
            }
        }
        Ok(ProvenAccount {
            block: *block,
            address,
            nonce: account.map_or(0, |account| account.nonce),
            code_hash: account.map(|account| account.code_hash),
            slots,
        })
    }

    /// The account as it stands in the tree; `None` where the answer says that there is none.
    fn account(&self) -> Option<TrieAccount> {
        let is_nothing = self.nonce == 0
            && self.balance.is_zero()
            && [B256::ZERO, KECCAK_EMPTY].contains(&self.code_hash)
            && [B256::ZERO, EMPTY_ROOT_HASH].contains(&self.storage_hash);
        (!is_nothing).then_some(TrieAccount {
            nonce: self.nonce,
            balance: self.balance,
            storage_root: self.storage_hash,
            code_hash: self.code_hash,
        })
    }
}

/// The way to a value: the digits of the hash of its name.
fn path(name: &(impl AsRef<[u8]> + ?Sized)) -> Nibbles {
    Nibbles::unpack(keccak256(name))
}

/// An account of a block, or that there is none, with some of its storage.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProvenAccount {
    block: ProvenBlock,
    address: Address,
    nonce: u64,
    code_hash: Option<B256>,
    slots: BTreeMap<StorageSlot, U256>,
}

impl ProvenAccount {
    /// The block.
    pub const fn block(&self) -> &ProvenBlock {
        &self.block
    }

    /// The account.
    pub const fn address(&self) -> Address {
        self.address
    }

    /// How many transactions it has sent; of a contract, one more than the contracts that it made.
    pub const fn nonce(&self) -> u64 {
        self.nonce
    }

    /// keccak-256 of its code; `None`: there is no such account.
    pub const fn code_hash(&self) -> Option<B256> {
        self.code_hash
    }

    /// A word of its storage. Zero is proved as any other; a slot that the proof does not have is an error.
    pub fn word(&self, slot: StorageSlot) -> Result<U256, StorageProofError> {
        self.slots.get(&slot).copied().ok_or(StorageProofError::NotAsked {
            account: self.address,
            slot,
        })
    }

    fn other_code(&self) -> StorageProofError {
        StorageProofError::Code {
            account: self.address,
            found: self.code_hash,
        }
    }
}

/// keccak-256 of the code of an ERC-1167 clone of a contract.
pub fn clone_code_hash(implementation: Address) -> B256 {
    let mut code = Vec::with_capacity(45);
    code.extend_from_slice(&[0x36, 0x3d, 0x3d, 0x37, 0x3d, 0x3d, 0x3d, 0x36, 0x3d, 0x73]);
    code.extend_from_slice(implementation.as_slice());
    code.extend_from_slice(&[
        0x5a, 0xf4, 0x3d, 0x82, 0x80, 0x3e, 0x90, 0x3d, 0x91, 0x60, 0x2b, 0x57, 0xfd, 0x5b, 0xf3,
    ]);
    keccak256(code)
}

/// The contract that collections are clones of, with code that the reader believes. Its code holds the addresses of
/// registry, estate and recovery, so its hash speaks for those too, and it can never change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PinnedImplementation(Address);

impl PinnedImplementation {
    /// The account, whose code is one of those in the roots.
    pub fn proven(account: &ProvenAccount, roots: &ContractRoots) -> Result<Self, StorageProofError> {
        match account.code_hash {
            Some(hash) if roots.implementation_code_hashes.contains(&hash) => Ok(Self(account.address)),
            _ => Err(account.other_code()),
        }
    }

    /// An address whose code the reader checked by other means, as whoever deployed it did.
    pub const fn trusted(address: Address) -> Self {
        Self(address)
    }
}

/// An account whose code makes it a collection: the slots of [`collection`] mean what they say.
///
/// Anybody can make such a clone; that a collection is a brand's is what the factory's list says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProvenCollection(ProvenAccount);

impl ProvenCollection {
    /// The account, if its code is a clone of the implementation.
    pub fn proven(
        account: ProvenAccount,
        implementation: &PinnedImplementation,
    ) -> Result<Self, StorageProofError> {
        if account.code_hash == Some(clone_code_hash(implementation.0)) {
            Ok(Self(account))
        } else {
            Err(account.other_code())
        }
    }

    /// The account.
    pub const fn account(&self) -> &ProvenAccount {
        &self.0
    }

    /// Owner, loan and flags of a token.
    pub fn rights(&self, token_id: TokenId) -> Result<RightsWord, StorageProofError> {
        self.0.word(collection::owner_word(token_id)).map(RightsWord)
    }

    /// How many tokens an account owns.
    pub fn balance_of(&self, owner: Address) -> Result<U256, StorageProofError> {
        self.0.word(collection::balance(owner))
    }
}
