//! How `eth_getProof` writes words and bytes (EIP-1474), each in one spelling: `0x`, and then hexadecimal digits, in
//! pairs for bytes, without leading zeros for numbers. Nodes differ in upper and lower case only.

use alloy_primitives::{Address, B256, Bytes, U256};
use serde::{Deserialize, Deserializer, de::Error as _};

/// Digits of a word that is written in full.
const WORD_DIGITS: usize = 64;

/// What stands behind `0x`, all of it hexadecimal digits.
fn digits(text: &str) -> Option<&str> {
    let digits = text.strip_prefix("0x")?;
    digits
        .bytes()
        .all(|digit| digit.is_ascii_hexdigit())
        .then_some(digits)
}

fn number(digits: &str) -> Option<U256> {
    let is_one = digits == "0" || !digits.starts_with('0') && (1..=WORD_DIGITS).contains(&digits.len());
    is_one.then(|| U256::from_str_radix(digits, 16).ok())?
}

fn bytes(digits: &str) -> Option<Bytes> {
    alloy_primitives::hex::decode(digits).ok().map(Bytes::from)
}

fn read<'de, D: Deserializer<'de>, T>(
    deserializer: D,
    what: &'static str,
    meaning: impl Fn(&str) -> Option<T>,
) -> Result<T, D::Error> {
    let text = String::deserialize(deserializer)?;
    digits(&text)
        .and_then(meaning)
        .ok_or_else(|| D::Error::custom(what))
}

/// A number of at most 256 bits.
pub(super) fn quantity<'de, D: Deserializer<'de>>(deserializer: D) -> Result<U256, D::Error> {
    read(
        deserializer,
        "a number is 0x and 1 to 64 digits without leading zeros",
        number,
    )
}

/// A number of at most 64 bits.
pub(super) fn short<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u64, D::Error> {
    let fits = |digits: &str| number(digits)?.try_into().ok();
    read(
        deserializer,
        "a number is 0x and 1 to 16 digits without leading zeros",
        fits,
    )
}

/// The name of a slot: nodes write it in full or as a number.
pub(super) fn slot<'de, D: Deserializer<'de>>(deserializer: D) -> Result<U256, D::Error> {
    let name = |digits: &str| match digits.len() {
        WORD_DIGITS => U256::from_str_radix(digits, 16).ok(),
        _ => number(digits),
    };
    read(deserializer, "a slot is 0x and 64 digits, or a number", name)
}

/// A hash.
pub(super) fn hash<'de, D: Deserializer<'de>>(deserializer: D) -> Result<B256, D::Error> {
    let hash = |digits: &str| B256::try_from(bytes(digits)?.as_ref()).ok();
    read(deserializer, "a hash is 0x and 64 digits", hash)
}

/// An account.
pub(super) fn account<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Address, D::Error> {
    let account = |digits: &str| Address::try_from(bytes(digits)?.as_ref()).ok();
    read(deserializer, "an address is 0x and 40 digits", account)
}

/// The nodes on the way to a value.
pub(super) fn nodes<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<Bytes>, D::Error> {
    let texts = Vec::<String>::deserialize(deserializer)?;
    let read = |text: &String| digits(text).and_then(bytes).filter(|node| !node.is_empty());
    let nodes: Option<Vec<Bytes>> = texts.iter().map(read).collect();
    nodes.ok_or_else(|| D::Error::custom("a node is 0x and pairs of digits"))
}
