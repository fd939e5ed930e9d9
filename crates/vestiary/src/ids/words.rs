//! The spellings of addresses, 32-byte words and numbers, and serde for them.

use std::borrow::Cow;

use alloy_primitives::{Address, B256};
use serde::{Deserialize, Deserializer, Serializer};

use super::IdError;

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

/// `#[serde(with = "…")]` for a 64-bit number as a decimal string: JSON numbers end at 2^53.
pub mod serde_u64 {
    use super::{Cow, Deserialize, Deserializer, Serializer, parse_u64};
    use serde::de::Error as _;

    /// Writes the number in decimal.
    pub fn serialize<S: Serializer>(number: &u64, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(number)
    }

    /// Reads it, without sign or leading zeros.
    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u64, D::Error> {
        let text = Cow::<'de, str>::deserialize(deserializer)?;
        parse_u64(&text).map_err(D::Error::custom)
    }
}

/// `#[serde(with = "…")]` for 32 bytes of the chain as `0x` and 64 lower-case hexadecimal digits.
pub mod serde_b256 {
    use super::{B256, Cow, Deserialize, Deserializer, Serializer, parse_b256};
    use serde::de::Error as _;

    /// Writes the word in lower case.
    pub fn serialize<S: Serializer>(word: &B256, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(word)
    }

    /// Reads it, lower case only.
    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<B256, D::Error> {
        let text = Cow::<'de, str>::deserialize(deserializer)?;
        parse_b256(&text).map_err(D::Error::custom)
    }
}

/// Reads 32 bytes of the chain: `0x` and 64 lower-case hexadecimal digits.
pub fn parse_b256(text: &str) -> Result<B256, IdError> {
    let digits = text.strip_prefix("0x").ok_or(IdError::Word)?;
    if digits.len() != 64 || digits.bytes().any(|byte| byte.is_ascii_uppercase()) {
        return Err(IdError::Word);
    }
    digits.parse().map_err(|_| IdError::Word)
}

/// Reads a number of 64 bits: decimal digits without sign or leading zeros.
pub fn parse_u64(text: &str) -> Result<u64, IdError> {
    decimal_u64(text).ok_or(IdError::Number { what: "number" })
}

/// Digits without sign or leading zeros, at most `u64::MAX`.
pub(super) fn decimal_u64(text: &str) -> Option<u64> {
    is_decimal(text).then(|| text.parse().ok()).flatten()
}

pub(super) fn is_decimal(text: &str) -> bool {
    !text.is_empty()
        && text.bytes().all(|byte| byte.is_ascii_digit())
        && (text.len() == 1 || !text.starts_with('0'))
}
