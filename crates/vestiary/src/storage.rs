//! Where the contracts keep what a storage proof shows: the table of `contracts/README.md` as functions, and what
//! the words at those places mean.
//!
//! The place of `m[k]` of a mapping at slot `s` is keccak-256 of both, 32 bytes each; of a list, its length stands at
//! `s` and its entries from keccak-256 of `s` on; of a struct, the words follow one another.

use std::fmt;

use alloy_primitives::{Address, B256, U256, keccak256};

use crate::ids::{DesignId, IssuerId};

/// One 32-byte word of a contract's storage.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct StorageSlot(pub B256);

impl StorageSlot {
    /// A slot by its number.
    pub fn numbered(number: u64) -> Self {
        Self(U256::from(number).into())
    }

    /// The place of `mapping[key]`, of the mapping that stands here.
    #[must_use]
    pub fn at(self, key: impl MappingKey) -> Self {
        Self(keccak256([key.word().0, self.0.0].concat()))
    }

    /// The first entry of the list that stands here.
    #[must_use]
    pub fn entries(self) -> Self {
        Self(keccak256(self.0))
    }

    /// The word `words` further on.
    #[must_use]
    pub fn plus(self, words: u64) -> Self {
        let place: U256 = self.0.into();
        Self(place.wrapping_add(U256::from(words)).into())
    }
}

impl fmt::Debug for StorageSlot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl fmt::Display for StorageSlot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

/// What a mapping of the contracts is asked with.
pub trait MappingKey {
    /// The key as the 32 bytes that are hashed.
    fn word(self) -> B256;
}

impl MappingKey for B256 {
    fn word(self) -> B256 {
        self
    }
}

impl MappingKey for U256 {
    fn word(self) -> B256 {
        self.into()
    }
}

impl MappingKey for u64 {
    fn word(self) -> B256 {
        U256::from(self).into()
    }
}

impl MappingKey for Address {
    fn word(self) -> B256 {
        self.into_word()
    }
}

/// `WearableCollection`.
pub mod collection {
    use super::{Address, B256, DesignId, StorageSlot};
    use crate::ids::TokenId;

    /// Slot of the owner words.
    pub const OWNER_WORDS: u64 = 2;
    /// Slot of the balances.
    pub const BALANCES: u64 = 3;
    /// Slot of the issuer's id and the number of open designs.
    pub const ISSUER: u64 = 8;
    /// Slot of the designs.
    pub const DESIGNS: u64 = 12;
    /// Slot of the batches.
    pub const BATCHES: u64 = 13;
    /// Slot of the minters.
    pub const MINTERS: u64 = 14;
    /// Slot of the users of lent tokens.
    pub const USERS: u64 = 15;

    /// The [owner word](crate::rights::RightsWord) of a token.
    pub fn owner_word(token_id: TokenId) -> StorageSlot {
        StorageSlot::numbered(OWNER_WORDS).at(token_id.0)
    }

    /// How many tokens an account owns.
    pub fn balance(owner: Address) -> StorageSlot {
        StorageSlot::numbered(BALANCES).at(owner)
    }

    /// [Issuer and number of open designs](super::IssuerWord).
    pub fn issuer() -> StorageSlot {
        StorageSlot::numbered(ISSUER)
    }

    /// [What is fixed of a design](super::DesignWord).
    pub fn design(design_id: DesignId) -> StorageSlot {
        StorageSlot::numbered(DESIGNS).at(design_id.get())
    }

    /// The digest of a design's document.
    pub fn design_digest(design_id: DesignId) -> StorageSlot {
        design(design_id).plus(1)
    }

    /// [The range of a batch](super::BatchWord).
    pub fn batch(root: B256) -> StorageSlot {
        StorageSlot::numbered(BATCHES).at(root)
    }

    /// 1 for an account that may mint.
    pub fn minter(account: Address) -> StorageSlot {
        StorageSlot::numbered(MINTERS).at(account)
    }

    /// To whom a token is lent; counts until the expiry in its owner word.
    pub fn user(token_id: TokenId) -> StorageSlot {
        StorageSlot::numbered(USERS).at(token_id.0)
    }
}

/// `CollectionFactory`.
pub mod factory {
    use super::{Address, StorageSlot};

    /// Slot of the list of collections.
    pub const COLLECTIONS: u64 = 0;
    /// Slot of what is in the list.
    pub const LISTED: u64 = 1;

    /// How many collections there are.
    pub fn count() -> StorageSlot {
        StorageSlot::numbered(COLLECTIONS)
    }

    /// The collection at an index, from 0.
    pub fn entry(index: u64) -> StorageSlot {
        StorageSlot::numbered(COLLECTIONS).entries().plus(index)
    }

    /// 1 for a collection that the factory made.
    pub fn listed(collection: Address) -> StorageSlot {
        StorageSlot::numbered(LISTED).at(collection)
    }
}

/// `IssuerRegistry`.
pub mod registry {
    use super::{Address, B256, IssuerId, StorageSlot};

    /// Slot of the number of issuers.
    pub const ISSUER_COUNT: u64 = 0;
    /// Slot of the issuers.
    pub const ISSUERS: u64 = 1;
    /// Slot of the logs that issuers accept.
    pub const LOGS: u64 = 2;
    /// Slot of the keys.
    pub const KEYS: u64 = 3;
    /// Slot of the accreditations.
    pub const ACCREDITATIONS: u64 = 4;

