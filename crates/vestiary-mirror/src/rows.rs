//! The rows, and the tables that hold them. The README lists them in bytes.
//!
//! Rows of the chain (prefix below 0x40) and rows of the log (0x40 to 0x7f) share no key: the two folds
//! cannot disturb one another, whatever order they run in, and the undo of a block leaves the log alone.
//! What needs both is joined when answering.

use std::marker::PhantomData;

use alloy_primitives::{Address, B256};
use vestiary::{
    block::BlockRef,
    digest::Sha256,
    ids::{AccountId, ChainId, CollectionId, DesignId, Edition, IssuerId, Serial, TokenId, WearableId},
    terms::Terms,
};

use crate::{
    codec::{Field, row},
    draft::undecodable,
    error::Result,
};

row! {
    /// Where on the chain something happened.
    pub struct ChainPoint {
        /// The block.
        pub block: BlockRef,
        /// The block's time, unix seconds.
        pub timestamp: u64,
        /// The transaction.
        pub transaction_hash: B256,
        /// Position of the log in the block.
        pub log_index: u64,
    }

    /// The last block that was applied.
    pub(crate) struct Head {
        /// The block.
        pub block: BlockRef,
        /// The one before it.
        pub parent_hash: B256,
        /// The block's time, unix seconds.
        pub timestamp: u64,
    }

    /// An issuer of the registry.
    pub struct Issuer {
        /// The account that acts for it.
        pub account: Address,
        /// The account it is offered to.
        pub proposed: Option<Address>,
        /// The DID it claims now: a claim, not a fact. Empty for none.
        pub did: String,
        /// Its registration.
        pub registered: ChainPoint,
    }

    /// A DID that an issuer claimed at some time. Empty where it took the claim back.
    pub struct DidClaim {
        /// The DID.
        pub did: String,
        /// When.
        pub at: ChainPoint,
    }

    /// The entries of a log that a key may sign for an issuer: `from_index ≤ i < until_index`.
    pub struct KeyInterval {
        /// First entry.
        pub from_index: u64,
        /// First entry no longer covered; `None` while the key is active.
        pub until_index: Option<u64>,
        /// When the key was added.
        pub added: ChainPoint,
        /// When it was retired.
        pub retired: Option<ChainPoint>,
    }

    /// The issuer's word that somebody else may have signed with a key. Never undone.
    pub struct Compromise {
        /// First entry of the log that is repudiated.
        pub from_index: u64,
        /// From when on that counts, unix seconds.
        pub effective_from: u64,
        /// When it was declared.
        pub declared: ChainPoint,
    }

    /// Somebody's word for an issuer.
    pub struct Accreditation {
        /// SHA-256 of what it says about the issuer, or zeros.
        pub evidence: B256,
        /// Since when.
        pub since: ChainPoint,
    }

    /// A log that an issuer accepts, or did.
    pub struct AcceptedLog {
        /// The account whose anchors count.
        pub anchoring_account: Address,
        /// Whether it is accepted now.
        pub accepted: bool,
        /// The last change.
        pub changed: ChainPoint,
    }

    /// A collection that the factory lists.
    pub struct Collection {
        /// Its issuer.
        pub issuer_id: IssuerId,
        /// ERC-721 name, cut to [`MAX_NAME_BYTES`].
        pub name: String,
        /// ERC-721 symbol, cut likewise.
        pub symbol: String,
        /// Position in the factory's list, from 0.
        pub index: u64,
        /// Wearables that were ever minted.
        pub minted: u64,
        /// Wearables that were burned.
        pub burned: u64,
        /// Its creation.
        pub created: ChainPoint,
    }

    /// Whether an account may mint serials without claim key.
    pub struct Minter {
        /// It may now.
        pub allowed: bool,
        /// The last change.
        pub changed: ChainPoint,
    }

    /// A design as its first commit fixed it on the chain.
    pub struct Design {
        /// SHA-256 of the design document.
        pub digest: Sha256,
        /// How many copies there may be.
        pub edition: Edition,
        /// What limits owners.
        pub terms: Terms,
        /// The serial after the last committed one.
        pub next_serial: u64,
        /// The first commit.
        pub opened: ChainPoint,
    }

    /// Serials that were committed together.
    pub struct Batch {
        /// How many.
        pub count: u64,
        /// Root of the batch tree.
        pub root: B256,
        /// When.
        pub committed: ChainPoint,
    }

    /// A wearable on the chain.
    pub struct Token {
        /// Who owns it; the zero address once burned.
        pub owner: Address,
        /// Bits 200 to 255 of the token's storage word, from [`FLAG_BURNED`] on.
        pub flags: u64,
        /// The certificate's digest that its mint opened.
        pub certificate_digest: Sha256,
        /// Its mint.
        pub minted: ChainPoint,
        /// The last change of owner.
        pub moved: ChainPoint,
    }

    /// One step in the life of a wearable; its block number and log index are in the key.
    pub struct HistoryEntry {
        /// What happened.
        pub kind: HistoryKind,
        /// The owner before; the zero address for a mint.
        pub from: Address,
        /// The owner after; the zero address for a burn.
        pub to: Address,
        /// For a certification its digest, else zeros.
        pub certificate_digest: Sha256,
        /// Where on the chain.
        pub at: ChainPoint,
    }

    /// A size and root of a log, kept on the chain by an account.
    pub struct Anchor {
        /// Root of the log's first entries.
        pub root: B256,
        /// When.
        pub at: ChainPoint,
    }

    /// How far the log was read.
    pub(crate) struct LogHead {
        /// Entries folded.
        pub size: u64,
        /// SHA-256 of the last entry.
        pub last_entry: Sha256,
    }

    /// An entry that this version cannot read as a statement. The log is opaque and goes on.
    pub struct UnreadEntry {
        /// SHA-256 of the entry.
        pub digest: Sha256,
        /// Why it was not read.
        pub reason: String,
    }
}

