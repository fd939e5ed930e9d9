//! SHA-256 digests and the content id (CID) that follows from one.

use std::{borrow::Cow, fmt, str::FromStr};

use alloy_primitives::B256;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};
use sha2::Digest as _;
use thiserror::Error;

use crate::ids::serde_as_text;

/// A SHA-256 digest, written `sha256:<64 lower-case hexadecimal digits>`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Sha256(pub [u8; 32]);

/// Why a text is not a digest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("a digest is written sha256: and 64 lower-case hexadecimal digits")]
pub struct DigestError;

impl DigestError {
    /// A name for the error that never changes, for machines.
    pub fn code(&self) -> &'static str {
        "malformed_digest"
    }
}

impl Sha256 {
    /// The digest of `bytes`.
    pub fn of(bytes: &[u8]) -> Self {
        Self(sha2::Sha256::digest(bytes).into())
    }

    /// The 64 hexadecimal digits without prefix.
    pub fn hex(&self) -> String {
        hex::encode(self.0)
    }

    /// Reads 64 lower-case hexadecimal digits without prefix.
    pub fn from_hex(digits: &str) -> Result<Self, DigestError> {
        let mut digest = [0; 32];
        if digits.bytes().any(|byte| byte.is_ascii_uppercase()) {
            return Err(DigestError);
        }
        hex::decode_to_slice(digits, &mut digest).map_err(|_| DigestError)?;
        Ok(Self(digest))
    }

    /// The digest as the chain's `bytes32`.
    pub fn b256(&self) -> B256 {
        B256::new(self.0)
    }
}

impl From<B256> for Sha256 {
    fn from(word: B256) -> Self {
        Self(word.0)
    }
}

impl fmt::Display for Sha256 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "sha256:{}", self.hex())
    }
}

impl fmt::Debug for Sha256 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for Sha256 {
    type Err = DigestError;

    fn from_str(text: &str) -> Result<Self, DigestError> {
        Self::from_hex(text.strip_prefix("sha256:").ok_or(DigestError)?)
    }
}

serde_as_text!(Sha256);

/// CID profile of files that are one block: the content id is CIDv1 `raw` of the SHA-256 of the bytes.
/// Under `unixfs-v1-2025` that is every file of at most 1 MiB.
pub const CID_PROFILE: &str = "unixfs-v1-2025";

/// The content id of bytes stored as a single raw block: CIDv1, `raw`, sha2-256, base32 (`bafkrei…`).
pub fn raw_cid(digest: &Sha256) -> String {
    let mut bytes = vec![0x01, 0x55, 0x12, 0x20];
    bytes.extend_from_slice(&digest.0);
    format!("b{}", base32(&bytes))
}

/// RFC 4648 base32, lower case, without padding: multibase `b`.
fn base32(bytes: &[u8]) -> String {
    const ALPHABET: &[u8; 32] = b"abcdefghijklmnopqrstuvwxyz234567";
    let mut text = String::with_capacity(bytes.len().div_ceil(5) * 8);
    for chunk in bytes.chunks(5) {
        let mut padded = [0u8; 8];
        padded[3..3 + chunk.len()].copy_from_slice(chunk);
        let bits = u64::from_be_bytes(padded);
        for index in 0..(chunk.len() * 8).div_ceil(5) {
            let five = (bits >> (35 - 5 * index)) & 31;
            text.push(char::from(ALPHABET[usize::try_from(five).expect("five bits")]));
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn hello_has_the_digest_and_cid_that_other_programs_give_it() {
        let digest = Sha256::of(b"hello");
        let hex = "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824";
        assert_eq!(digest.to_string(), format!("sha256:{hex}"));
        assert_eq!(
            raw_cid(&digest),
            "bafkreibm6jg3ux5qumhcn2b3flc3tyu6dmlb4xa7u5bf44yegnrjhc4yeq"
        );
    }

    #[test]
    fn malformed_digests_are_refused() {
        let hex = "ab".repeat(32);
        for text in [
            String::new(),
            hex.clone(),
            format!("sha256:{}", hex.to_uppercase()),
            format!("sha256:{hex}00"),
            format!("sha256:{}", &hex[1..]),
            format!("SHA256:{hex}"),
            format!("sha256:0x{}", &hex[2..]),
        ] {
            assert_eq!(text.parse::<Sha256>(), Err(DigestError), "{text}");
        }
    }

    proptest! {
        #[test]
        fn a_digest_survives_text(bytes: [u8; 32]) {
            prop_assert_eq!(Sha256(bytes).to_string().parse(), Ok(Sha256(bytes)));
        }

        #[test]
        fn no_text_makes_the_parser_panic(text in "(sha256:)?.{0,80}") {
            let _ = text.parse::<Sha256>();
        }
    }
}
