//! Names of chains, accounts, collections and wearables: CAIP-2, CAIP-10 and CAIP-19, `eip155` only,
//! lower case only.
//!
//! One thing has one spelling, so that ids can be compared, sorted and used as keys as they stand. An
//! address in mixed case (EIP-55) is refused with the lower-case spelling in the message. Percent-encoding
//! belongs to HTTP paths and is undone before a text comes here.

use std::{borrow::Cow, fmt, num::NonZeroU64, str::FromStr};

use alloy_primitives::{Address, U256};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};
use thiserror::Error;

mod words;

pub use words::{address_text, parse_address, parse_b256, parse_u64, serde_address, serde_b256, serde_u64};
use words::{decimal_u64, is_decimal};

/// Longest text that CAIP-19 allows for an asset id, in bytes; longer ones are refused unread.
pub const MAX_ID_BYTES: usize = 258;

const NAMESPACE: &str = "eip155";
const ASSET_NAMESPACE: &str = "erc721";

/// Why a text or number is not an id.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum IdError {
    /// Longer than [`MAX_ID_BYTES`].
    #[error("an id has at most {MAX_ID_BYTES} bytes, this text has {0}")]
    TooLong(usize),
    /// Not `eip155:<decimal>`.
    #[error(
        "a chain id is written eip155:<number>, without leading zeros, at most {}",
        u64::MAX
    )]
    Chain,
    /// Not `<chain>:<address>`.
    #[error("an account id is written eip155:<number>:0x<40 hexadecimal digits>")]
    Account,
    /// Not `<chain>/erc721:<address>`.
    #[error("a collection id is written eip155:<number>/erc721:0x<40 hexadecimal digits>")]
    Collection,
    /// Not `<collection>/<token id>`.
    #[error("a wearable id is written eip155:<number>/erc721:0x<40 hexadecimal digits>/<token id>")]
    Wearable,
    /// Not `0x` and 40 hexadecimal digits.
    #[error("an address is 0x and 40 hexadecimal digits")]
    Address,
    /// An address that is right but for upper-case letters.
    #[error("write the address in lower case: {lower}")]
    AddressNotLowerCase {
        /// The spelling that is accepted.
        lower: String,
    },
    /// Not `0x` and 64 lower-case hexadecimal digits.
    #[error("32 bytes of the chain are written 0x and 64 lower-case hexadecimal digits")]
    Word,
    /// Not a decimal number of at most 256 bits without leading zeros.
    #[error("a token id is a decimal number below 2^256 without leading zeros")]
    Token,
    /// A range of serials that is empty or runs past the largest serial.
    #[error("{count} serials from {first} on are no range: at least one, the last at most {LAST_SERIAL}")]
    Range {
        /// First serial.
        first: Serial,
        /// Number of serials.
        count: u64,
    },
    /// Not a decimal number, or 0 where numbers begin at 1.
    #[error("{what} is a decimal number of 64 bits without leading zeros, from 1 where 0 has no meaning")]
    Number {
        /// `design id`, `serial`, `issuer id`, `edition` or `count`.
        what: &'static str,
    },
}

impl IdError {
    /// A name for the error that never changes, for machines.
    pub fn code(&self) -> &'static str {
        match self {
            Self::TooLong(_) => "id_too_long",
            Self::Chain => "malformed_chain_id",
            Self::Account => "malformed_account_id",
            Self::Collection => "malformed_collection_id",
            Self::Wearable => "malformed_wearable_id",
            Self::Address => "malformed_address",
            Self::AddressNotLowerCase { .. } => "address_not_lower_case",
            Self::Word => "malformed_word",
            Self::Token => "malformed_token_id",
            Self::Range { .. } => "bad_serial_range",
            Self::Number { .. } => "malformed_number",
        }
    }
}

/// An EVM chain, CAIP-2: `eip155:31337`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ChainId(pub u64);

/// An account or contract on a chain, CAIP-10: `eip155:31337:0x…`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AccountId {
    /// The chain.
    pub chain: ChainId,
    /// The address on it.
    pub address: Address,
}

/// An ERC-721 collection, CAIP-19 asset type: `eip155:31337/erc721:0x…`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CollectionId {
    /// The chain.
    pub chain: ChainId,
    /// The collection's contract.
    pub address: Address,
}

/// One wearable, CAIP-19 asset id: `eip155:31337/erc721:0x…/18446744073709551617`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct WearableId {
    /// The collection.
    pub collection: CollectionId,
    /// The token in it.
    pub token_id: TokenId,
}