/// Longest name or symbol of a collection that is kept, in bytes; the contract sets no bound.
pub const MAX_NAME_BYTES: usize = 256;

/// Flag of [`Token::flags`]: burned, never minted again.
pub const FLAG_BURNED: u64 = 1;

/// Kind of a [`HistoryEntry`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HistoryKind {
    /// First owner.
    Minted,
    /// Its certificate was bound to it.
    Certified,
    /// New owner.
    Transferred,
    /// Given up for good.
    Burned,
}

impl Field for HistoryKind {
    fn put(&self, out: &mut Vec<u8>) {
        let code: u8 = match self {
            Self::Minted => 1,
            Self::Certified => 2,
            Self::Transferred => 3,
            Self::Burned => 4,
        };
        code.put(out);
    }

    fn take(input: &mut &[u8]) -> Option<Self> {
        match u8::take(input)? {
            1 => Some(Self::Minted),
            2 => Some(Self::Certified),
            3 => Some(Self::Transferred),
            4 => Some(Self::Burned),
            _ => None,
        }
    }
}

/// Rows of one kind: their prefix byte, and the types of their keys and values.
pub(crate) struct Table<K, V> {
    pub(crate) prefix: u8,
    pub(crate) name: &'static str,
    types: PhantomData<fn() -> (K, V)>,
}

impl<K: Field, V: Field> Table<K, V> {
    const fn new(prefix: u8, name: &'static str) -> Self {
        Self {
            prefix,
            name,
            types: PhantomData,
        }
    }

    /// The stored key of `key`, or of any leading part of one.
    pub(crate) fn key(&self, key: &impl Field) -> Vec<u8> {
        let mut bytes = vec![self.prefix];
        key.put(&mut bytes);
        bytes
    }

    /// A stored row with its types.
    pub(crate) fn read(&self, key: &[u8], value: &[u8]) -> Result<(K, V)> {
        key.split_first()
            .and_then(|(_, key)| K::read(key))
            .zip(V::read(value))
            .ok_or_else(|| undecodable(self.name))
    }
}

