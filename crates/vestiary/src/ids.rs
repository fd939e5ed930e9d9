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
    /// Not a decimal number of at most 256 bits without leading zeros.
    #[error("a token id is a decimal number below 2^256 without leading zeros")]
    Token,
    /// Design, serial or issuer that is not a decimal number from 1.
    #[error("a {what} is a decimal number from 1 to {}, without leading zeros", u64::MAX)]
    Number {
        /// `design id`, `serial` or `issuer id`.
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
            Self::Token => "malformed_token_id",
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

/// Reads an address in the only accepted spelling: `0x` and 40 lower-case hexadecimal digits.
pub fn parse_address(text: &str) -> Result<Address, IdError> {
    let digits = text.strip_prefix("0x").ok_or(IdError::Address)?;
    if digits.len() != 40 || !digits.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return Err(IdError::Address);
    }
    if digits.bytes().any(|byte| byte.is_ascii_uppercase()) {
        return Err(IdError::AddressNotLowerCase {
            lower: text.to_ascii_lowercase(),
        });
    }
    text.parse().map_err(|_| IdError::Address)
}

/// Writes an address as [`parse_address`] reads it. (`Display` of [`Address`] is in mixed case.)
pub fn address_text(address: &Address) -> String {
    format!("{address:#x}")
}

/// `#[serde(with = "…")]` for an [`Address`] in the spelling of [`parse_address`].
pub mod serde_address {
    use super::{Address, Cow, Deserialize, Deserializer, Serializer, address_text, parse_address};
    use serde::de::Error as _;

    /// Writes the address in lower case.
    pub fn serialize<S: Serializer>(address: &Address, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&address_text(address))
    }

    /// Reads it, lower case only.
    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Address, D::Error> {
        let text = Cow::<'de, str>::deserialize(deserializer)?;
        parse_address(&text).map_err(D::Error::custom)
    }
}

/// Digits without sign or leading zeros, at most `u64::MAX`.
fn decimal_u64(text: &str) -> Option<u64> {
    is_decimal(text).then(|| text.parse().ok()).flatten()
}