/// The chain's name of a wearable in its collection: `design_id << 64 | serial`, decimal as text.
///
/// Any 256-bit number is a token id, since other contracts have others; ours also have a
/// [`design_id`](Self::design_id) and a [`serial`](Self::serial).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TokenId(pub U256);

impl ChainId {
    /// Reads the number after `eip155:`.
    fn from_reference(text: &str) -> Result<Self, IdError> {
        decimal_u64(text).map(Self).ok_or(IdError::Chain)
    }
}

impl AccountId {
    /// The account `address` on `chain`.
    pub const fn new(chain: ChainId, address: Address) -> Self {
        Self { chain, address }
    }
}

impl CollectionId {
    /// The collection at `address` on `chain`.
    pub const fn new(chain: ChainId, address: Address) -> Self {
        Self { chain, address }
    }

    /// The same contract as an account, CAIP-10.
    pub const fn account(self) -> AccountId {
        AccountId::new(self.chain, self.address)
    }

    /// A wearable of this collection.
    pub const fn wearable(self, token_id: TokenId) -> WearableId {
        WearableId {
            collection: self,
            token_id,
        }
    }
}

impl WearableId {
    /// The wearable `token_id` of `collection`.
    pub const fn new(collection: CollectionId, token_id: TokenId) -> Self {
        Self { collection, token_id }
    }
}

impl TokenId {
    /// The token of copy `serial` of a design.
    pub fn new(design_id: DesignId, serial: Serial) -> Self {
        Self(U256::from_limbs([serial.get(), design_id.get(), 0, 0]))
    }

    /// The design, or `None` when no wearable of ours can have this token id.
    pub fn design_id(self) -> Option<DesignId> {
        let [serial, design, 0, 0] = *self.0.as_limbs() else {
            return None;
        };
        Serial::new(serial).and(DesignId::new(design)).ok()
    }

    /// The copy's number, or `None` when no wearable of ours can have this token id.
    pub fn serial(self) -> Option<Serial> {
        let [serial, design, 0, 0] = *self.0.as_limbs() else {
            return None;
        };
        DesignId::new(design).and(Serial::new(serial)).ok()
    }
}

/// The last serial that can be committed: a collection's next one stays a number of 64 bits.
pub const LAST_SERIAL: u64 = u64::MAX - 1;

/// Serials committed together: at least one, in a row, holes included.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct SerialRange {
    first: Serial,
    last: Serial,
}

impl SerialRange {
    /// `count` serials from `first` on, [`LAST_SERIAL`] at most.
    pub fn new(first: Serial, count: u64) -> Result<Self, IdError> {
        let last = count
            .checked_sub(1)
            .and_then(|more| first.get().checked_add(more));
        match last.map(Serial::new) {
            Some(Ok(last)) if last.get() <= LAST_SERIAL => Ok(Self { first, last }),
            _ => Err(IdError::Range { first, count }),
        }
    }

    /// The first serial.
    pub const fn first(self) -> Serial {
        self.first
    }

    /// The last serial, itself in the range.
    pub const fn last(self) -> Serial {
        self.last
    }

    /// How many serials.
    pub const fn count(self) -> u64 {
        // Cannot overflow: the first serial is 1 or more.
        self.last.get() - self.first.get() + 1
    }

    /// Whether the serial lies in the range.
    pub fn contains(self, serial: Serial) -> bool {
        (self.first..=self.last).contains(&serial)
    }
}

/// How many copies of a design there may ever be, in its collection: a number, [`LAST_SERIAL`] at most, or 0 for open.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Edition(pub u64);

impl Edition {
    /// No limit.
    pub const OPEN: Self = Self(0);

    /// The limit, `None` when open.
    pub fn limit(self) -> Option<u64> {
        (self.0 != 0).then_some(self.0)
    }
}

/// Refuses a text too long to be any id before anything else looks at it.
fn bounded(text: &str) -> Result<&str, IdError> {
    if text.len() > MAX_ID_BYTES {
        Err(IdError::TooLong(text.len()))
    } else {
        Ok(text)
    }
}

impl fmt::Display for ChainId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{NAMESPACE}:{}", self.0)
    }
}

impl fmt::Display for AccountId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{:#x}", self.chain, self.address)
    }
}

impl fmt::Display for CollectionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{ASSET_NAMESPACE}:{:#x}", self.chain, self.address)
    }
}