/// Declares the tables, and `decodes`, which knows all of them.
macro_rules! tables {
    ($($(#[$doc:meta])* $name:ident = $prefix:literal $text:literal: $key:ty => $value:ty;)*) => {
        $($(#[$doc])* pub(crate) const $name: Table<$key, $value> = Table::new($prefix, $text);)*

        /// Name of the table of a stored key, and whether key and value decode.
        pub(crate) fn decodes(key: &[u8], value: &[u8]) -> Option<(&'static str, bool)> {
            let (prefix, key) = key.split_first()?;
            match *prefix {
                $($prefix => Some(($text, <$key>::read(key).is_some() && <$value>::read(value).is_some())),)*
                _ => None,
            }
        }
    };
}

tables! {
    HEAD = 0x10 "head": (ChainId,) => Head;
    ISSUERS = 0x11 "issuer": (ChainId, IssuerId) => Issuer;
    ISSUERS_BY_ACCOUNT = 0x12 "issuer by account": (AccountId, IssuerId) => ();
    DID_CLAIMS = 0x13 "DID claim": (ChainId, IssuerId, u64, u64) => DidClaim;
    KEYS = 0x14 "key interval": (ChainId, IssuerId, B256, B256) => KeyInterval;
    ACCEPTED_LOGS = 0x15 "accepted log": (ChainId, IssuerId, B256) => AcceptedLog;
    ISSUER_COUNT = 0x16 "issuer count": (ChainId,) => u64;
    COLLECTION_COUNT = 0x17 "collection count": (ChainId,) => u64;
    COLLECTIONS = 0x18 "collection": (CollectionId,) => Collection;
    COLLECTION_LIST = 0x19 "collection by index": (ChainId, u64) => Address;
    COLLECTIONS_BY_ISSUER = 0x1a "collection by issuer": (ChainId, IssuerId, Address) => ();
    MINTERS = 0x1b "minter": (CollectionId, Address) => Minter;
    DESIGNS = 0x1c "design": (CollectionId, DesignId) => Design;
    BATCHES = 0x1d "batch": (CollectionId, DesignId, Serial) => Batch;
    BATCHES_BY_ROOT = 0x1e "batch by root": (CollectionId, B256) => (DesignId, Serial);
    COMPROMISES = 0x1f "compromised key": (ChainId, IssuerId, B256, B256) => Compromise;
    TOKENS = 0x20 "token": (WearableId,) => Token;
    OWNED = 0x21 "owned": (AccountId, Address, TokenId) => ();
    BALANCES = 0x22 "balance": (AccountId, Address) => u64;
    HISTORY = 0x23 "history": (WearableId, u64, u64) => HistoryEntry;
    ANCHORS = 0x24 "anchor": (AccountId, B256, u64) => Anchor;
    LATEST_ANCHORS = 0x25 "latest anchor": (AccountId, B256) => u64;
    ACCREDITATIONS = 0x26 "accreditation": (ChainId, IssuerId, Address) => Accreditation;
    LOG_HEAD = 0x40 "log head": (ChainId,) => LogHead;
    LOG_OPENED = 0x41 "log opened": (ChainId,) => Vec<u8>;
    ISSUERS_OBSERVED = 0x42 "issuer observed": (ChainId, IssuerId, u64) => (AccountId, String);
    DESIGN_STATEMENTS = 0x43 "design statement": (CollectionId, DesignId, u64) => (B256, Sha256, Edition, Terms);
    CERTIFICATES = 0x44 "certificate statement": (ChainId, B256, TokenId, u64) => (Sha256, Address);
    BATCH_STATEMENTS = 0x45 "batch statement": (CollectionId, DesignId, Serial, u64) => (B256, u64, B256, Sha256);
    BATCH_STATEMENTS_BY_ROOT = 0x46 "batch statement by root": (ChainId, B256, u64) => (CollectionId, DesignId, Serial);
    UNREAD_ENTRIES = 0x47 "unread entry": (ChainId, u64) => UnreadEntry;
}

/// First prefix that is not a row of the folds: the undo journal, then the description of the store.
pub(crate) const FIRST_PRIVATE_PREFIX: u8 = 0x80;

/// Undo journal: chain, block number, chunk.
pub(crate) const UNDO: Table<(ChainId, u64, u32), Vec<u8>> = Table::new(0x80, "undo");

/// What the store was made for.
pub(crate) const SCHEMA: Table<(), Vec<u8>> = Table::new(0xff, "schema");