fn is_decimal(text: &str) -> bool {
    !text.is_empty()
        && text.bytes().all(|byte| byte.is_ascii_digit())
        && (text.len() == 1 || !text.starts_with('0'))
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
    IssuerId
);

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const ADDRESS: &str = "0x00000000000000000000000000000000000000ab";

    #[test]
    fn each_id_reads_as_it_is_written() {
        let wearable = "eip155:31337/erc721:0x00000000000000000000000000000000000000ab/18446744073709551617";
        let id: WearableId = wearable.parse().unwrap();
        assert_eq!(id.to_string(), wearable);
        assert_eq!(id.token_id.design_id(), DesignId::new(1).ok());
        assert_eq!(id.token_id.serial(), Serial::new(1).ok());
        assert_eq!(
            id.collection.account().to_string(),
            format!("eip155:31337:{ADDRESS}")
        );
        assert_eq!(serde_json::to_string(&id).unwrap(), format!("{wearable:?}"));
    }

    #[test]
    fn a_mixed_case_address_is_refused_with_the_lower_case_spelling() {
        let mixed = "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed";
        let error = parse_address(mixed).unwrap_err();
        assert_eq!(error.code(), "address_not_lower_case");
        assert!(error.to_string().ends_with(&mixed.to_lowercase()), "{error}");
        assert_eq!(
            format!("eip155:1:{mixed}").parse::<AccountId>().unwrap_err(),
            error
        );
    }

    #[test]
    fn malformed_ids_are_refused_each_with_its_code() {
        let code = |text: &str| text.parse::<WearableId>().unwrap_err().code();
        let long = format!("eip155:1/erc721:{ADDRESS}/{}", "1".repeat(300));
        for (text, expected) in [
            ("", "malformed_wearable_id"),
            ("eip155:1", "malformed_wearable_id"),
            (&format!("eip155:1/erc721:{ADDRESS}"), "malformed_wearable_id"),
            (&format!("eip155:01/erc721:{ADDRESS}/1"), "malformed_chain_id"),
            (
                &format!("eip155:18446744073709551616/erc721:{ADDRESS}/1"),
                "malformed_chain_id",
            ),
            (&format!("EIP155:1/erc721:{ADDRESS}/1"), "malformed_chain_id"),
            (&format!("cosmos:hub/erc721:{ADDRESS}/1"), "malformed_chain_id"),
            (
                &format!("eip155:1/erc1155:{ADDRESS}/1"),
                "malformed_collection_id",
            ),
            (&format!("eip155:1/erc721:{ADDRESS}/x/1"), "malformed_address"),
            ("eip155:1/erc721:0xab/1", "malformed_address"),
            (&format!("eip155:1/erc721:{ADDRESS}/01"), "malformed_token_id"),
            (&format!("eip155:1/erc721:{ADDRESS}/-1"), "malformed_token_id"),
            (&format!("eip155:1/erc721:{ADDRESS}/+1"), "malformed_token_id"),
            (&format!("eip155:1/erc721:{ADDRESS}/"), "malformed_token_id"),
            (&format!("eip155:1/erc721:{ADDRESS}/0x1"), "malformed_token_id"),
            (&long, "id_too_long"),
        ] {
            assert_eq!(code(text), expected, "{text}");
        }
        for text in [
            "",
            "eip155:1",
            "eip155:1:0xab",
            "eip155:1:2:0xab",
            &format!("solana:1:{ADDRESS}"),
        ] {
            assert!(text.parse::<AccountId>().is_err(), "{text}");
        }
    }

    #[test]
    fn the_largest_token_id_is_accepted_and_the_next_refused() {
        let largest = U256::MAX.to_string();
        assert_eq!(largest.parse::<TokenId>().unwrap(), TokenId(U256::MAX));
        let next = format!("{}6", &largest[..77]);
        assert_eq!(next.parse::<TokenId>().unwrap_err().code(), "malformed_token_id");
    }

    #[test]
    fn a_token_id_that_cannot_be_ours_has_neither_design_nor_serial() {
        for limbs in [
            [0, 0, 0, 0],
            [1, 0, 0, 0],
            [0, 1, 0, 0],
            [1, 1, 1, 0],
            [1, 1, 0, 1],
        ] {
            let token_id = TokenId(U256::from_limbs(limbs));
            assert_eq!(
                (token_id.design_id(), token_id.serial()),
                (None, None),
                "{limbs:?}"
            );
        }
    }

    #[test]
    fn zero_and_leading_zeros_are_no_serial() {
        for text in ["0", "01", "", "+1", " 1", "18446744073709551616"] {
            assert_eq!(
                text.parse::<Serial>().unwrap_err().code(),
                "malformed_number",
                "{text}"
            );
        }
    }

    proptest! {
        #[test]
        fn every_id_survives_text(chain: u64, address: [u8; 20], token: [u8; 32]) {
            let collection = CollectionId::new(ChainId(chain), address.into());
            let wearable = collection.wearable(TokenId(U256::from_be_bytes(token)));
            prop_assert_eq!(wearable.to_string().parse(), Ok(wearable));
            prop_assert_eq!(collection.account().to_string().parse(), Ok(collection.account()));
            prop_assert!(wearable.to_string().len() <= MAX_ID_BYTES);
        }

        #[test]
        fn design_and_serial_survive_the_token_id(design in 1u64.., serial in 1u64..) {
            let (design, serial) = (DesignId::new(design).unwrap(), Serial::new(serial).unwrap());
            let token_id = TokenId::new(design, serial);
            prop_assert_eq!(token_id.design_id(), Some(design));
            prop_assert_eq!(token_id.serial(), Some(serial));
        }

        #[test]
        fn what_parses_is_written_the_same(text in "eip155:[0-9]{1,3}/erc721:0x[0-9a-fA-F]{40}/[0-9]{1,80}") {
            if let Ok(id) = text.parse::<WearableId>() {
                prop_assert_eq!(id.to_string(), text);
            }
        }

        #[test]
        fn no_text_makes_a_parser_panic(text in ".{0,300}") {
            let _ = (text.parse::<ChainId>(), text.parse::<AccountId>(), text.parse::<CollectionId>());
            let _ = (text.parse::<WearableId>(), text.parse::<TokenId>(), text.parse::<IssuerId>());
        }
    }
}