impl fmt::Display for WearableId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.collection, self.token_id)
    }
}

impl fmt::Display for Edition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl FromStr for Edition {
    type Err = IdError;

    fn from_str(text: &str) -> Result<Self, IdError> {
        decimal_u64(text)
            .filter(|limit| *limit <= LAST_SERIAL)
            .map(Self)
            .ok_or(IdError::Number { what: "edition" })
    }
}

impl fmt::Display for TokenId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl FromStr for ChainId {
    type Err = IdError;

    fn from_str(text: &str) -> Result<Self, IdError> {
        match bounded(text)?.split_once(':') {
            Some((NAMESPACE, reference)) => Self::from_reference(reference),
            _ => Err(IdError::Chain),
        }
    }
}

impl FromStr for AccountId {
    type Err = IdError;

    fn from_str(text: &str) -> Result<Self, IdError> {
        let (chain, address) = bounded(text)?.rsplit_once(':').ok_or(IdError::Account)?;
        let (namespace, reference) = chain.split_once(':').ok_or(IdError::Account)?;
        if namespace != NAMESPACE {
            return Err(IdError::Account);
        }
        Ok(Self::new(
            ChainId::from_reference(reference)?,
            parse_address(address)?,
        ))
    }
}

impl FromStr for CollectionId {
    type Err = IdError;

    fn from_str(text: &str) -> Result<Self, IdError> {
        let (chain, asset) = bounded(text)?.split_once('/').ok_or(IdError::Collection)?;
        match asset.split_once(':') {
            Some((ASSET_NAMESPACE, address)) => Ok(Self::new(chain.parse()?, parse_address(address)?)),
            _ => Err(IdError::Collection),
        }
    }
}

impl FromStr for WearableId {
    type Err = IdError;

    fn from_str(text: &str) -> Result<Self, IdError> {
        let (collection, token_id) = bounded(text)?.rsplit_once('/').ok_or(IdError::Wearable)?;
        if !collection.contains('/') {
            return Err(IdError::Wearable);
        }
        Ok(Self::new(collection.parse()?, token_id.parse()?))
    }
}

impl FromStr for TokenId {
    type Err = IdError;

    fn from_str(text: &str) -> Result<Self, IdError> {
        // 2^256 - 1 has 78 digits: the most that CAIP-19 allows as well.
        if !is_decimal(text) || text.len() > 78 {
            return Err(IdError::Token);
        }
        U256::from_str_radix(text, 10)
            .map(Self)
            .map_err(|_| IdError::Token)
    }
}

/// Serde as the text of `Display` and `FromStr`.
macro_rules! serde_as_text {
    ($($type:ty),*) => {$(
        impl Serialize for $type {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> Deserialize<'de> for $type {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                Cow::<'de, str>::deserialize(deserializer)?.parse().map_err(D::Error::custom)
            }
        }
    )*};
}
pub(crate) use serde_as_text;

/// A number from 1 to `u64::MAX`, a decimal string in JSON (JSON numbers end at 2^53).
macro_rules! numbers_from_one {
    ($($(#[$doc:meta])* $type:ident = $what:literal;)*) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $type(NonZeroU64);

        impl $type {
            /// Checks that the number is not zero.
            pub fn new(number: u64) -> Result<Self, IdError> {
                NonZeroU64::new(number).map(Self).ok_or(IdError::Number { what: $what })
            }

            /// The plain number.
            pub const fn get(self) -> u64 {
                self.0.get()
            }
        }

        impl fmt::Display for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }

        impl FromStr for $type {
            type Err = IdError;

            fn from_str(text: &str) -> Result<Self, IdError> {
                decimal_u64(text).map_or(Err(IdError::Number { what: $what }), Self::new)
            }
        }

        impl TryFrom<u64> for $type {
            type Error = IdError;

            fn try_from(number: u64) -> Result<Self, IdError> {
                Self::new(number)
            }
        }

        impl From<$type> for u64 {
            fn from(number: $type) -> Self {
                number.get()
            }
        }
    )*};
}

numbers_from_one! {
    /// A design's number in its collection.
    DesignId = "design id";
    /// A copy's number in its design. (The brand's own serial text is another thing.)
    Serial = "serial";
    /// An issuer's number in the registry.
    IssuerId = "issuer id";
}

serde_as_text!(
    ChainId,
    AccountId,
    CollectionId,
    WearableId,
    TokenId,
    DesignId,
    Serial,
    IssuerId,
    Edition
);

#[cfg(test)]
mod tests;