    /// How many issuers there are.
    pub fn issuer_count() -> StorageSlot {
        StorageSlot::numbered(ISSUER_COUNT)
    }

    /// The account that acts for an issuer.
    pub fn account(issuer: IssuerId) -> StorageSlot {
        StorageSlot::numbered(ISSUERS).at(issuer.get())
    }

    /// [Whether an issuer accepts a log](super::LogWord).
    pub fn log(issuer: IssuerId, origin_hash: B256) -> StorageSlot {
        StorageSlot::numbered(LOGS).at(issuer.get()).at(origin_hash)
    }

    /// [From where to where a key counts in a log](super::KeyWord).
    pub fn key(issuer: IssuerId, origin_hash: B256, key: B256) -> StorageSlot {
        StorageSlot::numbered(KEYS)
            .at(issuer.get())
            .at(origin_hash)
            .at(key)
    }

    /// Since when an account vouches for an issuer, in unix seconds.
    pub fn accreditation(issuer: IssuerId, accreditor: Address) -> StorageSlot {
        StorageSlot::numbered(ACCREDITATIONS)
            .at(issuer.get())
            .at(accreditor)
    }
}

/// `LogAnchor`.
pub mod log_anchor {
    use super::{Address, B256, StorageSlot, U256, keccak256};

    /// Slot of the anchors.
    pub const ANCHORS: u64 = 0;
    /// Slot of the last sizes.
    pub const LAST_SIZES: u64 = 1;

    /// The [digest](anchor_digest) of the anchor of a log at a size.
    pub fn anchor(account: Address, origin_hash: B256, size: u64) -> StorageSlot {
        StorageSlot::numbered(ANCHORS)
            .at(account)
            .at(origin_hash)
            .at(size)
    }

    /// The last size that an account anchored of a log.
    pub fn last_size(account: Address, origin_hash: B256) -> StorageSlot {
        StorageSlot::numbered(LAST_SIZES).at(account).at(origin_hash)
    }

    /// What is kept of an anchor: keccak-256 of the root and the block's time, in unix seconds.
    pub fn anchor_digest(root: B256, time: u64) -> B256 {
        keccak256([root.0, U256::from(time).to_be_bytes()].concat())
    }
}

/// `count` bits of a word, at most 64, from bit `low` on.
fn bits(word: U256, low: usize, count: usize) -> u64 {
    word.wrapping_shr(low).as_limbs()[0] & (u64::MAX >> (64 - count))
}

/// The word at [`collection::issuer`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct IssuerWord(pub U256);

impl IssuerWord {
    /// The issuer's number in the registry.
    pub fn issuer_id(self) -> u64 {
        bits(self.0, 0, 64)
    }

    /// How many designs are open: whoever shows so many distinct ones shows them all.
    pub fn design_count(self) -> u64 {
        bits(self.0, 64, 64)
    }
}

/// The word at [`collection::design`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DesignWord(pub U256);

impl DesignWord {
    /// Most copies there will be, 0 for open.
    pub fn edition(self) -> u64 {
        bits(self.0, 0, 64)
    }

    /// The serial that the next batch begins with; 0: the design is not open.
    pub fn next_serial(self) -> u64 {
        bits(self.0, 64, 64)
    }

    /// The [packed](crate::terms::Terms::unpack) terms.
    pub fn terms(self) -> U256 {
        self.0.wrapping_shr(128)
    }
}

/// The word at [`collection::batch`]; zero: there is no such batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BatchWord(pub U256);

impl BatchWord {
    /// The design.
    pub fn design_id(self) -> u64 {
        bits(self.0, 0, 64)
    }

    /// The first serial.
    pub fn first_serial(self) -> u64 {
        bits(self.0, 64, 64)
    }

    /// How many serials, holes included.
    pub fn count(self) -> u64 {
        bits(self.0, 128, 64)
    }
}

/// The word at [`registry::log`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LogWord(pub U256);

impl LogWord {
    /// Whose anchors count; kept when the log is no longer accepted.
    pub fn anchoring_account(self) -> Address {
        Address::from_word(self.0.into())
    }

    /// Whether the issuer accepts the log now.
    pub fn is_accepted(self) -> bool {
        bits(self.0, 160, 8) != 0
    }
}

/// The word at [`registry::key`]; zero: the key was never added.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KeyWord(pub U256);

impl KeyWord {
    /// First log entry that the key may sign.
    pub fn from_index(self) -> u64 {
        bits(self.0, 0, 64)
    }

    /// First log entry that it may no longer sign; 2⁶⁴ − 1 while it is active.
    pub fn until_index(self) -> u64 {
        bits(self.0, 64, 64)
    }

    /// Whether the key has an open interval.
    pub fn is_active(self) -> bool {
        bits(self.0, 128, 8) == 1
    }

    /// From which log entry on it is compromised, and the second from which that counts.
    pub fn compromised(self) -> Option<(u64, u64)> {
        let counts_from = bits(self.0, 200, 40);
        (counts_from != 0).then(|| (bits(self.0, 136, 64), counts_from))
    }
}

#[cfg(test)]
mod tests;
